//! What is forgotten, and what a lost database no longer knows. `tests/scripts/deleted.txt` has more of it.

use super::*;
use crate::world::disk::reloaded;

/// The backup of six o'clock and its copy are AVAILABLE.
fn protected() -> Talk {
    let mut talk = Talk::new(1);
    until_copied(&mut talk);
    talk
}

/// Lets the next occurrence come to its end.
fn until_copied(talk: &mut Talk) {
    for operation in ["CreateBackup", "CopyBackup"] {
        let call = talk.until(operation);
        let observed = talk.make(&call);
        talk.answer(&call, Outcome::Made(Box::new(observed)));
        talk.becomes(Lifecycle::Available);
    }
    talk.now = talk.now.plus(2 * POLL);
    talk.serve();
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
    talk.state = new_state(talk.now);
    talk.under_way.clear();
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
