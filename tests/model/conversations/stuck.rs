//! One that is stuck holds up nothing else: a destination that cannot be read, a source that is blocked, a crowd of
//! deletions, an order that a Region refuses for good.

use super::fixture::*;
use super::*;
use lifeboat::domain::id::BackupId;
use lifeboat::domain::limits::SHOWN_AFTER_GONE;
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::planner::ending::ORDER_GIVEN_UP_AFTER;
use lifeboat::planner::orders::{CancelOrder, Order, RefusalKind, decide};
use lifeboat::planner::retain::UNSEEN_COPY_READS_FOR;

const DAY: Duration = Duration::from_secs(86_400);
const LAG: Duration = Duration::from_secs(120);

fn noon() -> Time {
    at("2026-11-21T12:00:00Z")
}

fn deletion_planned(plan: &Plan) -> Vec<String> {
    let of = plan.record.iter().filter_map(|change| match change {
        Change::DeletionPlanned { id, .. } => Some(id.to_string()),
        _ => None,
    });
    of.collect()
}

/// Three backups from before the database was made and six from after it, of a policy that keeps the last four. A second
/// destination was never listed.
fn beside_a_closed_region() -> Fixture {
    let mut fixture = Fixture::new();
    let destinations = &mut fixture.policy().destinations;
    destinations.push(Destination { region: SECOND_THERE.into(), ..destinations[0].clone() });
    fixture.policy().retain = Some(Retain { last: Some(4), ..Retain::default() });
    fixture.membership();
    for nth in 0..9u32 {
        let time = at("2026-11-21T02:00:00Z").plus(HOUR * nth).plus(if nth < 3 { Duration::ZERO } else { HOUR });
        let occurrence = Occurrence { at: time, trigger: Trigger::Schedule };
        fixture.see(&backup(&format!("backup-{nth}"), occurrence, Lifecycle::Available));
    }
    fixture
}

#[test]
fn a_destination_that_was_never_listed_stops_no_pruning_at_the_source() {
    let mut fixture = beside_a_closed_region();
    assert_eq!(
        deletion_planned(&fixture.plan(noon())),
        ["backup-3", "backup-4"],
        "a copy may read only what is older than the database"
    );
    // It says so, once it is known that the Region cannot be read.
    assert!(fixture.plan(noon()).warnings.is_empty());
    let denied = fault(FaultClass::Denied, "AccessDeniedException");
    let refused = Change::ReadAnswered {
        place: place(SECOND_THERE),
        call: Call::ListPage { next_token: None }.key().unwrap(),
        fault: Some(denied),
        at: noon(),
    };
    fixture.apply(refused);
    let warnings = fixture.plan(noon()).warnings;
    assert!(warnings.iter().any(|warning| warning.contains("eu-west-1 cannot be listed")), "{warnings:?}");
    let findings = audit(&fixture.settings, &fixture.state, noon());
    let found = findings.iter().find(|finding| finding.what.contains("eu-west-1 cannot be listed")).unwrap();
    assert!(found.severity == Severity::Error && found.what.contains("AccessDenied"), "{found:?}");
    // After a week nothing that a lost database asked for can matter any more.
    let later = at("2026-11-21T05:00:00Z").plus(UNSEEN_COPY_READS_FOR);
    fixture.listed(HOME, later.minus(MINUTE));
    assert_eq!(deletion_planned(&fixture.plan(later.minus(SECOND))), ["backup-3", "backup-4"]);
    fixture.listed(SECOND_THERE, noon());
    let braked = fixture.plan(noon()).record.into_iter().find_map(|change| match change {
        Change::Reviewed { mut braked, .. } => braked.remove(&Target::Backup),
        _ => None,
    });
    assert_eq!(braked.map(|brake| brake.points.len()), Some(5), "listed: nothing is unseen, and the brake holds them");
}

/// What was adopted stays open for the sake of a copy that nobody saw, but not for ever.
#[test]
fn what_was_adopted_beside_a_closed_region_ends_at_last() {
    let mut fixture = beside_a_closed_region();
    let occurrence = Occurrence { at: at("2026-11-21T02:00:00Z"), trigger: Trigger::Schedule };
    let (opened_at, policy) = (noon(), "finance".into());
    let record = lifeboat::domain::change::OccurrenceRecord { policy, opened_at, caught_up: true, adopted: true };
    fixture.apply(Change::Opened { source: key(0), occurrence, record });
    let closes = |now: Time| {
        let plan = planner::plan(&fixture.settings, &fixture.state, now);
        plan.record.iter().any(|change| matches!(change, Change::Closed { occurrence: of, .. } if *of == occurrence))
    };
    let due = noon().plus(UNSEEN_COPY_READS_FOR);
    assert_eq!((closes(due.minus(SECOND)), closes(due)), (false, true));
}

/// Answers every listing of a Region with this, and all else as AWS would; gives the times of these listings.
fn refusing(talk: &mut Talk, region: &str, time: Duration, answer: impl Fn(&Option<String>) -> Outcome) -> Vec<Time> {
    let (until, mut asked) = (talk.now.plus(time), Vec::new());
    while talk.now < until {
        talk.becomes(Lifecycle::Available);
        let plan = talk.round();
        if talk.under_way.is_empty() {
            talk.now = plan.wake.at.max(talk.now.plus(SECOND)).min(until);
        }
        for action in std::mem::take(&mut talk.under_way) {
            let outcome = match &action.call {
                Call::ListPage { next_token } if action.place.region.as_str() == region => {
                    asked.push(talk.now);
                    answer(next_token)
                }
                _ => talk.outcome(&action),
            };
            talk.answer(&action, outcome);
        }
    }
    asked
}

#[test]
fn a_listing_that_is_refused_is_tried_with_growing_pauses_and_says_why() {
    for (class, code) in [
        (FaultClass::Permanent, "BadRequest"),
        (FaultClass::TransientState, "SomethingNew"),
        (FaultClass::Denied, "AccessDenied"),
    ] {
        let mut talk = Talk::new(1);
        let asked = refusing(&mut talk, THERE, DAY, |_| Outcome::Failed(fault(class, code)));
        assert!((20..50).contains(&asked.len()), "{code}: {} in a day", asked.len());
        let longest = asked.windows(2).map(|pair| pair[1].since(pair[0])).max().unwrap();
        assert!((45 * MINUTE..=75 * MINUTE).contains(&longest), "{code}: {longest:?}");
        let plan = talk.round();
        let waits =
            plan.waiting.iter().find(|wait| wait.destination.as_ref().is_some_and(|of| of.as_str() == THERE)).unwrap();
        assert!(waits.detail.contains("could not be listed") && waits.detail.contains(code), "{waits:?}");
        // The other Regions went on.
        assert!(talk.at_aws.keys().filter(|(region, _)| region == HOME).count() >= 4, "{code}");
        // A reload is worth a try at once, and a complete listing ends it.
        talk.take_in(vec![Change::Synced(1)]);
        talk.round();
        assert_eq!(talk.calls("DescribeBackups").len(), 1, "{code}");
        assert!(talk.state.places[&place(THERE)].refused_listing.is_some());
        talk.take_in(vec![Change::Listed {
            place: place(THERE),
            began_at: talk.now,
            pages: 1,
            user_backups: 0,
            others: vec![],
            other_backups: vec![],
        }]);
        assert!(talk.state.places[&place(THERE)].refused_listing.is_none());
    }
}

/// A first page that comes does not make a refused second one news.
#[test]
fn a_later_page_that_is_refused_begins_the_listing_anew_with_growing_pauses() {
    let mut talk = Talk::new(1);
    let asked = refusing(&mut talk, THERE, DAY, |token| match token {
        None => Outcome::Page { observed_backups: Vec::new(), next_token: Some("two".to_owned()) },
        Some(_) => Outcome::Failed(fault(FaultClass::Permanent, "BadRequest")),
    });
    assert!((40..100).contains(&asked.len()), "{} pages in a day", asked.len());
    assert!(asked[2].since(asked[1]) <= 2 * SECOND, "the first time at once: {:?}", &asked[..3]);
}

/// Who may not describe a source backs it up without its tags, and asks again hourly and after a reload.
#[test]
fn a_denied_look_up_is_asked_again_hourly_and_after_a_reload() {
    let mut talk = Talk::at_six(1);
    let lookup = talk.calls("DescribeFileSystems").remove(0);
    talk.refuse(&lookup, FaultClass::Denied);
    talk.round();
    assert_eq!(talk.calls("CreateBackup").len(), 1, "without the source's tags");
    let lifeboat::domain::state::SourceLookup { not_before, .. } = talk.state.sources[&key(0)].lookup;
    assert!(not_before > talk.now.plus(30 * MINUTE));
    talk.take_in(vec![Change::Synced(1)]);
    assert_eq!(talk.state.sources[&key(0)].lookup.not_before, Time::ZERO);
    let mut later = Talk::at_six(1);
    let lookup = later.calls("DescribeFileSystems").remove(0);
    later.refuse(&lookup, FaultClass::Denied);
    later.now = later.now.plus(2 * HOUR);
    later.round();
    for listing in later.calls("DescribeBackups") {
        let outcome = later.outcome(&listing);
        later.answer(&listing, outcome);
    }
    later.round();
    assert_eq!(
        (later.calls("DescribeFileSystems").len(), later.calls("CreateBackup").len()),
        (1, 0),
        "its answer is waited for"
    );
}

#[test]
fn a_crowd_of_deletions_starves_no_look_at_what_is_in_flight() {
    let mut fixture = Fixture::new();
    let made = backup("backup-made", scheduled(6), Lifecycle::Available);
    fixture.see(&made);
    for nth in 0..900u64 {
        let id = format!("a-{nth:03}");
        let occurrence = Occurrence {
            at: at("2026-01-01T00:00:00Z").plus(HOUR * u32::try_from(nth).unwrap()),
            trigger: Trigger::Schedule,
        };
        let old = copy(&id, &backup("gone", occurrence, Lifecycle::Available), THERE, Lifecycle::Available);
        fixture.see(&old);
        fixture.apply(Change::DeletionPlanned {
            place: place(THERE),
            id: old.id.clone(),
            reason: String::new(),
            confirmed: false,
            at: noon(),
        });
    }
    let doubted = copy("b-doubted", &backup("gone", scheduled(1), Lifecycle::Available), THERE, Lifecycle::Available);
    fixture.see(&doubted);
    fixture.apply(Change::MissingFromListing { place: place(THERE), id: doubted.id, missing_since: Some(noon()) });
    fixture.see(&copy("z-flying", &made, THERE, Lifecycle::Copying));
    let others = vec![("y-other".into(), vec![])];
    fixture.apply(Change::Listed {
        place: place(THERE),
        began_at: noon(),
        pages: 1,
        user_backups: 0,
        others,
        other_backups: Vec::new(),
    });
    let plan = fixture.plan(noon());
    let poll_schedule =
        plan.actions.iter().filter(|action| action.place == place(THERE)).find_map(|action| match &action.call {
            Call::Poll { ids } => Some(ids.iter().map(ToString::to_string).collect::<Vec<_>>()),
            _ => None,
        });
    assert_eq!(poll_schedule.unwrap()[..3], ["z-flying", "y-other", "b-doubted"]);
}

/// A source that is blocked asks for nothing, but what became of what it asked is found out, and its slot is free then.
#[test]
fn a_source_that_is_set_aside_gives_back_the_slot_of_an_ask_that_came_to_nothing() {
    let mut fixture = Fixture::new();
    fixture.open(scheduled(6));
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    let of = key_of(scheduled(6), there());
    fixture.record_request(&of, 1, noon());
    fixture.state.quarantined.insert(key(0), "contradicts itself".to_owned());
    let held = |fixture: &Fixture| fixture.state.lanes_held().values().sum::<u32>();
    assert_eq!(held(&fixture), 1);
    let soon = fixture.plan(noon().plus(MINUTE));
    assert!(soon.actions.iter().all(|action| !matches!(action.call, Call::Make { .. })), "nothing is asked again");
    let wanted = Change::ListingWanted { place: place(THERE), at: noon().plus(LAG) };
    assert!(soon.record.contains(&wanted), "{:?}", soon.record);
    fixture.listed(THERE, noon().plus(LAG));
    let plan = fixture.plan(noon().plus(LAG + MINUTE));
    assert!(plan.record.contains(&Change::RequestNeverApplied { key: of.clone() }), "{:?}", plan.record);
    fixture.apply(Change::RequestNeverApplied { key: of });
    assert_eq!(held(&fixture), 0);
    let after = fixture.plan(noon().plus(LAG + MINUTE));
    assert!(after.actions.iter().all(|action| !matches!(action.call, Call::Make { .. })), "and none begins");
}

/// An order of six thirty whose copy is refused for good.
fn refused_order() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.see(&backup("backup-6", ordered(6), Lifecycle::Available));
    fixture.open(ordered(6));
    let of = key_of(ordered(6), there());
    fixture.record_request(&of, 1, noon());
    fixture.refused(&of, fault(FaultClass::Permanent, "InvalidDestinationKmsKey"));
    fixture
}

fn closed(fixture: &Fixture, now: Time) -> Option<(OccurrenceOutcome, String)> {
    let plan = planner::plan(&fixture.settings, &fixture.state, now);
    plan.record.into_iter().find_map(|change| match change {
        Change::Closed { occurrence, end, reason, .. } if occurrence == ordered(6) => Some((end, reason)),
        _ => None,
    })
}

#[test]
fn an_order_that_a_destination_refuses_for_good_is_given_up_after_a_week() {
    let mut fixture = refused_order();
    let due = ordered(6).at.plus(ORDER_GIVEN_UP_AFTER);
    assert_eq!(closed(&fixture, due.minus(SECOND)), None);
    let (end, reason) = closed(&fixture, due).unwrap();
    assert_eq!(end, OccurrenceOutcome::Failed);
    assert!(
        reason.contains("us-west-2 was given up after 7d") && reason.contains("InvalidDestinationKmsKey"),
        "{reason}"
    );
    // One that is under way is not given up.
    let made = backup("backup-6", ordered(6), Lifecycle::Available);
    fixture.see(&RecoveryPoint { created_at: due.minus(HOUR), ..copy("copy-6", &made, THERE, Lifecycle::Copying) });
    assert_eq!(closed(&fixture, due), None);
    // Nor is one whose backup may exist.
    let mut fixture = Fixture::new();
    fixture.open(ordered(6));
    fixture.record_request(&key_of(ordered(6), Target::Backup), 1, noon());
    assert_eq!(closed(&fixture, due), None);
    fixture.refused(&key_of(ordered(6), Target::Backup), fault(FaultClass::Missing, "FileSystemNotFound"));
    let (end, reason) = closed(&fixture, due).unwrap();
    assert!(end == OccurrenceOutcome::Failed && reason.contains("FileSystemNotFound"), "{reason}");
}

fn cancel(fixture: &mut Fixture, source: Option<SourceId>, at: Option<Time>) -> Result<(usize, String), RefusalKind> {
    let order = Order::Cancel(CancelOrder { policy: "finance".into(), source, at });
    let granted = decide(&fixture.settings, &fixture.state, &order, noon()).map_err(|refused| refused.kind)?;
    granted.changes.iter().for_each(|change| fixture.apply(change.clone()));
    Ok((granted.changes.len(), granted.says))
}

#[test]
fn an_order_that_is_cancelled_ends_as_failed_and_says_who_ended_it() {
    let mut fixture = refused_order();
    fixture.open(scheduled(9));
    assert_eq!(cancel(&mut fixture, None, Some(noon())), Err(RefusalKind::Unknown));
    assert_eq!(cancel(&mut fixture, Some("fs-1".into()), None), Err(RefusalKind::Unknown));
    let (changes, says) = cancel(&mut fixture, Some(source(0)), Some(ordered(6).at)).unwrap();
    assert!(changes == 1 && says.contains("one backup that was ordered is cancelled"), "{says}");
    assert_eq!(cancel(&mut fixture, None, None).unwrap().0, 0, "given twice, it stands once");
    let (end, reason) = closed(&fixture, noon()).unwrap();
    assert_eq!(end, OccurrenceOutcome::Failed);
    assert!(reason.contains("cancelled by a person") && reason.contains("backup-6"), "{reason}");
    let plan = planner::plan(&fixture.settings, &fixture.state, noon());
    let of_schedule =
        |change: &Change| matches!(change, Change::Closed { occurrence, .. } if *occurrence == scheduled(9));
    assert!(!plan.record.iter().any(of_schedule), "what is scheduled is not cancelled");
}

/// What may exist is found out before an order ends, so that no second backup is made and none is adopted as a new one.
#[test]
fn an_order_that_is_cancelled_with_a_call_in_flight_waits_for_what_became_of_it() {
    let mut fixture = Fixture::new();
    fixture.open(ordered(6));
    let of = key_of(ordered(6), Target::Backup);
    fixture.record_request(&of, 1, noon());
    cancel(&mut fixture, None, None).unwrap();
    assert_eq!(closed(&fixture, noon()), None, "the answer is outstanding");
    let plan = fixture.plan(noon().plus(MINUTE));
    assert!(plan.actions.iter().all(|action| !matches!(action.call, Call::Make { .. })), "it is not asked again");
    // It was made: it ends, and what is there goes on by itself.
    let mut made = fixture.clone();
    made.see(&backup("backup-6", ordered(6), Lifecycle::Creating));
    assert_eq!(closed(&made, noon()).map(|(end, _)| end), Some(OccurrenceOutcome::Failed));
    // Or it was not: then it never will be.
    fixture.listed(HOME, noon().plus(LAG));
    fixture.apply(Change::RequestNeverApplied { key: of });
    let later = noon().plus(5 * MINUTE);
    assert_eq!(closed(&fixture, later).map(|(end, _)| end), Some(OccurrenceOutcome::Failed));
    assert!(fixture.plan(later).actions.iter().all(|action| action.call.operation() != "DescribeFileSystems"));
}

/// A refused deletion of what then lost its tags did not happen.
#[test]
fn what_lost_its_tags_after_a_refused_deletion_is_not_told_as_deleted() {
    let mut fixture = Fixture::new();
    let made = backup("backup-6", scheduled(6), Lifecycle::Available);
    fixture.see(&made);
    let id = || BackupId::from("backup-6");
    fixture.apply(Change::DeletionPlanned {
        place: place(HOME),
        id: id(),
        reason: String::new(),
        confirmed: false,
        at: noon(),
    });
    fixture.apply(Change::DeletionRequested { place: place(HOME), id: id(), at: noon() });
    let shown = ObservedBackup {
        id: id(),
        lifecycle: Lifecycle::Available,
        created_at: made.created_at,
        failure: None,
        progress_percent: None,
        size_bytes: None,
        kms_key: None,
        kind: FileSystemKind::Windows,
        volume: None,
        copied_from: None,
        arn: None,
        file_system: None,
        copied_from_region: None,
        made_as: lifeboat::domain::point::MadeAs::UserInitiated,
        tags: Tags::new().into(),
    };
    let look = Action { place: place(HOME), call: Call::Poll { ids: vec![id()] } };
    let told = |fixture: &Fixture, now| {
        planner::process_outcome(&fixture.settings, &fixture.state, &look, Outcome::Polled(vec![shown.clone()]), now)
    };
    let changes = told(&fixture, noon());
    let deletion_cancelled = |change: &Change| matches!(change, Change::DeletionCancelled { reason, .. } if reason.contains("tags were taken off"));
    assert!(
        changes.iter().any(deletion_cancelled)
            && !changes.iter().any(|change| matches!(change, Change::BackupRemoved { .. })),
        "{changes:?}"
    );
    changes.into_iter().for_each(|change| fixture.apply(change));
    // It is not decided upon again meanwhile, and leaves the state once the lag has passed.
    fixture.policy().retain = Some(Retain { last: Some(1), ..Retain::default() });
    fixture.see(&backup("backup-7", scheduled(7), Lifecycle::Available));
    fixture.apply(Change::Synced(1));
    assert_eq!(deletion_planned(&fixture.plan(noon())), [] as [&str; 0]);
    let changes = told(&fixture, noon().plus(SHOWN_AFTER_GONE));
    assert!(changes.iter().any(|change| matches!(change, Change::BackupRemoved { .. })), "{changes:?}");
    assert!(fixture.state.deletions.is_empty(), "so nothing says that Lifeboat deleted it");
}

/// A hold protects from the moment it is ordered.
#[test]
fn a_hold_that_is_on_its_way_protects_from_being_superseded() {
    let mut fixture = Fixture::new();
    fixture.open(scheduled(6));
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    let newer = backup("backup-7", scheduled(7), Lifecycle::Available);
    fixture.see(&newer);
    fixture.see(&copy("copy-7", &newer, THERE, Lifecycle::Available));
    let ends = |fixture: &Fixture| {
        let plan = planner::plan(&fixture.settings, &fixture.state, noon());
        plan.record.iter().any(|change| matches!(change, Change::Closed { .. }))
    };
    assert!(ends(&fixture), "a newer one took its place");
    let (id, hold) = (BackupId::from("backup-6"), Some("audit".to_owned()));
    fixture.apply(Change::HoldRequested { place: place(HOME), id, hold, at: noon() });
    assert!(!ends(&fixture));
    let copied = fixture.plan(noon()).actions.into_iter().find_map(|action| match action.call {
        Call::Make { key, .. } => Some(key),
        _ => None,
    });
    assert_eq!(copied, Some(key_of(scheduled(6), there())), "and it is copied");
}

/// Whose credentials fail in a Region that left the policy says nothing about the others.
#[test]
fn a_region_that_left_the_policy_does_not_speak_for_the_credentials() {
    let mut fixture = Fixture::new();
    let problem = |fixture: &Fixture| lifeboat::planner::audit::credentials_problem(&fixture.settings, &fixture.state);
    let trouble = |region: &str, fault| Change::Returned {
        place: place(region),
        call: Call::ListPage { next_token: None }.key().unwrap(),
        fault,
        at: noon(),
    };
    fixture.listed("ap-south-1", noon());
    for region in [HOME, THERE] {
        assert_eq!(problem(&fixture), None);
        fixture.apply(trouble(region, Some(fault(FaultClass::Credentials, "ExpiredToken"))));
    }
    assert_eq!(problem(&fixture).as_deref(), Some("ExpiredToken"), "though the Region that left had no trouble");
    fixture.apply(trouble(THERE, None));
    assert_eq!(problem(&fixture), None);
}

/// A call that could not leave is no answer: the Region does not serve us again for that.
#[test]
fn a_call_that_did_not_leave_is_no_answer() {
    let mut fixture = Fixture::new();
    let call = || Call::ListPage { next_token: None }.key().unwrap();
    for _ in 0..3 {
        let fault = Some(fault(FaultClass::Unanswered, "Timeout"));
        fixture.apply(Change::Returned { place: place(HOME), call: call(), fault, at: noon() });
    }
    fixture.apply(Change::Sent { place: place(HOME), call: call(), at: noon() });
    fixture.apply(Change::Withdrawn { place: place(HOME), call: call() });
    let known = &fixture.state.places[&place(HOME)];
    assert!(known.calls.is_empty() && known.failures == 3 && known.trouble.is_some());
}
