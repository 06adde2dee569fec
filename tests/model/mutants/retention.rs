//! Faults that delete what is still needed (promise 4), one that keeps what is not, and one about the keys of copies.

use crate::world::planner_under_test::PlannerUnderTest;
use lifeboat::domain::action::{Action, Call, Outcome};
use lifeboat::domain::change::{Change, IllegalChange};
use lifeboat::domain::id::{AccountRegion, BackupId, PolicyName, Region, SourceKey, Target, deletion_token};
use lifeboat::domain::plan::Plan;
use lifeboat::domain::point::{ObservedBackup, RecoveryPoint};
use lifeboat::domain::policy::{Settings, Tags};
use lifeboat::domain::state::{SourceState, State};
use lifeboat::domain::time::Time;
use lifeboat::driver::Basis;
use lifeboat::planner;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Longer than what nobody could have seen yet counts for.
const SEEN_BY_THEN: Duration = Duration::from_secs(600);

/// Calls for a deletion that nothing decided upon, with its intent on disk.
fn delete(plan: &mut Plan, point: &RecoveryPoint, now: Time) {
    let (place, id) = (point.place.clone(), point.id.clone());
    plan.record.push(Change::DeletionRequested { place: place.clone(), id: id.clone(), at: now });
    let token = deletion_token(&place, &id);
    plan.actions.push(Action { place, call: Call::Delete { id, token } });
}

/// The state knows of no decision for it.
fn undecided(state: &mut State, change: &Change) -> Result<(), IllegalChange> {
    state.apply(change).or_else(|error| match change {
        Change::DeletionRequested { .. } => Ok(()),
        _ => Err(error),
    })
}

/// A route with two copies loses the newer.
#[derive(Default)]
pub struct DeletesTheNewest(BTreeSet<BackupId>);

impl PlannerUnderTest for DeletesTheNewest {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        for source in state.sources.values() {
            let copies = source.points.targets().filter(|target| matches!(target, Target::Copy(_)));
            for target in copies.filter(|target| source.points.available(target).count() > 1) {
                if let Some(newest) = source.newest(target).filter(|newest| self.0.insert(newest.id.clone())) {
                    delete(&mut plan, newest, now);
                }
            }
        }
        plan
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        undecided(state, change)
    }
}

/// A hold is nothing that retention knows of.
pub struct KnowsNoHolds;

impl PlannerUnderTest for KnowsNoHolds {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, mut outcome: Outcome, now: Time) -> Vec<Change> {
        for observed in observed_backups(&mut outcome) {
            if observed.tags.contains_key("lifeboat:hold") {
                Arc::make_mut(&mut observed.tags).remove("lifeboat:hold");
            }
        }
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        if matches!(change, Change::HoldRequested { .. }) { Ok(()) } else { state.apply(change) }
    }
}

/// What an answer shows.
fn observed_backups(outcome: &mut Outcome) -> &mut [ObservedBackup] {
    match outcome {
        Outcome::Page { observed_backups, .. } | Outcome::Polled(observed_backups) => observed_backups,
        _ => &mut [],
    }
}

/// Tags are read once and never again.
#[derive(Default)]
pub struct ReadsTagsOnce(BTreeMap<(AccountRegion, BackupId), Arc<Tags>>);

impl PlannerUnderTest for ReadsTagsOnce {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, mut outcome: Outcome, now: Time) -> Vec<Change> {
        for observed in observed_backups(&mut outcome) {
            let first =
                self.0.entry((action.place.clone(), observed.id.clone())).or_insert_with(|| observed.tags.clone());
            observed.tags = first.clone();
        }
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }
}

/// What would wait for a person goes at once.
pub struct NeverBrakes;

impl PlannerUnderTest for NeverBrakes {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        let mut deletion_planned = Vec::new();
        for change in &mut plan.record {
            let Change::Reviewed { source, braked, .. } = change else { continue };
            for (target, brake) in std::mem::take(braked) {
                let place =
                    AccountRegion { account: source.account.clone(), region: region_of(state, source, &target) };
                deletion_planned.extend(brake.points.into_iter().map(|(id, reason)| Change::DeletionPlanned {
                    place: place.clone(),
                    id,
                    reason,
                    confirmed: false,
                    at: now,
                }));
            }
        }
        plan.record.extend(deletion_planned);
        plan
    }
}

fn region_of(state: &State, source: &SourceKey, target: &Target) -> Region {
    match target {
        Target::Backup => state.sources[source].region.clone(),
        Target::Copy(region) => region.clone(),
    }
}

/// A source that no policy names any more is cleared away.
#[derive(Default)]
pub struct ClearsAwayWhatLeft {
    left: BTreeMap<SourceKey, Time>,
    asked: BTreeSet<BackupId>,
}

impl PlannerUnderTest for ClearsAwayWhatLeft {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        let named: BTreeSet<SourceKey> = settings.policies.values().flat_map(|policy| policy.source_keys()).collect();
        for (key, source) in state.sources.iter().filter(|(key, _)| !named.contains(key)) {
            let since = *self.left.entry(key.clone()).or_insert(now);
            if now.since(since) < SEEN_BY_THEN {
                continue;
            }
            let mut points = source.points.available(&Target::Backup);
            if let Some(oldest) = points.next().filter(|oldest| self.asked.insert(oldest.id.clone())) {
                delete(&mut plan, oldest, now);
            }
        }
        plan
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        undecided(state, change)
    }
}

/// What is older than a day by the clock goes, though nothing newer came.
#[derive(Default)]
pub struct CountsFromTheClock(BTreeSet<BackupId>);

impl PlannerUnderTest for CountsFromTheClock {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        let old = |point: &&RecoveryPoint| now.since(point.taken_at()) > Duration::from_secs(86_400);
        for source in state.sources.values() {
            delete_oldest(source, old, &mut self.0, &mut plan, now);
        }
        plan
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        undecided(state, change)
    }
}

/// Nothing but the newest is kept.
#[derive(Default)]
pub struct KeepsNone(BTreeSet<BackupId>);

impl PlannerUnderTest for KeepsNone {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        for source in state.sources.values() {
            delete_oldest(source, |_| true, &mut self.0, &mut plan, now);
        }
        plan
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        undecided(state, change)
    }
}

/// Retention that does not ask whose it is.
pub struct PrunesAnyway;

impl PlannerUnderTest for PrunesAnyway {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut settings = settings.clone();
        settings.daemon.prune = true;
        planner::plan(&settings, state, now)
    }
}

/// The oldest backup of a source, if there is a newer one and nothing but a rule keeps it.
fn delete_oldest(
    source: &SourceState,
    goes: impl FnMut(&&RecoveryPoint) -> bool,
    asked: &mut BTreeSet<BackupId>,
    plan: &mut Plan,
    now: Time,
) {
    let mut backups = source.points.available(&Target::Backup).rev().skip(1).filter(goes);
    let done = |point: &&RecoveryPoint| !source.open.contains_key(&point.occurrence) && !asked.contains(&point.id);
    if let Some(oldest) = backups.rfind(done) {
        delete(plan, oldest, now);
        asked.insert(oldest.id.clone());
    }
}

/// Whatever the key, one copy is as good as another.
pub struct BlindToKeys;

impl PlannerUnderTest for BlindToKeys {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, mut outcome: Outcome, now: Time) -> Vec<Change> {
        if let Outcome::Made(observed) = &mut outcome {
            observed.kms_key = None;
        }
        observed_backups(&mut outcome).iter_mut().for_each(|observed| observed.kms_key = None);
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }
}

/// What somebody else deleted is believed to be there.
pub struct MissesNothing;

impl PlannerUnderTest for MissesNothing {
    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        match change {
            Change::BackupRemoved { place, id, .. } if !state.deletions.contains_key(&(place.clone(), id.clone())) => {
                Ok(())
            }
            _ => state.apply(change),
        }
    }
}

/// A call without an answer did nothing.
pub struct TakesSilenceForNo;

impl PlannerUnderTest for TakesSilenceForNo {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        let mut changes = planner::process_outcome(on.settings, on.state, action, outcome, now);
        for change in &mut changes {
            if let Change::RequestFailed { definite, .. } = change {
                *definite = true;
            }
        }
        changes
    }
}

/// The key of a destination is what it was when its policy was first read.
#[derive(Default)]
pub struct ReadsKeysOnce(BTreeMap<(PolicyName, Region), Option<String>>);

impl PlannerUnderTest for ReadsKeysOnce {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut settings = settings.clone();
        for policy in settings.policies.values_mut() {
            for destination in &mut policy.destinations {
                let at = (policy.name.clone(), destination.region.clone());
                let first = self.0.entry(at).or_insert_with(|| destination.kms_key.clone());
                destination.kms_key.clone_from(first);
            }
        }
        planner::plan(&settings, state, now)
    }
}
