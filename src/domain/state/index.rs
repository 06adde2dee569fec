//! An index from backup id to recovery point, per account and Region.
//!
//! A B-tree filled in order has half-empty nodes and would take as much memory as the points themselves. So the index
//! is a sorted sequence of chunks, each little larger than its content. A chunk is shared with readers of the state
//! until it changes.

use super::*;

/// The largest chunk: four kilobytes, half of which an insertion moves on average.
const MOST: usize = 85;
/// A smaller chunk is merged with a neighbour.
const FEWEST: usize = 16;

type Piece = Vec<(BackupId, Whereabouts)>;

/// The points of an account and Region, ordered by id.
#[derive(Clone, Default)]
pub struct Index {
    /// No chunk is empty, each is sorted, and each begins after the end of the one before.
    pieces: Vec<Arc<Piece>>,
    len: usize,
}

impl Index {
    /// The number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = (&BackupId, &Whereabouts)> {
        self.pieces.iter().flat_map(|piece| piece.iter()).map(|(id, whereabouts)| (id, whereabouts))
    }

    /// All ids, in order.
    pub fn keys(&self) -> impl Iterator<Item = &BackupId> {
        self.iter().map(|(id, _)| id)
    }

    /// All locations, ordered by id.
    pub fn values(&self) -> impl Iterator<Item = &Whereabouts> {
        self.iter().map(|(_, whereabouts)| whereabouts)
    }

    /// The location of this point.
    #[must_use]
    pub fn get(&self, id: &BackupId) -> Option<&Whereabouts> {
        let piece = self.pieces.get(self.piece_of(id))?;
        let at = piece.binary_search_by(|(other, _)| other.cmp(id)).ok()?;
        piece.get(at).map(|(_, whereabouts)| whereabouts)
    }

    /// Whether this point is present.
    #[must_use]
    pub fn contains_key(&self, id: &BackupId) -> bool {
        self.get(id).is_some()
    }

    /// Inserts a point; returns its previous location.
    pub fn insert(&mut self, id: BackupId, whereabouts: Whereabouts) -> Option<Whereabouts> {
        let nth = self.piece_of(&id);
        let Some(piece) = self.pieces.get_mut(nth) else {
            self.pieces.push(Arc::new(vec![(id, whereabouts)]));
            self.len = 1;
            return None;
        };
        let piece = Arc::make_mut(piece);
        let at = match piece.binary_search_by(|(other, _)| other.cmp(&id)) {
            Ok(known) => return Some(std::mem::replace(&mut piece[known].1, whereabouts)),
            Err(at) => at,
        };
        self.len += 1;
        if piece.len() < MOST {
            make_room(piece);
            piece.insert(at, (id, whereabouts));
            return None;
        }
        // Insertion in order leaves full chunks behind.
        let from = if at == piece.len() { at } else { piece.len() / 2 };
        let mut rest = Piece::with_capacity(piece.len() - from + 8);
        rest.extend(piece.drain(from..));
        if at < from {
            piece.insert(at, (id, whereabouts));
        } else {
            rest.insert(at - from, (id, whereabouts));
        }
        piece.shrink_to_fit();
        self.pieces.insert(nth + 1, Arc::new(rest));
        None
    }

    /// Removes a point; returns its location.
    pub fn remove(&mut self, id: &BackupId) -> Option<Whereabouts> {
        let nth = self.piece_of(id);
        let known = self.pieces.get(nth)?.binary_search_by(|(other, _)| other.cmp(id)).ok()?;
        let piece = Arc::make_mut(&mut self.pieces[nth]);
        let (_, whereabouts) = piece.remove(known);
        self.len -= 1;
        if piece.is_empty() {
            self.pieces.remove(nth);
        } else if piece.len() < FEWEST {
            self.join(nth);
        }
        Some(whereabouts)
    }

    /// Packs the chunks tightly, once most of the points are loaded.
    pub(super) fn pack(&mut self) {
        let mut pieces = Vec::with_capacity(self.len.div_ceil(MOST));
        let mut packed = Piece::new();
        let mut left = self.len;
        for entry in std::mem::take(&mut self.pieces).into_iter().flat_map(Arc::unwrap_or_clone) {
            if packed.capacity() == 0 {
                packed.reserve_exact(left.min(MOST));
            }
            packed.push(entry);
            left -= 1;
            if packed.len() == MOST {
                pieces.push(Arc::new(std::mem::take(&mut packed)));
            }
        }
        if !packed.is_empty() {
            pieces.push(Arc::new(packed));
        }
        self.pieces = pieces;
    }

    /// The chunk that would contain the id: the last that begins at or before it, or the first.
    fn piece_of(&self, id: &BackupId) -> usize {
        self.pieces.partition_point(|piece| piece.first().is_some_and(|(first, _)| first <= id)).saturating_sub(1)
    }

    /// Merges a small chunk with a neighbour if the result is not too large.
    fn join(&mut self, nth: usize) {
        for first in [nth.saturating_sub(1), nth] {
            let Some([one, next]) = self.pieces.get(first..first + 2) else { continue };
            if one.len() + next.len() <= MOST {
                let next = self.pieces.remove(first + 1);
                let one = Arc::make_mut(&mut self.pieces[first]);
                one.reserve_exact(next.len());
                one.extend(Arc::unwrap_or_clone(next));
                return;
            }
        }
    }
}

/// Reserves room for one more entry and little else.
fn make_room(piece: &mut Piece) {
    if piece.len() == piece.capacity() {
        piece.reserve_exact((piece.len() / 8).max(4));
    }
}

impl PartialEq for Index {
    /// Chunk boundaries do not affect equality.
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::SourceId;
    use proptest::prelude::*;

    fn id(number: u16) -> BackupId {
        format!("backup-{number:05}").as_str().into()
    }

    fn whereabouts(number: u16) -> Whereabouts {
        let source = SourceId::from(format!("fs-{number}").as_str());
        Whereabouts { source, at: Time::ZERO, trigger: Trigger::Schedule, is_copy: false }
    }

    /// The invariants of the chunks.
    fn holds(index: &Index) {
        assert_eq!(index.len(), index.iter().count());
        assert!(index.pieces.iter().all(|piece| !piece.is_empty() && piece.len() <= MOST));
        assert!(index.keys().is_sorted_by(|one, next| one < next));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert(u16, u16),
        Remove(u16),
        InOrder(u16),
        Pack,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            30 => (0..600_u16, 0..9_u16).prop_map(|(id, value)| Step::Insert(id, value)),
            20 => (0..600_u16).prop_map(Step::Remove),
            1 => (0..500_u16).prop_map(Step::InOrder),
            1 => Just(Step::Pack),
        ]
    }

    proptest! {
        /// It behaves as an ordered map, and a clone does not change with the original.
        #[test]
        fn it_is_an_ordered_map(steps in proptest::collection::vec(step(), 0..800)) {
            let (mut index, mut map) = (Index::default(), BTreeMap::new());
            let mut given = (index.clone(), map.clone());
            for (nth, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert(number, value) => {
                        let (before, known) = (index.insert(id(number), whereabouts(value)), map.insert(id(number), whereabouts(value)));
                        prop_assert_eq!(before, known);
                    }
                    Step::Remove(number) => {
                        prop_assert_eq!(index.remove(&id(number)), map.remove(&id(number)));
                        prop_assert!(!index.contains_key(&id(number)));
                    }
                    Step::InOrder(from) => {
                        for number in from..from + 200 {
                            index.insert(id(number), whereabouts(number));
                            map.insert(id(number), whereabouts(number));
                        }
                    }
                    Step::Pack => index.pack(),
                }
                if nth == 300 {
                    given = (index.clone(), map.clone());
                }
            }
            holds(&index);
            prop_assert!(index.iter().eq(map.iter()));
            prop_assert!(given.0.iter().eq(given.1.iter()));
            for number in 0..700 {
                prop_assert_eq!(index.get(&id(number)), map.get(&id(number)));
            }
            let mut packed = index.clone();
            packed.pack();
            holds(&packed);
            prop_assert_eq!(packed, index);
        }
    }

    #[test]
    fn what_comes_in_order_and_what_is_packed_leaves_no_gaps() {
        let mut index = Index::default();
        for number in 0..5000 {
            index.insert(id(number), whereabouts(number));
        }
        let full = |index: &Index| index.pieces.iter().rev().skip(1).all(|piece| piece.len() == MOST);
        assert!(full(&index));
        let mut shuffled = Index::default();
        for number in 0..5000_u32 {
            let number = u16::try_from(number * 7919 % 5000).unwrap();
            shuffled.insert(id(number), whereabouts(number));
        }
        assert_eq!(shuffled, index);
        shuffled.pack();
        assert!(full(&shuffled) && shuffled.pieces.iter().all(|piece| piece.capacity() == piece.len()));
        for number in (0..5000).filter(|number| number % 10 != 0) {
            shuffled.remove(&id(number));
        }
        holds(&shuffled);
        assert!(shuffled.pieces.len() <= 500 / FEWEST, "what little is left is together: {}", shuffled.pieces.len());
    }
}
