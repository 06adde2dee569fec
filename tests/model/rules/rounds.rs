//! What a round finds due: occurrences, pages and looks, holds, and pauses that end.

use super::*;
use crate::fixture::*;
use lifeboat::domain::id::BackupId;
use lifeboat::domain::pause::Pause;
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::domain::state::Line;

const MOMENT: Duration = Duration::from_millis(1);
const LAG: Duration = Duration::from_secs(120);

fn noon() -> Time {
    at("2026-11-21T12:00:00Z")
}

/// A policy that fires every hour, whose process began at 05:00, and which has dealt with six o'clock.
fn hourly() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.policy().schedule = Schedule::parse("0 * * * *", "UTC", noon()).unwrap();
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    fixture
}

fn due(fixture: &Fixture, now: Time) -> Plan {
    let mut plan = Plan::default();
    planner::schedule::plan(&fixture.settings, &fixture.state, now, &mut plan);
    plan
}

fn checked(plan: &Plan) -> bool {
    plan.record.iter().any(|change| matches!(change, Change::Checked { .. }))
}

#[test]
fn an_outage_too_long_to_list_says_how_many_at_least() {
    let mut fixture = hourly();
    fixture.policy().schedule = Schedule::parse("every 1s", "UTC", noon()).unwrap();
    fixture.state.source_to_restore(&key(0)).unwrap().points = lifeboat::domain::state::RecoveryPoints::default();
    let start = at("2026-11-21T05:00:00Z");
    let earlier = |seconds: u32| {
        let plan = due(&fixture, start.plus(SECOND * seconds));
        let Some(Change::Closed { earlier, reason, .. }) = plan.record.first() else { panic!() };
        let says = format!("stands for at least {earlier} before it as well");
        assert_eq!(reason.contains("stands for"), *earlier > 0, "{reason}");
        assert!(*earlier == 0 || reason.contains(&says), "{reason}");
        (plan.record.len(), *earlier)
    };
    // 499 one by one and the newest, which begins; all before them in one record; and that the state is checked.
    assert_eq!(earlier(400), (401, 0));
    assert_eq!(earlier(500), (501, 0));
    assert_eq!(earlier(501), (502, 0));
    assert_eq!(earlier(502), (502, 1));
    assert_eq!(earlier(10_000), (502, 9_499));
    assert_eq!(earlier(300_000), (502, 99_999), "it is not counted on for ever");
}

/// Nothing at AWS tells by which schedule a backup was made: a day of one occurrence after the other does.
#[test]
fn a_schedule_held_before_a_lost_database_if_a_day_of_backups_says_so() {
    let database_created_at = at("2026-11-21T05:00:00Z");
    let caught_up = |schedule: &str, made: &[&str]| {
        let mut fixture = Fixture { state: new_state(database_created_at), ..Fixture::new() };
        fixture.policy().schedule = Schedule::parse(schedule, "UTC", noon()).unwrap();
        for (nth, at_time) in made.iter().enumerate() {
            let of = Occurrence { at: at(at_time), trigger: Trigger::Schedule };
            fixture.see(&backup(&format!("backup-{nth}"), of, Lifecycle::Available));
        }
        fixture.membership();
        let line = Line { text: schedule.into(), zone: "UTC".into(), since: None };
        fixture.apply(Change::Rescheduled { source: key(0), lines: vec![line] });
        fixture.listed(HOME, database_created_at.plus(LAG));
        let before = |change: &Change| matches!(change, Change::Opened { occurrence, .. } | Change::Closed { occurrence, .. } if occurrence.at < database_created_at);
        due(&fixture, at("2026-11-21T06:30:00Z")).record.iter().any(before)
    };
    let hours =
        |day: &str, from: u32, to: u32| (from..=to).map(|hour| format!("2026-11-{day}T{hour:02}:00:00Z")).collect();
    let of = |parts: &[Vec<String>]| parts.concat();
    let check =
        |schedule: &str, made: Vec<String>| caught_up(schedule, &made.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(check("@hourly", of(&[hours("19", 5, 23), hours("20", 0, 5)])), "a day of every hour");
    assert!(!check("@hourly", of(&[hours("19", 6, 23), hours("20", 0, 5)])), "a little less");
    assert!(!check("@hourly", of(&[hours("19", 2, 5), hours("20", 2, 5)])), "from two to five alone");
    assert!(check("0 4 * * *", of(&[hours("19", 4, 4), hours("20", 4, 4)])), "two days");
    assert!(!check("0 4 * * *", of(&[hours("20", 4, 4)])), "one tells nothing");
    assert!(!check("0 4 * * *", of(&[hours("19", 3, 3), hours("20", 4, 4)])), "another hour before");
}

/// A round records a limited number; the rest comes in the next, and only then is all on record.
#[test]
fn a_round_records_so_many() {
    for (sources, recorded) in [(1999, 1999), (2000, 2000), (2001, 2000)] {
        let mut fixture = Fixture::of(0);
        fixture.policy().schedule = Schedule::parse("0 * * * *", "UTC", noon()).unwrap();
        fixture.policy().sources = (0..sources).map(|nth| format!("fs-{nth:017x}").as_str().into()).collect();
        fixture.membership();
        let plan = due(&fixture, at("2026-11-21T06:30:00Z"));
        let opened = plan.record.iter().filter(|change| matches!(change, Change::Opened { .. })).count();
        assert_eq!((opened, checked(&plan)), (recorded, sources == recorded), "{sources}");
    }
}

fn reads(plan: &Plan, region: &str) -> Vec<Call> {
    let reads = plan.actions.iter().filter(|action| action.place == place(region));
    reads.filter(|action| action.call.operation() == "DescribeBackups").map(|action| action.call.clone()).collect()
}

/// Looks fall together, what has been due for longest first: all that is in flight goes along, since it may end sooner than
/// expected, and what else is due within a quarter of `poll`. They go wherever there is something to see.
#[test]
fn what_is_looked_at_together() {
    let mut fixture = Fixture::new();
    // The Regions that no policy names are not forgotten under way.
    fixture.apply(Change::Swept(noon()));
    let home = backup("backup-0", scheduled(6), Lifecycle::Creating);
    fixture.see(&home);
    for nth in 1..4 {
        fixture.see(&RecoveryPoint { id: format!("backup-{nth}").as_str().into(), attempt: nth + 1, ..home.clone() });
    }
    let quarter = POLL / 4;
    for (id, at) in [("backup-1", noon().plus(quarter)), ("backup-2", noon().plus(quarter).plus(MOMENT))] {
        fixture.apply(Change::PollScheduled { place: place(HOME), ids: vec![id.into()], at, batch: None });
    }
    let small = Change::PollScheduled { place: place(HOME), ids: vec!["backup-3".into()], at: noon(), batch: Some(1) };
    fixture.apply(small);
    let polled = |fixture: &Fixture, region: &str| -> Vec<Vec<String>> {
        let of = |call| match call {
            Call::Poll { ids } => Some(ids.iter().map(ToString::to_string).collect()),
            _ => None,
        };
        reads(&fixture.plan(noon()), region).into_iter().filter_map(of).collect()
    };
    let missed = RecoveryPoint { id: "backup-4".into(), attempt: 5, lifecycle: Lifecycle::Available, ..home.clone() };
    fixture.see(&missed);
    let since = Some(noon());
    let missing = Change::MissingFromListing { place: place(HOME), id: missed.id.clone(), missing_since: since };
    fixture.apply(missing);
    let look = |at| Change::PollScheduled { place: place(HOME), ids: vec![missed.id.clone()], at, batch: None };
    fixture.apply(look(noon().plus(quarter).plus(MOMENT)));
    assert_eq!(polled(&fixture, HOME), [vec!["backup-0", "backup-1", "backup-2"], vec!["backup-3"]]);
    fixture.apply(look(noon().plus(quarter)));
    assert_eq!(polled(&fixture, HOME), [vec!["backup-0", "backup-1", "backup-2", "backup-4"], vec!["backup-3"]]);
    // Where no policy reaches any more, work in flight is followed; a Region without any is left alone.
    fixture.see(&copy("copy-0", &home, SECOND_THERE, Lifecycle::Copying));
    fixture.listed("ap-south-1", noon());
    assert_eq!(polled(&fixture, SECOND_THERE), [vec!["copy-0"]]);
    assert_eq!(reads(&fixture.plan(noon()), SECOND_THERE).len(), 2, "and a first listing");
    assert_eq!(reads(&fixture.plan(noon().plus(HOUR)), "ap-south-1"), []);
}

/// What AWS refused in a batch is looked at one by one, four calls at a time. What is only nearly due takes none of them,
/// or what is due would never get one.
#[test]
fn what_is_nearly_due_goes_along_and_never_before() {
    let mut fixture = Fixture::new();
    fixture.settings.daemon.poll = 15 * MINUTE;
    let first = backup("backup-0", scheduled(6), Lifecycle::Creating);
    for nth in 0..7 {
        fixture.see(&RecoveryPoint { id: format!("backup-{nth}").as_str().into(), attempt: nth + 1, ..first.clone() });
        let at = if nth < 5 { noon().plus(2 * MINUTE) } else { noon() };
        let ids = vec![BackupId::from(format!("backup-{nth}").as_str())];
        fixture.apply(Change::PollScheduled { place: place(HOME), ids, at, batch: Some(1) });
    }
    // Both Regions were read a moment ago.
    fixture.listed(HOME, noon());
    fixture.listed(THERE, noon());
    let looked_at: Vec<Call> = reads(&fixture.plan(noon()), HOME);
    let one = |id: &str| Call::Poll { ids: vec![id.into()] };
    assert_eq!(looked_at, [one("backup-5"), one("backup-6")]);
}

/// A pause that ended is kept until what came due in it is on record: up to its very end.
#[test]
fn a_pause_that_ended_is_forgotten_once_all_is_on_record() {
    let over = |checked: Option<Time>, now: Time| {
        let mut fixture = hourly();
        let (since, until) = (at("2026-11-21T07:30:00Z"), Some(at("2026-11-21T08:30:00Z")));
        let pause = Pause { since, until, reason: None, resumed: false };
        fixture.apply(Change::Paused { policy: "finance".into(), pause });
        if let Some(through) = checked {
            let next = fixture.policy().schedule.next_after(through);
            fixture.apply(Change::Checked { policy: "finance".into(), through, next });
        }
        let mut plan = Plan::default();
        planner::pauses::plan(&fixture.settings, &fixture.state, now, &mut plan);
        assert_eq!(plan.wake.at == until.unwrap(), now < until.unwrap(), "{:?}", plan.wake);
        !plan.record.is_empty()
    };
    let half_past = at("2026-11-21T08:30:00Z");
    assert!(!over(Some(half_past), half_past.minus(MOMENT)), "it is not over");
    assert!(over(Some(half_past), half_past));
    assert!(over(Some(at("2026-11-21T08:00:00Z")), at("2026-11-21T08:59:59Z")));
    assert!(!over(Some(at("2026-11-21T07:59:59Z")), half_past), "eight o'clock is not on record");
    assert!(!over(Some(half_past), at("2026-11-21T09:00:00Z")), "nor is nine, which is due now");
    assert!(!over(None, half_past));
}

#[test]
fn the_tag_of_a_hold_is_written_when_its_arn_is_known() {
    let mut fixture = Fixture::new();
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    let id = || BackupId::from("backup-6");
    let holds = |fixture: &Fixture, now: Time| -> Vec<Call> {
        let calls = fixture.plan(now).actions.into_iter().map(|action| action.call);
        calls.filter(|call| matches!(call, Call::Hold { .. })).collect()
    };
    fixture.apply(Change::HoldRequested { place: place(HOME), id: id(), hold: Some("audit".to_owned()), at: noon() });
    assert_eq!(holds(&fixture, noon()), [], "its ARN is told by a look");
    fixture.apply(Change::Inspected { place: place(HOME), id: id(), arn: Some("arn:1".to_owned()), at: noon() });
    let hold = Call::Hold { id: id(), arn: "arn:1".to_owned(), hold: Some("audit".to_owned()) };
    assert_eq!(holds(&fixture, noon()), std::slice::from_ref(&hold));
    let until = noon().plus(MINUTE);
    fixture.apply(Change::HoldTried { place: place(HOME), id: id(), fault: None, not_before: until });
    let plan = fixture.plan(until.minus(MOMENT));
    assert_eq!((holds(&fixture, until.minus(MOMENT)), plan.wake.at <= until), (vec![], true));
    let mut quiet = Plan::default();
    let mut call_limits = planner::call_limits::CallLimits::new(&fixture.state, noon());
    planner::holds::plan(&fixture.state, until.minus(MOMENT), &mut call_limits, &mut quiet);
    assert_eq!((quiet.wake.at, quiet.wake.why), (until, "a hold is tried again"));
    assert_eq!(holds(&fixture, until), std::slice::from_ref(&hold));
    fixture.apply(Change::Sent { place: place(HOME), call: hold.key().unwrap(), at: until });
    assert_eq!(holds(&fixture, until), [], "one at a time");
}
