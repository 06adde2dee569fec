//! Which copies and backups a round asks for, on a state written by hand: which ones, in which order, and what waits.

use super::fixture::*;
use super::*;
use crate::slot_orders::{first_come, oldest_point};
use lifeboat::domain::change::OccurrenceRecord;
use lifeboat::domain::id::PolicyName;
use lifeboat::domain::lane::Lane;
use lifeboat::domain::pause::Pause;
use lifeboat::domain::plan::Waiting;
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::planner::plan_in_order;
use lifeboat::planner::slot_priority::{SlotOrder, SlotRequest, rank};

const LAG: Duration = Duration::from_secs(120);

fn noon() -> Time {
    at("2026-11-21T12:00:00Z")
}

/// What a round asks AWS to make.
fn made(plan: &Plan) -> Vec<(WorkKey, Request)> {
    let makes = plan.actions.iter().filter_map(|action| match &action.call {
        Call::Make { key, request } => Some((key.clone(), (**request).clone())),
        _ => None,
    });
    makes.collect()
}

/// The work for which a round asks.
fn asks(fixture: &Fixture, now: Time) -> Vec<WorkKey> {
    made(&fixture.plan(now)).into_iter().map(|(key, _)| key).collect()
}

fn waits(plan: &Plan) -> Vec<(Option<&str>, Reason, &str)> {
    let told = |wait: &'_ Waiting| {
        assert_eq!((&wait.policy, wait.source.account.as_str()), (&PolicyName::from("finance"), "default"));
    };
    plan.waiting.iter().for_each(told);
    plan.waiting
        .iter()
        .map(|wait| (wait.destination.as_ref().map(|region| region.as_str()), wait.reason, wait.detail.as_str()))
        .collect()
}

fn good(id: &str, occurrence: Occurrence) -> RecoveryPoint {
    backup(id, occurrence, Lifecycle::Available)
}

/// The policy brings its backups; of each its copy is wanted.
fn with_backups(of: &[Occurrence]) -> Fixture {
    let mut fixture = Fixture::new();
    for (number, occurrence) in of.iter().enumerate() {
        fixture.open(*occurrence);
        fixture.see(&good(&format!("backup-{number}"), *occurrence));
    }
    fixture
}

#[test]
fn a_route_wants_the_newest_backup_that_it_lacks() {
    let mut fixture = with_backups(&[scheduled(6)]);
    let six = key_of(scheduled(6), there());
    assert_eq!(asks(&fixture, noon()), std::slice::from_ref(&six));
    fixture.open(scheduled(7));
    fixture.see(&good("backup-7", scheduled(7)));
    let seven = key_of(scheduled(7), there());
    assert_eq!(asks(&fixture, noon()), std::slice::from_ref(&seven), "the newer one alone");
    let copied = copy("copy-7", &good("backup-7", scheduled(7)), THERE, Lifecycle::Available);
    fixture.see(&copied);
    assert_eq!(asks(&fixture, noon()), [], "what is older is not wanted any more");
    // A backup of the very moment at which the newest copy's data was taken brings nothing.
    fixture.see(&RecoveryPoint { created_at: scheduled(7).at, ..good("backup-8", ordered(7)) });
    assert_eq!(asks(&fixture, noon()), []);
    fixture.open(scheduled(8));
    fixture.see(&backup("backup-9", scheduled(8), Lifecycle::Creating));
    assert_eq!(asks(&fixture, noon()), [], "it is not there yet");
    fixture.see(&good("backup-9", scheduled(8)));
    assert_eq!(asks(&fixture, noon()), [key_of(scheduled(8), there())]);
    // Each destination by itself.
    fixture.second_destination();
    let both = [key_of(scheduled(8), Target::Copy(SECOND_THERE.into())), key_of(scheduled(8), there())];
    assert_eq!(asks(&fixture, noon()), both);
}

/// What a person ordered or holds is copied although newer ones are there; a backup of the schedule is not.
#[test]
fn what_a_person_wants_is_copied_after_what_is_newer() {
    for (mut older, wanted) in [
        (good("backup-5", ordered(5)), true),
        (good("backup-5", scheduled(5)).with_remarks(|remarks| remarks.hold = Some("audit".into())), true),
        (good("backup-5", scheduled(5)), false),
    ] {
        let occurrence = older.occurrence;
        let mut fixture = with_backups(&[scheduled(6)]);
        let record = OccurrenceRecord { policy: "finance".into(), opened_at: noon(), caught_up: true, adopted: true };
        fixture.state.source_to_restore(&key(0)).unwrap().open.insert(occurrence, record);
        fixture.see(&older);
        assert_eq!(asks(&fixture, noon()), [key_of(scheduled(6), there())], "the newest first");
        fixture.see(&copy("copy-6", &good("backup-0", scheduled(6)), THERE, Lifecycle::Available));
        let expected = if wanted { vec![key_of(occurrence, there())] } else { vec![] };
        assert_eq!(asks(&fixture, noon()), expected, "{occurrence:?}");
        older.lifecycle = Lifecycle::Creating;
        fixture.see(&older);
        assert_eq!(asks(&fixture, noon()), [], "it is not there yet");
    }
}

/// The database was lost after the copy of a person's backup was let go: nothing at AWS tells of that copy, and it is not
/// made again only to be let go again. Where the rules would keep it, or this database knows the order, it is made.
#[test]
fn what_retention_would_let_go_at_once_is_not_made_after_a_loss() {
    let newest = |last: u32| Some(Retain { last: Some(last), ..Retain::default() });
    for (adopted, retain, wanted) in
        [(true, newest(1), false), (true, newest(2), true), (true, None, true), (false, newest(1), true)]
    {
        let mut fixture = with_backups(&[scheduled(6)]);
        fixture.policy().destinations[0].retain = retain;
        let record = OccurrenceRecord { policy: "finance".into(), opened_at: noon(), caught_up: adopted, adopted };
        fixture.apply(Change::Opened { source: key(0), occurrence: ordered(5), record });
        fixture.see(&good("backup-5", ordered(5)));
        fixture.see(&copy("copy-6", &good("backup-0", scheduled(6)), THERE, Lifecycle::Available));
        let expected = if wanted { vec![key_of(ordered(5), there())] } else { vec![] };
        let plan = fixture.plan_of_ends(noon());
        let ended = plan.record.iter().any(|change| {
            matches!(change, Change::Closed { occurrence, end: OccurrenceOutcome::Coalesced, .. } if *occurrence == ordered(5))
        });
        assert_eq!(ended, !wanted, "adopted {adopted}, {:?}", fixture.settings);
        for change in plan.record {
            fixture.apply(change);
        }
        assert_eq!(asks(&fixture, noon()), expected, "adopted {adopted}");
    }
}

#[test]
fn one_copy_of_a_route_is_under_way_at_a_time() {
    let mut fixture = with_backups(&[scheduled(6), scheduled(7)]);
    let older = good("backup-0", scheduled(6));
    fixture.see(&copy("copy-6", &older, THERE, Lifecycle::Copying));
    let in_flight = "copy-6 of 2026-11-21T06:00:00Z is COPYING";
    let plan = fixture.plan(noon());
    assert_eq!((made(&plan), waits(&plan)), (vec![], vec![(Some(THERE), Reason::InProgress, in_flight)]));
    // A copy to another Region, or one that hangs, bars nothing.
    let hanging = |age: Duration| RecoveryPoint {
        created_at: noon().minus(age),
        ..copy("copy-6", &older, THERE, Lifecycle::Copying)
    };
    fixture.see(&hanging(48 * HOUR - SECOND));
    assert_eq!(asks(&fixture, noon()), []);
    fixture.see(&hanging(48 * HOUR));
    assert_eq!(asks(&fixture, noon()), [key_of(scheduled(7), there())]);
    let mut fixture = with_backups(&[scheduled(6), scheduled(7)]);
    fixture.see(&copy("copy-6", &older, SECOND_THERE, Lifecycle::Copying));
    assert_eq!(asks(&fixture, noon()), [key_of(scheduled(7), there())]);

    // The same for a copy that was asked for without an answer.
    let mut fixture = with_backups(&[scheduled(6)]);
    fixture.record_request(&key_of(scheduled(6), there()), 1, noon());
    fixture.open(scheduled(7));
    fixture.see(&good("backup-7", scheduled(7)));
    let asked = "the copy of 2026-11-21T06:00:00Z was asked for";
    let plan = fixture.plan(noon());
    assert_eq!(waits(&plan), [(Some(THERE), Reason::InProgress, asked)]);
    assert_eq!(asks(&fixture, noon()), [key_of(scheduled(6), there())], "word for word the same again");
    let refused = fault(FaultClass::TransientState, "Busy");
    fixture.refused(&key_of(scheduled(6), there()), refused);
    assert_eq!(asks(&fixture, noon()), [key_of(scheduled(7), there())], "it was withdrawn");
    let mut fixture = with_backups(&[scheduled(6)]);
    fixture.record_request(&key_of(scheduled(6), Target::Copy(SECOND_THERE.into())), 1, noon());
    let to: Vec<Target> = asks(&fixture, noon()).into_iter().map(|key| key.target).collect();
    assert_eq!(to, [Target::Copy(SECOND_THERE.into()), there()], "a repeat, and the route's own");
}

/// Asks without an answer, of a backup and of a copy alike: repeated, waited for, looked for, given up.
#[test]
fn an_ask_without_an_answer_is_dealt_with() {
    for target in [Target::Backup, there()] {
        let mut fixture = Fixture::new();
        fixture.open(scheduled(6));
        let (region, to) = if target == Target::Backup { (HOME, None) } else { (THERE, Some(THERE)) };
        if target != Target::Backup {
            fixture.see(&good("backup-6", scheduled(6)));
        }
        let key = key_of(scheduled(6), target);
        fixture.record_request(&key, 1, noon());
        let request = (*fixture.state.pending_request(&key).unwrap().request).clone();
        let again = vec![(key.clone(), request)];
        assert_eq!(made(&fixture.plan(noon())), again, "word for word");
        assert_eq!(made(&fixture.plan(noon().plus(5 * MINUTE).minus(SECOND))), again);

        // Its call is under way.
        let call =
            Call::Make { key: key.clone(), request: fixture.state.pending_request(&key).unwrap().request.clone() };
        let mut calling = fixture.clone();
        calling.apply(Change::Sent { place: place(region), call: call.key().unwrap(), at: noon() });
        let plan = calling.plan(noon());
        assert_eq!(waits(&plan), [(to, Reason::AwaitingResponse, "asked; the answer is outstanding")]);
        assert_eq!(made(&plan), []);

        // A pause, and who comes back after it.
        let (fault, until) = (fault(FaultClass::Unanswered, "Timeout"), noon().plus(MINUTE));
        fixture.apply(Change::RequestFailed { key: key.clone(), fault, definite: false, not_before: until });
        let plan = fixture.plan(until.minus(SECOND));
        assert_eq!((waits(&plan), plan.wake.at <= until), (vec![(to, Reason::Backoff, "Timeout")], true));
        assert_eq!(made(&plan), []);
        assert_eq!(made(&fixture.plan(until)), again);

        // The token may be forgotten: a listing has to tell, one that began two minutes after the pending request.
        let late = noon().plus(5 * MINUTE);
        let plan = fixture.plan(late);
        let (wanted, proof_from) =
            ("it is not known whether AWS took the request; a listing will tell", noon().plus(LAG));
        assert_eq!((made(&plan), waits(&plan)), (vec![], vec![(to, Reason::Listing, wanted)]));
        assert_eq!(plan.waiting[0].until, None, "it may begin at once");
        let listing = Change::ListingWanted { place: place(region), at: proof_from };
        assert!(plan.record.contains(&listing), "{:?}", plan.record);
        fixture.apply(listing.clone());
        assert!(!fixture.plan(late).record.contains(&listing), "once");
        fixture.listed(region, proof_from.minus(Duration::from_millis(1)));
        let disproved = Change::RequestNeverApplied { key: key.clone() };
        assert!(!fixture.plan(late).record.contains(&disproved), "that one began too early");
        fixture.listed(region, proof_from);
        let plan = fixture.plan(late);
        assert!(plan.record.contains(&disproved), "{:?}", plan.record);
        assert_eq!((made(&plan), plan.wake.at), (vec![], late));

        // Asked a moment before the token is forgotten: the listing has to wait.
        let mut fixture = fixture.clone();
        fixture.record_request(&key, 1, late.minus(SECOND));
        let plan = fixture.plan(late);
        assert_eq!(plan.waiting[0].until, Some(late.minus(SECOND).plus(LAG)));
        let mut long_ago = fixture.clone();
        let pending =
            long_ago.state.source_to_restore(&super::key(0)).unwrap().pending_requests.values_mut().next().unwrap();
        pending.last_asked_at = late.minus(LAG);
        assert_eq!(long_ago.plan(late).waiting[0].until, None, "it may begin now");
        // Without a policy it is dealt with as well, and waits for nobody to see.
        fixture.apply(Change::SourceDeparted { source: super::key(0) });
        let plan = planner_of_left(&fixture, late);
        assert_eq!(plan.waiting, []);
    }
}

/// The round of a source that is in no policy: the policy file has lost it too.
fn planner_of_left(fixture: &Fixture, now: Time) -> Plan {
    let mut settings = fixture.settings.clone();
    settings.policies.values_mut().for_each(|policy| policy.sources.clear());
    planner::plan(&settings, &fixture.state, now)
}

/// A copy of what is not the newest would take a slot for hours, for nothing.
#[test]
fn after_the_loss_of_the_database_no_copy_begins_before_the_newest_backup_is_known() {
    let mut fixture = with_backups(&[scheduled(6)]);
    // The backup was there before this database was.
    fixture.state.created_at = scheduled(6).at.plus(HOUR);
    let database_created_at = fixture.state.created_at;
    fixture.listed(THERE, database_created_at.plus(LAG));
    let reason = |fixture: &Fixture| {
        let plan = fixture.plan(noon());
        plan.waiting.first().map(|wait| (wait.reason, wait.detail.clone()))
    };
    fixture.listed(HOME, database_created_at.plus(LAG).minus(Duration::from_millis(1)));
    let once_more = "the database is new: us-east-1 is listed once more before anything is asked";
    assert_eq!(reason(&fixture), Some((Reason::Listing, once_more.to_owned())));
    fixture.listed(HOME, database_created_at.plus(LAG));
    assert_eq!(reason(&fixture), None);
    fixture.state.places.get_mut(&place(HOME)).unwrap().listed = None;
    let first = "us-east-1 is being listed for the first time";
    assert_eq!(reason(&fixture), Some((Reason::Listing, first.to_owned())));
}

#[test]
fn a_place_without_books_or_calls_to_spare_makes_a_copy_wait() {
    let mut fixture = with_backups(&[scheduled(6)]);
    let database_created_at = fixture.state.created_at;
    let reason = |fixture: &Fixture, now: Time| {
        let plan = fixture.plan(now);
        plan.waiting.first().map(|wait| (wait.reason, wait.detail.clone()))
    };
    assert_eq!(reason(&fixture, noon()), None);
    // A new database: what it lost may be shown by a listing two minutes later only; until five minutes the token tells.
    fixture.listed(THERE, database_created_at.plus(LAG).minus(Duration::from_millis(1)));
    let once_more = "the database is new: us-west-2 is listed once more before anything is asked";
    assert_eq!(reason(&fixture, noon()), Some((Reason::Listing, once_more.to_owned())));
    assert_eq!(reason(&fixture, database_created_at.plus(5 * MINUTE)), Some((Reason::Listing, once_more.to_owned())));
    assert_eq!(reason(&fixture, database_created_at.plus(5 * MINUTE).minus(SECOND)), None);
    fixture.listed(THERE, database_created_at.plus(LAG));
    assert_eq!(reason(&fixture, noon()), None);
    fixture.state.places.get_mut(&place(THERE)).unwrap().listed = None;
    let first = "us-west-2 is being listed for the first time";
    assert_eq!(reason(&fixture, noon()), Some((Reason::Listing, first.to_owned())));
    let trouble = Change::Returned {
        place: place(THERE),
        call: Call::ListPage { next_token: None }.key().unwrap(),
        fault: Some(fault(FaultClass::Denied, "AccessDenied")),
        at: noon(),
    };
    fixture.apply(trouble.clone());
    let denied = "us-west-2 could not be listed yet: AccessDenied";
    assert_eq!(reason(&fixture, noon()), Some((Reason::Region, denied.to_owned())));
    // The third fault in a row closes the place, for a pause that grows; then one call at a time finds out.
    fixture.listed(THERE, database_created_at.plus(LAG));
    fixture.apply(trouble.clone());
    assert_eq!(reason(&fixture, noon()), None, "two");
    fixture.apply(trouble);
    let closed = Some((Reason::Region, "us-west-2 does not serve us: AccessDenied".to_owned()));
    assert_eq!(reason(&fixture, noon()), closed);
    let again = noon().plus(pause_for_place(FaultClass::Unanswered, 3, 0.5));
    assert_eq!(fixture.plan(noon()).waiting[0].until, Some(again));
    assert_eq!(reason(&fixture, again.minus(Duration::from_millis(1))), closed);
    fixture.state.places.get_mut(&place(THERE)).unwrap().listed.as_mut().unwrap().began_at = noon();
    assert_eq!(reason(&fixture, again), None);
    for call in [Call::Poll { ids: vec!["backup-1".into()] }, Call::Delete { id: "backup-1".into(), token: "t".into() }]
    {
        let mut trying = fixture.clone();
        trying.apply(Change::Sent { place: place(THERE), call: call.key().unwrap(), at: again });
        let wait = trying.plan(again).waiting.remove(0);
        assert_eq!((wait.reason, wait.until), (Reason::Region, None), "the one call is out");
    }
}

/// A source of a crowd: three copies that took so long, the last of data taken at `reached`, and a backup of noon.
fn member(fixture: &mut Fixture, number: usize, took: Duration, reached: Time) {
    let of = |occurrence: Occurrence, taken: Time| RecoveryPoint {
        id: format!("backup-{number}-{}", taken.millis()).as_str().into(),
        created_at: taken,
        ..good("", occurrence).with_provenance(|of| of.source = source(number))
    };
    for days in (0..3).rev() {
        let taken = reached.minus(24 * HOUR * days);
        let made = of(Occurrence { at: taken, trigger: Trigger::Schedule }, taken);
        let begun = taken.plus(MINUTE);
        let settled_at = Some(begun.plus(took));
        let id = format!("copy-{number}-{days}").as_str().into();
        fixture.see(&RecoveryPoint { id, settled_at, ..copy("", &made, THERE, Lifecycle::Available) });
    }
    fixture.see(&of(scheduled(12), noon()));
}

/// Two slots, of which one is held. As long as both who want the other can be kept, the one with the least time left
/// goes first; if the held one is free too late for that, the one that costs less.
#[test]
fn who_gets_a_slot_depends_on_when_the_next_one_is_free() {
    let now = noon().plus(10 * MINUTE);
    let promised = |left: Duration| now.plus(left).minus(13 * HOUR);
    let mut fixture = Fixture::of(3);
    fixture.settings.limits.copies_in_flight = 2;
    member(&mut fixture, 0, 10 * MINUTE, promised(65 * MINUTE));
    member(&mut fixture, 1, HOUR, promised(70 * MINUTE));
    let first = |fixture: &Fixture| asks(fixture, now).first().map(|key| key.source.clone());
    // Somebody else's copy, of which nothing is known: it ends when one of the lane's does on average, in 35 minutes.
    let mut others = fixture.clone();
    let theirs = vec![("other-1".into(), vec![Lane::Shared(place(THERE))])];
    let began_at = noon();
    others.apply(Change::Listed {
        place: place(THERE),
        began_at,
        pages: 1,
        user_backups: 0,
        others: theirs,
        other_backups: Vec::new(),
    });
    assert_eq!(asks(&others, now).len(), 1, "one slot");
    assert_eq!(first(&others), Some(key(1)), "both can be kept");
    // Our own copy, which takes an hour: begun twenty minutes ago, it ends in time; begun now, too late.
    for (age, expected) in [(20 * MINUTE, 1), (Duration::ZERO, 0)] {
        let mut fixture = fixture.clone();
        member(&mut fixture, 2, HOUR, promised(HOUR));
        let backup = RecoveryPoint {
            id: "backup-third".into(),
            ..good("", scheduled(12)).with_provenance(|of| of.source = source(2))
        };
        let in_flight = copy("copy-flying", &backup, THERE, Lifecycle::Copying);
        fixture.see(&RecoveryPoint { created_at: now.minus(age), ..in_flight });
        let plan = fixture.plan(now);
        assert_eq!(made(&plan).len(), 1, "{:?}", plan.waiting);
        let slot = "2 of 2 copies in flight (us-west-2)";
        assert!(waits(&plan).contains(&(Some(THERE), Reason::Slot, slot)), "{:?}", plan.waiting);
        assert_eq!(first(&fixture), Some(key(expected)), "begun {age:?} ago");
    }
    // With a slot for each there is nothing to choose.
    fixture.settings.limits.copies_in_flight = 3;
    assert_eq!(asks(&fixture, now).len(), 2);
}

/// A route that has nothing yet is late from the first moment; without an RPO, after a week.
#[test]
fn when_a_route_counts_as_late() {
    let promised = SlotRequest {
        rpo: Some(13 * HOUR),
        reached: None,
        since: noon(),
        taken_at: noon(),
        takes: HOUR,
        asked_at: None,
    };
    let week = 7 * 24 * HOUR;
    let reached = |request: &SlotRequest| SlotRequest { reached: Some(noon().plus(HOUR)), ..request.clone() };
    let without = SlotRequest { rpo: None, ..promised.clone() };
    assert_eq!((promised.deadline(), without.deadline()), (noon(), noon().plus(week)));
    assert_eq!(reached(&promised).deadline(), noon().plus(14 * HOUR));
    assert_eq!(reached(&without).deadline(), noon().plus(week + HOUR));
    let asked = SlotRequest { asked_at: Some(noon().minus(HOUR)), ..reached(&without) };
    assert_eq!(asked.deadline(), noon().minus(HOUR), "a person does not wait for a promise to break");
}

/// Where not all promises can be kept: who is late by five rounds of the lane goes first, though its copy buys nothing;
/// else what is bought counts, and the less the more time there is.
#[test]
fn who_goes_first_when_not_all_can_be_kept() {
    let request = |rpo: Duration, age: Duration, taken: Duration| SlotRequest {
        rpo: Some(rpo),
        reached: Some(noon().minus(age)),
        since: noon().minus(1000 * HOUR),
        taken_at: noon().minus(taken),
        takes: 10 * MINUTE,
        asked_at: None,
    };
    let first = |requests: &[SlotRequest], slots: usize| rank(requests, &vec![noon(); slots], noon())[0];
    // Five copies of ten minutes in five slots are a round of ten minutes. This one comes too late for an hour.
    let hopeless = |late: Duration| request(HOUR, HOUR + late, HOUR);
    let useful = request(10 * HOUR, 10 * HOUR + 10 * MINUTE, Duration::ZERO);
    let lane = |late| [useful.clone(), useful.clone(), useful.clone(), useful.clone(), hopeless(late)];
    assert_eq!((first(&lane(50 * MINUTE), 5), first(&lane(50 * MINUTE - SECOND), 5)), (4, 0));
    // Late already, for an hour of promise; or with half an hour to wait, for ten.
    let patient = request(10 * HOUR, 10 * HOUR - 40 * MINUTE, Duration::ZERO);
    let late = request(HOUR, HOUR + 5 * MINUTE, Duration::ZERO);
    assert_eq!(first(&[patient, late], 1), 1);
}

/// What Lifeboat is compared with: in the order of coming, by the oldest backup that a route lacks; and by what it has.
#[test]
fn first_come_counts_from_the_oldest_backup_that_is_lacked() {
    for (order, other, first) in [(first_come as SlotOrder, 8, 1), (first_come, 10, 0), (oldest_point, 10, 1)] {
        let mut fixture = Fixture::of(2);
        fixture.settings.limits.copies_in_flight = 1;
        for hour in [6, 9, 12] {
            fixture.see(&good(&format!("backup-{hour}"), scheduled(hour)));
        }
        fixture.see(&copy("copy-6", &good("backup-6", scheduled(6)), THERE, Lifecycle::Available));
        fixture.see(&good("backup-other", scheduled(other)).with_provenance(|of| of.source = source(1)));
        let plan = plan_in_order(&fixture.settings, &fixture.state, noon(), order);
        let copies: Vec<_> = made(&plan).into_iter().filter(|(key, _)| key.target == there()).collect();
        assert_eq!(copies.len(), 1);
        assert_eq!(copies[0].0.source, key(first), "lacked since nine o'clock against {other}");
    }
}

#[test]
fn tags_that_found_no_room_on_a_copy_are_named() {
    let mut fixture = with_backups(&[scheduled(6)]);
    assert_eq!(fixture.plan(noon()).warnings, [] as [&str; 0]);
    fixture.policy().destinations[0].tags = (0..60).map(|number| (format!("k{number:02}"), "v".to_owned())).collect();
    let warnings = fixture.plan(noon()).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("fs-0123456789abcde00: AWS allows 50 tags; left out: "), "{warnings:?}");
}

/// The backups of a source: looked up, so that nothing but the rule at hand keeps it from being asked for.
fn source_looked_up() -> Fixture {
    let mut fixture = Fixture::new();
    let change =
        Change::SourceLookedUp { account: AccountAlias::own(), facts: Box::new(facts(&source(0))), at: noon() };
    fixture.apply(change);
    fixture
}

#[test]
fn one_backup_of_a_source_is_made_at_a_time_a_persons_first() {
    let mut fixture = source_looked_up();
    assert_eq!(asks(&fixture, noon()), []);
    fixture.open(scheduled(6));
    fixture.open(scheduled(12));
    let backup_of = |occurrence| key_of(occurrence, Target::Backup);
    assert_eq!(asks(&fixture, noon()), [backup_of(scheduled(12))]);
    fixture.open(ordered(11));
    assert_eq!(asks(&fixture, noon()), [backup_of(ordered(11))]);
    fixture.see(&good("backup-11", ordered(11)));
    let backups = |fixture: &Fixture| -> Vec<WorkKey> {
        asks(fixture, noon()).into_iter().filter(|key| key.target == Target::Backup).collect()
    };
    assert_eq!(backups(&fixture), [backup_of(scheduled(12))], "that of the person is there");
    fixture.see(&backup("backup-12", scheduled(12), Lifecycle::Creating));
    fixture.open(of("2026-11-21T11:59:00Z", Trigger::Manual));
    let plan = fixture.plan(noon());
    let in_flight = (None, Reason::InProgress, "backup-12 of 2026-11-21T12:00:00Z is CREATING");
    assert!(waits(&plan).contains(&in_flight), "{:?}", plan.waiting);
    assert_eq!(backups(&fixture), []);
}

#[test]
fn a_pause_of_the_policy_bars_another_attempt_of_the_schedule_alone() {
    let pause =
        Pause { since: at("2026-11-21T11:00:00Z"), until: Some(noon().plus(HOUR)), reason: None, resumed: false };
    for (occurrence, barred) in [(scheduled(10), true), (ordered(10), false)] {
        let mut fixture = source_looked_up();
        fixture.open(occurrence);
        let failed = backup("backup-10", occurrence, Lifecycle::Failed);
        fixture.see(&RecoveryPoint { settled_at: Some(occurrence.at), ..failed });
        fixture.apply(Change::Paused { policy: "finance".into(), pause: pause.clone() });
        let plan = fixture.plan(noon());
        if barred {
            let until = plan.waiting[0].until;
            assert_eq!((waits(&plan)[0].1, until), (Reason::Paused, Some(noon().plus(HOUR))), "{:?}", plan.waiting);
        }
        assert_eq!(made(&plan).is_empty(), barred, "{occurrence:?}");
    }
}
