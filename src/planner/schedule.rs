//! Which occurrences came due.
//!
//! An occurrence is known by source and scheduled time and is recorded once, whatever the clock, the cron nudge or a
//! restart did: due is what lies between the last one dealt with and now, nothing else. Of several that came due at
//! once only the newest begins; a backup taken now serves them all.

use super::gate::LISTING_LAG;
use crate::domain::change::{Change, End, Opening};
use crate::domain::id::{Occurrence, Place, SourceKey, Trigger};
use crate::domain::plan::Plan;
use crate::domain::policy::{CatchUp, Policy, Settings};
use crate::domain::state::{SourceState, State};
use crate::domain::time::{Time, duration_text};

/// Occurrences recorded in one round; the rest come in the next, which follows at once.
const RECORDED_PER_ROUND: usize = 2000;
/// After an outage, so many of a source's occurrences are recorded one by one; earlier ones share a record.
const RECORDED_EACH: usize = 500;
/// So many are counted for the shared record; with more, the count says how many at least.
const COUNTED: u64 = 100_000;

/// Records every occurrence that came due and says when the next does.
pub fn plan(settings: &Settings, state: &State, now: Time, plan: &mut Plan) {
    for policy in settings.policies.values() {
        let checked = state.checked.get(&policy.name).copied();
        if let Some(next) = checked.and_then(|checked| policy.schedule.next_after(checked)) {
            if next > now {
                plan.wake.earlier(next, "an occurrence");
                continue;
            }
        } else if checked.is_some() {
            continue;
        }
        let mut all = true;
        for key in policy.source_keys() {
            all &= plan.record.len() < RECORDED_PER_ROUND && source_due(policy, state, &key, now, plan);
        }
        if all {
            plan.record.push(Change::Checked { policy: policy.name.clone(), through: now });
        }
        if let Some(next) = policy.schedule.next_after(now) {
            plan.wake.earlier(next, "an occurrence");
        }
    }
}

/// Records what came due for one source; `false` if it cannot be told yet.
fn source_due(policy: &Policy, state: &State, key: &SourceKey, now: Time, plan: &mut Plan) -> bool {
    let Some(source) = state.sources.get(key) else { return true };
    if state.quarantined.contains_key(key) {
        return true;
    }
    let Some(floor) = floor(state, key, source, now) else { return false };
    let Some(newest) = policy.schedule.latest_between(floor, now) else { return true };
    let due = due_between(policy, floor, newest, now);
    // What a clock that ran ahead began in advance is not begun again when it comes due.
    let known = |at: Time| source.knows(scheduled(at));
    for (at, earlier) in due.before.into_iter().filter(|(at, _)| !known(*at)) {
        plan.record.push(passed_over(policy, state, key, at, newest, earlier, now));
    }
    if known(newest) {
        return true;
    }
    let missed_asleep = newest <= state.started_at && policy.catch_up == CatchUp::None;
    let too_late = newest > state.started_at && window_passed(policy, newest, now);
    if missed_asleep || too_late {
        plan.record.push(passed_over(policy, state, key, newest, newest, 0, now));
    } else {
        let opening = Opening {
            policy: policy.name.clone(),
            opened_at: now,
            caught_up: newest <= state.started_at,
            adopted: false,
        };
        plan.record.push(Change::Opened { source: key.clone(), occurrence: scheduled(newest), opening });
    }
    true
}

/// Occurrences after this are not dealt with yet; `None` while AWS's books may tell of some.
///
/// That is until one listing of the Region was complete in the life of this database: one that ended half-way taught
/// only half. A database that was lost may also have begun what the first listing does not show yet.
fn floor(state: &State, key: &SourceKey, source: &SourceState, now: Time) -> Option<Time> {
    let watch = source.watch.as_ref()?;
    let home = Place { account: key.account.clone(), region: source.region.clone() };
    let listed = state.place(&home)?.listed?;
    let Some(dealt_with) = source.dealt_with(now) else { return Some(watch.since) };
    if dealt_with < state.created_at && listed.began_at < state.created_at.plus(LISTING_LAG) {
        return None;
    }
    Some(if watch.returned { dealt_with.max(watch.since) } else { dealt_with })
}

struct Due {
    /// Those before the newest, with how many even earlier ones each stands for.
    before: Vec<(Time, u64)>,
}

fn due_between(policy: &Policy, floor: Time, newest: Time, now: Time) -> Due {
    // Walk from the far end only as far as is recorded one by one, by estimating where that begins.
    let gap = policy.schedule.interval(now);
    let reach = gap.saturating_mul(u32::try_from(RECORDED_EACH).unwrap_or(u32::MAX));
    let near = floor.max(newest.minus(reach));
    let mut before = Vec::new();
    if near > floor {
        let mut count: u64 = 0;
        let mut last = None;
        let mut time = floor;
        while let Some(next) = policy.schedule.next_after(time).filter(|next| *next <= near && count < COUNTED) {
            last = Some(next);
            count += 1;
            time = next;
        }
        if let Some(last) = last {
            before.push((policy.schedule.latest_between(last, near).unwrap_or(last), count - 1));
        }
    }
    let mut time = near;
    while let Some(next) = policy.schedule.next_after(time).filter(|next| *next < newest) {
        before.push((next, 0));
        time = next;
    }
    Due { before }
}

/// The record of an occurrence that is not begun: missed if its window passed, else coalesced.
fn passed_over(
    policy: &Policy,
    state: &State,
    key: &SourceKey,
    at: Time,
    newest: Time,
    earlier: u64,
    now: Time,
) -> Change {
    let asleep = at <= state.started_at;
    let (end, reason) = if asleep && policy.catch_up == CatchUp::None {
        (End::Missed, "came due while Lifeboat was not running, and catch_up is \"none\"".to_owned())
    } else if window_passed(policy, at, now) {
        let window = policy.start_within.map(duration_text).unwrap_or_default();
        let why = if asleep { "Lifeboat was not running" } else { "Lifeboat did not get to it" };
        (End::Missed, format!("not begun within {window}: {why}"))
    } else {
        (End::Coalesced, format!("came due together with the occurrence of {newest}, which took its place"))
    };
    let reason =
        if earlier == 0 { reason } else { format!("{reason}; stands for at least {earlier} before it as well") };
    let opening = Opening { policy: policy.name.clone(), opened_at: now, caught_up: asleep, adopted: false };
    Change::Closed { source: key.clone(), occurrence: scheduled(at), opening, end, reason, at: now, earlier }
}

/// Whether an explicit `start_within` has passed.
#[must_use]
pub fn window_passed(policy: &Policy, at: Time, now: Time) -> bool {
    policy.start_within.is_some_and(|window| now > at.plus(window))
}

fn scheduled(at: Time) -> Occurrence {
    Occurrence { at, trigger: Trigger::Schedule }
}
