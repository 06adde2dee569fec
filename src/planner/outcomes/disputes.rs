//! Backups and copies that carry our tags and must not be counted.

use super::*;
use crate::domain::evidence::Objection;
use crate::domain::state::Dispute;

impl OutcomeProcessor<'_> {
    /// Records an objection to a point: it is not counted until the objection is gone, and reported once. Returns
    /// whether that is a change to the record.
    pub(super) fn objected(
        &mut self,
        id: &BackupId,
        objection: Objection,
        on_record: Option<Box<RecoveryPoint>>,
        claim: Option<Box<RecoveryPoint>>,
    ) -> bool {
        let mut new = false;
        let known = self.here.and_then(|here| here.disputes.get(id));
        let claim = claim.filter(|_| on_record.is_none());
        let same = known.is_some_and(|known| {
            // Everything that would be taken in, except its progress.
            let told = |claim: &Option<Box<RecoveryPoint>>| {
                let claim = claim.as_deref()?.clone();
                Some(RecoveryPoint { progress_percent: None, settled_at: None, ..claim })
            };
            known.objection == objection && told(&known.claim) == told(&claim)
        });
        if let Some(on_record) = on_record {
            new = self.sight(*on_record);
            let deleting = self.state.under_way(self.place, &CallKey::Delete(id.clone()));
            if !deleting && self.state.deletions.contains_key(&(self.place.clone(), id.clone())) {
                let reason = format!("{} is not Lifeboat's to delete while {}", id, objection.what());
                self.push(Change::DeletionCancelled { place: self.place.clone(), id: id.clone(), reason });
            }
        }
        if !same {
            // A changed creation time is believed after this same objection has lasted a day.
            let same_before = known.filter(|known| known.objection == objection);
            let since = same_before.map_or(self.now, |known| known.since);
            let dispute = Some(Box::new(Dispute { objection, since, claim }));
            self.push(Change::Disputed { place: self.place.clone(), id: id.clone(), dispute });
        }
        new
    }

    /// Copies that were unconfirmed or misdated until this backup was known as it is. They are taken in with it;
    /// otherwise they would be made again at once.
    pub(super) fn confirmed_by(&self, backup: &RecoveryPoint) -> Vec<RecoveryPoint> {
        let places = self.state.places.iter().filter(|(place, _)| place.account == backup.place.account);
        let claims = places.flat_map(|(_, known)| known.unconfirmed_of(&backup.source, backup.occurrence));
        claims.filter(|claim| evidence::confirms(backup, claim)).cloned().collect()
    }

    /// Takes them in.
    pub(super) fn confirmed(&mut self, copies: Vec<RecoveryPoint>) {
        for mut point in copies {
            point.settled_at = point.settled_at.filter(|_| !point.available());
            self.push(Change::Disputed { place: point.place.clone(), id: point.id.clone(), dispute: None });
            self.push(Change::BackupObserved { point: Box::new(point) });
        }
    }

    /// Nothing contradicts it any more.
    pub(super) fn undisputed(&mut self, id: &BackupId) {
        if self.here.is_some_and(|here| here.disputes.contains_key(id)) {
            self.push(Change::Disputed { place: self.place.clone(), id: id.clone(), dispute: None });
        }
    }

    /// After a complete listing: disputed objects that it does not show are removed or have lost our tags. Copies
    /// elsewhere that could not be confirmed while this Region was unread are polled again.
    pub(super) fn listed_disputes(&mut self, shown: &BTreeSet<BackupId>) {
        let Some(here) = self.here else { return };
        let gone = here.disputes.keys().filter(|id| !shown.contains(*id) && !here.points.contains_key(id));
        for id in gone.cloned().collect::<Vec<_>>() {
            self.push(Change::Disputed { place: self.place.clone(), id, dispute: None });
        }
        // An earlier listing would already have shown it.
        let told = |claim: &RecoveryPoint| {
            here.listed.is_some_and(|last| last.listed_by_this_process && last.began_at > claim.created_at)
        };
        let waits = |claim: &RecoveryPoint| {
            let home = claim.origin.as_ref().map(|origin| &origin.region);
            home == Some(&self.place.region) && claim.place.account == self.place.account && !told(claim)
        };
        let unconfirmed = self.state.disputes().filter(|(.., of)| matches!(of.objection, Objection::Unconfirmed(_)));
        let claims = unconfirmed.filter_map(|(place, _, dispute)| Some((place, dispute.claim.as_deref()?)));
        let places: BTreeSet<&AccountRegion> =
            claims.filter(|(_, claim)| waits(claim)).map(|(place, _)| place).collect();
        let elsewhere = places.into_iter().filter(|place| *place != self.place);
        let wanted = elsewhere.map(|place| Change::ListingWanted { place: place.clone(), at: self.now });
        let wanted: Vec<Change> = wanted.collect();
        self.changes.extend(wanted);
    }

    /// Notes an object that is not ours.
    pub(super) fn note_other(&self, other: &ObservedBackup, page: &mut ListingPage) {
        if other.lifecycle == Lifecycle::Copying {
            page.others.push((other.id.clone(), lanes_of_other(other, self.place)));
        }
        let of = other.volume.as_ref().or(other.file_system.as_ref());
        let home = self.settings.policies.values().any(|policy| policy.region == self.place.region);
        if let Some(of) = of.filter(|_| home && other.copied_from.is_none()) {
            page.other_backups.push((other.id.clone(), of.clone()));
        }
    }
}
