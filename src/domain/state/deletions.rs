//! State transitions of deletions and holds.

use super::*;
use crate::domain::deletion::{LOSSES_COUNT_FOR, Loss};
use crate::domain::fault::FaultClass;
use crate::domain::id::SourceId;
use crate::domain::limits::{PUT_OFF_AT_MOST, SHOWN_AFTER_GONE};

/// Whether this object must be polled by id: it is to be deleted, or its hold is to change.
pub(super) fn cares(
    deletions: &BTreeMap<(AccountRegion, BackupId), Deletion>,
    hold_requests: &BTreeMap<(AccountRegion, BackupId), HoldRequest>,
    place: &AccountRegion,
    id: &BackupId,
) -> bool {
    let key = (place.clone(), id.clone());
    deletions.contains_key(&key) || hold_requests.contains_key(&key)
}

impl State {
    /// Whether a person holds this point: its tag says so, or a hold was requested and AWS does not show it yet. A
    /// request to release it counts only once the tag is gone.
    #[must_use]
    pub fn held(&self, point: &RecoveryPoint) -> bool {
        let hold_request = || self.hold_requests.get(&(point.place.clone(), point.id.clone()));
        point.remarks.hold.is_some()
            || (!self.hold_requests.is_empty()
                && hold_request().is_some_and(|hold_request| hold_request.hold.is_some()))
    }

    /// Restores a deletion from the store.
    pub fn restore_deletion(&mut self, place: AccountRegion, id: BackupId, deletion: Deletion) {
        let at = deletion.not_before;
        self.deletions.insert((place.clone(), id.clone()), deletion);
        self.look_at(&place, &id, at);
    }

    /// Restores a hold request from the store.
    pub fn restore_hold_request(&mut self, place: AccountRegion, id: BackupId, hold_request: HoldRequest) {
        self.hold_requests.insert((place.clone(), id.clone()), hold_request);
        self.look_at(&place, &id, Time::ZERO);
    }

    /// Schedules a review of the source for `at`, or earlier if one is already due.
    pub(super) fn review(&mut self, key: &SourceKey, at: Time) {
        if self.sources.get(key).is_some_and(|source| at < source.review_at) {
            self.review_next(key, at);
        }
    }

    fn review_next(&mut self, key: &SourceKey, at: Time) {
        let Some(source) = self.sources.get_mut(key) else { return };
        self.reviews.remove(&(source.review_at, key.clone()));
        Arc::make_mut(source).review_at = at;
        if at < Time::NEVER {
            self.reviews.insert((at, key.clone()));
        }
    }

    pub(super) fn review_all(&mut self) {
        for source in self.sources.values_mut().filter(|source| source.review_at != Time::ZERO) {
            Arc::make_mut(source).review_at = Time::ZERO;
        }
        self.reviews = self.sources.keys().map(|key| (Time::ZERO, key.clone())).collect();
    }

    /// Reviews sources whose retention waited for a listing of this account and Region.
    pub(super) fn review_place(&mut self, place: &AccountRegion) {
        let Some(known) = self.places.get(place) else { return };
        // After this process's first listing, and after the first that must show whatever a lost database had
        // requested.
        let settled = self.created_at.plus(SHOWN_AFTER_GONE);
        if known.listed_since(settled) {
            return;
        }
        let sources: BTreeSet<SourceId> = known.points.values().map(|known| known.source.clone()).collect();
        for source in sources {
            self.review(&SourceKey { account: place.account.clone(), source }, Time::ZERO);
        }
    }

    /// Has an object polled by id at `at`, or no longer polled.
    fn look_at(&mut self, place: &AccountRegion, id: &BackupId, at: Time) {
        if let Some(known) = self.places.get_mut(place) {
            known.poll_schedule.insert(id.clone(), at);
        }
    }

    fn look_no_more(&mut self, place: &AccountRegion, id: &BackupId) {
        let needed = cares(&self.deletions, &self.hold_requests, place, id)
            || self
                .point(place, id)
                .is_some_and(|point| point.lifecycle.in_flight() || point.remarks.missing_since.is_some());
        if let Some(known) = self.places.get_mut(place).filter(|_| !needed) {
            known.poll_schedule.remove(id);
            known.batches.remove(id);
        }
    }

    pub(super) fn deletion_planned(
        &mut self,
        place: &AccountRegion,
        id: &BackupId,
        reason: &str,
        confirmed: bool,
        at: Time,
    ) -> Result<(), IllegalChange> {
        let Some(point) = self.point(place, id) else {
            return Err(illegal(format!("{id}: to be deleted from {place}, where it is not known")));
        };
        if self.held(point) {
            return Err(illegal(format!("{id}: to be deleted from {place} although it is held")));
        }
        self.deletions.insert((place.clone(), id.clone()), Deletion::new(reason.to_owned(), confirmed, at));
        self.look_at(place, id, Time::ZERO);
        Ok(())
    }

    /// A planned deletion was carried out: the brake counts it for a while.
    pub(super) fn lost(&mut self, place: &AccountRegion, id: &BackupId, at: Time) {
        let Some(deletion) = self.deletions.get(&(place.clone(), id.clone())).filter(|known| !known.confirmed) else {
            return;
        };
        let (from, lost_at) = (at.minus(LOSSES_COUNT_FOR), deletion.planned_at);
        let gone = self.point(place, id).filter(|point| point.lifecycle == Lifecycle::Available && lost_at > from);
        let Some((key, target, came_at)) = gone.map(|point| (point.source_key(), point.target(), Loss::came_at(point)))
        else {
            return;
        };
        let Some(source) = self.sources.get_mut(&key).map(Arc::make_mut) else { return };
        let losses = source.losses.entry(target).or_default();
        losses.retain(|loss| loss.lost_at > from);
        let loss = Loss { lost_at, came_at };
        losses.insert(losses.partition_point(|before| *before <= loss), loss);
    }

    pub(super) fn deletion_cancelled(&mut self, place: &AccountRegion, id: &BackupId) {
        let point = self.point(place, id).map(RecoveryPoint::source_key);
        self.deletions.remove(&(place.clone(), id.clone()));
        self.look_no_more(place, id);
        if let Some(key) = point {
            self.review(&key, Time::ZERO);
        }
    }

    pub(super) fn deletion_requested(
        &mut self,
        place: &AccountRegion,
        id: &BackupId,
        at: Time,
    ) -> Result<(), IllegalChange> {
        if self.point(place, id).is_some_and(|point| self.held(point)) {
            return Err(illegal(format!("{id}: deleted from {place} although it is held")));
        }
        self.deletion_mut(place, id)?.asked_at = Some(at);
        Ok(())
    }

    pub(super) fn deletion_failed(
        &mut self,
        place: &AccountRegion,
        id: &BackupId,
        fault: &Fault,
        not_before: Time,
    ) -> Result<(), IllegalChange> {
        let deletion = self.deletion_mut(place, id)?;
        deletion.failed(fault, not_before);
        if fault.class == FaultClass::Unanswered {
            // It may have been deleted: what was seen before proves nothing any more.
            deletion.inspected_at = None;
        }
        self.look_at(place, id, not_before);
        Ok(())
    }

    pub(super) fn inspected(&mut self, place: &AccountRegion, id: &BackupId, arn: Option<&String>, at: Time) {
        let key = (place.clone(), id.clone());
        if let Some(deletion) = self.deletions.get_mut(&key) {
            deletion.inspected_at = Some(at);
        }
        if let Some(hold_request) = self.hold_requests.get_mut(&key) {
            hold_request.arn = arn.cloned().or(hold_request.arn.take());
        }
    }

    pub(super) fn reviewed(&mut self, source: &SourceKey, next: Time, braked: &BTreeMap<Target, Brake>) {
        for target in self.targets_braked(source) {
            self.braked.remove(&(source.clone(), target));
        }
        for (target, brake) in braked {
            self.braked.insert((source.clone(), target.clone()), brake.clone());
        }
        self.review_next(source, next);
    }

    fn targets_braked(&self, source: &SourceKey) -> Vec<Target> {
        let of_source = self.braked.range((source.clone(), Target::Backup)..);
        of_source.take_while(|((key, _), _)| key == source).map(|((_, target), _)| target.clone()).collect()
    }

    fn deletion_mut(&mut self, place: &AccountRegion, id: &BackupId) -> Result<&mut Deletion, IllegalChange> {
        let deletion = self.deletions.get_mut(&(place.clone(), id.clone()));
        deletion.ok_or_else(|| illegal(format!("{id}: deleted from {place} without a decision on record")))
    }

    pub(super) fn hold_requested(
        &mut self,
        place: &AccountRegion,
        id: &BackupId,
        hold: Option<&String>,
        at: Time,
    ) -> Result<(), IllegalChange> {
        let Some(key) = self.point(place, id).map(RecoveryPoint::source_key) else {
            return Err(illegal(format!("{id}: a hold on what is not known in {place}")));
        };
        self.hold_requests.insert((place.clone(), id.clone()), HoldRequest::new(hold.cloned(), at));
        self.look_at(place, id, Time::ZERO);
        self.review(&key, Time::ZERO);
        Ok(())
    }

    pub(super) fn hold_tried(&mut self, place: &AccountRegion, id: &BackupId, fault: Option<&Fault>, not_before: Time) {
        if let Some(hold_request) = self.hold_requests.get_mut(&(place.clone(), id.clone())) {
            match fault {
                Some(fault) => hold_request.failed(fault, not_before),
                None => hold_request.accepted(not_before),
            }
        }
    }

    pub(super) fn hold_confirmed(&mut self, place: &AccountRegion, id: &BackupId) {
        self.hold_requests.remove(&(place.clone(), id.clone()));
        let key = self.point(place, id).map(RecoveryPoint::source_key);
        self.look_no_more(place, id);
        if let Some(key) = key {
            self.review(&key, Time::ZERO);
        }
    }

    /// After a reload, retention reviews everything, and permanent refusals may be retried.
    pub(super) fn deletions_anew(&mut self) {
        self.review_all();
        let refused = |fault: &Option<Fault>| fault.as_ref().is_some_and(|fault| fault.class.needs_a_person());
        let mut again = Vec::new();
        for (key, deletion) in self.deletions.iter_mut().filter(|(_, deletion)| refused(&deletion.fault)) {
            deletion.not_before = Time::ZERO;
            again.push(key.clone());
        }
        for (key, hold_request) in
            self.hold_requests.iter_mut().filter(|(_, hold_request)| refused(&hold_request.fault))
        {
            hold_request.not_before = Time::ZERO;
            again.push(key.clone());
        }
        for (place, id) in again {
            self.look_at(&place, &id, Time::ZERO);
        }
    }

    pub(super) fn deletions_clock_went_back(&mut self, to: Time) {
        let soon = to.plus(PUT_OFF_AT_MOST);
        for deletion in self.deletions.values_mut() {
            deletion.inspected_at = None;
            deletion.planned_at = deletion.planned_at.min(to);
            deletion.asked_at = deletion.asked_at.map(|at| at.min(to));
            deletion.not_before = deletion.not_before.min(soon);
        }
        for hold_request in self.hold_requests.values_mut() {
            hold_request.not_before = hold_request.not_before.min(soon);
        }
        self.review_all();
    }
}
