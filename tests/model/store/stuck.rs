//! What must outlive the process of whatever is stuck: whose account it is, and what a person cancelled.

use super::file::runtime;
use super::same;
use crate::world::disk::{Disk, Kept};
use lifeboat::domain::change::{Change, OccurrenceOutcome, OccurrenceRecord};
use lifeboat::domain::id::{AccountId, Occurrence, SourceKey, Trigger};
use lifeboat::domain::time::Time;
use lifeboat::store::Store;
use lifeboat::store::sqlite::SqliteStore;

const NOON: Time = Time::from_secs(1_795_262_400);

#[test]
fn the_account_on_record_and_a_cancelled_order_survive_the_process() {
    let source = SourceKey { account: AccountId::own(), source: "fs-1".into() };
    let occurrence = Occurrence { at: NOON, trigger: Trigger::Manual };
    let record = OccurrenceRecord { policy: "one".into(), opened_at: NOON, caught_up: false, adopted: false };
    let watched = Change::MembershipUpdated {
        source: source.clone(),
        region: "us-east-1".into(),
        policy: "one".into(),
        destinations: Vec::new(),
        since: NOON,
    };
    let recorded = |id: &str| Change::AccountRecorded { account: AccountId::own(), id: id.into(), at: NOON };
    let ended = Change::Closed {
        source: source.clone(),
        occurrence,
        record: record.clone(),
        end: OccurrenceOutcome::Failed,
        reason: "cancelled by a person".to_owned(),
        at: NOON,
        earlier: 0,
    };
    let opened = Change::Opened { source: source.clone(), occurrence, record };
    let cancelled = Change::Cancelled { source: source.clone(), occurrence, at: NOON };
    // Who was first on record stays.
    let lives = [
        vec![recorded("111122223333"), watched, opened],
        vec![cancelled, recorded("444455556666")],
        vec![ended],
        vec![],
    ];
    let expected = [(0, 0), (1, 0), (1, 1), (1, 0)];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut model = Kept::default();
    for (number, (changes, expected)) in lives.iter().zip(expected).enumerate() {
        runtime().block_on(async {
            let mut store = SqliteStore::open(&path, NOON).await.unwrap();
            let (by_model, found) = (model.load(NOON).unwrap(), store.load(NOON).await.unwrap());
            same(&by_model, &found, &format!("life {number}"));
            let cancelled = found.sources.get(&source).map_or(0, |source| source.cancelled.len());
            assert_eq!((found.accounts.len(), cancelled), expected, "life {number}");
            assert!(found.accounts.values().all(|known| known.id.as_str() == "111122223333"));
            store.commit(changes).await.unwrap();
            model.commit(changes).unwrap();
            store.close().await;
        });
    }
}
