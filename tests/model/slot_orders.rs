//! Other orders of the slots than Lifeboat's, to compare it with.

use lifeboat::domain::id::{Target, WorkKey};
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::domain::state::{SourceState, State};
use lifeboat::domain::time::Time;
use lifeboat::planner::slot_priority::SlotRequest;

/// First come, first served: the route that has waited longest, which is the one that lacks the oldest backup.
pub fn first_come(state: &State, works: &[&WorkKey], _: &[SlotRequest], _: &[Time], _: Time) -> Vec<usize> {
    by(state, works, |source, work| {
        let reached = source.newest_taken_at(&work.target);
        let taken = source.points.available(&Target::Backup).rev().map(RecoveryPoint::taken_at);
        let lacked = taken.take_while(|at| reached.is_none_or(|reached| reached < *at)).last();
        lacked.or_else(|| source.good_point(work.occurrence, &Target::Backup).map(RecoveryPoint::taken_at))
    })
}

/// The route whose newest recovery point is the oldest.
pub fn oldest_point(state: &State, works: &[&WorkKey], _: &[SlotRequest], _: &[Time], _: Time) -> Vec<usize> {
    by(state, works, |source, work| source.newest_taken_at(&work.target))
}

/// The earliest first; equal ones stay as they are given.
fn by(state: &State, works: &[&WorkKey], key: impl Fn(&SourceState, &WorkKey) -> Option<Time>) -> Vec<usize> {
    let mut places: Vec<usize> = (0..works.len()).collect();
    places.sort_by_key(|at| state.sources.get(&works[*at].source).and_then(|source| key(source, works[*at])));
    places
}
