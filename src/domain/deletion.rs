//! What will be deleted at AWS, what needs a person's confirmation first, and what a person holds.
//!
//! A deleted recovery point never comes back. So Lifeboat records a deletion as an intent, looks at the backup once
//! more at AWS right before it calls DeleteBackup, and a hold blocks the deletion from the moment it is requested.

use super::fault::Fault;
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

/// A planned deletion and its progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Why, for people.
    pub reason: String,
    /// A person confirmed it, so the brake does not count it.
    pub confirmed: bool,
    /// When that was decided.
    pub planned_at: Time,
    /// When DeleteBackup was last called; `None` before the first time.
    pub asked_at: Option<Time>,
    /// Refusals and lost answers in a row.
    pub failures: u32,
    /// Not again before.
    pub not_before: Time,
    /// What came back last.
    pub fault: Option<Fault>,
    /// When a look by id last showed it, in this process.
    pub inspected_at: Option<Time>,
}

impl Deletion {
    /// A new plan, not started.
    #[must_use]
    pub fn new(reason: String, confirmed: bool, planned_at: Time) -> Self {
        Self {
            reason,
            confirmed,
            planned_at,
            asked_at: None,
            failures: 0,
            not_before: Time::ZERO,
            fault: None,
            inspected_at: None,
        }
    }
}

/// A person's request to hold a point or to release it, until AWS's inventory shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRequest {
    /// The reason of the hold, which may be empty; `None` lifts it.
    pub hold: Option<String>,
    /// When it was requested.
    pub requested_at: Time,
    /// Refusals and lost answers in a row.
    pub failures: u32,
    /// Not again before.
    pub not_before: Time,
    /// What came back last.
    pub fault: Option<Fault>,
    /// The object's ARN, as AWS tells it, in this process.
    pub arn: Option<String>,
}

impl HoldRequest {
    /// A new request, not started.
    #[must_use]
    pub fn new(hold: Option<String>, requested_at: Time) -> Self {
        Self { hold, requested_at, failures: 0, not_before: Time::ZERO, fault: None, arn: None }
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
