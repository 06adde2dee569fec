//! Objects that a poll did not show, failed polls, and failed pages of a listing.

use super::*;
use crate::domain::change::AccountEvidence;
use crate::domain::limits::{IDS_PER_CALL, LISTING_LAG};

/// The poll interval of a missing object while it is unknown which account responds.
pub(super) const UNPROVEN_LOOK: Duration = Duration::from_secs(5 * 60);
/// Up to this number of objects are polled at that interval; twice as many at half the rate.
const POLLED_AT_ONCE: usize = 10;
/// The maximum number of failures of a later page before the listing restarts, however often it restarted already.
const PAGE_FAILURES_MAX: u32 = 5;

impl OutcomeProcessor<'_> {
    /// A poll did not find the object.
    pub(super) fn absent(&mut self, id: &BackupId) {
        let place = self.place.clone();
        let known = self.state.point(self.place, id);
        // AWS refused to delete it, so it existed then: its absence now is not the result of our request.
        let deletion = self.state.deletions.get(&(self.place.clone(), id.clone()));
        let refused = deletion.and_then(|deletion| deletion.fault.as_ref());
        let refused = refused.is_some_and(|fault| !matches!(fault.class, FaultClass::Unanswered | FaultClass::Missing));
        // Unless the deletion is being requested again.
        let refused = refused && !self.state.under_way(self.place, &CallKey::Delete(id.clone()));
        if let Some(asked_at) = self.deletion_asked(id).filter(|_| known.is_some() && !refused) {
            return self.absent_as_asked(id, asked_at);
        }
        match known.map(|point| (point, point.remarks.missing_since)) {
            Some((_, Some(since))) => {
                // AWS's clock and ours may differ, and ours may jump: a new object may look old to a listing. So the
                // lag has to pass again, by our clock alone, between doubt and belief.
                let believed = since.plus(LISTING_LAG);
                let account = &place.account;
                if !self.state.proven_after(account, since) && !self.state.doubted_in_vain(account) {
                    // Another account may be responding. Other calls find out who responds; until then, polling this
                    // object shows nothing new.
                    let account = account.clone();
                    self.push(Change::Account(AccountEvidence::Doubted { account, since, at: self.now }));
                    let at = self.unproven_look().max(believed);
                    self.push(Change::PollScheduled { place, ids: vec![id.clone()], at, batch: Some(1) });
                } else if self.now >= believed {
                    self.push(Change::BackupRemoved { place, id: id.clone(), at: self.now });
                } else {
                    self.push(Change::PollScheduled { place, ids: vec![id.clone()], at: believed, batch: Some(1) });
                }
            }
            Some((point, None)) => {
                // One absence proves nothing: a listing has to miss it as well.
                let at = point.created_at.plus(LISTING_LAG).max(self.now);
                self.push(Change::ListingWanted { place: place.clone(), at });
                // While it is unknown who responds, polling again shows nothing new.
                let account = self.state.accounts.get(&place.account);
                let doubted = account.is_some_and(|known| known.silent.is_some());
                let unproven = doubted || self.state.foreign_at(&place).is_some();
                let at = if unproven { self.unproven_look() } else { self.next_look() };
                self.push(Change::PollScheduled { place, ids: vec![id.clone()], at, batch: Some(1) });
            }
            // Its slot may still be occupied; a listing will show.
            None if self.may_be_elsewhere(id) => {
                self.push(Change::ListingWanted { place: place.clone(), at: self.now });
                let at = self.unproven_look();
                self.push(Change::PollScheduled { place, ids: vec![id.clone()], at, batch: Some(1) });
            }
            None => self.push(Change::Lane(LaneEvidence::OtherEnded { place, id: id.clone() })),
        }
    }

    /// When to look again at what another account may be hiding. Each is looked at in a call of its own, so the more there
    /// are, the more seldom.
    fn unproven_look(&self) -> Time {
        let polled = self.here.map_or(0, |known| known.poll_schedule.len());
        let times = u32::try_from(1 + polled / POLLED_AT_ONCE).unwrap_or(u32::MAX);
        self.next_look().max(self.now.plus(UNPROVEN_LOOK.saturating_mul(times)))
    }

    /// Whether another's copy is missing only because another account may have responded.
    fn may_be_elsewhere(&self, id: &BackupId) -> bool {
        let on_record = self.state.accounts.contains_key(&self.place.account);
        on_record && !self.named && self.here.is_some_and(|known| known.others.contains_key(id))
    }

    pub(super) fn poll_failed(&mut self, ids: &[BackupId], fault: &Fault) {
        match (ids, fault.class) {
            ([id], FaultClass::Missing) => self.absent(id),
            (_, FaultClass::Missing) => {
                let (place, ids) = (self.place.clone(), ids.to_vec());
                let batch = Some(ids.len().min(IDS_PER_CALL) / 2);
                self.push(Change::PollScheduled { place, ids, at: self.now, batch });
            }
            _ => {
                let failures = self.here.map_or(0, |known| known.failures);
                let call = ids.first().cloned().map_or(CallKey::List, CallKey::Poll);
                let pause = self.read_refused(call, fault, failures);
                let (place, ids) = (self.place.clone(), ids.to_vec());
                self.push(Change::PollScheduled { place, ids, at: self.now.plus(pause), batch: None });
            }
        }
    }

    pub(super) fn page_failed(&mut self, fault: &Fault) {
        let listing = self.here.and_then(|known| known.listing.as_ref());
        let (failures, anew) = listing.map_or((0, 0), |listing| (listing.failures, listing.begun_anew));
        let later_page = listing.is_some_and(|listing| listing.next_token.is_some());
        // A token can expire or never be served: a later page is abandoned after its second failure. Each restarted
        // listing allows more failures, because with many pages and frequent failures some page is certain to fail
        // twice.
        let temporary = matches!(fault.class, FaultClass::Unanswered | FaultClass::Throttled);
        let restart = !temporary || (later_page && failures > anew.min(PAGE_FAILURES_MAX));
        let pause = self.read_refused(CallKey::List, fault, failures.saturating_add(anew));
        let (place, not_before) = (self.place.clone(), self.now.plus(pause));
        self.push(Change::ListingStalled { place, not_before, restart });
    }
}
