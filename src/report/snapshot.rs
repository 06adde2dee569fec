//! One immutable snapshot of everything, taken between two rounds.

use crate::domain::catalogue::FSX;
use crate::domain::change::Counter;
use crate::domain::fault::FaultClass;
use crate::domain::id::{AccountId, AccountRegion, Region, SourceKey, Target};
use crate::domain::lane::Lane;
use crate::domain::limits::TAKEN_AHEAD_TOLERATED;
use crate::domain::plan::Plan;
use crate::domain::point::RecoveryPoint;
use crate::domain::policy::{Policy, Settings};
use crate::domain::state::{AccountRegionState, DURATION_BUCKETS_SECONDS, Durations, SourceState, State};
use crate::domain::time::Time;
use crate::planner;
use crate::planner::audit::Finding;
use crate::planner::polling::{places_of, stale_after};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

mod regions;
pub use regions::NEEDS;
use regions::places;

pub use super::view::{
    AccountRegionView, ClockView, FindingView, FlightView, PauseView, PolicyView, Reload, RouteView, RpoStatus,
    WaitingView,
};

/// Everything, at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Time,
    /// The running version.
    pub version: String,
    /// When this process began.
    pub started_at: Time,
    /// Whether it comes from a running daemon, rather than from the database alone.
    pub live: bool,
    /// The result of the last load of the policy file.
    pub reload: Reload,
    /// Why the database cannot be written, while it cannot; nothing new is requested from AWS then.
    pub store_problem: Option<String>,
    /// Why AWS cannot be called at all, while it cannot.
    pub credentials_problem: Option<String>,
    /// When the last round ended.
    pub last_round_at: Option<Time>,
    /// Why rounds did not continue at the time of the request, if they did not.
    #[serde(default)]
    pub rounds_problem: Option<String>,
    /// What is known about the clock.
    #[serde(default)]
    pub clock: ClockView,
    /// Every policy, by name.
    pub policies: Vec<PolicyView>,
    /// Every source in its own Region and in each destination, by policy, source and Region.
    pub routes: Vec<RouteView>,
    /// Backups and copies of ours in flight.
    pub flights: Vec<FlightView>,
    /// Every account and Region that the policy names.
    pub places: Vec<AccountRegionView>,
    /// Findings of the audit.
    pub findings: Vec<FindingView>,
    /// Numbers that only the metrics show.
    #[serde(skip)]
    pub counts: Counts,
}

/// Numbers that only the metrics show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Counters that survive restarts.
    pub counters: BTreeMap<Counter, u64>,
    /// How long backups and copies took.
    pub durations: BTreeMap<Target, Durations>,
    /// Sources with points of ours that no policy names any more.
    pub orphans: BTreeMap<AccountRegion, u64>,
    /// Requests to AWS by operation, Region and code.
    pub requests: BTreeMap<(&'static str, Region, String), u64>,
    /// How long they took, by operation and Region.
    pub request_durations: BTreeMap<(&'static str, Region), RequestDurations>,
    /// Durations of rounds.
    pub rounds: RequestDurations,
    /// Notifications by result.
    pub notifications: BTreeMap<&'static str, u64>,
}

/// Upper bounds of the histograms of requests and rounds, in seconds.
pub const SHORT_BUCKETS_SECONDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

/// Durations of short operations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestDurations {
    /// The number in each of [`SHORT_BUCKETS_SECONDS`] (not cumulative), and one more for those above all.
    pub buckets: [u64; SHORT_BUCKETS_SECONDS.len() + 1],
    /// Their sum.
    pub sum_seconds: f64,
}

impl RequestDurations {
    /// Adds one.
    pub fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = SHORT_BUCKETS_SECONDS.iter().position(|bound| seconds <= *bound);
        self.buckets[bucket.unwrap_or(SHORT_BUCKETS_SECONDS.len())] += 1;
        self.sum_seconds += seconds;
    }
}

/// The bounds of `backup_duration_seconds` and `copy_duration_seconds`.
pub const LONG_BUCKETS_SECONDS: [f64; 14] = DURATION_BUCKETS_SECONDS;

/// What the daemon knows in addition to the state.
#[derive(Clone, Debug)]
pub struct DaemonStatus {
    /// Whether a daemon runs.
    pub live: bool,
    /// The result of the last load of the policy file.
    pub reload: Reload,
    /// Why the database cannot be written, while it cannot.
    pub store_problem: Option<String>,
    /// Why AWS cannot be called at all, while it cannot.
    pub credentials_problem: Option<String>,
    /// When the last round ended.
    pub last_round_at: Option<Time>,
    /// Counts of this process; the durable ones are taken from the state.
    pub counts: Counts,
}

impl Snapshot {
    /// Takes the snapshot. `plan` is the last complete one, from which waiting work is read.
    #[must_use]
    pub fn take(settings: &Settings, state: &State, plan: &Plan, daemon: DaemonStatus, now: Time) -> Self {
        let waits: BTreeMap<(&SourceKey, Option<&Region>), WaitingView> = plan
            .waiting
            .iter()
            .map(|wait| {
                let view =
                    WaitingView { reason: wait.reason.to_string(), detail: wait.detail.clone(), until: wait.until };
                ((&wait.source, wait.destination.as_ref()), view)
            })
            .collect();
        let places = places(settings, state, plan, now);
        let stale: BTreeSet<(&AccountId, &Region)> =
            places.iter().filter(|place| place.stale).map(|place| (&place.account, &place.region)).collect();
        let mut routes = Vec::new();
        for policy in settings.policies.values() {
            for key in policy.source_keys() {
                let is_stale = |region: &Region| stale.contains(&(&key.account, region));
                routes_of(
                    policy,
                    &key,
                    state.sources.get(&key).map(AsRef::as_ref),
                    &is_stale,
                    &waits,
                    now,
                    &mut routes,
                );
            }
        }
        if !state.timekeeping.confirmed() {
            routes.iter_mut().for_each(RouteView::without_a_clock);
        }
        let mut counts = daemon.counts;
        counts.counters.clone_from(&state.counters);
        counts.durations.clone_from(&state.durations);
        counts.orphans = state.orphans();
        Self {
            at: now,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: state.started_at,
            live: daemon.live,
            reload: daemon.reload,
            store_problem: daemon.store_problem,
            credentials_problem: daemon.credentials_problem,
            last_round_at: daemon.last_round_at,
            rounds_problem: None,
            clock: ClockView::of(&state.timekeeping),
            policies: settings.policies.values().map(|policy| policy_view(settings, policy, state, now)).collect(),
            routes,
            flights: flights(state),
            places,
            findings: findings(planner::audit::audit(settings, state, now)),
            counts,
        }
    }

    /// The snapshot re-evaluated at `now`: recovery points become older after it, and the inventory may become stale.
    #[must_use]
    pub fn judged_at(&self, now: Time) -> Cow<'_, Self> {
        let grown_stale: BTreeSet<(&AccountId, &Region)> = self
            .places
            .iter()
            .filter(|place| !place.stale && place.stale_at(now))
            .map(|place| (&place.account, &place.region))
            .collect();
        let judge = |route: &RouteView| match route.standing_at(now) {
            RpoStatus::Met if grown_stale.contains(&(&route.account, &route.region)) => RpoStatus::Unknown,
            standing => standing,
        };
        if grown_stale.is_empty() && self.routes.iter().all(|route| judge(route) == route.standing) {
            return Cow::Borrowed(self);
        }
        let mut judged = self.clone();
        for (route, was) in judged.routes.iter_mut().zip(&self.routes) {
            route.standing = judge(was);
            let rpo = route.rpo_seconds.map(Duration::from_secs);
            let became_late = route.standing == RpoStatus::Late && was.standing != RpoStatus::Late;
            if let Some((taken_at, rpo)) = route.newest_taken_at.zip(rpo).filter(|_| became_late) {
                route.late_since = Some(taken_at.plus(rpo));
            }
        }
        for place in &mut judged.places {
            place.stale = place.stale_at(now);
        }
        Cow::Owned(judged)
    }

    /// Whether every route, with an RPO or without, has a recovery point.
    #[must_use]
    pub fn all_protected(&self) -> bool {
        !self.routes.is_empty() && self.routes.iter().all(|route| route.newest.is_some())
    }
}

fn policy_view(settings: &Settings, policy: &Policy, state: &State, now: Time) -> PolicyView {
    PolicyView {
        policy: policy.name.clone(),
        account: policy.account.clone(),
        region: policy.region.clone(),
        schedule: policy.schedule.text().to_owned(),
        timezone: policy.schedule.zone_name().to_owned(),
        interval_seconds: policy.schedule.gaps(now).mean.as_secs(),
        next_at: policy.schedule.next_after(now),
        sources: policy.sources.len(),
        remarks: planner::selection::remarks(settings, state, policy),
        paused: state.pause_at(&policy.name, now).map(|pause| PauseView {
            since: pause.since,
            until: pause.until,
            reason: pause.reason.clone(),
        }),
    }
}

fn routes_of(
    policy: &Policy,
    key: &SourceKey,
    source: Option<&SourceState>,
    stale: &dyn Fn(&Region) -> bool,
    waits: &BTreeMap<(&SourceKey, Option<&Region>), WaitingView>,
    now: Time,
    routes: &mut Vec<RouteView>,
) {
    let in_region = policy.destinations.iter().any(|destination| destination.region == policy.region);
    let own = (!in_region).then_some((Target::Backup, &policy.region));
    let copies =
        policy.destinations.iter().map(|destination| (Target::Copy(destination.region.clone()), &destination.region));
    for (target, region) in own.into_iter().chain(copies) {
        let newest = source.and_then(|source| source.newest(&target));
        let certain = newest_certain(source, &target, now);
        let rpo = policy.rpo_in(region);
        let destination = match &target {
            Target::Backup => None,
            Target::Copy(region) => Some(region),
        };
        routes.push(RouteView {
            policy: policy.name.clone(),
            account: key.account.clone(),
            source: key.source.clone(),
            region: region.clone(),
            copy: destination.is_some(),
            standing: match standing(certain.map(RecoveryPoint::taken_at), rpo, stale(region), now) {
                RpoStatus::Late if newest != certain => standing(newest.map(RecoveryPoint::taken_at), rpo, true, now),
                standing => standing,
            },
            rpo_seconds: rpo.map(|rpo| rpo.as_secs()),
            newest_taken_at: newest.map(RecoveryPoint::taken_at),
            newest: newest.map(|point| point.id.clone()),
            late_since: rpo.and_then(|rpo| late_since(source, newest.map(RecoveryPoint::taken_at), rpo, now)),
            recovery_points: source.map_or(0, |source| source.points.available(&target).len()),
            time_unknown: false,
            in_doubt_since: newest
                .filter(|point| point.remarks.in_doubt(now))
                .and_then(|point| point.remarks.missing_since),
            waiting: waits.get(&(key, destination)).cloned(),
        });
    }
}

/// The newest recovery point that AWS is not known to have stopped showing.
fn newest_certain<'a>(source: Option<&'a SourceState>, target: &Target, now: Time) -> Option<&'a RecoveryPoint> {
    source?.points.available(target).rev().find(|point| !point.remarks.in_doubt(now))
}

/// The RPO status of a route. A late route stays late even if the inventory is stale; that an RPO is met is only known
/// while the inventory is current.
fn standing(newest: Option<Time>, rpo: Option<Duration>, stale: bool, now: Time) -> RpoStatus {
    let Some(rpo) = rpo else { return RpoStatus::NoRpo };
    match newest {
        Some(taken_at) if now.since(taken_at) > rpo => RpoStatus::Late,
        // A time in the future says nothing about the age of the data.
        Some(taken_at) if taken_at.since(now) > TAKEN_AHEAD_TOLERATED => RpoStatus::Unknown,
        _ if stale => RpoStatus::Unknown,
        Some(_) => RpoStatus::Met,
        None => RpoStatus::Late,
    }
}

/// Since when a route is late, if it is; a route that never had a recovery point is late from its beginning.
fn late_since(source: Option<&SourceState>, newest: Option<Time>, rpo: Duration, now: Time) -> Option<Time> {
    match newest {
        Some(taken_at) => (now.since(taken_at) > rpo).then(|| taken_at.plus(rpo)),
        None => source?.membership.as_ref().map(|membership| membership.since),
    }
}

fn flights(state: &State) -> Vec<FlightView> {
    let in_flight = state.active.iter().filter_map(|key| state.sources.get(key)).flat_map(|source| source.in_flight());
    in_flight
        .map(|point| FlightView {
            source: point.source.clone(),
            account: point.place.account.clone(),
            region: point.place.region.clone(),
            copy: point.origin.is_some(),
            id: point.id.clone(),
            occurrence_at: point.occurrence.at,
            lifecycle: point.lifecycle.as_str().to_owned(),
            progress_percent: point.progress_percent,
            created_at: point.created_at,
        })
        .collect()
}

fn findings(findings: Vec<Finding>) -> Vec<FindingView> {
    let view = |finding: Finding| FindingView {
        severity: finding.severity.as_str().to_owned(),
        source: finding.source,
        what: finding.what,
    };
    findings.into_iter().map(view).collect()
}
