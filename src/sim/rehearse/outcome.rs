//! The result of a rehearsal, read from FSx's own inventory: recovery point ages and slot usage.

use super::Rehearsal;
use crate::domain::id::{PolicyName, Region, SourceKey};
use crate::domain::lane::Lane;
use crate::domain::policy::Policy;
use crate::domain::time::Time;
use crate::sim::cloud::{Backup, Lifecycle};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One route between two moments.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteOutcome {
    /// The policy.
    pub policy: PolicyName,
    /// The source.
    pub source: SourceKey,
    /// The destination, or the source's own Region.
    pub region: Region,
    /// The RPO.
    pub rpo: Option<Duration>,
    /// Copies, or backups in the source's own Region, that became AVAILABLE.
    pub copies: u64,
    /// For how long in total the RPO was missed.
    pub broken: Duration,
    /// Intervals as (age at the beginning, length); the age grows with time.
    stretches: Vec<(Duration, Duration)>,
    /// How long there was no recovery point at all.
    pub empty: Duration,
}

impl RouteOutcome {
    /// The ages of several routes combined.
    #[must_use]
    pub fn together(routes: &[Self]) -> Ages {
        Ages(routes.iter().flat_map(|route| route.stretches.iter().copied()).collect())
    }
}

/// The ages of the newest recovery point, as intervals of (age at the beginning, length).
#[derive(Clone, Debug, PartialEq)]
pub struct Ages(Vec<(Duration, Duration)>);

impl Ages {
    /// The age that was not exceeded for this fraction (0 to 1) of the time in which there was a recovery point.
    #[must_use]
    pub fn age_at(&self, share: f64) -> Option<Duration> {
        let all: Duration = self.0.iter().map(|(_, length)| *length).sum();
        let most = self.0.iter().map(|(age, length)| *age + *length).max()?;
        let wanted = all.mul_f64(share.clamp(0.0, 1.0));
        let (mut low, mut high) = (0, most.as_secs() + 1);
        while low < high {
            let middle = low.midpoint(high);
            let age = Duration::from_secs(middle);
            let younger = self.0.iter().map(|(from, length)| age.saturating_sub(*from).min(*length));
            if younger.sum::<Duration>() >= wanted {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(Duration::from_secs(low))
    }
}

/// The usage of a lane that several routes share, between two times.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneOutcome {
    /// The lane.
    pub lane: Lane,
    /// The number of copies that may be in flight.
    pub slots: u32,
    /// Slot time that was used.
    pub used: Duration,
    /// Slot time while at least one copy waited or all slots were taken.
    pub wanted: Duration,
    /// Slot time that was free while a copy could have started.
    pub idle: Duration,
    /// Number of copies started.
    pub copies: u64,
    /// The longest copy.
    pub longest: Duration,
    /// When the last copy ended.
    pub last_ended: Option<Time>,
}

impl Rehearsal {
    /// The outcome of every route from `from` to `until`.
    #[must_use]
    pub fn routes(&self, from: Time, until: Time) -> Vec<RouteOutcome> {
        let made = self.made();
        let mut routes = Vec::new();
        for policy in self.settings().policies.values() {
            for key in policy.source_keys() {
                for destination in &policy.destinations {
                    let mut route = RouteOutcome::new(policy, &key, &destination.region);
                    let copies = made.get(&(key.clone(), Some(destination.region.clone())));
                    route.follow(copies.map_or(&[], Vec::as_slice), from, until);
                    routes.push(route);
                }
            }
        }
        routes
    }

    /// The same for every source in its own Region, unless copies go there as well, which count instead.
    #[must_use]
    pub fn home_routes(&self, from: Time, until: Time) -> Vec<RouteOutcome> {
        let made = self.made();
        let mut routes = Vec::new();
        for policy in self.settings().policies.values().filter(|policy| policy.destination(&policy.region).is_none()) {
            for key in policy.source_keys() {
                let mut route = RouteOutcome::new(policy, &key, &policy.region);
                let backups = made.get(&(key.clone(), None));
                route.follow(backups.map_or(&[], Vec::as_slice), from, until);
                routes.push(route);
            }
        }
        routes
    }

    /// The usage of the lanes that several routes share, from `from` to `until`.
    #[must_use]
    pub fn lanes(&self, from: Time, until: Time) -> Vec<LaneOutcome> {
        let made = self.made();
        let mut steps: BTreeMap<Lane, Vec<Step>> = BTreeMap::new();
        let mut outcomes: BTreeMap<Lane, LaneOutcome> = BTreeMap::new();
        for policy in self.settings().policies.values() {
            for key in policy.source_keys().filter(|key| !key.source.is_volume()) {
                let none = Vec::new();
                let backups = made.get(&(key.clone(), None)).unwrap_or(&none);
                for region in policy.destinations.iter().map(|destination| &destination.region) {
                    let copies = made.get(&(key.clone(), Some(region.clone()))).unwrap_or(&none);
                    let place =
                        crate::domain::id::AccountRegion { account: key.account.clone(), region: region.clone() };
                    let lane = Lane::Shared(place);
                    let slots = lane.capacity(&self.settings().limits);
                    let outcome = outcomes.entry(lane.clone()).or_insert_with(|| LaneOutcome::new(&lane, slots));
                    for copy in copies.iter().filter(|copy| copy.created_ms >= from.millis()) {
                        outcome.count(copy);
                    }
                    steps.entry(lane).or_default().extend(steps_of_route(backups, copies, until.millis()));
                }
            }
        }
        for (lane, mut steps) in steps {
            steps.sort_unstable();
            if let Some(outcome) = outcomes.get_mut(&lane) {
                outcome.walk(&steps, from.millis(), until.millis());
            }
        }
        outcomes.into_values().collect()
    }

    /// Everything that became AVAILABLE or was in flight, by source and destination, in order of creation.
    fn made(&self) -> BTreeMap<(SourceKey, Option<Region>), Vec<&Backup>> {
        let mut made: BTreeMap<_, Vec<&Backup>> = BTreeMap::new();
        for (_, backup) in self.cloud().backups() {
            let key = SourceKey { account: backup.account.as_str().into(), source: backup.resource().into() };
            let region = backup.is_copy().then(|| backup.region.as_str().into());
            made.entry((key, region)).or_default().push(backup);
        }
        made
    }
}

/// When it became a recovery point.
fn good_since(backup: &Backup) -> Option<i64> {
    backup.ended_ms.filter(|_| backup.failure.is_none())
}

fn span(from_ms: i64, until_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(until_ms - from_ms).unwrap_or(0))
}

impl RouteOutcome {
    fn new(policy: &Policy, source: &SourceKey, region: &Region) -> Self {
        Self {
            policy: policy.name.clone(),
            source: source.clone(),
            region: region.clone(),
            rpo: policy.rpo_in(region),
            copies: 0,
            broken: Duration::ZERO,
            stretches: Vec::new(),
            empty: Duration::ZERO,
        }
    }

    fn follow(&mut self, copies: &[&Backup], from: Time, until: Time) {
        let mut ends: Vec<(i64, i64)> =
            copies.iter().filter_map(|copy| Some((good_since(copy)?, taken_ms(copy)))).collect();
        ends.sort_unstable();
        let (from_ms, until_ms) = (from.millis(), until.millis());
        let mut reached_ms: Option<i64> = None;
        let mut since_ms = from_ms;
        for (ended_ms, taken_ms) in ends.into_iter().filter(|(ended_ms, _)| *ended_ms <= until_ms) {
            self.copies += u64::from(ended_ms >= from_ms);
            if reached_ms.is_some_and(|reached_ms| reached_ms >= taken_ms) {
                continue;
            }
            self.stretch(reached_ms, since_ms, ended_ms);
            since_ms = since_ms.max(ended_ms);
            reached_ms = Some(taken_ms);
        }
        self.stretch(reached_ms, since_ms, until_ms);
    }

    fn stretch(&mut self, reached_ms: Option<i64>, since_ms: i64, until_ms: i64) {
        let length = span(since_ms, until_ms);
        let Some(reached_ms) = reached_ms else {
            self.empty += length;
            self.broken += if self.rpo.is_some() { length } else { Duration::ZERO };
            return;
        };
        let age = span(reached_ms, since_ms);
        self.stretches.push((age, length));
        if let Some(rpo) = self.rpo {
            self.broken += (age + length).saturating_sub(rpo.max(age));
        }
    }
}

/// The creation time of the source backup, from the copy's tag: ages count from it.
fn taken_ms(copy: &Backup) -> i64 {
    let tagged = copy.tags.get("lifeboat:taken").and_then(|text| Time::parse_rfc3339(text));
    tagged.map_or(copy.taken_ms, Time::millis)
}

/// A time at which the number of copies that could start, or are in flight, changes.
type Step = (i64, i64, i64);

/// The periods in which a route's copies were in flight, and in which one could have started.
fn steps_of_route(backups: &[&Backup], copies: &[&Backup], until_ms: i64) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut times: BTreeSet<i64> = BTreeSet::new();
    let flights: Vec<(i64, i64, i64)> =
        copies.iter().map(|copy| (copy.created_ms, copy.ended_ms.unwrap_or(until_ms), taken_ms(copy))).collect();
    for (from_ms, to_ms, _) in &flights {
        steps.extend([(*from_ms, 0, 1), (*to_ms, 0, -1)]);
        times.extend([*from_ms, *to_ms]);
    }
    let ready: Vec<(i64, i64)> =
        backups.iter().filter_map(|backup| Some((good_since(backup)?, backup.created_ms))).collect();
    times.extend(ready.iter().map(|(at_ms, _)| *at_ms));
    let mut could = false;
    for at_ms in times {
        let newest = ready.iter().filter(|(since_ms, _)| *since_ms <= at_ms).map(|(_, taken_ms)| *taken_ms).max();
        let begun = flights.iter().filter(|(from_ms, ..)| *from_ms <= at_ms);
        let reached = begun.clone().map(|(.., taken_ms)| *taken_ms).max();
        let in_flight = begun.clone().any(|(_, to_ms, _)| *to_ms > at_ms);
        let can = !in_flight && newest > reached;
        if can != could {
            steps.push((at_ms, if can { 1 } else { -1 }, 0));
            could = can;
        }
    }
    steps
}

impl LaneOutcome {
    fn new(lane: &Lane, slots: u32) -> Self {
        Self {
            lane: lane.clone(),
            slots,
            used: Duration::ZERO,
            wanted: Duration::ZERO,
            idle: Duration::ZERO,
            copies: 0,
            longest: Duration::ZERO,
            last_ended: None,
        }
    }

    fn count(&mut self, copy: &Backup) {
        self.copies += 1;
        if copy.lifecycle == Lifecycle::Copying {
            return;
        }
        if let Some(ended_ms) = copy.ended_ms {
            self.longest = self.longest.max(span(copy.created_ms, ended_ms));
            self.last_ended = self.last_ended.max(Some(Time::from_millis(ended_ms)));
        }
    }

    /// Visits the steps in order and adds up what lies between them.
    fn walk(&mut self, steps: &[Step], from_ms: i64, until_ms: i64) {
        let slots = i64::from(self.slots);
        let (mut could, mut in_flight, mut since_ms) = (0_i64, 0_i64, from_ms);
        let end = (until_ms, 0, 0);
        for (at_ms, more_could, more_flying) in steps.iter().chain([&end]) {
            let length = span(since_ms, (*at_ms).min(until_ms));
            let times = |count: i64| length.saturating_mul(u32::try_from(count).unwrap_or(0));
            self.used += times(in_flight);
            if could > 0 || in_flight >= slots {
                self.wanted += times(slots);
                self.idle += times((slots - in_flight).min(could));
            }
            since_ms = since_ms.max(*at_ms);
            could += more_could;
            in_flight += more_flying;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_weighed_by_time() {
        let hours = |hours: u64| Duration::from_secs(3600 * hours);
        // From one hour old to three, and from zero to ten.
        let ages = Ages(vec![(hours(1), hours(2)), (hours(0), hours(10))]);
        assert_eq!(ages.age_at(1.0), Some(hours(10)));
        // Up to three hours old: all of the first interval and three hours of the second, five of twelve.
        assert_eq!(ages.age_at(5.0 / 12.0), Some(hours(3)));
        assert_eq!(Ages(Vec::new()).age_at(0.5), None);
    }

    #[test]
    fn a_lane_is_idle_only_while_a_copy_could_begin() {
        let mut lane = LaneOutcome::new(&Lane::OntapAccount("default".into()), 2);
        // One copy could start from 0 to 10 s and runs from 10 s to 40 s; another could start from 20 s on and never
        // does.
        let steps = [(0, 1, 0), (10_000, -1, 0), (10_000, 0, 1), (20_000, 1, 0), (40_000, 0, -1)];
        lane.walk(&steps, 0, 60_000);
        assert_eq!(lane.used, Duration::from_secs(30));
        assert_eq!(lane.idle, Duration::from_secs(10 + 20 + 20));
        assert_eq!(lane.wanted, Duration::from_secs(2 * (10 + 40)));
    }
}
