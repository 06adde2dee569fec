//! The record of an occurrence from when it opens until it ends, and the counters it moves.

use super::id::{Occurrence, PolicyName, Region, Trigger};
use super::time::Time;
use serde::{Deserialize, Serialize};

/// How an occurrence ended (promise 5), worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OccurrenceOutcome {
    /// Backup and every copy AVAILABLE.
    Completed,
    /// Paused, or the source left the policy.
    Skipped,
    /// A newer one took its place, or a copy's.
    Coalesced,
    /// Never begun in time.
    Missed,
    /// Its backup or a copy was given up.
    Failed,
}

impl OccurrenceOutcome {
    /// Every outcome, best first.
    pub const ALL: [Self; 5] = [Self::Completed, Self::Skipped, Self::Coalesced, Self::Missed, Self::Failed];

    /// The word used in the database, history and metrics.
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

/// An occurrence's record, from its opening on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OccurrenceRecord {
    /// The policy that fired; informative.
    pub policy: PolicyName,
    /// When it was recorded.
    pub opened_at: Time,
    /// It came due while the daemon was not running, so `start_within` does not bind it.
    pub caught_up: bool,
    /// It was found at AWS rather than opened by this database.
    pub adopted: bool,
}

impl OccurrenceRecord {
    /// Whether scheduled occurrences up to this one are dealt with. Not by one that lies ahead: AWS shows what a clock
    /// made that was wrong.
    #[must_use]
    pub fn moves_cursor(&self, occurrence: Occurrence) -> bool {
        occurrence.trigger == Trigger::Schedule && occurrence.at <= self.opened_at
    }

    /// The same as it ends. A clock that was set back and right again meanwhile may have moved the cursor before it; while
    /// the clock is back, the occurrence lies ahead.
    #[must_use]
    pub fn moves_cursor_at_end(&self, occurrence: Occurrence, at: Time) -> bool {
        self.moves_cursor(occurrence) && occurrence.at <= at
    }
}
