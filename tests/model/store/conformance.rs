//! One suite for every store: what a life of the simulated world commits, given to a store and to the model, which must
//! know the same after it.

use super::file::runtime;
use super::same;
use crate::world::World;
use crate::world::disk::{Disk, Kept};
use crate::world::setup::Setup;
use lifeboat::domain::change::Change;
use lifeboat::domain::id::{AccountRegion, BackupId, Occurrence, SourceKey};
use lifeboat::domain::point::{Lifecycle, RecoveryPoint};
use lifeboat::domain::state::{ORDER_REMEMBERED_FOR, State};
use lifeboat::domain::time::Time;
use lifeboat::store::sqlite::SqliteStore;
use lifeboat::store::{HistoryEntry, HistoryQuery, Horizon, OccurrenceStatus, Store};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What a disk was asked for.
#[derive(Clone)]
pub enum Deed {
    Load(Time),
    Commit(Vec<Change>),
    Lose,
}

/// A disk that writes down what it is asked for.
struct Recorder {
    tables: Kept,
    deeds: Arc<Mutex<Vec<Deed>>>,
}

impl Disk for Recorder {
    fn load(&mut self, started_at: Time) -> Result<State, String> {
        self.deeds.lock().unwrap().push(Deed::Load(started_at));
        self.tables.load(started_at)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), String> {
        self.deeds.lock().unwrap().push(Deed::Commit(changes.to_vec()));
        self.tables.commit(changes)
    }

    fn lose(&mut self) -> Result<(), String> {
        self.deeds.lock().unwrap().push(Deed::Lose);
        self.tables.lose()
    }
}

/// The first `most` things that a world asks of its disk.
pub fn deeds(setup: Setup, most: usize) -> Vec<Deed> {
    let deeds = Arc::new(Mutex::new(Vec::new()));
    let disk = Recorder { tables: Kept::default(), deeds: deeds.clone() };
    World::new(setup).with_disk(Box::new(disk)).run().unwrap();
    let mut deeds = std::mem::take(&mut *deeds.lock().unwrap());
    deeds.truncate(most);
    deeds
}

/// What the history must say, kept by other means.
#[derive(Default)]
struct Annals {
    occurrences: BTreeMap<(SourceKey, Occurrence), HistoryEntry>,
    points: BTreeMap<(AccountRegion, BackupId), RecoveryPoint>,
    /// Why what is to be deleted is, when that was decided, and whether it was done.
    deletion_planned: BTreeMap<(AccountRegion, BackupId), (String, Time, bool)>,
}

impl Annals {
    fn note(&mut self, change: &Change) {
        match change {
            Change::Opened { source, occurrence, record } | Change::Closed { source, occurrence, record, .. } => {
                let mut entry = HistoryEntry {
                    source: source.clone(),
                    occurrence: *occurrence,
                    policy: record.policy.clone(),
                    opened_at: record.opened_at,
                    became: OccurrenceStatus::Open,
                    reason: None,
                    closed_at: None,
                    point: None,
                    earlier: 0,
                };
                if let Change::Closed { end, reason, at, earlier, .. } = change {
                    (entry.became, entry.reason) = (OccurrenceStatus::Ended(*end), Some(reason.clone()));
                    (entry.closed_at, entry.earlier) = (Some(*at), *earlier);
                }
                self.occurrences.insert((source.clone(), *occurrence), entry);
            }
            Change::BackupObserved { point } => {
                self.points.insert((point.place.clone(), point.id.clone()), (**point).clone());
            }
            Change::BackupRemoved { place, id, at } => {
                if let Some(point) = self.points.get_mut(&(place.clone(), id.clone())) {
                    (point.lifecycle, point.settled_at) = (Lifecycle::Deleted, Some(*at));
                }
                if let Some((.., done)) = self.deletion_planned.get_mut(&(place.clone(), id.clone())) {
                    *done = true;
                }
            }
            Change::DeletionPlanned { place, id, reason, at, .. } => {
                self.deletion_planned.insert((place.clone(), id.clone()), (reason.clone(), *at, false));
            }
            Change::DeletionCancelled { place, id, .. } => {
                let key = (place.clone(), id.clone());
                if self.deletion_planned.get(&key).is_some_and(|(.., done)| !done) {
                    self.deletion_planned.remove(&key);
                }
            }
            _ => {}
        }
    }

    fn deletions(&self) -> impl Iterator<Item = HistoryEntry> {
        self.points.iter().filter(|(_, point)| point.lifecycle == Lifecycle::Deleted).map(|(key, point)| {
            let gone_at = point.settled_at.unwrap();
            let (reason, decided_at, _) = self.deletion_planned.get(key).cloned().unwrap_or((
                "not deleted by Lifeboat".to_owned(),
                gone_at,
                true,
            ));
            HistoryEntry {
                source: point.source_key(),
                occurrence: point.occurrence,
                policy: point.policy.clone().unwrap_or_else(|| "-".into()),
                opened_at: decided_at,
                became: OccurrenceStatus::Deleted,
                reason: Some(reason),
                closed_at: Some(gone_at),
                point: Some((point.place.region.clone(), point.id.clone())),
                earlier: 0,
            }
        })
    }

    fn told(&self, query: &HistoryQuery) -> Vec<HistoryEntry> {
        let asked = |entry: &HistoryEntry| {
            query.since.is_none_or(|since| entry.lies_at() >= since)
                && query.until.is_none_or(|until| entry.lies_at() < until)
                && query.policy.as_ref().is_none_or(|policy| entry.policy == *policy)
                && query.became.is_none_or(|became| entry.became == became)
        };
        let mut told: Vec<_> = self.occurrences.values().cloned().chain(self.deletions()).filter(asked).collect();
        let place = |entry: &HistoryEntry| {
            let HistoryEntry { source, occurrence, point, .. } = entry.clone();
            (std::cmp::Reverse(entry.lies_at()), source, occurrence.at, occurrence.trigger.as_str(), point)
        };
        told.sort_by_key(place);
        told.truncate(query.limit as usize);
        told
    }
}

/// Holds a store to the model through all of these. `open` gives the store as a new process finds it; `true`: without
/// what it held.
async fn conforms<S: Store>(deeds: &[Deed], mut open: impl AsyncFnMut(bool, Time) -> S, what: &str) {
    let (mut model, mut annals) = (Kept::default(), Annals::default());
    let mut store: Option<S> = None;
    let (mut lost, mut now) = (true, Time::ZERO);
    for (number, deed) in deeds.iter().enumerate() {
        let when = format!("{what}, deed {number}");
        match deed {
            Deed::Lose => {
                model.lose().unwrap();
                annals = Annals::default();
                lost = true;
            }
            Deed::Load(started_at) => {
                drop(store.take());
                now = *started_at;
                let fresh = store.insert(open(std::mem::take(&mut lost), now).await);
                same(&model.load(now).unwrap(), &fresh.load(now).await.unwrap(), &when);
            }
            Deed::Commit(changes) => {
                model.commit(changes).unwrap();
                changes.iter().for_each(|change| annals.note(change));
                store.as_mut().unwrap().commit(changes).await.unwrap();
            }
        }
        let Some(store) = store.as_mut().filter(|_| number % 97 == 0 || number + 1 == deeds.len()) else { continue };
        same(&model.load(now).unwrap(), &store.load(now).await.unwrap(), &when);
        let policy = annals.occurrences.values().last().map(|entry| entry.policy.clone());
        let since = annals
            .occurrences
            .values()
            .map(|entry| entry.occurrence.at)
            .max()
            .map(|at| at.minus(std::time::Duration::from_secs(86_400)));
        for query in [
            HistoryQuery { limit: u32::MAX, ..HistoryQuery::default() },
            HistoryQuery { since, limit: 7, ..HistoryQuery::default() },
            HistoryQuery {
                until: since,
                became: Some(OccurrenceStatus::Deleted),
                limit: 20,
                ..HistoryQuery::default()
            },
            HistoryQuery { policy, limit: 50, ..HistoryQuery::default() },
        ] {
            assert_eq!(store.history(&query).await.unwrap(), annals.told(&query), "{when}: {query:?}");
        }
    }
    let Some(store) = store.as_mut() else { panic!("{what}: nothing was ever loaded") };
    // What is forgotten matters to no decision; the daemon remembers three months, and how orders ended matters for one.
    let mut before = store.load(now).await.unwrap();
    for forgotten_before in [Time::ZERO, now, Time::NEVER] {
        let horizon = Horizon { coarse_before: forgotten_before, forgotten_before };
        while store.forget(&horizon).await.unwrap() {}
        let mut after = store.load(now).await.unwrap();
        if forgotten_before > now.minus(ORDER_REMEMBERED_FOR) {
            for source in before.sources.values_mut().chain(after.sources.values_mut()) {
                Arc::make_mut(source).orders_ended.clear();
            }
        }
        same(&before, &after, &format!("{what}, after forgetting what ended before {forgotten_before}"));
    }
}

#[test]
fn sqlite_is_the_model() {
    let mut loads = 0;
    for seed in 0..6 {
        let deeds = deeds(Setup::draw(seed), 700);
        loads += deeds.iter().filter(|deed| matches!(deed, Deed::Load(_))).count();
        let folder = tempfile::tempdir().unwrap();
        let mut files = 0;
        let open = async |lost: bool, now: Time| {
            files += u32::from(lost);
            SqliteStore::open(&folder.path().join(format!("{files}.db")), now).await.unwrap()
        };
        runtime().block_on(conforms(&deeds, open, &format!("seed {seed}")));
    }
    assert!(loads > 20, "{loads} starts show too little");
}
