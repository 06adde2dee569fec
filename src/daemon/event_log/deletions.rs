//! Log lines about deletions, holds and the deletion safeguard (the brake).

use crate::domain::change::Change;
use crate::domain::deletion::Brake;
use crate::domain::id::{AccountRegion, BackupId, SourceKey, Target};
use crate::domain::state::State;
use std::collections::BTreeMap;
use tracing::{Level, debug, error, info};

/// One line about one object at AWS.
macro_rules! object {
    ($level:expr, $state:expr, $place:expr, $id:expr, $event:literal, $($fields:tt)*) => {{
        let (place, id): (&AccountRegion, &BackupId) = ($place, $id);
        let point = $state.point(place, id);
        let source = point.map_or("-", |point| point.source.as_str());
        tracing::event!($level, event = $event, account = %place.account, region = %place.region, source, backup = %id,
            $($fields)*)
    }};
}

/// Logs the meaning of a change before it is applied.
pub(super) fn before(state: &State, change: &Change) {
    match change {
        Change::DeletionPlanned { place, id, reason, .. } => {
            object!(Level::INFO, state, place, id, "condemned", reason, "will be deleted");
        }
        Change::DeletionCancelled { place, id, reason } => {
            object!(Level::INFO, state, place, id, "spared", reason, "will not be deleted after all");
        }
        Change::DeletionRequested { place, id, .. } => {
            object!(Level::DEBUG, state, place, id, "delete_asked", "asking AWS to delete");
        }
        Change::DeletionFailed { place, id, fault, .. } => {
            let before = state.deletions.get(&(place.clone(), id.clone())).and_then(|known| known.fault.as_ref());
            let said = before.is_some_and(|before| before.class == fault.class && before.code == fault.code);
            let (code, cause) = (fault.code.as_str(), fault.message.as_str());
            if !said && fault.class.needs_a_person() {
                object!(
                    Level::ERROR,
                    state,
                    place,
                    id,
                    "delete_refused",
                    code,
                    cause,
                    "not deleted, and waiting will not mend it; tried again hourly and on reload"
                );
            } else {
                object!(Level::DEBUG, state, place, id, "delete_refused", code, cause, "not deleted yet");
            }
        }
        Change::Reviewed { source, braked, .. } => brakes(state, source, braked),
        _ => hold(state, change),
    }
}

fn hold(state: &State, change: &Change) {
    match change {
        Change::HoldRequested { place, id, hold, .. } => match hold {
            Some(reason) => object!(Level::INFO, state, place, id, "hold", reason, "held by a person"),
            None => object!(Level::INFO, state, place, id, "release", "confirmed by a person"),
        },
        Change::HoldTried { place, id, fault: Some(fault), .. } => {
            let (code, cause) = (fault.code.as_str(), fault.message.as_str());
            let before = state
                .hold_requests
                .get(&(place.clone(), id.clone()))
                .and_then(|hold_request| hold_request.fault.as_ref());
            if fault.class.needs_a_person() && before.is_none_or(|before| before.code != fault.code) {
                object!(
                    Level::ERROR,
                    state,
                    place,
                    id,
                    "hold_refused",
                    code,
                    cause,
                    "AWS does not let the hold be changed; it stands in the database alone"
                );
            } else {
                object!(Level::DEBUG, state, place, id, "hold_refused", code, cause, "will be tried again");
            }
        }
        Change::HoldConfirmed { place, id } => {
            object!(Level::INFO, state, place, id, "hold_stands", "AWS shows the hold as requested");
        }
        _ => {}
    }
}

fn brakes(state: &State, source: &SourceKey, braked: &BTreeMap<Target, Brake>) {
    for (target, brake) in braked {
        let before = state.braked.get(&(source.clone(), target.clone()));
        if before == Some(brake) {
            continue;
        }
        let (account, id, destination) = (&source.account, &source.source, target.destination());
        let (points, held) = (brake.points.len(), brake.held);
        if before.is_none() {
            error!(event = "braked", %account, source = %id, destination, points, held,
                "retention would delete more within a day than is allowed without a person: `lifeboat plan` shows what, \
                 `lifeboat reload --confirm-deletions` confirms it");
        } else {
            debug!(event = "braked", %account, source = %id, destination, points, held, "the brake holds");
        }
    }
    let released = |(key, target): &&(SourceKey, Target)| key == source && !braked.contains_key(target);
    for (_, target) in state.braked.keys().filter(released) {
        info!(event = "brake_off", account = %source.account, source = %source.source, destination = target.destination(),
            "the brake is off");
    }
}

/// Logs the deletion of an object; returns whether Lifeboat deleted it.
pub(super) fn done(state: &State, place: &AccountRegion, id: &BackupId) -> bool {
    let Some(deletion) = state.deletions.get(&(place.clone(), id.clone())) else { return false };
    let reason = deletion.reason.as_str();
    object!(Level::INFO, state, place, id, "deleted", reason, "deleted");
    true
}
