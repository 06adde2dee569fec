//! Lanes in which AWS refused a copy because no slot was free.
//!
//! The copies that fill a lane may be invisible to us: others' copies that no listing shows yet, or that we may not
//! see. Then only a refusal from AWS reveals that the lane is full, and it concerns the lane, not the route that
//! happened to ask. This is not stored: after a start, the first refusal closes the lane again.

use super::*;
use crate::domain::change::LaneEvidence;
use crate::domain::lane::FileSystemKind;

/// A lane that refused a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedLane {
    /// The last refusal.
    pub refused_at: Time,
    /// The refusal before the last.
    pub refused_before: Option<Time>,
    /// Refusals in a row, with no copy granted between them.
    pub refusals: u32,
    /// No copy is requested before this time, unless a copy ends in the lane.
    pub until: Time,
    /// Copies are requested one at a time, until as many as the lane allows were granted.
    pub one_at_a_time: bool,
}

impl ClosedLane {
    /// How many of its refusals came after `since`, up to two.
    #[must_use]
    pub fn refused_since(&self, since: Time) -> u32 {
        u32::from(self.refused_at > since) + u32::from(self.refused_before > Some(since))
    }
}

impl State {
    /// The lanes in which a copy occupies a slot, the narrowest first.
    #[must_use]
    pub fn lanes_of_copy(&self, key: &WorkKey) -> Vec<Lane> {
        let (Some(source), Target::Copy(region)) = (self.sources.get(&key.source), &key.target) else {
            return Vec::new();
        };
        let volume = key.source.source.is_volume().then_some(&key.source.source);
        // A volume's backup is always ONTAP (fsx-facts 1.1), even if no backup is left.
        let kind = volume.map_or_else(|| source.kind_of_backup(key.occurrence), |_| FileSystemKind::Ontap);
        Lane::of_copy(kind, &key.source.account, region, volume)
    }

    pub(super) fn lane_shown(&mut self, evidence: &LaneEvidence) {
        match evidence {
            LaneEvidence::Refused { lane, at, until } => self.lane_refused(lane, *at, *until),
            LaneEvidence::Granted { lane, full } => self.lane_granted(lane, *full),
            LaneEvidence::OtherEnded { place, id } => self.other_ended(place, id),
        }
    }

    fn lane_refused(&mut self, lane: &Lane, at: Time, until: Time) {
        let before = self.closed_lanes.get(lane);
        let refusals = before.map_or(0, |before| before.refusals).saturating_add(1);
        let refused_before = before.map(|before| before.refused_at);
        let closed = ClosedLane { refused_at: at, refused_before, refusals, until, one_at_a_time: true };
        self.closed_lanes.insert(lane.clone(), closed);
    }

    fn lane_granted(&mut self, lane: &Lane, full: bool) {
        if let Some(closed) = self.closed_lanes.get_mut(lane) {
            closed.refusals = 0;
            closed.until = Time::ZERO;
            // The state holds all copies that AWS allows there, so none is hidden any more.
            closed.one_at_a_time &= !full;
        }
    }

    /// Something ended in these lanes: a slot may be free.
    pub(super) fn lanes_moved(&mut self, lanes: &[Lane]) {
        for lane in lanes {
            if let Some(closed) = self.closed_lanes.get_mut(lane) {
                closed.until = Time::ZERO;
            }
        }
    }

    pub(super) fn closed_lanes_clock_went_back(&mut self, to: Time) {
        for closed in self.closed_lanes.values_mut() {
            closed.refused_at = closed.refused_at.min(to);
            closed.refused_before = closed.refused_before.map(|at| at.min(to));
            closed.until = closed.until.min(to);
        }
    }
}
