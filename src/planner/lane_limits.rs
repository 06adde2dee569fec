//! How many copies of a lane may be requested at one time.
//!
//! The copies that fill a lane may be invisible to us. Then each waiting route would learn it from its own refusal: a
//! thousand routes, thousands of calls. So one refusal closes the lane for all of them. It opens when a copy there
//! ends, when a listing shows that one did, or after a backoff that grows with each refusal; then one copy is
//! requested, that of the route with the highest priority. If AWS grants it, the lane opens by one more copy at a time.
//!
//! AWS never refuses more than [`REFUSALS_PER_MINUTE`] a minute and lane: every call without a response may be a
//! refusal, and counts as one until its response arrives.

use super::call_limits::Blocked;
use crate::domain::action::CallKey;
use crate::domain::id::Target;
use crate::domain::lane::Lane;
use crate::domain::plan::Reason;
use crate::domain::state::{ClosedLane, State};
use crate::domain::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// Refused copies in any minute of a lane, at most.
pub const REFUSALS_PER_MINUTE: u32 = 2;
const MINUTE: Duration = Duration::from_secs(60);

/// The lanes as a round asks for copies in them.
pub struct LaneLimits<'a> {
    closed: &'a BTreeMap<Lane, ClosedLane>,
    now: Time,
    /// Copies that are being asked for, without an answer yet.
    unanswered: BTreeMap<Lane, u32>,
}

impl<'a> LaneLimits<'a> {
    /// As the state has it now.
    #[must_use]
    pub fn new(state: &'a State, now: Time) -> Self {
        let mut limits = Self { closed: &state.closed_lanes, now, unanswered: BTreeMap::new() };
        for call in state.places.values().flat_map(|known| &known.calls) {
            if let CallKey::Make(key) = call
                && key.target != Target::Backup
            {
                limits.take(&state.lanes_of_copy(key));
            }
        }
        limits
    }

    /// How many more copies may be asked for in these lanes now.
    #[must_use]
    pub fn room(&self, lanes: &[Lane]) -> u32 {
        let Some(lane) = lanes.first() else { return 0 };
        let asked = self.unanswered.get(lane).copied().unwrap_or(0);
        let Some(closed) = self.closed.get(lane) else { return REFUSALS_PER_MINUTE.saturating_sub(asked) };
        if self.now < closed.until {
            return 0;
        }
        let refused = closed.refused_since(self.now.minus(MINUTE));
        let most = if closed.one_at_a_time { 1 } else { REFUSALS_PER_MINUTE };
        most.saturating_sub(asked).min(REFUSALS_PER_MINUTE.saturating_sub(refused.saturating_add(asked)))
    }

    /// Whether a copy may be asked for in these lanes, whoever asks.
    ///
    /// # Errors
    /// Why not now.
    pub fn open(&self, lanes: &[Lane]) -> Result<(), Blocked> {
        let Some(lane) = lanes.first().filter(|_| self.room(lanes) == 0) else { return Ok(()) };
        let asked = self.unanswered.get(lane).copied().unwrap_or(0);
        let shut = self.closed.get(lane).filter(|closed| asked == 0 || self.now < closed.until);
        let Some(closed) = shut else {
            let detail = format!("{asked} copies are being asked for ({lane})");
            return Err(Blocked { reason: Reason::CallLimit, until: None, detail });
        };
        let recent = closed.refused_since(self.now.minus(MINUTE));
        let spaced = closed.refused_before.filter(|_| recent >= REFUSALS_PER_MINUTE).map(|at| at.plus(MINUTE));
        let until = closed.until.max(spaced.unwrap_or(Time::ZERO));
        let detail = format!("AWS refused a copy at {}: no slot ({lane}); one route asks again", closed.refused_at);
        Err(Blocked { reason: Reason::Slot, until: Some(until), detail })
    }

    /// A copy is asked for.
    pub fn take(&mut self, lanes: &[Lane]) {
        if let Some(lane) = lanes.first() {
            *self.unanswered.entry(lane.clone()).or_default() += 1;
        }
    }
}
