//! The inventory of several Regions, read once and evaluated together.

use super::{Evidence, weigh};
use crate::domain::change::Change;
use crate::domain::id::{AccountRegion, BackupId, SourceId};
use crate::domain::point::ObservedBackup;
use crate::domain::state::{Dispute, State};
use crate::domain::tags::ORIGIN;
use crate::domain::time::Time;
use std::time::Duration;

/// Evaluates complete listings together, without a database. Copies come last, because they refer to backups.
#[must_use]
pub fn weigh_inventory(read: Vec<(AccountRegion, Vec<ObservedBackup>)>, now: Time) -> State {
    let mut state = State::new(Time::ZERO, now);
    let mut all_copies = Vec::new();
    for (place, observed_backups) in read {
        let (copies, backups): (Vec<_>, Vec<_>) =
            observed_backups.into_iter().partition(|observed| observed.tags.contains_key(ORIGIN));
        let taken_in = backups.into_iter().map(|backup| take_in(&mut state, &place, backup, now));
        let other_backups: Vec<_> = taken_in.flatten().collect();
        let (others, user_backups, began_at) = (Vec::new(), 0, Time::NEVER);
        let (took, pages) = (Duration::ZERO, 1);
        let listed =
            Change::Listed { place: place.clone(), began_at, took, pages, user_backups, others, other_backups };
        // A listing contradicts nothing.
        let _ = state.apply(&listed);
        all_copies.extend(copies.into_iter().map(|copy| (place.clone(), copy)));
    }
    for (place, copy) in all_copies {
        take_in(&mut state, &place, copy, now);
    }
    state
}

/// Takes in one backup or copy; returns its source if it is not ours.
fn take_in(
    state: &mut State,
    place: &AccountRegion,
    observed: ObservedBackup,
    now: Time,
) -> Option<(BackupId, SourceId)> {
    let id = observed.id.clone();
    let of = observed.volume.clone().or_else(|| observed.file_system.clone());
    let change = match weigh(state, place, None, observed, now) {
        Evidence::Ours(point) => Change::BackupObserved { point },
        Evidence::Objected { objection, claim, .. } => {
            let dispute = Some(Box::new(Dispute { objection, since: now, claim }));
            Change::Disputed { place: place.clone(), id: id.clone(), dispute }
        }
        Evidence::Others(_) => return of.map(|of| (id, of)),
    };
    let ours = matches!(change, Change::BackupObserved { .. });
    // Neither change can contradict the state.
    let _ = state.apply(&change);
    of.filter(|_| !ours).map(|of| (id, of))
}
