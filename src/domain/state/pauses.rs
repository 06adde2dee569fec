//! What people ordered: pauses of policies, and the outcome of occurrences ordered by hand.

use super::*;
use crate::domain::change::OccurrenceOutcome;

/// A request that is repeated may still arrive so long after its time, and is known to be the same until then.
pub const ORDER_REPEATED_WITHIN: Duration = Duration::from_secs(10 * 60);

/// An occurrence by hand that ended is known as such for so long, over restarts too: what AWS shows of it opens it no more,
/// though a tag of it was mistyped meanwhile and put right.
pub const ORDER_REMEMBERED_FOR: Duration = Duration::from_secs(30 * 86_400);

/// So many ended occurrences by hand are remembered of a source.
const ORDERS_REMEMBERED: usize = 256;

impl State {
    /// The pause that an occurrence of this time falls into.
    #[must_use]
    pub fn pause_at(&self, policy: &PolicyName, at: Time) -> Option<&Pause> {
        self.pauses.get(policy)?.iter().rev().find(|pause| pause.covers(at))
    }

    pub(super) fn paused(&mut self, policy: &PolicyName, pause: &Pause) {
        let pauses = self.pauses.entry(policy.clone()).or_default();
        pauses.retain(|other| other.since != pause.since);
        pauses.push(pause.clone());
        pauses.sort_by_key(|pause| pause.since);
    }

    pub(super) fn pause_over(&mut self, policy: &PolicyName, since: Time) {
        if let Some(pauses) = self.pauses.get_mut(policy) {
            pauses.retain(|pause| pause.since != since);
            if pauses.is_empty() {
                self.pauses.remove(policy);
            }
        }
    }
}

impl SourceState {
    /// Remembers how an occurrence by hand ended.
    pub fn order_ended(&mut self, occurrence: Occurrence, end: OccurrenceOutcome) {
        if occurrence.trigger == Trigger::Manual {
            self.orders_ended.insert(occurrence.at, end);
            while self.orders_ended.len() > ORDERS_REMEMBERED {
                self.orders_ended.pop_first();
            }
        }
    }
}
