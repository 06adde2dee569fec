//! What is known about one account in one Region.

use super::*;
use crate::domain::id::SourceId;
use crate::domain::limits::SHOWN_AFTER_GONE;
use crate::domain::selection::Fleet;

/// One account in one Region.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountRegionState {
    /// When AWS's inventory here was last read.
    pub last_seen: Option<Time>,
    /// The last complete listing.
    pub listed: Option<Listed>,
    /// A listing under way.
    pub listing: Option<Listing>,
    /// A listing is wanted that begins at or after this time.
    pub listing_wanted: Option<Time>,
    /// Copies in flight that are not ours, with their lanes.
    pub others: BTreeMap<BackupId, Vec<Lane>>,
    /// Backups that count towards the quota: the last listing's count, adjusted for ours that came and went since.
    pub user_backups: u64,
    /// The location of each point of ours.
    pub points: Index,
    /// Objects that carry our tags and are not counted, ours or not.
    pub disputes: BTreeMap<BackupId, Dispute>,
    /// The disputed ones that only lack confirmation, by what their tags say they are for: every round asks.
    pub(super) unconfirmed: BTreeSet<(SourceId, Occurrence, BackupId)>,
    /// Others' backups in the last complete listing, each with its source: a copy may name one as its origin. Only kept
    /// for Regions with sources.
    pub other_backups: BTreeMap<BackupId, SourceId>,
    /// Our deleted backups and copies, with the time of removal: a listing may still show them for a while.
    pub removed: BTreeMap<BackupId, Time>,
    /// What is polled by id (our points in flight or in doubt, and others' copies), with the time of the next poll.
    pub poll_schedule: BTreeMap<BackupId, Time>,
    /// Ids that made a batch fail, each with the largest batch it may be in.
    pub batches: BTreeMap<BackupId, usize>,
    /// Calls under way.
    pub calls: BTreeSet<CallKey>,
    /// Consecutive calls that were throttled, denied or got no response.
    pub failures: u32,
    /// The last such fault and when it came; `None` after a successful response.
    pub trouble: Option<(Fault, Time)>,
    /// AWS refuses to list backups here; `None` once a listing is complete.
    pub refused_listing: Option<ReadRefusal>,
    /// AWS refuses to describe backups by id.
    pub refused_polls: Option<ReadRefusal>,
    /// Responses name another account than the one on record.
    pub foreign: Option<Foreign>,
    /// What searches for sources showed; `None` where no policy of this process selected by tag.
    pub fleet: Option<Box<Fleet>>,
    /// Since when complete listings name no account and contradict the record, so that they are not believed.
    pub silent_since: Option<Time>,
}

/// The location of a point of ours: a [`WorkKey`] without the account and Region, to save memory for a million of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The source.
    pub source: SourceId,
    pub(super) at: Time,
    pub(super) trigger: Trigger,
    pub(super) is_copy: bool,
}

impl Whereabouts {
    /// The location of this point.
    #[must_use]
    pub fn of(point: &RecoveryPoint) -> Self {
        let Occurrence { at, trigger } = point.occurrence;
        Self { source: point.source.clone(), at, trigger, is_copy: point.origin.is_some() }
    }

    /// The occurrence it was made for.
    #[must_use]
    pub fn occurrence(&self) -> Occurrence {
        Occurrence { at: self.at, trigger: self.trigger }
    }

    /// Whether it is a backup rather than a copy.
    #[must_use]
    pub fn is_backup(&self) -> bool {
        !self.is_copy
    }

    /// The work it was made for, given its account and Region.
    #[must_use]
    pub fn work(&self, place: &AccountRegion) -> WorkKey {
        let source = SourceKey { account: place.account.clone(), source: self.source.clone() };
        let target = if self.is_copy { Target::Copy(place.region.clone()) } else { Target::Backup };
        WorkKey { source, occurrence: self.occurrence(), target }
    }
}

/// A refusal to list or describe, in an account and Region that otherwise responds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRefusal {
    /// The last refusal.
    pub fault: Fault,
    /// When the first refusal came.
    pub since: Time,
    /// When the last refusal came.
    pub last_at: Time,
    /// Consecutive refusals.
    pub failures: u32,
}

/// A complete listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// When its first page was requested.
    pub began_at: Time,
    /// From then until its last page was received; zero where an earlier process made it.
    pub took: Duration,
    /// The number of pages.
    pub pages: u32,
    /// Whether this process made it: only the cost of an earlier process's listing is used.
    pub listed_by_this_process: bool,
}

/// A listing under way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// When its first page was requested.
    pub began_at: Time,
    /// Pages received so far.
    pub pages: u32,
    /// The token of the next page.
    pub next_token: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// How often it was restarted: its backoff keeps growing, though its first pages succeed.
    pub begun_anew: u32,
    /// Earliest time of the next request.
    pub not_before: Time,
    /// What it showed so far.
    pub shown: ListingPage,
}

impl AccountRegionState {
    /// Whether this process has completed a listing here.
    #[must_use]
    pub fn known(&self) -> bool {
        self.listed.is_some_and(|listed| listed.listed_by_this_process)
    }

    /// Why the inventory here cannot be read, while it cannot.
    #[must_use]
    pub fn unread_because(&self) -> Option<&Fault> {
        let refusal = self.refused_listing.as_ref().or(self.refused_polls.as_ref()).map(|refusal| &refusal.fault);
        let foreign = self.foreign.as_ref().map(|foreign| &foreign.fault);
        foreign.or(self.trouble.as_ref().map(|(fault, _)| fault)).or(refusal)
    }

    /// Whether its last response after `time` was a failure or refusal, which names no account.
    pub(super) fn silent_after(&self, time: Time) -> bool {
        let refusals = [&self.refused_listing, &self.refused_polls].into_iter().flatten();
        let mut refused = refusals.map(|refusal| refusal.last_at);
        self.trouble.as_ref().is_some_and(|(_, at)| *at > time) || refused.any(|at| at > time)
    }

    /// Where refusals of this kind of call are kept.
    pub(super) fn refusal_of(&mut self, call: &CallKey) -> Option<&mut Option<ReadRefusal>> {
        match call {
            CallKey::List => Some(&mut self.refused_listing),
            CallKey::Poll(_) => Some(&mut self.refused_polls),
            _ => None,
        }
    }

    /// After a reload, refused calls may be retried.
    pub(super) fn worth_another_try(&mut self) {
        if let Some(listing) = self.listing.as_mut().filter(|_| self.refused_listing.is_some()) {
            listing.not_before = Time::ZERO;
        }
        if self.refused_polls.is_some() {
            self.poll_schedule.values_mut().for_each(|look| *look = Time::ZERO);
        }
    }

    /// Whether this process has completed a listing here that began at or after `time`.
    #[must_use]
    pub fn listed_since(&self, time: Time) -> bool {
        self.listed.is_some_and(|listed| listed.listed_by_this_process && listed.began_at >= time)
    }
}

impl AccountRegionState {
    /// Removes times in the future after the clock went back.
    pub(super) fn clock_went_back(&mut self, to: Time) {
        for look in self.poll_schedule.values_mut() {
            *look = (*look).min(to);
        }
        for dispute in self.disputes.values_mut() {
            dispute.since = dispute.since.min(to);
        }
        for at in self.removed.values_mut() {
            *at = (*at).min(to);
        }
        self.last_seen = self.last_seen.map(|seen| seen.min(to));
        self.trouble = self.trouble.take().map(|(fault, at)| (fault, at.min(to)));
        for refusal in [&mut self.refused_listing, &mut self.refused_polls].into_iter().flatten() {
            refusal.since = refusal.since.min(to);
            refusal.last_at = refusal.last_at.min(to);
        }
        self.listing_wanted = self.listing_wanted.map(|wanted| wanted.min(to));
        self.silent_since = self.silent_since.map(|since| since.min(to));
        if let Some(fleet) = &mut self.fleet {
            fleet.clock_went_back(to);
        }
        if let Some(listed) = &mut self.listed {
            listed.began_at = listed.began_at.min(to);
        }
        if let Some(listing) = &mut self.listing {
            listing.began_at = listing.began_at.min(to);
            listing.not_before = listing.not_before.min(to);
        }
    }
}

impl State {
    /// The state of an account and Region, created by the first change that concerns it.
    fn place_mut(&mut self, place: &AccountRegion) -> &mut AccountRegionState {
        self.places.entry(place.clone()).or_default()
    }

    pub(super) fn place_seen(&mut self, place: &AccountRegion, at: Time) {
        let known = self.place_mut(place);
        known.last_seen = known.last_seen.max(Some(at));
    }

    pub(super) fn sent(&mut self, place: &AccountRegion, call: &CallKey) {
        self.place_mut(place).calls.insert(call.clone());
    }

    pub(super) fn returned(&mut self, place: &AccountRegion, call: &CallKey, fault: Option<&Fault>, at: Time) {
        let known = self.place_mut(place);
        known.calls.remove(call);
        known.failures = fault.map_or(0, |_| known.failures.saturating_add(1));
        known.trouble = fault.map(|fault| (fault.clone(), at));
    }

    pub(super) fn withdrawn(&mut self, place: &AccountRegion, call: &CallKey) {
        self.place_mut(place).calls.remove(call);
    }

    pub(super) fn read_answered(&mut self, place: &AccountRegion, call: &CallKey, fault: Option<&Fault>, at: Time) {
        let Some(refusal) = self.place_mut(place).refusal_of(call) else { return };
        let (since, failures) = refusal.as_ref().map_or((at, 0), |refusal| (refusal.since, refusal.failures));
        let failures = failures.saturating_add(1);
        *refusal = fault.map(|fault| ReadRefusal { fault: fault.clone(), since, last_at: at, failures });
    }

    pub(super) fn poll_scheduled(&mut self, place: &AccountRegion, ids: &[BackupId], at: Time, batch: Option<usize>) {
        let known = self.place_mut(place);
        for id in ids {
            match batch {
                Some(0) => known.batches.remove(id),
                Some(size) => known.batches.insert(id.clone(), size),
                None => None,
            };
            if let Some(look) = known.poll_schedule.get_mut(id) {
                *look = at;
            }
        }
    }

    pub(super) fn other_ended(&mut self, place: &AccountRegion, id: &BackupId) {
        let known = self.place_mut(place);
        let lanes = known.others.remove(id);
        known.poll_schedule.remove(id);
        known.batches.remove(id);
        self.lanes_moved(&lanes.unwrap_or_default());
    }

    pub(super) fn listing_wanted(&mut self, place: &AccountRegion, at: Time) {
        let known = self.place_mut(place);
        known.listing_wanted = known.listing_wanted.max(Some(at));
    }

    pub(super) fn listing_began(&mut self, place: &AccountRegion, at: Time) {
        let known = self.place_mut(place);
        let before = known.listing.take().unwrap_or_default();
        let (failures, begun_anew) = (before.failures, before.begun_anew);
        known.listing = Some(Listing { began_at: at, failures, begun_anew, ..Listing::default() });
    }

    pub(super) fn listing_page(&mut self, place: &AccountRegion, page: &ListingPage, next_token: &str) {
        let Some(listing) = self.place_mut(place).listing.as_mut() else { return };
        listing.pages = listing.pages.saturating_add(1);
        listing.next_token = Some(next_token.to_owned());
        listing.failures = 0;
        listing.shown.ours.extend(page.ours.iter().cloned());
        listing.shown.learned.extend(page.learned.iter().cloned());
        listing.shown.others.extend(page.others.iter().cloned());
        listing.shown.named |= page.named;
        listing.shown.disputed.extend(page.disputed.iter().cloned());
        listing.shown.other_backups.extend(page.other_backups.iter().cloned());
        listing.shown.user_backups = listing.shown.user_backups.saturating_add(page.user_backups);
    }

    pub(super) fn listing_stalled(&mut self, place: &AccountRegion, not_before: Time, restart: bool) {
        let known = self.place_mut(place);
        if restart {
            let before = known.listing.take().unwrap_or_default();
            let (failures, begun_anew) = (before.failures, before.begun_anew.saturating_add(1));
            known.listing = Some(Listing { failures, begun_anew, ..Listing::default() });
        }
        if let Some(listing) = known.listing.as_mut() {
            listing.failures = listing.failures.saturating_add(1);
            listing.not_before = not_before;
        }
    }

    pub(super) fn listed(
        &mut self,
        place: &AccountRegion,
        listed: Listed,
        user_backups: u64,
        others: &[(BackupId, Vec<Lane>)],
        other_backups: &[(BackupId, SourceId)],
    ) {
        self.review_place(place);
        let known = self.place_mut(place);
        known.listing = None;
        known.refused_listing = None;
        known.silent_since = None;
        if !known.known() {
            known.points.pack();
        }
        known.listed = Some(listed);
        known.user_backups = user_backups;
        // Built from sorted input, the index has no gaps.
        known.other_backups = other_backups.iter().cloned().collect();
        known.removed.retain(|_, at| at.plus(SHOWN_AFTER_GONE) > listed.began_at);
        known.listing_wanted = known.listing_wanted.filter(|wanted| *wanted > listed.began_at);
        let before = std::mem::take(&mut known.others);
        for id in before.keys() {
            known.poll_schedule.remove(id);
            known.batches.remove(id);
        }
        // What a page took for others' may have been confirmed as ours before the last page arrived.
        for (id, lanes) in others.iter().filter(|(id, _)| !known.points.contains_key(id)) {
            known.poll_schedule.insert(id.clone(), Time::ZERO);
            known.others.insert(id.clone(), lanes.clone());
        }
        let ended = before.into_iter().filter(|(id, _)| !known.others.contains_key(id));
        let lanes: Vec<Lane> = ended.flat_map(|(_, lanes)| lanes).collect();
        self.lanes_moved(&lanes);
    }
}
