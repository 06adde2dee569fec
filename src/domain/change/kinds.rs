//! Which changes are durable, and which source a change concerns.

use super::*;

impl Change {
    /// Whether the store persists it.
    #[must_use]
    pub fn durable(&self) -> bool {
        match self {
            Self::MembershipUpdated { .. }
            | Self::Rescheduled { .. }
            | Self::SourceDeparted { .. }
            | Self::Opened { .. }
            | Self::Closed { .. }
            | Self::RequestRecorded { .. }
            | Self::RequestFailed { .. }
            | Self::RequestNeverApplied { .. }
            | Self::RequestRetryAllowed(_)
            | Self::BackupObserved { .. }
            | Self::BackupRemoved { .. }
            | Self::Disputed { .. }
            | Self::DeletionPlanned { .. }
            | Self::DeletionCancelled { .. }
            | Self::DeletionRequested { .. }
            | Self::DeletionFailed { .. }
            | Self::HoldRequested { .. }
            | Self::HoldTried { .. }
            | Self::HoldConfirmed { .. }
            | Self::Paused { .. }
            | Self::PauseOver { .. }
            | Self::Counted(_)
            | Self::Noted(_)
            | Self::Forgotten(_)
            | Self::Cancelled { .. }
            | Self::AccountRecorded { .. }
            | Self::OwnAccountNamed(..)
            | Self::PeerSeen(_)
            | Self::ClockWentBack(_)
            | Self::Listed { .. } => true,
            Self::MissingFromListing { .. }
            | Self::Inspected { .. }
            | Self::Reviewed { .. }
            | Self::Account(_)
            | Self::InventoryRead { .. }
            | Self::Sent { .. }
            | Self::Returned { .. }
            | Self::Withdrawn { .. }
            | Self::ReadAnswered { .. }
            | Self::ListingBegan { .. }
            | Self::ListingPage { .. }
            | Self::ListingStalled { .. }
            | Self::ListingWanted { .. }
            | Self::PollScheduled { .. }
            | Self::Lane(_)
            | Self::Search(_)
            | Self::SourceLookupSent { .. }
            | Self::SourceLookedUp { .. }
            | Self::SourceLookupFailed { .. }
            | Self::Timed { .. }
            | Self::Swept(_)
            | Self::Synced(_)
            | Self::Checked { .. } => false,
        }
    }

    /// The source whose route is blocked if the change is illegal.
    #[must_use]
    pub fn source(&self) -> Option<SourceKey> {
        match self {
            Self::MembershipUpdated { source, .. }
            | Self::Rescheduled { source, .. }
            | Self::SourceDeparted { source }
            | Self::Opened { source, .. }
            | Self::Closed { source, .. }
            | Self::Cancelled { source, .. }
            | Self::SourceLookupFailed { source, .. }
            | Self::Reviewed { source, .. } => Some(source.clone()),
            Self::RequestRecorded { key, .. }
            | Self::RequestFailed { key, .. }
            | Self::RequestNeverApplied { key }
            | Self::RequestRetryAllowed(key) => Some(key.source.clone()),
            Self::BackupObserved { point } => Some(point.source_key()),
            _ => None,
        }
    }
}
