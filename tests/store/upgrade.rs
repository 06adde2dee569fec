//! A database of an earlier version: taken over with all that is in it.

use super::file::runtime;
use lifeboat::domain::change::Change;
use lifeboat::domain::id::{AccountName, Occurrence, Place, SourceKey, Trigger};
use lifeboat::domain::lane::FileSystemKind;
use lifeboat::domain::point::{Lifecycle, Point};
use lifeboat::domain::state::State;
use lifeboat::domain::tags::Origin;
use lifeboat::domain::time::Time;
use lifeboat::store::Store as _;
use lifeboat::store::sqlite::SqliteStore;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use std::path::Path;

const START: Time = Time::from_secs(1_795_248_000);

fn copy(asked_key: Option<&str>) -> Point {
    Point {
        id: "backup-0123456789abcdef0".into(),
        place: Place { account: AccountName::own(), region: "us-west-2".into() },
        source: "fs-0123456789abcdef0".into(),
        policy: Some("one".into()),
        occurrence: Occurrence { at: START, trigger: Trigger::Schedule },
        attempt: 1,
        origin: Some(Origin { region: "us-east-1".into(), backup: "backup-0".into(), taken_at: START }),
        hold: None,
        lifecycle: Lifecycle::Available,
        created_at: START,
        settled_at: Some(START),
        failure: None,
        progress_percent: None,
        size_bytes: Some(1),
        kms_key: Some("arn:aws:kms:us-west-2:111122223333:key/a".into()),
        asked_key: asked_key.map(Into::into),
        kind: FileSystemKind::Windows,
        carried: std::sync::Arc::default(),
        suspected: None,
    }
}

async fn loaded(path: &Path, changes: &[Change]) -> State {
    let mut store = SqliteStore::open(path, START).await.unwrap();
    store.commit(changes).await.unwrap();
    let state = store.load(START).await.unwrap();
    store.close().await;
    state
}

fn only_point(state: &State) -> Point {
    let key = SourceKey { account: AccountName::own(), source: "fs-0123456789abcdef0".into() };
    state.sources[&key].points.iter().next().unwrap().clone()
}

#[test]
fn the_words_for_a_key_are_kept_and_may_be_none_or_unknown() {
    for asked_key in [Some("alias/dr"), Some(""), None] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        runtime().block_on(async {
            let seen = Change::Seen { point: Box::new(copy(asked_key)) };
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
        loaded(&path, &[Change::Seen { point: Box::new(copy(Some("alias/dr"))) }]).await;
        // As the version before left it.
        let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        for sql in ["ALTER TABLE points DROP COLUMN asked_key", "DELETE FROM _sqlx_migrations WHERE version = 5"] {
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        }
        drop(connection);
        assert_eq!(only_point(&loaded(&path, &[]).await), copy(None), "all but the words, which nobody knew");
        let moved = Change::Seen { point: Box::new(copy(Some("alias/new"))) };
        assert_eq!(only_point(&loaded(&path, &[moved]).await), copy(Some("alias/new")));
    });
}
