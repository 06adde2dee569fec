//! The backups and copies of one source, in order.
//!
//! A million of them are held, and most are read only when retention or a listing visits them. So they are in one
//! vector, ordered by the work they were made for, instead of a tree per source: a lookup is a binary search, and a new
//! point is inserted near the end. Each is a separate allocation, because thousands of vectors that grow page by page
//! during a listing would fragment the heap.

use super::*;

/// Backups and copies, ordered by occurrence, then the backup before its copies, then copies by Region. One work has
/// several only after failures or as duplicates; these are ordered by attempt, then by id.
///
/// Whether a point is a recovery point is read from the point itself, so the index cannot contain anything else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecoveryPoints {
    #[expect(clippy::vec_box, reason = "rows that grow side by side would leave ever larger gaps")]
    all: Vec<Box<RecoveryPoint>>,
    /// Positions in `all` of each target's recovery points, the one with the latest data last.
    by_age: BTreeMap<Target, Vec<u32>>,
}

type Age<'a> = (Time, Occurrence, &'a BackupId);

fn age(point: &RecoveryPoint) -> Age<'_> {
    (point.taken_at(), point.occurrence, &point.id)
}

impl RecoveryPoints {
    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &RecoveryPoint> + ExactSizeIterator + Clone {
        self.all.iter().map(Box::as_ref)
    }

    /// The points of each work; no group is empty.
    pub fn works(&self) -> impl Iterator<Item = &[Box<RecoveryPoint>]> {
        self.all.chunk_by(|one, next| one.occurrence == next.occurrence && one.destination() == next.destination())
    }

    /// The points of one work.
    #[must_use]
    pub fn of(&self, occurrence: Occurrence, target: &Target) -> &[Box<RecoveryPoint>] {
        let wanted = (occurrence, target.region());
        let from = self.all.partition_point(|point| (point.occurrence, point.destination()) < wanted);
        let rest = &self.all[from..];
        &rest[..rest.iter().take_while(|point| (point.occurrence, point.destination()) == wanted).count()]
    }

    /// The points of one occurrence: the backup, then the copies.
    #[must_use]
    pub fn of_occurrence(&self, occurrence: Occurrence) -> &[Box<RecoveryPoint>] {
        let from = self.all.partition_point(|point| point.occurrence < occurrence);
        let rest = &self.all[from..];
        &rest[..rest.iter().take_while(|point| point.occurrence == occurrence).count()]
    }

    /// All of them, in order, by value.
    pub fn into_all(self) -> impl Iterator<Item = RecoveryPoint> {
        self.all.into_iter().map(|point| *point)
    }

    /// The number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Reserves memory for this many points.
    pub(super) fn expect(&mut self, count: usize) {
        self.all.reserve_exact(count.saturating_sub(self.all.len()));
    }

    /// Inserts or updates a point; returns its previous state.
    pub fn put(&mut self, point: Box<RecoveryPoint>) -> Option<Box<RecoveryPoint>> {
        let key = (point.occurrence, point.destination());
        let first = self.all.partition_point(|other| (other.occurrence, other.destination()) < key);
        let siblings = self.all[first..].iter().take_while(|other| (other.occurrence, other.destination()) == key);
        let (mut at, mut known) = (first, None);
        for (nth, other) in siblings.enumerate() {
            if other.id == point.id {
                known = Some(first + nth);
            } else if (other.attempt, &other.id) < (point.attempt, &point.id) {
                at = first + nth + 1;
            }
        }
        if let Some(known) = known.filter(|known| self.all[*known].attempt == point.attempt) {
            self.leave_ages(known);
            let before = std::mem::replace(&mut self.all[known], point);
            self.join_ages(known);
            return Some(before);
        }
        // Its tags changed, and with them its attempt: it moves among its siblings.
        let before = known.map(|known| self.take(known));
        if known.is_some_and(|known| known < at) {
            at -= 1;
        }
        if self.all.len() == self.all.capacity() {
            // Doubling, as a vector does by itself, would leave much memory unused over thousands of sources.
            self.all.reserve_exact(self.all.len() / 8 + 2);
        }
        self.all.insert(at, point);
        self.by_age.values_mut().flatten().filter(|of| **of as usize >= at).for_each(|of| *of += 1);
        self.join_ages(at);
        before
    }

    /// Marks a point as removed from AWS's inventory; returns whether it was there.
    pub(super) fn deleted(&mut self, occurrence: Occurrence, target: &Target, id: &BackupId, at: Time) -> bool {
        let Some(known) = self.find(occurrence, target, id) else { return false };
        self.leave_ages(known);
        let point = &mut self.all[known];
        point.lifecycle = Lifecycle::Deleted;
        point.settled_at = Some(at);
        point.remarks.change(|remarks| remarks.missing_since = None);
        true
    }

    /// Marks a point as disputed or not.
    pub(super) fn mark_disputed(&mut self, occurrence: Occurrence, target: &Target, id: &BackupId, disputed: bool) {
        let Some(known) = self.find(occurrence, target, id) else { return };
        self.leave_ages(known);
        self.all[known].remarks.change(|remarks| remarks.disputed = disputed);
        self.join_ages(known);
    }

    /// Removes a point and its index entry.
    pub(super) fn remove(&mut self, occurrence: Occurrence, target: &Target, id: &BackupId) {
        if let Some(known) = self.find(occurrence, target, id) {
            self.take(known);
        }
    }

    /// The unnamed own account gets its id.
    pub(super) fn name_own(&mut self, id: &AccountId) {
        self.all.iter_mut().for_each(|point| point.name_own(id));
    }

    pub(super) fn find(&self, occurrence: Occurrence, target: &Target, id: &BackupId) -> Option<usize> {
        let wanted = (occurrence, target.region());
        let from = self.all.partition_point(|point| (point.occurrence, point.destination()) < wanted);
        let siblings = self.all[from..].iter().take_while(|point| (point.occurrence, point.destination()) == wanted);
        siblings.enumerate().find(|(_, point)| point.id == *id).map(|(nth, _)| from + nth)
    }

    /// Removes a point.
    fn take(&mut self, at: usize) -> Box<RecoveryPoint> {
        self.leave_ages(at);
        self.by_age.values_mut().flatten().filter(|of| **of as usize > at).for_each(|of| *of -= 1);
        self.all.remove(at)
    }

    /// Adds the point at this position to `by_age`, if it is a recovery point.
    fn join_ages(&mut self, at: usize) {
        let point = &self.all[at];
        // AWS does not allow four thousand million points of one source.
        let (true, Ok(number)) = (point.available(), u32::try_from(at)) else { return };
        let ages = self.by_age.entry(point.target()).or_default();
        let after = ages.partition_point(|of| age(&self.all[*of as usize]) < age(point));
        if ages.len() == ages.capacity() {
            ages.reserve_exact(ages.len() / 8 + 2);
        }
        ages.insert(after, number);
    }

    /// Removes the point at this position from `by_age`, if it is a recovery point.
    fn leave_ages(&mut self, at: usize) {
        let target = self.all[at].target();
        let Some(ages) = self.by_age.get_mut(&target) else { return };
        ages.retain(|of| *of as usize != at);
        if ages.is_empty() {
            self.by_age.remove(&target);
        }
    }

    /// The recovery points of a target, the oldest data first.
    pub fn available(
        &self,
        target: &Target,
    ) -> impl DoubleEndedIterator<Item = &RecoveryPoint> + ExactSizeIterator + use<'_> {
        let ages = self.by_age.get(target).map(Vec::as_slice).unwrap_or_default();
        ages.iter().map(|of| &*self.all[*of as usize])
    }

    /// The targets that have recovery points.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.by_age.keys()
    }

    /// Sets or clears the doubt about a point's existence; returns its new state.
    pub(super) fn set_missing_since(
        &mut self,
        occurrence: Occurrence,
        target: &Target,
        id: &BackupId,
        missing_since: Option<Time>,
    ) -> Option<&RecoveryPoint> {
        let at = self.find(occurrence, target, id)?;
        self.all[at].remarks.change(|remarks| remarks.missing_since = missing_since);
        self.all.get(at).map(Box::as_ref)
    }

    /// Removes times in the future after the clock went back.
    pub(super) fn clock_went_back(&mut self, to: Time) {
        for point in &mut self.all {
            point.settled_at = point.settled_at.map(|settled| settled.min(to));
            if let Some(since) = point.remarks.missing_since {
                point.remarks.change(|remarks| remarks.missing_since = Some(since.min(to)));
            }
        }
    }

    /// Forgets the deleted points of an occurrence.
    pub(super) fn forget_deleted(&mut self, occurrence: Occurrence) {
        let from = self.all.partition_point(|point| point.occurrence < occurrence);
        let count = self.of_occurrence(occurrence).len();
        let mut at = from;
        for _ in 0..count {
            if self.all[at].lifecycle == Lifecycle::Deleted {
                self.take(at);
            } else {
                at += 1;
            }
        }
        if self.all.len() < self.all.capacity() / 2 {
            self.all.shrink_to(self.all.len() + self.all.len() / 8);
        }
    }
}
