//! Persistence of the state across calls and across restarts of the process.
//!
//! A call to AWS cannot be undone, so the intent has to be on disk before the call is sent. The state in memory and the
//! store are modified by the same [`Change`]s; the store keeps the durable ones, all those of a round in one
//! transaction.

pub mod rows;
pub mod sqlite;

pub use sqlite::{FileStanding, Opened, Renewed};

use crate::domain::change::{Change, OccurrenceOutcome};
use crate::domain::id::{BackupId, Occurrence, PolicyName, Region, SourceId, SourceKey, Target};
use crate::domain::state::State;
use crate::domain::time::Time;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The store of this build. Another kind would be another arm in [`open`] and [`read`]; no code outside this module
/// names one.
pub type Database = sqlite::SqliteStore;

/// Opens or creates the database that `[daemon] state` names. An unreadable file is moved aside and replaced by a new
/// one.
///
/// # Errors
/// Another process has it open, or nothing can be written there.
pub async fn open(location: &Path, now: Time) -> Result<Opened, StoreError> {
    Database::open_or_renew(location, now).await
}

/// Opens the database read-only, also while a daemon has it open.
///
/// # Errors
/// There is no database, or it cannot be read.
pub async fn read(location: &Path) -> Result<Database, StoreError> {
    Database::read(location).await
}

/// Reads the whole file and checks its integrity.
///
/// # Errors
/// It is damaged or cannot be read.
pub async fn check_integrity(location: &Path) -> Result<(), StoreProblem> {
    sqlite::check_integrity(location).await
}

/// A store of the state.
pub trait Store: Send {
    /// The stored state, for a process that starts at `started_at`.
    ///
    /// # Errors
    /// The store cannot be read; nothing is lost.
    fn load(&mut self, started_at: Time) -> impl Future<Output = Result<State, StoreError>> + Send;

    /// Stores the durable changes among these, all or none. When it returns they survive a power failure.
    ///
    /// # Errors
    /// None of them is stored; the caller may try again.
    fn commit(&mut self, changes: &[Change]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The history of occurrences, in the order of [`Mark`].
    ///
    /// # Errors
    /// The store cannot be read.
    fn history(&mut self, query: &HistoryQuery) -> impl Future<Output = Result<Vec<HistoryEntry>, StoreError>> + Send;

    /// Calls `visit` with the record of each route that had an RPO in a period, by account, source and destination. No
    /// more than one route is in memory at a time.
    ///
    /// # Errors
    /// The store cannot be read; some routes may have been visited.
    fn routes(
        &mut self,
        query: &RouteQuery,
        visit: &mut (dyn FnMut(RouteRecord) + Send),
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Aggregates old history and deletes older history, neither of which affects a decision. One call is a small step,
    /// short enough for the loop. Returns whether there is more to do.
    ///
    /// # Errors
    /// Nothing was removed.
    fn forget(&mut self, horizon: &Horizon) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// How much history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Before this, occurrences are aggregated per day, and deletions are dropped.
    pub coarse_before: Time,
    /// Before this, nothing is kept.
    pub forgotten_before: Time,
}

/// Which part of the history to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only entries at or after this time (see [`HistoryEntry::lies_at`]).
    pub since: Option<Time>,
    /// Only entries before this time.
    pub until: Option<Time>,
    /// Only this policy's.
    pub policy: Option<PolicyName>,
    /// Only this source's, in any account.
    pub source: Option<SourceId>,
    /// Only this status.
    pub became: Option<OccurrenceStatus>,
    /// Only entries after this one: requests the next page.
    pub after: Option<Mark>,
    /// Maximum number of entries.
    pub limit: u32,
}

/// The status of an occurrence, or of a backup or copy that was made for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OccurrenceStatus {
    /// The occurrence has not ended.
    Open,
    /// The occurrence ended.
    Ended(OccurrenceOutcome),
    /// A backup or copy made for it was removed from AWS's inventory.
    Deleted,
}

impl OccurrenceStatus {
    /// All statuses, in the order in which they are documented.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Ended(OccurrenceOutcome::Completed),
        Self::Ended(OccurrenceOutcome::Skipped),
        Self::Ended(OccurrenceOutcome::Coalesced),
        Self::Ended(OccurrenceOutcome::Missed),
        Self::Ended(OccurrenceOutcome::Failed),
        Self::Deleted,
    ];

    /// The name used in queries and responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ended(end) => end.as_str(),
            Self::Deleted => "deleted",
        }
    }

    /// Reads [`OccurrenceStatus::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|became| became.as_str() == text)
    }
}

/// One line of history: an occurrence, or the end of a backup or copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The source.
    pub source: SourceKey,
    /// The occurrence; for a backup or copy, the one that it was made for.
    pub occurrence: Occurrence,
    /// The policy that fired.
    pub policy: PolicyName,
    /// When it was recorded, or its deletion decided.
    pub opened_at: Time,
    /// Its status.
    pub became: OccurrenceStatus,
    /// The reason.
    pub reason: Option<String>,
    /// When it ended, or was found to be removed.
    pub closed_at: Option<Time>,
    /// Where the backup or copy was, and its id; `None` for an occurrence.
    pub point: Option<(Region, BackupId)>,
    /// How many earlier ones this record also represents.
    pub earlier: u64,
}

impl HistoryEntry {
    /// Its time: an occurrence's scheduled time, a deletion's own time.
    #[must_use]
    pub fn lies_at(&self) -> Time {
        self.closed_at.filter(|_| self.point.is_some()).unwrap_or(self.occurrence.at)
    }

    /// Its position in the order of the history.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let (source, point) = (self.source.clone(), self.point.clone());
        Mark { lies_at: self.lies_at(), source, occurrence: self.occurrence, point }
    }
}

/// A position in the order of the history: the newest first, then by account, source, occurrence, Region and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// See [`HistoryEntry::lies_at`].
    pub lies_at: Time,
    /// The source.
    pub source: SourceKey,
    /// The occurrence.
    pub occurrence: Occurrence,
    /// Where the backup or copy was, and its id.
    pub point: Option<(Region, BackupId)>,
}

/// Which routes to report on, and for which period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteQuery {
    /// The beginning of the period.
    pub since: Time,
    /// Its end.
    pub until: Time,
    /// Only this policy's RPOs.
    pub policy: Option<PolicyName>,
    /// Only this source's, in any account.
    pub source: Option<SourceId>,
}

/// The record of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRecord {
    /// The source.
    pub source: SourceKey,
    /// Its own Region, or a destination.
    pub target: Target,
    /// The Region of its recovery points.
    pub region: Region,
    /// The RPOs of the period, oldest first; never empty.
    pub rpos: Vec<RpoSpan>,
    /// When AWS's inventory of the Region was read, over the whole history, oldest first.
    pub readings: Vec<ReadSpan>,
    /// Recovery points that existed, or may have existed, at any moment of the period.
    pub points: Vec<Held>,
    /// The source's occurrences in the period, by status.
    pub occurrences: BTreeMap<OccurrenceStatus, u64>,
}

/// An RPO and the period in which it applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpoSpan {
    /// The policy.
    pub policy: PolicyName,
    /// The RPO; `None` if the policy set none.
    pub rpo: Option<Duration>,
    /// When it began to apply.
    pub since: Time,
    /// When it ceased to apply; `None` while it applies.
    pub until: Option<Time>,
}

/// A period in which AWS's inventory was read repeatedly, without too long a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadSpan {
    /// When the first of these readings ended.
    pub since: Time,
    /// When the last one ended.
    pub through: Time,
    /// Until when the last reading counts as current.
    pub good_until: Time,
}

/// A backup or copy as a recovery point, present or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// When its data was taken.
    pub taken_at: Time,
    /// AWS's CreationTime.
    pub created_at: Time,
    /// When it was first seen AVAILABLE; `None` if it was not.
    pub seen_at: Option<Time>,
    /// When it was found to be removed.
    pub gone_at: Option<Time>,
}

/// Why the store cannot do its work: the problem, the file, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}", path = path.display())]
pub struct StoreError {
    /// The database file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: StoreProblem,
}

/// What is wrong with a store, and what a person can do. It does not suggest waiting, since a running daemon retries
/// and a failed start does not.
#[derive(Debug, thiserror::Error)]
pub enum StoreProblem {
    /// Another process has it locked.
    #[error("another lifeboat is running on this database; stop it first, or give this one another `state` path")]
    Locked,
    /// A newer version wrote it.
    #[error("written by a newer lifeboat (schema {found}; this one knows up to {known}); install that version again")]
    Newer {
        /// The schema in the file.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The file is not a database any more.
    #[error("not a usable database ({0}); `lifeboat run` moves it aside and goes on from the tags at AWS")]
    Corrupt(String),
    /// The file belongs to another program.
    #[error("the database of another program; give `state` in [daemon] a path of its own")]
    Foreign,
    /// Another program has the file locked.
    #[error("another program has it locked ({0}); close what has it open")]
    Busy(String),
    /// The file or its folder cannot be written.
    #[error("cannot be written ({0}); give the service's user write access to the file and its folder")]
    ReadOnly(String),
    /// The disk is full.
    #[error("the disk is full ({0}); free space")]
    Full(String),
    /// The disk or a layer below it fails.
    #[error("cannot be read or written ({0}); see what the kernel's log says of the disk")]
    Io(String),
    /// The path is not a regular file.
    #[error("{0}, not a file; move it away, or give `state` in [daemon] another path")]
    NotAFile(&'static str),
    /// The open file is no longer the one at the path, or another program overwrote it.
    #[error("{0} while this lifeboat has it open; a new one is written from what is in memory")]
    Lost(String),
    /// There is no database.
    #[error("no database here yet; it is made by the first `lifeboat run`")]
    Absent,
    /// A row has a value that this program cannot have written.
    #[error(
        "a row of `{table}` is damaged ({what}); `lifeboat run` moves the file aside and goes on from the tags at AWS"
    )]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Anything else.
    #[error("cannot be used ({0}); if that does not pass, move the file away: lifeboat goes on from the tags at AWS")]
    Other(String),
}

impl StoreProblem {
    /// Whether the file is lost, so that its content must be reconstructed.
    #[must_use]
    pub fn loses_the_file(&self) -> bool {
        matches!(self, Self::Corrupt(_) | Self::Row { .. } | Self::Lost(_))
    }
}
