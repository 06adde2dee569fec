//! How old the newest recovery point is, against what was promised.
//!
//! Age counts from the creation time of the source backup, never from the copy's: a copy made today of last week's
//! backup is a week old.

use crate::domain::id::Target;
use crate::domain::policy::Policy;
use crate::domain::state::SourceState;
use crate::domain::time::Time;
use std::time::Duration;

/// A route without a promise comes after all that have one, oldest first.
const WITHOUT_PROMISE: Duration = Duration::from_secs(100 * 86_400);

/// When the route breaks its promise if nothing newer arrives; the past if it already has. A route that holds nothing
/// yet broke it long ago.
#[must_use]
pub fn deadline(policy: &Policy, source: &SourceState, target: &Target) -> Time {
    let rpo = match target {
        Target::Backup => policy.rpo,
        Target::Copy(region) => policy.rpo_in(region),
    };
    source.newest_taken_at(target).unwrap_or(Time::ZERO).plus(rpo.unwrap_or(WITHOUT_PROMISE))
}
