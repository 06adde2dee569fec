//! A recovery point whose tags AWS's own fields contradict.

use super::evidence::Objection;
use super::point::RecoveryPoint;
use super::time::Time;

/// A backup or copy that carries our tags, and what speaks against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// What speaks against it.
    pub objection: Objection,
    /// Since when.
    pub since: Time,
    /// What its tags make of it, if they can be read and it is not on record.
    pub claim: Option<Box<RecoveryPoint>>,
}

impl Dispute {
    /// What it may be, where nothing but its tags says so.
    pub(super) fn unconfirmed(&self) -> Option<&RecoveryPoint> {
        self.claim.as_deref().filter(|_| matches!(self.objection, Objection::Unconfirmed(_)))
    }
}
