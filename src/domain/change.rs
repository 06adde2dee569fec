//! What happened: the only way in which [`State`](super::state::State) moves.
//!
//! A change is either durable (the store writes it, in the same transaction as the others of its round) or a fact
//! about this moment that the next start finds out anew. [`Change::durable`] says which.

use super::action::{CallKey, Request, SourceFacts};
use super::fault::Fault;
use super::id::{
    AccountName, BackupId, Occurrence, Place, PolicyName, Region, SourceId, SourceKey, Target, Trigger, WorkKey,
};
use super::lane::Lane;
use super::note::Note;
use super::point::Point;
use super::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How an occurrence ended (promise 5), worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
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

impl End {
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

    /// Reads [`End::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.as_str() == text)
    }
}

/// A counter that survives restarts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Total {
    /// `occurrences_total`.
    Occurrences(PolicyName, End),
    /// `backups_total`: became AVAILABLE (`true`) or FAILED.
    Backups(PolicyName, bool),
    /// `copies_total`: became AVAILABLE (`true`) or FAILED, in a Region.
    Copies(PolicyName, Region, bool),
}

/// An occurrence's record, from its opening on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The policy that fired; informative.
    pub policy: PolicyName,
    /// When it was recorded.
    pub opened_at: Time,
    /// It came due while the daemon was not running, so `start_within` does not bind it.
    pub caught_up: bool,
    /// It was found at AWS rather than opened by this database.
    pub adopted: bool,
}

impl Opening {
    /// Whether scheduled occurrences up to this one are dealt with. Not by one that lies ahead: AWS shows what a clock
    /// made that was wrong.
    #[must_use]
    pub fn moves_cursor(&self, occurrence: Occurrence) -> bool {
        occurrence.trigger == Trigger::Schedule && occurrence.at <= self.opened_at
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A policy names this source (anew, under another name, or with other destinations).
    Watched {
        /// Which.
        source: SourceKey,
        /// Where it is.
        region: Region,
        /// By which policy.
        policy: PolicyName,
        /// Its routes.
        destinations: Vec<Region>,
        /// Occurrences count from here, unless AWS shows that it was protected before.
        since: Time,
    },
    /// No policy names this source any more.
    Left {
        /// Which.
        source: SourceKey,
    },
    /// An occurrence came due or was found at AWS.
    Opened {
        /// Whose.
        source: SourceKey,
        /// Which.
        occurrence: Occurrence,
        /// Its record.
        opening: Opening,
    },
    /// An occurrence ended; it need not have been opened before.
    Closed {
        /// Whose.
        source: SourceKey,
        /// Which.
        occurrence: Occurrence,
        /// Its record.
        opening: Opening,
        /// How.
        end: End,
        /// Why, for people.
        reason: String,
        /// When.
        at: Time,
        /// How many earlier occurrences this record stands for as well, after an outage too long to list each.
        earlier: u64,
    },
    /// Intent: this will be asked for now. Committed before the call.
    Asked {
        /// What for.
        key: WorkKey,
        /// Which attempt.
        attempt: u32,
        /// The whole request.
        request: Arc<Request>,
        /// When.
        at: Time,
    },
    /// An ask was refused, or got no answer.
    Unfulfilled {
        /// What for.
        key: WorkKey,
        /// What came back.
        fault: Fault,
        /// AWS surely made nothing: the ask is withdrawn.
        definite: bool,
        /// Not again before.
        not_before: Time,
    },
    /// AWS's books prove that nothing was made: the ask is withdrawn.
    Disproved {
        /// What for.
        key: WorkKey,
    },
    /// A reload, or an hour: what was refused for good may be asked again now.
    Retriable {
        /// What for.
        key: WorkKey,
    },
    /// A backup or copy of ours in AWS's books, new or moved on. Fulfils an ask for it.
    Seen {
        /// As it stands now.
        point: Box<Point>,
    },
    /// A backup or copy of ours is no longer in AWS's books.
    Gone {
        /// Where.
        place: Place,
        /// Which.
        id: BackupId,
        /// When that was seen.
        at: Time,
    },
    /// A complete listing did not show it, or (`None`) it was seen again.
    Suspected {
        /// Where.
        place: Place,
        /// Which.
        id: BackupId,
        /// Since when its existence is in doubt.
        suspected: Option<Time>,
    },
    /// Counts one up.
    Counted(Total),
    /// Something is kept for people.
    Noted(Note),
    /// A complete listing of a place ended.
    Listed {
        /// Where.
        place: Place,
        /// When its first page was asked for.
        began_at: Time,
        /// What it cost.
        pages: u32,
        /// Backups that count towards the quota of user backups.
        user_backups: u64,
        /// Copies in flight that are not ours, with their lanes.
        others: Vec<(BackupId, Vec<Lane>)>,
    },
    /// AWS's books at a place were read.
    PlaceSeen {
        /// Where.
        place: Place,
        /// When.
        at: Time,
    },

    /// A call leaves.
    Sent {
        /// Where to.
        place: Place,
        /// Which.
        call: CallKey,
        /// When.
        at: Time,
    },
    /// A call came back, one way or the other.
    Returned {
        /// Where from.
        place: Place,
        /// Which.
        call: CallKey,
        /// The fault, if it is the place's rather than the call's.
        fault: Option<Fault>,
        /// When.
        at: Time,
    },
    /// The first page of a listing is asked for.
    ListingBegan {
        /// Where.
        place: Place,
        /// When.
        at: Time,
    },
    /// A page of a listing came; more follow.
    ListingPage {
        /// Where.
        place: Place,
        /// What it showed.
        page: ListingPage,
        /// Where the next begins.
        next_token: String,
    },
    /// A page failed: again, from `next_token`, not before.
    ListingStalled {
        /// Where.
        place: Place,
        /// Not again before.
        not_before: Time,
        /// Begin anew with the first page.
        restart: bool,
    },
    /// A listing is wanted, begun at or after this time.
    ListingWanted {
        /// Where.
        place: Place,
        /// Begun not before.
        at: Time,
    },
    /// The ids are to be looked at next at this time, at most so many in one call.
    LookAgain {
        /// Where.
        place: Place,
        /// Which.
        ids: Vec<BackupId>,
        /// When.
        at: Time,
        /// At most so many in one call from now on, since a batch with them was refused; 0 lifts the bound, `None`
        /// leaves it.
        batch: Option<usize>,
    },
    /// A copy of somebody else ended or vanished.
    OtherEnded {
        /// Where.
        place: Place,
        /// Which.
        id: BackupId,
    },
    /// A look-up of sources leaves; they are not looked up again before.
    LookUpSent {
        /// In which account.
        account: AccountName,
        /// Which.
        ids: Vec<SourceId>,
        /// Not before.
        until: Time,
    },
    /// A source was looked up.
    LookedUp {
        /// In which account.
        account: AccountName,
        /// What AWS says.
        facts: Box<SourceFacts>,
        /// When that was asked.
        at: Time,
    },
    /// A look-up of a source failed.
    LookUpFailed {
        /// Which.
        source: SourceKey,
        /// How.
        fault: Fault,
        /// When that was asked.
        at: Time,
        /// Not again before.
        not_before: Time,
        /// A batch of this size failed because one id in it is unknown.
        batch: Option<usize>,
    },
    /// Sources and policy were brought together for this generation of the settings.
    Synced {
        /// [`Settings::generation`](super::policy::Settings::generation).
        generation: u64,
    },
    /// All occurrences of a policy up to this time are recorded.
    Checked {
        /// Which policy.
        policy: PolicyName,
        /// Up to here.
        through: Time,
    },
    /// A backup or copy took this long.
    Timed {
        /// Backup, or copy to where.
        target: Target,
        /// From creation to the moment it was seen AVAILABLE.
        took: Duration,
    },
    /// The wall clock went back: times in the future mean nothing any more, and occurrences that it put on record more
    /// than [`AHEAD_TOLERATED`](super::state::AHEAD_TOLERATED) ahead will come due once more.
    ClockWentBack {
        /// To here.
        to: Time,
    },
}

/// What one page of a listing showed, beside what was ours and taken in at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListingPage {
    /// Ours, by id.
    pub ours: BTreeSet<BackupId>,
    /// Occurrences whose backups were not known before.
    pub learned: BTreeSet<(Occurrence, SourceKey)>,
    /// Copies in flight that are not ours.
    pub others: Vec<(BackupId, Vec<Lane>)>,
    /// Backups that count towards the quota.
    pub user_backups: u64,
}

impl Change {
    /// Whether the store keeps it.
    #[must_use]
    pub fn durable(&self) -> bool {
        match self {
            Self::Watched { .. }
            | Self::Left { .. }
            | Self::Opened { .. }
            | Self::Closed { .. }
            | Self::Asked { .. }
            | Self::Unfulfilled { .. }
            | Self::Disproved { .. }
            | Self::Retriable { .. }
            | Self::Seen { .. }
            | Self::Gone { .. }
            | Self::Counted(_)
            | Self::Noted(_)
            | Self::ClockWentBack { .. }
            | Self::Listed { .. } => true,
            Self::Suspected { .. }
            | Self::PlaceSeen { .. }
            | Self::Sent { .. }
            | Self::Returned { .. }
            | Self::ListingBegan { .. }
            | Self::ListingPage { .. }
            | Self::ListingStalled { .. }
            | Self::ListingWanted { .. }
            | Self::LookAgain { .. }
            | Self::OtherEnded { .. }
            | Self::LookUpSent { .. }
            | Self::LookedUp { .. }
            | Self::LookUpFailed { .. }
            | Self::Timed { .. }
            | Self::Synced { .. }
            | Self::Checked { .. } => false,
        }
    }

    /// The source whose route is set aside if the change is illegal.
    #[must_use]
    pub fn source(&self) -> Option<SourceKey> {
        match self {
            Self::Watched { source, .. }
            | Self::Left { source }
            | Self::Opened { source, .. }
            | Self::Closed { source, .. }
            | Self::LookUpFailed { source, .. } => Some(source.clone()),
            Self::Asked { key, .. }
            | Self::Unfulfilled { key, .. }
            | Self::Disproved { key }
            | Self::Retriable { key } => Some(key.source.clone()),
            Self::Seen { point } => Some(point.source_key()),
            _ => None,
        }
    }
}

/// A change that cannot be: a fault of the program, of the database or of AWS's books. It is refused and shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct IllegalChange {
    /// What is wrong with it, naming the object.
    pub what: String,
}
