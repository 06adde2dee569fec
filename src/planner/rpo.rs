//! The age of the newest recovery point, compared with the RPO.
//!
//! The age counts from the creation time of the source backup, never from the copy's: a copy made today of last week's
//! backup is a week old.

use crate::domain::id::Target;
use crate::domain::policy::Policy;
use std::time::Duration;

/// The RPO of a backup or a copy; `None` if there is none.
#[must_use]
pub fn rpo_for(policy: &Policy, target: &Target) -> Option<Duration> {
    match target {
        Target::Backup => policy.rpo,
        Target::Copy(region) => policy.rpo_in(region),
    }
}
