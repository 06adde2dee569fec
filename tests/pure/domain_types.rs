//! The nouns say what they mean: the words they are known by outside, and the small judgements that everything rests on.

use lifeboat::domain::action::{Call, Request};
use lifeboat::domain::change::LaneEvidence;
use lifeboat::domain::change::{Change, Counter, OccurrenceOutcome, OccurrenceRecord};
use lifeboat::domain::duration::{duration_text, parse_duration};
use lifeboat::domain::fault::{Fault, FaultClass, clean};
use lifeboat::domain::id::{
    AccountId, AccountRegion, Occurrence, Region, SourceId, SourceKey, Target, Trigger, WorkKey,
};
use lifeboat::domain::lane::{FileSystemKind, Lane};
use lifeboat::domain::limits::COPY_STUCK_AFTER;
use lifeboat::domain::note::{Note, Notes, Notification, RouteRpo};
use lifeboat::domain::pause::Pause;
use lifeboat::domain::plan::{Reason, Wake};
use lifeboat::domain::point::{Lifecycle, ObservedBackup, RecoveryPoint};
use lifeboat::domain::policy::{CatchUp, Destination, Limits, Policy, SecretUrl, Tags};
use lifeboat::domain::schedule::{Schedule, ScheduleError};
use lifeboat::domain::state::State;
use lifeboat::domain::tags::{LifeboatTags, Origin};
use lifeboat::domain::time::Time;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn at(text: &str) -> Time {
    Time::parse_rfc3339(text).unwrap()
}

fn now() -> Time {
    at("2026-11-21T08:00:00Z")
}

fn place() -> AccountRegion {
    AccountRegion { account: AccountId::own(), region: "us-west-2".into() }
}

fn key(source: &str) -> SourceKey {
    SourceKey { account: AccountId::own(), source: source.into() }
}

fn work(target: Target) -> WorkKey {
    let occurrence = Occurrence { at: now(), trigger: Trigger::Schedule };
    WorkKey { source: key("fs-0123456789abcdef0"), occurrence, target }
}

fn observed(copy: bool, lifecycle: Lifecycle) -> ObservedBackup {
    let origin =
        copy.then(|| Origin { region: "us-east-1".into(), backup: "backup-0123456789abcdef0".into(), taken_at: now() });
    let mut tags = LifeboatTags {
        policy: Some("finance".into()),
        source: "fs-0123456789abcdef0".into(),
        occurrence: Occurrence { at: now(), trigger: Trigger::Schedule },
        attempt: 1,
        origin,
        hold: None,
    }
    .write();
    tags.insert("team".to_owned(), "it".to_owned());
    ObservedBackup {
        id: "backup-0123456789abcdef1".into(),
        lifecycle,
        created_at: now().plus(HOUR),
        failure: None,
        progress_percent: None,
        size_bytes: None,
        kms_key: None,
        kind: FileSystemKind::Windows,
        volume: None,
        copied_from: None,
        file_system: None,
        copied_from_region: None,
        made_as: lifeboat::domain::point::MadeAs::UserInitiated,
        tags: tags.into(),
        arn: None,
    }
}

fn point(copy: bool, lifecycle: Lifecycle) -> RecoveryPoint {
    observed(copy, lifecycle).into_point(&place(), now()).unwrap()
}

/// Every word is its own, and is read back as what it was written for.
fn words<T: Copy + PartialEq + std::fmt::Debug>(all: &[T], word: impl Fn(T) -> &'static str, read: impl Fn(&str) -> T) {
    let words: BTreeSet<&str> = all.iter().map(|one| word(*one)).collect();
    assert_eq!(words.len(), all.len(), "{words:?}");
    for one in all {
        assert_eq!(read(word(*one)), *one);
        assert!(word(*one).len() >= 4);
    }
}

#[test]
fn every_word_is_read_back_as_what_it_was_written_for() {
    words(&OccurrenceOutcome::ALL, OccurrenceOutcome::as_str, |text| OccurrenceOutcome::parse(text).unwrap());
    words(&FaultClass::ALL, FaultClass::as_str, |text| FaultClass::parse(text).unwrap());
    words(&[Trigger::Schedule, Trigger::Manual], Trigger::as_str, |text| Trigger::parse(text).unwrap());
    let kinds = [FileSystemKind::Windows, FileSystemKind::Lustre, FileSystemKind::OpenZfs, FileSystemKind::Ontap];
    words(&kinds, FileSystemKind::as_str, FileSystemKind::parse);
    let lifecycles = [
        Lifecycle::Pending,
        Lifecycle::Creating,
        Lifecycle::Transferring,
        Lifecycle::Copying,
        Lifecycle::Available,
        Lifecycle::Failed,
        Lifecycle::Deleted,
        Lifecycle::Unknown,
    ];
    words(&lifecycles, Lifecycle::as_str, Lifecycle::parse);
    assert_eq!((OccurrenceOutcome::parse(""), FaultClass::parse("x"), Trigger::parse("Manual")), (None, None, None));
    assert_eq!(FileSystemKind::parse("NEW"), FileSystemKind::Other);
    assert_eq!(Lifecycle::parse("NEW"), Lifecycle::Unknown);
    assert_eq!((FileSystemKind::Other.as_str(), Lifecycle::Copying.as_str()), ("OTHER", "COPYING"));
    assert_eq!((OccurrenceOutcome::Coalesced.as_str(), FaultClass::NoSlot.as_str()), ("coalesced", "no_slot"));
    let reasons =
        [Reason::Slot, Reason::InProgress, Reason::Backoff, Reason::AwaitingResponse, Reason::Listing, Reason::Region];
    let reasons =
        reasons.into_iter().chain([Reason::NeedsPerson, Reason::DescribeSource, Reason::CallLimit, Reason::Paused]);
    let words: Vec<String> = reasons.map(|reason| format!("{reason:>9}")).collect();
    let expected = "     slot in_progress   backoff awaiting_response   listing    region needs_person describe_source call_limit    paused";
    assert_eq!(words.join(" "), expected);
}

#[test]
fn names_are_shown_whole() {
    assert_eq!(place().to_string(), "default/us-west-2");
    assert_eq!(key("fs-1").to_string(), "default/fs-1");
    assert_eq!(work(Target::Backup).to_string(), "default/fs-0123456789abcdef0 schedule 2026-11-21T08:00:00Z");
    let copy = work(Target::Copy("eu-west-1".into())).to_string();
    assert_eq!(copy, "default/fs-0123456789abcdef0 schedule 2026-11-21T08:00:00Z → eu-west-1");
    assert_eq!(Fault::new(FaultClass::TransientState, "BackupInProgress", "").to_string(), "BackupInProgress");
    assert_eq!(Fault::new(FaultClass::TransientState, "A", "b\nc").to_string(), "A: b c");
    assert_eq!(clean("a\u{1b}[2Jb", 4), "a [2");
}

/// Which refusals are a person's to mend (promise 8), one by one.
#[test]
fn some_faults_need_a_person() {
    let needing: Vec<&str> =
        FaultClass::ALL.into_iter().filter(|class| class.needs_a_person()).map(FaultClass::as_str).collect();
    assert_eq!(needing, ["missing", "credentials", "denied", "lasting"]);
}

#[test]
fn jitter_is_spread_over_its_whole_range_and_does_not_change() {
    let draws: Vec<f64> = (0..200).map(|salt| work(Target::Backup).jitter(salt)).collect();
    assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
    let average = draws.iter().sum::<f64>() / 200.0;
    assert!((0.4..0.6).contains(&average), "{average}");
    assert!(draws.iter().any(|draw| *draw > 0.9) && draws.iter().any(|draw| *draw < 0.1));
    assert!((draws[7] - work(Target::Backup).jitter(7)).abs() < f64::EPSILON);
    assert!((draws[7] - work(Target::Copy("us-west-2".into())).jitter(7)).abs() > f64::EPSILON);
}

#[test]
fn a_copy_takes_a_place_where_its_type_says() {
    let (account, region, volume) = (AccountId::own(), Region::from("us-west-2"), SourceId::from("fsvol-1"));
    let lanes = |kind, volume| -> Vec<String> {
        Lane::of_copy(kind, &account, &region, volume).iter().map(ToString::to_string).collect()
    };
    for kind in [FileSystemKind::Windows, FileSystemKind::Lustre, FileSystemKind::OpenZfs, FileSystemKind::Other] {
        assert_eq!(lanes(kind, None), ["us-west-2"]);
        assert_eq!(lanes(kind, Some(&volume)), ["us-west-2"]);
    }
    assert_eq!(
        lanes(FileSystemKind::Ontap, Some(&volume)),
        ["fsvol-1 in us-west-2", "ONTAP copies of account default"]
    );
    assert_eq!(lanes(FileSystemKind::Ontap, None), ["ONTAP copies of account default"]);
    let limits = Limits { copies_in_flight: 4, ontap_copies_in_flight: 3 };
    let capacities = |kind, volume| -> Vec<u32> {
        Lane::of_copy(kind, &account, &region, volume).iter().map(|lane| lane.capacity(&limits)).collect()
    };
    assert_eq!(capacities(FileSystemKind::Windows, None), [4]);
    assert_eq!(capacities(FileSystemKind::Ontap, Some(&volume)), [3, 1000]);
}

#[test]
fn a_point_takes_a_place_only_while_it_is_being_copied() {
    let lanes = |copy, lifecycle| point(copy, lifecycle).lanes().len();
    for lifecycle in [Lifecycle::Copying, Lifecycle::Unknown] {
        assert_eq!((lanes(true, lifecycle), lanes(false, lifecycle)), (1, 0));
    }
    for lifecycle in [Lifecycle::Available, Lifecycle::Failed, Lifecycle::Deleted] {
        assert_eq!((lanes(true, lifecycle), lanes(false, lifecycle)), (0, 0));
    }
}

#[test]
fn a_copy_is_stuck_after_two_days_and_not_before() {
    let copy = point(true, Lifecycle::Copying);
    assert_eq!(COPY_STUCK_AFTER, 2 * DAY);
    let after = |time| copy.stuck(copy.created_at.plus(time));
    assert_eq!((after(2 * DAY - SECOND), after(2 * DAY), after(3 * DAY)), (false, true, true));
    assert!(!point(true, Lifecycle::Available).stuck(now().plus(30 * DAY)), "what has ended is not stuck");
    assert!(!copy.stuck(now()));
}

#[test]
fn a_point_tells_its_age_its_home_and_whether_it_stands() {
    let (backup, copy) = (point(false, Lifecycle::Available), point(true, Lifecycle::Available));
    assert_eq!((backup.taken_at(), copy.taken_at()), (now().plus(HOUR), now()), "the age is the source backup's");
    assert_eq!((backup.home().as_str(), copy.home().as_str()), ("us-west-2", "us-east-1"));
    assert_eq!(backup.carried.keys().collect::<Vec<_>>(), ["team"], "only what may go onto a copy");
    assert!(copy.carried.is_empty());
    for (lifecycle, available, good, in_flight) in [
        (Lifecycle::Pending, false, true, true),
        (Lifecycle::Creating, false, true, true),
        (Lifecycle::Copying, false, true, true),
        (Lifecycle::Unknown, false, true, true),
        (Lifecycle::Available, true, true, false),
        (Lifecycle::Failed, false, false, false),
        (Lifecycle::Deleted, false, false, false),
    ] {
        let point = point(false, lifecycle);
        assert_eq!((point.available(), point.good()), (available, good), "{lifecycle:?}");
        assert_eq!(lifecycle.in_flight(), in_flight, "{lifecycle:?}");
        assert_eq!(point.settled_at, (!in_flight).then(now), "{lifecycle:?}");
    }
}

/// Tags come from outside: what is not ours, or not as we write it, is not taken in, and a policy's name only if it can
/// be shown.
#[test]
fn only_what_we_write_is_read() {
    let read = |key: &str, value: &str| {
        let mut tags = (*observed(true, Lifecycle::Available).tags).clone();
        tags.insert(format!("lifeboat:{key}"), value.to_owned());
        LifeboatTags::read(&tags)
    };
    let policy = |value: &str| read("policy", value).unwrap().policy.map(|name| name.to_string());
    assert_eq!(policy("finance"), Some("finance".to_owned()));
    assert_eq!((policy(""), policy("fin\u{1b}[2Jance")), (None, None));
    assert!(read("origin", "us-east-1/backup-0123456789abcdef0").is_some());
    let refused = [
        ("origin", "us east/backup-0123456789abcdef0"),
        ("origin", "us-east-1/backup 1"),
        ("origin", "us-east-1"),
        ("taken", "yesterday"),
        ("occurrence", "yesterday"),
        ("trigger", "nobody"),
        ("attempt", "0"),
        ("attempt", "x"),
        ("source", ""),
        ("source", "fs-1\u{7}"),
        ("source", &"f".repeat(65)),
    ];
    for (key, value) in refused {
        assert_eq!(read(key, value), None, "{key} {value:?}");
    }
    assert!(read("source", &"f".repeat(64)).is_some());
}

/// A copy that a person made of ours carries our tags, and AWS's own link tells it apart.
#[test]
fn a_link_that_leads_elsewhere_makes_it_somebody_elses() {
    let linked = |copy: bool, link: Option<&str>| {
        let mut seen = observed(copy, Lifecycle::Available);
        seen.copied_from = link.map(Into::into);
        seen.into_point(&place(), now()).is_ok()
    };
    assert!(linked(true, Some("backup-0123456789abcdef0")));
    assert!(linked(true, None), "not every answer has the link");
    assert!(!linked(true, Some("backup-0123456789abcdef9")));
    assert!(!linked(false, Some("backup-0123456789abcdef0")), "what claims to be a backup, and was copied");
    assert!(linked(false, None));
}

#[test]
fn the_earlier_wake_counts_and_of_two_the_first() {
    let mut wake = Wake::default();
    assert_eq!((wake.at, wake.why), (Time::NEVER, "nothing"));
    wake.earlier(now(), "a");
    wake.earlier(now(), "b");
    wake.earlier(now().plus(SECOND), "c");
    assert_eq!((wake.at, wake.why), (now(), "a"));
    wake.earlier(now().minus(SECOND), "d");
    assert_eq!(wake.why, "d");
}

#[test]
fn calls_are_named_and_told_apart() {
    let make = |request| Call::Make { key: work(Target::Backup), request: Arc::new(request) };
    let create = Request::CreateBackup { source: "fs-1".into(), token: "t1".into(), tags: Tags::new() };
    let copy = Request::CopyBackup {
        source_region: "us-east-1".into(),
        backup: "backup-1".into(),
        kms_key: None,
        token: "t2".into(),
        tags: Tags::new(),
    };
    assert_eq!((create.token().as_str(), copy.token().as_str()), ("t1", "t2"));
    let hold =
        |hold: Option<&str>| Call::Hold { id: "backup-1".into(), arn: "arn".to_owned(), hold: hold.map(str::to_owned) };
    let calls = [
        (make(create), "CreateBackup"),
        (make(copy), "CopyBackup"),
        (Call::ListPage { next_token: None }, "DescribeBackups"),
        (Call::Poll { ids: vec!["backup-1".into()] }, "DescribeBackups"),
        (Call::DescribeSources { ids: vec!["fs-1".into()] }, "DescribeFileSystems"),
        (Call::DescribeSources { ids: vec!["fsvol-1".into()] }, "DescribeVolumes"),
        (Call::Delete { id: "backup-1".into(), token: "t".into() }, "DeleteBackup"),
        (hold(Some("why")), "TagResource"),
        (hold(None), "UntagResource"),
    ];
    for (call, operation) in &calls {
        assert_eq!(call.operation(), *operation);
        assert!(call.key().is_some(), "{operation}");
    }
    let keys: BTreeSet<_> = calls.iter().filter_map(|(call, _)| call.key()).collect();
    assert_eq!(keys.len(), 7, "both makings are of one work, and both holds of one point");
    assert_eq!((Call::Poll { ids: vec![] }.key(), Call::DescribeSources { ids: vec![] }.key()), (None, None));
}

/// What the store must keep, what it need not, and whose route is blocked if it cannot be.
#[test]
fn changes_know_whether_they_last_and_whose_they_are() {
    let ours = key("fs-0123456789abcdef0");
    let record = || OccurrenceRecord { policy: "p".into(), opened_at: now(), caught_up: false, adopted: false };
    let occurrence = Occurrence { at: now(), trigger: Trigger::Schedule };
    let backup = || work(Target::Backup);
    let request = Request::CreateBackup { source: "fs-1".into(), token: "t".into(), tags: Tags::new() };
    let fault = || Fault::new(FaultClass::TransientState, "BackupInProgress", "");
    let lasting = [
        Change::SourceDeparted { source: ours.clone() },
        Change::Opened { source: ours.clone(), occurrence, record: record() },
        Change::Closed {
            source: ours.clone(),
            occurrence,
            record: record(),
            end: OccurrenceOutcome::Completed,
            reason: String::new(),
            at: now(),
            earlier: 0,
        },
        Change::RequestRecorded { key: backup(), attempt: 1, request: Arc::new(request), at: now() },
        Change::RequestFailed { key: backup(), fault: fault(), definite: true, not_before: now() },
        Change::RequestNeverApplied { key: backup() },
        Change::RequestRetryAllowed(backup()),
        Change::BackupObserved { point: Box::new(point(false, Lifecycle::Available)) },
    ];
    for change in lasting {
        assert!(change.durable(), "{change:?}");
        assert_eq!(change.source().as_ref(), Some(&ours), "{change:?}");
    }
    let id = || "backup-1".into();
    let counted = Change::Counted(Counter::Backups("p".into(), true));
    for change in [counted, Change::BackupRemoved { place: place(), id: id(), at: now() }, Change::ClockWentBack(now())]
    {
        assert!(change.durable(), "{change:?}");
        assert_eq!(change.source(), None, "{change:?}");
    }
    let passing = [
        Change::MissingFromListing { place: place(), id: id(), missing_since: None },
        Change::InventoryRead { place: place(), at: now() },
        Change::ListingBegan { place: place(), at: now() },
        Change::Synced(1),
        Change::Checked { policy: "p".into(), through: now(), next: None },
        Change::Timed { target: Target::Backup, took: SECOND },
        Change::Lane(LaneEvidence::OtherEnded { place: place(), id: id() }),
        Change::Lane(LaneEvidence::Refused { lane: Lane::Shared(place()), at: now(), until: now() }),
        Change::Lane(LaneEvidence::Granted { lane: Lane::Shared(place()), full: true }),
    ];
    for change in passing {
        assert!(!change.durable(), "{change:?}");
        assert_eq!(change.source(), None, "{change:?}");
    }
    let failed =
        Change::SourceLookupFailed { source: ours.clone(), fault: fault(), at: now(), not_before: now(), batch: None };
    assert_eq!((failed.durable(), failed.source()), (false, Some(ours)));
}

/// A firing of the schedule moves its source's cursor; one that lies ahead, or was asked for by a person, does not.
#[test]
fn the_cursor_follows_what_was_due() {
    let record = OccurrenceRecord { policy: "p".into(), opened_at: now(), caught_up: false, adopted: false };
    let moves = |at, trigger| record.moves_cursor(Occurrence { at, trigger });
    assert!(moves(now(), Trigger::Schedule) && moves(now().minus(DAY), Trigger::Schedule));
    assert!(!moves(now().plus(Duration::from_millis(1)), Trigger::Schedule) && !moves(now(), Trigger::Manual));
}

#[test]
fn times_go_to_text_and_back_at_the_ends_of_the_calendar() {
    for text in ["0001-01-01T00:00:00Z", "9999-12-30T22:00:00.999Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z"]
    {
        assert_eq!(at(text).to_string(), text);
    }
    for millis in [-62_135_596_800_001, 253_402_207_201_000] {
        assert_eq!(Time::from_millis(millis).to_string(), format!("@{millis}ms"));
    }
    assert_eq!(Time::from_millis(i64::MIN).to_jiff(), jiff::Timestamp::MIN);
    assert_eq!(Time::NEVER.to_jiff(), jiff::Timestamp::MAX);
    assert!(Time::from_millis(-1).to_jiff() < jiff::Timestamp::UNIX_EPOCH);
    assert_eq!((Time::from_secs(2).millis(), Time::from_secs(i64::MAX)), (2000, Time::NEVER));
    assert_eq!(now().plus(SECOND).since(now()), SECOND);
    assert_eq!(now().since(now().plus(SECOND)), Duration::ZERO);
    assert_eq!(now().minus(SECOND).plus(SECOND), now());
    assert_eq!(format!("{:?}", now()), "2026-11-21T08:00:00Z");
    assert!((Time::from_millis(1500).secs_f64() - 1.5).abs() < f64::EPSILON);
    let json = serde_json::to_string(&now()).unwrap();
    assert_eq!((json.as_str(), serde_json::from_str::<Time>(&json).unwrap()), ("\"2026-11-21T08:00:00Z\"", now()));
    assert!(serde_json::from_str::<Time>("\"yesterday\"").is_err());
}

#[test]
fn durations_are_told_in_their_two_largest_units() {
    for (seconds, text) in [
        (1, "1s"),
        (59, "59s"),
        (60, "1m"),
        (61, "1m 1s"),
        (3599, "59m 59s"),
        (3600, "1h"),
        (3661, "1h 1m"),
        (86_399, "23h 59m"),
        (86_400, "1d"),
        (90_061, "1d 1h"),
        (86_400 * 400 + 59, "400d 59s"),
    ] {
        assert_eq!(duration_text(Duration::from_secs(seconds)), text);
    }
    assert_eq!(
        (duration_text(Duration::ZERO).as_str(), duration_text(Duration::from_millis(7)).as_str()),
        ("0ms", "7ms")
    );
    assert_eq!(parse_duration("1w 1d"), Some(8 * DAY));
    for text in ["1y", "2mo", "1mo 3d", "1y 3d", "-1h", "-1mo", "x", ""] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}

#[test]
fn a_schedule_is_known_by_its_text_and_zone() {
    let schedule = |text: &str, zone: &str| Schedule::parse(text, zone, now());
    let daily = schedule(" 0 3 * * *  ", "Europe/Berlin").unwrap();
    assert_eq!((daily.text(), daily.zone_name()), ("0 3 * * *", "Europe/Berlin"));
    assert_eq!(format!("{daily:?}"), "Schedule(0 3 * * * Europe/Berlin)");
    assert_eq!(daily, schedule("0 3 * * *", "Europe/Berlin").unwrap());
    assert_ne!(daily, schedule("0 4 * * *", "Europe/Berlin").unwrap());
    assert_ne!(daily, schedule("0 3 * * *", "Europe/Paris").unwrap());
    assert_eq!((daily.interval(now()), daily.longest_gap(now(), 3)), (DAY, DAY));
    assert_eq!(schedule("0 3,4 * * *", "UTC").unwrap().interval(now()), HOUR);
    assert_eq!(schedule("0 3,4 * * *", "UTC").unwrap().longest_gap(now(), 2), 23 * HOUR);
    assert_eq!(schedule("every 6h", "Mars/Olympus"), Err(ScheduleError::Zone("Mars/Olympus".to_owned())));
}

/// Of gaps that are equally wide the first of the year is named; the change of the clocks makes one that is wider.
#[test]
fn the_widest_gap_is_told_with_the_firing_it_begins_with() {
    let widest = |text: &str, zone: &str| Schedule::parse(text, zone, now()).unwrap().widest_gap(now()).unwrap();
    assert_eq!(widest("0 3 * * *", "UTC"), (at("2026-01-01T03:00:00Z"), DAY));
    assert_eq!(widest("0 3,4 * * *", "UTC"), (at("2026-01-01T04:00:00Z"), 23 * HOUR));
    assert_eq!(widest("0 3 * * *", "Europe/Berlin"), (at("2026-10-24T01:00:00Z"), DAY + HOUR));
}

/// The bounds of what a schedule may be, from both sides.
#[test]
fn the_bounds_of_schedules_are_where_they_are_said_to_be() {
    let taken = |text: &str| Schedule::parse(text, "UTC", now()).is_ok();
    assert!(taken("every 1s") && taken("every 366d") && taken("every 6h"));
    assert!(!taken("every 999ms") && !taken("every 366d 1s") && !taken("every 1s 500ms") && !taken("every"));
    let long = |bytes: usize| format!("{} * * * *", vec!["1"; bytes].join(","));
    assert!(taken(&long(96)) && long(96).len() == 199);
    assert!(taken(&format!("{} ", long(96))), "blanks around it do not count");
    assert!(!taken(&long(97)) && long(97).len() == 201);
    let exactly = format!("{}10 * * * *", "1,".repeat(95));
    assert!(taken(&exactly) && exactly.len() == 200);
    // The leap day of 2028 is within four years, that of a century later is not looked for.
    assert!(taken("0 0 29 2 *"));
    let never = |text: &str| Schedule::parse(text, "UTC", at("2096-03-01T00:00:00Z")).err();
    assert_eq!(never("0 0 29 2 *"), Some(ScheduleError::NeverFires), "2100 is no leap year");
    assert_eq!(never("0 0 30 2 *"), Some(ScheduleError::NeverFires));
}

#[test]
fn a_pause_covers_its_time_and_not_its_end() {
    let pause = |until| Pause { since: now(), until, reason: None, resumed: false };
    let hour = pause(Some(now().plus(HOUR)));
    let moment = Duration::from_millis(1);
    let covers = |pause: &Pause| {
        [now().minus(moment), now(), now().plus(HOUR).minus(moment), now().plus(HOUR)].map(|at| pause.covers(at))
    };
    assert_eq!(covers(&hour), [false, true, true, false]);
    assert_eq!(covers(&pause(None)), [false, true, true, true]);
    assert_eq!((hour.over(now().plus(HOUR)), hour.over(now().plus(HOUR).minus(moment))), (true, false));
    assert!(!pause(None).over(Time::NEVER));
    assert_eq!(pause(None).sentence(), "paused since 2026-11-21T08:00:00Z");
    let told = Pause { reason: Some("move".to_owned()), ..hour }.sentence();
    assert_eq!(told, "paused since 2026-11-21T08:00:00Z until 2026-11-21T09:00:00Z: move");
}

#[test]
fn notes_are_kept_until_they_are_settled() {
    let mut notes = Notes::default();
    let route = (key("fs-1"), Target::Backup);
    let route_rpo = RouteRpo { policy: "p".into(), region: "us-east-1".into(), rpo: Some(HOUR) };
    notes.apply(&Note::RpoSet { route: route.clone(), route_rpo: route_rpo.clone(), at: now() });
    assert_eq!(notes.rpos.get(&route), Some(&route_rpo));
    notes.apply(&Note::RpoRemoved { route: route.clone(), at: now() });
    assert!(notes.rpos.is_empty());
    let notice = |id: &str, at| {
        Note::NotificationQueued(Box::new(Notification { id: id.to_owned(), at, body: "{}".to_owned() }))
    };
    for (id, at) in [("a", now()), ("b", now()), ("a", now().plus(HOUR))] {
        notes.apply(&notice(id, at));
    }
    assert_eq!(notes.queued.len(), 2, "one event is reported once");
    notes.apply(&Note::NotificationDone { id: "a".to_owned() });
    assert_eq!(notes.queued.keys().map(|(_, id)| id.as_str()).collect::<Vec<_>>(), ["b"]);
    // A clock that went back: what began in the future began now.
    let mut state = State::new(now(), now());
    for (id, since) in [("fs-1", now().plus(HOUR)), ("fs-2", now().minus(HOUR))] {
        let note = Note::Late { route: (key(id), Target::Backup), since };
        state.apply(&Change::Noted(note)).unwrap();
    }
    state.apply(&Change::ClockWentBack(now())).unwrap();
    assert_eq!(state.notes.late.values().copied().collect::<Vec<_>>(), [now(), now().minus(HOUR)]);
    state.apply(&Change::Noted(Note::LateCleared { route: (key("fs-1"), Target::Backup) })).unwrap();
    assert_eq!(state.notes.late.len(), 1);
}

#[test]
fn a_destination_without_a_promise_has_the_policys() {
    let destination = |region: &str, rpo| Destination {
        region: region.into(),
        rpo,
        kms_key: None,
        copy_tags: false,
        tags: Tags::new(),
        retain: None,
    };
    let mut policy = Policy {
        name: "p".into(),
        account: AccountId::own(),
        region: "us-east-1".into(),
        sources: vec!["fs-1".into(), "fs-2".into()],
        select: None,
        exclude: Vec::new(),
        schedule: Schedule::parse("@daily", "UTC", now()).unwrap(),
        spread: None,
        start_within: None,
        catch_up: CatchUp::Latest,
        rpo: Some(26 * HOUR),
        tags: Tags::new(),
        retain: None,
        destinations: vec![destination("us-west-2", Some(30 * HOUR)), destination("eu-west-1", None)],
    };
    let of = |policy: &Policy| ["us-east-1", "us-west-2", "eu-west-1"].map(|region| policy.rpo_in(&region.into()));
    assert_eq!(of(&policy), [Some(26 * HOUR), Some(30 * HOUR), Some(26 * HOUR)]);
    policy.rpo = None;
    assert_eq!(of(&policy), [None, Some(30 * HOUR), None]);
    assert_eq!(policy.destination(&"eu-west-1".into()).map(|found| found.region.as_str()), Some("eu-west-1"));
    assert!(policy.destination(&"us-east-1".into()).is_none());
    assert_eq!(policy.source_keys().collect::<Vec<_>>(), [key("fs-1"), key("fs-2")]);
    assert_eq!(SecretUrl::new("https://h/secret").whole(), "https://h/secret");
}

/// Sources that no policy names are counted where their points are, each once, as long as they have any.
#[test]
fn orphans_are_counted_where_their_points_are() {
    let mut state = State::new(now(), now());
    for (number, lifecycle) in [(1, Lifecycle::Available), (2, Lifecycle::Failed), (3, Lifecycle::Deleted)] {
        let mut seen = observed(false, lifecycle);
        seen.id = format!("backup-0123456789abcde{number:02x}").as_str().into();
        let tags = Arc::make_mut(&mut seen.tags);
        tags.insert("lifeboat:source".to_owned(), format!("fs-{}", number / 2));
        tags.insert("lifeboat:attempt".to_owned(), number.to_string());
        state.apply(&Change::BackupObserved { point: Box::new(seen.into_point(&place(), now()).unwrap()) }).unwrap();
    }
    assert_eq!(state.orphans(), [(place(), 2)].into());
    for source in ["fs-0", "fs-1"] {
        state
            .apply(&Change::MembershipUpdated {
                source: key(source),
                region: "us-west-2".into(),
                policy: "p".into(),
                destinations: vec![],
                since: now(),
            })
            .unwrap();
    }
    assert!(state.orphans().is_empty());
    let under_way = |state: &State| state.place(&place()).map_or(0, |known| known.calls.len());
    assert_eq!(under_way(&state), 0);
    for id in ["backup-1", "backup-2"] {
        let call = Call::Poll { ids: vec![id.into()] }.key().unwrap();
        state.apply(&Change::Sent { place: place(), call, at: now() }).unwrap();
    }
    assert_eq!(under_way(&state), 2);
}
