//! Promise 6, while another account answers: what is known stays known, whatever its silence seems to say.

use super::armed::Check;
use super::{Broken, View};
use lifeboat::domain::id::{AccountRegion, BackupId};
use lifeboat::domain::point::Lifecycle as Seen;
use lifeboat::domain::state::State;
use lifeboat::sim::cloud::{Backup, Lifecycle};

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
        self.known = known.map(|(place, id)| (place.clone(), id.clone())).collect();
    }

    /// Every few minutes of virtual time, while the process lives.
    pub(super) fn inspected(&self, view: &View<'_>) -> Result<(), Broken> {
        for (place, id) in &self.known {
            let found = view.cloud.find_backup(place.account.as_str(), place.region.as_str(), id.as_str());
            // What a person took our tags off is ours no longer, whoever answers.
            let ours = |backup: &Backup| backup.tags.contains_key("lifeboat:source");
            if found.is_none_or(|(_, backup)| backup.lifecycle != Lifecycle::Available || !ours(backup)) {
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
