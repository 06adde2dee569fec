//! The books in one SQLite file.
//!
//! One writer, WAL, `synchronous=FULL`: a commit survives a power cut. A lock file beside the database keeps a second
//! daemon out, because two that pace themselves apart would together break AWS's limits.

use super::rows::Reading;
use super::{HistoryEntry, HistoryQuery, RouteQuery, RouteRecord, Store, StoreError, StoreProblem};
use crate::domain::change::Change;
use crate::domain::fault::clean;
use crate::domain::id::SourceKey;
use crate::domain::state::{Listed, ORDER_REPEATED_WITHIN, SourceState, State};
use crate::domain::time::Time;
use reading::history;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;
use writing::write;

mod deleting;
mod noting;
mod reading;
mod writing;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// The first SQLite with the fix for WAL resets (crates.md, fact 8).
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];
/// What is told of an error of SQLite's, which may quote what a broken file holds.
pub(super) const SAID_MAX_CHARS: usize = 300;

/// What was deleted counts its attempt as long as another one is possible: of a point `p` that is, whether it does.
macro_rules! counts {
    () => {
        "(EXISTS (SELECT 1 FROM points AS b WHERE b.account = p.account AND b.source = p.source
                  AND b.at = p.at AND b.origin_id IS NULL AND b.lifecycle <> 'DELETED')
          OR EXISTS (SELECT 1 FROM occurrences AS o WHERE o.account = p.account AND o.source = p.source
                     AND o.at = p.at AND o.outcome IS NULL))"
    };
}

/// The books in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    connection: SqliteConnection,
    /// A transaction failed, and with it what the driver believes of the connection: begin with a new one.
    broken: bool,
    /// Held as long as this lives; `None` for a reader.
    _lock: Option<File>,
}

type Result<T, E = StoreProblem> = std::result::Result<T, E>;

impl SqliteStore {
    /// Opens the database for the daemon, making it if need be, and keeps every other daemon out.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do.
    pub async fn open(path: &Path, now: Time) -> std::result::Result<Self, StoreError> {
        Self::try_open(path, now).await.map_err(|problem| StoreError { path: path.to_owned(), problem })
    }

    async fn try_open(path: &Path, now: Time) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| from_io(&error))?;
        }
        let lock = lock(path)?;
        let mut connection = connect(path).await?;
        check_version(&mut connection).await?;
        check_integrity(&mut connection).await?;
        check_ownership(&mut connection).await?;
        migrate(&mut connection).await?;
        sqlx::query("INSERT INTO meta (key, value) VALUES ('created_at', ?) ON CONFLICT DO NOTHING")
            .bind(now.millis())
            .execute(&mut connection)
            .await
            .map_err(|error| from_sqlx(&error))?;
        Ok(Self { path: path.to_owned(), connection, broken: false, _lock: Some(lock) })
    }

    /// Opens the database to read what a daemon wrote, running or not.
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
            Some(_) => Ok(Self { path: path.to_owned(), connection, broken: false, _lock: None }),
            None => Err(StoreProblem::Absent),
        }
    }

    /// Closes the file in order, leaving nothing beside it.
    pub async fn close(self) {
        // An error here leaves the write-ahead log for the next start, which is what it is for.
        let _ = self.connection.close().await;
    }

    fn wrap<T>(&self, result: Result<T>) -> std::result::Result<T, StoreError> {
        result.map_err(|problem| StoreError { path: self.path.clone(), problem })
    }

    async fn rows(&mut self, sql: &'static str) -> Result<Vec<SqliteRow>> {
        sqlx::query(sql).fetch_all(&mut self.connection).await.map_err(|error| from_sqlx(&error))
    }

    async fn try_load(&mut self, started_at: Time) -> Result<State> {
        let created_at: i64 = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'created_at'")
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| from_sqlx(&error))?;
        let mut state = State::new(Time::from_millis(created_at), started_at);
        self.load_sources(&mut state).await?;
        self.load_points(&mut state).await?;
        for row in self.rows("SELECT * FROM asks").await? {
            let row = Reading { table: "asks", row: &row };
            let key = row.work_key()?;
            if let Some(source) = state.sources.get_mut(&key.source) {
                source.asks.insert((key.occurrence, key.target.clone()), row.ask()?);
            }
        }
        for row in self.rows("SELECT * FROM pauses").await? {
            let (policy, pause) = Reading { table: "pauses", row: &row }.pause()?;
            // Pauses are independent of all else, so none can be illegal.
            let _ = state.apply(&Change::Paused { policy, pause });
        }
        self.load_deletions(&mut state).await?;
        for row in self.rows("SELECT * FROM totals").await? {
            let (total, value) = Reading { table: "totals", row: &row }.total()?;
            state.totals.insert(total, value);
        }
        for row in self.rows("SELECT * FROM places").await? {
            let row = Reading { table: "places", row: &row };
            let (began_at, pages, user_backups) = row.listed()?;
            let known = state.places.entry(row.place()?).or_default();
            known.listed = Some(Listed { began_at, pages, in_this_life: false });
            known.user_backups = user_backups;
            known.last_seen = Some(began_at);
        }
        self.load_notes(&mut state).await?;
        let keys: Vec<SourceKey> = state.sources.keys().cloned().collect();
        for key in keys {
            state.reindex(&key);
        }
        Ok(state)
    }

    async fn load_sources(&mut self, state: &mut State) -> Result<()> {
        for row in self.rows("SELECT * FROM sources").await? {
            let row = Reading { table: "sources", row: &row };
            let mut source = SourceState::new(row.region()?.into());
            source.watch = row.watch()?;
            source.cursor = row.cursor()?;
            source.left = row.has_left()?;
            state.sources.insert(row.source_key()?, source);
        }
        for row in self.rows("SELECT * FROM schedules ORDER BY account, source, number").await? {
            let row = Reading { table: "schedules", row: &row };
            if let Some(watch) = state.sources.get_mut(&row.source_key()?).and_then(|source| source.watch.as_mut()) {
                watch.lines.push(row.line()?);
            }
        }
        for row in self.rows("SELECT * FROM occurrences WHERE outcome IS NULL").await? {
            let row = Reading { table: "occurrences", row: &row };
            if let Some(source) = state.sources.get_mut(&row.source_key()?) {
                source.open.insert(row.occurrence()?, row.opening()?);
            }
        }
        let sql = r#"SELECT * FROM occurrences WHERE "trigger" = 'manual' AND outcome IS NOT NULL AND at > ?"#;
        let after = state.started_at.minus(ORDER_REPEATED_WITHIN);
        let ended = sqlx::query(sql).bind(after.millis()).fetch_all(&mut self.connection).await;
        for row in ended.map_err(|error| from_sqlx(&error))? {
            let row = Reading { table: "occurrences", row: &row };
            if let Some(source) = state.sources.get_mut(&row.source_key()?) {
                source.order_ended(row.occurrence()?, row.end()?);
            }
        }
        Ok(())
    }

    async fn load_notes(&mut self, state: &mut State) -> Result<()> {
        for row in self.rows("SELECT * FROM promises WHERE until IS NULL").await? {
            let (route, promise) = Reading { table: "promises", row: &row }.promise()?;
            state.notes.promises.insert(route, promise);
        }
        for row in self.rows("SELECT * FROM late").await? {
            let row = Reading { table: "late", row: &row };
            state.notes.late.insert(row.route()?, row.since()?);
        }
        for row in self.rows("SELECT * FROM notices").await? {
            let notice = Reading { table: "notices", row: &row }.notice()?;
            state.notes.owed.insert((notice.at, notice.id.clone()), notice);
        }
        Ok(())
    }

    async fn load_points(&mut self, state: &mut State) -> Result<()> {
        for row in self.rows(concat!("SELECT * FROM points AS p WHERE lifecycle <> 'DELETED' OR ", counts!())).await? {
            let point = Box::new(Reading { table: "points", row: &row }.point()?);
            let id = point.id.clone();
            let refused = |error: crate::domain::change::IllegalChange| StoreProblem::Row {
                table: "points",
                what: format!("{id}: {error}"),
            };
            state.apply(&Change::Seen { point }).map_err(refused)?;
        }
        Ok(())
    }

    async fn load_deletions(&mut self, state: &mut State) -> Result<()> {
        for row in self.rows("SELECT * FROM deletions WHERE deleted_at IS NULL").await? {
            let row = Reading { table: "deletions", row: &row };
            let (place, id) = (row.place()?, row.id()?);
            if state.point(&place, &id).is_some() {
                state.restore_deletion(place, id, row.deletion()?);
            }
        }
        for row in self.rows("SELECT * FROM wishes").await? {
            let row = Reading { table: "wishes", row: &row };
            let (place, id) = (row.place()?, row.id()?);
            if state.point(&place, &id).is_some() {
                state.restore_wish(place, id, row.wish()?);
            }
        }
        Ok(())
    }

    async fn try_commit(&mut self, changes: &[Change]) -> Result<()> {
        if self.broken {
            self.connection = connect(&self.path).await?;
            self.broken = false;
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

    async fn try_history(&mut self, query: &HistoryQuery) -> Result<Vec<HistoryEntry>> {
        let rows = history(query).build().fetch_all(&mut self.connection).await.map_err(|error| from_sqlx(&error))?;
        rows.iter().map(|row| Reading { table: "occurrences", row }.history()).collect()
    }

    async fn try_prune(&mut self, before: Time) -> Result<()> {
        let begun = self.connection.begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = begun.map_err(|error| from_sqlx(&error))?;
        for sql in [
            "DELETE FROM occurrences WHERE closed_at < ?",
            concat!("DELETE FROM points AS p WHERE lifecycle = 'DELETED' AND settled_at < ? AND NOT (", counts!(), ")"),
            // As long as the history shows what was deleted, it says why.
            "DELETE FROM deletions AS d WHERE deleted_at < ? AND NOT EXISTS (SELECT 1 FROM points AS p
             WHERE p.account = d.account AND p.region = d.region AND p.id = d.id)",
            "DELETE FROM promises WHERE until < ?",
            "DELETE FROM held WHERE gone_at < ?",
            // The oldest one says since when anything is known.
            "DELETE FROM readings WHERE good_until < ? AND since > (SELECT min(since) FROM readings AS r
             WHERE r.account = readings.account AND r.region = readings.region)",
        ] {
            let done = sqlx::query(sql).bind(before.millis()).execute(&mut *transaction).await;
            done.map_err(|error| from_sqlx(&error))?;
        }
        transaction.commit().await.map_err(|error| from_sqlx(&error))
    }
}

impl Store for SqliteStore {
    async fn load(&mut self, started_at: Time) -> std::result::Result<State, StoreError> {
        let state = self.try_load(started_at).await;
        self.wrap(state)
    }

    async fn commit(&mut self, changes: &[Change]) -> std::result::Result<(), StoreError> {
        let done = self.try_commit(changes).await;
        self.broken |= done.is_err();
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

    async fn prune(&mut self, before: Time) -> std::result::Result<(), StoreError> {
        let done = self.try_prune(before).await;
        self.broken |= done.is_err();
        self.wrap(done)
    }
}

/// A connection that writes so that a commit survives a power cut.
async fn connect(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging();
    options.connect().await.map_err(|error| from_sqlx(&error))
}

fn lock(path: &Path) -> Result<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(PathBuf::from(beside));
    let file = file.map_err(|error| from_io(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreProblem::Locked),
        Err(TryLockError::Error(error)) => Err(from_io(&error)),
    }
}

async fn check_version(connection: &mut SqliteConnection) -> Result<()> {
    let version: String =
        sqlx::query_scalar("SELECT sqlite_version()").fetch_one(connection).await.map_err(|error| from_sqlx(&error))?;
    let numbers: Vec<u32> = version.split('.').filter_map(|number| number.parse().ok()).collect();
    if numbers.as_slice() < OLDEST_SQLITE.as_slice() {
        return Err(StoreProblem::Other(format!("SQLite {version} may corrupt its log; 3.51.3 or newer is needed")));
    }
    Ok(())
}

async fn check_integrity(connection: &mut SqliteConnection) -> Result<()> {
    let said: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(connection).await.map_err(|error| from_sqlx(&error))?;
    if said == "ok" { Ok(()) } else { Err(StoreProblem::Corrupt(clean(&said, SAID_MAX_CHARS))) }
}

/// A file with tables and without our migrations was made by another program.
async fn check_ownership(connection: &mut SqliteConnection) -> Result<()> {
    let sql = "SELECT count(*) > 0 AND sum(name = '_sqlx_migrations') = 0 FROM sqlite_schema WHERE type = 'table'";
    let foreign: Option<bool> =
        sqlx::query_scalar(sql).fetch_one(connection).await.map_err(|error| from_sqlx(&error))?;
    if foreign == Some(true) { Err(StoreProblem::Foreign) } else { Ok(()) }
}

fn known_schema() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

async fn migrate(connection: &mut SqliteConnection) -> Result<()> {
    MIGRATIONS.run(connection).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) => StoreProblem::Newer { found, known: known_schema() },
        MigrateError::VersionMismatch(version) => {
            StoreProblem::Corrupt(format!("its schema {version} is not the one this program knows by that number"))
        }
        MigrateError::Execute(error) => from_sqlx(&error),
        MigrateError::ExecuteMigration(error, _) => from_sqlx(&error),
        other => StoreProblem::Other(other.to_string()),
    })
}

/// Sorts an error of SQLite by its result code (sqlite.org/rescode.html), by what a person has to do.
fn from_sqlx(error: &sqlx::Error) -> StoreProblem {
    let text = clean(&error.to_string(), SAID_MAX_CHARS);
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
    match code.map(|code| code & 0xff) {
        // 1 is what a missing table or column gives.
        Some(1 | 11 | 26) => StoreProblem::Corrupt(text),
        Some(3 | 8 | 14 | 23) => StoreProblem::ReadOnly(text),
        Some(13) => StoreProblem::Full(text),
        // An I/O error while writing is what a full disk looks like below SQLite's own accounting.
        Some(10) => StoreProblem::Full(text),
        // A row of ours that is missing, or holds what this program never wrote.
        _ if matches!(error, sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. }) => {
            StoreProblem::Corrupt(text)
        }
        _ => StoreProblem::Other(text),
    }
}

fn from_io(error: &std::io::Error) -> StoreProblem {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreProblem::Full(error.to_string()),
        _ => StoreProblem::ReadOnly(error.to_string()),
    }
}
