//! What persons ordered, through a store and the model of it: pauses, and occurrences by hand that ended.

use super::file::runtime;
use super::same;
use crate::world::disk::{Disk, Kept};
use lifeboat::domain::change::{Change, OccurrenceOutcome, OccurrenceRecord};
use lifeboat::domain::id::{AccountId, Occurrence, SourceKey, Trigger};
use lifeboat::domain::pause::Pause;
use lifeboat::domain::time::Time;
use lifeboat::store::Store;
use lifeboat::store::sqlite::SqliteStore;
use std::time::Duration;

const NOON: Time = Time::from_secs(1_795_262_400);

fn at(minutes: u64) -> Time {
    NOON.plus(Duration::from_secs(60 * minutes))
}

fn paused(policy: &str, since: u64, until: Option<u64>, reason: Option<&str>) -> Change {
    let (since, until) = (at(since), until.map(at));
    let pause = Pause { since, until, reason: reason.map(str::to_owned), resumed: until.is_some() };
    Change::Paused { policy: policy.into(), pause }
}

fn by_hand(minute: u64, end: Option<OccurrenceOutcome>) -> Change {
    let source = SourceKey { account: AccountId::own(), source: "fs-1".into() };
    let occurrence = Occurrence { at: at(minute), trigger: Trigger::Manual };
    let record = OccurrenceRecord { policy: "one".into(), opened_at: at(minute), caught_up: false, adopted: false };
    match end {
        None => Change::Opened { source, occurrence, record },
        Some(end) => {
            let reason = "for the test".to_owned();
            Change::Closed { source, occurrence, record, end, reason, at: at(minute + 1), earlier: 0 }
        }
    }
}

#[test]
fn pauses_and_ended_orders_survive_the_process() {
    let source = SourceKey { account: AccountId::own(), source: "fs-1".into() };
    let watched = Change::MembershipUpdated {
        source: source.clone(),
        region: "us-east-1".into(),
        policy: "one".into(),
        destinations: Vec::new(),
        since: NOON,
    };
    let lives = [
        vec![watched, paused("one", 1, None, Some("new disks")), paused("two", 2, Some(9), None), by_hand(3, None)],
        vec![paused("one", 1, Some(7), Some("longer")), by_hand(3, Some(OccurrenceOutcome::Missed)), by_hand(4, None)],
        vec![paused("one", 8, None, None), Change::PauseOver { policy: "one".into(), since: at(1) }],
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut model = Kept::default();
    for (number, changes) in lives.iter().enumerate() {
        let started_at = at(5 + number as u64);
        runtime().block_on(async {
            let mut store = SqliteStore::open(&path, started_at).await.unwrap();
            let (expected, mut found) = (model.load(started_at).unwrap(), store.load(started_at).await.unwrap());
            same(&expected, &found, &format!("life {number}"));
            // What is in memory after a change is what the next process finds.
            changes.iter().for_each(|change| found.apply(change).unwrap());
            store.commit(changes).await.unwrap();
            model.commit(changes).unwrap();
            let again = store.load(started_at).await.unwrap();
            assert_eq!(again.pauses, found.pauses);
            let (again, found) = (&again.sources[&source], &found.sources[&source]);
            assert_eq!((&again.open, &again.orders_ended), (&found.open, &found.orders_ended));
            store.close().await;
        });
    }
    let last = model.load(at(9)).unwrap();
    assert_eq!(last.pauses.keys().map(|policy| policy.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(last.pause_at(&"one".into(), at(9)).unwrap().since, at(8));
    assert_eq!(last.sources[&source].orders_ended.get(&at(3)), Some(&OccurrenceOutcome::Missed));
    // What AWS shows of it opens it no more, for a month.
    let mut days = |days: u64| model.load(at(days * 24 * 60)).unwrap().sources[&source].orders_ended.len();
    assert_eq!((days(29), days(31)), (1, 0));
}
