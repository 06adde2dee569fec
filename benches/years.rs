//! Years of daily backups in a real file: what it takes on disk, and how long the loop is held up at most.
//!
//! `cargo bench --bench years`; `LIFEBOAT_SOURCES` (100) and `LIFEBOAT_YEARS` (5) change what is done. Every change is one
//! that the daemon commits: an occurrence, its backup and three copies with the intents before them, and the deletion of
//! what retention lets go after seven days. Once a day the old is made coarser and forgotten, as in the daemon.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use lifeboat::domain::action::Request;
use lifeboat::domain::change::{Change, OccurrenceOutcome, OccurrenceRecord};
use lifeboat::domain::id::{AccountRegion, Occurrence, Region, SourceKey, Target, Trigger, WorkKey};
use lifeboat::domain::lane::FileSystemKind;
use lifeboat::domain::point::{Lifecycle, Provenance, RecoveryPoint};
use lifeboat::domain::remarks::Remarked;
use lifeboat::domain::tags::Origin;
use lifeboat::domain::time::Time;
use lifeboat::store::sqlite::SqliteStore;
use lifeboat::store::{HistoryQuery, Horizon, RouteQuery, Store as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const DAY: Duration = Duration::from_secs(86_400);
const START: Time = Time::from_secs(1_795_219_200);
const REGIONS: [&str; 4] = ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2"];
const KEPT_DAYS: u32 = 7;

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn work(source: u32, day: u32, region: usize) -> WorkKey {
    let target = if region == 0 { Target::Backup } else { Target::Copy(REGIONS[region].into()) };
    WorkKey {
        source: SourceKey { account: "default".into(), source: format!("fs-{source:017x}").as_str().into() },
        occurrence: Occurrence { at: START.plus(DAY * day), trigger: Trigger::Schedule },
        target,
    }
}

fn point(key: &WorkKey, region: usize, lifecycle: Lifecycle) -> RecoveryPoint {
    let id = |key: &WorkKey| format!("backup-{}", &key.token(1).as_str()[4..21]).as_str().into();
    let origin = (region > 0).then(|| Origin {
        region: Region::from(REGIONS[0]),
        backup: id(&WorkKey { target: Target::Backup, ..key.clone() }),
        taken_at: key.occurrence.at,
    });
    let created_at = key.occurrence.at.plus(Duration::from_secs(600 * region as u64));
    RecoveryPoint {
        provenance: Provenance {
            place: AccountRegion { account: "default".into(), region: REGIONS[region].into() },
            source: key.source.source.clone(),
            policy: Some("all".into()),
            kms_key: Some("arn:aws:kms:us-east-1:111122223333:key/703f0ebf-7936-45ad-8b6b-18691a9ff907".into()),
            asked_key: (region > 0).then(|| "".into()),
            kind: FileSystemKind::Windows,
            carried: Arc::new([("team".to_owned(), "storage".to_owned())].into()),
        }
        .into(),
        id: id(key),
        occurrence: key.occurrence,
        attempt: 1,
        origin,
        lifecycle,
        created_at,
        settled_at: (!lifecycle.in_flight()).then(|| created_at.plus(Duration::from_secs(500))),
        progress_percent: None,
        size_bytes: Some((1_u64 << 40).into()),
        remarks: Remarked::default(),
    }
}

/// What one night of one source commits, commit by commit.
fn night(source: u32, day: u32) -> Vec<Vec<Change>> {
    let first = work(source, day, 0);
    let at = first.occurrence.at;
    let record = OccurrenceRecord { policy: "all".into(), opened_at: at, caught_up: false, adopted: false };
    let (key, occurrence) = (first.source.clone(), first.occurrence);
    let mut commits = vec![vec![Change::Opened { source: key.clone(), occurrence, record: record.clone() }]];
    for (region, name) in REGIONS.iter().enumerate() {
        let work = work(source, day, region);
        let tags = [("lifeboat:policy", "all"), ("lifeboat:source", key.source.as_str()), ("team", "storage")];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let request = if region == 0 {
            Request::CreateBackup { source: key.source.clone(), token: work.token(1), tags }
        } else {
            let (backup, source_region) = (point(&first, 0, Lifecycle::Available).id, REGIONS[0].into());
            Request::CopyBackup { source_region, backup, kms_key: None, token: work.token(1), tags }
        };
        commits.push(vec![Change::RequestRecorded { key: work.clone(), attempt: 1, request: Arc::new(request), at }]);
        let in_flight = if region == 0 { Lifecycle::Creating } else { Lifecycle::Copying };
        for lifecycle in [in_flight, Lifecycle::Available] {
            commits.push(vec![Change::BackupObserved { point: Box::new(point(&work, region, lifecycle)) }]);
        }
        if let Some(old) = day.checked_sub(KEPT_DAYS) {
            let id = point(&self::work(source, old, region), region, Lifecycle::Available).id;
            let place = AccountRegion { account: "default".into(), region: (*name).into() };
            let reason = "no rule keeps it (last 7)".to_owned();
            commits.push(vec![Change::DeletionPlanned {
                place: place.clone(),
                id: id.clone(),
                reason,
                confirmed: false,
                at,
            }]);
            commits.push(vec![Change::DeletionRequested { place: place.clone(), id: id.clone(), at }]);
            commits.push(vec![Change::BackupRemoved { place, id, at: at.plus(Duration::from_secs(3600)) }]);
        }
    }
    let (end, reason) = (OccurrenceOutcome::Completed, "backup and 3 copies AVAILABLE".to_owned());
    commits.push(vec![Change::Closed { source: key, occurrence, record, end, reason, at, earlier: 0 }]);
    commits
}

fn megabytes(path: &Path) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    std::fs::metadata(path).map_or(0.0, |file| file.len() as f64 / 1e6)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sources, years) = (number("LIFEBOAT_SOURCES", 100), number("LIFEBOAT_YEARS", 5));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut store = SqliteStore::open(&path, START).await.unwrap();
    println!("{sources} daily sources, three destinations, seven days kept, nights committed {years} years long");
    println!("   day   file MB    WAL MB   longest commit   longest step of forgetting   start   history   report");
    let (mut commit, mut forgetting) = (Duration::ZERO, Duration::ZERO);
    for day in 0..years * 365 {
        for source in 0..sources {
            for changes in night(source, day) {
                let began = Instant::now();
                store.commit(&changes).await.unwrap();
                commit = commit.max(began.elapsed());
            }
        }
        let now = START.plus(DAY * (day + 1));
        let horizon = Horizon { coarse_before: now.minus(DAY * 90), forgotten_before: now.minus(DAY * 400) };
        loop {
            let began = Instant::now();
            let more = store.forget(&horizon).await.unwrap();
            forgetting = forgetting.max(began.elapsed());
            if !more {
                break;
            }
        }
        if [0, 29, 89, 179, 364, 399].contains(&day) || (day + 1) % 365 == 0 {
            let wal = megabytes(&folder.path().join("state.db-wal"));
            store.close().await;
            let began = Instant::now();
            store = SqliteStore::open(&path, now).await.unwrap();
            store.load(now).await.unwrap();
            let start = began.elapsed();
            let began = Instant::now();
            store.history(&HistoryQuery { limit: 100, ..HistoryQuery::default() }).await.unwrap();
            let history = began.elapsed();
            let began = Instant::now();
            let query = RouteQuery { since: now.minus(DAY * 30), until: now, policy: None, source: None };
            store.routes(&query, &mut |_| {}).await.unwrap();
            println!(
                "{:>6} {:>9.1} {wal:>9.1} {commit:>16.1?} {forgetting:>28.1?} {start:>7.0?} {history:>9.1?} {:>8.1?}",
                day + 1,
                megabytes(&path),
                began.elapsed()
            );
            (commit, forgetting) = (Duration::ZERO, Duration::ZERO);
        }
    }
    store.close().await;
}
