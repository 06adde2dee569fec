//! Promise 1: no copy is requested while the copies that the process knows of fill the lane.
//!
//! The process knows what responses showed to this process, and what the disk kept of earlier ones. A copy counts only
//! while FSx really has it in flight, so outdated knowledge is never held against it.

use super::armed::Check;
use super::created::Created;
use super::{Broken, View};
use lifeboat::domain::action::{Action, Call, Outcome, Request};
use lifeboat::domain::change::Change;
use lifeboat::domain::id::{AccountId, AccountRegion, BackupId, Region, SourceId, SourceKey, Token, WorkKey};
use lifeboat::domain::lane::FileSystemKind;
use lifeboat::domain::point::{Lifecycle as Seen, ObservedBackup};
use lifeboat::domain::state::State;
use lifeboat::sim::cloud::{Cloud, Lifecycle};
use std::collections::{BTreeMap, BTreeSet};

/// Account, destination, and the volume for ONTAP.
type Lane = (AccountId, Region, Option<SourceId>);

#[derive(Default)]
pub(super) struct Lanes {
    known: BTreeMap<(AccountRegion, BackupId), Lane>,
    /// Others', from the pages of a listing that has not ended.
    shown: BTreeMap<AccountRegion, Vec<(BackupId, Lane)>>,
    /// Asked for, and nothing certain is known of it.
    pending: BTreeMap<WorkKey, Lane>,
    /// What the requests with each token made, as far as answers told.
    made_by: BTreeMap<Token, (AccountRegion, BackupId)>,
}

fn lane_of(observed: &ObservedBackup, place: &AccountRegion) -> Lane {
    // A copy of a volume takes no place among the others, also where AWS does not say of which volume.
    let untold = || (observed.kind == FileSystemKind::Ontap).then(|| SourceId::from("fsvol-untold"));
    (place.account.clone(), place.region.clone(), observed.volume.clone().or_else(untold))
}

/// Whether copies that began before then hold every slot of a place: ones that are stuck go on to count at AWS.
pub(super) fn held_for_good(view: &View<'_>, there: &AccountRegion, key: &SourceKey, before_ms: i64) -> bool {
    let (account, region) = (there.account.as_str(), there.region.as_str());
    let volume = key.source.is_volume();
    let limits = view.settings.limits;
    let limit = if volume { limits.ontap_copies_in_flight } else { limits.copies_in_flight };
    let stuck = view.cloud.backups().filter(|(_, copy)| {
        let of_lane =
            if volume { copy.resource() == key.source.as_str() } else { !copy.resource().starts_with("fsvol") };
        let here = copy.account == account && copy.region == region && of_lane;
        here && copy.lifecycle == Lifecycle::Copying && copy.created_ms < before_ms
    });
    stuck.count() >= limit as usize
}

impl Lanes {
    pub(super) fn sent(&mut self, action: &Action, view: &View<'_>) -> Result<(), Broken> {
        let Call::Make { key, request } = &action.call else { return Ok(()) };
        if !matches!(**request, Request::CopyBackup { .. }) || self.pending.contains_key(key) {
            return Ok(());
        }
        // A person retagged what the request made, so that the answer named something else: word for word, it asks for the
        // same again, which is in the lane already.
        let made = self.made_by.get(request.token());
        if made.is_some_and(|made| self.known.contains_key(made) && in_flight(view.cloud, &made.0, &made.1)) {
            return Ok(());
        }
        let volume = key.source.source.is_volume().then(|| key.source.source.clone());
        let limits = view.settings.limits;
        let limit = if volume.is_some() { limits.ontap_copies_in_flight } else { limits.copies_in_flight };
        let lane = (action.place.account.clone(), action.place.region.clone(), volume);
        let in_flight = self.known.iter().filter(|((place, id), of)| **of == lane && in_flight(view.cloud, place, id));
        let asked = self.pending.values().filter(|of| **of == lane).count();
        let held = in_flight.count() + asked;
        if held > 0 {
            view.armed.count(Check::LaneHasRoom);
        }
        if held >= limit as usize {
            let what = format!("{key} is asked for while {held} of {limit} copies are known to be in flight");
            return Err(Check::LaneHasRoom.broken(what));
        }
        self.pending.insert(key.clone(), lane);
        Ok(())
    }

    pub(super) fn delivered(&mut self, action: &Action, outcome: &Outcome) {
        let place = &action.place;
        match (&action.call, outcome) {
            (Call::Make { key, request }, Outcome::Made(observed)) => {
                self.pending.remove(key);
                self.made_by.insert(request.token().clone(), (place.clone(), observed.id.clone()));
                self.saw(observed, place);
            }
            (Call::Poll { .. }, Outcome::Polled(observed_backups)) => {
                for observed in observed_backups {
                    self.saw(observed, place);
                }
            }
            (Call::ListPage { next_token }, Outcome::Page { observed_backups, next_token: more }) => {
                if next_token.is_none() {
                    self.shown.remove(place);
                }
                for observed in observed_backups {
                    if !self.may_move(observed, place) {
                        continue;
                    }
                    if observed.tags.contains_key("lifeboat:origin") {
                        self.saw(observed, place);
                    } else if observed.lifecycle == Seen::Copying {
                        let shown = self.shown.entry(place.clone()).or_default();
                        shown.push((observed.id.clone(), lane_of(observed, place)));
                    }
                }
                if more.is_none() {
                    for (id, lane) in self.shown.remove(place).unwrap_or_default() {
                        self.known.insert((place.clone(), id), lane);
                    }
                }
            }
            _ => {}
        }
    }

    /// Copies that were asked for, and nothing certain is known of them.
    pub(super) fn pending(&self) -> impl Iterator<Item = &WorkKey> {
        self.pending.keys()
    }

    /// Whether an observation can tell anything about a copy in flight: most are of what ended long ago.
    fn may_move(&self, observed: &ObservedBackup, place: &AccountRegion) -> bool {
        observed.lifecycle == Seen::Copying
            || (!self.known.is_empty() && self.known.contains_key(&(place.clone(), observed.id.clone())))
    }

    fn saw(&mut self, observed: &ObservedBackup, place: &AccountRegion) {
        let at = (place.clone(), observed.id.clone());
        if observed.lifecycle == Seen::Copying {
            self.known.insert(at, lane_of(observed, place));
        } else {
            self.known.remove(&at);
        }
    }

    /// What became of a pending request is the planner's to say, and that nothing came of it may be wrong: what FSx made of it is in
    /// the lane, whatever is said.
    pub(super) fn committed(&mut self, change: &Change, view: &View<'_>, created: &Created) {
        let key = match change {
            Change::RequestNeverApplied { key } | Change::RequestFailed { key, definite: true, .. } => key,
            Change::BackupObserved { point } => &point.work_key(),
            _ => return,
        };
        let Some(lane) = self.pending.remove(key) else { return };
        // Where AWS forgets the token of what FAILED, the next of the same asks made another, which nobody knows of yet.
        if matches!(change, Change::BackupObserved { point } if point.lifecycle == Seen::Failed) {
            return;
        }
        for made in created.made_for(key).map(|at| view.cloud.backup(at)) {
            if made.lifecycle == Lifecycle::Copying {
                let place = AccountRegion { account: lane.0.clone(), region: lane.1.clone() };
                self.known.insert((place, made.id.as_str().into()), lane.clone());
            }
        }
    }

    pub(super) fn died(&mut self, database_lost: bool) {
        self.known.clear();
        self.shown.clear();
        self.made_by.clear();
        if database_lost {
            self.pending.clear();
        }
    }

    /// What the disk kept: copies in flight, and asks of which nothing is known.
    pub(super) fn started(&mut self, state: &State) {
        self.pending.clear();
        let mut sources = BTreeSet::new();
        for (key, source) in &state.sources {
            sources.insert(key.clone());
            let volume = key.source.is_volume().then(|| key.source.clone());
            for ((occurrence, target), _) in source.pending_requests.iter().filter(|(_, pending)| pending.open) {
                if let lifeboat::domain::id::Target::Copy(region) = target {
                    let work = WorkKey { source: key.clone(), occurrence: *occurrence, target: target.clone() };
                    self.pending.insert(work, (key.account.clone(), region.clone(), volume.clone()));
                }
            }
            for point in source.points.iter() {
                if point.origin.is_some() && point.lifecycle.in_flight() {
                    let lane = (key.account.clone(), point.place.region.clone(), volume.clone());
                    self.known.insert((point.place.clone(), point.id.clone()), lane);
                }
            }
        }
    }
}

fn in_flight(cloud: &Cloud, place: &AccountRegion, id: &BackupId) -> bool {
    let found = cloud.find_backup(place.account.as_str(), place.region.as_str(), id.as_str());
    found.is_some_and(|(_, backup)| backup.lifecycle == Lifecycle::Copying)
}
