//! When to look at something again.
//!
//! A copy takes minutes or hours, and looking at it every half minute costs more calls than all the rest. So what is in
//! flight is looked at when it is expected to end, as learned from the last few of its route, and every `poll` from then
//! on. What fails early, or ends sooner, shows in the look at another, since a call has room for fifty, in a listing, or
//! in a look that comes no later than a listing would.

use super::*;
use crate::planner::durations;
use crate::planner::polling::POLLS_PER_LISTING;
use std::collections::BTreeMap;

/// What is in flight is looked at this often at least, or every `poll` if that is longer.
const LOOKED_AT_LEAST_EVERY: Duration = Duration::from_secs(10 * 60);

impl OutcomeProcessor<'_> {
    pub(super) fn next_look(&self) -> Time {
        self.now.plus(self.poll())
    }

    /// The first look at what was just made.
    pub(super) fn first_look(&self, key: &WorkKey) -> Time {
        self.look_before_end(key, self.now)
    }

    /// These were looked at, and are there.
    pub(super) fn look_again(&mut self, ids: Vec<BackupId>) {
        let mut at_once: BTreeMap<Time, Vec<BackupId>> = BTreeMap::new();
        for id in ids {
            let point = self.here.and_then(|here| self.state.point_among(self.place, here, &id));
            let in_flight = point.filter(|point| point.lifecycle.in_flight());
            let at = in_flight
                .map_or_else(|| self.next_look(), |point| self.look_before_end(&point.work_key(), point.created_at));
            at_once.entry(at).or_default().push(id);
        }
        for (at, ids) in at_once {
            self.push(Change::PollScheduled { place: self.place.clone(), ids, at, batch: Some(0) });
        }
    }

    fn look_before_end(&self, key: &WorkKey, began_at: Time) -> Time {
        let soon = self.next_look();
        let source = self.state.sources.get(&key.source);
        let Some(after) = source.and_then(|source| durations::look_after(source, &key.target)) else { return soon };
        let due = self.at_a_common_time(began_at.plus(after));
        let apart = self.poll().saturating_mul(POLLS_PER_LISTING).min(LOOKED_AT_LEAST_EVERY);
        due.min(self.now.plus(apart)).max(soon)
    }

    /// The next of the moments, one every `poll`, at which looks are due: what ends about the same time then shares calls.
    fn at_a_common_time(&self, time: Time) -> Time {
        let poll_ms = i64::try_from(self.poll().as_millis()).unwrap_or(i64::MAX).max(1);
        let past_ms = time.millis().rem_euclid(poll_ms).unsigned_abs();
        let wait_ms = if past_ms == 0 { 0 } else { poll_ms.unsigned_abs() - past_ms };
        time.plus(Duration::from_millis(wait_ms))
    }
}
