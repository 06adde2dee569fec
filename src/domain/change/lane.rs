//! What responses show about the lanes in which copies are in flight.

use super::*;

/// What a response shows about a lane. It is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneEvidence {
    /// AWS refused a copy because no slot was free: no copy is requested in this lane before the given time.
    Refused {
        /// The lane.
        lane: Lane,
        /// When.
        at: Time,
        /// Not before.
        until: Time,
    },
    /// AWS granted a copy in a lane that had refused one.
    Granted {
        /// The lane.
        lane: Lane,
        /// The state holds as many copies there as may be in flight.
        full: bool,
    },
    /// A copy of somebody else ended or vanished.
    OtherEnded {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
    },
}
