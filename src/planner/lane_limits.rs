//! How many copies of a lane may be requested at once.
//!
//! The copies that fill a lane may be invisible to us. Then each waiting route would need its own refusal to find out:
//! a thousand routes, a thousand calls. So one refusal closes the lane for all of them. It opens when a copy there
//! ends, when a listing shows that one ended, or after a backoff that grows with each refusal; then one copy is
//! requested, for the route with the highest priority. Each copy that AWS grants allows one more at a time.
//!
//! At most [`REFUSALS_PER_MINUTE`] copies a minute are refused per lane: a request without a response may be refused,
//! and counts as a refusal until its response arrives.

use super::call_limits::Blocked;
use crate::domain::action::CallKey;
use crate::domain::counted::counted;
use crate::domain::id::Target;
use crate::domain::lane::Lane;
use crate::domain::plan::Reason;
use crate::domain::state::{ClosedLane, State};
use crate::domain::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// Maximum number of refused copies per lane and minute.
pub const REFUSALS_PER_MINUTE: u32 = 2;
const MINUTE: Duration = Duration::from_secs(60);

/// The lanes and the copies requested in them this round.
pub struct LaneLimits<'a> {
    closed: &'a BTreeMap<Lane, ClosedLane>,
    now: Time,
    /// Requests without a response yet.
    unanswered: BTreeMap<Lane, u32>,
}

impl<'a> LaneLimits<'a> {
    /// The lanes as in the state.
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

    /// How many more copies may be requested in these lanes now.
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

    /// Whether a copy may be requested in these lanes, for whichever route.
    ///
    /// # Errors
    /// Why it is blocked.
    pub fn open(&self, lanes: &[Lane]) -> Result<(), Blocked> {
        let Some(lane) = lanes.first().filter(|_| self.room(lanes) == 0) else { return Ok(()) };
        let asked = self.unanswered.get(lane).copied().unwrap_or(0);
        let shut = self.closed.get(lane).filter(|closed| asked == 0 || self.now < closed.until);
        let Some(closed) = shut else {
            let are = if asked == 1 { "is" } else { "are" };
            let detail = format!("{} {are} being asked for ({lane})", counted(asked as usize, "copy"));
            return Err(Blocked { reason: Reason::CallLimit, until: None, detail });
        };
        let recent = closed.refused_since(self.now.minus(MINUTE));
        let spaced = closed.refused_before.filter(|_| recent >= REFUSALS_PER_MINUTE).map(|at| at.plus(MINUTE));
        let until = closed.until.max(spaced.unwrap_or(Time::ZERO));
        let detail = format!("AWS refused a copy at {}: no slot ({lane}); one route asks again", closed.refused_at);
        Err(Blocked { reason: Reason::Slot, until: Some(until), detail })
    }

    /// Counts a request.
    pub fn take(&mut self, lanes: &[Lane]) {
        if let Some(lane) = lanes.first() {
            *self.unanswered.entry(lane.clone()).or_default() += 1;
        }
    }
}
