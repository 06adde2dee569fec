//! Which copies to ask for.
//!
//! A route wants the newest AVAILABLE backup of its source and whatever a person asked for or holds. One copy of a
//! route is under way at a time; one that was never asked for gives way to a newer backup.

use super::backups::{after_failures, no_room, want_proof};
use super::gate::{Gate, Refusal, Unanswered, wait};
use super::slots::Slots;
use super::{ask, rpo};
use crate::domain::change::Change;
use crate::domain::id::{Place, Region, SourceKey, Target, Trigger, WorkKey};
use crate::domain::lane::Lane;
use crate::domain::plan::{Plan, Reason};
use crate::domain::point::Point;
use crate::domain::policy::{Destination, Policy, Settings};
use crate::domain::state::{SourceState, State};
use crate::domain::time::Time;
use std::sync::Arc;

/// Plans repeats and new copies, nearest deadline first.
pub fn plan(settings: &Settings, state: &State, now: Time, gate: &mut Gate<'_>, plan: &mut Plan) {
    let mut slots = Slots::new(settings.limits, state);
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    for key in &state.active {
        let Some(source) = state.sources.get(key) else { continue };
        if state.quarantined.contains_key(key) {
            continue;
        }
        let policy = source.watch.as_ref().and_then(|watch| settings.policies.get(&watch.policy));
        repeats(key, source, policy, now, gate, plan);
        let Some(policy) = policy else { continue };
        for destination in &policy.destinations {
            candidates.extend(Candidate::of_route(key, source, policy, destination));
        }
    }
    candidates.sort_by(|a, b| (a.deadline, &a.work).cmp(&(b.deadline, &b.work)));
    for candidate in candidates {
        if let Err(refusal) = candidate.begin(settings, now, gate, &mut slots, plan) {
            wait(plan, &candidate.policy.name, &candidate.work, refusal);
        }
    }
}

/// Deals with copies that were asked for without a clear answer. They hold their slots already.
fn repeats(
    key: &SourceKey,
    source: &SourceState,
    policy: Option<&Policy>,
    now: Time,
    gate: &mut Gate<'_>,
    plan: &mut Plan,
) {
    for ((occurrence, target), intent) in source.asks.iter().filter(|(_, intent)| intent.open) {
        let Target::Copy(region) = target else { continue };
        let work = WorkKey { source: key.clone(), occurrence: *occurrence, target: target.clone() };
        let there = Place { account: key.account.clone(), region: region.clone() };
        let refusal = match gate.unanswered(&there, &work, intent) {
            Unanswered::Again => match gate.make(&there) {
                Ok(()) => {
                    ask(plan, &there, &work, intent.attempt, intent.request.clone(), now);
                    continue;
                }
                Err(refusal) => refusal,
            },
            Unanswered::Disproved => {
                plan.record.push(Change::Disproved { key: work });
                plan.wake.earlier(now, "an ask was disproved");
                continue;
            }
            Unanswered::Prove(from) => want_proof(&there, from, gate, plan),
            Unanswered::Wait(refusal) => refusal,
        };
        if let Some(policy) = policy {
            wait(plan, &policy.name, &work, refusal);
        }
    }
}

/// A copy that a route wants.
struct Candidate<'a> {
    work: WorkKey,
    source: &'a SourceState,
    policy: &'a Policy,
    destination: &'a Destination,
    backup: &'a Point,
    deadline: Time,
}

impl<'a> Candidate<'a> {
    /// The copy that a route wants next, if it wants one.
    fn of_route(
        key: &SourceKey,
        source: &'a SourceState,
        policy: &'a Policy,
        destination: &'a Destination,
    ) -> Option<Self> {
        let target = Target::Copy(destination.region.clone());
        let lacks = |backup: &&Point| {
            source.good_point(backup.occurrence, &target).is_none()
                && !source.asks.get(&(backup.occurrence, target.clone())).is_some_and(|ask| ask.open)
        };
        let reached = source.newest_taken_at(&target);
        let newest = source
            .newest(&Target::Backup)
            .filter(|backup| reached.is_none_or(|reached| reached < backup.taken_at()))
            .filter(lacks);
        let backup = newest.or_else(|| wanted_by_a_person(source).find(lacks))?;
        Some(Self {
            work: WorkKey { source: key.clone(), occurrence: backup.occurrence, target: target.clone() },
            source,
            policy,
            destination,
            backup,
            deadline: rpo::deadline(policy, source, &target),
        })
    }

    fn begin(
        &self,
        settings: &Settings,
        now: Time,
        gate: &mut Gate<'_>,
        slots: &mut Slots,
        plan: &mut Plan,
    ) -> Result<(), Refusal> {
        let key = &self.work.source;
        let there = Place { account: key.account.clone(), region: self.destination.region.clone() };
        self.route_free(&self.destination.region, now)?;
        after_failures(self.source, &self.work, settings.daemon.poll, now)?;
        gate.books_known(&there)?;
        let volume = key.source.is_volume().then_some(&key.source);
        let lanes = Lane::of_copy(self.backup.kind, &key.account, &self.destination.region, volume);
        slots.free(&lanes)?;
        gate.make(&there)?;
        slots.take(&lanes);
        let attempt = self.source.highest_attempt(self.work.occurrence, &self.work.target).saturating_add(1);
        let (request, dropped) =
            super::request::copy_backup(self.policy, self.destination, self.backup, &self.work, attempt);
        if !dropped.is_empty() {
            plan.warnings.push(no_room(&key.source, &dropped));
        }
        ask(plan, &there, &self.work, attempt, Arc::new(request), now);
        Ok(())
    }

    /// Whether no other copy of the route is under way.
    fn route_free(&self, region: &Region, now: Time) -> Result<(), Refusal> {
        let target = Target::Copy(region.clone());
        let flying = self.source.in_flight().find(|point| point.target() == target && !point.stuck(now));
        if let Some(flying) = flying {
            let detail = format!("{} of {} is {}", flying.id, flying.occurrence.at, flying.lifecycle.as_str());
            return Err(Refusal { reason: Reason::InFlight, until: None, detail });
        }
        let asked = self.source.asks.iter().find(|((_, of), ask)| *of == target && ask.open);
        if let Some(((occurrence, _), _)) = asked {
            let detail = format!("the copy of {} was asked for", occurrence.at);
            return Err(Refusal { reason: Reason::InFlight, until: None, detail });
        }
        Ok(())
    }
}

/// Backups that no newer one supersedes: asked for by a person, or on hold, in occurrences that have not ended.
fn wanted_by_a_person(source: &SourceState) -> impl Iterator<Item = &Point> {
    source.open.keys().filter_map(|occurrence| {
        source
            .good_point(*occurrence, &Target::Backup)
            .filter(|backup| backup.available())
            .filter(|backup| occurrence.trigger == Trigger::Manual || backup.hold.is_some())
    })
}
