//! What an answer changes in the state: every kind of call, every kind of answer, change by change.

use super::*;
use crate::fixture::*;
use lifeboat::domain::change::LaneEvidence;
use lifeboat::domain::change::{Counter, ListingPage, OccurrenceRecord};
use lifeboat::domain::id::{Region, deletion_token};
use lifeboat::domain::lane::Lane;
use lifeboat::domain::note::Note;
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::domain::tags::LifeboatTags;
use lifeboat::planner::process_outcome;
use std::sync::Arc;

const MOMENT: Duration = Duration::from_millis(1);
const LAG: Duration = Duration::from_secs(120);

fn noon() -> Time {
    at("2026-11-21T12:00:00Z")
}

/// As AWS shows it.
pub fn shown(point: &RecoveryPoint) -> ObservedBackup {
    let lifeboat_tags = LifeboatTags {
        policy: point.policy.clone(),
        source: point.source.clone(),
        occurrence: point.occurrence,
        attempt: point.attempt,
        origin: point.origin.clone(),
        hold: None,
    };
    let mut tags = lifeboat_tags.write();
    tags.extend(point.remarks.hold.as_deref().map(|hold| ("lifeboat:hold".to_owned(), hold.to_owned())));
    ObservedBackup {
        id: point.id.clone(),
        lifecycle: point.lifecycle,
        created_at: point.created_at,
        failure: point.remarks.failure.as_deref().map(str::to_owned),
        progress_percent: None,
        size_bytes: point.size_bytes.map(Into::into),
        kms_key: None,
        kind: point.kind,
        volume: None,
        copied_from: None,
        file_system: None,
        copied_from_region: None,
        made_as: lifeboat::domain::point::MadeAs::UserInitiated,
        tags: tags.into(),
        arn: None,
    }
}

/// Somebody else's.
pub fn foreign(id: &str, lifecycle: Lifecycle) -> ObservedBackup {
    let mut observed = shown(&backup(id, scheduled(6), lifecycle));
    observed.tags = Arc::default();
    observed
}

/// As it is taken in when it is shown at this time.
fn taken_in(point: &RecoveryPoint, now: Time) -> RecoveryPoint {
    shown(point).into_point(&point.place, now).unwrap()
}

/// The same, as it is on record once Lifeboat has asked for it.
fn asked_for(point: RecoveryPoint) -> RecoveryPoint {
    point.with_provenance(|of| of.asked_key = Some("".into()))
}

fn seen(point: RecoveryPoint) -> Change {
    Change::BackupObserved { point: Box::new(point) }
}

/// What an answer changes, but for the note that the call is over.
pub fn told(fixture: &Fixture, region: &str, call: Call, outcome: Outcome, now: Time) -> Vec<Change> {
    let action = Action { place: place(region), call };
    let mut changes = process_outcome(&fixture.settings, &fixture.state, &action, outcome, now);
    // That somebody else may have asked for it is a matter of its own: see `two_hosts`.
    let aside = |change: &Change| {
        matches!(change, Change::Returned { .. } | Change::InventoryRead { .. } | Change::PeerSeen(_))
    };
    changes.retain(|change| !aside(change));
    changes
}

fn polled(
    fixture: &Fixture,
    region: &str,
    asked: &[&str],
    observed_backups: Vec<ObservedBackup>,
    now: Time,
) -> Vec<Change> {
    let ids = asked.iter().map(|id| (*id).into()).collect();
    told(fixture, region, Call::Poll { ids }, Outcome::Polled(observed_backups), now)
}

/// What a look at one point of ours changes, without the note when to look again.
fn looked_at(fixture: &Fixture, point: &RecoveryPoint, now: Time) -> Vec<Change> {
    let region = point.place.region.to_string();
    let mut changes = polled(fixture, &region, &[point.id.as_str()], vec![shown(point)], now);
    let again = Change::PollScheduled {
        place: point.place.clone(),
        ids: vec![point.id.clone()],
        at: now.plus(POLL),
        batch: Some(0),
    };
    assert_eq!(changes.pop(), Some(again));
    changes
}

fn failed_with(class: FaultClass) -> Outcome {
    Outcome::Failed(fault(class, "Refused"))
}

fn make(fixture: &Fixture, key: &WorkKey) -> Call {
    Call::Make { key: key.clone(), request: fixture.state.pending_request(key).unwrap().request.clone() }
}

fn ids(of: &[&str]) -> Vec<lifeboat::domain::id::BackupId> {
    of.iter().map(|id| (*id).into()).collect()
}

/// The place of a backup that is asked for, with the words of the pending request.
fn asked() -> (Fixture, WorkKey) {
    let mut fixture = Fixture::new();
    fixture.open(scheduled(6));
    let key = key_of(scheduled(6), Target::Backup);
    fixture.record_request(&key, 1, scheduled(6).at);
    (fixture, key)
}

#[test]
fn a_fault_of_the_place_counts_against_it_and_any_answer_clears_it() {
    let (fixture, key) = asked();
    let poll = Call::Poll { ids: ids(&["backup-1"]) };
    let list = Call::ListPage { next_token: None };
    let lookup = Call::DescribeSources { ids: vec![source(0)] };
    let delete = Call::Delete { id: "backup-1".into(), token: deletion_token(&place(HOME), &"backup-1".into()) };
    let hold = Call::Hold { id: "backup-1".into(), arn: "arn".to_owned(), hold: None };
    for call in [make(&fixture, &key), poll, list, lookup, delete, hold] {
        let reads_books = call.operation() == "DescribeBackups";
        let action = Action { place: place(HOME), call };
        let first = |outcome| process_outcome(&fixture.settings, &fixture.state, &action, outcome, noon()).remove(0);
        let returned =
            |fault| Change::Returned { place: place(HOME), call: action.call.key().unwrap(), fault, at: noon() };
        for class in FaultClass::ALL {
            let counts = match class {
                FaultClass::Unanswered | FaultClass::Throttled | FaultClass::Credentials => true,
                FaultClass::Denied => reads_books,
                _ => false,
            };
            let expected = returned(counts.then(|| fault(class, "Refused")));
            assert_eq!(first(failed_with(class)), expected, "{} {class:?}", action.call.operation());
        }
        for answer in [Outcome::Deleted, Outcome::HoldSet, Outcome::Polled(vec![]), Outcome::SourcesDescribed(vec![])] {
            assert_eq!(first(answer), returned(None));
        }
        let seen_by = |outcome| {
            let changes = process_outcome(&fixture.settings, &fixture.state, &action, outcome, noon());
            changes.contains(&Change::InventoryRead { place: place(HOME), at: noon() })
        };
        let page = |next: Option<&str>| Outcome::Page { observed_backups: vec![], next_token: next.map(str::to_owned) };
        assert!(seen_by(page(None)) && seen_by(Outcome::Polled(vec![])), "the inventory was read");
        assert!(!seen_by(page(Some("more"))), "not all of them");
        assert!(!seen_by(Outcome::SourcesDescribed(vec![])) && !seen_by(failed_with(FaultClass::TransientState)));
    }
}

#[test]
fn what_was_made_is_known_from_its_answer() {
    let (mut fixture, key) = asked();
    let creating = backup("backup-6", scheduled(6), Lifecycle::Creating);
    let answer = |point: &RecoveryPoint, with_tags: bool| {
        let mut observed = shown(point);
        if !with_tags {
            observed.tags = Arc::default();
        }
        Outcome::Made(Box::new(observed))
    };
    let call = make(&fixture, &key);
    let look =
        Change::PollScheduled { place: place(HOME), ids: ids(&["backup-6"]), at: noon().plus(POLL), batch: None };
    let expected = [seen(asked_for(taken_in(&creating, noon()))), look];
    for with_tags in [true, false] {
        assert_eq!(told(&fixture, HOME, call.clone(), answer(&creating, with_tags), noon()), expected);
    }
    // An answer that names something else proves nothing; a listing has to tell.
    let other = backup("backup-7", scheduled(7), Lifecycle::Creating);
    let said = "the answer names backup-7, which is not what was asked for";
    let not_before = noon().plus(pause(FaultClass::TokenConflict, 1, POLL, key.jitter(1)));
    let contested = Fault::new(FaultClass::TokenConflict, "UnexpectedAnswer", said);
    let expected_of_other = [
        Change::ListingWanted { place: place(HOME), at: noon() },
        Change::RequestFailed { key: key.clone(), fault: contested, definite: false, not_before },
    ];
    assert_eq!(told(&fixture, HOME, call.clone(), answer(&other, true), noon()), expected_of_other);
    // The same answer once more, to a repeat: nothing new, and no second look.
    fixture.see(&asked_for(taken_in(&creating, noon())));
    assert_eq!(told(&fixture, HOME, call.clone(), answer(&creating, true), noon()), []);
    let done = backup("backup-6", scheduled(6), Lifecycle::Available);
    let expected = [
        Change::Counted(Counter::Backups("finance".into(), true)),
        Change::Timed { target: Target::Backup, took: 6 * HOUR },
        seen(asked_for(taken_in(&done, noon()))),
    ];
    assert_eq!(told(&fixture, HOME, call, answer(&done, true), noon()), expected);
}

#[test]
fn a_refusal_withdraws_an_ask_only_if_no_answer_was_lost_before() {
    for class in FaultClass::ALL {
        let (mut fixture, key) = asked();
        let call = make(&fixture, &key);
        let proves_nothing = matches!(class, FaultClass::Unanswered | FaultClass::TokenConflict);
        let expected = |failures: u32, definite: bool| {
            let not_before = noon().plus(pause(class, failures, POLL, key.jitter(failures)));
            let fault = fault(class, "Refused");
            let unfulfilled = Change::RequestFailed { key: key.clone(), fault, definite, not_before };
            let listing = Change::ListingWanted { place: place(HOME), at: noon() };
            if class == FaultClass::TokenConflict { vec![listing, unfulfilled] } else { vec![unfulfilled] }
        };
        assert_eq!(told(&fixture, HOME, call.clone(), failed_with(class), noon()), expected(1, !proves_nothing));
        let lost = Change::RequestFailed {
            key: key.clone(),
            fault: fault(FaultClass::Unanswered, "Timeout"),
            definite: false,
            not_before: noon(),
        };
        fixture.apply(lost);
        fixture.record_request(&key, 1, noon());
        assert_eq!(told(&fixture, HOME, call.clone(), failed_with(class), noon()), expected(2, false), "{class:?}");
        let nobodys = Call::Make {
            key: key_of(scheduled(7), Target::Backup),
            request: fixture.state.pending_request(&key).unwrap().request.clone(),
        };
        assert_eq!(told(&fixture, HOME, nobodys, failed_with(class), noon()), [], "nothing was asked");
    }
    // An answer of another kind than the call proves nothing either.
    let (fixture, key) = asked();
    let changes = told(&fixture, HOME, make(&fixture, &key), Outcome::Deleted, noon());
    let [Change::RequestFailed { fault, definite: false, .. }] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Unanswered, "UnexpectedAnswer"));
}

/// A person took our tags off a copy whose answer was lost. The token stands for it, so that nothing else was made, and
/// once it has ended nothing is under way: the pending request holds no slot any more, whatever answers were lost before.
#[test]
fn an_answer_that_names_what_is_no_longer_ours_ends_the_ask_once_that_has_ended() {
    for lifecycle in [Lifecycle::Copying, Lifecycle::Available] {
        let made = backup("backup-6", scheduled(6), Lifecycle::Available);
        let mut fixture = Fixture::new();
        fixture.open(scheduled(6));
        fixture.see(&made);
        let key = key_of(scheduled(6), there());
        fixture.record_request(&key, 1, noon());
        fixture.record_request(&key, 1, noon());
        let mut untagged = shown(&copy("copy-6", &made, THERE, lifecycle));
        Arc::make_mut(&mut untagged.tags).remove("lifeboat:source");
        let changes = told(&fixture, THERE, make(&fixture, &key), Outcome::Made(Box::new(untagged)), noon());
        // Later listings of both Regions show that it may be made again, as another attempt.
        let listings = [(HOME, noon()), (THERE, noon().plus(2 * MINUTE))];
        let wanted = listings.map(|(region, at)| Change::ListingWanted { place: place(region), at });
        assert_eq!(wanted.iter().all(|wanted| changes.contains(wanted)), !lifecycle.in_flight(), "{changes:?}");
        changes.into_iter().for_each(|change| fixture.apply(change));
        let held: u32 = fixture.state.lanes_held().into_values().sum();
        assert_eq!(held, u32::from(lifecycle.in_flight()), "{lifecycle:?}");
        let class = if lifecycle.in_flight() { FaultClass::TokenConflict } else { FaultClass::TransientState };
        assert_eq!(fixture.state.pending_request(&key).unwrap().fault.as_ref().unwrap().class, class);
    }
}

#[test]
fn a_refused_copy_has_the_books_read_that_can_tell_why() {
    let made = backup("backup-6", scheduled(6), Lifecycle::Available);
    let mut fixture = Fixture::new();
    fixture.open(scheduled(6));
    fixture.see(&made);
    let key = key_of(scheduled(6), there());
    fixture.record_request(&key, 1, noon());
    let call = make(&fixture, &key);
    let unfulfilled = |class: FaultClass, fault: Fault| Change::RequestFailed {
        key: key.clone(),
        fault,
        definite: true,
        not_before: noon().plus(pause(class, 1, POLL, key.jitter(1))),
    };
    let wanted = |region: &str| Change::ListingWanted { place: place(region), at: noon() };
    // The destination does not find the backup: that passes, or the source's Region tells that it is gone.
    // Or what the token made is gone, which a listing of the destination tells that cannot lag.
    let nothing_there = Change::ListingWanted { place: place(THERE), at: noon().plus(2 * MINUTE) };
    let expected = [
        wanted(HOME),
        nothing_there,
        unfulfilled(FaultClass::TransientState, fault(FaultClass::TransientState, "Refused")),
    ];
    assert_eq!(told(&fixture, THERE, call.clone(), failed_with(FaultClass::Missing), noon()), expected);
    // No slot although one looks free, the refused ask itself counted: somebody else has it.
    // The pause is the lane's, not the route's.
    let refused = fault(FaultClass::NoSlot, "Refused");
    let no_slot = Change::RequestFailed { key: key.clone(), fault: refused, definite: true, not_before: noon() };
    let lane = lifeboat::domain::lane::Lane::Shared(place(THERE));
    let until = noon().plus(pause(FaultClass::NoSlot, 1, POLL, key.jitter(1)));
    let closed = Change::Lane(LaneEvidence::Refused { lane, at: noon(), until });
    for (slots, looks_free) in [(0, false), (1, true), (2, true)] {
        fixture.settings.limits.copies_in_flight = slots;
        let closed = [closed.clone(), no_slot.clone()];
        let expected = if looks_free { [wanted(THERE)].into_iter().chain(closed).collect() } else { closed.to_vec() };
        assert_eq!(told(&fixture, THERE, call.clone(), failed_with(FaultClass::NoSlot), noon()), expected, "{slots}");
    }
    fixture.settings.limits.copies_in_flight = 2;
    let expected = [unfulfilled(FaultClass::Quota, fault(FaultClass::Quota, "Refused"))];
    assert_eq!(told(&fixture, THERE, call, failed_with(FaultClass::Quota), noon()), expected);
}

/// AWS does answer: a lost answer after a clear refusal waits for minutes, however much failed before it.
#[test]
fn failures_before_a_clear_answer_do_not_make_the_next_pause_an_hour() {
    for answer in [FaultClass::NoSlot, FaultClass::TransientState] {
        let mut fixture = Fixture::new();
        fixture.open(scheduled(6));
        fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
        let key = key_of(scheduled(6), Target::Copy(THERE.into()));
        fixture.record_request(&key, 1, scheduled(6).at);
        let fail = |fixture: &mut Fixture, class, times| {
            (0..times).for_each(|_| fixture.refused(&key, fault(class, "Refused")));
            fixture.state.pending_request(&key).unwrap().failures
        };
        let counted = u32::from(answer != FaultClass::NoSlot);
        assert_eq!(fail(&mut fixture, FaultClass::Unanswered, 3), 3);
        assert_eq!(fail(&mut fixture, answer, 5), 3 + 5 * counted, "of those for want of a slot the lane keeps count");
        assert_eq!(fail(&mut fixture, FaultClass::Throttled, 20), 23 + 5 * counted);
        assert_eq!(fail(&mut fixture, answer, 1), 8);
        fixture.record_request(&key, 2, noon());
        let lost = Outcome::Failed(fault(FaultClass::Unanswered, "Lost"));
        let changes = told(&fixture, THERE, make(&fixture, &key), lost, noon());
        let Some(Change::RequestFailed { not_before, .. }) = changes.last() else { panic!("{changes:?}") };
        assert!(not_before.since(noon()) < 6 * MINUTE, "{not_before}");
        assert_eq!(fail(&mut fixture, FaultClass::Unanswered, 1), 9);
    }
}

#[test]
fn an_answer_never_moves_a_thing_backwards() {
    let creating = backup("backup-6", scheduled(6), Lifecycle::Creating);
    let available = backup("backup-6", scheduled(6), Lifecycle::Available);
    let mut fixture = Fixture::new();
    fixture.open(scheduled(6));
    fixture.see(&taken_in(&creating, scheduled(6).at));
    assert_eq!(looked_at(&fixture, &creating, noon()), [], "as it was");
    let ended = |good: bool| Change::Counted(Counter::Backups("finance".into(), good));
    let timed = Change::Timed { target: Target::Backup, took: 6 * HOUR };
    assert_eq!(looked_at(&fixture, &available, noon()), [ended(true), timed, seen(taken_in(&available, noon()))]);
    let bad = backup("backup-6", scheduled(6), Lifecycle::Failed);
    assert_eq!(looked_at(&fixture, &bad, noon()), [ended(false), seen(taken_in(&bad, noon()))]);

    let settled = scheduled(7).at;
    fixture.see(&taken_in(&available, settled));
    assert_eq!(looked_at(&fixture, &available, noon()), [], "as it was");
    assert_eq!(looked_at(&fixture, &creating, noon()), [], "an answer that is older");
    let grown = RecoveryPoint { size_bytes: Some(7.into()), ..available.clone() };
    assert_eq!(looked_at(&fixture, &grown, noon()), [seen(taken_in(&grown, settled))], "it ended when it ended");

    // What was deleted may be shown for four minutes.
    fixture.apply(Change::BackupRemoved { place: place(HOME), id: "backup-6".into(), at: noon() });
    let later = |seconds: u64| noon().plus(Duration::from_secs(seconds));
    assert_eq!(looked_at(&fixture, &available, later(240).minus(MOMENT)), []);
    assert_eq!(looked_at(&fixture, &creating, later(1000)), [], "nor does it begin anew");
    assert_eq!(looked_at(&fixture, &available, later(240)), [seen(taken_in(&available, later(240)))]);
    // The same where its record is gone with its occurrence.
    let mut fixture = Fixture::new();
    fixture.see(&available);
    fixture.apply(Change::BackupRemoved { place: place(HOME), id: "backup-6".into(), at: noon() });
    assert_eq!(looked_at(&fixture, &available, later(240).minus(MOMENT)), []);
    let unsettled = RecoveryPoint { settled_at: None, ..taken_in(&available, noon()) };
    assert_eq!(looked_at(&fixture, &available, later(240)), [seen(unsettled)]);
}

#[test]
fn how_long_a_thing_took_is_known_only_of_what_was_seen_to_move() {
    let available = backup("backup-6", scheduled(6), Lifecycle::Available);
    let unsettled = RecoveryPoint { settled_at: None, ..taken_in(&available, noon()) };
    let fixture = Fixture::new();
    assert_eq!(looked_at(&fixture, &available, noon()), [seen(unsettled.clone())], "found, not followed");
    let bad = backup("backup-6", scheduled(6), Lifecycle::Failed);
    assert_eq!(looked_at(&fixture, &bad, noon()), [seen(taken_in(&bad, noon()))], "cleared away a day from now");
    // The answer was lost, and it is done already when it is found: it began with the pending request.
    let (fixture, _) = asked();
    let counted = Change::Counted(Counter::Backups("finance".into(), true));
    let timed = Change::Timed { target: Target::Backup, took: 6 * HOUR };
    assert_eq!(
        looked_at(&fixture, &available, noon()),
        [counted, timed, seen(asked_for(taken_in(&available, noon())))]
    );
    // Of another attempt than the one that was asked for.
    let earlier = RecoveryPoint { attempt: 2, ..available.clone() };
    assert_eq!(looked_at(&fixture, &earlier, noon()), [seen(RecoveryPoint { attempt: 2, ..unsettled })]);

    // A copy counts for its destination, and for the policy that names its source now, else for that of its tag.
    let made = available.with_provenance(|of| of.policy = Some("renamed".into()));
    let copying = copy("copy-6", &made, THERE, Lifecycle::Copying);
    let done = copy("copy-6", &made, THERE, Lifecycle::Available);
    let mut fixture = Fixture::new();
    fixture.see(&made);
    fixture.see(&copying);
    let count = |fixture: &Fixture, done: &RecoveryPoint| looked_at(fixture, done, noon()).remove(0);
    let copies = |policy: &str, good| Change::Counted(Counter::Copies(policy.into(), THERE.into(), good));
    assert_eq!(count(&fixture, &done), copies("finance", true));
    assert_eq!(
        count(&fixture, &RecoveryPoint { lifecycle: Lifecycle::Failed, ..done.clone() }),
        copies("finance", false)
    );
    fixture.apply(Change::SourceDeparted { source: key(0) });
    assert_eq!(count(&fixture, &done), copies("renamed", true));
    assert_eq!(count(&fixture, &done.clone().with_provenance(|of| of.policy = None)), copies("unknown", true));
    let took = looked_at(&fixture, &done, noon()).remove(1);
    assert_eq!(took, Change::Timed { target: there(), took: 6 * HOUR - MINUTE });
}

/// AWS tells a key by its ARN alone; the word that a copy was asked for with stays with it.
#[test]
fn a_copy_keeps_the_word_for_its_key_that_it_was_asked_for_with() {
    let made = backup("backup-6", scheduled(6), Lifecycle::Available);
    let copying = copy("copy-6", &made, THERE, Lifecycle::Copying);
    let key = key_of(scheduled(6), there());
    let asked = |kms_key: Option<&str>, attempt: u32| {
        let mut fixture = Fixture::new();
        fixture.open(scheduled(6));
        fixture.see(&made);
        let kms_key = kms_key.map(str::to_owned);
        let (source_region, backup, token) = (HOME.into(), made.id.clone(), key.token(attempt));
        let request =
            Request::CopyBackup { source_region, backup, kms_key, token, tags: shown(&copying).tags.as_ref().clone() };
        fixture.apply(Change::RequestRecorded { key: key.clone(), attempt, request: Arc::new(request), at: noon() });
        fixture
    };
    let kept = |fixture: &Fixture| -> Option<String> {
        let answer = Outcome::Made(Box::new(shown(&copying)));
        let changes = told(fixture, THERE, make(fixture, &key), answer, noon());
        let Change::BackupObserved { point } = &changes[0] else { panic!("{changes:?}") };
        point.asked_key.as_deref().map(str::to_owned)
    };
    assert_eq!(kept(&asked(Some("alias/dr"), 1)).as_deref(), Some("alias/dr"));
    assert_eq!(kept(&asked(None, 1)).as_deref(), Some(""), "none was named: AWS's own");
    assert_eq!(kept(&asked(Some("alias/dr"), 2)), None, "of another attempt");
    // Refused, and so not what was asked for with these words, if AWS holds the token against others.
    for (class, expected) in [(FaultClass::TokenConflict, None), (FaultClass::Unanswered, Some("alias/dr"))] {
        let mut fixture = asked(Some("alias/dr"), 1);
        let (fault, not_before) = (fault(class, "Refused"), noon());
        fixture.apply(Change::RequestFailed { key: key.clone(), fault, definite: false, not_before });
        assert_eq!(kept(&fixture).as_deref(), expected, "{class:?}");
    }
    // Once known it stays, whatever is asked later.
    let mut fixture = asked(Some("alias/dr"), 1);
    fixture.see(&taken_in(&copying, noon()).with_provenance(|of| of.asked_key = Some("alias/dr".into())));
    let done = copy("copy-6", &made, THERE, Lifecycle::Available);
    let changes = looked_at(&fixture, &done, noon());
    let kept = taken_in(&done, noon()).with_provenance(|of| of.asked_key = Some("alias/dr".into()));
    assert_eq!(changes.last(), Some(&seen(kept)));
}

pub fn page(
    fixture: &Fixture,
    region: &str,
    observed_backups: Vec<ObservedBackup>,
    next: Option<&str>,
    now: Time,
) -> Vec<Change> {
    let outcome = Outcome::Page { observed_backups, next_token: next.map(str::to_owned) };
    told(fixture, region, Call::ListPage { next_token: None }, outcome, now)
}

pub fn began(fixture: &mut Fixture, region: &str, at: Time) {
    fixture.apply(Change::ListingBegan { place: place(region), at });
}

#[test]
fn a_page_tells_what_is_ours_what_is_new_and_what_others_copy() {
    let mut fixture = Fixture::new();
    began(&mut fixture, THERE, noon());
    let known = backup("backup-5", scheduled(5), Lifecycle::Available).with_provenance(|of| of.place = place(THERE));
    let new = backup("backup-6", scheduled(6), Lifecycle::Available).with_provenance(|of| of.place = place(THERE));
    // Known, and moved on; a copy whose own backup lies elsewhere.
    let grown = RecoveryPoint { size_bytes: Some(7.into()), ..known.clone() };
    let elsewhere = backup("backup-4", scheduled(4), Lifecycle::Available);
    let new_copy = copy("copy-4", &elsewhere, THERE, Lifecycle::Copying);
    fixture.see(&known);
    let mut uncounted = foreign("backup-automatic", Lifecycle::Available);
    uncounted.made_as = lifeboat::domain::point::MadeAs::Automatic;
    let mut of_volume = foreign("backup-ontap", Lifecycle::Copying);
    (of_volume.kind, of_volume.volume) = (FileSystemKind::Ontap, Some("fsvol-1".into()));
    let mut odd = foreign("backup-windows", Lifecycle::Copying);
    odd.volume = Some("fsvol-1".into());
    let observed_backups = vec![
        shown(&grown),
        shown(&new),
        shown(&new_copy),
        foreign("backup-theirs", Lifecycle::Available),
        foreign("backup-deleted", Lifecycle::Deleted),
        uncounted,
        of_volume,
        odd,
    ];
    let shared = vec![Lane::Shared(place(THERE))];
    let volume = vec![Lane::Volume(place(THERE), "fsvol-1".into()), Lane::OntapAccount(AccountId::own())];
    let expected = ListingPage {
        ours: ids(&["backup-5", "backup-6", "copy-4"]).into_iter().collect(),
        learned: [(scheduled(6), key(0))].into(),
        others: vec![("backup-ontap".into(), volume), ("backup-windows".into(), shared)],
        user_backups: 6,
        named: false,
        ..ListingPage::default()
    };
    let unsettled = RecoveryPoint { settled_at: None, ..taken_in(&new, noon()) };
    let grown = seen(RecoveryPoint { settled_at: None, ..taken_in(&grown, noon()) });
    let listing = Change::ListingPage { place: place(THERE), page: expected, next_token: "two".to_owned() };
    let changes = page(&fixture, THERE, observed_backups, Some("two"), noon());
    assert_eq!(changes, [grown, seen(unsettled), seen(taken_in(&new_copy, noon())), listing]);
    let unchanged = page(&fixture, THERE, vec![shown(&known)], Some("two"), noon());
    let [Change::ListingPage { page: told, .. }] = unchanged.as_slice() else { panic!("{unchanged:?}") };
    assert_eq!((told.ours.len(), told.learned.len(), told.user_backups), (1, 0, 1), "as it was");
    // Without a listing under way, a page says nothing.
    assert_eq!(page(&fixture, HOME, vec![shown(&new)], None, noon()), []);
}

/// Pages that never end, or lead back to where they came from, are given up.
#[test]
fn an_endless_listing_is_given_up() {
    let mut fixture = Fixture::new();
    began(&mut fixture, HOME, noon());
    let next = |fixture: &Fixture, token: &str| {
        let changes = page(fixture, HOME, vec![], Some(token), noon());
        match changes.as_slice() {
            [Change::ListingPage { .. }] => true,
            [Change::ListingStalled { restart: false, .. }] => false,
            other => panic!("{other:?}"),
        }
    };
    assert!(next(&fixture, "one"));
    let page = ListingPage::default();
    fixture.apply(Change::ListingPage { place: place(HOME), page, next_token: "one".to_owned() });
    assert!(next(&fixture, "two"));
    assert!(!next(&fixture, "one"), "the same token again");
    let pages = |fixture: &mut Fixture, pages| {
        fixture.state.places.get_mut(&place(HOME)).unwrap().listing.as_mut().unwrap().pages = pages;
    };
    pages(&mut fixture, 19_999);
    assert!(next(&fixture, "two"));
    pages(&mut fixture, 20_000);
    assert!(!next(&fixture, "two"));
}

#[test]
fn a_listing_adopts_what_it_taught_and_doubts_what_it_did_not_show() {
    let mut fixture = Fixture::new();
    began(&mut fixture, HOME, noon());
    let first = ListingPage {
        ours: ids(&["backup-a"]).into_iter().collect(),
        learned: [(scheduled(8), key(0)), (ordered(8), key(0)), (scheduled(9), key(7))].into(),
        others: vec![("other-2".into(), vec![]), ("other-1".into(), vec![])],
        user_backups: 30,
        named: false,
        ..ListingPage::default()
    };
    fixture.apply(Change::ListingPage { place: place(HOME), page: first, next_token: "two".to_owned() });
    let made = |id: &str, occurrence: Occurrence, age: Duration| RecoveryPoint {
        created_at: noon().minus(age),
        settled_at: Some(noon()),
        ..backup(id, occurrence, Lifecycle::Available)
    };
    fixture.see(&made("backup-a", scheduled(5), HOUR));
    fixture.see(&made("backup-old", scheduled(6), LAG + MOMENT));
    fixture.see(&made("backup-young", scheduled(7), LAG));
    let doubted = made("backup-doubted", ordered(6), HOUR);
    fixture.see(&doubted.with_remarks(|remarks| remarks.missing_since = Some(noon())));
    let now = noon().plus(MINUTE);
    let new = backup("backup-new", ordered(9), Lifecycle::Creating);
    let changes = page(&fixture, HOME, vec![shown(&new), foreign("other-1", Lifecycle::Copying)], None, now);
    let opened = |occurrence| {
        let record = OccurrenceRecord { policy: "finance".into(), opened_at: now, caught_up: true, adopted: true };
        Change::Opened { source: key(0), occurrence, record }
    };
    let expected = [
        seen(taken_in(&new, now)),
        opened(scheduled(8)),
        opened(ordered(8)),
        opened(ordered(9)),
        Change::MissingFromListing { place: place(HOME), id: "backup-old".into(), missing_since: Some(now) },
        Change::Noted(Note::Read { place: place(HOME), at: now, good_until: now.plus(stale_after(POLL, 2)) }),
    ];
    assert_eq!(changes[..changes.len() - 1], expected);
    let Some(Change::Listed { place: of, began_at, pages, user_backups, others, .. }) = changes.last() else {
        panic!()
    };
    assert_eq!((of, *began_at, *pages, *user_backups), (&place(HOME), noon(), 2, 32));
    let others: Vec<&str> = others.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(others, ["other-1", "other-1", "other-2"], "of each as often as it has lanes");
}

/// What is on record already is not opened anew; what a person ordered has no place in the order of time.
#[test]
fn only_what_is_not_on_record_is_adopted() {
    let mut fixture = Fixture::new();
    fixture.open(scheduled(8));
    let learned = [(scheduled(7), key(0)), (scheduled(8), key(0)), (scheduled(9), key(0)), (ordered(7), key(0))];
    began(&mut fixture, HOME, noon());
    let page_of = ListingPage { learned: learned.into(), ..ListingPage::default() };
    fixture.apply(Change::ListingPage { place: place(HOME), page: page_of, next_token: "two".to_owned() });
    let opened = |fixture: &Fixture| -> Vec<Occurrence> {
        let changes = page(fixture, HOME, vec![], None, noon());
        let opened = changes.into_iter().filter_map(|change| match change {
            Change::Opened { occurrence, .. } => Some(occurrence),
            _ => None,
        });
        opened.collect()
    };
    assert_eq!(opened(&fixture), [ordered(7), scheduled(9)]);
    fixture.open(ordered(7));
    assert_eq!(opened(&fixture), [scheduled(9)]);
    fixture.apply(Change::SourceDeparted { source: key(0) });
    assert_eq!(opened(&fixture), [], "no policy names it");

    // A first listing that was cut short by the end of the process left backups behind that nobody adopted.
    let mut fixture = Fixture::new();
    let made = backup("backup-6", scheduled(6), Lifecycle::Available);
    fixture.see(&made);
    let elsewhere = backup("backup-7", scheduled(7), Lifecycle::Available);
    fixture.see(&copy("copy-7", &elsewhere, THERE, Lifecycle::Available).with_provenance(|of| of.place = place(HOME)));
    began(&mut fixture, HOME, noon());
    assert_eq!(opened(&fixture), [], "it was listed before");
    fixture.state.places.get_mut(&place(HOME)).unwrap().listed = None;
    assert_eq!(opened(&fixture), [scheduled(6)]);

    // A tag that was mistyped to a time to come is no occurrence.
    let mut fixture = Fixture::new();
    began(&mut fixture, HOME, noon());
    let to_come = of("2031-01-01T00:00:00Z", Trigger::Schedule);
    let page_of = ListingPage { learned: [(to_come, key(0))].into(), ..ListingPage::default() };
    fixture.apply(Change::ListingPage { place: place(HOME), page: page_of, next_token: "two".to_owned() });
    assert_eq!(opened(&fixture), []);
}

/// The pause of a place is spread from three quarters to five quarters, by its Region.
fn spread(first: Duration, of: impl Fn(&str) -> Duration) {
    let regions =
        ["us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-south-1", "sa-east-1"];
    let shares: Vec<f64> = regions.iter().map(|region| of(region).as_secs_f64() / first.as_secs_f64()).collect();
    assert!(shares.iter().all(|share| (0.75..=1.25).contains(share)), "{shares:?}");
    let between = shares.iter().filter(|share| (0.80..1.20).contains(*share)).count();
    assert!(between >= 4, "{shares:?}");
    assert!(shares.iter().any(|share| (share - shares[0]).abs() > 0.05), "{shares:?}");
}

#[test]
fn a_later_page_that_failed_twice_is_waited_for_a_little_longer_each_time() {
    let mut fixture = Fixture::new();
    began(&mut fixture, HOME, noon());
    let mut pauses = Vec::new();
    for cycle in 0..12 {
        fixture.apply(Change::ListingPage {
            place: place(HOME),
            page: Default::default(),
            next_token: "two".to_owned(),
        });
        // Where a quarter of all calls fail, one of a hundred pages fails twice for sure, and the end would never be seen.
        let most_failures = 1 + cycle.min(5);
        for failure in 0..=most_failures {
            let call = Call::ListPage { next_token: Some("two".to_owned()) };
            let changes = told(&fixture, HOME, call, failed_with(FaultClass::Unanswered), noon());
            let stalled = changes.into_iter().find(|change| matches!(change, Change::ListingStalled { .. })).unwrap();
            let Change::ListingStalled { not_before, restart, .. } = &stalled else { unreachable!() };
            assert_eq!(*restart, failure == most_failures, "failure {failure} of cycle {cycle}");
            pauses.push(not_before.since(noon()));
            fixture.apply(stalled);
        }
        assert!(fixture.state.place(&place(HOME)).unwrap().listing.as_ref().unwrap().next_token.is_none());
        began(&mut fixture, HOME, noon());
    }
    // First pages come all the while, and yet it becomes no storm; and no pause is longer than a minute.
    let last = pauses.last().unwrap();
    assert!(*last >= 45 * SECOND && pauses.iter().all(|pause| *pause <= 60 * SECOND), "{pauses:?}");
    assert!(pauses[0] < 2 * SECOND, "{pauses:?}");
}

#[test]
fn a_page_that_failed_is_asked_for_again_or_the_listing_begins_anew() {
    let stalled = |failures: u32, class: FaultClass, region: &str| {
        let mut fixture = Fixture::new();
        began(&mut fixture, region, noon());
        for _ in 0..failures {
            let (place, not_before) = (place(region), noon());
            fixture.apply(Change::ListingStalled { place, not_before, restart: false });
        }
        let mut changes = told(&fixture, region, Call::ListPage { next_token: None }, failed_with(class), noon());
        changes.retain(|change| !matches!(change, Change::ReadAnswered { .. }));
        let [Change::ListingStalled { place: of, not_before, restart }] = changes.as_slice() else {
            panic!("{changes:?}")
        };
        assert_eq!(*of, place(region));
        (not_before.since(noon()), *restart)
    };
    for class in FaultClass::ALL {
        let temporary = matches!(class, FaultClass::Unanswered | FaultClass::Throttled);
        assert_eq!((stalled(0, class, HOME).1, stalled(8, class, HOME).1), (!temporary, !temporary), "{class:?}");
    }
    spread(SECOND, |region| stalled(0, FaultClass::Throttled, region).0);
    spread(8 * SECOND, |region| stalled(3, FaultClass::Throttled, region).0);
    let mut fixture = Fixture::new();
    began(&mut fixture, HOME, noon());
    let changes = told(&fixture, HOME, Call::ListPage { next_token: None }, Outcome::HoldSet, noon());
    assert!(matches!(changes[..], [Change::ListingStalled { restart: false, .. }]), "{changes:?}");
}

#[test]
fn one_absence_proves_nothing() {
    let made = backup("backup-6", scheduled(6), Lifecycle::Creating);
    let look = |at: Time, batch| Change::PollScheduled { place: place(HOME), ids: ids(&["backup-6"]), at, batch };
    let mut fixture = Fixture::new();
    fixture.see(&made);
    let absent = |fixture: &Fixture, now| polled(fixture, HOME, &["backup-6"], vec![], now);
    let wanted = |at| Change::ListingWanted { place: place(HOME), at };
    assert_eq!(absent(&fixture, noon()), [wanted(noon()), look(noon().plus(POLL), Some(1))]);
    // What was made a moment ago is shown by no listing yet.
    let early = scheduled(6).at.plus(SECOND);
    assert_eq!(absent(&fixture, early), [wanted(scheduled(6).at.plus(LAG)), look(early.plus(POLL), Some(1))]);
    // A single id that AWS does not know is the same.
    let refused =
        told(&fixture, HOME, Call::Poll { ids: ids(&["backup-6"]) }, failed_with(FaultClass::Missing), noon());
    assert_eq!(refused, [wanted(noon()), look(noon().plus(POLL), Some(1))]);

    // A listing missed it too: gone, once the lag has passed by our own clock.
    fixture.apply(Change::MissingFromListing {
        place: place(HOME),
        id: "backup-6".into(),
        missing_since: Some(noon()),
    });
    let gone = |at| Change::BackupRemoved { place: place(HOME), id: "backup-6".into(), at };
    let believed = noon().plus(LAG);
    assert_eq!(absent(&fixture, believed.minus(MOMENT)), [look(believed, Some(1))]);
    assert_eq!(absent(&fixture, believed), [gone(believed)]);
    // Or it is there after all.
    let back = Change::MissingFromListing { place: place(HOME), id: "backup-6".into(), missing_since: None };
    let changes = looked_at(&fixture, &made, noon());
    assert_eq!(changes.last(), Some(&back), "{changes:?}");

    // What we had asked to be deleted is gone at the first look.
    let mut fixture = Fixture::new();
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    let id = || "backup-6".into();
    fixture.apply(Change::DeletionPlanned {
        place: place(HOME),
        id: id(),
        reason: String::new(),
        confirmed: false,
        at: noon(),
    });
    assert_eq!(absent(&fixture, noon()), [wanted(noon()), look(noon().plus(POLL), Some(1))], "not asked yet");
    fixture.apply(Change::DeletionRequested { place: place(HOME), id: id(), at: noon() });
    assert_eq!(absent(&fixture, noon()), [gone(noon())]);
    // What nobody knows is no longer looked at.
    let stranger = polled(&fixture, HOME, &["backup-x"], vec![], noon());
    assert_eq!(stranger, [Change::Lane(LaneEvidence::OtherEnded { place: place(HOME), id: "backup-x".into() })]);
}

#[test]
fn a_copy_of_others_is_followed_until_it_ends() {
    let mut fixture = Fixture::new();
    let others = vec![("other-1".into(), vec![Lane::Shared(place(THERE))])];
    let began_at = noon();
    fixture.apply(Change::Listed {
        place: place(THERE),
        began_at,
        took: Duration::ZERO,
        pages: 1,
        user_backups: 0,
        others,
        other_backups: Vec::new(),
    });
    let look = |id: &str, lifecycle| {
        let mut changes = polled(&fixture, THERE, &[id], vec![foreign(id, lifecycle)], noon());
        changes.pop();
        changes
    };
    assert_eq!(look("other-1", Lifecycle::Copying), []);
    let ended = |id: &str| Change::Lane(LaneEvidence::OtherEnded { place: place(THERE), id: id.into() });
    assert_eq!(look("other-1", Lifecycle::Available), [ended("other-1")]);
    assert_eq!(look("other-2", Lifecycle::Copying), [ended("other-2")], "of which nothing is known");
    // Ours, whose tags somebody took away, is looked for as if it were absent.
    let mut fixture = Fixture::new();
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Creating));
    let changes = polled(&fixture, HOME, &["backup-6"], vec![foreign("backup-6", Lifecycle::Creating)], noon());
    assert_eq!(changes[0], Change::ListingWanted { place: place(HOME), at: noon() });
}

#[test]
fn a_batch_with_an_unknown_id_is_halved_and_one_that_failed_is_repeated() {
    let fixture = Fixture::new();
    let refused = |count: usize, class, region: &str| {
        let asked: Vec<_> = (0..count).map(|nth| format!("backup-{nth}").as_str().into()).collect();
        let mut changes = told(&fixture, region, Call::Poll { ids: asked.clone() }, failed_with(class), noon());
        changes.retain(|change| !matches!(change, Change::ReadAnswered { .. }));
        let [Change::PollScheduled { place: of, ids, at, batch }] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((of, ids), (&place(region), &asked));
        (at.since(noon()), *batch)
    };
    assert_eq!(refused(50, FaultClass::Missing, HOME), (Duration::ZERO, Some(25)));
    assert_eq!(refused(3, FaultClass::Missing, HOME), (Duration::ZERO, Some(1)));
    assert_eq!(refused(60, FaultClass::Missing, HOME), (Duration::ZERO, Some(25)));
    assert_eq!(refused(1, FaultClass::Throttled, HOME).1, None);
    assert_eq!(refused(3, FaultClass::Denied, HOME).1, None);
    spread(SECOND, |region| refused(3, FaultClass::Throttled, region).0);
    let mut fixture = Fixture::new();
    let trouble = Change::Returned {
        place: place(HOME),
        call: Call::ListPage { next_token: None }.key().unwrap(),
        fault: Some(fault(FaultClass::Throttled, "Slow")),
        at: noon(),
    };
    fixture.apply(trouble.clone());
    fixture.apply(trouble);
    let poll = Call::Poll { ids: ids(&["backup-1"]) };
    let changes = told(&fixture, HOME, poll, failed_with(FaultClass::Throttled), noon());
    let [Change::PollScheduled { at, .. }] = changes.as_slice() else { panic!("{changes:?}") };
    assert!((3 * SECOND..=5 * SECOND).contains(&at.since(noon())), "the third in a row: {at}");
}

#[test]
fn a_look_up_tells_of_each_source() {
    let fixture = Fixture::new();
    let lookup = |asked: &[SourceId], outcome| {
        told(&fixture, HOME, Call::DescribeSources { ids: asked.to_vec() }, outcome, noon())
    };
    let known = |number| Change::SourceLookedUp {
        account: AccountId::own(),
        facts: Box::new(facts(&source(number))),
        at: noon(),
    };
    let failed = |number, fault, not_before, batch| Change::SourceLookupFailed {
        source: key(number),
        fault,
        at: noon(),
        not_before,
        batch,
    };
    let both = [source(0), source(1)];
    let answer = Outcome::SourcesDescribed(vec![facts(&source(1)), facts(&source(0)), facts(&source(5))]);
    assert_eq!(lookup(&both, answer), [known(1), known(0)], "those that were asked for");
    let missing = Fault::new(FaultClass::Missing, "NotFound", "AWS does not show it");
    let changes = lookup(&both, Outcome::SourcesDescribed(vec![facts(&source(1))]));
    let Change::SourceLookupFailed { not_before, .. } = changes[1] else { panic!("{changes:?}") };
    assert_eq!(changes, [known(1), failed(0, missing, not_before, None)]);
    assert!((45 * MINUTE..=HOUR).contains(&not_before.since(noon())), "{not_before}");

    // An id that AWS does not know spoils the call for the others; alone, it is that one.
    let five: Vec<SourceId> = (0..5).map(source).collect();
    let split = lookup(&five, failed_with(FaultClass::Missing));
    let expected: Vec<Change> =
        (0..5).map(|number| failed(number, fault(FaultClass::Missing, "Refused"), noon(), Some(2))).collect();
    assert_eq!(split, expected);
    let paused = |asked: &[SourceId], class, region: &str| {
        let changes = told(&fixture, region, Call::DescribeSources { ids: asked.to_vec() }, failed_with(class), noon());
        assert_eq!(changes.len(), asked.len());
        let Change::SourceLookupFailed { not_before, batch: None, .. } = changes[0] else { panic!("{changes:?}") };
        not_before.since(noon())
    };
    assert!(paused(&[source(0)], FaultClass::Missing, HOME) >= 45 * MINUTE);
    spread(POLL, |region| paused(&both, FaultClass::TransientState, region));
    let mut fixture = Fixture::new();
    fixture.apply(failed(0, fault(FaultClass::TransientState, "Busy"), noon(), None));
    let again = told(
        &fixture,
        HOME,
        Call::DescribeSources { ids: vec![source(0)] },
        failed_with(FaultClass::TransientState),
        noon(),
    );
    let Change::SourceLookupFailed { not_before, .. } = again[0] else { panic!("{again:?}") };
    assert!(not_before.since(noon()) >= 2 * POLL * 3 / 4, "twice as long for the second: {not_before}");
    // An hour after each refusal is no reason to wait hours for what is over in a moment.
    for hours in 1..6 {
        fixture.apply(failed(0, fault(FaultClass::Missing, "Refused"), noon(), None));
        assert_eq!(fixture.state.sources[&key(0)].lookup.failures, hours + 1);
    }
    let moment = told(
        &fixture,
        HOME,
        Call::DescribeSources { ids: vec![source(0)] },
        failed_with(FaultClass::Unanswered),
        noon(),
    );
    let Change::SourceLookupFailed { not_before, .. } = moment[0] else { panic!("{moment:?}") };
    assert!(not_before.since(noon()) <= 2 * SECOND, "{not_before}");
    moment.into_iter().for_each(|change| fixture.apply(change));
    assert_eq!(fixture.state.sources[&key(0)].lookup.failures, 1);
}

fn deletion_planned() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    let (id, reason) = ("backup-6".into(), "too old".to_owned());
    fixture.apply(Change::DeletionPlanned { place: place(HOME), id, reason, confirmed: false, at: noon() });
    fixture
}

#[test]
fn a_deletion_is_counted_once_whatever_came_of_it() {
    let id = || "backup-6".into();
    let delete = || Call::Delete { id: id(), token: deletion_token(&place(HOME), &id()) };
    let gone = Change::BackupRemoved { place: place(HOME), id: id(), at: noon() };
    let total = |done| Change::Counted(Counter::Deletions("finance".into(), Region::from(HOME), done));
    let mut fixture = deletion_planned();
    assert_eq!(told(&fixture, HOME, delete(), Outcome::Deleted, noon()), [total(true), gone.clone()]);
    assert_eq!(told(&fixture, HOME, delete(), failed_with(FaultClass::Missing), noon()), [gone], "whoever did it");
    let refused = |fixture: &Fixture, class| {
        let mut changes = told(fixture, HOME, delete(), failed_with(class), noon());
        let Some(Change::DeletionFailed { not_before, fault: said, .. }) = changes.pop() else { panic!() };
        assert_eq!(said.class, class);
        (changes, not_before.since(noon()))
    };
    assert_eq!(refused(&fixture, FaultClass::TransientState).0, []);
    assert_eq!(refused(&fixture, FaultClass::Denied).0, [total(false)], "it needs a person");
    let (changes, first) = refused(&fixture, FaultClass::Throttled);
    assert!(changes.is_empty() && (SECOND * 3 / 4..=SECOND * 5 / 4).contains(&first), "{first:?}");
    let before = |class| Change::DeletionFailed {
        place: place(HOME),
        id: id(),
        fault: fault(class, "Refused"),
        not_before: noon(),
    };
    fixture.apply(before(FaultClass::Denied));
    assert_eq!(refused(&fixture, FaultClass::Denied).0, [], "a person was told");
    assert_eq!(refused(&fixture, FaultClass::Permanent).0, [total(false)], "for another reason");
    fixture.apply(before(FaultClass::Throttled));
    let (_, third) = refused(&fixture, FaultClass::Throttled);
    assert!((SECOND * 3..=SECOND * 5).contains(&third), "{third:?}");
    // What is no longer known, and what was spared meanwhile.
    let mut fixture = deletion_planned();
    fixture.apply(Change::DeletionCancelled { place: place(HOME), id: id(), reason: String::new() });
    assert_eq!(told(&fixture, HOME, delete(), failed_with(FaultClass::TransientState), noon()), []);
    fixture.apply(Change::BackupRemoved { place: place(HOME), id: id(), at: noon() });
    assert_eq!(told(&fixture, HOME, delete(), Outcome::Deleted, noon()), []);
}

#[test]
fn a_hold_stands_once_aws_shows_it() {
    let id = || "backup-6".into();
    let made = backup("backup-6", scheduled(6), Lifecycle::Available);
    let mut fixture = Fixture::new();
    fixture.see(&made);
    let call = || Call::Hold { id: id(), arn: "arn".to_owned(), hold: Some("audit".to_owned()) };
    assert_eq!(told(&fixture, HOME, call(), Outcome::HoldSet, noon()), [], "nobody wished it");
    fixture.apply(Change::HoldRequested { place: place(HOME), id: id(), hold: Some("audit".to_owned()), at: noon() });
    let tried =
        |fault, after| Change::HoldTried { place: place(HOME), id: id(), fault, not_before: noon().plus(after) };
    assert_eq!(told(&fixture, HOME, call(), Outcome::HoldSet, noon()), [tried(None, LAG)], "until a look shows it");
    let refused = told(&fixture, HOME, call(), failed_with(FaultClass::Denied), noon());
    let [Change::HoldTried { fault: Some(_), not_before, .. }] = refused.as_slice() else { panic!("{refused:?}") };
    assert!((45 * MINUTE..=HOUR).contains(&not_before.since(noon())), "{not_before}");
    fixture.apply(tried(Some(fault(FaultClass::TransientState, "Busy")), Duration::ZERO));
    let refused = told(&fixture, HOME, call(), failed_with(FaultClass::TransientState), noon());
    let [Change::HoldTried { not_before, .. }] = refused.as_slice() else { panic!("{refused:?}") };
    assert!(not_before.since(noon()) >= 2 * POLL * 3 / 4, "{not_before}");

    // A look: without the tag and with the ARN by which it is set; without either; with the tag.
    let look = |fixture: &Fixture, hold: Option<&str>, arn: Option<&str>| {
        let mut observed = shown(&made.clone().with_remarks(|remarks| remarks.hold = hold.map(Into::into)));
        observed.arn = arn.map(Into::into);
        let changes = polled(fixture, HOME, &["backup-6"], vec![observed], noon());
        let ours = |change: &Change| !matches!(change, Change::BackupObserved { .. } | Change::PollScheduled { .. });
        changes.into_iter().filter(ours).collect::<Vec<_>>()
    };
    let inspected =
        |arn: Option<&str>| Change::Inspected { place: place(HOME), id: id(), arn: arn.map(str::to_owned), at: noon() };
    let stands = Change::HoldConfirmed { place: place(HOME), id: id() };
    assert_eq!(look(&fixture, None, Some("arn")), [inspected(Some("arn"))]);
    assert_eq!(look(&fixture, Some("another"), Some("arn")), [inspected(Some("arn"))]);
    assert_eq!(look(&fixture, Some("audit"), None), [stands, inspected(None)]);
    let nameless = look(&fixture, None, None);
    let [Change::HoldTried { fault: Some(said), .. }, last] = nameless.as_slice() else { panic!("{nameless:?}") };
    assert_eq!((said.code.as_str(), last), ("NoArn", &inspected(None)));
    // Who neither deletes nor holds it need not know.
    let mut fixture = Fixture::new();
    fixture.see(&made);
    assert_eq!(look(&fixture, None, Some("arn")), []);
    assert_eq!(look(&deletion_planned(), None, None), [inspected(None)], "to be deleted, which needs no ARN");
}
