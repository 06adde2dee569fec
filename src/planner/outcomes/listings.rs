//! Processes a page of a listing, and what a complete listing did not show.

use super::*;
use crate::domain::limits::{AHEAD_TOLERATED, LISTING_LAG};

impl OutcomeProcessor<'_> {
    pub(super) fn page(&mut self, observed_backups: Vec<ObservedBackup>, next_token: Option<String>) {
        let Some(listing) = self.state.place(self.place).and_then(|known| known.listing.as_ref()) else { return };
        let mut page = ListingPage { named: self.named, ..ListingPage::default() };
        for observed in observed_backups {
            page.user_backups += u64::from(observed.counts_to_quota() && observed.lifecycle != Lifecycle::Deleted);
            if self.unchanged(&observed).is_some() {
                page.ours.insert(observed.id);
                continue;
            }
            match self.weigh(observed) {
                Evidence::Ours(point) => {
                    page.ours.insert(point.id.clone());
                    self.undisputed(&point.id);
                    let (occurrence, source, target) = (point.occurrence, point.source_key(), point.target());
                    if self.sight(*point) && target == Target::Backup {
                        page.learned.insert((occurrence, source));
                    }
                }
                Evidence::Objected { objection, on_record, claim, shown } => {
                    page.disputed.insert(shown.id.clone());
                    if on_record.is_some() {
                        page.ours.insert(shown.id.clone());
                    } else {
                        self.note_other(&shown, &mut page);
                    }
                    let backup = on_record.as_ref().filter(|point| point.target() == Target::Backup);
                    let learned = backup.map(|backup| (backup.occurrence, backup.source_key()));
                    if self.objected(&shown.id, objection, on_record, claim) {
                        page.learned.extend(learned);
                    }
                }
                Evidence::Others(other) => self.note_other(&other, &mut page),
            }
        }
        let endless = listing.pages >= PAGES_PER_LISTING || next_token.as_ref() == listing.next_token.as_ref();
        match next_token {
            Some(_) if endless => self.page_failed(&nonsense()),
            Some(next_token) => self.push(Change::ListingPage { place: self.place.clone(), page, next_token }),
            None => {
                let mut shown = listing.shown.clone();
                shown.ours.extend(page.ours);
                shown.learned.extend(page.learned);
                shown.others.extend(page.others);
                shown.user_backups += page.user_backups;
                shown.named |= page.named;
                shown.disputed.extend(page.disputed);
                shown.other_backups.extend(page.other_backups);
                if !shown.named && !self.nobody_there(listing.began_at) {
                    return;
                }
                self.listed(listing.began_at, listing.pages.saturating_add(1), shown);
            }
        }
    }

    /// A listing is complete: adopt what is new, doubt what is missing.
    fn listed(&mut self, began_at: Time, pages: u32, shown: ListingPage) {
        let mut learned = shown.learned;
        let known = self.state.place(self.place);
        if let Some(known) = known.filter(|known| known.listed.is_none()) {
            // An earlier process may have ended in the middle of a listing: what it read is known, but not adopted.
            let backups = known.points.values().filter(|known| known.is_backup());
            learned.extend(backups.map(|backup| (backup.occurrence(), backup.work(self.place).source)));
        }
        for (occurrence, key) in learned {
            self.adopt(&key, occurrence);
        }
        if let Some(known) = known {
            for id in known.points.keys().filter(|id| !shown.ours.contains(*id)) {
                let Some(point) = self.state.point(self.place, id) else { continue };
                // Anything younger than the lag may be missing.
                if point.created_at.plus(LISTING_LAG) < began_at && point.remarks.missing_since.is_none() {
                    let (place, id) = (self.place.clone(), id.clone());
                    self.push(Change::MissingFromListing { place, id, missing_since: Some(self.now) });
                }
            }
        }
        self.listed_disputes(&shown.disputed);
        let mut other_backups = shown.other_backups;
        other_backups.sort();
        other_backups.dedup_by(|one, next| one.0 == next.0);
        let mut others = shown.others;
        others.sort();
        others.dedup();
        let good_until = self.now.plus(stale_after(self.poll(), pages));
        self.push(Change::Noted(Note::Read { place: self.place.clone(), at: self.now, good_until }));
        self.push(Change::Listed {
            place: self.place.clone(),
            began_at,
            took: self.now.since(began_at),
            pages,
            user_backups: shown.user_backups,
            others,
            other_backups,
        });
    }

    /// Adopts an occurrence that only AWS knew: its work continues where it stands. One in the future is not adopted:
    /// its tag is wrong, perhaps on several objects at once.
    fn adopt(&mut self, key: &SourceKey, occurrence: Occurrence) {
        let source = self.state.sources.get(key);
        let Some(membership) = source.and_then(|source| source.membership.as_ref()) else { return };
        // An ordered occurrence may have ended, for instance cancelled, between the page that showed it and the last
        // page.
        let recorded = source.is_some_and(|source| {
            let ended = match occurrence.trigger {
                Trigger::Schedule => source.cursor.is_some_and(|cursor| cursor >= occurrence.at),
                Trigger::Manual => source.orders_ended.contains_key(&occurrence.at),
            };
            ended || source.open.contains_key(&occurrence)
        });
        if !recorded && occurrence.at <= self.now.plus(AHEAD_TOLERATED) {
            let record = OccurrenceRecord {
                policy: membership.policy.clone(),
                opened_at: self.now,
                caught_up: true,
                adopted: true,
            };
            self.push(Change::Opened { source: key.clone(), occurrence, record });
        }
    }
}
