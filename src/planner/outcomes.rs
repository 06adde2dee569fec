//! What the outcome of a call means for the state.
//!
//! Responses get lost, arrive late and out of order, and contradict each other within the lag of AWS's listings. So a
//! response never moves anything backwards, one absence proves nothing, and a refusal proves something only if no
//! response to the same request was lost before.

use super::call_limits::WHAT_IT_MADE_IS_GONE;
use super::full_copy;
use super::polling::stale_after;
use super::retry;
use crate::domain::action::{Action, Call, CallKey, Outcome, SourceFacts};
use crate::domain::change::{Change, Counter, LaneEvidence, ListingPage, OccurrenceRecord};
use crate::domain::evidence::{self, Evidence};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{
    AccountRegion, BackupId, Occurrence, PolicyName, SourceId, SourceKey, Target, Trigger, WorkKey,
};
use crate::domain::lane::{FileSystemKind, Lane};
use crate::domain::limits::{LISTING_LAG, SHOWN_AFTER_GONE};
use crate::domain::note::Note;
use crate::domain::point::{Lifecycle, ObservedBackup, RecoveryPoint};
use crate::domain::policy::Settings;
use crate::domain::state::{AccountRegionState, State};
use crate::domain::time::Time;
use std::collections::BTreeSet;
use std::time::Duration;

/// A listing with more pages than this is given up: an endpoint that never ends its pages must not block us forever.
const PAGES_PER_LISTING: u32 = 20_000;

/// Turns the outcome of an action into changes to record.
#[must_use]
pub fn process_outcome(
    settings: &Settings,
    state: &State,
    action: &Action,
    outcome: Outcome,
    now: Time,
) -> Vec<Change> {
    let (place, changes) = (&action.place, Vec::new());
    let mut processor =
        OutcomeProcessor { settings, state, place, here: state.place(place), now, named: false, changes };
    let outcome = processor.of_whom(outcome);
    processor.returned(action, &outcome);
    match (&action.call, outcome) {
        (Call::Make { key, request }, Outcome::Made(observed)) => processor.made(key, request, *observed),
        (Call::Make { key, .. }, Outcome::Failed(fault)) => processor.unfulfilled(key, fault),
        (Call::ListPage { .. }, Outcome::Page { observed_backups, next_token }) => {
            processor.page(observed_backups, next_token)
        }
        (Call::ListPage { .. }, Outcome::Failed(fault)) => processor.page_failed(&fault),
        (Call::Poll { ids }, Outcome::Polled(observed_backups)) => processor.polled(ids, observed_backups),
        (Call::Poll { ids }, Outcome::Failed(fault)) => processor.poll_failed(ids, &fault),
        (Call::DescribeSources { ids }, Outcome::SourcesDescribed(facts)) => processor.source_looked_up(ids, facts),
        (Call::DescribeSources { ids }, Outcome::Failed(fault)) => processor.source_lookup_failed(ids, &fault),
        (Call::SearchSources { next }, Outcome::SourcesFound { facts, next_token }) => {
            processor.sources_found(next, facts, next_token);
        }
        (Call::SearchSources { .. }, Outcome::Failed(fault)) => processor.search_failed(&fault),
        (Call::Delete { id, .. }, Outcome::Deleted) => processor.deleted(id),
        (Call::Delete { id, .. }, Outcome::Failed(fault)) => processor.deletion_failed(id, fault),
        (Call::Hold { id, hold, .. }, Outcome::HoldSet) => processor.hold_answered(id, hold.as_deref(), None),
        (Call::Hold { id, hold, .. }, Outcome::Failed(fault)) => {
            processor.hold_answered(id, hold.as_deref(), Some(fault));
        }
        // An engine returns the outcome that matches the call; any other carries no information.
        (Call::Make { key, .. }, _) => processor.unfulfilled(key, nonsense()),
        (Call::ListPage { .. }, _) => processor.page_failed(&nonsense()),
        (Call::Poll { ids }, _) => processor.poll_failed(ids, &nonsense()),
        (Call::DescribeSources { ids }, _) => processor.source_lookup_failed(ids, &nonsense()),
        (Call::SearchSources { .. }, _) => processor.search_failed(&nonsense()),
        (Call::Delete { id, .. }, _) => processor.deletion_failed(id, nonsense()),
        (Call::Hold { id, hold, .. }, _) => processor.hold_answered(id, hold.as_deref(), Some(nonsense())),
    }
    processor.changes
}

fn nonsense() -> Fault {
    Fault::new(FaultClass::Unanswered, "UnexpectedAnswer", "the answer is of another kind than the call")
}

pub use accounts::account_named_by;

mod accounts;
mod deletions;
mod disputes;
mod lanes;
mod listings;
mod looks;
mod peers;
mod polls;
mod searches;
mod source_lookups;

struct OutcomeProcessor<'a> {
    settings: &'a Settings,
    state: &'a State,
    place: &'a AccountRegion,
    here: Option<&'a AccountRegionState>,
    now: Time,
    /// The response names the account on record.
    named: bool,
    changes: Vec<Change>,
}

impl OutcomeProcessor<'_> {
    fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    fn poll(&self) -> Duration {
        self.settings.daemon.poll
    }

    /// Records the end of the call. A fault of the account and Region counts against them; any other response clears
    /// it.
    fn returned(&mut self, action: &Action, outcome: &Outcome) {
        let fault = match outcome {
            Outcome::Failed(fault) => Some(fault),
            _ => None,
        };
        let of_place = fault.filter(|fault| match fault.class {
            FaultClass::Unanswered | FaultClass::Throttled | FaultClass::Credentials => true,
            FaultClass::Denied => matches!(action.call, Call::ListPage { .. } | Call::Poll { .. }),
            _ => false,
        });
        if let Some(call) = action.call.key() {
            let (place, fault) = (self.place.clone(), of_place.cloned());
            self.push(Change::Returned { place, call, fault, at: self.now });
        }
        // An incomplete listing shows nothing for certain.
        if matches!(outcome, Outcome::Page { next_token: None, .. } | Outcome::Polled(_)) {
            self.push(Change::InventoryRead { place: self.place.clone(), at: self.now });
        }
    }

    fn made(&mut self, key: &WorkKey, request: &crate::domain::action::Request, mut observed: ObservedBackup) {
        let tags = match request {
            crate::domain::action::Request::CreateBackup { tags, .. }
            | crate::domain::action::Request::CopyBackup { tags, .. } => tags,
        };
        // Some endpoints do not return the tags; then the requested ones apply.
        if observed.tags.is_empty() {
            observed.tags = tags.clone().into();
        }
        let (id, ended) = (observed.id.clone(), !observed.lifecycle.in_flight());
        let known = self.state.point(self.place, &id).is_some();
        let (mut class, mut code) = (FaultClass::TokenConflict, "UnexpectedAnswer");
        let stands = match self.weigh(observed) {
            Evidence::Ours(point) if point.work_key() == *key => {
                self.lane_granted(key);
                self.sight(*point);
                true
            }
            // Whatever the objection, it is certain what the object was made for.
            Evidence::Objected { objection, on_record: Some(on_record), claim, .. } if on_record.work_key() == *key => {
                self.objected(&id, objection, Some(on_record), claim);
                true
            }
            // It has ended and no tags claim it for us: this attempt created an object that is no longer ours.
            Evidence::Others(_) if ended => {
                (class, code) = (FaultClass::Missing, WHAT_IT_MADE_IS_GONE);
                false
            }
            _ => false,
        };
        if !stands {
            let what = format!("the answer names {id}, which is not what was asked for");
            // A person removed our tags. The token stands for this object, so nothing else was created with it; if it
            // has ended, nothing under way occupies a slot.
            self.refused(key, Fault::new(class, code, &what), ended);
        } else if !known {
            let (place, at) = (self.place.clone(), self.first_look(key));
            self.push(Change::PollScheduled { place, ids: vec![id], at, batch: None });
        }
    }

    fn unfulfilled(&mut self, key: &WorkKey, fault: Fault) {
        self.refused(key, fault, false);
    }

    /// Records a failed request; `nothing_made`: AWS certainly created nothing, even if responses were lost.
    fn refused(&mut self, key: &WorkKey, mut fault: Fault, nothing_made: bool) {
        let Some(pending) = self.state.pending_request(key) else { return };
        let copies = key.target != Target::Backup;
        if fault.class == FaultClass::Missing && (copies || fault.code == WHAT_IT_MADE_IS_GONE) {
            self.doubt_source_backup(key);
            self.push(Change::ListingWanted { place: self.place.clone(), at: self.now.plus(LISTING_LAG) });
            fault.class = FaultClass::TransientState;
        }
        let proves_nothing = matches!(fault.class, FaultClass::Unanswered | FaultClass::TokenConflict);
        let definite = nothing_made || (!proves_nothing && pending.sent <= 1);
        if fault.class == FaultClass::NoSlot && copies {
            return self.no_slot(key, fault, definite);
        }
        // The lane counts refusals for lack of a slot, but this one must count for the backoff.
        let failures = pending.failures_with(fault.class).saturating_add(u32::from(fault.class == FaultClass::NoSlot));
        let pause = match fault.code.as_str() {
            retry::BACKUP_IN_PROGRESS if !copies => {
                retry::pause_for_another_backup(failures, self.poll(), key.jitter(failures))
            }
            _ => retry::pause(fault.class, failures, self.poll(), key.jitter(failures)),
        };
        let attempts = self.state.sources.get(&key.source).map_or(0, |source| source.failed_attempts(key));
        let pause = pause.max(retry::pause_after_attempts(fault.class, attempts, failures, key, self.poll()));
        if fault.class == FaultClass::TokenConflict {
            self.push(Change::ListingWanted { place: self.place.clone(), at: self.now });
        }
        self.push(Change::RequestFailed { key: key.clone(), fault, definite, not_before: self.now.plus(pause) });
    }

    /// A destination does not find the source backup: check whether it still exists.
    fn doubt_source_backup(&mut self, key: &WorkKey) {
        let Some(source) = self.state.sources.get(&key.source) else { return };
        let Some(backup) = source.good_point(key.occurrence, &Target::Backup) else { return };
        self.push(Change::ListingWanted { place: backup.place.clone(), at: self.now });
    }

    fn policy_of(&self, point: &RecoveryPoint) -> PolicyName {
        let watched = self.state.sources.get(&point.source_key()).and_then(|source| source.membership.as_ref());
        let tagged = || point.policy.clone().unwrap_or_else(|| PolicyName::from("unknown"));
        watched.map_or_else(tagged, |membership| membership.policy.clone())
    }

    /// The known point, if the response shows it unchanged.
    fn unchanged(&self, observed: &ObservedBackup) -> Option<&RecoveryPoint> {
        let known = self.state.point_among(self.place, self.here?, &observed.id)?;
        let unchanged = known.place == *self.place && known.shown_unchanged(observed);
        (unchanged && evidence::stands(self.state, self.place, known, observed, self.now)).then_some(known)
    }

    /// Evaluates a response, given everything that is known.
    fn weigh(&self, observed: ObservedBackup) -> Evidence {
        let known = self.here.and_then(|here| self.state.point_among(self.place, here, &observed.id));
        evidence::weigh(self.state, self.place, known, observed, self.now)
    }

    /// Takes in an observed point of ours. Returns whether it is new.
    fn sight(&mut self, mut point: RecoveryPoint) -> bool {
        let key = point.work_key();
        let known = self.state.sources.get(&key.source).and_then(|source| {
            source
                .points_of(key.occurrence, &key.target)
                .find(|known| known.id == point.id && known.place == point.place)
        });
        let pending = self.state.pending_request(&key).filter(|pending| pending.attempt == point.attempt);
        let asked = pending.is_some();
        // AWS reports the key, not the name in the request; a later response must not overwrite that name.
        let asked_key =
            known.and_then(|known| known.asked_key.clone()).or_else(|| pending.and_then(full_copy::asked_key));
        if asked_key.is_some() {
            point = point.with_provenance(|of| of.asked_key = asked_key);
        }
        if let Some(known) = known {
            let back = !known.lifecycle.in_flight() && point.lifecycle.in_flight();
            let lag = known.lifecycle == Lifecycle::Deleted
                && known.settled_at.is_none_or(|at| self.now < at.plus(SHOWN_AFTER_GONE));
            if back || lag {
                return false;
            }
            if !known.lifecycle.in_flight() && known.lifecycle != Lifecycle::Deleted {
                point.settled_at = known.settled_at;
            }
            if *known == point {
                return false;
            }
        }
        let gone = || self.state.place(self.place).and_then(|known| known.removed.get(&point.id));
        if known.is_none() && gone().is_some_and(|at| self.now < at.plus(SHOWN_AFTER_GONE)) {
            return false;
        }
        if known.is_none() && !asked {
            self.notice_peer(&point, &key);
        }
        let was_moving = known.map_or(asked, |known| known.lifecycle.in_flight());
        if known.is_none() && !was_moving && point.available() {
            // When it ended is unknown. The present must not be recorded, since durations are learned from it.
            point.settled_at = None;
        }
        let new = known.is_none();
        if was_moving && !point.lifecycle.in_flight() {
            self.ended(&point);
        }
        // Also where AWS says another creation time than before.
        let dated_anew = known.is_none_or(|known| known.created_at != point.created_at);
        let confirmed = if dated_anew { self.confirmed_by(&point) } else { Vec::new() };
        self.push(Change::BackupObserved { point: Box::new(point) });
        self.confirmed(confirmed);
        new
    }

    fn ended(&mut self, point: &RecoveryPoint) {
        let policy = self.policy_of(point);
        let available = point.available();
        self.push(Change::Counted(match point.target() {
            Target::Backup => Counter::Backups(policy, available),
            Target::Copy(region) => Counter::Copies(policy, region, available),
        }));
        if available {
            self.push(Change::Timed { target: point.target(), took: self.now.since(point.created_at) });
        }
    }

    /// The backoff after a failed listing or poll. An account and Region that do not respond are retried soon. Refusals
    /// are counted until a complete listing, or a poll, succeeds: a first page proves nothing.
    fn read_refused(&mut self, call: CallKey, fault: &Fault, failures: u32) -> Duration {
        if matches!(fault.class, FaultClass::Unanswered | FaultClass::Throttled | FaultClass::Credentials) {
            return retry::pause_for_place(fault.class, failures.saturating_add(1), jitter_of(self.place));
        }
        let refusals = self.here.and_then(|known| match call {
            CallKey::List => known.refused_listing.as_ref(),
            _ => known.refused_polls.as_ref(),
        });
        let failures = refusals.map_or(0, |refusal| refusal.failures).saturating_add(1);
        let (place, fault) = (self.place.clone(), Some(fault.clone()));
        self.push(Change::ReadAnswered { place, call, fault, at: self.now });
        retry::pause_for_refused_read(failures, jitter_of(self.place))
    }

    fn polled(&mut self, ids: &[BackupId], observed_backups: Vec<ObservedBackup>) {
        if let Some(first) = ids.first().filter(|_| self.here.is_some_and(|known| known.refused_polls.is_some())) {
            let (place, call) = (self.place.clone(), CallKey::Poll(first.clone()));
            self.push(Change::ReadAnswered { place, call, fault: None, at: self.now });
        }
        let mut missing: BTreeSet<&BackupId> = ids.iter().collect();
        let mut looked = Vec::new();
        for observed in observed_backups {
            let (id, lifecycle, arn) = (observed.id.clone(), observed.lifecycle, observed.arn.clone());
            missing.remove(&id);
            looked.push(id.clone());
            if let Some(known) = self.unchanged(&observed) {
                let hold = known.remarks.hold.clone();
                self.inspected(&id, arn, hold.as_deref());
                continue;
            }
            match self.weigh(observed) {
                Evidence::Ours(point) => {
                    let missing_since =
                        self.state.point(self.place, &id).is_some_and(|known| known.remarks.missing_since.is_some());
                    let hold = point.remarks.hold.clone();
                    self.undisputed(&id);
                    self.sight(*point);
                    if missing_since {
                        self.push(Change::MissingFromListing {
                            place: self.place.clone(),
                            id: id.clone(),
                            missing_since: None,
                        });
                    }
                    self.inspected(&id, arn, hold.as_deref());
                }
                Evidence::Objected { objection, on_record: Some(on_record), claim, .. } => {
                    self.objected(&id, objection, Some(on_record), claim);
                }
                Evidence::Objected { .. } | Evidence::Others(_) => self.other_seen(id, lifecycle),
            }
        }
        for id in missing {
            self.absent(id);
        }
        self.look_again(looked);
    }

    fn other_seen(&mut self, id: BackupId, lifecycle: Lifecycle) {
        let known = self.state.place(self.place).is_some_and(|known| known.others.contains_key(&id));
        if known && lifecycle != Lifecycle::Copying {
            self.push(Change::Lane(LaneEvidence::OtherEnded { place: self.place.clone(), id }));
        } else if !known {
            // It was ours and lost its tags: a person removed it from our control. It still exists, so a requested
            // deletion did not happen.
            if self.state.under_way(self.place, &CallKey::Delete(id.clone())) {
                return;
            }
            if self.deletion_asked(&id).is_some() {
                let reason = "its tags were taken off: it is no longer Lifeboat's to delete".to_owned();
                let place = self.place.clone();
                self.push(Change::DeletionCancelled { place: place.clone(), id: id.clone(), reason });
                self.push(Change::MissingFromListing { place, id, missing_since: Some(self.now) });
                return;
            }
            self.absent(&id);
        }
    }
}

fn lanes_of_other(other: &ObservedBackup, place: &AccountRegion) -> Vec<Lane> {
    let volume = other.volume.as_ref().filter(|_| other.kind == FileSystemKind::Ontap);
    Lane::of_copy(other.kind, &place.account, &place.region, volume)
}

/// A number in `0.0..1.0` that depends only on the account and Region.
fn jitter_of(place: &AccountRegion) -> f64 {
    let sum: u32 = place.region.as_str().bytes().fold(17, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    f64::from(sum % 1000) / 1000.0
}
