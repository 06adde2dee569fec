//! Faults that leave work undone, call it done, or never stop.

use super::force_ask;
use crate::world::disk::{Disk, Kept};
use crate::world::planner_under_test::PlannerUnderTest;
use lifeboat::domain::action::{Action, Call, CallKey, Outcome, Request};
use lifeboat::domain::change::{Change, IllegalChange, OccurrenceOutcome, OccurrenceRecord};
use lifeboat::domain::id::{AccountRegion, Occurrence, Region, SourceKey, Target, WorkKey};
use lifeboat::domain::plan::{Plan, Wake};
use lifeboat::domain::point::Lifecycle;
use lifeboat::domain::policy::Settings;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::driver::Basis;
use lifeboat::planner;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Takes out of a plan what is asked for these works.
fn ask_not(plan: &mut Plan, bars: impl Fn(&WorkKey) -> bool) {
    plan.actions.retain(|action| !matches!(&action.call, Call::Make { key, .. } if bars(key)));
    plan.record.retain(|change| match change {
        Change::RequestRecorded { key, .. } | Change::Sent { call: CallKey::Make(key), .. } => !bars(key),
        _ => true,
    });
}

/// An end that nothing but the fault sees.
fn closed(
    key: &SourceKey,
    occurrence: Occurrence,
    record: &OccurrenceRecord,
    end: OccurrenceOutcome,
    at: Time,
) -> Change {
    let (source, record, reason) = (key.clone(), record.clone(), "as planted".to_owned());
    Change::Closed { source, occurrence, record, end, reason, at, earlier: 0 }
}

/// What ends is not seen to end.
pub struct SeesNoEnd;

impl PlannerUnderTest for SeesNoEnd {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, mut outcome: Outcome, now: Time) -> Vec<Change> {
        if let Outcome::Page { observed_backups, .. } | Outcome::Polled(observed_backups) = &mut outcome {
            for observed in observed_backups.iter_mut().filter(|observed| observed.lifecycle == Lifecycle::Available) {
                let copy = observed.tags.contains_key("lifeboat:origin");
                observed.lifecycle = if copy { Lifecycle::Copying } else { Lifecycle::Creating };
            }
        }
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }
}

/// An occurrence that gave way to a newer one is as good as done.
pub struct CallsItDone;

impl PlannerUnderTest for CallsItDone {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        for change in &mut plan.record {
            if let Change::Closed { end: end @ OccurrenceOutcome::Coalesced, .. } = change {
                *end = OccurrenceOutcome::Completed;
            }
        }
        plan
    }
}

/// A copy that retention let go is missed, and made anew.
#[derive(Default)]
pub struct MakesAgain {
    asked: BTreeMap<WorkKey, (AccountRegion, Arc<Request>)>,
    gone: Vec<WorkKey>,
}

impl PlannerUnderTest for MakesAgain {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        for action in &plan.actions {
            if let Call::Make { key, request } = &action.call
                && key.target != Target::Backup
            {
                self.asked.insert(key.clone(), (action.place.clone(), request.clone()));
            }
        }
        let busy = state
            .sources
            .values()
            .any(|source| !source.in_flight.is_empty() || source.pending_requests.values().any(|pending| pending.open));
        if busy || !plan.record.is_empty() || !plan.actions.is_empty() {
            return plan;
        }
        let Some((key, (place, mut request))) =
            self.gone.pop().and_then(|key| Some((key.clone(), self.asked.get(&key)?.clone())))
        else {
            return plan;
        };
        let (Request::CreateBackup { token, .. } | Request::CopyBackup { token, .. }) = Arc::make_mut(&mut request);
        *token = format!("{token}-again").into();
        plan.record.push(Change::RequestRecorded { key: key.clone(), attempt: 1, request: request.clone(), at: now });
        plan.actions.push(Action { place, call: Call::Make { key, request } });
        plan
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        if let Change::BackupRemoved { place, id, .. } = change
            && state.deletions.contains_key(&(place.clone(), id.clone()))
            && let Some(point) = state.point(place, id).filter(|point| point.available())
        {
            self.gone.push(point.work_key());
        }
        state.apply(change).or_else(|error| force_ask(state, change).ok_or(error))
    }
}

/// What AWS refuses to tag counts as held.
pub struct HoldsByHearsay;

impl PlannerUnderTest for HoldsByHearsay {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        let refused = matches!(outcome, Outcome::Failed(_));
        let mut changes = planner::process_outcome(on.settings, on.state, action, outcome, now);
        if let Call::Hold { id, .. } = &action.call
            && refused
        {
            changes.push(Change::HoldConfirmed { place: action.place.clone(), id: id.clone() });
        }
        changes
    }
}

/// While a Region does not answer, no copy is asked for anywhere.
pub struct CopiesAllOrNothing;

impl PlannerUnderTest for CopiesAllOrNothing {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        if state.places.values().any(|known| known.failures >= 3) {
            ask_not(&mut plan, |key| key.target != Target::Backup);
            plan.wake.earlier(now.plus(Duration::from_secs(60)), "a Region is in trouble");
        }
        plan
    }
}

/// What cannot be deleted is tried again at every look.
pub struct DeletesWithoutPause;

impl PlannerUnderTest for DeletesWithoutPause {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        let mut changes = planner::process_outcome(on.settings, on.state, action, outcome, now);
        for change in &mut changes {
            if let Change::DeletionFailed { not_before, .. } = change {
                *not_before = now;
            }
        }
        changes
    }
}

/// A deletion needs no intent.
pub struct DeletesUnrecorded;

impl PlannerUnderTest for DeletesUnrecorded {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        plan.record.retain(|change| !matches!(change, Change::DeletionRequested { .. }));
        plan
    }
}

/// What waits is looked at again at once.
pub struct NeverRests;

impl PlannerUnderTest for NeverRests {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        if !plan.waiting.is_empty() {
            plan.wake.earlier(now, "something waits");
        }
        plan
    }
}

/// A source whose backup was refused once is skipped from then on.
#[derive(Default)]
pub struct SkipsForGood(BTreeSet<SourceKey>);

impl PlannerUnderTest for SkipsForGood {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        let opened = plan.record.iter().filter_map(|change| match change {
            Change::Opened { source, occurrence, record } if self.0.contains(source) => {
                Some(closed(source, *occurrence, record, OccurrenceOutcome::Skipped, now))
            }
            _ => None,
        });
        let skipped: Vec<Change> = opened.collect();
        plan.record.extend(skipped);
        plan
    }

    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        if let (Call::Make { key, .. }, Outcome::Failed(_)) = (&action.call, &outcome)
            && key.target == Target::Backup
        {
            self.0.insert(key.source.clone());
        }
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }
}

/// A destination that refused a copy once: its Region, once that came.
fn refuses(action: &Action, outcome: &Outcome) -> Option<Region> {
    match (&action.call, outcome) {
        (Call::Make { key: WorkKey { target: Target::Copy(region), .. }, .. }, Outcome::Failed(_)) => {
            Some(region.clone())
        }
        _ => None,
    }
}

/// A destination that refused a copy once is struck out of every policy, and what is not copied there has failed.
#[derive(Default)]
pub struct StrikesOut(BTreeSet<Region>);

impl PlannerUnderTest for StrikesOut {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        if self.0.is_empty() {
            return planner::plan(settings, state, now);
        }
        let mut settings = settings.clone();
        for policy in settings.policies.values_mut() {
            policy.destinations.retain(|destination| !self.0.contains(&destination.region));
        }
        let mut plan = planner::plan(&settings, state, now);
        for change in &mut plan.record {
            if let Change::Closed { end: end @ OccurrenceOutcome::Completed, .. } = change {
                *end = OccurrenceOutcome::Failed;
            }
        }
        plan
    }

    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        self.0.extend(refuses(action, &outcome));
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }
}

/// Of a destination that refused a copy once nothing is asked any more, and what is to be copied there waits.
#[derive(Default)]
pub struct WaitsForEver(BTreeSet<Region>);

impl PlannerUnderTest for WaitsForEver {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        ask_not(&mut plan, |key| matches!(&key.target, Target::Copy(region) if self.0.contains(region)));
        if !self.0.is_empty() {
            plan.wake.earlier(now.plus(Duration::from_secs(600)), "anything new");
        }
        plan
    }

    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        self.0.extend(refuses(action, &outcome));
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }
}

/// What had no answer is left as it is, and its occurrence has failed.
pub struct LeavesOpen;

impl PlannerUnderTest for LeavesOpen {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        let old = |at: Time| now.since(at) > Duration::from_secs(600);
        ask_not(&mut plan, |key| state.pending_request(key).is_some_and(|pending| pending.open));
        let before = plan.record.len();
        plan.record.retain(|change| !matches!(change, Change::RequestNeverApplied { .. }));
        if plan.record.len() < before {
            plan.wake = Wake { at: now.plus(Duration::from_secs(600)), why: "anything new" };
        }
        for (key, source) in &state.sources {
            let asked =
                source.pending_requests.iter().filter(|(_, pending)| pending.open && old(pending.last_asked_at));
            let copies = asked.filter(|((_, target), _)| *target != Target::Backup);
            let occurrences: BTreeSet<Occurrence> = copies.map(|((occurrence, _), _)| *occurrence).collect();
            plan.record.extend(occurrences.into_iter().filter_map(|occurrence| {
                Some(closed(key, occurrence, source.open.get(&occurrence)?, OccurrenceOutcome::Failed, now))
            }));
        }
        plan
    }

    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, mut outcome: Outcome, now: Time) -> Vec<Change> {
        if let Outcome::Page { observed_backups, .. } | Outcome::Polled(observed_backups) = &mut outcome {
            for observed in observed_backups.iter_mut().filter(|seen| on.state.point(&action.place, &seen.id).is_none())
            {
                Arc::make_mut(&mut observed.tags).retain(|key, _| !key.starts_with("lifeboat:"));
            }
        }
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }
}

/// Ends are put on record twice.
#[derive(Default)]
pub struct RecordsTwice(Option<Change>);

impl PlannerUnderTest for RecordsTwice {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        plan.record.extend(self.0.take());
        self.0 = plan.record.iter().find(|change| matches!(change, Change::Closed { .. })).cloned();
        plan
    }
}

/// A database that takes only so much.
#[derive(Default)]
pub struct FullDisk {
    tables: Kept,
    commits: u32,
}

impl Disk for FullDisk {
    fn load(&mut self, started_at: Time) -> Result<State, String> {
        self.tables.load(started_at)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), String> {
        self.commits += 1;
        if self.commits > 1000 {
            return Err("the disk is full".to_owned());
        }
        self.tables.commit(changes)
    }

    fn lose(&mut self) -> Result<(), String> {
        self.tables.lose()
    }
}
