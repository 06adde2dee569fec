//! Where AWS keeps no further backup: what waits for that cannot go on, and all else must.

use super::View;
use lifeboat::domain::action::{Action, Call, Outcome};
use lifeboat::domain::fault::FaultClass;
use lifeboat::domain::id::{AccountRegion, SourceKey};
use lifeboat::domain::policy::Policy;
use lifeboat::sim::cloud::FileSystemType;
use std::collections::BTreeMap;

/// When there was last no room for a backup of a source at a place, by the quota as it was, or by what AWS answered.
#[derive(Default)]
pub(super) struct Quotas(BTreeMap<(AccountRegion, SourceKey), i64>);

impl Quotas {
    pub(super) fn inspected(&mut self, view: &View<'_>) {
        for policy in view.settings.policies.values() {
            for key in policy.source_keys() {
                let Some(kind) = kind_of(view, policy, &key) else { continue };
                let volume = key.source.is_volume().then(|| key.source.as_str());
                for region in policy.destinations.iter().map(|destination| &destination.region).chain([&policy.region])
                {
                    if !view.cloud.has_room_for(policy.account.as_str(), region.as_str(), kind, volume) {
                        let place = AccountRegion { account: policy.account.clone(), region: region.clone() };
                        self.0.insert((place, key.clone()), view.now_ms);
                    }
                }
            }
        }
    }

    /// There may have been none for so short a time that only a call met it.
    pub(super) fn delivered(&mut self, action: &Action, outcome: &Outcome, now_ms: i64) {
        if let (Call::Make { key, .. }, Outcome::Failed(fault)) = (&action.call, outcome)
            && fault.class == FaultClass::Quota
        {
            self.0.insert((action.place.clone(), key.source.clone()), now_ms);
        }
    }

    pub(super) fn full_since(&self, place: &AccountRegion, key: &SourceKey, since_ms: i64) -> bool {
        self.0.get(&(place.clone(), key.clone())).is_some_and(|at_ms| *at_ms >= since_ms)
    }
}

fn kind_of(view: &View<'_>, policy: &Policy, key: &SourceKey) -> Option<FileSystemType> {
    if key.source.is_volume() {
        return Some(FileSystemType::Ontap);
    }
    let (account, region) = (policy.account.as_str(), policy.region.as_str());
    view.cloud.find_file_system(account, region, key.source.as_str()).map(|found| found.kind)
}
