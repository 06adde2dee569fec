//! Which slots of a lane are free.
//!
//! AWS refuses a copy when too many are in flight, and a refused copy has to be requested again. There is no slot
//! object that could leak: each round counts what a lane holds from pending requests, copies in flight, and others'
//! copies (promise 1). [`super::slot_priority`] decides who gets the next slot.

use super::call_limits::Blocked;
use crate::domain::lane::Lane;
use crate::domain::plan::Reason;
use crate::domain::policy::Limits;
use crate::domain::state::State;
use std::collections::BTreeMap;

/// The lanes and the slots taken in them this round.
pub struct Slots {
    limits: Limits,
    held: BTreeMap<Lane, u32>,
}

impl Slots {
    /// The lanes as in the state.
    #[must_use]
    pub fn new(limits: Limits, state: &State) -> Self {
        Self { limits, held: state.lanes_held() }
    }

    /// Whether all of these lanes have a free slot.
    ///
    /// # Errors
    /// The first lane that has none.
    pub fn free(&self, lanes: &[Lane]) -> Result<(), Blocked> {
        for lane in lanes {
            let (held, capacity) = (self.held.get(lane).copied().unwrap_or(0), lane.capacity(&self.limits));
            if held >= capacity {
                let detail = format!("{held} of {capacity} copies in flight ({lane})");
                return Err(Blocked { reason: Reason::Slot, until: None, detail });
            }
        }
        Ok(())
    }

    /// The capacity of a lane and the number of copies in flight in it.
    #[must_use]
    pub fn of(&self, lane: &Lane) -> (u32, u32) {
        (lane.capacity(&self.limits), self.held.get(lane).copied().unwrap_or(0))
    }

    /// Takes a slot in all of these lanes.
    pub fn take(&mut self, lanes: &[Lane]) {
        for lane in lanes {
            *self.held.entry(lane.clone()).or_default() += 1;
        }
    }
}
