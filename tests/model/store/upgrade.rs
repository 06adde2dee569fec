//! A database of an earlier version: taken over with all that is in it.

use super::file::runtime;
use lifeboat::domain::change::Change;
use lifeboat::domain::id::{AccountId, AccountRegion, Occurrence, SourceKey, Trigger};
use lifeboat::domain::lane::FileSystemKind;
use lifeboat::domain::point::{Lifecycle, Provenance, RecoveryPoint};
use lifeboat::domain::remarks::Remarked;
use lifeboat::domain::state::State;
use lifeboat::domain::tags::Origin;
use lifeboat::domain::time::Time;
use lifeboat::store::sqlite::SqliteStore;
use lifeboat::store::{HistoryEntry, HistoryQuery, OccurrenceStatus, RouteQuery, Store as _};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use std::path::Path;

const START: Time = Time::from_secs(1_795_248_000);

fn copy(asked_key: Option<&str>) -> RecoveryPoint {
    RecoveryPoint {
        provenance: Provenance {
            place: AccountRegion { account: AccountId::own(), region: "us-west-2".into() },
            source: "fs-0123456789abcdef0".into(),
            policy: Some("one".into()),
            kms_key: Some("arn:aws:kms:us-west-2:111122223333:key/a".into()),
            asked_key: asked_key.map(Into::into),
            kind: FileSystemKind::Windows,
            carried: std::sync::Arc::default(),
        }
        .into(),
        id: "backup-0123456789abcdef0".into(),
        occurrence: Occurrence { at: START, trigger: Trigger::Schedule },
        attempt: 1,
        origin: Some(Origin { region: "us-east-1".into(), backup: "backup-0".into(), taken_at: START }),
        lifecycle: Lifecycle::Available,
        created_at: START,
        settled_at: Some(START),
        progress_percent: None,
        size_bytes: Some(1.into()),
        remarks: Remarked::default(),
    }
}

async fn loaded(path: &Path, changes: &[Change]) -> State {
    let mut store = SqliteStore::open(path, START).await.unwrap();
    store.commit(changes).await.unwrap();
    let state = store.load(START).await.unwrap();
    store.close().await;
    state
}

fn only_point(state: &State) -> RecoveryPoint {
    let key = SourceKey { account: AccountId::own(), source: "fs-0123456789abcdef0".into() };
    state.sources[&key].points.iter().next().unwrap().clone()
}

#[test]
fn the_words_for_a_key_are_kept_and_may_be_none_or_unknown() {
    for asked_key in [Some("alias/dr"), Some(""), None] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        runtime().block_on(async {
            let seen = Change::BackupObserved { point: Box::new(copy(asked_key)) };
            assert_eq!(only_point(&loaded(&path, &[seen]).await), copy(asked_key));
            assert_eq!(only_point(&loaded(&path, &[]).await), copy(asked_key));
        });
    }
}

#[test]
fn a_database_from_before_the_words_were_kept_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    runtime().block_on(async {
        loaded(&path, &[Change::BackupObserved { point: Box::new(copy(Some("alias/dr"))) }]).await;
        // As the version before left it.
        let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        for sql in ["ALTER TABLE points DROP COLUMN asked_key", "DELETE FROM _sqlx_migrations WHERE version = 5"] {
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        }
        drop(connection);
        assert_eq!(only_point(&loaded(&path, &[]).await), copy(None), "all but the words, which nobody knew");
        let moved = Change::BackupObserved { point: Box::new(copy(Some("alias/new"))) };
        assert_eq!(only_point(&loaded(&path, &[moved]).await), copy(Some("alias/new")));
    });
}

#[test]
fn what_stood_under_a_name_of_the_account_stands_under_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    runtime().block_on(async {
        loaded(&path, &[Change::BackupObserved { point: Box::new(copy(None)) }]).await;
        // As the version before left it, which had learned whose answers it believes.
        let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        for sql in [
            "DELETE FROM _sqlx_migrations WHERE version = 12",
            "INSERT INTO accounts (account, id, recorded_at) VALUES ('default', '111122223333', 1)",
        ] {
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        }
        drop(connection);
        let state = loaded(&path, &[]).await;
        let id = AccountId::from("111122223333");
        assert_eq!((state.own_account.as_ref(), &state.accounts[&id].id), (Some(&id), &id));
        let key = SourceKey { account: id.clone(), source: "fs-0123456789abcdef0".into() };
        let held: Vec<_> = state.sources[&key].points.iter().map(|point| point.place.account.clone()).collect();
        assert_eq!((held, state.sources.len(), state.places.len()), (vec![id], 1, 1));
        assert_eq!(loaded(&path, &[]).await, state, "and stays so");
    });
}

/// A file as the version before wrote it: with all that was ever deleted among what is there.
async fn before_years(path: &Path, rows: &[&'static str]) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let sql = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
               installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL,
               execution_time BIGINT NOT NULL)";
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    for migration in sqlx::migrate!("./migrations").iter().filter(|migration| migration.version <= 5) {
        sqlx::raw_sql(migration.sql.clone()).execute(&mut connection).await.unwrap();
        sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (?, ?, 1, ?, 0)")
            .bind(migration.version)
            .bind(migration.description.as_ref())
            .bind(migration.checksum.as_ref())
            .execute(&mut connection)
            .await
            .unwrap();
    }
    for sql in rows {
        sqlx::query(*sql).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

#[test]
fn what_was_deleted_in_an_older_file_is_past_and_told_of_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let rows = [
        "INSERT INTO meta VALUES ('created_at', 1000)",
        "INSERT INTO sources (account, source, region, policy, destinations, since, cursor)
         VALUES ('default', 'fs-a', 'us-east-1', 'one', '[\"us-west-2\"]', 1000, 30000)",
        // Of the first occurrence all is gone; of the second the copy is, and the backup is there, so it counts.
        "INSERT INTO points (account, region, id, source, \"trigger\", at, attempt, policy, origin_region, origin_id, taken_at,
         lifecycle, created_at, settled_at, kind) VALUES
         ('default', 'us-east-1', 'backup-1', 'fs-a', 'schedule', 10000, 1, 'one', NULL, NULL, 11000, 'DELETED', 11000,
          50000, 'WINDOWS'),
         ('default', 'us-west-2', 'backup-2', 'fs-a', 'schedule', 10000, 1, 'one', 'us-east-1', 'backup-1', 11000, 'DELETED',
          12000, 51000, 'WINDOWS'),
         ('default', 'us-east-1', 'backup-3', 'fs-a', 'schedule', 20000, 1, 'one', NULL, NULL, 21000, 'AVAILABLE', 21000,
          22000, 'WINDOWS'),
         ('default', 'us-west-2', 'backup-4', 'fs-a', 'schedule', 20000, 2, 'one', 'us-east-1', 'backup-3', 21000, 'DELETED',
          23000, 52000, 'WINDOWS')",
        "INSERT INTO held (account, region, id, source, is_copy, taken_at, created_at, seen_at, gone_at) VALUES
         ('default', 'us-east-1', 'backup-1', 'fs-a', 0, 11000, 11000, 11500, 50000),
         ('default', 'us-west-2', 'backup-2', 'fs-a', 1, 11000, 12000, 12500, 51000),
         ('default', 'us-east-1', 'backup-3', 'fs-a', 0, 21000, 21000, 22000, NULL),
         ('default', 'us-west-2', 'backup-4', 'fs-a', 1, 21000, 23000, 24000, 52000)",
        "INSERT INTO deletions (account, region, id, reason, condemned_at, deleted_at) VALUES
         ('default', 'us-east-1', 'backup-1', 'no rule keeps it', 49000, 50000),
         ('default', 'us-east-1', 'backup-3', 'no rule keeps it', 60000, NULL)",
        "INSERT INTO promises (account, source, destination, since, region, policy, rpo) VALUES
         ('default', 'fs-a', '', 1000, 'us-east-1', 'one', 60000), ('default', 'fs-a', 'us-west-2', 1000, 'us-west-2', 'one', 60000)",
    ];
    runtime().block_on(async {
        before_years(&path, &rows).await;
        let mut store = SqliteStore::open(&path, START).await.unwrap();
        let state = store.load(START).await.unwrap();
        let source = &state.sources[&SourceKey { account: AccountId::own(), source: "fs-a".into() }];
        let held: Vec<_> =
            source.points.iter().map(|point| (point.id.as_str(), point.lifecycle, point.attempt)).collect();
        assert_eq!(held, [("backup-3", Lifecycle::Available, 1), ("backup-4", Lifecycle::Deleted, 2)]);
        assert_eq!(state.deletions.len(), 1, "what is still to be deleted");
        let query = HistoryQuery { became: Some(OccurrenceStatus::Deleted), limit: 9, ..HistoryQuery::default() };
        let told: Vec<_> = store.history(&query).await.unwrap().into_iter().map(brief).collect();
        assert_eq!(
            told,
            [
                "backup-4 of 20 gone 52 decided 52: not deleted by Lifeboat",
                "backup-2 of 10 gone 51 decided 51: not deleted by Lifeboat",
                "backup-1 of 10 gone 50 decided 49: no rule keeps it",
            ]
        );
        let mut spans = Vec::new();
        let query = RouteQuery { since: Time::ZERO, until: START, policy: None, source: None };
        store
            .routes(&query, &mut |record| {
                let mut points: Vec<_> = record
                    .points
                    .iter()
                    .map(|held| (seconds(held.created_at), held.seen_at.map(seconds), held.gone_at.map(seconds)))
                    .collect();
                points.sort_unstable();
                spans.push((record.region.to_string(), points));
            })
            .await
            .unwrap();
        let at_home = vec![(11, Some(11), Some(50)), (21, Some(22), None)];
        let there = vec![(12, Some(12), Some(51)), (23, Some(24), Some(52))];
        assert_eq!(spans, [("us-east-1".to_owned(), at_home), ("us-west-2".to_owned(), there)]);
        store.close().await;
    });
}

fn seconds(time: Time) -> i64 {
    time.millis() / 1000
}

fn brief(entry: HistoryEntry) -> String {
    let (_, id) = entry.point.unwrap();
    let gone = entry.closed_at.map(seconds).unwrap();
    let reason = entry.reason.unwrap();
    format!("{id} of {} gone {gone} decided {}: {reason}", seconds(entry.occurrence.at), seconds(entry.opened_at))
}
