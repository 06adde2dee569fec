//! Other programs at the same file: a reader that holds the log open, and one that has the file locked.

use super::file::runtime;
use lifeboat::domain::change::Change;
use lifeboat::domain::note::{Note, Notification};
use lifeboat::domain::time::Time;
use lifeboat::store::sqlite::SqliteStore;
use lifeboat::store::{Store as _, StoreProblem};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

/// Commits that write a megabyte and take it away again.
async fn churn(store: &mut SqliteStore, rounds: std::ops::Range<u32>) {
    for id in rounds.flat_map(|round| (0..10).map(move |nth| format!("{round}-{nth}"))) {
        let notice = Notification { id: id.clone(), at: Time::ZERO, body: format!("\"{}\"", "x".repeat(100_000)) };
        for note in [Note::NotificationQueued(Box::new(notice)), Note::NotificationDone { id }] {
            store.commit(&[Change::Noted(note)]).await.unwrap();
        }
    }
}

#[test]
fn the_log_is_cut_back_once_no_reader_holds_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let wal_bytes = || std::fs::metadata(folder.path().join("state.db-wal")).unwrap().len();
    runtime().block_on(async {
        let mut store = SqliteStore::open(&path, Time::ZERO).await.unwrap();
        churn(&mut store, 0..20).await;
        assert!(wal_bytes() < 16 << 20, "{} bytes without a reader", wal_bytes());
        let mut reader = SqliteConnectOptions::new().filename(&path).read_only(true).connect().await.unwrap();
        let mut reading = reader.begin().await.unwrap();
        sqlx::query("SELECT count(*) FROM meta").fetch_one(&mut *reading).await.unwrap();
        churn(&mut store, 20..50).await;
        assert!(wal_bytes() > 16 << 20, "the reader holds nothing open: {} bytes", wal_bytes());
        reading.rollback().await.unwrap();
        churn(&mut store, 50..54).await;
        assert!(wal_bytes() <= 16 << 20, "{} bytes after the reader", wal_bytes());
        store.close().await;
    });
}

#[test]
fn a_locked_file_is_told_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    runtime().block_on(async {
        let mut store = SqliteStore::open(&path, Time::ZERO).await.unwrap();
        let mut other = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let relieved = Change::Noted(Note::NotificationDone { id: "none".to_owned() });
        let error = store.commit(std::slice::from_ref(&relieved)).await.unwrap_err();
        assert!(matches!(error.problem, StoreProblem::Busy(_)), "{error}");
        let said = error.to_string();
        assert!(said.contains("locked") && !said.contains("move the file away"), "{said}");
        held.rollback().await.unwrap();
        store.commit(&[relieved]).await.unwrap();
        store.close().await;
    });
}
