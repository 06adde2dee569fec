//! AWS's time outranks the host's clock: nothing is decided by a wrong time.

use super::armed::Check;
use super::{Broken, View};
use lifeboat::domain::change::Change;
use lifeboat::domain::id::Trigger;

/// A clock may be off by so much and be believed, with what an answer was under way.
const TOLERATED_MS: i64 = 6 * 60_000;

pub(super) fn committed(change: &Change, view: &View<'_>) -> Result<(), Broken> {
    let off_ms = view.host_now.millis() - view.now_ms;
    if off_ms.abs() <= TOLERATED_MS {
        return Ok(());
    }
    view.armed.count(Check::NotByAWrongClock);
    let decided = match change {
        Change::Opened { occurrence, record, .. } if !record.adopted && occurrence.trigger == Trigger::Schedule => {
            "opened"
        }
        Change::Closed { record, .. } if !record.adopted => "ended",
        Change::DeletionPlanned { .. } => "deleted",
        Change::SourceDeparted { .. } => "forgotten",
        _ => return Ok(()),
    };
    let what = format!("something is {decided} while the time is off by {off_ms} ms: {change:?}");
    Err(Check::NotByAWrongClock.broken(what))
}
