//! Sample snapshots for the tests of everything that renders one.

use crate::domain::change::{Counter, OccurrenceOutcome};
use crate::domain::id::{AccountId, AccountRegion, Occurrence, SourceKey, Target, Trigger};
use crate::domain::state::Durations;
use crate::domain::time::Time;
use crate::report::rpo_report::{Breach, Occurrences, RouteReport, RpoReport};
use crate::report::snapshot::NEEDS;
use crate::report::snapshot::{
    AccountRegionView, ClockView, Counts, FindingView, FlightView, PolicyView, Reload, RouteView, RpoStatus, Snapshot,
    WaitingView,
};
use crate::store::{HistoryEntry, OccurrenceStatus};
use std::time::Duration;

/// 2026-11-21T08:00:00Z, a Saturday.
pub const NOW: Time = Time::from_secs(1_795_248_000);

const HOUR: u64 = 3600;

pub fn ago(seconds: u64) -> Time {
    NOW.minus(Duration::from_secs(seconds))
}

pub fn ahead(seconds: u64) -> Time {
    NOW.plus(Duration::from_secs(seconds))
}

/// A running daemon with nothing to do.
pub fn empty() -> Snapshot {
    Snapshot {
        at: NOW,
        version: "0.1.0".to_owned(),
        started_at: ago(40 * 86_400),
        live: true,
        reload: Reload { successful: true, succeeded_at: ago(3 * 86_400), problem: None },
        credentials_problem: None,
        store_problem: None,
        last_round_at: Some(ago(4)),
        rounds_problem: None,
        clock: ClockView { confirmed: true, offset_seconds: Some(0.0) },
        policies: Vec::new(),
        routes: Vec::new(),
        flights: Vec::new(),
        places: Vec::new(),
        findings: Vec::new(),
        counts: Counts::default(),
    }
}

pub fn policy(name: &str, schedule: &str, interval_hours: u64, next_in: u64, sources: usize) -> PolicyView {
    PolicyView {
        policy: name.into(),
        account: AccountId::own(),
        region: "us-east-1".into(),
        schedule: schedule.to_owned(),
        timezone: "America/New_York".to_owned(),
        interval_seconds: interval_hours * HOUR,
        next_at: Some(ahead(next_in)),
        sources,
        remarks: Vec::new(),
        paused: None,
    }
}

/// A route that is met or late according to its RPO.
pub fn route(policy: &str, source: &str, region: &str, age: Option<u64>, rpo_hours: Option<u64>) -> RouteView {
    let late = |rpo: u64| age.is_none_or(|age| age > rpo * HOUR);
    RouteView {
        policy: policy.into(),
        account: AccountId::own(),
        source: source.into(),
        region: region.into(),
        copy: region != "us-east-1",
        standing: match rpo_hours {
            None => RpoStatus::NoRpo,
            Some(rpo) if late(rpo) => RpoStatus::Late,
            Some(_) => RpoStatus::Met,
        },
        rpo_seconds: rpo_hours.map(|hours| hours * HOUR),
        newest_taken_at: age.map(ago),
        newest: age.map(|age| format!("backup-{age:017x}").into()),
        late_since: rpo_hours.filter(|rpo| late(*rpo)).map(|rpo| match age {
            Some(age) => ago(age - rpo * HOUR),
            None => ago(3 * 86_400),
        }),
        recovery_points: if age.is_some() { 14 } else { 0 },
        time_unknown: false,
        in_doubt_since: None,
        waiting: None,
    }
}

pub fn place(region: &str, copy_slots: Option<u32>) -> AccountRegionView {
    AccountRegionView {
        account: AccountId::own(),
        region: region.into(),
        last_seen: Some(ago(12)),
        stale: false,
        stale_after_seconds: Some(1200),
        trouble: None,
        backups_in_flight: 0,
        copies_in_flight: 0,
        other_copies_in_flight: 0,
        ontap_copies_in_flight: 0,
        copy_slots,
        user_backups: 212,
        user_backups_quota: Some(500),
        listing_pages: 1,
        read_whole: true,
        copies_waiting: std::collections::BTreeMap::new(),
        needs_person: NEEDS.map(|what| (what.to_owned(), 0)).into(),
    }
}

pub fn flight(source: &str, region: &str, since: u64, percent: Option<u8>) -> FlightView {
    let copy = region != "us-east-1";
    FlightView {
        source: source.into(),
        account: AccountId::own(),
        region: region.into(),
        copy,
        id: format!("backup-{since:017x}").into(),
        occurrence_at: ago(since + 60),
        lifecycle: if copy { "COPYING" } else { "CREATING" }.to_owned(),
        progress_percent: percent,
        created_at: ago(since),
    }
}

pub fn waits(reason: &str, detail: &str, until: Option<Time>) -> Option<WaitingView> {
    Some(WaitingView { reason: reason.to_owned(), detail: detail.to_owned(), until })
}

/// An ordinary morning: all is well, two copies are in flight.
pub fn good_day() -> Snapshot {
    let mut snapshot = empty();
    snapshot.policies = vec![
        policy("engineering", "0 */6 * * *", 6, 3 * HOUR + 720, 2),
        policy("finance", "0 3 * * *", 24, 19 * HOUR, 2),
    ];
    for (policy, source, rpo) in [
        ("engineering", "fs-0e11aa22bb33cc44d", 8),
        ("engineering", "fsvol-0123456789abcdef1", 8),
        ("finance", "fs-0123456789abcdef0", 26),
        ("finance", "fs-0fedcba9876543210", 26),
    ] {
        snapshot.routes.push(route(policy, source, "us-east-1", Some(2 * HOUR + 2800), Some(rpo)));
        snapshot.routes.push(route(policy, source, "us-west-2", Some(5 * HOUR + 130), Some(rpo + 4)));
    }
    snapshot.routes.push(route("finance", "fs-0123456789abcdef0", "eu-west-1", Some(5 * HOUR + 130), None));
    snapshot.flights = vec![
        flight("fs-0123456789abcdef0", "us-west-2", 1500, Some(62)),
        flight("fs-0fedcba9876543210", "us-west-2", 900, Some(7)),
    ];
    snapshot.routes[7].waiting = waits("in_progress", "backup-0384 of 2026-11-21T07:44:00Z is COPYING", None);
    snapshot.places = vec![place("eu-west-1", Some(5)), place("us-east-1", None), place("us-west-2", Some(5))];
    snapshot.places[2].copies_in_flight = 2;
    snapshot.places[2].other_copies_in_flight = 1;
    let counters = &mut snapshot.counts.counters;
    counters.insert(Counter::Occurrences("finance".into(), OccurrenceOutcome::Completed), 88);
    counters.insert(Counter::Occurrences("finance".into(), OccurrenceOutcome::Missed), 1);
    counters.insert(Counter::Backups("finance".into(), true), 89);
    counters.insert(Counter::Copies("finance".into(), "us-west-2".into(), true), 87);
    counters.insert(Counter::Copies("finance".into(), "us-west-2".into(), false), 2);
    let mut took = Durations::default();
    took.buckets[2] = 3;
    took.buckets[4] = 2;
    took.buckets[14] = 1;
    took.sum_seconds = 200_000.5;
    snapshot.counts.durations.insert(Target::Copy("us-west-2".into()), took.clone());
    snapshot.counts.durations.insert(Target::Backup, took);
    snapshot.counts.requests.insert(("DescribeBackups", "us-east-1".into(), "200".to_owned()), 4242);
    snapshot.counts.requests.insert(("CopyBackup", "us-west-2".into(), "ServiceLimitExceeded".to_owned()), 3);
    for millis in [4, 80, 90_000] {
        let short = snapshot.counts.request_durations.entry(("DescribeBackups", "us-east-1".into())).or_default();
        short.observe(Duration::from_millis(millis));
        snapshot.counts.rounds.observe(Duration::from_millis(millis));
    }
    snapshot
}

/// Everything that can be wrong, at once.
pub fn bad_day() -> Snapshot {
    let mut snapshot = good_day();
    snapshot.reload = Reload {
        successful: false,
        succeeded_at: ago(3 * 86_400),
        problem: Some("/etc/lifeboat/lifeboat.toml:12:1: unknown key `shedule`; write `schedule`".to_owned()),
    };
    snapshot.store_problem = Some(
        "/var/lib/lifeboat/state.db: the disk is full (database or disk is full); free space: lifeboat goes on by itself"
            .to_owned(),
    );
    let west = &mut snapshot.places[2];
    west.stale = true;
    west.last_seen = Some(ago(2 * HOUR + 300));
    west.trouble = Some("RequestTimeout: no answer from fsx.us-west-2 within 30s".to_owned());
    west.copies_in_flight = 4;
    west.copies_waiting.insert("region".to_owned(), 2);
    snapshot.places[0].copies_in_flight = 5;
    snapshot.places[0].copies_waiting.insert("slot".to_owned(), 1);
    for route in snapshot.routes.iter_mut().filter(|route| route.region.as_str() == "us-west-2") {
        route.standing = RpoStatus::Unknown;
        route.waiting =
            waits("region", "us-west-2 does not serve us: RequestTimeout: no answer within 30s", Some(ahead(240)));
    }
    snapshot.routes[5].standing = RpoStatus::Late;
    snapshot.routes[5].newest_taken_at = Some(ago(3 * 86_400 + 2 * HOUR));
    snapshot.routes.push(route("finance", "fs-0fedcba9876543210", "eu-west-1", None, Some(30)));
    snapshot.routes[9].waiting = waits("slot", "5 of 5 copies in flight (eu-west-1)", None);
    let lost = "<script>alert(1)</script>\u{1b}[31m";
    snapshot.routes.push(route("finance", lost, "us-east-1", Some(29 * HOUR), Some(26)));
    snapshot.routes[10].waiting =
        waits("needs_person", "FileSystemNotFound: file system does not exist; remove it from the policy", None);
    snapshot.flights.push(flight("fs-0e11aa22bb33cc44d", "us-west-2", 51 * HOUR, None));
    snapshot.flights.push(flight("fs-0e11aa22bb33cc44d", "us-east-1", 95, Some(100)));
    snapshot.findings = vec![
        FindingView {
            severity: "warning".to_owned(),
            source: SourceKey { account: AccountId::own(), source: "fs-0fedcba9876543210".into() },
            what: "2026-11-20T08:00:00Z has 1 duplicate of backup-0a".to_owned(),
        },
        FindingView {
            severity: "error".to_owned(),
            source: SourceKey { account: AccountId::own(), source: "fs-0e11aa22bb33cc44d".into() },
            what: "backup-0d in default/us-west-2 is COPYING since 2026-11-19T05:00:00Z".to_owned(),
        },
    ];
    let place = AccountRegion { account: AccountId::own(), region: "us-east-1".into() };
    snapshot.counts.orphans.insert(place, 2);
    snapshot
}

/// `sources` sources in their own Region and three destinations.
pub fn fleet(sources: usize) -> Snapshot {
    let mut snapshot = empty();
    snapshot.policies = vec![policy("fleet", "0 3 * * *", 24, 19 * HOUR, sources)];
    let regions = ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2"];
    for n in 0..sources {
        let source = format!("fs-{n:017x}");
        snapshot.routes.extend(regions.map(|region| route("fleet", &source, region, Some(HOUR), Some(26))));
    }
    snapshot.places = regions.map(|region| place(region, (region != "us-east-1").then_some(5))).into();
    snapshot
}

pub fn history() -> Vec<HistoryEntry> {
    let entry = |hours: u64, end: Option<OccurrenceOutcome>, reason: Option<&str>| HistoryEntry {
        source: SourceKey { account: AccountId::own(), source: "fs-0123456789abcdef0".into() },
        occurrence: Occurrence { at: ago(hours * HOUR), trigger: Trigger::Schedule },
        policy: "finance".into(),
        opened_at: ago(hours * HOUR - 1),
        became: end.map_or(OccurrenceStatus::Open, OccurrenceStatus::Ended),
        reason: reason.map(str::to_owned),
        closed_at: end.map(|_| ago(hours * HOUR - 1900)),
        point: None,
        earlier: 0,
    };
    let mut entries = vec![
        entry(2, None, None),
        entry(26, Some(OccurrenceOutcome::Completed), Some("backup and 2 copies AVAILABLE")),
        entry(
            50,
            Some(OccurrenceOutcome::Failed),
            Some("copy to us-west-2 given up: InvalidDestinationKmsKey: \"no such key\", ask"),
        ),
        entry(74, Some(OccurrenceOutcome::Missed), Some("the daemon was not running")),
    ];
    entries[1].occurrence.trigger = Trigger::Manual;
    entries[3].earlier = 11;
    entries.push(HistoryEntry {
        opened_at: ago(75 * HOUR),
        became: OccurrenceStatus::Deleted,
        reason: Some("given up by last 3, daily 14".to_owned()),
        closed_at: Some(ago(75 * HOUR - 60)),
        point: Some(("us-west-2".into(), "backup-0a1b2c3d4e5f60718".into())),
        ..entry(26 * 24, None, None)
    });
    entries
}

/// Thirty days of four routes: a good one, one that missed its RPO, one whose inventory was not read for a while, and
/// one without an RPO.
pub fn report() -> RpoReport {
    let with_rpo = 30.0 * 86_400.0;
    let route = |source: &str, region: &str, late: f64, unknown: f64| RouteReport {
        policy: "finance".into(),
        account: AccountId::own(),
        source: source.into(),
        region: region.into(),
        copy: region != "us-east-1",
        rpo_seconds: Some(30 * HOUR),
        rpo_changes: 0,
        promised_seconds: with_rpo,
        met_seconds: with_rpo - late - unknown,
        late_seconds: late,
        unknown_seconds: unknown,
        met_percent: Some(((with_rpo - late - unknown) / with_rpo * 100_000.0).floor() / 1000.0),
        breaches: 0,
        longest_breach: None,
        recovery_points: 14,
        occurrences: Occurrences { completed: 29, open: 1, ..Occurrences::default() },
    };
    let mut broken = route("fs-0123456789abcdef1", "us-west-2", 12_000.0, 0.0);
    broken.breaches = 2;
    broken.longest_breach = Some(Breach {
        began: ago(9 * 86_400).plus(Duration::from_millis(1)),
        ended: Some(ago(767_100)),
        seconds: 10_499.999,
    });
    broken.occurrences = Occurrences { completed: 27, missed: 1, failed: 2, ..Occurrences::default() };
    broken.rpo_changes = 1;
    let none = RouteReport {
        rpo_seconds: None,
        promised_seconds: 0.0,
        met_seconds: 0.0,
        met_percent: None,
        ..route("fs-0123456789abcdef2", "eu-west-1", 0.0, 0.0)
    };
    let routes = vec![
        route("fs-0123456789abcdef0", "us-east-1", 0.0, 0.0),
        broken,
        route("fs-0123456789abcdef1", "eu-west-1", 0.0, 7200.0),
        none,
    ];
    RpoReport { since: ago(30 * 86_400), until: NOW, routes }
}
