//! How long a pause is, how often a Region is listed, and what a request carries.

use super::*;

/// A request carries the token of its work; a copy names its backup, where that is, and the key of its destination.
#[test]
fn what_a_request_carries() {
    let mut talk = Talk::new(1);
    let create = talk.until("CreateBackup");
    let Call::Make { key: made, request } = &create.call else { panic!("{create:?}") };
    let Request::CreateBackup { source: of, token, .. } = &**request else { panic!("{request:?}") };
    assert_eq!((made, of, token), (&work(0, Target::Backup), &source(0), &work(0, Target::Backup).token(1)));
    let observed = talk.make(&create);
    talk.answer(&create, Outcome::Made(Box::new(observed.clone())));
    talk.becomes(Lifecycle::Available);
    let copy = talk.until("CopyBackup");
    let Call::Make { key: made, request } = &copy.call else { panic!("{copy:?}") };
    let Request::CopyBackup { source_region, backup, kms_key, token, .. } = &**request else { panic!("{request:?}") };
    let there = work(0, Target::Copy(THERE.into()));
    assert_eq!((made, token), (&there, &there.token(1)));
    assert_eq!((source_region.as_str(), backup), (HOME, &observed.id));
    assert_eq!((kms_key.as_deref(), copy.place.region.as_str()), (Some("alias/dr"), THERE));
}

/// Each class of refusal has its own first pause, doubles, and ends at its bound; jitter spreads it by a quarter.
#[test]
fn pauses_are_exactly_as_long_as_their_class_says() {
    use FaultClass::{
        Credentials, Denied, Missing, NoSlot, Permanent, Quota, Throttled, TokenConflict, TransientState, Unanswered,
    };
    for (classes, first, longest) in [
        (vec![Unanswered, Throttled, TokenConflict], SECOND, 15 * MINUTE),
        (vec![NoSlot], POLL / 2, POLL * 7 / 4),
        (vec![TransientState], POLL, HOUR),
        (vec![Quota], 5 * MINUTE, HOUR),
        (vec![Credentials], 10 * SECOND, HOUR),
        (vec![Missing, Denied, Permanent], HOUR, HOUR),
    ] {
        for class in classes {
            let of = |failures, jitter| pause(class, failures, POLL, jitter);
            assert_eq!((of(1, 0.5), of(0, 0.5)), (first, first), "{class:?}");
            assert_eq!((of(2, 0.5), of(3, 0.5)), ((2 * first).min(longest), (4 * first).min(longest)), "{class:?}");
            assert_eq!((of(1, 0.0), of(1, 1.0)), (first * 3 / 4, (first * 5 / 4).min(longest)), "{class:?}");
            assert_eq!((of(40, 0.5), of(40, 0.0)), (longest, longest * 3 / 4), "{class:?}");
        }
    }
    for (class, longest) in [(Unanswered, MINUTE), (Throttled, MINUTE), (Credentials, 5 * MINUTE)] {
        assert_eq!((pause_for_place(class, 1, 0.5), pause_for_place(class, 4, 0.5)), (SECOND, 8 * SECOND));
        assert_eq!(pause_for_place(class, 30, 1.0), longest);
    }
    let work = work(0, Target::Backup);
    let spread = |attempts: u32| POLL.mul_f64(0.75 + 0.5 * work.jitter(attempts));
    let off = |attempts: u32, wanted: Duration| pause_after_failed(&work, attempts, POLL).abs_diff(wanted);
    assert!(off(1, spread(1)) < Duration::from_micros(1) && off(2, 2 * spread(2)) < Duration::from_micros(1));
    assert!(pause_after_failed(&work, 30, POLL) >= 6 * HOUR * 3 / 4 && pause_after_failed(&work, 30, POLL) <= 6 * HOUR);
}

#[test]
fn listings_come_as_often_as_their_pages_allow() {
    assert_eq!((listing_beat(POLL, 0), listing_beat(POLL, 5)), (20 * POLL, 20 * POLL));
    assert_eq!((listing_beat(POLL, 6), listing_beat(POLL, 100)), (24 * POLL, 400 * POLL));
    assert_eq!((stale_after(POLL, 1), stale_after(POLL, 100)), (40 * POLL + MINUTE, 800 * POLL + MINUTE));
}

/// An answer that was lost proves nothing: word for word the same again, for five minutes; then a listing must tell.
#[test]
fn a_lost_answer_is_asked_for_again_and_then_looked_for() {
    let mut talk = Talk::asking(1);
    let create = talk.calls("CreateBackup").remove(0);
    let first_asked = talk.now;
    talk.refuse(&create, FaultClass::Unanswered);
    let mut repeats = 0;
    while talk.now.since(first_asked) < 5 * MINUTE {
        let plan = talk.round();
        for again in talk.calls("CreateBackup") {
            assert_eq!(again, create, "word for word the same");
            talk.refuse(&again, FaultClass::Unanswered);
            repeats += 1;
        }
        talk.now = plan.wake.at.max(talk.now.plus(SECOND)).min(first_asked.plus(5 * MINUTE));
        // Listings do not come through either.
        for list in talk.calls("DescribeBackups") {
            talk.answer(&list, Outcome::Failed(Fault::new(FaultClass::TransientState, "Later", "")));
        }
    }
    assert!(repeats >= 2, "{repeats}");
    talk.round();
    assert!(talk.calls("CreateBackup").is_empty(), "the token may be forgotten");
    let pending = talk.state.pending_request(&work(0, Target::Backup)).unwrap();
    assert!(pending.open && pending.sent == repeats + 1);
    let last_asked = pending.last_asked_at;
    // A listing that began two minutes after the last request, and shows nothing, proves that nothing was made.
    let create_again = talk.until("CreateBackup");
    assert!(talk.now >= last_asked.plus(2 * MINUTE));
    let (Call::Make { request: first, .. }, Call::Make { request: second, .. }) = (&create.call, &create_again.call)
    else {
        panic!("{create_again:?}")
    };
    assert_eq!(first.token(), second.token(), "nothing was made, so the attempt is the same");
}

/// The number of calls at one place at one time has an upper bound, whatever is due.
#[test]
fn calls_at_a_place_are_bounded() {
    let mut talk = Talk::at_six(230);
    // Fifty to a call, four calls at a time.
    let look_ups = talk.calls("DescribeFileSystems");
    let sizes: Vec<usize> = look_ups
        .iter()
        .map(|action| match &action.call {
            Call::DescribeSources { ids } => ids.len(),
            _ => 0,
        })
        .collect();
    assert_eq!(sizes, [50, 50, 50, 50]);
    talk.round();
    assert!(talk.calls("DescribeFileSystems").is_empty());
    for lookup in &look_ups {
        let Call::DescribeSources { ids } = &lookup.call else { continue };
        let found = ids.iter().map(facts).collect();
        talk.answer(lookup, Outcome::SourcesDescribed(found));
    }
    let plan = talk.round();
    assert_eq!(talk.calls("CreateBackup").len(), 12);
    assert!(plan.waiting.iter().any(|wait| wait.reason == Reason::CallLimit));
}

/// After an outage of half a year, the oldest share one record, which says for how many it stands.
#[test]
fn a_long_outage_is_recorded_in_bounds() {
    let mut talk = Talk::new(1);
    talk.serve();
    talk.now = talk.now.plus(200 * 24 * HOUR);
    talk.round();
    let closed: Vec<(u64, OccurrenceOutcome)> = talk
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Closed { earlier, end, .. } => Some((*earlier, *end)),
            _ => None,
        })
        .collect();
    assert_eq!(closed.len(), 500, "of eight hundred");
    assert_eq!(closed.iter().map(|(earlier, _)| earlier + 1).sum::<u64>() + 1, 800);
    assert!(closed[0].0 > 250 && closed[1..].iter().all(|(earlier, _)| *earlier == 0));
}

/// Tags beyond AWS's fifty are left out, and that is said.
#[test]
fn tags_beyond_fifty_are_left_out() {
    let mut talk = Talk::at_six(1);
    let lookup = talk.calls("DescribeFileSystems").remove(0);
    let mut many = facts(&source(0));
    many.tags = (0..60).map(|number| (format!("k{number:02}"), "v".to_owned())).collect();
    talk.answer(&lookup, Outcome::SourcesDescribed(vec![many]));
    let plan = planner::plan(&talk.settings, &talk.state, talk.now);
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    assert!(
        plan.warnings[0].starts_with("fs-0123456789abcde00: AWS allows 50 tags; left out: k"),
        "{:?}",
        plan.warnings
    );
    assert!(plan.warnings[0].ends_with(", k59"), "{:?}", plan.warnings);
}

/// FSx refuses a backup of an ONTAP file system: that is told from its type, before anything is asked for.
#[test]
fn an_ontap_file_system_is_told_to_name_its_volumes_before_the_call() {
    let mut talk = Talk::at_six(1);
    for lookup in talk.calls("DescribeFileSystems") {
        let found = SourceFacts { kind: FileSystemKind::Ontap, ..facts(&source(0)) };
        talk.answer(&lookup, Outcome::SourcesDescribed(vec![found]));
    }
    let plan = talk.round();
    assert!(talk.calls("CreateBackup").is_empty());
    let told = plan.waiting.iter().find(|waiting| waiting.reason == Reason::NeedsPerson).unwrap();
    assert!(told.detail.contains("name its volumes under `volumes`"), "{told:?}");
}
