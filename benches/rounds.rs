//! What a round costs: `cargo bench --bench rounds`.
//!
//! A fleet of sources with three destinations each, and recovery points held on every route. A round must cost what is
//! due or in flight, not what is held, so each case stands beside the same one with a tenth of the points.
#![allow(clippy::expect_used, reason = "a bench that cannot go on ends")]

use divan::{Bencher, black_box};
use lifeboat::domain::action::{Action, Outcome};
use lifeboat::domain::change::Change;
use lifeboat::domain::id::{AccountId, AccountRegion, BackupId, Occurrence, SourceKey, Trigger};
use lifeboat::domain::lane::FileSystemKind;
use lifeboat::domain::point::{Lifecycle, ObservedBackup, Provenance, RecoveryPoint};
use lifeboat::domain::policy::Settings;
use lifeboat::domain::remarks::Remarked;
use lifeboat::domain::schedule::Schedule;
use lifeboat::domain::state::State;
use lifeboat::domain::tags::{LifeboatTags, Origin};
use lifeboat::domain::time::Time;
use lifeboat::planner::{plan, process_outcome};
use std::sync::Arc;
use std::time::Duration;

const SOURCES: [usize; 3] = [100, 1_000, 10_000];
const HELD: [usize; 2] = [3, 30];
const DESTINATIONS: [&str; 3] = ["us-west-2", "eu-west-1", "ap-southeast-2"];
/// An hourly schedule; the fleet stands half an hour after a firing that was completed everywhere.
const START: Time = Time::from_secs(1_795_248_000);

fn main() {
    divan::main();
}

fn source(number: usize) -> String {
    format!("fs-{number:017x}")
}

fn settings(sources: usize) -> Settings {
    let ids: Vec<String> = (0..sources).map(|number| format!("\"{}\"", source(number))).collect();
    let mut text = format!(
        "[[policy]]\nname = \"bench\"\nregion = \"us-east-1\"\nschedule = \"@hourly\"\nrpo = \"3h\"\nfile_systems = [{}]\n",
        ids.join(",")
    );
    for region in DESTINATIONS {
        text.push_str(&format!("[[policy.destination]]\nregion = \"{region}\"\n"));
    }
    let loaded = lifeboat::config::parse(&[("bench".to_owned(), text)], START);
    let mut settings = loaded.expect("the policy of the bench is good").settings;
    settings.generation = 1;
    settings
}

fn place(region: &str) -> AccountRegion {
    AccountRegion { account: AccountId::own(), region: region.into() }
}

/// A recovery point taken `hours` before the start.
fn point(number: usize, hours: u32, region: Option<&str>) -> RecoveryPoint {
    let at = START.minus(Duration::from_secs(u64::from(hours) * 3600));
    let taken_at = at.plus(Duration::from_secs(5));
    let origin = region.map(|_| Origin {
        region: "us-east-1".into(),
        backup: BackupId::from(format!("backup-{number:08x}{hours:08x}0")),
        taken_at,
    });
    let end = region.map_or(0, |region| DESTINATIONS.iter().position(|other| *other == region).map_or(9, |at| at + 1));
    RecoveryPoint {
        provenance: Provenance {
            place: place(region.unwrap_or("us-east-1")),
            source: source(number).into(),
            policy: Some("bench".into()),
            kms_key: None,
            kind: FileSystemKind::Windows,
            carried: Arc::default(),
            asked_key: None,
        }
        .into(),
        id: BackupId::from(format!("backup-{number:08x}{hours:08x}{end}")),
        occurrence: Occurrence { at, trigger: Trigger::Schedule },
        attempt: 1,
        origin,
        lifecycle: Lifecycle::Available,
        created_at: taken_at,
        settled_at: Some(taken_at),
        progress_percent: None,
        size_bytes: Some((1_u64 << 40).into()),
        remarks: Remarked::default(),
    }
}

fn take_in(state: &mut State, changes: Vec<Change>) {
    for change in changes {
        state.apply(&change).expect("the bench makes no illegal change");
    }
}

/// A fleet at rest: everything listed, every route has its newest backup.
fn fleet(settings: &Settings, sources: usize, held: usize) -> (State, Time) {
    let long_ago = START.minus(Duration::from_secs(400 * 86_400));
    let now = START.plus(Duration::from_secs(1800));
    let mut state = State::new(long_ago, now);
    for number in 0..sources {
        for hours in (0..held).filter_map(|hours| u32::try_from(hours).ok()) {
            let copies = DESTINATIONS.map(|region| point(number, hours, Some(region)));
            for point in copies.into_iter().chain([point(number, hours, None)]) {
                take_in(&mut state, vec![Change::BackupObserved { point: Box::new(point) }]);
            }
        }
    }
    for region in DESTINATIONS.into_iter().chain(["us-east-1"]) {
        let place = place(region);
        take_in(
            &mut state,
            vec![Change::Listed {
                place,
                began_at: now,
                took: Duration::ZERO,
                pages: 40,
                user_backups: 0,
                others: vec![],
                other_backups: vec![],
            }],
        );
    }
    // The first rounds watch every source and find nothing due.
    for _ in 0..10 {
        let changes = plan(settings, &state, now).record;
        take_in(&mut state, changes);
    }
    (state, now)
}

/// Nothing due, nothing in flight.
#[divan::bench(args = SOURCES, consts = HELD)]
fn quiet<const HELD_EACH: usize>(bencher: Bencher<'_, '_>, sources: usize) {
    let settings = settings(sources);
    let (state, now) = fleet(&settings, sources, HELD_EACH);
    bencher.bench(|| black_box(plan(&settings, &state, now.plus(Duration::from_secs(1)))));
}

/// A whole round with every source due at once: rounds until nothing more can start, each call answered.
#[divan::bench(args = SOURCES, consts = HELD, sample_count = 5)]
fn everything_due<const HELD_EACH: usize>(bencher: Bencher<'_, '_>, sources: usize) {
    let settings = settings(sources);
    let (state, now) = fleet(&settings, sources, HELD_EACH);
    let due = now.plus(Duration::from_secs(1800));
    bencher.with_inputs(|| state.clone()).bench_values(|mut state| {
        // Ten rounds: the occurrences are recorded, lookups and the first backups leave and come back.
        for _ in 0..10 {
            let plan = plan(&settings, &state, due);
            take_in(&mut state, plan.record);
            for action in plan.actions {
                let outcome = answer(&action, due);
                let changes = process_outcome(&settings, &state, &action, outcome, due);
                take_in(&mut state, changes);
            }
        }
        black_box(state)
    });
}

/// What an endpoint would say at once.
fn answer(action: &Action, now: Time) -> Outcome {
    use lifeboat::domain::action::{Call, Request, SourceFacts};
    match &action.call {
        Call::Make { request, .. } => {
            let (Request::CreateBackup { tags, token, .. } | Request::CopyBackup { tags, token, .. }) = &**request;
            let id = token.as_str().replace("lb1-", "backup-");
            Outcome::Made(Box::new(ObservedBackup {
                id: id.into(),
                lifecycle: Lifecycle::Creating,
                created_at: now,
                failure: None,
                progress_percent: Some(0),
                size_bytes: None,
                kms_key: None,
                kind: FileSystemKind::Windows,
                volume: None,
                copied_from: None,
                arn: None,
                file_system: None,
                copied_from_region: None,
                made_as: lifeboat::domain::point::MadeAs::UserInitiated,
                tags: tags.clone().into(),
            }))
        }
        Call::DescribeSources { ids } => Outcome::SourcesDescribed(
            ids.iter()
                .map(|id| SourceFacts {
                    source: id.clone(),
                    kind: FileSystemKind::Windows,
                    lifecycle: "AVAILABLE".to_owned(),
                    tags: [("team".to_owned(), "bench".to_owned())].into(),
                    name: None,
                    account: None,
                })
                .collect(),
        ),
        Call::Poll { .. } => Outcome::Polled(Vec::new()),
        Call::ListPage { .. } => Outcome::Page { observed_backups: Vec::new(), next_token: None },
        Call::SearchSources { .. } => Outcome::SourcesFound { facts: Vec::new(), next_token: None },
        Call::Delete { .. } => Outcome::Deleted,
        Call::Hold { .. } => Outcome::HoldSet,
    }
}

/// A full listing of a Region, taken in.
#[divan::bench(args = [100, 1_000], sample_count = 10)]
fn a_listing(bencher: Bencher<'_, '_>, sources: usize) {
    let settings = settings(sources);
    let (state, now) = fleet(&settings, sources, 30);
    let place = place("us-west-2");
    let tags = |point: &RecoveryPoint| {
        LifeboatTags {
            policy: point.policy.clone(),
            source: point.source.clone(),
            occurrence: point.occurrence,
            attempt: 1,
            origin: point.origin.clone(),
            hold: None,
        }
        .write()
    };
    let observed_backups: Vec<ObservedBackup> = (0..sources)
        .flat_map(|number| (0..30).map(move |hours| point(number, hours, Some("us-west-2"))))
        .map(|point| ObservedBackup {
            tags: tags(&point).into(),
            kind: point.kind,
            id: point.id,
            lifecycle: Lifecycle::Available,
            created_at: point.created_at,
            failure: None,
            progress_percent: None,
            size_bytes: point.size_bytes.map(Into::into),
            kms_key: None,
            volume: None,
            copied_from: point.origin.as_ref().map(|origin| origin.backup.clone()),
            arn: None,
            file_system: None,
            copied_from_region: None,
            made_as: lifeboat::domain::point::MadeAs::UserInitiated,
        })
        .collect();
    let action = Action { place: place.clone(), call: lifeboat::domain::action::Call::ListPage { next_token: None } };
    let mut begun = state;
    take_in(&mut begun, vec![Change::ListingBegan { place, at: now }]);
    bencher.with_inputs(|| observed_backups.clone()).bench_values(|observed_backups| {
        let outcome = Outcome::Page { observed_backups, next_token: None };
        black_box(process_outcome(&settings, &begun, &action, outcome, now))
    });
}

/// The next occurrence of each of ten thousand policies, with a time zone.
#[divan::bench]
fn next_occurrences(bencher: Bencher<'_, '_>) {
    let schedule = |number: usize| format!("{} {} * * *", number % 60, number / 60 % 24);
    let parse = |number| Schedule::parse(&schedule(number), "Europe/Berlin", START).ok();
    let schedules: Vec<Schedule> = (0..10_000).filter_map(parse).collect();
    assert_eq!(schedules.len(), 10_000);
    bencher.bench(|| schedules.iter().map(|schedule| black_box(schedule.next_after(START))).max());
}

/// The token of a request, which is made anew for each.
#[divan::bench]
fn token(bencher: Bencher<'_, '_>) {
    let key = lifeboat::domain::id::WorkKey {
        source: SourceKey { account: AccountId::own(), source: source(7).into() },
        occurrence: Occurrence { at: START, trigger: Trigger::Schedule },
        target: lifeboat::domain::id::Target::Copy("us-west-2".into()),
    };
    bencher.bench(|| black_box(key.token(1)));
}
