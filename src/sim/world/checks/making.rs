//! Promises 2 and 3: nothing good is made twice, and nothing is asked for that is not on disk.

use super::super::super::cloud::{BackupIx, Cloud, Lifecycle, Principal};
use super::{Broken, View, Work, good, work_of};
use crate::domain::action::{Action, Call, Request};
use crate::domain::change::Change;
use crate::domain::id::WorkKey;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Making {
    seen: usize,
    by_work: BTreeMap<Work, Vec<BackupIx>>,
    intents: BTreeMap<WorkKey, Arc<Request>>,
    count: u64,
}

impl Making {
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Of one work there is never a second while the first is good and still carries our tags.
    pub(super) fn stepped(&mut self, cloud: &Cloud) -> Result<(), Broken> {
        if cloud.backups_made() == self.seen {
            return Ok(());
        }
        for (at, backup) in cloud.backups_since(self.seen).filter(|(_, backup)| backup.by == Principal::Caller) {
            let Some(work) = work_of(backup) else { continue };
            self.count += 1;
            let siblings = self.by_work.entry(work.clone()).or_default();
            let twin = siblings.iter().map(|at| cloud.backup(*at)).find(|twin| {
                good(twin) && work_of(twin).is_some_and(|known| known == work)
            });
            if let Some(twin) = twin {
                let what = format!("{} is {} and {} is made as well, for {work:?}", twin.id, twin.lifecycle.as_str(), backup.id);
                return Err(Broken::new("2", what));
            }
            siblings.push(at);
        }
        self.seen = cloud.backups_made();
        Ok(())
    }

    pub(super) fn committed(&mut self, change: &Change) {
        if let Change::Asked { key, request, .. } = change {
            self.intents.insert(key.clone(), request.clone());
        }
    }

    pub(super) fn database_lost(&mut self) {
        self.intents.clear();
    }

    pub(super) fn sent(&self, action: &Action, view: &View<'_>) -> Result<(), Broken> {
        let Call::Make { key, request } = &action.call else { return Ok(()) };
        if self.intents.get(key) != Some(request) {
            return Err(Broken::new("3", format!("{key} is called without an intent on disk")));
        }
        let Request::CopyBackup { backup, source_region, .. } = &**request else { return Ok(()) };
        let account = action.place.account.as_str();
        let found = view.cloud.find_backup(account, source_region.as_str(), backup.as_str());
        match found {
            // What is not there was deleted by a person a moment ago.
            Some((_, source)) if source.lifecycle != Lifecycle::Available => {
                let what = format!("{key}: {backup} is to be copied while it is {}", source.lifecycle.as_str());
                Err(Broken::new("2", what))
            }
            _ => Ok(()),
        }
    }
}
