//! Which changes are kept, and whom they concern.

use super::*;

impl Change {
    /// Whether the store keeps it.
    #[must_use]
    pub fn durable(&self) -> bool {
        match self {
            Self::Watched { .. }
            | Self::Rescheduled { .. }
            | Self::Left { .. }
            | Self::Opened { .. }
            | Self::Closed { .. }
            | Self::Asked { .. }
            | Self::Unfulfilled { .. }
            | Self::Disproved { .. }
            | Self::Retriable(_)
            | Self::Seen { .. }
            | Self::Gone { .. }
            | Self::Disputed { .. }
            | Self::Condemned { .. }
            | Self::Spared { .. }
            | Self::DeleteAsked { .. }
            | Self::DeleteRefused { .. }
            | Self::HoldWished { .. }
            | Self::HoldTried { .. }
            | Self::HoldStands { .. }
            | Self::Paused { .. }
            | Self::PauseOver { .. }
            | Self::Counted(_)
            | Self::Noted(_)
            | Self::Forgotten(_)
            | Self::Cancelled { .. }
            | Self::AccountRecorded { .. }
            | Self::ClockWentBack { .. }
            | Self::Listed { .. } => true,
            Self::Suspected { .. }
            | Self::Inspected { .. }
            | Self::Reviewed { .. }
            | Self::Account(_)
            | Self::PlaceSeen { .. }
            | Self::Sent { .. }
            | Self::Returned { .. }
            | Self::Withdrawn { .. }
            | Self::ReadAnswered { .. }
            | Self::ListingBegan { .. }
            | Self::ListingPage { .. }
            | Self::ListingStalled { .. }
            | Self::ListingWanted { .. }
            | Self::LookAgain { .. }
            | Self::Lane(_)
            | Self::LookUpSent { .. }
            | Self::LookedUp { .. }
            | Self::LookUpFailed { .. }
            | Self::Timed { .. }
            | Self::Swept(_)
            | Self::Synced(_)
            | Self::Checked { .. } => false,
        }
    }

    /// The source whose route is set aside if the change is illegal.
    #[must_use]
    pub fn source(&self) -> Option<SourceKey> {
        match self {
            Self::Watched { source, .. }
            | Self::Rescheduled { source, .. }
            | Self::Left { source }
            | Self::Opened { source, .. }
            | Self::Closed { source, .. }
            | Self::Cancelled { source, .. }
            | Self::LookUpFailed { source, .. }
            | Self::Reviewed { source, .. } => Some(source.clone()),
            Self::Asked { key, .. }
            | Self::Unfulfilled { key, .. }
            | Self::Disproved { key }
            | Self::Retriable(key) => Some(key.source.clone()),
            Self::Seen { point } => Some(point.source_key()),
            _ => None,
        }
    }
}
