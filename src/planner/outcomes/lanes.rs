//! What a granted or refused copy reveals about its lane.

use super::*;

/// Refusals in a row after which the state is read at once: after that, what fills the lane stays hidden from them.
const LISTINGS_WANTED: u32 = 2;

impl OutcomeProcessor<'_> {
    /// AWS refuses a copy for want of a slot. It is the lane that waits, not the route: any other would be refused as well,
    /// and this one may be the next that goes first.
    pub(super) fn no_slot(&mut self, key: &WorkKey, fault: Fault, definite: bool) {
        if let Some(lane) = self.state.lanes_of_copy(key).into_iter().next() {
            let before = self.state.closed_lanes.get(&lane);
            let refusals = before.map_or(0, |closed| closed.refusals).saturating_add(1);
            let pause = retry::pause(FaultClass::NoSlot, refusals, self.poll(), key.jitter(refusals));
            if refusals <= LISTINGS_WANTED && self.held_in(&lane) <= lane.capacity(&self.settings.limits) {
                // Somebody else's copies fill it: see them.
                self.push(Change::ListingWanted { place: self.place.clone(), at: self.now });
            }
            self.push(Change::Lane(LaneEvidence::Refused { lane, at: self.now, until: self.now.plus(pause) }));
        }
        self.push(Change::RequestFailed { key: key.clone(), fault, definite, not_before: self.now });
    }

    /// AWS grants a copy.
    pub(super) fn lane_granted(&mut self, key: &WorkKey) {
        let lanes = self.state.lanes_of_copy(key);
        if let Some(lane) = lanes.into_iter().next().filter(|lane| self.state.closed_lanes.contains_key(lane)) {
            let full = self.held_in(&lane) >= lane.capacity(&self.settings.limits);
            self.push(Change::Lane(LaneEvidence::Granted { lane, full }));
        }
    }

    /// How many copies the state holds in a lane; one that was just granted or refused is among them.
    fn held_in(&self, lane: &Lane) -> u32 {
        self.state.lanes_held().get(lane).copied().unwrap_or(0)
    }
}
