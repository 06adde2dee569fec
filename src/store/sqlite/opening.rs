//! Checks when opening the database: is the file ours, is its schema known, is it intact?

use super::problems::from_sqlx;
use super::{Result, SAID_MAX_CHARS};
use crate::domain::fault::clean;
use crate::domain::time::Time;
use crate::store::StoreProblem;
use sqlx::ConnectOptions as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use std::path::Path;
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
/// The first SQLite with the fix for WAL resets (crates.md, fact 8).
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];
/// The write-ahead log is truncated to this size after a checkpoint; between checkpoints it may grow.
const WAL_KEPT_BYTES: &str = "8388608";

/// A writing connection whose commits survive a power failure. The file must exist, which the holder of its lock has
/// ensured: a file lost since then must not be recreated empty.
pub(super) async fn connect(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", WAL_KEPT_BYTES)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging();
    options.connect().await.map_err(|error| from_sqlx(&error))
}

pub(super) async fn check_version(connection: &mut SqliteConnection) -> Result<()> {
    let version: String =
        sqlx::query_scalar("SELECT sqlite_version()").fetch_one(connection).await.map_err(|error| from_sqlx(&error))?;
    let numbers: Vec<u32> = version.split('.').filter_map(|number| number.parse().ok()).collect();
    if numbers.as_slice() < OLDEST_SQLITE.as_slice() {
        return Err(StoreProblem::Other(format!("SQLite {version} may corrupt its log; 3.51.3 or newer is needed")));
    }
    Ok(())
}

/// Reads the whole file and checks its integrity. The cost is proportional to the file's size, so this runs in the
/// background, and only after a process that did not close the file.
///
/// # Errors
/// What is wrong with the file.
pub async fn check_integrity(path: &Path) -> Result<()> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    let mut connection = options.connect().await.map_err(|error| from_sqlx(&error))?;
    let said = sqlx::query_scalar::<_, String>("PRAGMA quick_check(1)").fetch_one(&mut connection).await;
    match said.map_err(|error| from_sqlx(&error))?.as_str() {
        "ok" => Ok(()),
        damaged => Err(StoreProblem::Corrupt(clean(damaged, SAID_MAX_CHARS))),
    }
}

/// Marks the file as in use; returns whether it was marked already because the last process did not close it.
pub(super) async fn begin(connection: &mut SqliteConnection, now: Time) -> Result<bool> {
    sqlx::query("INSERT INTO meta (key, value) VALUES ('created_at', ?) ON CONFLICT DO NOTHING")
        .bind(now.millis())
        .execute(&mut *connection)
        .await
        .map_err(|error| from_sqlx(&error))?;
    let sql = "INSERT INTO meta (key, value) VALUES ('in_use', 1) ON CONFLICT DO NOTHING";
    let marked = sqlx::query(sql).execute(connection).await.map_err(|error| from_sqlx(&error))?;
    Ok(marked.rows_affected() == 0)
}

/// Marks the file as closed.
pub(super) async fn end(connection: &mut SqliteConnection) {
    // If this fails, the next start checks the file, no more.
    let _ = sqlx::query("DELETE FROM meta WHERE key = 'in_use'").execute(connection).await;
}

/// A file with tables but without our migrations was created by another program.
pub(super) async fn check_ownership(connection: &mut SqliteConnection) -> Result<()> {
    let sql = "SELECT count(*) > 0 AND sum(name = '_sqlx_migrations') = 0 FROM sqlite_schema WHERE type = 'table'";
    let foreign: Option<bool> =
        sqlx::query_scalar(sql).fetch_one(connection).await.map_err(|error| from_sqlx(&error))?;
    if foreign == Some(true) { Err(StoreProblem::Foreign) } else { Ok(()) }
}

pub(super) fn known_schema() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// Brings the schema up to date.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<()> {
    // `run` accepts anything that yields a connection, and the compiler cannot prove its future `Send`.
    MIGRATIONS.run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) => StoreProblem::Newer { found, known: known_schema() },
        MigrateError::VersionMismatch(version) => {
            StoreProblem::Corrupt(format!("its schema {version} is not the one this program knows by that number"))
        }
        MigrateError::Execute(error) => from_sqlx(&error),
        MigrateError::ExecuteMigration(error, _) => from_sqlx(&error),
        other => StoreProblem::Other(other.to_string()),
    })
}
