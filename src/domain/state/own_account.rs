//! The daemon's own account gets its id.
//!
//! Two hosts may reach one account by different names, so keys, rows and tokens must contain what AWS calls it. Only a
//! response of AWS says that, and what a policy made due before the first one must not be lost. So the daemon's own
//! account begins as [`AccountId::own`], and everything recorded of it moves to its id once that is known.

use super::*;

impl State {
    /// Moves everything that is recorded of the unnamed own account to its id. What an account of the policy file that
    /// turns out to be the same has recorded already is merged.
    pub(super) fn own_account_named(&mut self, id: &AccountId, at: Time) {
        if self.own_account.is_some() {
            return;
        }
        self.own_account = Some(id.clone());
        self.own_sources_move(id);
        self.own_places_move(id);
        let own = AccountId::own();
        self.accounts.remove(&own);
        self.account_recorded(id, id, at);
        let place = |place: &mut AccountRegion| place.account.name_own(id);
        self.deletions = renamed(&mut self.deletions, |(of, _)| place(of));
        self.hold_requests = renamed(&mut self.hold_requests, |(of, _)| place(of));
        self.braked = renamed(&mut self.braked, |(source, _)| source.account.name_own(id));
        self.closed_lanes = renamed(&mut self.closed_lanes, |lane| lane.name_own(id));
        self.quarantined = renamed(&mut self.quarantined, |source| source.account.name_own(id));
        self.notes.rpos = renamed(&mut self.notes.rpos, |(source, _)| source.account.name_own(id));
        self.notes.late = renamed(&mut self.notes.late, |(source, _)| source.account.name_own(id));
        let keys: Vec<SourceKey> = self.sources.keys().filter(|key| key.account == *id).cloned().collect();
        keys.iter().for_each(|key| self.reindex(key));
        self.review_all();
    }

    fn own_sources_move(&mut self, id: &AccountId) {
        let own = AccountId::own();
        let keys: Vec<SourceKey> = self.sources.keys().filter(|key| key.account == own).cloned().collect();
        self.active.retain(|key| key.account != own);
        for key in keys {
            let Some(source) = self.sources.remove(&key) else { continue };
            let mut source = Arc::unwrap_or_clone(source);
            source.points.name_own(id);
            let key = SourceKey { account: id.clone(), source: key.source };
            if let Some(other) = self.sources.remove(&key) {
                let other = Arc::unwrap_or_clone(other);
                source.in_flight.extend(other.in_flight);
                add(&mut source.open, other.open);
                add(&mut source.orders_ended, other.orders_ended);
                add(&mut source.cancelled, other.cancelled);
                add(&mut source.pending_requests, other.pending_requests);
                add(&mut source.losses, other.losses);
                for point in other.points.into_all() {
                    if source.points.find(point.occurrence, &point.target(), &point.id).is_none() {
                        source.points.put(Box::new(point));
                    }
                }
            }
            self.sources.insert(key, Arc::new(source));
        }
    }

    fn own_places_move(&mut self, id: &AccountId) {
        let own = AccountId::own();
        let places: Vec<AccountRegion> = self.places.keys().filter(|place| place.account == own).cloned().collect();
        for place in places {
            let Some(mut known) = self.places.remove(&place) else { continue };
            known.name_own(id);
            let place = AccountRegion { account: id.clone(), region: place.region };
            if let Some(other) = self.places.remove(&place) {
                for (backup, whereabouts) in other.points.iter() {
                    if !known.points.contains_key(backup) {
                        known.points.insert(backup.clone(), whereabouts.clone());
                    }
                }
                known.calls.extend(other.calls);
                known.poll_schedule.extend(other.poll_schedule);
                for (backup, dispute) in &other.disputes {
                    known.dispute(backup, Some(dispute));
                }
                known.listed = known.listed.or(other.listed);
            }
            self.places.insert(place, known);
        }
    }
}

impl AccountRegionState {
    fn name_own(&mut self, id: &AccountId) {
        let calls = std::mem::take(&mut self.calls);
        self.calls = calls.into_iter().map(|call| call.in_account(id)).collect();
        self.others.values_mut().flatten().for_each(|lane| lane.name_own(id));
        for claim in self.disputes.values_mut().filter_map(|dispute| dispute.claim.as_deref_mut()) {
            claim.name_own(id);
        }
        if let Some(listing) = &mut self.listing {
            let learned = std::mem::take(&mut listing.shown.learned);
            let in_account = |(occurrence, mut key): (Occurrence, SourceKey)| {
                key.account.name_own(id);
                (occurrence, key)
            };
            listing.shown.learned = learned.into_iter().map(in_account).collect();
            listing.shown.others.iter_mut().flat_map(|(_, lanes)| lanes).for_each(|lane| lane.name_own(id));
        }
    }
}

/// Adds the entries whose keys are not there yet.
fn add<K: Ord, V>(to: &mut BTreeMap<K, V>, from: BTreeMap<K, V>) {
    for (key, value) in from {
        to.entry(key).or_insert(value);
    }
}

/// The map under new keys.
fn renamed<K: Ord, V>(map: &mut BTreeMap<K, V>, mut rename: impl FnMut(&mut K)) -> BTreeMap<K, V> {
    let entries = std::mem::take(map).into_iter().map(|(mut key, value)| {
        rename(&mut key);
        (key, value)
    });
    entries.collect()
}
