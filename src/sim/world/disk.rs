//! What survives the process: the durable changes that were committed, and nothing else.
//!
//! A crash must lose what the real database would lose and keep what it would keep, or recovery is tested against a
//! fiction. [`Tables`] does to a few maps what the store's SQL does to its tables, statement by statement; a test holds
//! the two to the same answer. A world can also be given the real store, as another [`Disk`].

use crate::domain::change::{Change, End, Opening, Total};
use crate::domain::deletion::{Deletion, HoldWish};
use crate::domain::id::{BackupId, Occurrence, Place, PolicyName, SourceKey, Target, Trigger, WorkKey};
use crate::domain::pause::Pause;
use crate::domain::point::{Lifecycle, Point};
use crate::domain::state::{AHEAD_TOLERATED, Ask, Listed, ORDER_REPEATED_WITHIN, SourceState, State, Watch};
use crate::domain::time::Time;
use std::collections::BTreeMap;

/// Keeps the books between two lives of the process.
pub trait Disk {
    /// All that is kept, as the state of a process that begins at `started_at`. Makes the database if there is none.
    ///
    /// # Errors
    /// It cannot be read.
    fn load(&mut self, started_at: Time) -> Result<State, String>;

    /// Keeps the durable ones among these, all or none.
    ///
    /// # Errors
    /// None of them is kept.
    fn commit(&mut self, changes: &[Change]) -> Result<(), String>;

    /// The process died, with these changes applied and not committed. What is open is to be left as a kill leaves it.
    ///
    /// # Errors
    /// The disk cannot do what a crash does.
    fn died(&mut self, _uncommitted: &[Change]) -> Result<(), String> {
        Ok(())
    }

    /// The database is gone.
    ///
    /// # Errors
    /// It cannot be removed.
    fn lose(&mut self) -> Result<(), String>;
}

#[derive(Clone, Debug)]
struct SourceRow {
    region: crate::domain::id::Region,
    watch: Option<Watch>,
    cursor: Option<Time>,
    left: bool,
}

#[derive(Clone, Debug)]
struct OccurrenceRow {
    opening: Opening,
    ended: Option<End>,
}

#[derive(Clone, Copy, Debug)]
struct PlaceRow {
    listed_at: Time,
    pages: u32,
    user_backups: u64,
}

/// The store's tables, in memory.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    created_at: Option<Time>,
    sources: BTreeMap<SourceKey, SourceRow>,
    occurrences: BTreeMap<(SourceKey, Occurrence), OccurrenceRow>,
    asks: BTreeMap<(SourceKey, Occurrence, Target), Ask>,
    points: BTreeMap<(Place, BackupId), Point>,
    pauses: BTreeMap<(PolicyName, Time), Pause>,
    totals: BTreeMap<Total, u64>,
    places: BTreeMap<Place, PlaceRow>,
    deletions: BTreeMap<(Place, BackupId), Deletion>,
    wishes: BTreeMap<(Place, BackupId), HoldWish>,
}

impl Disk for Tables {
    fn load(&mut self, started_at: Time) -> Result<State, String> {
        let created_at = *self.created_at.get_or_insert(started_at);
        let mut state = State::new(created_at, started_at);
        for (key, row) in &self.sources {
            let mut source = SourceState::new(row.region.clone());
            source.watch.clone_from(&row.watch);
            source.cursor = row.cursor;
            source.left = row.left;
            state.sources.insert(key.clone(), source);
        }
        let repeated_after = started_at.minus(ORDER_REPEATED_WITHIN);
        for ((key, occurrence), row) in &self.occurrences {
            let Some(source) = state.sources.get_mut(key) else { continue };
            match row.ended {
                None => drop(source.open.insert(*occurrence, row.opening.clone())),
                Some(end) if occurrence.at > repeated_after => source.order_ended(*occurrence, end),
                Some(_) => {}
            }
        }
        for ((policy, _), pause) in &self.pauses {
            let paused = Change::Paused { policy: policy.clone(), pause: pause.clone() };
            state.apply(&paused).map_err(|error| error.to_string())?;
        }
        for point in self.points.values().filter(|point| self.matters(point)) {
            let seen = Change::Seen { point: Box::new(point.clone()) };
            state.apply(&seen).map_err(|error| error.to_string())?;
        }
        for ((key, occurrence, target), ask) in &self.asks {
            if let Some(source) = state.sources.get_mut(key) {
                source.asks.insert((*occurrence, target.clone()), ask.clone());
            }
        }
        for ((place, id), deletion) in &self.deletions {
            if state.point(place, id).is_some() {
                state.restore_deletion(place.clone(), id.clone(), deletion.clone());
            }
        }
        for ((place, id), wish) in &self.wishes {
            if state.point(place, id).is_some() {
                state.restore_wish(place.clone(), id.clone(), wish.clone());
            }
        }
        state.totals.clone_from(&self.totals);
        for (place, row) in &self.places {
            let known = state.places.entry(place.clone()).or_default();
            known.listed = Some(Listed { began_at: row.listed_at, pages: row.pages, in_this_life: false });
            known.user_backups = row.user_backups;
            known.last_seen = Some(row.listed_at);
        }
        let keys: Vec<SourceKey> = state.sources.keys().cloned().collect();
        for key in keys {
            state.reindex(&key);
        }
        Ok(state)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), String> {
        for change in changes {
            self.write(change);
        }
        Ok(())
    }

    fn lose(&mut self) -> Result<(), String> {
        *self = Self::default();
        Ok(())
    }
}

impl Tables {
    /// What was deleted is loaded as long as another attempt is possible.
    fn matters(&self, point: &Point) -> bool {
        let key = point.source_key();
        let same = |source: &SourceKey, at: Time| *source == key && at == point.occurrence.at;
        point.lifecycle != Lifecycle::Deleted
            || self.points.values().any(|other| {
                other.origin.is_none()
                    && other.lifecycle != Lifecycle::Deleted
                    && same(&other.source_key(), other.occurrence.at)
            })
            || [Trigger::Schedule, Trigger::Manual].into_iter().any(|trigger| {
                let occurrence = Occurrence { at: point.occurrence.at, trigger };
                self.occurrences.get(&(key.clone(), occurrence)).is_some_and(|row| row.ended.is_none())
            })
    }

    fn write(&mut self, change: &Change) {
        match change {
            Change::Watched { .. } | Change::Rescheduled { .. } | Change::Left { .. } => self.write_watch(change),
            Change::Opened { source, occurrence, opening } => {
                self.write_occurrence(source, *occurrence, opening, None);
            }
            Change::Closed { source, occurrence, opening, end, earlier, .. } => {
                self.write_occurrence(source, *occurrence, opening, Some(*end));
                let total = Total::Occurrences(opening.policy.clone(), *end);
                *self.totals.entry(total).or_default() += earlier.saturating_add(1);
                self.asks.retain(|(of, at, _), ask| of != source || at != occurrence || ask.open);
            }
            Change::Asked { .. } | Change::Unfulfilled { .. } | Change::Disproved { .. } | Change::Retriable { .. } => {
                self.write_ask(change);
            }
            Change::Seen { point } => self.write_point(point),
            Change::Gone { place, id, at } => {
                if let Some(point) = self.points.get_mut(&(place.clone(), id.clone())) {
                    point.lifecycle = Lifecycle::Deleted;
                    point.settled_at = Some(*at);
                }
                self.deletions.remove(&(place.clone(), id.clone()));
                self.wishes.remove(&(place.clone(), id.clone()));
            }
            Change::ClockWentBack { to } => self.write_clock(*to),
            Change::Paused { policy, pause } => {
                self.pauses.insert((policy.clone(), pause.since), pause.clone());
            }
            Change::PauseOver { policy, since } => drop(self.pauses.remove(&(policy.clone(), *since))),
            Change::Counted(total) => *self.totals.entry(total.clone()).or_default() += 1,
            Change::Listed { place, began_at, pages, user_backups, .. } => {
                let row = PlaceRow { listed_at: *began_at, pages: *pages, user_backups: *user_backups };
                self.places.insert(place.clone(), row);
            }
            _ => self.write_deletion(change),
        }
    }

    fn write_deletion(&mut self, change: &Change) {
        match change {
            Change::Condemned { place, id, reason, at } => {
                let deletion = Deletion::new(reason.clone(), *at);
                self.deletions.insert((place.clone(), id.clone()), deletion);
            }
            Change::Spared { place, id, .. } => {
                self.deletions.remove(&(place.clone(), id.clone()));
            }
            Change::DeleteAsked { place, id, at } => {
                if let Some(row) = self.deletions.get_mut(&(place.clone(), id.clone())) {
                    row.asked_at = Some(*at);
                }
            }
            Change::DeleteRefused { place, id, fault, not_before } => {
                if let Some(row) = self.deletions.get_mut(&(place.clone(), id.clone())) {
                    (row.failures, row.fault, row.not_before) = (row.failures + 1, Some(fault.clone()), *not_before);
                }
            }
            Change::HoldWished { place, id, hold, at } => {
                let wish = HoldWish::new(hold.clone(), *at);
                self.wishes.insert((place.clone(), id.clone()), wish);
            }
            Change::HoldTried { place, id, fault, not_before } => {
                if let Some(row) = self.wishes.get_mut(&(place.clone(), id.clone())) {
                    row.failures = if fault.is_some() { row.failures + 1 } else { 0 };
                    (row.fault, row.not_before) = (fault.clone(), *not_before);
                }
            }
            Change::HoldStands { place, id } => {
                self.wishes.remove(&(place.clone(), id.clone()));
            }
            _ => {}
        }
    }

    fn write_clock(&mut self, to: Time) {
        self.created_at = self.created_at.map(|created_at| created_at.min(to));
        for row in self.sources.values_mut() {
            row.cursor = row.cursor.map(|cursor| cursor.min(to.plus(AHEAD_TOLERATED)));
            if let Some(watch) = &mut row.watch {
                watch.since = watch.since.min(to);
                for line in &mut watch.lines {
                    line.since = line.since.map(|since| since.min(to));
                }
            }
        }
    }

    fn write_watch(&mut self, change: &Change) {
        match change {
            Change::Watched { source, region, policy, destinations, since } => {
                let fresh = SourceRow { region: region.clone(), watch: None, cursor: None, left: false };
                let row = self.sources.entry(source.clone()).or_insert(fresh);
                let (since, returned, lines) = row
                    .watch
                    .take()
                    .map_or_else(|| (*since, row.left, Vec::new()), |watch| (watch.since, watch.returned, watch.lines));
                row.region = region.clone();
                row.left = false;
                let (policy, destinations) = (policy.clone(), destinations.clone());
                row.watch = Some(Watch { policy, destinations, since, returned, lines });
            }
            Change::Rescheduled { source, lines } => {
                if let Some(watch) = self.sources.get_mut(source).and_then(|row| row.watch.as_mut()) {
                    watch.lines.clone_from(lines);
                }
            }
            Change::Left { source } => {
                if let Some(row) = self.sources.get_mut(source) {
                    row.watch = None;
                    row.left = true;
                }
            }
            _ => {}
        }
    }

    fn write_occurrence(&mut self, source: &SourceKey, occurrence: Occurrence, opening: &Opening, ended: Option<End>) {
        let slot = (source.clone(), occurrence);
        let open = self.occurrences.get(&slot).is_some_and(|row| row.ended.is_none());
        if let Some(row) = self.sources.get_mut(source).filter(|_| !open && opening.moves_cursor(occurrence)) {
            row.cursor = row.cursor.max(Some(occurrence.at));
        }
        self.occurrences.insert(slot, OccurrenceRow { opening: opening.clone(), ended });
    }

    fn write_ask(&mut self, change: &Change) {
        let slot = |key: &WorkKey| (key.source.clone(), key.occurrence, key.target.clone());
        match change {
            Change::Asked { key, attempt, request, at } => {
                let fresh = Ask {
                    attempt: *attempt,
                    request: request.clone(),
                    open: false,
                    first_asked_at: *at,
                    last_asked_at: *at,
                    asks: 0,
                    failures: 0,
                    not_before: *at,
                    fault: None,
                };
                let ask = self.asks.entry(slot(key)).or_insert(fresh);
                if !ask.open {
                    (ask.first_asked_at, ask.asks) = (*at, 0);
                }
                (ask.attempt, ask.request) = (*attempt, request.clone());
                (ask.asks, ask.last_asked_at, ask.open) = (ask.asks + 1, *at, true);
            }
            Change::Unfulfilled { key, fault, definite, not_before } => {
                if let Some(ask) = self.asks.get_mut(&slot(key)) {
                    ask.failures += 1;
                    (ask.fault, ask.not_before) = (Some(fault.clone()), *not_before);
                    if *definite {
                        (ask.open, ask.asks) = (false, 0);
                    }
                }
            }
            Change::Disproved { key } => {
                if let Some(ask) = self.asks.get_mut(&slot(key)) {
                    (ask.open, ask.asks, ask.not_before) = (false, 0, Time::ZERO);
                }
            }
            Change::Retriable { key } => {
                if let Some(ask) = self.asks.get_mut(&slot(key)) {
                    (ask.failures, ask.not_before) = (0, Time::ZERO);
                }
            }
            _ => {}
        }
    }

    fn write_point(&mut self, point: &Point) {
        let key = point.source_key();
        let fresh = SourceRow { region: point.home().clone(), watch: None, cursor: None, left: false };
        self.sources.entry(key.clone()).or_insert(fresh);
        let mut kept = point.clone();
        kept.suspected = None;
        self.points.insert((point.place.clone(), point.id.clone()), kept);
        let slot = (key, point.occurrence, point.target());
        if self.asks.get(&slot).is_some_and(|ask| ask.attempt <= point.attempt) {
            self.asks.remove(&slot);
        }
    }
}
