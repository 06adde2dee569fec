//! Which copies and backups a round asks for, on a state written by hand, and in which order. `tests/scripts/copy_selection.txt`
//! has more of it.

use super::*;
use crate::fixture::*;
use crate::slot_orders::{first_come, oldest_point};
use lifeboat::domain::id::PolicyName;
use lifeboat::domain::lane::Lane;
use lifeboat::domain::plan::Waiting;
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::planner::plan_in_order;
use lifeboat::planner::slot_priority::{SlotOrder, SlotRequest, rank};

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

/// Another daemon is known, and a copy comes late: only a listing younger than AWS's memory of tokens shows that it was not
/// made. Where every listing takes longer than that, the newest counts for a minute, or nothing would ever be copied.
#[test]
fn beside_another_daemon_a_late_copy_waits_for_a_listing() {
    let mut fixture = with_backups(&[scheduled(6)]);
    let now = noon();
    fixture.apply(Change::PeerSeen(now.minus(HOUR)));
    let key = key_of(scheduled(6), there());
    for (took, ended_ago, expected) in [
        (MINUTE, 3 * MINUTE, true),
        (MINUTE, 5 * MINUTE, false),
        (10 * MINUTE, MINUTE / 2, true),
        (10 * MINUTE, 2 * MINUTE, false),
    ] {
        let mut fixture = fixture.clone();
        let (others, other_backups, began_at) = (Vec::new(), Vec::new(), now.minus(took + ended_ago));
        let (place, pages, user_backups) = (place(THERE), 9, 0);
        fixture.apply(Change::Listed { place, began_at, took, pages, user_backups, others, other_backups });
        let plan = fixture.plan(now);
        assert_eq!(made(&plan).iter().any(|(made, _)| *made == key), expected, "{took:?}, {ended_ago:?} ago");
        let reasons: Vec<Reason> = plan.waiting.iter().map(|wait| wait.reason).collect();
        assert_eq!(reasons, if expected { vec![] } else { vec![Reason::Listing] }, "{took:?}, {ended_ago:?} ago");
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
        took: Duration::ZERO,
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
        let in_flight = copy("copy-in-flight", &backup, THERE, Lifecycle::Copying);
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

/// A request without an answer is repeated word for word.
#[test]
fn a_repeat_is_word_for_word_the_same() {
    for target in [Target::Backup, there()] {
        let mut fixture = Fixture::new();
        fixture.open(scheduled(6));
        if target != Target::Backup {
            fixture.see(&good("backup-6", scheduled(6)));
        }
        let key = key_of(scheduled(6), target);
        fixture.record_request(&key, 1, noon());
        let request = (*fixture.state.pending_request(&key).unwrap().request).clone();
        assert_eq!(made(&fixture.plan(noon())), [(key, request)]);
    }
}

/// The third fault in a row closes the place, for a pause that grows; then one call at a time finds out.
#[test]
fn the_third_fault_in_a_row_closes_a_place() {
    let mut fixture = with_backups(&[scheduled(6)]);
    let reason = |fixture: &Fixture, now: Time| {
        let plan = fixture.plan(now);
        plan.waiting.first().map(|wait| (wait.reason, wait.detail.clone()))
    };
    let trouble = Change::Returned {
        place: place(THERE),
        call: Call::ListPage { next_token: None }.key().unwrap(),
        fault: Some(fault(FaultClass::Denied, "AccessDenied")),
        at: noon(),
    };
    fixture.apply(trouble.clone());
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
