//! What a round finds due: occurrences, listings and looks, holds, pauses that end, and what a new policy file mends.

use super::books::*;
use super::*;
use lifeboat::domain::action::CallKey;
use lifeboat::domain::id::BackupId;
use lifeboat::domain::pause::Pause;
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::domain::state::ListingPage;

const MOMENT: Duration = Duration::from_millis(1);
const LAG: Duration = Duration::from_secs(120);

fn noon() -> Time {
    at("2026-11-21T12:00:00Z")
}

/// A policy that fires every hour, whose process began at 05:00, and which has dealt with six o'clock.
fn hourly() -> Books {
    let mut books = Books::new();
    books.policy().schedule = Schedule::parse("0 * * * *", "UTC", noon()).unwrap();
    books.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    books
}

fn due(books: &Books, now: Time) -> Plan {
    let mut plan = Plan::default();
    planner::schedule::plan(&books.settings, &books.state, now, &mut plan);
    plan
}

/// What came due: the hour, how it ended and why, if it did not begin, and whether it is caught up with.
type Told = (String, Option<(OccurrenceOutcome, String)>, bool);

fn told(plan: &Plan) -> Vec<Told> {
    let hour = |occurrence: &Occurrence| occurrence.at.to_string()[11..16].to_owned();
    let told = plan.record.iter().filter_map(|change| match change {
        Change::Opened { occurrence, record, .. } => Some((hour(occurrence), None, record.caught_up)),
        Change::Closed { occurrence, end, reason, record, .. } => {
            Some((hour(occurrence), Some((*end, reason.clone())), record.caught_up))
        }
        _ => None,
    });
    told.collect()
}

fn checked(plan: &Plan) -> bool {
    plan.record.iter().any(|change| matches!(change, Change::Checked { .. }))
}

#[test]
fn of_what_came_due_the_newest_begins_and_the_others_say_why_not() {
    let now = at("2026-11-21T08:30:00Z");
    let together = "came due together with the occurrence of 2026-11-21T08:00:00Z, which took its place";
    let ended = |hour: &str, end, why: &str| (hour.to_owned(), Some((end, why.to_owned())), false);
    let mut books = hourly();
    let plan = due(&books, now);
    assert_eq!(
        told(&plan),
        [ended("07:00", OccurrenceOutcome::Coalesced, together), ("08:00".to_owned(), None, false)]
    );
    assert!(checked(&plan));
    assert_eq!(plan.wake.at, at("2026-11-21T09:00:00Z"));
    // A window that passed while the process ran.
    books.policy().start_within = Some(30 * MINUTE);
    let late = "not begun within 30m: Lifeboat did not get to it";
    assert_eq!(
        told(&due(&books, now)),
        [ended("07:00", OccurrenceOutcome::Missed, late), ("08:00".to_owned(), None, false)]
    );
    let later = told(&due(&books, now.plus(MOMENT)));
    assert_eq!(
        later,
        [ended("07:00", OccurrenceOutcome::Missed, late), ended("08:00", OccurrenceOutcome::Missed, late)]
    );

    // The process began at eight: what came due before is caught up with, its newest whatever the window.
    let asleep = |(hour, end, _): Told| (hour, end, true);
    books.state.started_at = at("2026-11-21T08:00:00Z");
    let stopped = "not begun within 30m: Lifeboat was not running";
    let newest = ("08:00".to_owned(), None, true);
    let expected = [asleep(ended("07:00", OccurrenceOutcome::Missed, stopped)), newest.clone()];
    assert_eq!(told(&due(&books, now.plus(MOMENT))), expected);
    books.policy().start_within = None;
    assert_eq!(told(&due(&books, now)), [asleep(ended("07:00", OccurrenceOutcome::Coalesced, together)), newest]);
    // Unless the policy says that it is not.
    books.policy().catch_up = CatchUp::None;
    let not_caught = "came due while Lifeboat was not running, and catch_up is \"none\"";
    let both = ["07:00", "08:00"].map(|hour| asleep(ended(hour, OccurrenceOutcome::Missed, not_caught)));
    assert_eq!(told(&due(&books, now)), both);
    books.state.started_at = at("2026-11-21T07:00:00Z");
    assert_eq!(told(&due(&books, now)), [both[0].clone(), ("08:00".to_owned(), None, false)]);
}

#[test]
fn an_outage_too_long_to_list_says_how_many_at_least() {
    let mut books = hourly();
    books.policy().schedule = Schedule::parse("every 1s", "UTC", noon()).unwrap();
    books.state.source_to_restore(&key(0)).unwrap().points = lifeboat::domain::state::RecoveryPoints::default();
    let start = at("2026-11-21T05:00:00Z");
    let earlier = |seconds: u32| {
        let plan = due(&books, start.plus(SECOND * seconds));
        let Some(Change::Closed { earlier, reason, .. }) = plan.record.first() else { panic!() };
        let says = format!("stands for at least {earlier} before it as well");
        assert_eq!(reason.contains("stands for"), *earlier > 0, "{reason}");
        assert!(*earlier == 0 || reason.contains(&says), "{reason}");
        (plan.record.len(), *earlier)
    };
    // 499 one by one and the newest, which begins; all before them in one record; and that the books are checked.
    assert_eq!(earlier(400), (401, 0));
    assert_eq!(earlier(500), (501, 0));
    assert_eq!(earlier(501), (502, 0));
    assert_eq!(earlier(502), (502, 1));
    assert_eq!(earlier(10_000), (502, 9_499));
    assert_eq!(earlier(300_000), (502, 99_999), "it is not counted on for ever");
}

/// What AWS's books may tell of is not recorded before they were read.
#[test]
fn nothing_is_due_before_it_can_be_told() {
    let now = at("2026-11-21T08:30:00Z");
    let database_created_at = at("2026-11-21T05:00:00Z");
    let mut books = hourly();
    books.state.places.get_mut(&place(HOME)).unwrap().listed = None;
    let plan = due(&books, now);
    assert_eq!((plan.record.len(), checked(&plan)), (0, false), "{:?}", plan.record);
    // What was dealt with before this database was made, and a listing that may not show yet what was begun last.
    for (dealt_with, listed, told_of) in [
        (database_created_at.minus(MOMENT), database_created_at.plus(LAG).minus(MOMENT), false),
        (database_created_at.minus(MOMENT), database_created_at.plus(LAG), true),
        (database_created_at, database_created_at.plus(LAG).minus(MOMENT), true),
        (database_created_at, database_created_at.plus(LAG), true),
    ] {
        let mut books = Books::new();
        books.policy().schedule = Schedule::parse("0 * * * *", "UTC", noon()).unwrap();
        let before = Occurrence { at: dealt_with, trigger: Trigger::Schedule };
        books.see(&backup("backup-5", before, Lifecycle::Available));
        books.listed(HOME, listed);
        let plan = due(&books, now);
        assert_eq!((!told(&plan).is_empty(), checked(&plan)), (told_of, told_of), "{dealt_with} {listed}");
    }
}

/// So many are recorded in a round; the rest in the next, and only then is all on record.
#[test]
fn a_round_records_so_many() {
    for (sources, recorded) in [(1999, 1999), (2000, 2000), (2001, 2000)] {
        let mut books = Books::of(0);
        books.policy().schedule = Schedule::parse("0 * * * *", "UTC", noon()).unwrap();
        books.policy().sources = (0..sources).map(|nth| format!("fs-{nth:017x}").as_str().into()).collect();
        books.membership();
        let plan = due(&books, at("2026-11-21T06:30:00Z"));
        let opened = plan.record.iter().filter(|change| matches!(change, Change::Opened { .. })).count();
        assert_eq!((opened, checked(&plan)), (recorded, sources == recorded), "{sources}");
    }
}

fn reads(plan: &Plan, region: &str) -> Vec<Call> {
    let reads = plan.actions.iter().filter(|action| action.place == place(region));
    reads.filter(|action| action.call.operation() == "DescribeBackups").map(|action| action.call.clone()).collect()
}

#[test]
fn a_listing_goes_on_from_page_to_page() {
    let mut books = Books::new();
    let began = Change::ListingBegan { place: place(HOME), at: noon() };
    let plan = books.plan(noon());
    assert_eq!(reads(&plan, HOME), [Call::ListPage { next_token: None }]);
    assert!(plan.record.contains(&began));
    books.apply(began.clone());
    assert!(books.plan(noon()).record.contains(&began), "the first page is still to come");
    let page = ListingPage::default();
    books.apply(Change::ListingPage { place: place(HOME), page, next_token: "two".to_owned() });
    let plan = books.plan(noon());
    assert_eq!(reads(&plan, HOME), [Call::ListPage { next_token: Some("two".to_owned()) }]);
    assert!(!plan.record.contains(&began));
    books.apply(Change::ListingStalled { place: place(HOME), not_before: noon().plus(SECOND), restart: false });
    assert_eq!(reads(&books.plan(noon()), HOME), []);
    assert_eq!(reads(&books.plan(noon().plus(SECOND)), HOME).len(), 1);
    books.apply(Change::Sent { place: place(HOME), call: CallKey::List, at: noon() });
    assert_eq!(reads(&books.plan(noon().plus(SECOND)), HOME), [], "one at a time");
}

#[test]
fn every_region_that_the_policy_names_is_read() {
    let mut books = Books::of(2);
    books.second_destination();
    let named: Vec<String> =
        planner::polling::places_of(&books.settings).map(|place| place.region.to_string()).collect();
    assert_eq!(named, [HOME, THERE, SECOND_THERE]);
}

/// A listing that is wanted comes sooner, but a listing of many pages not so soon that reading becomes all that is done.
#[test]
fn when_a_listing_is_due() {
    let began_at = at("2026-11-21T05:05:00Z");
    let first_after = |pages: u32, wanted: Option<Time>| {
        let mut books = Books::new();
        let (others, user_backups) = (vec![], 0);
        books.apply(Change::Listed {
            place: place(HOME),
            began_at,
            pages,
            user_backups,
            others,
            strangers: Vec::new(),
        });
        if let Some(at) = wanted {
            books.apply(Change::ListingWanted { place: place(HOME), at });
        }
        let listed = |time: Duration| !reads(&books.plan(began_at.plus(time)), HOME).is_empty();
        (1..4000).find(|seconds| listed(SECOND * *seconds)).unwrap()
    };
    assert_eq!(first_after(1, None), 600);
    assert_eq!(first_after(10, None), 1200);
    let soon = Some(began_at.plus(SECOND));
    assert_eq!((first_after(1, soon), first_after(8, soon), first_after(16, soon)), (30, 30, 60));
    assert_eq!(first_after(16, Some(began_at.plus(90 * SECOND))), 90);
    assert_eq!(first_after(1, Some(began_at.plus(HOUR))), 600, "the ordinary one comes before");
}

/// Looks fall together, what has been due for longest first: what is due within a quarter of `poll` goes along. They go wherever there is something to see.
#[test]
fn what_is_looked_at_together() {
    let mut books = Books::new();
    // The Regions that no policy names are not forgotten under way.
    books.apply(Change::Swept(noon()));
    let home = backup("backup-0", scheduled(6), Lifecycle::Creating);
    books.see(&home);
    for nth in 1..4 {
        books.see(&RecoveryPoint { id: format!("backup-{nth}").as_str().into(), attempt: nth + 1, ..home.clone() });
    }
    let quarter = POLL / 4;
    for (id, at) in [("backup-1", noon().plus(quarter)), ("backup-2", noon().plus(quarter).plus(MOMENT))] {
        books.apply(Change::PollScheduled { place: place(HOME), ids: vec![id.into()], at, batch: None });
    }
    let small = Change::PollScheduled { place: place(HOME), ids: vec!["backup-3".into()], at: noon(), batch: Some(1) };
    books.apply(small);
    let polled = |books: &Books, region: &str| -> Vec<Vec<String>> {
        let of = |call| match call {
            Call::Poll { ids } => Some(ids.iter().map(ToString::to_string).collect()),
            _ => None,
        };
        reads(&books.plan(noon()), region).into_iter().filter_map(of).collect()
    };
    assert_eq!(polled(&books, HOME), [vec!["backup-0", "backup-1"], vec!["backup-3"]]);
    // Where no policy reaches any more, work in flight is followed; a Region without any is left alone.
    books.see(&copy("copy-0", &home, SECOND_THERE, Lifecycle::Copying));
    books.listed("ap-south-1", noon());
    assert_eq!(polled(&books, SECOND_THERE), [vec!["copy-0"]]);
    assert_eq!(reads(&books.plan(noon()), SECOND_THERE).len(), 2, "and a first listing");
    assert_eq!(reads(&books.plan(noon().plus(HOUR)), "ap-south-1"), []);
}

/// What AWS refused in a batch is looked at one by one, four calls at a time. What is only nearly due takes none of them,
/// or what is due would never get one.
#[test]
fn what_is_nearly_due_goes_along_and_never_before() {
    let mut books = Books::new();
    books.settings.daemon.poll = 15 * MINUTE;
    let first = backup("backup-0", scheduled(6), Lifecycle::Creating);
    for nth in 0..7 {
        books.see(&RecoveryPoint { id: format!("backup-{nth}").as_str().into(), attempt: nth + 1, ..first.clone() });
        let at = if nth < 5 { noon().plus(2 * MINUTE) } else { noon() };
        let ids = vec![BackupId::from(format!("backup-{nth}").as_str())];
        books.apply(Change::PollScheduled { place: place(HOME), ids, at, batch: Some(1) });
    }
    // Both Regions were read a moment ago.
    books.listed(HOME, noon());
    books.listed(THERE, noon());
    let looked_at: Vec<Call> = reads(&books.plan(noon()), HOME);
    let one = |id: &str| Call::Poll { ids: vec![id.into()] };
    assert_eq!(looked_at, [one("backup-5"), one("backup-6")]);
}

#[test]
fn the_tag_of_a_hold_is_written_when_its_arn_is_known() {
    let mut books = Books::new();
    books.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    let id = || BackupId::from("backup-6");
    let holds = |books: &Books, now: Time| -> Vec<Call> {
        let calls = books.plan(now).actions.into_iter().map(|action| action.call);
        calls.filter(|call| matches!(call, Call::Hold { .. })).collect()
    };
    books.apply(Change::HoldRequested { place: place(HOME), id: id(), hold: Some("audit".to_owned()), at: noon() });
    assert_eq!(holds(&books, noon()), [], "its ARN is told by a look");
    books.apply(Change::Inspected { place: place(HOME), id: id(), arn: Some("arn:1".to_owned()), at: noon() });
    let hold = Call::Hold { id: id(), arn: "arn:1".to_owned(), hold: Some("audit".to_owned()) };
    assert_eq!(holds(&books, noon()), std::slice::from_ref(&hold));
    let until = noon().plus(MINUTE);
    books.apply(Change::HoldTried { place: place(HOME), id: id(), fault: None, not_before: until });
    let plan = books.plan(until.minus(MOMENT));
    assert_eq!((holds(&books, until.minus(MOMENT)), plan.wake.at <= until), (vec![], true));
    let mut quiet = Plan::default();
    let mut call_limits = planner::call_limits::CallLimits::new(&books.settings, &books.state, noon());
    planner::holds::plan(&books.state, until.minus(MOMENT), &mut call_limits, &mut quiet);
    assert_eq!((quiet.wake.at, quiet.wake.why), (until, "a hold is tried again"));
    assert_eq!(holds(&books, until), std::slice::from_ref(&hold));
    books.apply(Change::Sent { place: place(HOME), call: hold.key().unwrap(), at: until });
    assert_eq!(holds(&books, until), [], "one at a time");
}

/// A reload makes what was refused for good worth another try, and only that.
#[test]
fn a_new_policy_file_may_mend_what_was_refused_for_good() {
    let retried = |class, not_before: Time| {
        let mut books = Books::new();
        let of = key_of(scheduled(6), Target::Backup);
        books.open(scheduled(6));
        books.record_request(&of, 1, noon());
        let fault = fault(class, "Refused");
        books.apply(Change::RequestFailed { key: of.clone(), fault, definite: true, not_before });
        let mut plan = Plan::default();
        planner::membership::plan(&books.settings, &books.state, noon(), &mut plan);
        assert!(plan.record.is_empty(), "the same file: {:?}", plan.record);
        books.settings.generation += 1;
        planner::membership::plan(&books.settings, &books.state, noon(), &mut plan);
        let retried = plan.record.contains(&Change::RequestRetryAllowed(of));
        // These books were made by hand, and have no schedule yet.
        let others = plan.record.iter().filter(|change| !matches!(change, Change::Rescheduled { .. })).count();
        assert_eq!(others, 1 + usize::from(retried), "{:?}", plan.record);
        retried
    };
    assert!(retried(FaultClass::Denied, noon().plus(MOMENT)));
    assert!(!retried(FaultClass::Denied, noon()), "its pause is over");
    assert!(!retried(FaultClass::Denied, noon().minus(MOMENT)));
    assert!(!retried(FaultClass::TransientState, noon().plus(HOUR)), "that passes by itself");
}

/// A pause that ended is kept until what came due in it is on record: up to its very end.
#[test]
fn a_pause_that_ended_is_forgotten_once_all_is_on_record() {
    let over = |checked: Option<Time>, now: Time| {
        let mut books = hourly();
        let (since, until) = (at("2026-11-21T07:30:00Z"), Some(at("2026-11-21T08:30:00Z")));
        let pause = Pause { since, until, reason: None, resumed: false };
        books.apply(Change::Paused { policy: "finance".into(), pause });
        if let Some(through) = checked {
            let next = books.policy().schedule.next_after(through);
            books.apply(Change::Checked { policy: "finance".into(), through, next });
        }
        let mut plan = Plan::default();
        planner::pauses::plan(&books.settings, &books.state, now, &mut plan);
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
