//! The backups and copies of one source, in one piece of memory.
//!
//! A million of them are held, and most are only looked at when retention or a listing comes by. So they lie side by
//! side, ordered by what they are for, without a tree over each source: what is for one occurrence is found by halving,
//! and what is new comes in near the end.

use super::*;

/// Backups and copies, ordered by occurrence, then the backup before its copies, then copies by Region. Of one work more
/// than one only after failures, or as duplicates, by attempt, then by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points(Vec<Point>);

impl Points {
    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Point> {
        self.0.iter()
    }

    /// What was made for each work, never nothing.
    pub fn works(&self) -> impl Iterator<Item = &[Point]> {
        self.0.chunk_by(|one, next| one.occurrence == next.occurrence && one.destination() == next.destination())
    }

    /// What was made for one work.
    #[must_use]
    pub fn of(&self, occurrence: Occurrence, target: &Target) -> &[Point] {
        let wanted = (occurrence, target.region());
        let from = self.0.partition_point(|point| (point.occurrence, point.destination()) < wanted);
        let rest = &self.0[from..];
        &rest[..rest.iter().take_while(|point| (point.occurrence, point.destination()) == wanted).count()]
    }

    /// What was made for one occurrence: the backup, then copies.
    #[must_use]
    pub fn of_occurrence(&self, occurrence: Occurrence) -> &[Point] {
        let from = self.0.partition_point(|point| point.occurrence < occurrence);
        let rest = &self.0[from..];
        &rest[..rest.iter().take_while(|point| point.occurrence == occurrence).count()]
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes room for so many in all.
    pub(super) fn expect(&mut self, count: usize) {
        self.0.reserve_exact(count.saturating_sub(self.0.len()));
    }

    /// Takes one in, or takes note of how it stands now; returns how it stood before.
    pub(super) fn put(&mut self, point: Point) -> Option<Point> {
        let key = (point.occurrence, point.destination());
        let first = self.0.partition_point(|other| (other.occurrence, other.destination()) < key);
        let siblings = self.0[first..].iter().take_while(|other| (other.occurrence, other.destination()) == key);
        let (count, known) = siblings.enumerate().fold((0, None), |(_, known), (nth, other)| {
            (nth + 1, if other.id == point.id { Some(first + nth) } else { known })
        });
        let before = match known {
            Some(known) => Some(std::mem::replace(&mut self.0[known], point)),
            None => {
                if self.0.len() == self.0.capacity() {
                    // Twice as much, as a vector grows by itself, would be mostly empty over thousands of sources.
                    self.0.reserve_exact(self.0.len() / 8 + 2);
                }
                self.0.insert(first + count, point);
                None
            }
        };
        // There is hardly ever more than one, but its attempt may be another than it was, if its tags are.
        let end = first + count + usize::from(before.is_none());
        self.0[first..end].sort_by(|one, other| (one.attempt, &one.id).cmp(&(other.attempt, &other.id)));
        before
    }

    /// One of them, to change what does not move it: neither its occurrence nor its target.
    pub fn get_mut(&mut self, occurrence: Occurrence, target: &Target, id: &BackupId) -> Option<&mut Point> {
        let wanted = (occurrence, target.region());
        let from = self.0.partition_point(|point| (point.occurrence, point.destination()) < wanted);
        let rest = self.0[from..].iter_mut();
        rest.take_while(|point| (point.occurrence, point.destination()) == wanted).find(|point| point.id == *id)
    }

    /// Copies name their backup as the backup does, so that the name is held once.
    pub(super) fn share_origin(&mut self, occurrence: Occurrence, backup: &BackupId) {
        let from = self.0.partition_point(|point| point.occurrence < occurrence);
        for copy in self.0[from..].iter_mut().take_while(|point| point.occurrence == occurrence) {
            if let Some(origin) = copy.origin.as_mut().filter(|origin| origin.backup == *backup) {
                origin.backup = backup.clone();
            }
        }
    }

    /// All of them, to change what moves none.
    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Point> {
        self.0.iter_mut()
    }

    /// Forgets what was deleted among what was made for an occurrence.
    pub(super) fn forget_deleted(&mut self, occurrence: Occurrence) {
        let from = self.0.partition_point(|point| point.occurrence < occurrence);
        let count = self.of_occurrence(occurrence).len();
        let mut at = from;
        for _ in 0..count {
            if self.0[at].lifecycle == Lifecycle::Deleted {
                self.0.remove(at);
            } else {
                at += 1;
            }
        }
        if self.0.len() < self.0.capacity() / 2 {
            self.0.shrink_to(self.0.len() + self.0.len() / 8);
        }
    }
}

impl<'a> IntoIterator for &'a Points {
    type Item = &'a Point;
    type IntoIter = std::slice::Iter<'a, Point>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl IntoIterator for Points {
    type Item = Point;
    type IntoIter = std::vec::IntoIter<Point>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Recovery points of one target by the time their data was taken, the newest last, with where to find each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ByAge(Vec<(Time, Occurrence, BackupId)>);

impl ByAge {
    /// All of them, the oldest first.
    pub fn iter(&self) -> std::slice::Iter<'_, (Time, Occurrence, BackupId)> {
        self.0.iter()
    }

    /// The newest.
    #[must_use]
    pub fn last(&self) -> Option<&(Time, Occurrence, BackupId)> {
        self.0.last()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes one in.
    pub fn insert(&mut self, entry: (Time, Occurrence, BackupId)) {
        if let Err(at) = self.0.binary_search(&entry) {
            if self.0.len() == self.0.capacity() {
                self.0.reserve_exact(self.0.len() / 8 + 2);
            }
            self.0.insert(at, entry);
        }
    }

    pub(super) fn remove(&mut self, entry: &(Time, Occurrence, BackupId)) {
        if let Ok(at) = self.0.binary_search(entry) {
            self.0.remove(at);
        }
    }
}

impl<'a> IntoIterator for &'a ByAge {
    type Item = &'a (Time, Occurrence, BackupId);
    type IntoIter = std::slice::Iter<'a, (Time, Occurrence, BackupId)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
