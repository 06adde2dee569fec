//! Promises 2 and 3: nothing is requested that is not on disk, and no copy of a backup that is not AVAILABLE.

use super::armed::Check;
use super::{Broken, View};
use lifeboat::domain::action::{Action, Call, Request};
use lifeboat::domain::change::Change;
use lifeboat::domain::id::{AccountRegion, BackupId, Target, WorkKey};
use lifeboat::domain::policy::Policy;
use lifeboat::sim::cloud::Lifecycle;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A copy is asked for under the key that the policy names at that time; a repeat is as it was.
fn under_its_key(key: &WorkKey, request: &Request, view: &View<'_>) -> Result<(), Broken> {
    let (Request::CopyBackup { kms_key, .. }, Target::Copy(region)) = (request, &key.target) else { return Ok(()) };
    let named = |policy: &&Policy| policy.source_keys().any(|named| named == key.source);
    let policy = view.settings.policies.values().find(named);
    let Some(destination) = policy.and_then(|policy| policy.destination(region)) else { return Ok(()) };
    view.armed.count(Check::UnderItsKey);
    if destination.kms_key != *kms_key {
        let what = format!("{key} is asked for under {kms_key:?}, and its policy names {:?}", destination.kms_key);
        return Err(Check::UnderItsKey.broken(what));
    }
    Ok(())
}

#[derive(Default)]
pub(super) struct Making {
    intents: BTreeMap<WorkKey, Arc<Request>>,
    /// Deletions that are on disk, and not called yet.
    deletion_planned: BTreeSet<(AccountRegion, BackupId)>,
}

impl Making {
    pub(super) fn committed(&mut self, change: &Change, view: &View<'_>) -> Result<(), Broken> {
        if let Change::RequestRecorded { key, request, .. } = change {
            let again = self.intents.insert(key.clone(), request.clone()).is_some_and(|before| before == *request);
            if !again {
                under_its_key(key, request, view)?;
            }
        }
        if let Change::DeletionRequested { place, id, .. } = change {
            self.deletion_planned.insert((place.clone(), id.clone()));
        }
        Ok(())
    }

    /// Whether what was last asked for this work is a copy of that backup.
    pub(super) fn copies_from(&self, key: &WorkKey, id: &str) -> bool {
        let request = self.intents.get(key).map(|request| &**request);
        matches!(request, Some(Request::CopyBackup { backup, .. }) if backup.as_str() == id)
    }

    pub(super) fn database_lost(&mut self) {
        self.intents.clear();
        self.deletion_planned.clear();
    }

    pub(super) fn sent(&mut self, action: &Action, view: &View<'_>) -> Result<(), Broken> {
        if let Call::Delete { id, .. } = &action.call {
            view.armed.count(Check::DeletionOnDisk);
            if !self.deletion_planned.remove(&(action.place.clone(), id.clone())) {
                return Err(Check::DeletionOnDisk.broken(format!("{id} is deleted without an intent on disk")));
            }
        }
        let Call::Make { key, request } = &action.call else { return Ok(()) };
        view.armed.count(Check::MakeOnDisk);
        if self.intents.get(key) != Some(request) {
            return Err(Check::MakeOnDisk.broken(format!("{key} is called without an intent on disk")));
        }
        let Request::CopyBackup { backup, source_region, .. } = &**request else { return Ok(()) };
        let account = action.place.account.as_str();
        let found = view.cloud.find_backup(account, source_region.as_str(), backup.as_str());
        if found.is_some() {
            view.armed.count(Check::CopiesWhatIsDone);
        }
        match found {
            // What is not there was deleted by a person a moment ago.
            Some((_, source)) if source.lifecycle != Lifecycle::Available => {
                let what = format!("{key}: {backup} is to be copied while it is {}", source.lifecycle.as_str());
                Err(Check::CopiesWhatIsDone.broken(what))
            }
            _ => Ok(()),
        }
    }
}
