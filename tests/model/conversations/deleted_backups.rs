//! What a person deleted, what left the policy, and what a lost database no longer knows of both.

use super::*;
use crate::world::disk::reloaded;

fn there() -> Target {
    Target::Copy(THERE.into())
}

/// The backup of six o'clock and its copy are AVAILABLE.
fn protected() -> Talk {
    let mut talk = Talk::new(1);
    until_copied(&mut talk);
    talk
}

/// Lets the next occurrence come to its end, and gives its backup and its copy.
fn until_copied(talk: &mut Talk) -> (ObservedBackup, ObservedBackup) {
    let mut made = ["CreateBackup", "CopyBackup"].map(|operation| {
        let call = talk.until(operation);
        let observed = talk.make(&call);
        talk.answer(&call, Outcome::Made(Box::new(observed.clone())));
        talk.becomes(Lifecycle::Available);
        observed
    });
    talk.now = talk.now.plus(2 * POLL);
    talk.serve();
    made.iter_mut().for_each(|observed| observed.lifecycle = Lifecycle::Available);
    made.into()
}

fn delete(talk: &mut Talk, id: &ObservedBackup) {
    talk.at_aws.retain(|(_, of), _| *of != id.id.to_string());
}

/// Answers everything for so long.
fn live(talk: &mut Talk, time: Duration) -> Vec<Action> {
    let (until, mut asked) = (talk.now.plus(time), Vec::new());
    while talk.now < until {
        let plan = talk.round();
        if talk.under_way.is_empty() {
            talk.now = plan.wake.at.max(talk.now.plus(SECOND)).min(until);
        }
        for action in std::mem::take(&mut talk.under_way) {
            let outcome = talk.outcome(&action);
            asked.push(action.clone());
            talk.answer(&action, outcome);
        }
    }
    asked
}

fn lose_database(talk: &mut Talk) {
    talk.state = State::new(talk.now, talk.now);
    talk.under_way.clear();
}

/// What is shown of a Region is what was last read there, so it is read as long as there is something to show.
#[test]
fn a_region_that_left_the_policy_is_read_until_nothing_of_ours_is_there() {
    let mut talk = protected();
    talk.policy().destinations.clear();
    talk.settings.generation += 1;
    let reads_there = |asked: &[Action]| asked.iter().filter(|action| action.place == place(THERE)).count();
    assert!(reads_there(&live(&mut talk, HOUR)) > 0, "{THERE} is not read any more");
    assert_eq!(talk.state.sources[&key(0)].points.available(&there()).len(), 1);
    let copies: Vec<ObservedBackup> =
        talk.at_aws.iter().filter(|((of, _), _)| of == THERE).map(|(_, of)| of.clone()).collect();
    copies.iter().for_each(|copy| delete(&mut talk, copy));
    live(&mut talk, HOUR);
    assert_eq!(talk.state.sources[&key(0)].points.available(&there()).len(), 0, "the copy is gone, and claimed");
    assert_eq!(reads_there(&live(&mut talk, HOUR)), 0, "there is nothing left to read for");
}

/// A file system leaves the policy and all of it is deleted: nothing of it is known any more a day later, nor of the Region
/// that nothing else is copied to, nor of the policy's counters once that is gone too.
#[test]
fn what_nothing_needs_any_more_is_forgotten() {
    let mut talk = protected();
    assert!(!talk.state.counters.is_empty() && talk.state.places.contains_key(&place(THERE)));
    talk.settings.policies.clear();
    talk.settings.generation += 1;
    live(&mut talk, HOUR);
    assert!(talk.state.sources.contains_key(&key(0)), "it has points");
    let all: Vec<ObservedBackup> = talk.at_aws.values().cloned().collect();
    all.iter().for_each(|backup| delete(&mut talk, backup));
    for _ in 0..25 {
        live(&mut talk, HOUR);
    }
    assert!(talk.state.sources.is_empty(), "{:?}", talk.state.sources.keys());
    assert!(talk.state.places.is_empty(), "{:?}", talk.state.places.keys());
    assert!(talk.state.counters.is_empty(), "{:?}", talk.state.counters);
    assert!(talk.state.reviews.is_empty() && talk.state.active.is_empty());
}

/// A person deletes a copy, and the database is lost before that was seen. AWS still knows the token, and says of what it
/// made that it does not exist: that was an attempt, and the next one has a token of its own.
#[test]
fn a_token_of_which_the_copy_was_deleted_is_not_asked_with_for_ever() {
    let mut talk = protected();
    let copies: Vec<ObservedBackup> =
        talk.at_aws.iter().filter(|((of, _), _)| of == THERE).map(|(_, of)| of.clone()).collect();
    copies.iter().for_each(|copy| delete(&mut talk, copy));
    lose_database(&mut talk);
    let again = talk.until("CopyBackup");
    let Call::Make { key, request } = &again.call else { panic!("{again:?}") };
    let first = key.token(1);
    assert_eq!(*request.token(), first, "nobody knows of the first attempt");
    let gone = || Outcome::Failed(Fault::new(FaultClass::Missing, "BackupNotFound", "it does not exist"));
    talk.answer(&again, gone());
    let (mut asks, began) = (1, talk.now);
    let next = loop {
        let next = talk.until("CopyBackup");
        let Call::Make { request, .. } = &next.call else { panic!("{next:?}") };
        if *request.token() != first {
            break next;
        }
        asks += 1;
        assert!(asks < 10, "the same token for ever");
        talk.answer(&next, gone());
    };
    let proved = talk.state.place(&next.place).unwrap().listed.unwrap();
    assert!(proved.began_at >= began.plus(2 * MINUTE), "only a listing that cannot lag proves that nothing is there");
    let Call::Make { key, request } = &next.call else { panic!("{next:?}") };
    assert_eq!(*request.token(), key.token(2));
}

/// A refusal for a backup that the source's Region no longer shows is no attempt, whatever the destination says.
#[test]
fn a_backup_that_is_gone_makes_no_attempt_of_its_copy() {
    let mut talk = Talk::new(1);
    let create = talk.until("CreateBackup");
    let backup = talk.make(&create);
    talk.answer(&create, Outcome::Made(Box::new(backup.clone())));
    talk.becomes(Lifecycle::Available);
    let copy = talk.until("CopyBackup");
    delete(&mut talk, &backup);
    talk.answer(&copy, Outcome::Failed(Fault::new(FaultClass::Missing, "BackupNotFound", "it does not exist")));
    let asked = live(&mut talk, 5 * HOUR);
    let makes = asked.iter().filter_map(|action| match &action.call {
        Call::Make { key, request } => Some((key.target.clone(), request.token().clone())),
        _ => None,
    });
    for (target, token) in makes {
        assert!(target == Target::Backup || token == work(0, there()).token(1), "{target:?} {token}");
    }
}

/// A person deletes the newest backup and leaves its copy: the route has what is newer, so the occurrence before, taken
/// in after the loss of the database, waits for no copy.
#[test]
fn an_occurrence_older_than_the_newest_copy_of_its_route_ends() {
    let mut talk = Talk::new(1);
    let (_, its_copy) = until_copied(&mut talk);
    let (newest, _) = until_copied(&mut talk);
    delete(&mut talk, &its_copy);
    delete(&mut talk, &newest);
    lose_database(&mut talk);
    talk.changes.clear();
    live(&mut talk, 10 * MINUTE);
    let ended = talk.ended();
    let six = ended.iter().find(|(at, ..)| at == "2026-11-21T06:00:00Z");
    assert!(matches!(six, Some((_, OccurrenceOutcome::Coalesced, _))), "{ended:?}");
}

/// Retention let an older copy go; then persons delete all that was newer. What is the newest once more is copied once
/// more (promise 8), as another attempt.
#[test]
fn what_is_the_newest_once_more_is_copied_once_more() {
    let mut talk = Talk::new(1);
    talk.policy().destinations[0].retain = Some(Retain { last: Some(1), ..Retain::default() });
    let (first, its_copy) = until_copied(&mut talk);
    let (second, its_newer_copy) = until_copied(&mut talk);
    let held: Vec<&str> = talk.at_aws.keys().filter(|(of, _)| of == THERE).map(|(_, id)| id.as_str()).collect();
    assert_eq!(held, [its_newer_copy.id.as_str()], "retention let {} go", its_copy.id);
    delete(&mut talk, &second);
    delete(&mut talk, &its_newer_copy);
    let again = talk.until("CopyBackup");
    let Call::Make { key, request } = &again.call else { panic!("{again:?}") };
    let Request::CopyBackup { backup, token, .. } = &**request else { panic!("{request:?}") };
    assert_eq!((backup, token), (&first.id, &key.token(2)));
}

/// A person deletes a copy, it is made once more, and the database is lost before any listing shows that. A token tells
/// of the attempt that it is for and of no other, so only a listing that cannot lag tells that there is a second.
#[test]
fn a_second_attempt_that_no_listing_shows_yet_has_no_first_beside_it() {
    let mut talk = protected();
    let copies: Vec<ObservedBackup> =
        talk.at_aws.iter().filter(|((of, _), _)| of == THERE).map(|(_, of)| of.clone()).collect();
    copies.iter().for_each(|copy| delete(&mut talk, copy));
    let again = talk.until("CopyBackup");
    let Call::Make { key, request } = &again.call else { panic!("{again:?}") };
    assert_eq!(*request.token(), key.token(2));
    let hidden = talk.make(&again);
    delete(&mut talk, &hidden);
    lose_database(&mut talk);
    let asked = live(&mut talk, 2 * MINUTE - SECOND);
    talk.at_aws.insert((THERE.to_owned(), hidden.id.to_string()), hidden);
    let later = live(&mut talk, 10 * MINUTE);
    let copies = asked.iter().chain(&later).filter(|action| action.call.operation() == "CopyBackup");
    assert_eq!(copies.count(), 0);
}

/// A clock that is forty days ahead makes an occurrence that comes due forty days later. By then its backup and its copy
/// are gone, and the process began anew: it is not made again.
#[test]
fn what_a_clock_made_ahead_of_time_is_not_made_again_when_it_comes_due() {
    const AHEAD: Duration = Duration::from_secs(40 * 86_400);
    let mut talk = protected();
    talk.now = talk.now.plus(AHEAD);
    for operation in ["CreateBackup", "CopyBackup"] {
        let call = talk.until(operation);
        let mut observed = talk.make(&call);
        observed.created_at = observed.created_at.minus(AHEAD);
        talk.at_aws.insert((call.place.region.to_string(), observed.id.to_string()), observed.clone());
        talk.answer(&call, Outcome::Made(Box::new(observed)));
        talk.becomes(Lifecycle::Available);
    }
    let due = talk.state.sources[&key(0)].points.iter().map(|point| point.occurrence.at).max().unwrap();
    live(&mut talk, 5 * MINUTE);
    talk.now = talk.now.minus(AHEAD);
    let ahead = |talk: &Talk| talk.state.sources[&key(0)].points.iter().any(|point| point.occurrence.at == due);
    assert!(ahead(&talk) && due > talk.now.plus(39 * 24 * HOUR), "{due}");
    for made in talk.at_aws.clone().into_values().filter(|made| made.tags["lifeboat:occurrence"] == due.to_string()) {
        delete(&mut talk, &made);
    }
    live(&mut talk, HOUR);
    talk.state = reloaded(&talk.state, talk.now);
    talk.under_way.clear();
    talk.changes.clear();
    talk.now = due.minus(MINUTE);
    live(&mut talk, HOUR);
    let again = |change: &Change| matches!(change, Change::RequestRecorded { key, .. } if key.occurrence.at == due);
    assert!(!talk.changes.iter().any(again), "it is made again");
    // Once that time has passed for certain, nothing remembers it.
    for _ in 0..2 {
        talk.becomes(Lifecycle::Available);
        live(&mut talk, 5 * MINUTE);
    }
    until_copied(&mut talk);
    assert!(ahead(&talk));
    talk.state = reloaded(&talk.state, talk.now);
    assert!(!ahead(&talk), "{:?}", talk.state.sources[&key(0)].points);
}

/// The first attempt at a backup FAILED and the second was copied and deleted; then the database is lost. The copy tells
/// that there was a backup which is gone, as the record of the first attempt does not.
#[test]
fn a_backup_that_was_copied_and_deleted_is_not_made_anew_after_a_loss() {
    let mut talk = Talk::new(1);
    let create = talk.until("CreateBackup");
    let failed = talk.make(&create);
    talk.answer(&create, Outcome::Made(Box::new(failed)));
    talk.becomes(Lifecycle::Failed);
    let (second, _) = until_copied(&mut talk);
    delete(&mut talk, &second);
    lose_database(&mut talk);
    talk.changes.clear();
    let asked = live(&mut talk, HOUR);
    assert!(asked.iter().all(|action| action.call.operation() == "DescribeBackups"), "{asked:?}");
    let ended = talk.ended();
    assert!(
        matches!(ended.as_slice(), [(at, OccurrenceOutcome::Completed, _)] if at == "2026-11-21T06:00:00Z"),
        "{ended:?}"
    );
}
