//! What will be deleted at AWS, what needs a person's confirmation first, and what a person holds.
//!
//! A deleted recovery point never comes back. So Lifeboat records a deletion as an intent, looks at the backup once
//! more at AWS right before it calls DeleteBackup, and a hold blocks the deletion from the moment it is requested.

pub use super::intent::{Deletion, HoldRequest};

use super::id::BackupId;
use super::point::RecoveryPoint;
use super::time::Time;
use std::time::Duration;

/// How long the brake counts a deletion.
pub const LOSSES_COUNT_FOR: Duration = Duration::from_secs(86_400);

/// A recovery point that Lifeboat deleted without a person's confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// When that was decided.
    pub lost_at: Time,
    /// When it had become a recovery point.
    pub came_at: Time,
}

impl Loss {
    /// When this became a recovery point. Of what was found at AWS as one, it is when it was made.
    #[must_use]
    pub fn came_at(point: &RecoveryPoint) -> Time {
        point.settled_at.unwrap_or(point.created_at)
    }
}

/// More deletions than the brake allows for one route in 24 hours: they wait for `lifeboat reload --confirm-deletions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brake {
    /// What would be deleted, oldest first, each with its reason.
    pub points: Vec<(BackupId, String)>,
    /// Recovery points of the route, these among them.
    pub held: usize,
    /// The most that it held at one moment of the last 24 hours, without deletions that a person confirmed.
    pub most: usize,
}
