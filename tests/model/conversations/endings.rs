//! How occurrences end, word for word: which end, with which reason, and when not yet.

use super::fixture::*;
use super::*;
use lifeboat::domain::change::OccurrenceRecord;
use lifeboat::domain::pause::Pause;
use lifeboat::domain::point::RecoveryPoint;

/// The ends that a round at this time records, by the hour of the occurrence.
fn ends(fixture: &Fixture, now: &str) -> Vec<(String, OccurrenceOutcome, String)> {
    let plan = fixture.plan_of_ends(at(now));
    let closed = plan.record.into_iter().map(|change| match change {
        Change::Closed { occurrence, end, reason, .. } => (occurrence.at.to_string()[11..16].to_owned(), end, reason),
        other => panic!("{other:?}"),
    });
    closed.collect()
}

const NOON: &str = "2026-11-21T12:00:00Z";

/// The only end there is, of the occurrence of six o'clock.
fn end(fixture: &Fixture) -> Option<(OccurrenceOutcome, String)> {
    let mut ends: Vec<_> = ends(fixture, NOON).into_iter().filter(|(hour, ..)| hour == "06:00").collect();
    assert!(ends.len() <= 1, "{ends:?}");
    ends.pop().map(|(_, end, reason)| (end, reason))
}

fn ends_as(fixture: &Fixture, end_expected: OccurrenceOutcome, reason_expected: &str) {
    assert_eq!(end(fixture), Some((end_expected, reason_expected.to_owned())));
}

fn six() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.open(scheduled(6));
    fixture
}

/// The occurrence of six has its backup; that of twelve too, so that no copy of the first is wanted any more.
fn superseded() -> Fixture {
    let mut fixture = six();
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    fixture.open(scheduled(12));
    fixture.see(&backup("backup-12", scheduled(12), Lifecycle::Available));
    fixture
}

fn left(fixture: &mut Fixture) {
    fixture.apply(Change::SourceDeparted { source: key(0) });
}

/// What AWS could not finish, with what it said of it.
fn failed(point: RecoveryPoint, why: Option<&str>) -> RecoveryPoint {
    let point = point.with_remarks(|remarks| remarks.failure = why.map(Into::into));
    RecoveryPoint { lifecycle: Lifecycle::Failed, settled_at: Some(point.created_at), ..point }
}

#[test]
fn without_a_backup_and_without_a_policy() {
    let mut fixture = six();
    assert_eq!(end(&fixture), None, "it can still begin");
    left(&mut fixture);
    ends_as(&fixture, OccurrenceOutcome::Skipped, "the source left its policy");
    let bad = failed(backup("backup-6", scheduled(6), Lifecycle::Failed), Some("no space"));
    fixture.see(&bad);
    ends_as(&fixture, OccurrenceOutcome::Failed, "its backup FAILED: no space, then the source left its policy");
    let second = RecoveryPoint { attempt: 2, ..failed(backup("backup-7", scheduled(6), Lifecycle::Failed), None) };
    fixture.see(&second);
    ends_as(&fixture, OccurrenceOutcome::Failed, "its backup FAILED, then the source left its policy");
    fixture.record_request(&key_of(scheduled(6), Target::Backup), 3, at(NOON));
    assert_eq!(end(&fixture), None, "what was asked for may be made yet");
}

#[test]
fn a_backup_that_failed_or_went_gives_way_to_a_newer_occurrence() {
    let mut fixture = six();
    let bad = failed(backup("backup-6", scheduled(6), Lifecycle::Failed), Some("no space"));
    fixture.see(&bad);
    assert_eq!(end(&fixture), None, "another attempt is possible");
    fixture.open(ordered(11));
    assert_eq!(end(&fixture), None, "what a person orders takes the place of nothing");
    fixture.open(scheduled(12));
    ends_as(
        &fixture,
        OccurrenceOutcome::Failed,
        "its backup FAILED: no space (1 attempts); the occurrence of 2026-11-21T12:00:00Z took over",
    );
    assert_eq!(ends(&fixture, "2026-11-21T11:59:59Z"), [], "an occurrence of the future takes over nothing");
    fixture.see(&RecoveryPoint { attempt: 2, ..backup("backup-7", scheduled(6), Lifecycle::Available) });
    fixture.apply(Change::BackupRemoved { place: place(HOME), id: "backup-7".into(), at: at(NOON) });
    ends_as(
        &fixture,
        OccurrenceOutcome::Failed,
        "its backup DELETED (2 attempts); the occurrence of 2026-11-21T12:00:00Z took over",
    );
    fixture.see(&RecoveryPoint { attempt: 3, ..backup("backup-8", scheduled(6), Lifecycle::Creating) });
    assert_eq!(end(&fixture), None, "one is being made");

    // A person's own is tried until it is there.
    let mut fixture = Fixture::new();
    fixture.open(ordered(5));
    fixture.see(&failed(backup("backup-5", ordered(5), Lifecycle::Failed), None));
    fixture.open(scheduled(12));
    assert_eq!(ends(&fixture, NOON), []);
}

#[test]
fn what_never_began_is_skipped_missed_or_coalesced() {
    let newer = "the occurrence of 2026-11-21T12:00:00Z came due before it could begin";
    let backup_of_six = key_of(scheduled(6), Target::Backup);
    let mut fixture = six();
    fixture.open(ordered(5));
    fixture.open(scheduled(12));
    ends_as(&fixture, OccurrenceOutcome::Coalesced, newer);
    assert_eq!(ends(&fixture, NOON).len(), 1, "neither the newest nor a person's ends");

    // The reason names what stood in its way: a refusal of its own before one of any, and that before the lookup.
    let lookup = Change::SourceLookupFailed {
        source: key(0),
        fault: fault(FaultClass::Throttled, "Slow"),
        at: at(NOON),
        not_before: at(NOON),
        batch: None,
    };
    fixture.apply(lookup);
    ends_as(&fixture, OccurrenceOutcome::Coalesced, &format!("{newer} (Slow)"));
    fixture.record_request(&key_of(scheduled(12), Target::Backup), 1, at(NOON));
    fixture.refused(&key_of(scheduled(12), Target::Backup), fault(FaultClass::Denied, "Denied"));
    ends_as(&fixture, OccurrenceOutcome::Coalesced, &format!("{newer} (Denied)"));
    fixture.record_request(&backup_of_six, 1, at(NOON));
    assert_eq!(end(&fixture), None);
    fixture.refused(&backup_of_six, fault(FaultClass::TransientState, "Busy"));
    ends_as(&fixture, OccurrenceOutcome::Coalesced, &format!("{newer} (Busy)"));

    // A window that passed; one that was opened late on purpose has none.
    fixture.policy().start_within = Some(6 * HOUR);
    ends_as(&fixture, OccurrenceOutcome::Coalesced, &format!("{newer} (Busy)"));
    fixture.policy().start_within = Some(6 * HOUR - SECOND);
    ends_as(&fixture, OccurrenceOutcome::Missed, "not begun within 5h 59m (Busy)");
    let mut late = Fixture::new();
    late.policy().start_within = Some(HOUR);
    let record = OccurrenceRecord { policy: "finance".into(), opened_at: at(NOON), caught_up: true, adopted: false };
    late.apply(Change::Opened { source: key(0), occurrence: scheduled(6), record });
    assert_eq!(end(&late), None, "it began late because it is caught up with");

    // In a pause nothing begins but what a person orders.
    let pause = Pause { since: at("2026-11-21T11:00:00Z"), until: None, reason: None, resumed: false };
    fixture.apply(Change::Paused { policy: "finance".into(), pause });
    let ends_of: Vec<_> = ends(&fixture, NOON).into_iter().map(|(hour, end, _)| (hour, end)).collect();
    let expected = [
        ("05:30", OccurrenceOutcome::Missed),
        ("06:00", OccurrenceOutcome::Skipped),
        ("12:00", OccurrenceOutcome::Skipped),
    ];
    assert_eq!(ends_of, expected.map(|(hour, end)| (hour.to_owned(), end)));
    ends_as(&fixture, OccurrenceOutcome::Skipped, "paused since 2026-11-21T11:00:00Z before its backup was asked for");
}

/// The planner wakes the moment after a start window ends.
#[test]
fn the_end_of_a_window_wakes_the_planner() {
    let mut fixture = six();
    let wake = |fixture: &Fixture, now: &str| {
        let plan = fixture.plan_of_ends(at(now));
        (plan.record.len(), plan.wake.at)
    };
    assert_eq!(wake(&fixture, NOON), (0, Time::NEVER), "no window");
    fixture.policy().start_within = Some(HOUR);
    let after = at("2026-11-21T07:00:00.001Z");
    assert_eq!(wake(&fixture, "2026-11-21T06:30:00Z"), (0, after));
    assert_eq!(wake(&fixture, "2026-11-21T07:00:00Z"), (0, after));
    assert_eq!(wake(&fixture, "2026-11-21T07:00:00.001Z"), (1, Time::NEVER));
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Creating));
    assert_eq!(wake(&fixture, "2026-11-21T07:00:00.001Z"), (0, Time::NEVER), "a window that is over wakes nobody");
}

#[test]
fn it_is_completed_when_every_copy_is_there() {
    let mut fixture = six();
    fixture.second_destination();
    let made = backup("backup-6", scheduled(6), Lifecycle::Available);
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Creating));
    assert_eq!(end(&fixture), None);
    fixture.see(&made);
    assert_eq!(end(&fixture), None);
    fixture.see(&copy("copy-6", &made, THERE, Lifecycle::Available));
    assert_eq!(end(&fixture), None, "one of two");
    fixture.see(&copy("copy-7", &made, SECOND_THERE, Lifecycle::Copying));
    assert_eq!(end(&fixture), None, "one is being made");
    fixture.see(&copy("copy-7", &made, SECOND_THERE, Lifecycle::Available));
    ends_as(&fixture, OccurrenceOutcome::Completed, "the backup and every copy are AVAILABLE");
    // Asked anew by nobody knows whom: not over before the answer.
    let again = key_of(scheduled(6), Target::Copy("ap-south-1".into()));
    fixture.record_request(&again, 1, at(NOON));
    ends_as(&fixture, OccurrenceOutcome::Completed, "the backup and every copy are AVAILABLE");
}

#[test]
fn a_newer_backup_takes_the_place_of_a_copy() {
    let coalesced = "a newer backup took the place of its copy to us-west-2";
    let mut fixture = superseded();
    ends_as(&fixture, OccurrenceOutcome::Coalesced, coalesced);
    assert_eq!(ends(&fixture, NOON).len(), 1, "the newest waits for its copy");
    let mut making = fixture.clone();
    making.see(&backup("backup-6", scheduled(6), Lifecycle::Creating));
    assert_eq!(end(&making), None, "the backup itself is being made");
    let wanted = key_of(scheduled(6), there());
    fixture.record_request(&wanted, 1, at(NOON));
    assert_eq!(end(&fixture), None, "asked for");
    fixture.refused(&wanted, fault(FaultClass::NoSlot, "NoSlot"));
    ends_as(&fixture, OccurrenceOutcome::Coalesced, &format!("{coalesced} (NoSlot)"));
    // What only a lookup of the source says is no reason for a copy.
    let lookup = Change::SourceLookupFailed {
        source: key(0),
        fault: fault(FaultClass::Throttled, "Slow"),
        at: at(NOON),
        not_before: at(NOON),
        batch: None,
    };
    let mut fixture = superseded();
    fixture.apply(lookup);
    ends_as(&fixture, OccurrenceOutcome::Coalesced, coalesced);

    // Not yet: nothing newer, or nothing that is newer by its data, or only a second of the same occurrence.
    let mut fixture = six();
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    assert_eq!(end(&fixture), None);
    let twin = RecoveryPoint {
        created_at: scheduled(6).at.plus(MINUTE),
        ..backup("backup-twin", scheduled(6), Lifecycle::Available)
    };
    fixture.see(&twin);
    assert_eq!(end(&fixture), None, "a second one of the same occurrence");
    let mut fixture = six();
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    fixture.open(scheduled(12));
    let same_age = backup("backup-12", scheduled(12), Lifecycle::Available);
    fixture.see(&RecoveryPoint { created_at: scheduled(6).at, ..same_age });
    assert_eq!(end(&fixture), None, "taken at the same time");

    // Not what a person ordered or holds.
    let mut fixture = Fixture::new();
    fixture.open(ordered(5));
    fixture.see(&backup("backup-5", ordered(5), Lifecycle::Available));
    fixture.see(&backup("backup-12", scheduled(12), Lifecycle::Available));
    assert_eq!(ends(&fixture, NOON), []);
    let mut fixture = superseded();
    let made = backup("backup-6", scheduled(6), Lifecycle::Available);
    let held = made.with_remarks(|remarks| remarks.hold = Some("".into()));
    fixture.see(&held);
    assert_eq!(end(&fixture), None);
}

#[test]
fn a_copy_that_hangs_failed_or_was_refused_ends_its_occurrence_once_a_newer_backup_is_there() {
    let made = backup("backup-6", scheduled(6), Lifecycle::Available);
    let hangs =
        RecoveryPoint { created_at: at(NOON).minus(48 * HOUR), ..copy("copy-6", &made, THERE, Lifecycle::Copying) };
    let mut fixture = superseded();
    fixture.see(&copy("copy-6", &made, THERE, Lifecycle::Copying));
    assert_eq!(end(&fixture), None, "it moves");
    fixture.see(&hangs);
    ends_as(&fixture, OccurrenceOutcome::Failed, "its copy copy-6 to us-west-2 stays COPYING");
    let mut alone = six();
    alone.see(&made);
    alone.see(&hangs);
    assert_eq!(end(&alone), None, "nothing newer is there");

    let mut fixture = superseded();
    fixture.see(&failed(copy("copy-6", &made, THERE, Lifecycle::Failed), Some("key is disabled")));
    ends_as(
        &fixture,
        OccurrenceOutcome::Failed,
        "its copy to us-west-2 FAILED: key is disabled; a newer backup took over",
    );

    let mut fixture = superseded();
    fixture.record_request(&key_of(scheduled(12), there()), 1, at(NOON));
    fixture.refused(&key_of(scheduled(12), there()), fault(FaultClass::Denied, "AccessDenied"));
    ends_as(
        &fixture,
        OccurrenceOutcome::Failed,
        "its copy to us-west-2 was refused (AccessDenied); a newer backup took over",
    );

    // Of two destinations the worse counts, and of two alike the first.
    let mut fixture = superseded();
    fixture.second_destination();
    ends_as(&fixture, OccurrenceOutcome::Coalesced, "a newer backup took the place of its copy to us-west-2");
    fixture.see(&failed(copy("copy-6", &made, SECOND_THERE, Lifecycle::Failed), None));
    ends_as(&fixture, OccurrenceOutcome::Failed, "its copy to eu-west-1 FAILED; a newer backup took over");
    fixture.see(&failed(copy("copy-7", &made, THERE, Lifecycle::Failed), None));
    ends_as(&fixture, OccurrenceOutcome::Failed, "its copy to us-west-2 FAILED; a newer backup took over");
    fixture.see(&RecoveryPoint { attempt: 2, ..copy("copy-8", &made, THERE, Lifecycle::Available) });
    ends_as(&fixture, OccurrenceOutcome::Failed, "its copy to eu-west-1 FAILED; a newer backup took over");
}

/// An occurrence that AWS taught us of may have copies that only the destination's inventory tells of.
#[test]
fn an_adopted_occurrence_waits_for_the_books_of_its_destination() {
    let mut fixture = Fixture::new();
    for (occurrence, adopted) in [(scheduled(6), true), (scheduled(7), false)] {
        let record = OccurrenceRecord { policy: "finance".into(), opened_at: at(NOON), caught_up: false, adopted };
        fixture.see(&backup(&format!("backup-{}", occurrence.at.millis()), occurrence, Lifecycle::Available));
        if adopted {
            fixture.apply(Change::Opened { source: key(0), occurrence, record });
        }
    }
    ends_as(&fixture, OccurrenceOutcome::Coalesced, "a newer backup took the place of its copy to us-west-2");
    fixture.state.places.get_mut(&place(THERE)).unwrap().listed = None;
    assert_eq!(end(&fixture), None);

    // One that we opened ourselves needs no such proof.
    let mut fixture = superseded();
    fixture.state.places.get_mut(&place(THERE)).unwrap().listed = None;
    ends_as(&fixture, OccurrenceOutcome::Coalesced, "a newer backup took the place of its copy to us-west-2");
}

#[test]
fn a_source_that_left_ends_what_stands_still() {
    let skipped = "the source left its policy before every copy was made";
    let made = backup("backup-6", scheduled(6), Lifecycle::Available);
    let mut fixture = six();
    fixture.see(&made);
    left(&mut fixture);
    ends_as(&fixture, OccurrenceOutcome::Skipped, skipped);
    fixture.see(&copy("copy-6", &made, THERE, Lifecycle::Copying));
    assert_eq!(end(&fixture), None, "its copy moves");
    fixture.see(&copy("copy-6", &made, THERE, Lifecycle::Available));
    fixture.record_request(&key_of(scheduled(6), Target::Copy(SECOND_THERE.into())), 1, at(NOON));
    assert_eq!(end(&fixture), None, "its copy was asked for");
    fixture
        .refused(&key_of(scheduled(6), Target::Copy(SECOND_THERE.into())), fault(FaultClass::TransientState, "Busy"));
    ends_as(&fixture, OccurrenceOutcome::Skipped, skipped);

    // What moves for another occurrence does not matter.
    let mut fixture = superseded();
    left(&mut fixture);
    let newer = backup("backup-12", scheduled(12), Lifecycle::Available);
    fixture.see(&copy("copy-12", &newer, THERE, Lifecycle::Copying));
    fixture.record_request(&key_of(scheduled(12), Target::Copy(SECOND_THERE.into())), 1, at(NOON));
    ends_as(&fixture, OccurrenceOutcome::Skipped, skipped);
}
