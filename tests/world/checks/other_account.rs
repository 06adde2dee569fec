//! Promise 6, while another account answers: what is known stays known, whatever its silence seems to say.

use super::armed::Check;
use super::{Broken, View};
use lifeboat::domain::id::{AccountRegion, BackupId};
use lifeboat::domain::point::Lifecycle as Seen;
use lifeboat::domain::state::State;
use lifeboat::sim::cloud::Lifecycle;

/// What was known when another account began to answer; empty while the right one does.
#[derive(Default)]
pub(super) struct OtherAccount {
    known: Vec<(AccountRegion, BackupId)>,
}

impl OtherAccount {
    /// Another account answers from now on (`state` is what the process knows, if it lives), or the right one again.
    pub(super) fn answers(&mut self, other: bool, state: Option<&State>) {
        let places = state.filter(|_| other).into_iter().flat_map(|state| &state.places);
        let known = places.flat_map(|(place, known)| known.points.keys().map(move |id| (place, id)));
        // What was in doubt before, such as a backup whose tags a person removed, may go on the doubts of before.
        let certain = known.filter(|(place, id)| {
            let point = state.and_then(|state| state.point(place, id));
            point.is_some_and(|point| point.remarks.missing_since.is_none())
        });
        self.known = certain.map(|(place, id)| (place.clone(), id.clone())).collect();
    }

    /// Every few minutes of virtual time, while the process lives.
    pub(super) fn inspected(&self, view: &View<'_>) -> Result<(), Broken> {
        for (place, id) in &self.known {
            let found = view.cloud.find_backup(place.account.as_str(), place.region.as_str(), id.as_str());
            if found.is_none_or(|(_, backup)| backup.lifecycle != Lifecycle::Available) {
                continue;
            }
            view.armed.count(Check::NotByAnother);
            if view.state.point(place, id).is_none_or(|point| point.lifecycle == Seen::Deleted) {
                let what = format!("{id} in {place} is no longer known since another account answers");
                return Err(Check::NotByAnother.broken(what));
            }
        }
        Ok(())
    }
}
