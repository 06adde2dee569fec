//! From when a schedule holds, through a store and the model of it.

use super::file::runtime;
use super::same;
use crate::world::disk::{Disk, Kept};
use lifeboat::domain::change::{Change, Line};
use lifeboat::domain::id::{AccountId, SourceKey};
use lifeboat::domain::time::Time;
use lifeboat::store::Store;
use lifeboat::store::sqlite::SqliteStore;

const NOON: Time = Time::from_secs(1_795_262_400);

#[test]
fn schedules_survive_the_process_and_leave_with_their_source() {
    let later = |hours: u64| NOON.plus(std::time::Duration::from_secs(3600 * hours));
    let source = SourceKey { account: AccountId::own(), source: "fs-1".into() };
    let line = |text: &str, since| Line { text: text.into(), zone: "Europe/Berlin".into(), since };
    let rescheduled = |lines: &[Line]| Change::Rescheduled { source: source.clone(), lines: lines.to_vec() };
    let watched = |policy: &str| Change::MembershipUpdated {
        source: source.clone(),
        region: "us-east-1".into(),
        policy: policy.into(),
        destinations: Vec::new(),
        since: NOON,
    };
    let two = [line("0 3 * * *", None), line("0 4 * * *", Some(later(5)))];
    let lives = [
        (vec![watched("one"), rescheduled(&two[..1])], 1),
        (vec![rescheduled(&two)], 2),
        (vec![watched("renamed")], 2),
        (vec![Change::ClockWentBack(later(4))], 2),
        (vec![rescheduled(&two[1..])], 1),
        (vec![Change::SourceDeparted { source: source.clone() }, watched("again")], 0),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut model = Kept::default();
    for (number, (changes, count)) in lives.into_iter().enumerate() {
        runtime().block_on(async {
            let mut store = SqliteStore::open(&path, NOON).await.unwrap();
            let (expected, mut found) = (model.load(NOON).unwrap(), store.load(NOON).await.unwrap());
            same(&expected, &found, &format!("life {number}"));
            changes.iter().for_each(|change| found.apply(change).unwrap());
            store.commit(&changes).await.unwrap();
            model.commit(&changes).unwrap();
            let again = store.load(NOON).await.unwrap();
            let (again, found) = (&again.sources[&source].membership, &found.sources[&source].membership);
            assert_eq!(again, found, "life {number}");
            let lines = &again.as_ref().unwrap().lines;
            assert_eq!(lines.len(), count, "life {number}");
            if number == 3 {
                assert_eq!(lines[1].since, Some(later(4)), "no later than the clock that went back");
            }
            store.close().await;
        });
    }
}
