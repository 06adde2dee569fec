//! The record of an occurrence from its opening to its end, and the counters that it increments.

use super::id::{Occurrence, PolicyName, Region, Trigger};
use super::time::Time;
use serde::{Deserialize, Serialize};

/// How an occurrence ended (promise 5), worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OccurrenceOutcome {
    /// The backup and every copy are AVAILABLE.
    Completed,
    /// The policy was paused, or the source left it.
    Skipped,
    /// A newer occurrence took its place, or a copy's.
    Coalesced,
    /// It did not begin in time.
    Missed,
    /// Its backup or a copy was given up.
    Failed,
}

impl OccurrenceOutcome {
    /// Every outcome, best first.
    pub const ALL: [Self; 5] = [Self::Completed, Self::Skipped, Self::Coalesced, Self::Missed, Self::Failed];

    /// The name used in the database, history and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Skipped => "skipped",
            Self::Coalesced => "coalesced",
            Self::Missed => "missed",
            Self::Failed => "failed",
        }
    }

    /// Reads [`OccurrenceOutcome::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.as_str() == text)
    }
}

/// A counter that survives restarts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Counter {
    /// `occurrences_total`.
    Occurrences(PolicyName, OccurrenceOutcome),
    /// `backups_total`: became AVAILABLE (`true`) or FAILED.
    Backups(PolicyName, bool),
    /// `copies_total`: became AVAILABLE (`true`) or FAILED, in a Region.
    Copies(PolicyName, Region, bool),
    /// `deletions_total`: deleted (`true`) or refused, in a Region.
    Deletions(PolicyName, Region, bool),
}

/// The record of an occurrence from its opening on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OccurrenceRecord {
    /// The policy that fired; informative only.
    pub policy: PolicyName,
    /// When it was recorded.
    pub opened_at: Time,
    /// It came due while the daemon was not running, so `start_within` does not apply.
    pub caught_up: bool,
    /// It was found at AWS, not opened by this database.
    pub adopted: bool,
}

impl OccurrenceRecord {
    /// Whether this shows that scheduled occurrences up to this one are dealt with. An occurrence in the future does
    /// not: it stems from a wrong clock.
    #[must_use]
    pub fn moves_cursor(&self, occurrence: Occurrence) -> bool {
        occurrence.trigger == Trigger::Schedule && occurrence.at <= self.opened_at
    }

    /// The same when it ends. A clock that was set back and corrected meanwhile may have moved the cursor before it;
    /// while the clock is back, the occurrence is in the future.
    #[must_use]
    pub fn moves_cursor_at_end(&self, occurrence: Occurrence, at: Time) -> bool {
        self.moves_cursor(occurrence) && occurrence.at <= at
    }
}
