//! What a granted or refused copy reveals about its lane.

use super::*;

/// After this many refusals in a row, another listing would not show what fills the lane.
const LISTINGS_WANTED: u32 = 2;

impl OutcomeProcessor<'_> {
    /// AWS refused a copy for lack of a slot. The lane waits, not the route: any other route would be refused too, and
    /// this one may be the next to go.
    pub(super) fn no_slot(&mut self, key: &WorkKey, fault: Fault, definite: bool) {
        if let Some(lane) = self.state.lanes_of_copy(key).into_iter().next() {
            let before = self.state.closed_lanes.get(&lane);
            let refusals = before.map_or(0, |closed| closed.refusals).saturating_add(1);
            let pause = retry::pause(FaultClass::NoSlot, refusals, self.poll(), key.jitter(refusals));
            if refusals <= LISTINGS_WANTED && self.held_in(&lane) <= lane.capacity(&self.settings.limits) {
                // Others' copies fill the lane: list them.
                self.push(Change::ListingWanted { place: self.place.clone(), at: self.now });
            }
            self.push(Change::Lane(LaneEvidence::Refused { lane, at: self.now, until: self.now.plus(pause) }));
        }
        self.push(Change::RequestFailed { key: key.clone(), fault, definite, not_before: self.now });
    }

    /// AWS granted a copy.
    pub(super) fn lane_granted(&mut self, key: &WorkKey) {
        let lanes = self.state.lanes_of_copy(key);
        if let Some(lane) = lanes.into_iter().next().filter(|lane| self.state.closed_lanes.contains_key(lane)) {
            let full = self.held_in(&lane) >= lane.capacity(&self.settings.limits);
            self.push(Change::Lane(LaneEvidence::Granted { lane, full }));
        }
    }

    /// The number of copies in a lane, including the one that was just granted or refused.
    fn held_in(&self, lane: &Lane) -> u32 {
        self.state.lanes_held().get(lane).copied().unwrap_or(0)
    }
}
