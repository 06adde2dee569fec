//! Another daemon with the same policy.
//!
//! Two hosts that run one policy have no connection but AWS. Each must know that it is not alone, since AWS forgets tokens
//! after ten minutes: what one of them comes to late, the other may have asked for long ago.

use super::*;
use crate::domain::limits::{PEER_REMEMBERED_FOR, TOKEN_TRUSTED_FOR};

/// That another daemon is there is recorded at most so often.
const PEER_TOLD_AGAIN: Duration = Duration::from_secs(3600);

impl OutcomeProcessor<'_> {
    /// Whether somebody else asked for it: it was created in the life of this database, lately, and nothing of the kind was
    /// asked for. It need not be so (an answer may have been lost, or a person mistyped a tag); the planner then looks
    /// once more than it must.
    pub(super) fn notice_peer(&mut self, point: &RecoveryPoint, key: &WorkKey) {
        let trusted_from = self.state.created_at.plus(TOKEN_TRUSTED_FOR);
        let lately = point.created_at > trusted_from && point.created_at > self.now.minus(PEER_REMEMBERED_FOR);
        let elsewhere = self.state.point(self.place, &point.id).is_some();
        let asked = self.state.pending_request(key).is_some();
        let told = self.state.peer_seen_at.is_some_and(|at| at.plus(PEER_TOLD_AGAIN) > self.now);
        if lately && !elsewhere && !asked && !told {
            self.push(Change::PeerSeen(self.now));
        }
    }
}
