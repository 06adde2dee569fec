//! The books in one SQLite file.
//!
//! One writer, WAL, `synchronous=FULL`: a commit survives a power cut. A lock file beside the database keeps a second
//! daemon out, because two that pace themselves apart would together break AWS's limits.

use super::rows::{Reading, total_columns};
use super::{HistoryEntry, HistoryQuery, Store, StoreError, StoreProblem};
use crate::domain::change::{Change, Opening, Total};
use crate::domain::id::{Occurrence, SourceKey, WorkKey};
use crate::domain::point::Point;
use crate::domain::state::{Listed, SourceState, State};
use crate::domain::time::Time;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// The first SQLite with the fix for WAL resets (crates.md, fact 8).
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

/// The books in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    connection: SqliteConnection,
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
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|error| from_sqlx(&error))?;
        check_version(&mut connection).await?;
        check_integrity(&mut connection).await?;
        migrate(&mut connection).await?;
        sqlx::query("INSERT INTO meta (key, value) VALUES ('created_at', ?) ON CONFLICT DO NOTHING")
            .bind(now.millis())
            .execute(&mut connection)
            .await
            .map_err(|error| from_sqlx(&error))?;
        Ok(Self { path: path.to_owned(), connection, _lock: Some(lock) })
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
            Some(_) => Ok(Self { path: path.to_owned(), connection, _lock: None }),
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
        for row in self.rows("SELECT * FROM occurrences WHERE outcome IS NULL").await? {
            let row = Reading { table: "occurrences", row: &row };
            if let Some(source) = state.sources.get_mut(&row.source_key()?) {
                source.open.insert(row.occurrence()?, row.opening()?);
            }
        }
        Ok(())
    }

    async fn load_points(&mut self, state: &mut State) -> Result<()> {
        // What was deleted counts its attempt as long as another one is possible.
        let sql = "SELECT * FROM points AS p WHERE lifecycle <> 'DELETED'
                   OR EXISTS (SELECT 1 FROM points AS b WHERE b.account = p.account AND b.source = p.source
                              AND b.at = p.at AND b.origin_id IS NULL AND b.lifecycle <> 'DELETED')
                   OR EXISTS (SELECT 1 FROM occurrences AS o WHERE o.account = p.account AND o.source = p.source
                              AND o.at = p.at AND o.outcome IS NULL)";
        for row in self.rows(sql).await? {
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

    async fn try_commit(&mut self, changes: &[Change]) -> Result<()> {
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
        let sql = "SELECT * FROM occurrences WHERE at >= ? AND (? IS NULL OR policy = ?)
                   ORDER BY at DESC, account, source LIMIT ?";
        let policy = query.policy.as_ref().map(|policy| policy.as_str().to_owned());
        let rows = sqlx::query(sql)
            .bind(query.since.map_or(i64::MIN, Time::millis))
            .bind(policy.clone())
            .bind(policy)
            .bind(i64::from(query.limit))
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| from_sqlx(&error))?;
        rows.iter().map(|row| Reading { table: "occurrences", row }.history()).collect()
    }

    async fn try_prune(&mut self, before: Time) -> Result<()> {
        let begun = self.connection.begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = begun.map_err(|error| from_sqlx(&error))?;
        for sql in [
            "DELETE FROM occurrences WHERE closed_at < ?",
            "DELETE FROM points WHERE lifecycle = 'DELETED' AND settled_at < ?",
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
        self.wrap(done)
    }

    async fn history(&mut self, query: &HistoryQuery) -> std::result::Result<Vec<HistoryEntry>, StoreError> {
        let entries = self.try_history(query).await;
        self.wrap(entries)
    }

    async fn prune(&mut self, before: Time) -> std::result::Result<(), StoreError> {
        let done = self.try_prune(before).await;
        self.wrap(done)
    }
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
    if said == "ok" { Ok(()) } else { Err(StoreProblem::Corrupt(said)) }
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
    let text = error.to_string();
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
    match code.map(|code| code & 0xff) {
        Some(11 | 26) => StoreProblem::Corrupt(text),
        Some(3 | 8 | 14 | 23) => StoreProblem::ReadOnly(text),
        Some(13) => StoreProblem::Full(text),
        // An I/O error while writing is what a full disk looks like below SQLite's own accounting.
        Some(10) => StoreProblem::Full(text),
        _ => StoreProblem::Other(text),
    }
}

fn from_io(error: &std::io::Error) -> StoreProblem {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreProblem::Full(error.to_string()),
        _ => StoreProblem::ReadOnly(error.to_string()),
    }
}

type Written = std::result::Result<(), sqlx::Error>;

/// Writes one change.
async fn write(to: &mut SqliteConnection, change: &Change) -> Written {
    match change {
        Change::Watched { .. } | Change::Left { .. } => write_watch(to, change).await,
        Change::Opened { source, occurrence, opening } => {
            write_occurrence(to, source, *occurrence, opening, None, 0).await
        }
        Change::Closed { source, occurrence, opening, end, reason, at, earlier } => {
            let closed = Some((end.as_str(), reason.as_str(), *at));
            write_occurrence(to, source, *occurrence, opening, closed, *earlier).await?;
            count(to, &Total::Occurrences(opening.policy.clone(), *end), earlier.saturating_add(1)).await?;
            let sql = r#"DELETE FROM asks WHERE account = ? AND source = ? AND "trigger" = ? AND at = ? AND open = 0"#;
            let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
            to.execute(query.bind(occurrence.trigger.as_str()).bind(occurrence.at.millis())).await.map(drop)
        }
        Change::Asked { .. } | Change::Unfulfilled { .. } | Change::Disproved { .. } | Change::Retriable { .. } => {
            write_ask(to, change).await
        }
        Change::Seen { point } => write_point(to, point).await,
        Change::Gone { place, id, at } => {
            let sql =
                "UPDATE points SET lifecycle = 'DELETED', settled_at = ? WHERE account = ? AND region = ? AND id = ?";
            let query = sqlx::query(sql).bind(at.millis()).bind(place.account.as_str());
            to.execute(query.bind(place.region.as_str()).bind(id.as_str())).await.map(drop)
        }
        Change::Counted(total) => count(to, total, 1).await,
        Change::Listed { place, began_at, pages, user_backups, .. } => {
            let sql = "INSERT INTO places (account, region, listed_at, pages, user_backups) VALUES (?, ?, ?, ?, ?)
                       ON CONFLICT DO UPDATE SET listed_at = excluded.listed_at, pages = excluded.pages,
                       user_backups = excluded.user_backups";
            let query = sqlx::query(sql).bind(place.account.as_str()).bind(place.region.as_str());
            let query = query.bind(began_at.millis()).bind(i64::from(*pages)).bind(clamp(*user_backups));
            to.execute(query).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn write_watch(to: &mut SqliteConnection, change: &Change) -> Written {
    match change {
        Change::Watched { source, region, policy, destinations, since } => {
            // One that was watched all along keeps its beginning; one that left and came back begins anew.
            let sql =
                "INSERT INTO sources (account, source, region, policy, destinations, since) VALUES (?, ?, ?, ?, ?, ?)
                       ON CONFLICT DO UPDATE SET region = excluded.region, destinations = excluded.destinations,
                       since = CASE WHEN policy IS NULL THEN excluded.since ELSE since END,
                       returned = CASE WHEN policy IS NULL THEN has_left ELSE returned END,
                       policy = excluded.policy, has_left = 0";
            let destinations =
                serde_json::to_string(destinations).map_err(|error| sqlx::Error::Encode(error.into()))?;
            let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
            let query = query.bind(region.as_str()).bind(policy.as_str()).bind(destinations).bind(since.millis());
            to.execute(query).await.map(drop)
        }
        Change::Left { source } => {
            let sql = "UPDATE sources SET policy = NULL, destinations = NULL, since = NULL, has_left = 1
                       WHERE account = ? AND source = ?";
            let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
            to.execute(query).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn write_occurrence(
    to: &mut SqliteConnection,
    source: &SourceKey,
    occurrence: Occurrence,
    opening: &Opening,
    closed: Option<(&str, &str, Time)>,
    earlier: u64,
) -> Written {
    let sql = r#"INSERT INTO occurrences (account, source, "trigger", at, policy, opened_at, caught_up, adopted, outcome,
                 reason, closed_at, earlier) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason,
                 closed_at = excluded.closed_at, earlier = excluded.earlier"#;
    let query = sqlx::query(sql)
        .bind(source.account.as_str())
        .bind(source.source.as_str())
        .bind(occurrence.trigger.as_str())
        .bind(occurrence.at.millis())
        .bind(opening.policy.as_str())
        .bind(opening.opened_at.millis())
        .bind(opening.caught_up)
        .bind(opening.adopted)
        .bind(closed.map(|(end, _, _)| end))
        .bind(closed.map(|(_, reason, _)| reason))
        .bind(closed.map(|(_, _, at)| at.millis()))
        .bind(clamp(earlier));
    to.execute(query).await?;
    let sql = "UPDATE sources SET cursor = max(coalesce(cursor, ?3), ?3) WHERE account = ?1 AND source = ?2 AND ?4";
    let scheduled = occurrence.trigger == crate::domain::id::Trigger::Schedule;
    let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
    to.execute(query.bind(occurrence.at.millis()).bind(scheduled)).await.map(drop)
}

/// Binds the columns that name a work: account, source, trigger, at, destination.
macro_rules! bind_work {
    ($query:expr, $key:expr) => {{
        let key: &WorkKey = $key;
        $query
            .bind(key.source.account.as_str())
            .bind(key.source.source.as_str())
            .bind(key.occurrence.trigger.as_str())
            .bind(key.occurrence.at.millis())
            .bind(key.target.destination())
    }};
}

async fn write_ask(to: &mut SqliteConnection, change: &Change) -> Written {
    match change {
        Change::Asked { key, attempt, request, at } => {
            // A repeat of an open ask keeps its first time; what was withdrawn begins anew.
            let sql = r#"INSERT INTO asks (account, source, "trigger", at, destination, attempt, request, open,
                         first_asked_at, last_asked_at, asks, not_before) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, 1, ?)
                         ON CONFLICT DO UPDATE SET attempt = excluded.attempt, request = excluded.request,
                         first_asked_at = CASE WHEN open THEN first_asked_at ELSE excluded.first_asked_at END,
                         asks = CASE WHEN open THEN asks + 1 ELSE 1 END, last_asked_at = excluded.last_asked_at,
                         open = 1"#;
            let request = serde_json::to_string(&**request).map_err(|error| sqlx::Error::Encode(error.into()))?;
            let query = bind_work!(sqlx::query(sql), key).bind(i64::from(*attempt)).bind(request);
            to.execute(query.bind(at.millis()).bind(at.millis()).bind(at.millis())).await.map(drop)
        }
        Change::Unfulfilled { key, fault, definite, not_before } => {
            let sql = r#"UPDATE asks SET failures = failures + 1, fault_class = ?, fault_code = ?, fault_message = ?,
                         not_before = ?, open = CASE WHEN ? THEN 0 ELSE open END, asks = CASE WHEN ? THEN 0 ELSE asks END
                         WHERE account = ? AND source = ? AND "trigger" = ? AND at = ? AND destination = ?"#;
            let query = sqlx::query(sql).bind(fault.class.as_str()).bind(&fault.code).bind(&fault.message);
            let query = query.bind(not_before.millis()).bind(*definite).bind(*definite);
            to.execute(bind_work!(query, key)).await.map(drop)
        }
        Change::Disproved { key } => {
            let sql = r#"UPDATE asks SET open = 0, asks = 0, not_before = 0
                         WHERE account = ? AND source = ? AND "trigger" = ? AND at = ? AND destination = ?"#;
            to.execute(bind_work!(sqlx::query(sql), key)).await.map(drop)
        }
        Change::Retriable { key } => {
            let sql = r#"UPDATE asks SET failures = 0, not_before = 0
                         WHERE account = ? AND source = ? AND "trigger" = ? AND at = ? AND destination = ?"#;
            to.execute(bind_work!(sqlx::query(sql), key)).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn write_point(to: &mut SqliteConnection, point: &Point) -> Written {
    // A source that is only known by its points, as after the loss of the database, gets its row with them.
    let sql = "INSERT INTO sources (account, source, region) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    let query = sqlx::query(sql).bind(point.place.account.as_str()).bind(point.source.as_str());
    to.execute(query.bind(point.home().as_str())).await?;
    let sql = r#"INSERT INTO points (account, region, id, source, "trigger", at, attempt, policy, origin_region, origin_id,
                 taken_at, hold, lifecycle, created_at, settled_at, failure, progress_percent, size_bytes, kms_key, kind,
                 carried) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET hold = excluded.hold, lifecycle = excluded.lifecycle, policy = excluded.policy,
                 settled_at = excluded.settled_at, failure = excluded.failure, size_bytes = excluded.size_bytes,
                 progress_percent = excluded.progress_percent, kms_key = excluded.kms_key, carried = excluded.carried"#;
    let carried = serde_json::to_string(&*point.carried).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let query = sqlx::query(sql)
        .bind(point.place.account.as_str())
        .bind(point.place.region.as_str())
        .bind(point.id.as_str())
        .bind(point.source.as_str())
        .bind(point.occurrence.trigger.as_str())
        .bind(point.occurrence.at.millis())
        .bind(i64::from(point.attempt))
        .bind(point.policy.as_ref().map(|policy| policy.as_str()))
        .bind(point.origin.as_ref().map(|origin| origin.region.as_str()))
        .bind(point.origin.as_ref().map(|origin| origin.backup.as_str()))
        .bind(point.taken_at().millis())
        .bind(point.hold.as_deref())
        .bind(point.lifecycle.as_str())
        .bind(point.created_at.millis())
        .bind(point.settled_at.map(Time::millis))
        .bind(point.failure.as_deref())
        .bind(point.progress_percent.map(i64::from))
        .bind(point.size_bytes.map(clamp))
        .bind(point.kms_key.as_deref())
        .bind(point.kind.as_str())
        .bind(carried);
    to.execute(query).await?;
    let sql = r#"DELETE FROM asks WHERE account = ? AND source = ? AND "trigger" = ? AND at = ? AND destination = ?
                 AND attempt <= ?"#;
    let key = point.work_key();
    to.execute(bind_work!(sqlx::query(sql), &key).bind(i64::from(point.attempt))).await.map(drop)
}

async fn count(to: &mut SqliteConnection, total: &Total, by: u64) -> Written {
    let (kind, policy, region, result) = total_columns(total);
    let sql = "INSERT INTO totals (kind, policy, region, result, value) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET value = value + excluded.value";
    let query = sqlx::query(sql).bind(kind).bind(policy).bind(region).bind(result).bind(clamp(by));
    to.execute(query).await.map(drop)
}

/// SQLite counts to 2^63 - 1.
fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
