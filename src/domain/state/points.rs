//! The backups and copies of one source, in order.
//!
//! A million of them are held, and most are only read when retention or a listing visits them. So they are kept in one
//! vector, ordered by what they were made for, instead of a tree per source: a lookup is a binary search, and a new
//! point is inserted near the end. Each is a separate allocation, because thousands of vectors that grow page by page
//! during a listing would leave ever larger gaps.

use super::*;

/// Backups and copies, ordered by occurrence, then the backup before its copies, then copies by Region. Of one work more
/// than one only after failures, or as duplicates, by attempt, then by id.
///
/// Which of them are recovery points is told from themselves, so an index of it cannot hold what is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecoveryPoints {
    #[expect(clippy::vec_box, reason = "rows that grow side by side would leave ever larger gaps")]
    all: Vec<Box<RecoveryPoint>>,
    /// Where the recovery points of each target lie in `all`, the one whose data was taken last at the end.
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

    /// What was made for each work, never nothing.
    pub fn works(&self) -> impl Iterator<Item = &[Box<RecoveryPoint>]> {
        self.all.chunk_by(|one, next| one.occurrence == next.occurrence && one.destination() == next.destination())
    }

    /// What was made for one work.
    #[must_use]
    pub fn of(&self, occurrence: Occurrence, target: &Target) -> &[Box<RecoveryPoint>] {
        let wanted = (occurrence, target.region());
        let from = self.all.partition_point(|point| (point.occurrence, point.destination()) < wanted);
        let rest = &self.all[from..];
        &rest[..rest.iter().take_while(|point| (point.occurrence, point.destination()) == wanted).count()]
    }

    /// What was made for one occurrence: the backup, then copies.
    #[must_use]
    pub fn of_occurrence(&self, occurrence: Occurrence) -> &[Box<RecoveryPoint>] {
        let from = self.all.partition_point(|point| point.occurrence < occurrence);
        let rest = &self.all[from..];
        &rest[..rest.iter().take_while(|point| point.occurrence == occurrence).count()]
    }

    /// All of them, in order, for whoever needs nothing else of the state.
    pub fn into_all(self) -> impl Iterator<Item = RecoveryPoint> {
        self.all.into_iter().map(|point| *point)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Makes room for so many in all.
    pub(super) fn expect(&mut self, count: usize) {
        self.all.reserve_exact(count.saturating_sub(self.all.len()));
    }

    /// Takes one in, or takes note of how it stands now; returns how it stood before.
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
        // Its attempt is another than it was, since its tags are: it moves among its siblings.
        let before = known.map(|known| self.take(known));
        if known.is_some_and(|known| known < at) {
            at -= 1;
        }
        if self.all.len() == self.all.capacity() {
            // Twice as much, as a vector grows by itself, would be mostly empty over thousands of sources.
            self.all.reserve_exact(self.all.len() / 8 + 2);
        }
        self.all.insert(at, point);
        self.by_age.values_mut().flatten().filter(|of| **of as usize >= at).for_each(|of| *of += 1);
        self.join_ages(at);
        before
    }

    /// It is gone from AWS's inventory; returns whether it was there.
    pub(super) fn deleted(&mut self, occurrence: Occurrence, target: &Target, id: &BackupId, at: Time) -> bool {
        let Some(known) = self.find(occurrence, target, id) else { return false };
        self.leave_ages(known);
        let point = &mut self.all[known];
        point.lifecycle = Lifecycle::Deleted;
        point.settled_at = Some(at);
        point.remarks.change(|remarks| remarks.missing_since = None);
        true
    }

    /// It is to be counted no more, or is again.
    pub(super) fn mark_disputed(&mut self, occurrence: Occurrence, target: &Target, id: &BackupId, disputed: bool) {
        let Some(known) = self.find(occurrence, target, id) else { return };
        self.leave_ages(known);
        self.all[known].remarks.change(|remarks| remarks.disputed = disputed);
        self.join_ages(known);
    }

    /// Takes one out altogether.
    pub(super) fn remove(&mut self, occurrence: Occurrence, target: &Target, id: &BackupId) {
        if let Some(known) = self.find(occurrence, target, id) {
            self.take(known);
        }
    }

    fn find(&self, occurrence: Occurrence, target: &Target, id: &BackupId) -> Option<usize> {
        let wanted = (occurrence, target.region());
        let from = self.all.partition_point(|point| (point.occurrence, point.destination()) < wanted);
        let siblings = self.all[from..].iter().take_while(|point| (point.occurrence, point.destination()) == wanted);
        siblings.enumerate().find(|(_, point)| point.id == *id).map(|(nth, _)| from + nth)
    }

    /// Takes one out.
    fn take(&mut self, at: usize) -> Box<RecoveryPoint> {
        self.leave_ages(at);
        self.by_age.values_mut().flatten().filter(|of| **of as usize > at).for_each(|of| *of -= 1);
        self.all.remove(at)
    }

    /// Puts what lies there among the recovery points, if it is one.
    fn join_ages(&mut self, at: usize) {
        let point = &self.all[at];
        // Four thousand million points of one source are more than AWS has room for.
        let (true, Ok(number)) = (point.available(), u32::try_from(at)) else { return };
        let ages = self.by_age.entry(point.target()).or_default();
        let after = ages.partition_point(|of| age(&self.all[*of as usize]) < age(point));
        if ages.len() == ages.capacity() {
            ages.reserve_exact(ages.len() / 8 + 2);
        }
        ages.insert(after, number);
    }

    /// Takes what lies there from among the recovery points, if it is one.
    fn leave_ages(&mut self, at: usize) {
        let target = self.all[at].target();
        let Some(ages) = self.by_age.get_mut(&target) else { return };
        ages.retain(|of| *of as usize != at);
        if ages.is_empty() {
            self.by_age.remove(&target);
        }
    }

    /// The recovery points of a target, the one whose data was taken first before all others.
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

    /// Doubts that one is there, or no longer does; returns how it stands then.
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

    /// Times in the future mean nothing any more.
    pub(super) fn clock_went_back(&mut self, to: Time) {
        for point in &mut self.all {
            point.settled_at = point.settled_at.map(|settled| settled.min(to));
            if let Some(since) = point.remarks.missing_since {
                point.remarks.change(|remarks| remarks.missing_since = Some(since.min(to)));
            }
        }
    }

    /// Forgets what was deleted among what was made for an occurrence.
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
