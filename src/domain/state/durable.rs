//! Loading the durable part of the state, and correcting it when the clock goes back.
//!
//! `tests/world/disk.rs` defines what the next process knows. Every store is tested against it
//! (`tests/model/store/conformance.rs`), so the stored state cannot diverge from the state in memory.

use super::*;
use crate::domain::change::Forgotten;
use crate::domain::limits::PUT_OFF_AT_MOST;

impl State {
    /// Restores the last complete listing of an earlier process: its cost and its count of user backups.
    pub fn restore_listed(&mut self, place: AccountRegion, began_at: Time, pages: u32, user_backups: u64) {
        let known = self.places.entry(place).or_default();
        known.listed = Some(Listed { began_at, took: Duration::ZERO, pages, listed_by_this_process: false });
        known.user_backups = user_backups;
        known.last_seen = Some(began_at);
    }

    /// A source, for a store to fill.
    pub fn source_to_restore(&mut self, key: &SourceKey) -> Option<&mut SourceState> {
        self.sources.get_mut(key).map(Arc::make_mut)
    }

    /// Reserves memory for the points of a source.
    pub fn expect_points(&mut self, key: &SourceKey, count: usize) {
        if let Some(source) = self.source_to_restore(key) {
            source.points.expect(count);
        }
    }

    /// Ends loading: derived state is computed, and retention will review everything.
    pub fn all_restored(&mut self) {
        self.places.values_mut().for_each(|known| known.points.pack());
        let keys: Vec<SourceKey> = self.sources.keys().cloned().collect();
        for key in &keys {
            if let Some(source) = self.source_to_restore(key) {
                source.forget_all_deleted();
            }
            self.reindex(key);
        }
        self.review_all();
    }

    /// Whether anything on record is further in the future than this, so that [`Change::ClockWentBack`] is needed.
    #[must_use]
    pub fn lies_ahead_of(&self, now: Time) -> bool {
        let soon = now.plus(PUT_OFF_AT_MOST);
        self.created_at > now
            || self.sources.values().any(|source| source.lies_ahead_of(now))
            || self.places.values().any(|known| known.last_seen > Some(now))
            || self.notes.late.values().any(|since| *since > now)
            || self.deletions.values().any(|deletion| deletion.not_before > soon)
            || self.hold_requests.values().any(|hold_request| hold_request.not_before > soon)
    }
}

impl State {
    /// AWS confirms the time for the first time. If the host's clock was behind, this process began later than it
    /// recorded, and so did the database if this process created it.
    pub fn clock_confirmed(&mut self, now: Time, runs_for: Duration) {
        let began = now.minus(runs_for);
        if began.since(self.started_at) < NOTICED {
            return;
        }
        if self.created_at == self.started_at {
            self.created_at = began;
        }
        self.started_at = began;
    }

    /// Removes an entry that nothing needs any more.
    pub(super) fn forget(&mut self, what: &Forgotten) -> Result<(), IllegalChange> {
        match what {
            Forgotten::Source(key) => {
                let Some(source) = self.sources.get(key) else { return Ok(()) };
                if source.membership.is_some() || !source.holds_nothing() || source.active() {
                    return Err(illegal(format!("{key}: to be forgotten while there is something of it")));
                }
                self.reviews.remove(&(source.review_at, key.clone()));
                self.sources.remove(key);
                self.braked.retain(|(source, _), _| source != key);
                self.quarantined.remove(key);
            }
            Forgotten::AccountRegion(place) => {
                if self.places.get(place).is_some_and(|known| !known.points.is_empty()) {
                    return Err(illegal(format!("{place}: to be forgotten while points of ours are there")));
                }
                self.places.remove(place);
            }
            Forgotten::Counter(total) => drop(self.counters.remove(total)),
        }
        Ok(())
    }
}

/// A smaller difference is ignored.
const NOTICED: Duration = Duration::from_secs(60);

impl Membership {
    fn lie_ahead_of(&self, now: Time) -> bool {
        self.since > now || self.lines.iter().any(|line| line.since > Some(now))
    }
}

impl SourceState {
    fn lies_ahead_of(&self, now: Time) -> bool {
        let soon = now.plus(PUT_OFF_AT_MOST);
        self.cursor > Some(now)
            || self.membership.as_ref().is_some_and(|membership| membership.lie_ahead_of(now))
            || self.pending_requests.values().any(|pending| pending.last_asked_at > now || pending.not_before > soon)
            || self.points.iter().any(|point| point.settled_at > Some(now))
    }
}
