//! Where the books are kept between two calls, and between two lives of the process.
//!
//! A deed at AWS cannot be taken back, so the intent has to be on disk before the call leaves. The state in memory and
//! the store move by the same [`Change`]s; the store keeps the durable ones, those of a round together or not at all.

pub mod rows;
pub mod sqlite;

use crate::domain::change::{Change, End};
use crate::domain::id::{Occurrence, PolicyName, SourceKey};
use crate::domain::state::State;
use crate::domain::time::Time;
use std::future::Future;
use std::path::PathBuf;

/// A place that keeps the books.
pub trait Store: Send {
    /// All that is kept, as the state of a process that begins at `started_at`.
    ///
    /// # Errors
    /// The store cannot be read; nothing is lost.
    fn load(&mut self, started_at: Time) -> impl Future<Output = Result<State, StoreError>> + Send;

    /// Keeps the durable changes among these, all or none. When it returns they survive a power cut.
    ///
    /// # Errors
    /// None of them is kept; the caller may try again.
    fn commit(&mut self, changes: &[Change]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What became of occurrences, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn history(&mut self, query: &HistoryQuery) -> impl Future<Output = Result<Vec<HistoryEntry>, StoreError>> + Send;

    /// Forgets what ended before `before` and no longer matters to any decision.
    ///
    /// # Errors
    /// Nothing is forgotten.
    fn prune(&mut self, before: Time) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Which occurrences to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Only those scheduled at or after this.
    pub since: Option<Time>,
    /// Only this policy's.
    pub policy: Option<PolicyName>,
    /// At most so many.
    pub limit: u32,
}

/// One occurrence and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Whose.
    pub source: SourceKey,
    /// Which.
    pub occurrence: Occurrence,
    /// The policy that fired.
    pub policy: PolicyName,
    /// When it was recorded.
    pub opened_at: Time,
    /// How it ended; `None` while it is open.
    pub end: Option<End>,
    /// Why.
    pub reason: Option<String>,
    /// When it ended.
    pub closed_at: Option<Time>,
    /// How many earlier ones this record stands for as well.
    pub earlier: u64,
}

/// Why the store cannot do its work. Says what, on which file, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}", path = path.display())]
pub struct StoreError {
    /// The database file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: StoreProblem,
}

/// What is wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreProblem {
    /// Another process has it.
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
    #[error("not a usable database ({0}); move the file away and start again: lifeboat goes on from the tags at AWS")]
    Corrupt(String),
    /// The file is somebody else's.
    #[error("the database of another program; give `state` in [daemon] a path of its own")]
    Foreign,
    /// The file or its folder cannot be written.
    #[error("cannot be written ({0}); give the service's user write access to the file and its folder")]
    ReadOnly(String),
    /// The disk is full.
    #[error("the disk is full ({0}); free space: lifeboat goes on by itself")]
    Full(String),
    /// There is no database.
    #[error("no database here yet; it is made by the first `lifeboat run`")]
    Absent,
    /// A row holds what this program cannot have written.
    #[error(
        "a row of `{table}` is damaged ({what}); move the file away and start again: lifeboat goes on from the tags at AWS"
    )]
    Row {
        /// In which table.
        table: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}
