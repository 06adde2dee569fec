//! Databases of an older version, of a bad disk, of another program, of a curious person.

use super::fuzz_rng::{below, each_case, one, text};
use super::offline::Offline;
use lifeboat::domain::action::Request;
use lifeboat::domain::change::{Change, Counter, OccurrenceOutcome, OccurrenceRecord};
use lifeboat::domain::fault::{Fault, FaultClass};
use lifeboat::domain::id::{AccountRegion, Occurrence, SourceKey, Target, Trigger, WorkKey};
use lifeboat::domain::lane::FileSystemKind;
use lifeboat::domain::point::{Lifecycle, ObservedBackup, RecoveryPoint};
use lifeboat::domain::tags::{LifeboatTags, Origin};
use lifeboat::domain::time::Time;
use lifeboat::sim::Rng;
use lifeboat::store::sqlite::SqliteStore;
use lifeboat::store::{HistoryQuery, Horizon, RouteQuery, Store as _};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::runtime::Runtime;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Time {
    Time::parse_rfc3339("2026-11-21T08:00:00Z").unwrap()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn place(region: &str) -> AccountRegion {
    AccountRegion { account: "default".into(), region: region.into() }
}

fn key(source: &str) -> SourceKey {
    SourceKey { account: "default".into(), source: source.into() }
}

const SOURCES: [&str; 2] = ["fs-0123456789abcdef0", "fsvol-0123456789abcdef0"];

fn point(source: &str, number: u64, at: Time, copy: bool, lifecycle: Lifecycle) -> RecoveryPoint {
    let backup = format!("backup-0123456789abcd{number:03x}");
    let origin = copy.then(|| Origin {
        region: "us-east-1".into(),
        backup: format!("backup-0123456789abcd{:03x}", number - 1).as_str().into(),
        taken_at: at,
    });
    let lifeboat_tags = LifeboatTags {
        policy: Some("finance".into()),
        source: source.into(),
        occurrence: Occurrence { at, trigger: Trigger::Schedule },
        attempt: 1,
        origin,
        hold: None,
    };
    let observed = ObservedBackup {
        id: backup.as_str().into(),
        lifecycle,
        created_at: at,
        failure: (lifecycle == Lifecycle::Failed).then(|| "Backup failed.".to_owned()),
        progress_percent: Some(42),
        size_bytes: Some(1 << 30),
        kms_key: None,
        kind: if source.starts_with("fsvol") { FileSystemKind::Ontap } else { FileSystemKind::Windows },
        volume: None,
        copied_from: copy.then(|| format!("backup-0123456789abcd{:03x}", number - 1).as_str().into()),
        file_system: None,
        copied_from_region: None,
        made_as: lifeboat::domain::point::MadeAs::UserInitiated,
        tags: lifeboat_tags.write().into(),
        arn: Some(format!("arn:aws:fsx:us-east-1:111122223333:backup/{backup}").into()),
    };
    observed.into_point(&place(if copy { "us-west-2" } else { "us-east-1" }), at).unwrap()
}

/// A little of everything that is ever written.
fn life() -> Vec<Change> {
    let mut changes = Vec::new();
    for (which, source) in SOURCES.iter().enumerate() {
        let begin = now().minus(2 * DAY);
        changes.push(Change::MembershipUpdated {
            source: key(source),
            region: "us-east-1".into(),
            policy: "finance".into(),
            destinations: vec!["us-west-2".into()],
            since: begin,
        });
        for hour in [0_u64, 6, 12, 18, 24, 30, 36] {
            let at = Time::from_millis(begin.millis() / 21_600_000 * 21_600_000).plus(Duration::from_secs(hour * 3600));
            let occurrence = Occurrence { at, trigger: Trigger::Schedule };
            let record =
                OccurrenceRecord { policy: "finance".into(), opened_at: at, caught_up: hour == 12, adopted: hour == 6 };
            changes.push(Change::Opened { source: key(source), occurrence, record: record.clone() });
            let number = which as u64 * 512 + hour * 8 + 1;
            let work = |target| WorkKey { source: key(source), occurrence, target };
            let token = |target| work(target).token(1);
            let request = Request::CreateBackup {
                source: (*source).into(),
                token: token(Target::Backup),
                tags: [("team".to_owned(), "it".to_owned())].into(),
            };
            changes.push(Change::RequestRecorded {
                key: work(Target::Backup),
                attempt: 1,
                request: Arc::new(request),
                at,
            });
            if hour == 36 {
                let fault = Fault::new(FaultClass::Throttled, "ThrottlingException", "Rate exceeded");
                let not_before = at.plus(Duration::from_secs(60));
                changes.push(Change::RequestFailed { key: work(Target::Backup), fault, definite: true, not_before });
                continue;
            }
            let stands = if hour == 30 { Lifecycle::Creating } else { Lifecycle::Available };
            changes.push(Change::BackupObserved { point: Box::new(point(source, number, at, false, stands)) });
            if hour == 30 {
                continue;
            }
            let request = Request::CopyBackup {
                source_region: "us-east-1".into(),
                backup: format!("backup-0123456789abcd{number:03x}").as_str().into(),
                kms_key: Some("alias/dr".to_owned()),
                token: token(Target::Copy("us-west-2".into())),
                tags: [("team".to_owned(), "it".to_owned())].into(),
            };
            let copy = work(Target::Copy("us-west-2".into()));
            changes.push(Change::RequestRecorded { key: copy, attempt: 1, request: Arc::new(request), at });
            if hour == 24 {
                continue;
            }
            let stands = if hour == 18 { Lifecycle::Copying } else { Lifecycle::Available };
            changes.push(Change::BackupObserved { point: Box::new(point(source, number + 1, at, true, stands)) });
            changes.push(Change::Counted(Counter::Copies("finance".into(), "us-west-2".into(), true)));
            changes.push(Change::Counted(Counter::Backups("finance".into(), true)));
            if hour < 18 {
                let (end, reason) = (OccurrenceOutcome::Completed, "all there".to_owned());
                changes.push(Change::Closed { source: key(source), occurrence, record, end, reason, at, earlier: 0 });
            }
        }
        let oldest = || format!("backup-0123456789abcd{:03x}", which * 512 + 1).as_str().into();
        let (at, reason) = (now().minus(DAY), "no rule keeps it".to_owned());
        changes.push(Change::DeletionPlanned { place: place("us-east-1"), id: oldest(), reason, confirmed: false, at });
        changes.push(Change::HoldRequested {
            place: place("us-west-2"),
            id: oldest(),
            hold: Some("audit".to_owned()),
            at,
        });
    }
    for region in ["us-east-1", "us-west-2"] {
        let (place, began_at) = (place(region), now().minus(DAY));
        changes.push(Change::Listed {
            place,
            began_at,
            took: Duration::ZERO,
            pages: 3,
            user_backups: 17,
            others: vec![],
            other_backups: vec![],
        });
    }
    changes
}

/// A good database, in one file.
static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    runtime().block_on(async {
        let mut store = SqliteStore::open(&path, now().minus(2 * DAY)).await.unwrap();
        store.commit(&life()).await.unwrap();
        let state = store.load(now()).await.unwrap();
        assert_eq!(state.sources.len(), 2);
        assert!(state.sources.values().all(|source| !source.pending_requests.is_empty() && !source.open.is_empty()));
        store.close().await;
    });
    std::fs::read(path).unwrap()
});

struct Database {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn database(bytes: &[u8]) -> Database {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    std::fs::write(&path, bytes).unwrap();
    Database { _folder: folder, path }
}

async fn connected(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).disable_statement_logging().connect().await.unwrap()
}

/// What comes of opening it as the daemon does and as a command does: a state that can be worked with, or a clear word.
async fn opened(path: &Path) -> Result<(), String> {
    let clear = |error: lifeboat::store::StoreError| {
        let said = error.to_string();
        assert!(said.contains("state.db"), "which file? {said}");
        assert!(said.contains(';') && said.len() > 40, "what is to be done? {said}");
        assert!(said.len() < 2000 && !said.chars().any(char::is_control), "{said:?}");
        said
    };
    let whole = HistoryQuery { limit: 1000, ..HistoryQuery::default() };
    if let Ok(mut reader) = SqliteStore::read(path).await.map_err(clear) {
        let _ = reader.history(&whole).await.map_err(clear);
        let period = RouteQuery { since: Time::ZERO, until: now(), policy: None, source: None };
        let _ = lifeboat::report::rpo_report::read(&mut reader, period).await.map_err(clear);
        let _ = reader.load(now()).await.map_err(clear);
        reader.close().await;
    }
    let mut store = SqliteStore::open(path, now()).await.map_err(clear)?;
    let _ = store.history(&whole).await.map_err(clear);
    let loaded = store.load(now()).await.map_err(clear);
    let written = match loaded {
        Ok(state) => work_with(Offline::new(state), &mut store).await.map_err(clear),
        Err(said) => Err(said),
    };
    let horizon = Horizon { coarse_before: now().minus(DAY), forgotten_before: now().minus(DAY) };
    // No more steps than there can be rows, whatever the rows are.
    for _ in 0..1000 {
        if !matches!(store.forget(&horizon).await.map_err(clear), Ok(true)) {
            break;
        }
    }
    store.close().await;
    written
}

/// A few rounds on this state, kept as the daemon keeps them.
async fn work_with(mut offline: Offline, store: &mut SqliteStore) -> Result<(), lifeboat::store::StoreError> {
    for minute in 0..4 {
        let at = now().plus(Duration::from_secs(60 * minute));
        let before = lifeboat::planner::plan(&offline.settings, &offline.state, at);
        let plan = offline.round(at);
        offline.draw(&plan, at);
        store.commit(&before.record).await?;
    }
    Ok(())
}

/// Something that does not belong there, as an SQL expression.
async fn wrong(connection: &mut SqliteConnection, table: &str, rng: &mut Rng) -> String {
    let quoted = |text: String| format!("'{}'", text.replace('\0', "").replace('\'', "''"));
    match rng.below(12) {
        0 => "NULL".to_owned(),
        1 => "''".to_owned(),
        2 => {
            one(rng, &["0", "-1", "1", "4294967296", "9223372036854775807", "-9223372036854775808", "253402300800000"])
                .to_owned()
        }
        3 => one(rng, &["1.5", "1e300", "-1e300", "9e999"]).to_owned(),
        4 => "X'00FF00FE'".to_owned(),
        5 => "CAST(X'ff41fe' AS TEXT)".to_owned(),
        6 => "zeroblob(100000)".to_owned(),
        7 => quoted("x".repeat(50_000)),
        8 => one(
            rng,
            &["'{}'", "'[]'", "'null'", "'[1]'", "'{\"call\":\"create_backup\"}'", "'\"x\"'", "'[\"us-west-2\",7]'"],
        )
        .to_owned(),
        9 => format!("'{}'", "[".repeat(5000)),
        10 => {
            // What stands somewhere else in this table.
            let columns = columns(connection, table).await;
            format!("(SELECT \"{}\" FROM {table} ORDER BY random() LIMIT 1)", one(rng, &columns))
        }
        _ => quoted(text(rng)),
    }
}

async fn columns(connection: &mut SqliteConnection, table: &str) -> Vec<String> {
    let rows = sqlx::query(AssertSqlSafe(format!("PRAGMA table_info({table})"))).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("name")).collect()
}

async fn tables(connection: &mut SqliteConnection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name";
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap()
}

/// Takes from the tables what would refuse a wrong value: a version that lacked it, or an editor of files, would not.
async fn without_guards(path: &Path) {
    let mut connection = connected(path).await;
    for sql in [
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = replace(replace(sql, 'STRICT, ', ''), 'NOT NULL', '') WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
        "PRAGMA writable_schema = RESET",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

#[test]
fn no_row_brings_the_store_or_the_planner_down() {
    each_case("no_row_brings_the_store_or_the_planner_down", 150, |rng| {
        let database = database(&GOOD);
        runtime().block_on(async {
            without_guards(&database.path).await;
            let mut connection = connected(&database.path).await;
            sqlx::query("PRAGMA ignore_check_constraints = ON").execute(&mut connection).await.unwrap();
            let tables = tables(&mut connection).await;
            assert!(tables.len() >= 8, "{tables:?}");
            for _ in 0..1 + rng.below(3) {
                let table = one(rng, &tables);
                let column = one(rng, &columns(&mut connection, &table).await);
                let value = wrong(&mut connection, &table, rng).await;
                let nth = below(rng, 12);
                let all = rng.percent(30.0);
                let target = if all {
                    String::new()
                } else {
                    format!("WHERE \"{column}\" IN (SELECT \"{column}\" FROM {table} LIMIT 1 OFFSET {nth})")
                };
                let sql = format!("UPDATE OR IGNORE {table} SET \"{column}\" = {value} {target}");
                sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            }
            connection.close().await.unwrap();
            let _ = opened(&database.path).await;
        });
    });
}

#[test]
fn no_bad_disk_brings_the_store_down() {
    each_case("no_bad_disk_brings_the_store_down", 150, |rng| {
        let mut bytes = GOOD.clone();
        let at = below(rng, bytes.len());
        match rng.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.truncate(at / 4096 * 4096),
            2 => {
                let page = at / 4096 * 4096;
                let end = (page + 4096).min(bytes.len());
                bytes[page..end].fill(rng.next_u64() as u8 & 0x80);
            }
            3 => {
                // The header and the schema are where the most can go wrong.
                let at = below(rng, 4096);
                bytes[at] = rng.next_u64() as u8;
            }
            _ => {
                for _ in 0..1 + rng.below(40) {
                    let at = below(rng, bytes.len());
                    bytes[at] ^= 1 << rng.below(8);
                }
            }
        }
        let database = database(&bytes);
        if rng.percent(20.0) {
            let garbage: Vec<u8> = (0..below(rng, 9000)).map(|_| rng.next_u64() as u8).collect();
            std::fs::write(database.path.with_extension("db-wal"), garbage).unwrap();
        }
        runtime().block_on(async {
            let _ = opened(&database.path).await;
        });
    });
}

#[test]
fn what_is_no_database_of_ours_is_named_for_what_it_is() {
    let said = |bytes: &[u8]| {
        let database = database(bytes);
        runtime().block_on(opened(&database.path)).unwrap_err()
    };
    assert!(
        said(b"[daemon]\nstate = \"/var/lib/lifeboat/state.db\"\n".repeat(100).as_slice())
            .contains("not a usable database")
    );
    assert!(said(&GOOD[..GOOD.len() / 2]).contains("not a usable database"));
    assert!(said(&[b"SQLite format 3\0".as_slice(), &[7; 5000]].concat()).contains("not a usable database"));
    // An empty file is what a full disk or `touch` leaves: nothing in it can be lost.
    let empty = database(b"");
    runtime().block_on(opened(&empty.path)).unwrap();
}

/// Each of these is done to a good database with SQL, and then told apart.
#[test]
fn a_newer_a_foreign_and_a_half_made_database_are_told_apart() {
    for (sql, says) in [
        (
            "INSERT INTO _sqlx_migrations SELECT 9001, 'later', installed_on, 1, X'00', 0 FROM _sqlx_migrations LIMIT 1",
            Err("newer lifeboat (schema 9001"),
        ),
        ("UPDATE _sqlx_migrations SET checksum = X'00'", Err("not a usable database")),
        ("UPDATE _sqlx_migrations SET success = 0 WHERE version = 1", Err("migration 1 is partially applied")),
        ("DROP TABLE _sqlx_migrations", Err("another program")),
        ("DROP TABLE points", Err("not a usable database")),
        ("ALTER TABLE asks DROP COLUMN asks", Err("a row of `asks` is damaged")),
        ("DELETE FROM meta", Ok(())),
        ("UPDATE points SET lifecycle = 'AVAILABLE', attempt = attempt + 1 WHERE lifecycle = 'CREATING'", Ok(())),
        ("DELETE FROM sources", Ok(())),
        ("DELETE FROM occurrences", Ok(())),
        ("DELETE FROM points", Ok(())),
    ] {
        let database = database(&GOOD);
        runtime().block_on(async {
            let mut connection = connected(&database.path).await;
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            match (opened(&database.path).await, says) {
                (Ok(()), Ok(())) => {}
                (Err(said), Err(says)) => assert!(said.contains(says), "{sql}: {said}"),
                (found, _) => panic!("{sql}: {found:?}"),
            }
        });
    }
}
