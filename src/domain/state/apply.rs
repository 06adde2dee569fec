//! The only way to change the state.
//!
//! An illegal change is rejected before anything is modified, so one corrupt row or one confusing response costs one
//! source and not the daemon.

use super::deletions::cares;
use super::*;

impl State {
    /// Applies one change.
    ///
    /// # Errors
    /// The change contradicts the state; nothing was modified.
    pub fn apply(&mut self, change: &Change) -> Result<(), IllegalChange> {
        match change {
            Change::MembershipUpdated { source, region, policy, destinations, since } => {
                self.watched(source, region, policy, destinations, *since);
            }
            Change::Rescheduled { source, lines } => self.source_mut(source)?.rescheduled(source, lines)?,
            Change::SourceDeparted { source } => self.source_departed(source)?,
            Change::Opened { source, occurrence, record } => self.open(source, *occurrence, record)?,
            Change::Closed { source, occurrence, record, end, earlier, reason: _, at } => {
                self.close(source, *occurrence, earlier.saturating_add(1), record, *end, *at)?;
            }
            Change::Cancelled { source, occurrence, at } => self.cancel(source, *occurrence, *at)?,
            Change::RequestRecorded { key, attempt, request, at } => {
                self.request_recorded(key, *attempt, request, *at)?
            }
            Change::RequestFailed { key, fault, definite, not_before } => {
                self.request_failed(key, fault, *definite, *not_before)?;
            }
            Change::RequestNeverApplied { key } => self.request_never_applied(key)?,
            Change::RequestRetryAllowed(key) => self.request_retry_allowed(key)?,
            Change::BackupObserved { point } => self.seen(point),
            Change::BackupRemoved { place, id, at } => self.backup_removed(place, id, *at)?,
            Change::Disputed { place, id, dispute } => self.disputed(place, id, dispute.as_deref()),
            Change::MissingFromListing { place, id, missing_since } => {
                self.set_missing_since(place, id, *missing_since)?
            }
            Change::Paused { policy, pause } => self.paused(policy, pause),
            Change::PauseOver { policy, since } => self.pause_over(policy, *since),
            Change::Counted(total) => *self.counters.entry(total.clone()).or_default() += 1,
            Change::Noted(note) => self.notes.apply(note),
            Change::Timed { target, took } => self.timed(target, *took),
            Change::SourceLookupSent { account, ids, until } => self.source_lookup_sent(account, ids, *until)?,
            Change::SourceLookedUp { account, facts, at } => self.source_looked_up(account, facts, *at)?,
            Change::SourceLookupFailed { source, fault, at, not_before, batch } => {
                self.source_lookup_failed(source, fault, *at, *not_before, *batch)?;
            }
            Change::Forgotten(what) => self.forget(what)?,
            Change::Swept(at) => self.swept_at = Some(*at),
            Change::Synced(generation) => self.synced(*generation),
            Change::Checked { policy, through, next } => {
                self.checked.insert(policy.clone(), Checked { through: *through, next: *next });
            }
            Change::ClockWentBack(to) => self.clock_went_back(*to),
            Change::DeletionPlanned { place, id, reason, confirmed, at } => {
                self.deletion_planned(place, id, reason, *confirmed, *at)?;
            }
            Change::DeletionCancelled { place, id, reason: _ } => self.deletion_cancelled(place, id),
            Change::DeletionRequested { place, id, at } => self.deletion_requested(place, id, *at)?,
            Change::DeletionFailed { place, id, fault, not_before } => {
                self.deletion_failed(place, id, fault, *not_before)?;
            }
            Change::HoldRequested { place, id, hold, at } => self.hold_requested(place, id, hold.as_ref(), *at)?,
            Change::HoldTried { place, id, fault, not_before } => {
                self.hold_tried(place, id, fault.as_ref(), *not_before);
            }
            Change::HoldConfirmed { place, id } => self.hold_confirmed(place, id),
            Change::Inspected { place, id, arn, at } => self.inspected(place, id, arn.as_ref(), *at),
            Change::Reviewed { source, next, braked } => self.reviewed(source, *next, braked),
            Change::OwnAccountNamed(id, at) => self.own_account_named(id, *at),
            Change::PeerSeen(at) => self.peer_seen_at = self.peer_seen_at.max(Some(*at)),
            Change::AccountRecorded { account, id, at } => self.account_recorded(account, id, *at),
            Change::Account(evidence) => self.account_shown(evidence),
            Change::Listed { place, began_at, took, pages, user_backups, others, other_backups } => {
                let listed = Listed { began_at: *began_at, took: *took, pages: *pages, listed_by_this_process: true };
                self.listed(place, listed, *user_backups, others, other_backups);
            }
            Change::InventoryRead { place, at } => self.place_seen(place, *at),
            Change::Sent { place, call, at: _ } => self.sent(place, call),
            Change::Returned { place, call, fault, at } => self.returned(place, call, fault.as_ref(), *at),
            Change::Withdrawn { place, call } => self.withdrawn(place, call),
            Change::ReadAnswered { place, call, fault, at } => self.read_answered(place, call, fault.as_ref(), *at),
            Change::ListingBegan { place, at } => self.listing_began(place, *at),
            Change::ListingPage { place, page, next_token } => self.listing_page(place, page, next_token),
            Change::ListingStalled { place, not_before, restart } => self.listing_stalled(place, *not_before, *restart),
            Change::ListingWanted { place, at } => self.listing_wanted(place, *at),
            Change::PollScheduled { place, ids, at, batch } => self.poll_scheduled(place, ids, *at, *batch),
            Change::Lane(evidence) => self.lane_shown(evidence),
            Change::Search(evidence) => self.search_shown(evidence),
        }
        Ok(())
    }

    /// A policy is in force, new or reloaded: permanent refusals may be resolved.
    fn synced(&mut self, generation: u64) {
        self.generation = Some(generation);
        self.checked.clear();
        for source in self.sources.values_mut().filter(|source| source.waits_for_a_reload()) {
            let source = Arc::make_mut(source);
            source.blocked.clear();
            source.lookup.worth_another_try();
        }
        for known in self.places.values_mut() {
            known.worth_another_try();
        }
        self.deletions_anew();
    }

    /// Updates the index of active sources. Only code that fills `sources` directly, such as a store, needs to call it.
    pub fn reindex(&mut self, key: &SourceKey) {
        if self.sources.get(key).is_some_and(|source| source.active()) {
            self.active.insert(key.clone());
        } else {
            self.active.remove(key);
        }
    }

    pub(super) fn source_mut(&mut self, key: &SourceKey) -> Result<&mut SourceState, IllegalChange> {
        self.sources.get_mut(key).map(Arc::make_mut).ok_or_else(|| illegal(format!("{key} is not known")))
    }

    fn source_or_new(&mut self, key: &SourceKey, region: &Region) -> &mut SourceState {
        let new = || Arc::new(SourceState::new(region.clone()));
        Arc::make_mut(self.sources.entry(key.clone()).or_insert_with(new))
    }

    fn watched(&mut self, key: &SourceKey, region: &Region, policy: &PolicyName, destinations: &[Region], since: Time) {
        let source = self.source_or_new(key, region);
        let (since, returned, lines) = match source.membership.take() {
            Some(membership) => (membership.since, membership.returned, membership.lines),
            None => (since, source.departed, Vec::new()),
        };
        source.region = region.clone();
        source.departed = false;
        source.membership =
            Some(Membership { policy: policy.clone(), destinations: destinations.to_vec(), since, returned, lines });
        self.reindex(key);
    }

    fn source_departed(&mut self, key: &SourceKey) -> Result<(), IllegalChange> {
        let source = self.source_mut(key)?;
        source.membership = None;
        source.departed = true;
        self.reindex(key);
        Ok(())
    }

    fn open(
        &mut self,
        key: &SourceKey,
        occurrence: Occurrence,
        record: &OccurrenceRecord,
    ) -> Result<(), IllegalChange> {
        let source = self.source_mut(key)?;
        if source.open.contains_key(&occurrence) {
            return Err(illegal(format!("{key}: the occurrence of {} is already open", occurrence.at)));
        }
        let recorded = source.cursor.is_some_and(|cursor| cursor >= occurrence.at);
        let made = !record.adopted && source.knows(occurrence);
        if occurrence.trigger == Trigger::Schedule && (recorded || made) {
            return Err(illegal(format!("{key}: the occurrence of {} was opened before", occurrence.at)));
        }
        if record.moves_cursor(occurrence) {
            source.cursor = source.cursor.max(Some(occurrence.at));
        }
        source.open.insert(occurrence, record.clone());
        if occurrence.trigger == Trigger::Manual {
            source.orders_ended.remove(&occurrence.at);
        }
        self.reindex(key);
        Ok(())
    }

    fn close(
        &mut self,
        key: &SourceKey,
        occurrence: Occurrence,
        count: u64,
        record: &OccurrenceRecord,
        end: super::super::change::OccurrenceOutcome,
        at: Time,
    ) -> Result<(), IllegalChange> {
        let source = self.source_mut(key)?;
        let fresh = source.open.remove(&occurrence).is_none() && occurrence.trigger == Trigger::Schedule;
        if fresh && source.cursor.is_some_and(|cursor| cursor >= occurrence.at) {
            return Err(illegal(format!("{key}: the occurrence of {} ended before", occurrence.at)));
        }
        if record.moves_cursor_at_end(occurrence, at) {
            source.cursor = source.cursor.max(Some(occurrence.at));
        }
        source.pending_requests.retain(|(of, _), pending| *of != occurrence || pending.open);
        source.unsure.retain(|(of, _), _| *of != occurrence);
        source.cancelled.remove(&occurrence);
        source.order_ended(occurrence, end);
        self.review(key, Time::ZERO);
        let total = self.counters.entry(Counter::Occurrences(record.policy.clone(), end)).or_default();
        *total = total.saturating_add(count);
        self.reindex(key);
        Ok(())
    }

    fn cancel(&mut self, key: &SourceKey, occurrence: Occurrence, at: Time) -> Result<(), IllegalChange> {
        let source = self.source_mut(key)?;
        if occurrence.trigger != Trigger::Manual || !source.open.contains_key(&occurrence) {
            return Err(illegal(format!("{key}: nothing that a person ordered at {} is open", occurrence.at)));
        }
        source.cancelled.insert(occurrence, at);
        Ok(())
    }

    fn seen(&mut self, point: &RecoveryPoint) {
        let point = &self.sharing_names(point);
        let key = point.work_key();
        let whereabouts = Whereabouts::of(point);
        let before = self.places.get(&point.place).and_then(|known| known.points.get(&point.id));
        if let Some(before) = before.filter(|before| **before != whereabouts).map(|before| before.work(&point.place)) {
            self.unplace(&point.place, &point.id, &before);
        }
        let known = self.places.entry(point.place.clone()).or_default();
        let disputed = known.disputes.contains_key(&point.id);
        let exists = point.lifecycle != Lifecycle::Deleted;
        if exists && !known.points.contains_key(&point.id) {
            known.points.insert(point.id.clone(), whereabouts);
            known.user_backups = known.user_backups.saturating_add(1);
        }
        // An unconfirmed copy was first taken for someone else's.
        known.others.remove(&point.id);
        let cared_for = cares(&self.deletions, &self.hold_requests, &point.place, &point.id);
        if point.lifecycle.in_flight() || point.remarks.missing_since.is_some() || cared_for {
            known.poll_schedule.entry(point.id.clone()).or_insert(Time::ZERO);
        } else {
            known.poll_schedule.remove(&point.id);
            known.batches.remove(&point.id);
        }
        let new = || Arc::new(SourceState::new(point.home().clone()));
        let source = Arc::make_mut(self.sources.entry(key.source.clone()).or_insert_with(new));
        let slot = (key.occurrence, key.target.clone());
        let mut taken_in = Box::new(point.clone());
        taken_in.remarks.change(|remarks| remarks.disputed = disputed);
        let before = source.points.put(taken_in);
        // Progress gives retention nothing new to decide; a point that was in doubt and exists does.
        let moved = |before: &RecoveryPoint| {
            before.lifecycle != point.lifecycle
                || before.remarks.hold != point.remarks.hold
                || before.remarks.missing_since.is_some()
        };
        let decidable = !point.lifecycle.in_flight() && before.as_deref().is_none_or(moved);
        let flight = (key.occurrence, key.target.clone(), point.id.clone());
        if point.lifecycle.in_flight() {
            source.in_flight.insert(flight);
        } else {
            source.in_flight.remove(&flight);
        }
        if source.pending_requests.get(&slot).is_some_and(|pending| pending.attempt <= point.attempt) {
            let repeated = source.pending_requests.remove(&slot).filter(|pending| pending.sent > 1 && !point.good());
            source.unsure.extend(repeated.map(|pending| (slot, pending.last_asked_at)));
            source.blocked.remove(&key.target);
        }
        self.reindex(&key.source);
        if let Some(before) = before.filter(|_| !point.lifecycle.in_flight()) {
            self.lanes_moved(&before.lanes());
        }
        if decidable {
            self.review(&key.source, Time::ZERO);
        }
    }

    /// A point that differs from the newest of its route at least shares its names.
    fn share_provenance(&self, point: &mut RecoveryPoint, key: &SourceKey, newest: Option<&RecoveryPoint>) {
        let membership = self.sources.get(key).and_then(|source| source.membership.as_ref());
        let of = Arc::make_mut(&mut point.provenance);
        if let Some((place, _)) = self.places.get_key_value(&of.place) {
            of.place = place.clone();
        }
        of.source = key.source.clone();
        if let Some(newest) = newest {
            share(&mut of.asked_key, &newest.asked_key);
            share(&mut of.kms_key, &newest.kms_key);
            share(&mut of.policy, &newest.policy);
            if of.carried == newest.carried {
                of.carried = newest.carried.clone();
            }
        }
        if let Some(membership) = membership.filter(|membership| Some(&membership.policy) == of.policy.as_ref()) {
            of.policy = Some(membership.policy.clone());
        }
    }

    /// Returns the point with names that are already held, since every response brings its own copies of them.
    fn sharing_names(&self, point: &RecoveryPoint) -> RecoveryPoint {
        let mut point = point.clone();
        let Some((key, source)) = self.sources.get_key_value(&point.source_key()) else { return point };
        match source.newest(&point.target()) {
            Some(newest) if newest.provenance == point.provenance => point.provenance = newest.provenance.clone(),
            newest => self.share_provenance(&mut point, key, newest),
        }
        if let Some(origin) = point.origin.as_mut().filter(|origin| origin.region == source.region) {
            origin.region = source.region.clone();
        }
        point
    }

    fn backup_removed(&mut self, place: &AccountRegion, id: &BackupId, at: Time) -> Result<(), IllegalChange> {
        self.lost(place, id, at);
        let Some(known) = self.places.get_mut(place) else {
            return Err(illegal(format!("{id}: gone from {place}, which is not known")));
        };
        let Some(key) = known.points.remove(id).map(|known| known.work(place)) else {
            return Err(illegal(format!("{id}: gone from {place}, where it was not known")));
        };
        known.poll_schedule.remove(id);
        known.batches.remove(id);
        known.dispute(id, None);
        known.user_backups = known.user_backups.saturating_sub(1);
        known.removed.insert(id.clone(), at);
        let lanes = self.lanes_of_copy(&key);
        let source = self.source_mut(&key.source)?;
        let in_flight = source.in_flight.remove(&(key.occurrence, key.target.clone(), id.clone()));
        source.points.deleted(key.occurrence, &key.target, id, at);
        source.forget_deleted(key.occurrence);
        let deleted = (place.clone(), id.clone());
        self.deletions.remove(&deleted);
        self.hold_requests.remove(&deleted);
        if in_flight {
            self.lanes_moved(&lanes);
        }
        self.reindex(&key.source);
        self.review(&key.source, Time::ZERO);
        Ok(())
    }

    fn set_missing_since(
        &mut self,
        place: &AccountRegion,
        id: &BackupId,
        missing_since: Option<Time>,
    ) -> Result<(), IllegalChange> {
        let Some(known) = self.places.get_mut(place) else { return Ok(()) };
        let Some(key) = known.points.get(id).map(|known| known.work(place)) else { return Ok(()) };
        let source = self.sources.get_mut(&key.source).map(Arc::make_mut);
        let source = source.ok_or_else(|| illegal(format!("{id}: of no source")))?;
        let Some(point) = source.points.set_missing_since(key.occurrence, &key.target, id, missing_since) else {
            return Ok(());
        };
        if missing_since.is_some() {
            known.poll_schedule.insert(id.clone(), Time::ZERO);
        } else if !point.lifecycle.in_flight() && !cares(&self.deletions, &self.hold_requests, place, id) {
            known.poll_schedule.remove(id);
            known.batches.remove(id);
        }
        Ok(())
    }

    fn timed(&mut self, target: &Target, took: Duration) {
        let seconds = took.as_secs_f64();
        let durations = self.durations.entry(target.clone()).or_default();
        let bucket = DURATION_BUCKETS_SECONDS.iter().position(|bound| seconds <= *bound);
        durations.buckets[bucket.unwrap_or(DURATION_BUCKETS_SECONDS.len())] += 1;
        durations.sum_seconds += seconds;
    }

    fn clock_went_back(&mut self, to: Time) {
        self.clock = to;
        self.created_at = self.created_at.min(to);
        self.started_at = self.started_at.min(to);
        self.swept_at = self.swept_at.map(|swept_at| swept_at.min(to));
        self.checked.clear();
        self.notes.clock_went_back(to);
        self.peer_seen_at = self.peer_seen_at.map(|at| at.min(to));
        for source in self.sources.values_mut() {
            Arc::make_mut(source).clock_went_back(to);
        }
        for known in self.places.values_mut() {
            known.clock_went_back(to);
        }
        self.deletions_clock_went_back(to);
        self.accounts_clock_went_back(to);
        self.closed_lanes_clock_went_back(to);
    }
}

/// Shares the known value if it is equal.
fn share<T: Clone + PartialEq>(new: &mut T, known: &T) {
    if new == known {
        new.clone_from(known);
    }
}
