//! Every decision of Lifeboat, as functions of (policy, state, now).
//!
//! The daemon must survive a crash at any instant, so it does not rely on remembering what it was doing: each round
//! derives what to do from the recorded state and from what AWS reports. [`plan()`] decides what to record and call;
//! [`process_outcome()`] turns the outcome of a call into changes. Neither has side effects; after a crash between any
//! two steps the next round continues, because there is nothing but rounds.
//!
//! A round has this order, and stops after the first group that has something to record, so that each group sees the state
//! that the previous one recorded:
//!
//! 1. [`membership`]: which sources the policy selects; [`pauses`]: which policies a person paused;
//! 2. [`schedule`]: which occurrences came due, and [`ending`]: which ended; [`forgetting`]: removes unneeded entries;
//! 3. [`polling`]: what to read from AWS; [`backups`] and [`copies`]: what to request, within [`slots`] and [`lane_limits`];
//!    [`holds`]: what a person holds; [`deletions`]: what to delete, as [`retain`] decides and the [`brake`] allows.
//!
//! [`orders`] turns orders from people into changes between two rounds; the next round acts on the state.

pub mod audit;
pub mod backups;
pub mod brake;
pub mod call_limits;
pub mod capacity;
pub mod copies;
pub mod deletions;
pub mod durations;
pub mod ending;
pub mod forgetting;
pub mod full_copy;
pub mod holds;
pub mod lane_limits;
pub mod membership;
pub mod orders;
pub mod outcomes;
pub mod pauses;
pub mod polling;
pub mod request;
pub mod retain;
pub mod retry;
pub mod rpo;
pub mod schedule;
pub mod selection;
pub mod slot_priority;
pub mod slots;

use crate::domain::action::{Action, Call};
use crate::domain::change::Change;
use crate::domain::id::SourceKey;
use crate::domain::plan::Plan;
use crate::domain::policy::Settings;
use crate::domain::state::{SourceState, State};
use crate::domain::time::Time;

pub use outcomes::process_outcome;

/// Decides what to do now.
///
/// The plan's `record` must be applied and committed before any of its `actions` is called. If it has something to
/// record and nothing to call, plan again at once.
#[must_use]
pub fn plan(settings: &Settings, state: &State, now: Time) -> Plan {
    plan_in_order(settings, state, now, slot_priority::TIME_LEFT)
}

/// As [`plan()`], with another slot order than Lifeboat's own, for comparison.
#[must_use]
pub fn plan_in_order(settings: &Settings, state: &State, now: Time, order: slot_priority::SlotOrder) -> Plan {
    let mut plan = Plan::default();
    if !state.timekeeping.confirmed() {
        without_a_clock(settings, state, now, order, &mut plan);
        return plan;
    }
    if now < state.clock {
        plan.record.push(Change::ClockWentBack(now));
        plan.wake.earlier(now, "the clock went back");
        return plan;
    }
    membership::plan(settings, state, now, &mut plan);
    pauses::plan(settings, state, now, &mut plan);
    if !plan.record.is_empty() {
        plan.stop_after_record(now);
        return plan;
    }
    schedule::plan(settings, state, now, &mut plan);
    let active: Vec<Active<'_>> = state.active_sources().collect();
    ending::plan(settings, state, now, &active, &mut plan);
    forgetting::plan(settings, state, now, &mut plan);
    if plan.record.iter().any(Change::durable) {
        plan.stop_after_record(now);
        return plan;
    }
    let mut call_limits = call_limits::CallLimits::new(state, now);
    polling::plan(settings, state, now, &mut call_limits, &mut plan);
    selection::plan(settings, state, now, &mut call_limits, &mut plan);
    backups::plan(settings, now, &active, &mut call_limits, &mut plan);
    copies::plan(settings, now, order, &active, &mut call_limits, &mut plan);
    holds::plan(state, now, &mut call_limits, &mut plan);
    deletions::plan(settings, state, now, &mut call_limits, &mut plan);
    plan
}

/// What continues while AWS does not confirm the time: nothing is opened, ended, deleted or forgotten. Open work
/// continues as long as the elapsed time is known; otherwise AWS is only read until it confirms the time.
fn without_a_clock(settings: &Settings, state: &State, now: Time, order: slot_priority::SlotOrder, plan: &mut Plan) {
    if state.timekeeping.goes_on() {
        // An edited policy applies from when it was loaded.
        membership::plan(settings, state, now, plan);
        if !plan.record.is_empty() {
            plan.stop_after_record(now);
            return;
        }
    }
    let mut call_limits = call_limits::CallLimits::new(state, now);
    polling::plan(settings, state, now, &mut call_limits, plan);
    if state.timekeeping.goes_on() {
        let active: Vec<Active<'_>> = state.active_sources().collect();
        backups::plan(settings, now, &active, &mut call_limits, plan);
        copies::plan(settings, now, order, &active, &mut call_limits, plan);
        holds::plan(state, now, &mut call_limits, plan);
    }
}

/// A source that a round visits: each is looked up once per round, since there may be thousands.
pub type Active<'a> = (&'a SourceKey, &'a SourceState);

/// Adds a call to the plan, with the change that records it.
fn send(plan: &mut Plan, action: Action, now: Time) {
    if let Some(call) = action.call.key() {
        plan.record.push(Change::Sent { place: action.place.clone(), call, at: now });
        plan.actions.push(action);
    }
}

/// Adds a request to the plan: the intent and the call.
fn send_request(
    plan: &mut Plan,
    place: &crate::domain::id::AccountRegion,
    key: &crate::domain::id::WorkKey,
    attempt: u32,
    request: std::sync::Arc<crate::domain::action::Request>,
    now: Time,
) {
    plan.record.push(Change::RequestRecorded { key: key.clone(), attempt, request: request.clone(), at: now });
    send(plan, Action { place: place.clone(), call: Call::Make { key: key.clone(), request } }, now);
}
