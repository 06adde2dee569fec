//! From a verdict of retention to DeleteBackup: what is decided, what it waits for, what spares it, what a person is
//! asked.

use super::fixture::*;
use super::*;
use lifeboat::domain::change::AccountEvidence;
use lifeboat::domain::id::{BackupId, deletion_token};
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::domain::policy::Retain;
use lifeboat::domain::remarks::Remarks;
use lifeboat::planner::deletions;
use lifeboat::planner::orders;
use lifeboat::planner::retain;
use std::collections::BTreeSet;

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

/// So many hours, each with its backup and its copy, and nothing open.
fn held(hours: u32) -> Fixture {
    let mut fixture = Fixture::new();
    for hour in 0..hours {
        fixture.see(&of_hour(hour));
        fixture.see(&copy_of_hour(hour));
    }
    fixture
}

/// What a round decides to delete, by id, with the reason.
fn deletion_planned(plan: &Plan) -> Vec<(String, String)> {
    let of = plan.record.iter().filter_map(|change| match change {
        Change::DeletionPlanned { id, reason, at, .. } => {
            assert_eq!(*at, noon());
            Some((id.to_string(), reason.clone()))
        }
        _ => None,
    });
    of.collect()
}

fn names(plan: &Plan) -> Vec<String> {
    deletion_planned(plan).into_iter().map(|(id, _)| id).collect()
}

fn reviewed(plan: &Plan) -> (Time, Vec<(Target, usize, usize)>) {
    let mut reviews = plan.record.iter().filter_map(|change| match change {
        Change::Reviewed { source, next, braked } => {
            assert_eq!(*source, key(0));
            let braked = braked.iter().map(|(target, brake)| (target.clone(), brake.points.len(), brake.held));
            Some((*next, braked.collect()))
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

#[test]
fn what_no_rule_keeps_is_condemned_oldest_first_with_the_reason() {
    let mut fixture = held(10);
    let plan = fixture.plan(noon());
    assert_eq!((names(&plan), reviewed(&plan)), (vec![], (Time::NEVER, vec![])), "without rules everything stays");
    (fixture.policy().retain, fixture.policy().destinations[0].retain) = (last(9), last(8));
    let plan = fixture.plan(noon());
    let why = |count: u32| format!("no rule keeps it (last {count})");
    let expected = [("backup-00", why(9)), ("copy-00", why(8)), ("copy-01", why(8))];
    assert_eq!(deletion_planned(&plan), expected.map(|(id, why)| (id.to_owned(), why)));
    assert_eq!((reviewed(&plan), plan.wake.at), ((Time::NEVER, vec![]), noon()), "the next round goes on with them");
    // What is decided is not decided again.
    round(&mut fixture, noon());
    assert_eq!(fixture.state.deletions.len(), 3);
    fixture.apply(Change::Synced(1));
    assert_eq!(names(&fixture.plan(noon())), [] as [&str; 0]);
    // A host that does not prune decides nothing; nor is a source judged whose state contradicts itself.
    let mut still = held(10);
    still.policy().retain = last(9);
    still.settings.daemon.prune = false;
    assert_eq!(names(&still.plan(noon())), [] as [&str; 0]);
    still.settings.daemon.prune = true;
    assert_eq!(names(&still.plan(noon())), ["backup-00"]);
    still.state.quarantined.insert(key(0), "contradicts itself".to_owned());
    assert_eq!(names(&still.plan(noon())), [] as [&str; 0]);
    // A source is reviewed when its time has come.
    let mut later = held(10);
    later.policy().retain = last(9);
    later.apply(Change::Reviewed { source: key(0), next: noon(), braked: BTreeMap::new() });
    let plan = later.plan(noon().minus(MOMENT));
    assert_eq!((names(&plan), plan.wake.at <= noon()), (vec![], true));
    assert_eq!(names(&later.plan(noon())), ["backup-00"]);
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
            assert_eq!(reviewed(&plan).1, [(Target::Backup, goes, held_of as usize)]);
        } else {
            assert_eq!((names(&plan).len(), reviewed(&plan).1), (goes, vec![]), "{held_of} {keep}");
        }
    }
    // What is decided already counts neither as held nor as going.
    let mut fixture = held(16);
    fixture.policy().retain = last(14);
    round(&mut fixture, noon());
    fixture.policy().retain = last(11);
    fixture.apply(Change::Synced(1));
    assert_eq!(reviewed(&fixture.plan(noon())).1, [(Target::Backup, 3, 14)]);
}

#[test]
fn what_the_brake_holds_goes_when_a_person_confirms_what_was_shown() {
    let mut fixture = held(14);
    (fixture.policy().retain, fixture.policy().destinations[0].retain) = (last(11), last(11));
    assert!(orders::braked(&fixture.state).is_empty());
    let looked_at_nothing = orders::confirm_deletions(&fixture.settings, &fixture.state, &BTreeSet::new(), noon());
    let none = "nothing is confirmed: 6 deletions wait from now on; see `lifeboat plan`, then confirm them";
    assert_eq!((looked_at_nothing.changes.len(), looked_at_nothing.says.as_str()), (0, none));
    round(&mut fixture, noon());
    let shown = orders::braked(&fixture.state);
    assert_eq!(shown.len(), 6);
    let granted = orders::confirm_deletions(&fixture.settings, &fixture.state, &shown, noon());
    assert_eq!(granted.says, "6 deletions are confirmed");
    let of = |region: &str, id: BackupId| Change::DeletionPlanned {
        place: place(region),
        id,
        reason: "no rule keeps it (last 11); confirmed by a person".to_owned(),
        confirmed: true,
        at: noon(),
    };
    for expected in (0..3).flat_map(|hour| [of(HOME, id(hour)), of(THERE, copy_id(hour))]) {
        assert!(granted.changes.contains(&expected), "{:?}", granted.changes);
    }
    let one = orders::confirm_deletions(&fixture.settings, &fixture.state, &[id(1)].into(), noon());
    assert_eq!((one.changes, one.says.as_str()), (vec![of(HOME, id(1))], "one deletion is confirmed"));
    fixture.apply(Change::SourceDeparted { source: key(0) });
    let left = orders::confirm_deletions(&fixture.settings, &fixture.state, &shown, noon());
    assert_eq!((left.changes.len(), left.says.as_str()), (0, "no deletions waited to be confirmed"));
}

/// A verdict needs the state of more than one Region: a lost database no longer tells what is under way there.
#[test]
fn no_verdict_without_the_books_that_it_needs() {
    let names_without = |region: &str, never: bool| {
        let mut fixture = held(10);
        (fixture.policy().retain, fixture.policy().destinations[0].retain) = (last(9), last(9));
        let known = fixture.state.places.get_mut(&place(region)).unwrap();
        match &mut known.listed {
            Some(listed) if !never => listed.listed_by_this_process = false,
            listed => *listed = None,
        }
        let plan = fixture.plan(noon());
        let (next, _) = reviewed(&plan);
        assert_eq!(next, noon().plus(MINUTE), "tried again");
        names(&plan)
    };
    // Never listed: a copy under way there may read the backup, or its occurrence may be open.
    assert_eq!(names_without(THERE, true), [] as [&str; 0]);
    assert_eq!(names_without(HOME, true), [] as [&str; 0]);
    // Listed by an earlier process: enough to know what there is, not to decide about what is there.
    assert_eq!(names_without(THERE, false), ["backup-00"]);
    assert_eq!(names_without(HOME, false), ["copy-00"]);
}

#[test]
fn what_failed_is_cleared_away_once_the_books_are_known() {
    let mut fixture = Fixture::new();
    let failed = |hour: u32, settled: Time| RecoveryPoint {
        remarks: Remarks { failure: Some("no space".into()), ..Remarks::default() }.into(),
        settled_at: Some(settled),
        lifecycle: Lifecycle::Failed,
        ..of_hour(hour)
    };
    let day = 24 * HOUR;
    fixture.see(&failed(0, noon().minus(day)));
    fixture.see(&failed(1, noon().minus(day).plus(SECOND)));
    fixture.see(&failed(2, noon().minus(HOUR)));
    let plan = fixture.plan(noon());
    assert_eq!(deletion_planned(&plan), [("backup-00".to_owned(), "FAILED: no space".to_owned())]);
    assert_eq!(reviewed(&plan).0, noon().plus(SECOND), "when the next is due");
    fixture.state.places.get_mut(&place(HOME)).unwrap().listed.as_mut().unwrap().listed_by_this_process = false;
    let plan = fixture.plan(noon());
    assert_eq!((names(&plan), reviewed(&plan).0), (vec![], noon().plus(SECOND)));
    fixture.state.places.get_mut(&place(HOME)).unwrap().listed.as_mut().unwrap().listed_by_this_process = true;
    round(&mut fixture, noon());
    assert_eq!(fixture.state.deletions.len(), 1);
    fixture.apply(Change::Synced(1));
    assert_eq!(names(&fixture.plan(noon())), [] as [&str; 0], "decided before");
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
fn whatever_speaks_against_a_deletion_spares_it_and_is_named() {
    let deletion_cancelled = |fixture: &Fixture| {
        let plan = fixture.plan(noon());
        let deletion_cancelled = plan.record.iter().find_map(|change| match change {
            Change::DeletionCancelled { place: of, id: of_id, reason } => {
                assert_eq!((of, of_id, plan.wake.at), (&place(HOME), &id(0), noon()));
                Some(reason.clone())
            }
            _ => None,
        });
        assert_eq!(deletion_cancelled.is_none(), deletes(&plan) == ["backup-00"], "{deletion_cancelled:?}");
        deletion_cancelled
    };
    assert_eq!(deletion_cancelled(&inspected()), None);
    let with = |change: fn(&mut Fixture)| {
        let mut fixture = inspected();
        change(&mut fixture);
        deletion_cancelled(&fixture).unwrap_or_default()
    };
    assert_eq!(with(|fixture| fixture.settings.daemon.prune = false), "this host does not prune");
    assert_eq!(with(|fixture| fixture.policy().retain = last(10)), "last 10 of 10");
    assert_eq!(with(|fixture| fixture.policy().retain = None), "no retention is asked for");
    let both = with(|fixture| {
        fixture.policy().retain = last(10);
        fixture.see(&of_hour(0).with_remarks(|remarks| remarks.hold = Some("audit".into())));
    });
    assert_eq!(both, "held, last 10 of 10");
    assert_eq!(
        with(|fixture| fixture.apply(Change::SourceDeparted { source: key(0) })),
        "nothing gives it up any more"
    );
    let copying = with(|fixture| {
        let region = "eu-west-1";
        fixture.see(&copy("copy-x", &of_hour(0), region, Lifecycle::Copying));
    });
    assert_eq!(copying, "a copy to eu-west-1 reads it");

    // What failed and was decided upon goes on, although no rule speaks of it.
    let mut fixture = Fixture::new();
    let settled_at = Some(noon().minus(24 * HOUR));
    fixture.see(&RecoveryPoint { settled_at, lifecycle: Lifecycle::Failed, ..of_hour(0) });
    round(&mut fixture, noon());
    fixture.apply(Change::Inspected { place: place(HOME), id: id(0), arn: None, at: noon() });
    assert_eq!(deletion_cancelled(&fixture), None);
    // A destination that left the policy loses nothing.
    let mut fixture = held(10);
    fixture.policy().destinations[0].retain = last(9);
    round(&mut fixture, noon());
    fixture.apply(Change::Inspected { place: place(THERE), id: copy_id(0), arn: None, at: noon() });
    assert_eq!(deletes(&fixture.plan(noon())), ["copy-00"]);
    fixture.policy().destinations[0].region = SECOND_THERE.into();
    fixture.membership();
    let plan = fixture.plan(noon());
    assert!(
        deletes(&plan).is_empty()
            && plan.record.iter().any(|change| matches!(change, Change::DeletionCancelled { .. }))
    );
}

/// Before the next copy of a route is made full, a person hears of it.
#[test]
fn a_full_copy_to_come_is_said_beforehand() {
    let warnings = |fixture: &Fixture| fixture.plan(noon()).warnings;
    let mut fixture = Fixture::new();
    fixture.see(&of_hour(0));
    assert_eq!(warnings(&fixture), [] as [&str; 0], "a first one is full, as everybody knows");
    fixture.see(&copy_of_hour(0));
    assert_eq!(warnings(&fixture), [] as [&str; 0], "the policy names an alias, which does not tell the key");
    let full = "the next copy of fs-0123456789abcde00 to us-west-2 will be full";
    let arn = |id: &str| format!("arn:aws:kms:us-west-2:111122223333:key/{id}");
    fixture.policy().destinations[0].kms_key = Some(arn("new"));
    assert_eq!(warnings(&fixture), [] as [&str; 0], "AWS does not say which key the copy has");
    fixture.see(&copy_of_hour(0).with_provenance(|of| of.kms_key = Some(arn("old").into())));
    let changes = format!("{full}: the key changes from {} to {}", arn("old"), arn("new"));
    fixture.apply(Change::Synced(1));
    assert_eq!(warnings(&fixture), std::slice::from_ref(&changes));
    // As long as any good copy under the new key is there, the next one builds on it.
    fixture.see(&RecoveryPoint {
        lifecycle: Lifecycle::Failed,
        ..copy_of_hour(1).with_provenance(|of| of.kms_key = Some(arn("new").into()))
    });
    fixture.apply(Change::Synced(1));
    assert_eq!(warnings(&fixture), [changes]);
    let elsewhere = copy("copy-e", &of_hour(1), SECOND_THERE, Lifecycle::Available)
        .with_provenance(|of| of.kms_key = Some(arn("new").into()));
    fixture.see(&elsewhere);
    assert_eq!(warnings(&fixture).len(), 1, "another Region's is none");
    fixture.see(&of_hour(1));
    let under_new = RecoveryPoint {
        created_at: at("2026-11-18T00:00:00Z"),
        ..copy_of_hour(2).with_provenance(|of| of.kms_key = Some(arn("new").into()))
    };
    fixture.see(&under_new);
    assert_eq!(warnings(&fixture), [] as [&str; 0]);
    // Another alias may be another key: that much is said where AWS names no key at all.
    let mut fixture = Fixture::new();
    fixture.see(&of_hour(0));
    fixture.see(&copy_of_hour(0).with_provenance(|of| of.asked_key = Some("alias/old".into())));
    fixture.policy().destinations[0].kms_key = Some("alias/new".to_owned());
    let renamed = "the next copy of fs-0123456789abcde00 to us-west-2 may be full: the policy named the key alias/old and now \
                   names alias/new, which may be another one";
    assert_eq!(warnings(&fixture), [renamed]);
    // The last copy was deleted by somebody else. What failed and was cleared away does not count.
    let mut fixture = Fixture::new();
    fixture.see(&of_hour(0));
    let failed = copy_of_hour(0).with_remarks(|remarks| remarks.failure = Some("no space".into()));
    fixture.see(&RecoveryPoint { lifecycle: Lifecycle::Failed, ..failed });
    fixture.apply(Change::BackupRemoved { place: place(THERE), id: copy_id(0), at: noon() });
    assert_eq!(warnings(&fixture), [] as [&str; 0]);
    fixture.see(&RecoveryPoint { attempt: 2, id: "copy-second".into(), ..copy_of_hour(0) });
    fixture.apply(Change::BackupRemoved { place: place(THERE), id: "copy-second".into(), at: noon() });
    assert_eq!(warnings(&fixture), [format!("{full}: no copy is left there")]);
    assert_eq!(lifeboat::planner::full_copy::FullCopy::First.to_string(), "the first copy of a route is full");
    assert_eq!(deletions::targets(fixture.policy()).count(), 2);
}

/// Persons deleted the newest copies while no process ran. The first listing does not show them, and until it is certain
/// that they are gone they let nothing go that is there.
#[test]
fn what_may_be_gone_lets_nothing_go() {
    let mut fixture = held(10);
    fixture.policy().destinations[0].retain = last(2);
    for hour in [8, 9] {
        let missing_since = Some(noon());
        fixture.apply(Change::MissingFromListing { place: place(THERE), id: copy_id(hour), missing_since });
    }
    let gone = |fixture: &Fixture| -> BTreeSet<String> {
        let policy = fixture.settings.policies.values().next().unwrap();
        let verdicts = retain::verdicts(policy, &fixture.state, &key(0), &there(), noon());
        verdicts.iter().filter(|verdict| verdict.goes()).map(|verdict| verdict.point.id.to_string()).collect()
    };
    let older = |hours: u32| (0..hours).map(|hour| copy_id(hour).to_string()).collect::<BTreeSet<_>>();
    assert_eq!(gone(&fixture), older(6), "two are left that are there");
    // They are there after all.
    for hour in [8, 9] {
        fixture.see(&copy_of_hour(hour));
    }
    assert_eq!(gone(&fixture), older(8));
    assert!(fixture.state.reviews.contains(&(Time::ZERO, key(0))), "retention looks at it again");
}
