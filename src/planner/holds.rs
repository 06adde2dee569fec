//! Sets and removes holds at AWS.
//!
//! A hold must survive the loss of the database, so it is a tag on the backup itself. The request stays in the state,
//! and protects the point, until AWS shows the tag as requested.

use super::call_limits::CallLimits;
use super::send;
use crate::domain::action::{Action, Call, CallKey};
use crate::domain::plan::Plan;
use crate::domain::state::State;
use crate::domain::time::Time;

/// Writes or removes hold tags that AWS does not show as requested.
pub fn plan(state: &State, now: Time, call_limits: &mut CallLimits<'_>, plan: &mut Plan) {
    for ((place, id), hold_request) in &state.hold_requests {
        if state.under_way(place, &CallKey::Hold(id.clone())) {
            continue;
        }
        if now < hold_request.not_before {
            plan.wake.earlier(hold_request.not_before, "a hold is tried again");
            continue;
        }
        // Without an ARN it waits for the poll that returns it.
        let Some(arn) = hold_request.arn.clone() else { continue };
        // Nothing is written on an object in dispute.
        if state.place(place).is_some_and(|known| known.disputes.contains_key(id)) {
            continue;
        }
        if let Err(blocked) = call_limits.delete(place) {
            plan.wake.earlier(blocked.until.unwrap_or(Time::NEVER), "a place is tried again");
            continue;
        }
        let call = Call::Hold { id: id.clone(), arn, hold: hold_request.hold.clone() };
        send(plan, Action { place: place.clone(), call }, now);
    }
}
