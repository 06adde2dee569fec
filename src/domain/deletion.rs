//! Planned deletions, deletions that wait for confirmation, and holds.
//!
//! A deleted recovery point cannot be recovered. So Lifeboat records a deletion as an intent, describes the backup once
//! more right before it calls DeleteBackup, and a hold blocks the deletion from the moment it is requested.

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
    /// When the deletion was decided.
    pub lost_at: Time,
    /// When it became a recovery point.
    pub came_at: Time,
}

impl Loss {
    /// When this became a recovery point; for one found at AWS, its creation time.
    #[must_use]
    pub fn came_at(point: &RecoveryPoint) -> Time {
        point.settled_at.unwrap_or(point.created_at)
    }
}

/// More deletions than the brake allows for one route in 24 hours: they wait for `lifeboat reload --confirm-deletions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brake {
    /// The points that would be deleted, oldest first, each with its reason.
    pub points: Vec<(BackupId, String)>,
    /// The number of recovery points of the route, including these.
    pub held: usize,
    /// The highest number it held at any moment of the last 24 hours, less deletions that a person confirmed.
    pub most: usize,
}
