//! Recovery points whose tags contradict AWS's own fields or the record.

use super::evidence::Objection;
use super::point::RecoveryPoint;
use super::time::Time;

/// A backup or copy that carries our tags, and what contradicts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// The contradiction.
    pub objection: Objection,
    /// Since when.
    pub since: Time,
    /// The point that its tags describe, if they can be read and it is not on record.
    pub claim: Option<Box<RecoveryPoint>>,
}

impl Dispute {
    /// The point that its tags describe, if only its tags say so, or only when its backup was created is in question. It may
    /// be ours, so it is not made again, and it is taken in once its backup confirms it.
    pub(super) fn unconfirmed(&self) -> Option<&RecoveryPoint> {
        self.claim.as_deref().filter(|_| !matches!(self.objection, Objection::Disputed(_)))
    }
}
