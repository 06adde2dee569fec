//! The state in one SQLite file.
//!
//! One writer, WAL, `synchronous=FULL`: a commit survives a power failure. A lock on the file keeps a second daemon
//! out, because two daemons that limit their rates independently would together exceed AWS's limits. A lost or damaged
//! file is replaced by one with the content of memory; at a start memory is empty, and AWS's inventory is used instead.

use super::rows::{Reading, SAID_MAX_CHARS};
use super::{HistoryEntry, HistoryQuery, Horizon, RouteQuery, RouteRecord, Store, StoreError, StoreProblem};
use crate::domain::change::Change;
use crate::domain::state::State;
use crate::domain::time::Time;
use forgetting::Forgetting;
use held::HeldFile;
use opening::{check_ownership, check_version, connect, known_schema, migrate};
use problems::from_sqlx;
use reading::history;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use writing::write;

mod accounts;
mod deleting;
mod disputes;
mod each;
mod forgetting;
mod held;
mod loading;
mod noting;
mod opening;
mod past;
mod point_rows;
mod problems;
mod reading;
mod renewing;
mod rewriting;
mod writing;

/// The result of a statement that writes.
type Written = std::result::Result<(), sqlx::Error>;

pub use opening::check_integrity;
pub use renewing::{Opened, Renewed};

/// The state in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    connection: SqliteConnection,
    /// A transaction failed and left the connection's state unknown: reconnect first.
    broken: bool,
    /// The progress of deleting old history.
    forgetting: Forgetting,
    /// The last process that wrote here did not close the file.
    ended_uncleanly: bool,
    /// The file, locked while this exists; `None` for a reader. Dropped after the connection is closed.
    file: Option<HeldFile>,
    /// Where the file was moved that a new one will replace.
    aside: Option<PathBuf>,
}

/// The relation between the open file and the file at the path.
#[derive(Debug)]
pub enum FileStanding {
    /// The same file, unchanged.
    Sound,
    /// The same file, but another program wrote to it or touched it.
    Touched,
    /// Another file, or a truncated one: any further commit would be lost with the process.
    Lost(StoreProblem),
    /// The relation cannot be determined.
    Unknown(StoreProblem),
}

type Result<T, E = StoreProblem> = std::result::Result<T, E>;

impl SqliteStore {
    /// Opens or creates the database for the daemon, and locks it against other daemons.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do.
    pub async fn open(path: &Path, now: Time) -> std::result::Result<Self, StoreError> {
        Self::try_open(path, now).await.map_err(|problem| StoreError { path: path.to_owned(), problem })
    }

    async fn try_open(path: &Path, now: Time) -> Result<Self> {
        let file = HeldFile::take(path)?;
        Self::open_held(path, file, now).await.map_err(|(problem, _)| problem)
    }

    /// Opens a locked file; returns the lock if that fails.
    async fn open_held(path: &Path, mut file: HeldFile, now: Time) -> Result<Self, (StoreProblem, HeldFile)> {
        let mut connection = match connect(path).await {
            Ok(connection) => connection,
            Err(problem) => return Err((problem, file)),
        };
        let prepared = async {
            check_version(&mut connection).await?;
            check_ownership(&mut connection).await?;
            migrate(&mut connection).await?;
            opening::begin(&mut connection, now).await
        };
        match prepared.await {
            Ok(ended_uncleanly) if file.is_at_its_path() => {
                file.written();
                let (path, forgetting) = (path.to_owned(), Forgetting::default());
                Ok(Self { path, connection, broken: false, forgetting, ended_uncleanly, file: Some(file), aside: None })
            }
            // SQLite opens the file by name once more, and may have opened another.
            Ok(_) => {
                let _ = connection.close().await;
                Err((StoreProblem::Lost("another file has taken its place".to_owned()), file))
            }
            Err(problem) => {
                let _ = connection.close().await;
                Err((problem, file))
            }
        }
    }

    /// The path in the policy file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The relation between the open file and the file at the path. Costs two `stat` calls.
    #[must_use]
    pub fn standing(&self) -> FileStanding {
        self.file.as_ref().map_or(FileStanding::Sound, HeldFile::standing)
    }

    /// Accepts the file in its present form, after a check found it intact.
    pub fn believe(&mut self) {
        if let Some(file) = &mut self.file {
            file.written();
        }
    }

    /// Whether the last process that wrote here was killed, or the host crashed: then [`check_integrity`] is worth its
    /// time.
    #[must_use]
    pub fn ended_uncleanly(&self) -> bool {
        self.ended_uncleanly
    }

    /// Opens the database to read what a daemon wrote, whether or not one is running.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do.
    pub async fn read(path: &Path) -> std::result::Result<Self, StoreError> {
        Self::try_read(path).await.map_err(|problem| StoreError { path: path.to_owned(), problem })
    }

    async fn try_read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(StoreProblem::Absent);
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|error| from_sqlx(&error))?;
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&mut connection)
            .await
            .map_err(|error| from_sqlx(&error))?;
        let known = known_schema();
        match newest {
            Some(found) if found > known => Err(StoreProblem::Newer { found, known }),
            Some(_) => {
                let (path, forgetting) = (path.to_owned(), Forgetting::default());
                Ok(Self {
                    path,
                    connection,
                    broken: false,
                    forgetting,
                    ended_uncleanly: false,
                    file: None,
                    aside: None,
                })
            }
            None => Err(StoreProblem::Absent),
        }
    }

    /// Closes the database, leaving no log behind.
    pub async fn close(mut self) {
        if self.file.is_some() && !self.broken {
            opening::end(&mut self.connection).await;
        }
        // An error here only leaves the write-ahead log for the next start.
        let _ = self.connection.close().await;
        drop(self.file);
    }

    fn wrap<T>(&self, result: Result<T>) -> std::result::Result<T, StoreError> {
        result.map_err(|problem| StoreError { path: self.path.clone(), problem })
    }

    async fn try_commit(&mut self, changes: &[Change]) -> Result<()> {
        if self.broken {
            self.reconnect().await?;
        }
        if !changes.iter().any(Change::durable) {
            return Ok(());
        }
        let begun = self.connection.begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = begun.map_err(|error| from_sqlx(&error))?;
        for change in changes {
            write(&mut transaction, change).await.map_err(|error| from_sqlx(&error))?;
        }
        transaction.commit().await.map_err(|error| from_sqlx(&error))
    }

    async fn reconnect(&mut self) -> Result<()> {
        // Open the new connection first: closing the last connection of a file removes the log.
        let fresh = connect(&self.path).await?;
        let _ = std::mem::replace(&mut self.connection, fresh).close().await;
        self.broken = false;
        if let Some(file) = &mut self.file {
            file.written();
        }
        Ok(())
    }

    async fn try_history(&mut self, query: &HistoryQuery) -> Result<Vec<HistoryEntry>> {
        let rows = history(query).build().fetch_all(&mut self.connection).await.map_err(|error| from_sqlx(&error))?;
        rows.iter().map(|row| Reading { table: "occurrences", row }.history()).collect()
    }
}

impl Store for SqliteStore {
    async fn load(&mut self, started_at: Time) -> std::result::Result<State, StoreError> {
        let state = loading::load(&mut self.connection, started_at).await;
        self.wrap(state)
    }

    async fn commit(&mut self, changes: &[Change]) -> std::result::Result<(), StoreError> {
        let done = self.try_commit(changes).await;
        self.broken |= done.is_err();
        self.believe();
        self.wrap(done)
    }

    async fn history(&mut self, query: &HistoryQuery) -> std::result::Result<Vec<HistoryEntry>, StoreError> {
        let entries = self.try_history(query).await;
        self.wrap(entries)
    }

    async fn routes(
        &mut self,
        query: &RouteQuery,
        visit: &mut (dyn FnMut(RouteRecord) + Send),
    ) -> std::result::Result<(), StoreError> {
        let done = reading::routes(&mut self.connection, query, visit).await;
        self.wrap(done)
    }

    async fn forget(&mut self, horizon: &Horizon) -> std::result::Result<bool, StoreError> {
        let more = self.forgetting.slice(&mut self.connection, horizon).await;
        self.broken |= more.is_err();
        self.believe();
        self.wrap(more)
    }
}
