//! The result of planning a round: changes to record, calls to make, what waits and why, and when to plan again.

use super::action::Action;
use super::change::Change;
use super::id::{PolicyName, Region, SourceKey};
use super::time::Time;
use std::fmt;

/// The result of a round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Changes to apply and commit first.
    pub record: Vec<Change>,
    /// Calls to make after that.
    pub actions: Vec<Action>,
    /// Work that could not start, and why.
    pub waiting: Vec<Waiting>,
    /// The latest time for the next round.
    pub wake: Wake,
    /// Warnings, each logged once.
    pub warnings: Vec<String>,
    /// The plan only records changes: calls are planned once these are recorded.
    pub record_only: bool,
}

impl Plan {
    /// Ends the plan here; the rest is planned as soon as this is recorded.
    pub fn stop_after_record(&mut self, now: Time) {
        self.wake.earlier(now, "record first");
        self.record_only = true;
    }
}

/// When to plan again if nothing happens before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// The time.
    pub at: Time,
    /// What is due then.
    pub why: &'static str,
}

impl Default for Wake {
    fn default() -> Self {
        Self { at: Time::NEVER, why: "nothing" }
    }
}

impl Wake {
    /// Moves the wake to `at` if that is earlier.
    pub fn earlier(&mut self, at: Time, why: &'static str) {
        if at < self.at {
            *self = Self { at, why };
        }
    }
}

/// Work that cannot start yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The policy.
    pub policy: PolicyName,
    /// The source.
    pub source: SourceKey,
    /// The destination of a copy; `None` for a backup.
    pub destination: Option<Region>,
    /// The reason.
    pub reason: Reason,
    /// When it may continue, if known.
    pub until: Option<Time>,
    /// The reason in words.
    pub detail: String,
}

/// Why something waits: the label of `copies_waiting`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The lane is full.
    Slot,
    /// An earlier copy of the route, or backup of the source, is still in flight.
    InProgress,
    /// Backoff after a failure.
    Backoff,
    /// A response is outstanding.
    AwaitingResponse,
    /// The account and Region have not been listed yet, or must be listed again.
    Listing,
    /// The Region does not respond or refuses every call.
    Region,
    /// A refusal that only a person can resolve.
    NeedsPerson,
    /// The source lookup comes first.
    DescribeSource,
    /// The limit on concurrent calls is reached.
    CallLimit,
    /// A person paused the policy.
    Paused,
    /// The policy spreads its sources over a while.
    Spread,
}

impl Reason {
    /// The word used in metrics and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::InProgress => "in_progress",
            Self::Backoff => "backoff",
            Self::AwaitingResponse => "awaiting_response",
            Self::Listing => "listing",
            Self::Region => "region",
            Self::NeedsPerson => "needs_person",
            Self::DescribeSource => "describe_source",
            Self::CallLimit => "call_limit",
            Self::Paused => "paused",
            Self::Spread => "spread",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
