//! Backups and copies that carry our tags and are not counted.

use super::*;
use crate::domain::id::SourceId;

impl AccountRegionState {
    /// Unconfirmed copies that may have been made for this occurrence of a source.
    pub fn unconfirmed_of(&self, source: &SourceId, occurrence: Occurrence) -> impl Iterator<Item = &RecoveryPoint> {
        let from = (source.clone(), occurrence, BackupId::from(""));
        let of_it = self.unconfirmed.range(from..).take_while(move |(of, at, _)| of == source && *at == occurrence);
        of_it.filter_map(|(.., id)| self.disputes.get(id)?.unconfirmed())
    }

    /// Starts or ends a dispute.
    pub(super) fn dispute(&mut self, id: &BackupId, dispute: Option<&Dispute>) {
        let place_of = |claim: &RecoveryPoint| (claim.source.clone(), claim.occurrence, id.clone());
        if let Some(before) = self.disputes.remove(id).as_ref().and_then(Dispute::unconfirmed) {
            self.unconfirmed.remove(&place_of(before));
        }
        if let Some(dispute) = dispute {
            self.unconfirmed.extend(dispute.unconfirmed().map(place_of));
            self.disputes.insert(id.clone(), dispute.clone());
        }
    }
}

impl State {
    /// Starts or ends a dispute.
    pub(super) fn disputed(&mut self, place: &AccountRegion, id: &BackupId, dispute: Option<&Dispute>) {
        self.places.entry(place.clone()).or_default().dispute(id, dispute);
        self.mark_disputed(place, id, dispute.is_some());
    }

    fn mark_disputed(&mut self, place: &AccountRegion, id: &BackupId, disputed: bool) {
        let Some(key) = self.places.get(place).and_then(|known| known.points.get(id)).map(|known| known.work(place))
        else {
            return;
        };
        let Some(source) = self.sources.get_mut(&key.source).map(Arc::make_mut) else { return };
        source.points.mark_disputed(key.occurrence, &key.target, id, disputed);
        self.reindex(&key.source);
        self.review(&key.source, Time::ZERO);
    }

    /// Removes a point that was adopted by its tags from the location that they gave it, after the tags have changed.
    pub(super) fn unplace(&mut self, place: &AccountRegion, id: &BackupId, key: &WorkKey) {
        if let Some(source) = self.sources.get_mut(&key.source).map(Arc::make_mut) {
            source.points.remove(key.occurrence, &key.target, id);
            source.in_flight.remove(&(key.occurrence, key.target.clone(), id.clone()));
        }
        if let Some(known) = self.places.get_mut(place) {
            known.points.remove(id);
            known.user_backups = known.user_backups.saturating_sub(1);
        }
        self.reindex(&key.source);
        self.review(&key.source, Time::ZERO);
    }

    /// All backups and copies that are not counted.
    pub fn disputes(&self) -> impl Iterator<Item = (&AccountRegion, &BackupId, &Dispute)> {
        self.places.iter().flat_map(|(place, known)| known.disputes.iter().map(move |(id, of)| (place, id, of)))
    }
}
