//! What responses show about the lanes in which copies are in flight.

use super::*;

/// What a response shows about a lane. It is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneEvidence {
    /// AWS refused a copy because no slot was free: no copy is requested in this lane before the given time.
    Refused {
        /// The lane.
        lane: Lane,
        /// When it happened.
        at: Time,
        /// Earliest time of the next copy request.
        until: Time,
    },
    /// AWS granted a copy in a lane that had refused one.
    Granted {
        /// The lane.
        lane: Lane,
        /// All copies that the lane allows are in the state, so none is hidden.
        full: bool,
    },
    /// A copy that is not ours ended or vanished.
    OtherEnded {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
    },
}
