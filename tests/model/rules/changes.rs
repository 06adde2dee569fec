//! What a change moves in the state, and what it leaves alone.

use super::*;
use crate::fixture::*;
use lifeboat::domain::action::CallKey;
use lifeboat::domain::change::LaneEvidence;
use lifeboat::domain::change::{Counter, OccurrenceRecord};
use lifeboat::domain::deletion::{Brake, Deletion, HoldRequest};
use lifeboat::domain::id::BackupId;
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::domain::state::{DURATION_BUCKETS_SECONDS, SourceState};
use lifeboat::domain::tags::Origin;
use std::sync::Arc;

const MOMENT: Duration = Duration::from_millis(1);

fn noon() -> Time {
    at("2026-11-21T12:00:00Z")
}

fn good(id: &str, occurrence: Occurrence) -> RecoveryPoint {
    backup(id, occurrence, Lifecycle::Available)
}

fn of(fixture: &Fixture) -> &SourceState {
    &fixture.state.sources[&key(0)]
}

/// What is looked at by id in a Region.
fn poll_schedule(fixture: &Fixture, region: &str) -> Vec<String> {
    fixture.state.places[&place(region)].poll_schedule.keys().map(ToString::to_string).collect()
}

fn refused(fixture: &Fixture, change: &Change) -> String {
    let mut state = fixture.state.clone();
    let illegal = state.apply(change).unwrap_err();
    assert!(state == fixture.state, "nothing has moved: {illegal}");
    illegal.to_string()
}

#[test]
fn totals_and_durations_add_up() {
    let mut fixture = Fixture::new();
    let total = Counter::Backups("finance".into(), true);
    for _ in 0..3 {
        fixture.apply(Change::Counted(total.clone()));
    }
    assert_eq!(fixture.state.counters[&total], 3);
    let times = [10_000, 10_001, 172_800_000, 172_800_001, 9_000];
    for took in times.map(Duration::from_millis) {
        fixture.apply(Change::Timed { target: Target::Backup, took });
    }
    let durations = &fixture.state.durations[&Target::Backup];
    assert_eq!((durations.buckets[0], durations.buckets[1], durations.buckets[2]), (2, 1, 0), "up to its bound");
    assert_eq!(durations.buckets[DURATION_BUCKETS_SECONDS.len() - 1..], [1, 1], "one above all");
    assert!((durations.sum_seconds - 345_629.002).abs() < 0.001, "{}", durations.sum_seconds);
}

#[test]
fn an_occurrence_is_opened_once() {
    let mut fixture = Fixture::new();
    let opened = |occurrence: Occurrence, adopted: bool| {
        let record = OccurrenceRecord { policy: "finance".into(), opened_at: noon(), caught_up: false, adopted };
        Change::Opened { source: key(0), occurrence, record }
    };
    let closed = |occurrence: Occurrence| {
        let record = OccurrenceRecord { policy: "finance".into(), opened_at: noon(), caught_up: false, adopted: false };
        let (end, reason) = (OccurrenceOutcome::Completed, String::new());
        Change::Closed { source: key(0), occurrence, record, end, reason, at: noon(), earlier: 2 }
    };
    fixture.apply(opened(scheduled(6), false));
    assert!(refused(&fixture, &opened(scheduled(6), false)).contains("already open"));
    fixture.apply(closed(scheduled(6)));
    assert!(refused(&fixture, &opened(scheduled(6), false)).contains("was opened before"), "on record");
    assert!(refused(&fixture, &opened(scheduled(5), false)).contains("was opened before"), "before what is on record");
    assert!(refused(&fixture, &closed(scheduled(6))).contains("ended before"));
    assert_eq!(
        fixture.state.counters[&Counter::Occurrences("finance".into(), OccurrenceOutcome::Completed)],
        3,
        "it stands for three"
    );
    // What AWS holds was begun by somebody: it is adopted, not begun anew. An order by hand has its own time.
    fixture.see(&good("backup-8", scheduled(8)));
    assert!(refused(&fixture, &opened(scheduled(8), false)).contains("was opened before"), "made");
    fixture.apply(opened(scheduled(8), true));
    fixture.apply(opened(ordered(5), false));
    assert_eq!(of(&fixture).cursor, Some(scheduled(8).at), "an order by hand moves no cursor");
    fixture.apply(opened(scheduled(9), false));
    assert_eq!(of(&fixture).cursor, Some(scheduled(9).at));
}

#[test]
fn what_ends_takes_its_refused_asks_along() {
    let mut fixture = Fixture::new();
    for hour in [6, 7] {
        fixture.open(scheduled(hour));
        fixture.see(&good(&format!("backup-{hour}"), scheduled(hour)));
        fixture.record_request(&key_of(scheduled(hour), there()), 1, noon());
        fixture.refused(&key_of(scheduled(hour), there()), fault(FaultClass::TransientState, "Busy"));
    }
    let elsewhere = Target::Copy(SECOND_THERE.into());
    fixture.record_request(&key_of(scheduled(6), elsewhere.clone()), 1, noon());
    let record = of(&fixture).open[&scheduled(6)].clone();
    let (source, occurrence, reason) = (key(0), scheduled(6), String::new());
    fixture.apply(Change::Closed {
        source,
        occurrence,
        record,
        end: OccurrenceOutcome::Failed,
        reason,
        at: noon(),
        earlier: 0,
    });
    let left: Vec<_> = of(&fixture).pending_requests.keys().cloned().collect();
    assert_eq!(left, [(scheduled(6), elsewhere), (scheduled(7), there())], "an open ask stays, and those of others");
}

#[test]
fn an_ask_that_may_stand_is_repeated_in_its_own_words_only() {
    let mut fixture = Fixture::new();
    fixture.open(scheduled(6));
    let of_work = key_of(scheduled(6), Target::Backup);
    fixture.record_request(&of_work, 1, noon());
    let request = fixture.state.pending_request(&of_work).unwrap().request.clone();
    let again =
        |attempt, request| Change::RequestRecorded { key: of_work.clone(), attempt, request, at: noon().plus(SECOND) };
    let other = Request::CreateBackup { source: source(0), token: "other".into(), tags: Tags::new() };
    assert!(refused(&fixture, &again(1, Arc::new(other))).contains("in other words"));
    assert!(refused(&fixture, &again(2, request.clone())).contains("in other words"));
    fixture.apply(again(1, request.clone()));
    let pending = fixture.state.pending_request(&of_work).unwrap();
    assert_eq!((pending.sent, pending.first_asked_at, pending.last_asked_at), (2, noon(), noon().plus(SECOND)));
    fixture.see(&good("backup-6", scheduled(6)));
    assert_eq!(fixture.state.pending_request(&of_work), None, "fulfilled");
    assert!(refused(&fixture, &again(2, request)).contains("although it exists"));
}

/// By id is looked at what moves, what is in doubt, and what is to be deleted or held; nothing else.
#[test]
fn what_is_looked_at_by_id() {
    let id = || BackupId::from("backup-6");
    let missing_since = |since| Change::MissingFromListing { place: place(HOME), id: id(), missing_since: since };
    let deletion_planned = || Change::DeletionPlanned {
        place: place(HOME),
        id: id(),
        reason: String::new(),
        confirmed: false,
        at: noon(),
    };
    let deletion_cancelled = || Change::DeletionCancelled { place: place(HOME), id: id(), reason: String::new() };
    let wished = || Change::HoldRequested { place: place(HOME), id: id(), hold: None, at: noon() };
    let stands = || Change::HoldConfirmed { place: place(HOME), id: id() };
    let none: [&str; 0] = [];
    let mut fixture = Fixture::new();
    fixture.see(&good("backup-6", scheduled(6)));
    assert_eq!(poll_schedule(&fixture, HOME), none);
    let reasons = [
        (deletion_planned(), deletion_cancelled()),
        (wished(), stands()),
        (missing_since(Some(noon())), missing_since(None)),
    ];
    for (begins, ends) in &reasons {
        // Through whatever is seen meanwhile.
        let mut alone = fixture.clone();
        alone.apply(begins.clone());
        let remarks = alone.state.point(&place(HOME), &id()).unwrap().remarks.clone();
        alone.see(&RecoveryPoint { remarks, size_bytes: Some(1.into()), ..good("backup-6", scheduled(6)) });
        assert_eq!(poll_schedule(&alone, HOME), ["backup-6"], "{begins:?}");
        alone.apply(ends.clone());
        assert_eq!(poll_schedule(&alone, HOME), none, "{ends:?}");
        // Of two reasons the other stays.
        for (other, _) in reasons.iter().filter(|(other, _)| other != begins) {
            let mut both = fixture.clone();
            [begins, other, ends].into_iter().for_each(|change| both.apply(change.clone()));
            assert_eq!(poll_schedule(&both, HOME), ["backup-6"], "{begins:?} {other:?}");
        }
    }
    // What moves is looked at, whoever doubts it or not.
    let mut fixture = Fixture::new();
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Creating));
    fixture.apply(missing_since(Some(noon())));
    fixture.apply(missing_since(None));
    assert_eq!(poll_schedule(&fixture, HOME), ["backup-6"]);
    fixture.apply(wished());
    fixture.apply(stands());
    assert_eq!(poll_schedule(&fixture, HOME), ["backup-6"]);
    fixture.apply(Change::BackupRemoved { place: place(HOME), id: id(), at: noon() });
    assert_eq!(poll_schedule(&fixture, HOME), none);
    // A store brings back what was decided and wished.
    let mut fixture = Fixture::new();
    fixture.see(&good("backup-6", scheduled(6)));
    let deletion = Deletion { not_before: noon(), ..Deletion::new("too old".to_owned(), false, noon()) };
    let mut restored = fixture.clone();
    restored.state.restore_deletion(place(HOME), id(), deletion.clone());
    assert_eq!(restored.state.deletions[&(place(HOME), id())], deletion);
    assert_eq!(restored.state.places[&place(HOME)].poll_schedule[&id()], noon(), "when it may be tried again");
    restored = fixture.clone();
    let hold_request = HoldRequest::new(None, noon());
    restored.state.restore_hold_request(place(HOME), id(), hold_request.clone());
    assert_eq!(restored.state.hold_requests[&(place(HOME), id())], hold_request);
    assert_eq!(poll_schedule(&restored, HOME), ["backup-6"]);
}

#[test]
fn a_hold_protects_from_the_wish_on_until_its_tag_is_gone() {
    let (one, other) = (good("backup-6", scheduled(6)), good("backup-7", scheduled(7)));
    let mut fixture = Fixture::new();
    fixture.see(&one);
    fixture.see(&other);
    let held = |fixture: &Fixture| {
        let state = &fixture.state;
        [&one, &other].map(|point| state.held(state.point(&place(HOME), &point.id).unwrap()))
    };
    let hold_request = |hold: Option<&str>| Change::HoldRequested {
        place: place(HOME),
        id: one.id.clone(),
        hold: hold.map(str::to_owned),
        at: noon(),
    };
    assert_eq!(held(&fixture), [false, false]);
    fixture.apply(hold_request(Some("")));
    assert_eq!(held(&fixture), [true, false], "wished");
    let condemn = Change::DeletionPlanned {
        place: place(HOME),
        id: one.id.clone(),
        reason: String::new(),
        confirmed: false,
        at: noon(),
    };
    assert!(refused(&fixture, &condemn).contains("although it is held"));
    fixture.see(&one.clone().with_remarks(|remarks| remarks.hold = Some("".into())));
    fixture.apply(Change::HoldConfirmed { place: place(HOME), id: one.id.clone() });
    assert!(fixture.state.hold_requests.is_empty());
    assert_eq!(held(&fixture), [true, false], "by its tag");
    fixture.apply(hold_request(None));
    assert_eq!(held(&fixture), [true, false], "to be released");
    fixture.see(&one);
    assert_eq!(held(&fixture), [false, false]);
}

/// Retention looks at a source when it has something new to decide, and only then.
#[test]
fn what_gives_retention_something_to_decide() {
    let mut fixture = Fixture::new();
    let reviewed = |fixture: &mut Fixture| {
        fixture.apply(Change::Reviewed { source: key(0), next: Time::NEVER, braked: BTreeMap::new() });
        assert!(fixture.state.reviews.is_empty(), "{:?}", fixture.state.reviews);
    };
    let due = |fixture: &Fixture| fixture.state.reviews.iter().any(|(at, of)| (*at, of) == (Time::ZERO, &key(0)));
    let available = good("backup-6", scheduled(6));
    reviewed(&mut fixture);
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Creating));
    assert!(!due(&fixture), "what moves gives nothing to decide");
    fixture.see(&available);
    assert!(due(&fixture));
    fixture.see(&available);
    assert_eq!(fixture.state.reviews.len(), 1);
    reviewed(&mut fixture);
    fixture.see(&RecoveryPoint { size_bytes: Some(1.into()), ..available.clone() });
    assert!(!due(&fixture), "as good as before");
    fixture.see(&backup("backup-second", scheduled(6), Lifecycle::Failed));
    assert!(due(&fixture), "what is new, beside another of its work");
    reviewed(&mut fixture);
    fixture
        .see(&RecoveryPoint { size_bytes: Some(2.into()), ..backup("backup-second", scheduled(6), Lifecycle::Failed) });
    assert!(!due(&fixture));
    fixture.see(&available.clone().with_remarks(|remarks| remarks.hold = Some("".into())));
    assert!(due(&fixture), "held from now on");
    reviewed(&mut fixture);
    fixture.apply(Change::HoldRequested { place: place(HOME), id: "backup-6".into(), hold: None, at: noon() });
    assert!(due(&fixture));
    reviewed(&mut fixture);
    fixture.apply(Change::HoldConfirmed { place: place(HOME), id: "backup-6".into() });
    assert!(due(&fixture));
    reviewed(&mut fixture);
    fixture.apply(Change::BackupRemoved { place: place(HOME), id: "backup-6".into(), at: noon() });
    assert!(due(&fixture));
    // Later than it is due already changes nothing; earlier does.
    let next = |fixture: &mut Fixture, next| {
        fixture.apply(Change::Reviewed { source: key(0), next, braked: BTreeMap::new() });
        fixture.state.reviews.iter().map(|(at, _)| *at).collect::<Vec<_>>()
    };
    assert_eq!(next(&mut fixture, noon()), [noon()]);
    fixture.see(&good("backup-7", scheduled(7)));
    assert_eq!(fixture.state.reviews.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [Time::ZERO]);

    // A first listing, and those of the first minutes of a database, tell what retention waited for.
    let database_created_at = at("2026-11-21T05:00:00Z");
    let mut fixture = Fixture::new();
    fixture.see(&good("backup-6", scheduled(6)));
    for (region, listed, again) in [
        (HOME, None, true),
        (HOME, Some(database_created_at.plus(4 * MINUTE).minus(MOMENT)), true),
        (HOME, Some(database_created_at.plus(4 * MINUTE)), false),
        (THERE, None, false),
    ] {
        let mut fixture = fixture.clone();
        let known = fixture.state.places.get_mut(&place(region)).unwrap();
        match listed {
            None => known.listed = None,
            Some(began_at) => known.listed.as_mut().unwrap().began_at = began_at,
        }
        reviewed(&mut fixture);
        fixture.listed(region, noon());
        assert_eq!(due(&fixture), again, "{region} {listed:?}");
    }
    let _ = next(&mut fixture, noon());
}

#[test]
fn the_brake_of_a_source_is_replaced_by_its_next_review() {
    let mut fixture = Fixture::of(2);
    let brake = Brake { points: vec![("backup-1".into(), "too old".to_owned())], held: 1, most: 1 };
    let review = |number: usize, targets: &[Target]| Change::Reviewed {
        source: key(number),
        next: noon(),
        braked: targets.iter().map(|target| (target.clone(), brake.clone())).collect(),
    };
    fixture.apply(review(0, &[Target::Backup, there()]));
    fixture.apply(review(1, &[Target::Backup, there()]));
    fixture.apply(review(0, &[there()]));
    let braked: Vec<_> = fixture.state.braked.keys().cloned().collect();
    assert_eq!(braked, [(key(0), there()), (key(1), Target::Backup), (key(1), there())]);
    fixture.apply(review(1, &[]));
    assert_eq!(fixture.state.braked.keys().cloned().collect::<Vec<_>>(), [(key(0), there())]);
}

/// Names are shared, not changed: what a point says of itself stays what it says.
#[test]
fn a_point_keeps_its_own_words() {
    let mut fixture = Fixture::new();
    fixture.see(&good("backup-6", scheduled(6)));
    let foreign = Origin { region: "eu-central-1".into(), backup: "backup-x".into(), taken_at: scheduled(6).at };
    let odd = RecoveryPoint {
        origin: Some(foreign.clone()),
        ..(copy("copy-6", &good("backup-6", scheduled(6)), THERE, Lifecycle::Available))
            .with_provenance(|of| of.policy = Some("renamed".into()))
    };
    fixture.see(&odd);
    let kept = fixture.state.point(&place(THERE), &"copy-6".into()).unwrap();
    assert_eq!((&kept.policy, &kept.origin), (&Some("renamed".into()), &Some(foreign)));
    assert_eq!(*kept, odd);
    // Words for keys are shared by those that are the same.
    for (hour, word) in [(7, Some("alias/a")), (8, Some("alias/b")), (9, Some("alias/b")), (10, None)] {
        let made = good(&format!("backup-{hour}"), scheduled(hour));
        let copied = copy(&format!("copy-{hour}"), &made, THERE, Lifecycle::Available);
        let copied = copied.with_provenance(|of| of.asked_key = word.map(Into::into));
        fixture.see(&copied);
        assert_eq!(fixture.state.point(&place(THERE), &copied.id), Some(&copied));
    }
}

/// An attempt whose object is gone still counts, as long as another is possible.
#[test]
fn what_was_deleted_counts_its_attempt_while_another_is_possible() {
    let gone = |region: &str, id: &str| Change::BackupRemoved { place: place(region), id: id.into(), at: noon() };
    let mut fixture = Fixture::new();
    let made = good("backup-6", scheduled(6));
    fixture.see(&made);
    fixture.see(&copy("copy-6", &made, THERE, Lifecycle::Available));
    fixture.apply(gone(THERE, "copy-6"));
    assert_eq!(of(&fixture).highest_attempt(scheduled(6), &there()), 1, "its backup is there");
    fixture.apply(gone(HOME, "backup-6"));
    assert!(of(&fixture).points.is_empty(), "{:?}", of(&fixture).points);
    let mut fixture = Fixture::new();
    fixture.open(scheduled(6));
    fixture.see(&made);
    fixture.see(&good("backup-5", scheduled(5)));
    fixture.apply(gone(HOME, "backup-6"));
    assert_eq!(of(&fixture).highest_attempt(scheduled(6), &Target::Backup), 1, "its occurrence is open");
    let kept = &of(&fixture).points.of(scheduled(6), &Target::Backup)[0];
    assert_eq!((kept.lifecycle, kept.settled_at), (Lifecycle::Deleted, Some(noon())));
    assert_eq!(of(&fixture).points.of(scheduled(5), &Target::Backup)[0].lifecycle, Lifecycle::Available);
    assert_eq!(of(&fixture).newest(&Target::Backup).unwrap().id.as_str(), "backup-5");
    assert!(refused(&fixture, &gone(HOME, "backup-6")).contains("where it was not known"));
    assert!(refused(&fixture, &gone("eu-west-1", "backup-6")).contains("which is not known"));
}

/// A round looks at a source that has something open, asked or in flight, or a route that lacks the newest backup.
#[test]
fn which_sources_a_round_looks_at() {
    let active = |fixture: &Fixture| {
        assert_eq!(fixture.state.active.contains(&key(0)), of(fixture).active());
        of(fixture).active()
    };
    let mut fixture = Fixture::new();
    assert!(!active(&fixture));
    let made = good("backup-6", scheduled(6));
    let mut lacking = fixture.clone();
    lacking.see(&made);
    assert!(active(&lacking) && of(&lacking).lagging());
    lacking.see(&copy("copy-6", &made, THERE, Lifecycle::Available));
    assert!(!active(&lacking) && !of(&lacking).lagging(), "each has the newest");
    let mut asked = lacking.clone();
    asked.record_request(&key_of(scheduled(7), Target::Backup), 1, noon());
    assert!(active(&asked));
    let mut in_flight = lacking.clone();
    in_flight.see(&backup("backup-7", scheduled(7), Lifecycle::Creating));
    assert!(active(&in_flight) && !of(&in_flight).lagging());
    fixture.open(scheduled(6));
    assert!(active(&fixture));
    // Of two destinations one is enough; a source in no policy lacks nothing.
    let mut two = lacking.clone();
    two.second_destination();
    assert!(active(&two));
    two.apply(Change::SourceDeparted { source: key(0) });
    assert!(!active(&two));
}

#[test]
fn what_is_known_of_occurrences_counts_up_to_now() {
    let mut fixture = Fixture::new();
    assert_eq!(of(&fixture).dealt_with(noon()), None);
    fixture.see(&good("backup-6", scheduled(6)));
    fixture.see(&good("backup-7", ordered(7)));
    fixture.see(&good("backup-13", scheduled(13)));
    assert_eq!(of(&fixture).dealt_with(noon()), Some(scheduled(6).at), "neither what was ordered nor what lies ahead");
    assert_eq!(of(&fixture).dealt_with(scheduled(13).at), Some(scheduled(13).at));
    let knows = |occurrence| of(&fixture).knows(occurrence);
    assert_eq!(
        [scheduled(5), scheduled(6), scheduled(7), ordered(7), scheduled(12)].map(knows),
        [false, true, false, true, false]
    );
    let mut copied = Fixture::new();
    let made = good("backup-6", scheduled(6));
    copied.see(&copy("copy-6", &made, THERE, Lifecycle::Available));
    assert!(of(&copied).knows(scheduled(6)), "a copy alone tells of it");
}

/// A page took it for somebody else's before its backup was known, and the last page came after that.
#[test]
fn a_copy_that_was_confirmed_while_its_region_was_listed_keeps_its_slot() {
    let mut fixture = Fixture::new();
    let made = good("backup-6", scheduled(6));
    let in_flight = copy("copy-6", &made, THERE, Lifecycle::Copying);
    fixture.see(&made);
    fixture.see(&in_flight);
    let listed = |fixture: &mut Fixture, others: &[&str]| {
        let others = others.iter().map(|id| ((*id).into(), in_flight.lanes())).collect();
        let (place, other_backups) = (place(THERE), Vec::new());
        fixture.apply(Change::Listed {
            place,
            began_at: noon(),
            took: Duration::ZERO,
            pages: 2,
            user_backups: 1,
            others,
            other_backups,
        });
    };
    listed(&mut fixture, &["copy-6", "other-1"]);
    let held =
        |fixture: &Fixture| in_flight.lanes().iter().map(|lane| fixture.state.lanes_held()[lane]).collect::<Vec<_>>();
    assert_eq!(held(&fixture), [2], "once as ours, and the other");
    listed(&mut fixture, &[]);
    assert_eq!(held(&fixture), [1]);
}

#[test]
fn so_many_orders_that_ended_are_remembered() {
    let mut fixture = Fixture::new();
    let source = fixture.state.source_to_restore(&key(0)).unwrap();
    let order =
        |nth: u64| Occurrence { at: noon().plus(SECOND * u32::try_from(nth).unwrap()), trigger: Trigger::Manual };
    for nth in 0..256 {
        source.order_ended(order(nth), OccurrenceOutcome::Completed);
    }
    source.order_ended(scheduled(6), OccurrenceOutcome::Completed);
    assert_eq!((source.orders_ended.len(), source.orders_ended.contains_key(&order(0).at)), (256, true));
    source.order_ended(order(256), OccurrenceOutcome::Completed);
    assert_eq!((source.orders_ended.len(), source.orders_ended.contains_key(&order(0).at)), (256, false));
}

#[test]
fn a_place_remembers_what_it_was_told() {
    let mut fixture = Fixture::new();
    let known = |fixture: &Fixture| fixture.state.places[&place(THERE)].clone();
    for (at, expected) in [(noon(), noon()), (noon().minus(SECOND), noon()), (noon().plus(SECOND), noon().plus(SECOND))]
    {
        fixture.apply(Change::InventoryRead { place: place(THERE), at });
        assert_eq!(known(&fixture).last_seen, Some(expected));
    }
    let others = vec![("other-1".into(), vec![]), ("other-2".into(), vec![])];
    let listed = |began_at, others| Change::Listed {
        place: place(THERE),
        began_at,
        took: Duration::ZERO,
        pages: 1,
        user_backups: 0,
        others,
        other_backups: Vec::new(),
    };
    fixture.apply(listed(noon(), others));
    let batch = Change::PollScheduled { place: place(THERE), ids: vec!["other-1".into()], at: noon(), batch: Some(1) };
    fixture.apply(batch);
    fixture.apply(Change::Lane(LaneEvidence::OtherEnded { place: place(THERE), id: "other-1".into() }));
    assert_eq!((poll_schedule(&fixture, THERE), known(&fixture).others.len()), (vec!["other-2".to_owned()], 1));
    assert!(known(&fixture).batches.is_empty());
    // A listing that begins anew has failed as often as before.
    fixture.apply(Change::ListingBegan { place: place(THERE), at: noon() });
    for (restart, failures) in [(false, 1), (false, 2), (true, 3)] {
        fixture.apply(Change::ListingStalled { place: place(THERE), not_before: noon(), restart });
        assert_eq!(known(&fixture).listing.unwrap().failures, failures);
    }
    // A listing makes what it could not show any more be forgotten, and meets the wishes that it began after.
    let lag = 4 * MINUTE;
    fixture.see(&copy("copy-6", &good("backup-6", scheduled(6)), THERE, Lifecycle::Available));
    fixture.apply(Change::BackupRemoved { place: place(THERE), id: "copy-6".into(), at: noon() });
    for (began_at, left) in [(noon().plus(lag).minus(MOMENT), 1), (noon().plus(lag), 0)] {
        fixture.apply(Change::ListingWanted { place: place(THERE), at: began_at.plus(MOMENT) });
        fixture.apply(listed(began_at, vec![]));
        assert_eq!(
            (known(&fixture).removed.len(), known(&fixture).listing_wanted),
            (left, Some(began_at.plus(MOMENT)))
        );
    }
    fixture.apply(listed(noon().plus(lag).plus(MOMENT), vec![]));
    assert_eq!(known(&fixture).listing_wanted, None);
}

/// Times in the future mean nothing any more: nothing waits for them, nothing counts from them.
#[test]
fn a_clock_that_goes_back_takes_all_times_along() {
    let mut fixture = Fixture::new();
    fixture.open(scheduled(6));
    let (to, ahead) = (noon(), noon().plus(5 * HOUR));
    let made = RecoveryPoint { settled_at: Some(ahead), ..good("backup-6", scheduled(6)) };
    let made = made.with_remarks(|remarks| remarks.missing_since = Some(ahead));
    fixture.see(&made);
    fixture.see(&good("backup-7", scheduled(7)));
    fixture.open(scheduled(17));
    for (hour, at) in [(8, ahead), (9, noon()), (10, noon().minus(MINUTE))] {
        fixture.record_request(&key_of(scheduled(hour), Target::Backup), 1, at);
    }
    let (key_8, lost) = (key_of(scheduled(8), Target::Backup), fault(FaultClass::Denied, "Denied"));
    fixture.apply(Change::RequestFailed {
        key: key_8.clone(),
        fault: lost.clone(),
        definite: false,
        not_before: ahead,
    });
    fixture.apply(Change::SourceLookedUp { account: AccountId::own(), facts: Box::new(facts(&source(0))), at: ahead });
    fixture.apply(Change::SourceLookupSent { account: AccountId::own(), ids: vec![source(0)], until: ahead });
    for id in ["backup-6", "backup-7"] {
        let id = BackupId::from(id);
        let change = Change::DeletionPlanned {
            place: place(HOME),
            id: id.clone(),
            reason: String::new(),
            confirmed: false,
            at: noon(),
        };
        fixture.apply(change);
        fixture.apply(Change::Inspected { place: place(HOME), id: id.clone(), arn: None, at: ahead });
        let not_before = if id.as_str() == "backup-6" { ahead } else { noon().plus(MINUTE) };
        fixture.apply(Change::DeletionFailed { place: place(HOME), id, fault: lost.clone(), not_before });
    }
    fixture.apply(Change::HoldRequested { place: place(HOME), id: "backup-7".into(), hold: None, at: noon() });
    fixture.apply(Change::HoldTried { place: place(HOME), id: "backup-7".into(), fault: None, not_before: ahead });
    fixture.see(&copy("copy-6", &made, THERE, Lifecycle::Available));
    fixture.apply(Change::BackupRemoved { place: place(THERE), id: "copy-6".into(), at: ahead });
    fixture.apply(Change::InventoryRead { place: place(THERE), at: ahead });
    fixture.apply(Change::ListingWanted { place: place(THERE), at: ahead });
    fixture.apply(Change::Returned { place: place(THERE), call: CallKey::List, fault: Some(lost), at: ahead });
    fixture.listed(HOME, ahead);
    fixture.apply(Change::ListingBegan { place: place(HOME), at: ahead });
    fixture.apply(Change::ListingStalled { place: place(HOME), not_before: ahead, restart: false });
    fixture.apply(Change::Checked { policy: "finance".into(), through: ahead, next: None });
    (fixture.state.created_at, fixture.state.started_at) = (ahead, ahead);
    fixture.apply(Change::MembershipUpdated {
        source: key(1),
        region: HOME.into(),
        policy: "finance".into(),
        destinations: vec![THERE.into()],
        since: ahead,
    });

    fixture.apply(Change::ClockWentBack(to));
    let state = &fixture.state;
    assert_eq!((state.clock, state.created_at, state.started_at, state.checked.len()), (to, to, to, 0));
    let source = of(&fixture);
    assert_eq!(source.cursor, Some(to.plus(HOUR)), "an hour ahead stays done");
    let times = |hour| {
        let pending = &source.pending_requests[&(scheduled(hour), Target::Backup)];
        (pending.first_asked_at, pending.last_asked_at, pending.not_before)
    };
    assert_eq!(times(8), (to.minus(5 * MINUTE), to, to.plus(HOUR)), "so long ago that it needs proof");
    assert_eq!(times(9), (noon(), noon(), noon()));
    assert_eq!(times(10).1, noon().minus(MINUTE));
    assert_eq!(source.blocked[&Target::Backup].1, to.plus(HOUR));
    let point = &source.points.of(scheduled(6), &Target::Backup)[0];
    assert_eq!((point.settled_at, point.remarks.missing_since), (Some(to), Some(to)));
    assert_eq!(source.lookup.not_before, to);
    assert_eq!(source.lookup.facts.as_ref().map(|(at, _)| *at), Some(to));
    assert_eq!(state.sources[&key(1)].membership.as_ref().map(|membership| membership.since), Some(to));
    let deletion = |id: &str| &state.deletions[&(place(HOME), BackupId::from(id))];
    assert_eq!((deletion("backup-6").inspected_at, deletion("backup-6").not_before), (None, to.plus(HOUR)));
    assert_eq!(deletion("backup-7").not_before, noon().plus(MINUTE));
    assert_eq!(state.hold_requests[&(place(HOME), BackupId::from("backup-7"))].not_before, to.plus(HOUR));
    assert_eq!(state.reviews.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [Time::ZERO; 2], "retention looks at all");
    let (home, there) = (&state.places[&place(HOME)], &state.places[&place(THERE)]);
    assert!(home.poll_schedule.values().chain(there.removed.values()).all(|at| *at <= to), "{home:?} {there:?}");
    assert_eq!((there.last_seen, there.listing_wanted), (Some(to), Some(to)));
    assert_eq!(there.trouble.as_ref().map(|(_, at)| *at), Some(to));
    assert_eq!(home.listed.map(|listed| listed.began_at), Some(to));
    let listing = home.listing.as_ref().unwrap();
    assert_eq!((listing.began_at, listing.not_before), (to, to));
}
