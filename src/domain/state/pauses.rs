//! What people ordered: pauses of policies, and outcomes of on-demand occurrences.

use super::*;
use crate::domain::change::OccurrenceOutcome;

/// A repeated order is recognised as the same one for this long after its time.
pub const ORDER_REPEATED_WITHIN: Duration = Duration::from_secs(10 * 60);

/// How long the end of an on-demand occurrence is remembered, across restarts: until then, nothing that AWS shows
/// reopens it, even if one of its tags was wrong for a while and then corrected.
pub const ORDER_REMEMBERED_FOR: Duration = Duration::from_secs(30 * 86_400);

/// The number of ended on-demand occurrences remembered per source.
const ORDERS_REMEMBERED: usize = 256;

impl State {
    /// The pause that an occurrence at this time falls into.
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
    /// Remembers how an on-demand occurrence ended.
    pub fn order_ended(&mut self, occurrence: Occurrence, end: OccurrenceOutcome) {
        if occurrence.trigger == Trigger::Manual {
            self.orders_ended.insert(occurrence.at, end);
            while self.orders_ended.len() > ORDERS_REMEMBERED {
                self.orders_ended.pop_first();
            }
        }
    }
}
