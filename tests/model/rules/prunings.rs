//! From a verdict of retention to DeleteBackup: why something stays, the bounds of the brake, when a deletion is asked for.
//! `tests/scripts/retention.txt`, `brake.txt` and `full_copy.txt` have more of it.

use super::*;
use crate::fixture::*;
use lifeboat::domain::change::AccountEvidence;
use lifeboat::domain::id::{BackupId, deletion_token};
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::domain::policy::Retain;
use lifeboat::planner::deletions;
use lifeboat::planner::orders;
use lifeboat::planner::retain;

const MOMENT: Duration = Duration::from_millis(1);

fn noon() -> Time {
    at("2026-11-21T12:00:00Z")
}

fn last(count: u32) -> Option<Retain> {
    Some(Retain { last: Some(count), ..Retain::default() })
}

fn id(hour: u32) -> BackupId {
    format!("backup-{hour:02}").as_str().into()
}

fn copy_id(hour: u32) -> BackupId {
    format!("copy-{hour:02}").as_str().into()
}

fn occurrence(hour: u32) -> Occurrence {
    Occurrence { at: at("2026-11-19T00:00:00Z").plus(HOUR * hour), trigger: Trigger::Schedule }
}

fn of_hour(hour: u32) -> RecoveryPoint {
    backup(id(hour).as_str(), occurrence(hour), Lifecycle::Available)
}

fn copy_of_hour(hour: u32) -> RecoveryPoint {
    copy(copy_id(hour).as_str(), &of_hour(hour), THERE, Lifecycle::Available)
}

/// A number of hours, each with its backup and its copy, and nothing open.
fn held(hours: u32) -> Fixture {
    let mut fixture = Fixture::new();
    for hour in 0..hours {
        fixture.see(&of_hour(hour));
        fixture.see(&copy_of_hour(hour));
    }
    fixture
}

/// What a round decides to delete, by id.
fn names(plan: &Plan) -> Vec<String> {
    let of = plan.record.iter().filter_map(|change| match change {
        Change::DeletionPlanned { id, at, .. } => {
            assert_eq!(*at, noon());
            Some(id.to_string())
        }
        _ => None,
    });
    of.collect()
}

/// What the brake holds, and of how many.
fn held_back(plan: &Plan) -> Vec<(Target, usize, usize)> {
    let mut reviews = plan.record.iter().filter_map(|change| match change {
        Change::Reviewed { source, braked, .. } => {
            assert_eq!(*source, key(0));
            let braked = braked.iter().map(|(target, brake)| (target.clone(), brake.points.len(), brake.held));
            Some(braked.collect())
        }
        _ => None,
    });
    let review = reviews.next().unwrap();
    assert!(reviews.next().is_none());
    review
}

fn round(fixture: &mut Fixture, now: Time) -> Plan {
    let plan = fixture.plan(now);
    for change in &plan.record {
        // The calls of this test are answered at once.
        if !matches!(change, Change::Sent { .. }) {
            fixture.apply(change.clone());
        }
    }
    plan
}

fn deletes(plan: &Plan) -> Vec<String> {
    let of = plan.actions.iter().filter_map(|action| match &action.call {
        Call::Delete { id, token } => {
            assert_eq!(*token, deletion_token(&action.place, id));
            Some(id.to_string())
        }
        _ => None,
    });
    of.collect()
}

/// Every reason to stay is told: the newest, twice where the newest has no age; a time that cannot be; a copy that reads
/// it. The second of an occurrence is not counted, and goes.
#[test]
fn each_verdict_names_its_reasons() {
    let verdicts = |fixture: &Fixture, target: &Target| -> Vec<(String, Vec<String>, String)> {
        let policy = fixture.settings.policies.values().next().unwrap();
        let verdicts = retain::verdicts(policy, &fixture.state, &key(0), target, noon());
        let told = |keep: Vec<retain::Keep>| keep.iter().map(ToString::to_string).collect();
        verdicts.into_iter().map(|verdict| (verdict.point.id.to_string(), told(verdict.keep), verdict.reason)).collect()
    };
    let is = |id: &str, keep: &[&str], reason: &str| {
        (id.to_owned(), keep.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), reason.to_owned())
    };
    let (newest, unknown, why) = ("the newest of its route", "its age is unknown", "no rule keeps it (last 1)");
    let mut fixture = held(3);
    fixture.policy().retain = last(1);
    let at_time = |id: &str, hour: u32, created_at: Time| RecoveryPoint { created_at, id: id.into(), ..of_hour(hour) };
    fixture.see(&at_time("backup-twin", 2, of_hour(2).created_at.plus(MINUTE)));
    fixture.see(&at_time("backup-zero", 3, Time::ZERO));
    fixture.see(&at_time("backup-ahead", 4, noon().plus(10 * MINUTE).plus(MOMENT)));
    let expected = [
        is("backup-ahead", &[newest, unknown], ""),
        is("backup-twin", &[newest], "a duplicate of backup-02"),
        is("backup-02", &[newest, "last 1 of 1"], ""),
        is("backup-01", &[], why),
        is("backup-00", &[], why),
        is("backup-zero", &[unknown], ""),
    ];
    assert_eq!(verdicts(&fixture, &Target::Backup), expected);
    // Ten minutes ahead is what clocks may differ by.
    fixture.see(&at_time("backup-bit", 5, noon().plus(10 * MINUTE)));
    assert_eq!(verdicts(&fixture, &Target::Backup)[1], is("backup-bit", &[newest, "last 1 of 1"], ""));

    // A copy reads its backup from the pending request on; and of copies the last of each key stays.
    let mut fixture = held(3);
    (fixture.policy().retain, fixture.policy().destinations[0].retain) = (last(1), last(1));
    fixture.record_request(
        &WorkKey { source: key(0), occurrence: occurrence(1), target: Target::Copy(SECOND_THERE.into()) },
        1,
        noon(),
    );
    let backups = verdicts(&fixture, &Target::Backup);
    assert_eq!(backups[1], is("backup-01", &["a copy to eu-west-1 reads it"], ""));
    assert_eq!(backups[2], is("backup-00", &[], why));
    fixture.see(&copy_of_hour(0).with_provenance(|of| of.kms_key = Some("old".into())));
    fixture.see(&copy_of_hour(1).with_provenance(|of| of.kms_key = Some("old".into())));
    let of_key = "the last copy under its key; the next would be full";
    let expected =
        [is("copy-02", &[newest, of_key, "last 1 of 1"], ""), is("copy-01", &[of_key], ""), is("copy-00", &[], why)];
    assert_eq!(verdicts(&fixture, &there()), expected);
}

/// What the next recovery point will make of those there are: it takes the place of the newest.
#[test]
fn verdicts_look_one_point_ahead() {
    let mut fixture = held(4);
    fixture.policy().retain = last(3);
    let policy = fixture.settings.policies.values().next().unwrap();
    let verdicts = retain::verdicts_after(policy, &fixture.state, &key(0), &Target::Backup, noon());
    let told: Vec<_> = verdicts.iter().map(|verdict| (verdict.point.id.as_str(), verdict.keep.clone())).collect();
    let keep = |nth| vec![retain::Keep::Last(nth, 3)];
    let expected = [("backup-03", keep(2)), ("backup-02", keep(3)), ("backup-01", vec![]), ("backup-00", vec![])];
    assert_eq!(told, expected);
}

/// More than two at once, and more than one in five, wait for a person.
#[test]
fn the_brake_holds_at_its_very_bounds() {
    for (held_of, keep, braked) in
        [(3, 1, false), (15, 12, false), (14, 11, true), (4, 1, true), (20, 16, false), (19, 15, true)]
    {
        let mut fixture = held(held_of);
        fixture.policy().retain = last(keep);
        let plan = fixture.plan(noon());
        let goes = (held_of - keep) as usize;
        if braked {
            assert_eq!(names(&plan), [] as [&str; 0], "{held_of} {keep}");
            assert_eq!(held_back(&plan), [(Target::Backup, goes, held_of as usize)]);
        } else {
            assert_eq!((names(&plan).len(), held_back(&plan)), (goes, vec![]), "{held_of} {keep}");
        }
    }
    // What is decided already counts neither as held nor as going.
    let mut fixture = held(16);
    fixture.policy().retain = last(14);
    round(&mut fixture, noon());
    fixture.policy().retain = last(11);
    fixture.apply(Change::Synced(1));
    assert_eq!(held_back(&fixture.plan(noon())), [(Target::Backup, 3, 14)]);
}

/// Only those that were shown are confirmed.
#[test]
fn a_person_confirms_some_of_what_the_brake_holds() {
    let mut fixture = held(14);
    fixture.policy().retain = last(11);
    round(&mut fixture, noon());
    let granted = orders::confirm_deletions(&fixture.settings, &fixture.state, &[id(1)].into(), noon());
    let expected = Change::DeletionPlanned {
        place: place(HOME),
        id: id(1),
        reason: "no rule keeps it (last 11); confirmed by a person".to_owned(),
        confirmed: true,
        at: noon(),
    };
    assert_eq!((granted.changes, granted.says.as_str()), (vec![expected], "one deletion is confirmed"));
}

/// One to be deleted, decided at noon and looked at then.
fn inspected() -> Fixture {
    let mut fixture = held(10);
    fixture.policy().retain = last(9);
    round(&mut fixture, noon());
    fixture.apply(Change::Inspected { place: place(HOME), id: id(0), arn: None, at: noon() });
    fixture
}

/// It was refused once, asked for again, and gone before that call's answer was lost: a listing misses it meanwhile. It
/// was Lifeboat that deleted it, and the brake counts it.
#[test]
fn what_went_by_a_call_whose_answer_was_lost_counts_for_the_brake() {
    let mut fixture = inspected();
    let delete = Call::Delete { id: id(0), token: deletion_token(&place(HOME), &id(0)) };
    let leaves = |fixture: &mut Fixture, at: Time| {
        fixture.apply(Change::DeletionRequested { place: place(HOME), id: id(0), at });
        fixture.apply(Change::Sent { place: place(HOME), call: delete.key().unwrap(), at });
    };
    let returns = |fixture: &mut Fixture, class: FaultClass, at: Time| {
        let outcome = Outcome::Failed(fault(class, "Refused"));
        let action = Action { place: place(HOME), call: delete.clone() };
        for change in planner::process_outcome(&fixture.settings, &fixture.state, &action, outcome, at) {
            fixture.apply(change);
        }
    };
    leaves(&mut fixture, noon());
    returns(&mut fixture, FaultClass::Throttled, noon());
    let again = noon().plus(2 * SECOND);
    leaves(&mut fixture, again);
    // A look that comes back while it is under way proves nothing, whatever it shows.
    let shown = fixture.state.point(&place(HOME), &id(0)).unwrap().clone();
    let look = Call::Poll { ids: vec![id(0)] };
    let poll = |fixture: &Fixture, outcome, at| super::answers::told(fixture, HOME, look.clone(), outcome, at);
    let there = poll(&fixture, Outcome::Polled(vec![super::answers::shown(&shown)]), again);
    assert!(!there.iter().any(|change| matches!(change, Change::Inspected { .. })), "{there:?}");
    fixture.apply(Change::MissingFromListing { place: place(HOME), id: id(0), missing_since: Some(again) });
    let lost = again.plus(30 * SECOND);
    returns(&mut fixture, FaultClass::Unanswered, lost);
    let later = lost.plus(MINUTE);
    let plan = fixture.plan(later);
    let is_spared = plan.record.iter().any(|change| matches!(change, Change::DeletionCancelled { .. }));
    assert!(!is_spared, "nothing is known of it: {:?}", plan.record);
    fixture.apply(Change::Account(AccountEvidence::Proven { place: place(HOME), at: later }));
    let missing = Outcome::Failed(fault(FaultClass::Missing, "BackupNotFound"));
    for change in poll(&fixture, missing, later) {
        fixture.apply(change);
    }
    assert!(fixture.state.point(&place(HOME), &id(0)).is_none_or(|point| !point.available()), "gone");
    assert_eq!(fixture.state.sources[&key(0)].losses[&Target::Backup].len(), 1, "by Lifeboat's own call");
}

#[test]
fn a_deletion_is_asked_for_only_after_a_look_that_is_recent_and_later_than_all_that_came_before() {
    let mut fixture = held(10);
    fixture.policy().retain = last(9);
    round(&mut fixture, noon());
    assert_eq!(deletes(&fixture.plan(noon())), [] as [&str; 0], "not looked at yet");
    let look =
        |fixture: &mut Fixture, at| fixture.apply(Change::Inspected { place: place(HOME), id: id(0), arn: None, at });
    look(&mut fixture, noon().minus(MOMENT));
    assert_eq!(deletes(&fixture.plan(noon())), [] as [&str; 0], "looked at before it was decided");
    look(&mut fixture, noon());
    let plan = fixture.plan(noon());
    assert_eq!(deletes(&plan), ["backup-00"]);
    assert!(
        plan.record.contains(&Change::DeletionRequested { place: place(HOME), id: id(0), at: noon() }),
        "the intent first"
    );
    assert_eq!(deletes(&fixture.plan(noon().plus(MINUTE).minus(MOMENT))), ["backup-00"]);
    assert_eq!(deletes(&fixture.plan(noon().plus(MINUTE))), [] as [&str; 0], "a minute ago is too long ago");
    assert_eq!(deletes(&fixture.plan(noon().minus(MOMENT))), [] as [&str; 0], "in the future");
    // Not twice at a time; and after an answer that was lost, only after another look.
    let token = deletion_token(&place(HOME), &id(0));
    let call = Call::Delete { id: id(0), token }.key().unwrap();
    fixture.apply(Change::DeletionRequested { place: place(HOME), id: id(0), at: noon() });
    fixture.apply(Change::Sent { place: place(HOME), call: call.clone(), at: noon() });
    assert_eq!(deletes(&fixture.plan(noon())), [] as [&str; 0], "under way");
    fixture.apply(Change::Returned { place: place(HOME), call, fault: None, at: noon() });
    assert_eq!(deletes(&fixture.plan(noon())), ["backup-00"], "looked at when it was asked for");
    fixture.apply(Change::DeletionRequested { place: place(HOME), id: id(0), at: noon().plus(SECOND) });
    let later = noon().plus(2 * SECOND);
    assert_eq!(deletes(&fixture.plan(later)), [] as [&str; 0]);
    look(&mut fixture, later);
    assert_eq!(deletes(&fixture.plan(later)), ["backup-00"]);
    // A refusal has its pause.
    let until = later.plus(30 * SECOND);
    let fault = fault(FaultClass::TransientState, "BackupBeingCopied");
    fixture.apply(Change::DeletionFailed { place: place(HOME), id: id(0), fault, not_before: until });
    let plan = fixture.plan(until.minus(MOMENT));
    assert_eq!((deletes(&plan), plan.wake.at <= until), (vec![], true));
    assert_eq!(deletes(&fixture.plan(until)), ["backup-00"]);
    // Four deletions at a place at a time, and none where the state is not known.
    for nth in 0..4 {
        let id = BackupId::from(format!("backup-x{nth}"));
        let call = Call::Delete { id, token: "t".into() }.key().unwrap();
        assert_eq!(deletes(&fixture.plan(until)), ["backup-00"], "{nth} under way");
        fixture.apply(Change::Sent { place: place(HOME), call, at: noon() });
    }
    assert_eq!(deletes(&fixture.plan(until)), [] as [&str; 0]);
    let mut many = held(10);
    many.policy().retain = last(9);
    for hour in 0..5 {
        let (id, reason) = (id(hour), "too old".to_owned());
        many.apply(Change::DeletionPlanned {
            place: place(HOME),
            id: id.clone(),
            reason,
            confirmed: false,
            at: noon(),
        });
        many.apply(Change::Inspected { place: place(HOME), id, arn: None, at: noon() });
    }
    many.policy().retain = last(5);
    assert_eq!(deletes(&many.plan(noon())).len(), 4, "in one round");
    let mut unknown = inspected();
    assert_eq!(deletes(&unknown.plan(noon())), ["backup-00"]);
    unknown.state.places.get_mut(&place(HOME)).unwrap().listed.as_mut().unwrap().listed_by_this_process = false;
    assert_eq!(deletes(&unknown.plan(noon())), [] as [&str; 0]);
}

#[test]
fn a_policy_has_a_backup_and_a_copy_and_the_first_of_a_route_is_full() {
    assert_eq!(deletions::targets(Fixture::new().policy()).count(), 2);
    assert_eq!(lifeboat::planner::full_copy::FullCopy::First.to_string(), "the first copy of a route is full");
}
