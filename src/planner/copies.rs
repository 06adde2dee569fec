//! Which copies to request.
//!
//! A route needs the newest AVAILABLE backup of its source, and every backup that a person ordered or holds. One copy
//! per route is in flight at a time; a copy that was never requested gives way to a newer backup.

use super::backups::{after_a_peer, after_failures, after_lost_answers, no_room, want_listing, wanted};
use super::call_limits::{Blocked, CallLimits, PendingDecision, wait};
use super::lane_limits::LaneLimits;
use super::retain::would_go_at_once;
use super::slot_priority::{SlotOrder, SlotRequest};
use super::slots::Slots;
use super::{Active, durations, rpo, send_request};
use crate::domain::change::Change;
use crate::domain::id::{AccountRegion, Region, SourceKey, Target, Trigger, WorkKey};
use crate::domain::lane::Lane;
use crate::domain::limits::LISTING_LAG;
use crate::domain::plan::{Plan, Reason};
use crate::domain::point::RecoveryPoint;
use crate::domain::policy::{Destination, Policy, Settings};
use crate::domain::state::{SourceState, State};
use crate::domain::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Plans repeats and new copies; `order` decides who gets a lane's slots.
pub fn plan(
    settings: &Settings,
    now: Time,
    order: SlotOrder,
    active: &[Active<'_>],
    call_limits: &mut CallLimits<'_>,
    plan: &mut Plan,
) {
    let state = call_limits.state;
    let mut ready: BTreeMap<Lane, Vec<Candidate<'_>>> = BTreeMap::new();
    let mut lane_limits = LaneLimits::new(state, now);
    for (key, source) in active.iter().copied() {
        let policy = source.membership.as_ref().and_then(|membership| settings.policies.get(&membership.policy));
        let quarantined = state.quarantined.contains_key(key);
        repeats(key, source, policy, quarantined, call_limits, &mut lane_limits, plan);
        let Some(policy) = policy.filter(|_| !quarantined) else { continue };
        for destination in &policy.destinations {
            let Some(candidate) = Candidate::of_route(state, key, source, policy, destination) else { continue };
            let proven = |candidate: &Candidate<'_>, plan: &mut Plan| {
                after_lost_answers(source, &candidate.work, &candidate.there(), call_limits, plan)
            };
            match candidate.ready(settings, now, call_limits).and_then(|()| proven(&candidate, plan)) {
                // The widest of its lanes is the one it shares with others.
                Ok(()) => {
                    if let Some(lane) = candidate.lanes.last().cloned() {
                        ready.entry(lane).or_default().push(candidate);
                    }
                }
                Err(blocked) => wait(plan, &candidate.policy.name, &candidate.work, blocked),
            }
        }
    }
    if ready.is_empty() {
        return;
    }
    let mut slots = Slots::new(settings.limits, state);
    for (lane, candidates) in ready {
        for place in places(order, state, &lane, &candidates, &slots, &lane_limits, now) {
            let Some(candidate) = candidates.get(place) else { continue };
            if let Err(blocked) = candidate.begin(now, call_limits, &mut slots, &mut lane_limits, plan) {
                wait(plan, &candidate.policy.name, &candidate.work, blocked);
            }
        }
    }
}

/// The indices of a lane's candidates in the order in which they get its slots.
fn places(
    order: SlotOrder,
    state: &State,
    lane: &Lane,
    candidates: &[Candidate<'_>],
    slots: &Slots,
    lane_limits: &LaneLimits<'_>,
    now: Time,
) -> Vec<usize> {
    let (capacity, held) = slots.of(lane);
    let free = capacity.saturating_sub(held) as usize;
    let room = free.min(lane_limits.room(std::slice::from_ref(lane)) as usize);
    if room == 0 || candidates.len() <= room {
        return (0..candidates.len()).collect();
    }
    let requests: Vec<SlotRequest> = candidates.iter().map(|candidate| candidate.request()).collect();
    let mut ends: Vec<Time> = vec![now; free];
    ends.extend(ends_of_flights(state, lane));
    // Other occupied slots (others' copies, requests without a response) are assumed to take the average.
    let sum: Duration = requests.iter().map(|request| request.takes).sum();
    let typical = sum / u32::try_from(requests.len()).unwrap_or(u32::MAX);
    ends.resize(capacity as usize, now.plus(typical));
    let works: Vec<&WorkKey> = candidates.iter().map(|candidate| &candidate.work).collect();
    order(state, &works, &requests, &ends, now)
}

/// When our copies in flight in a lane are expected to end.
fn ends_of_flights<'a>(state: &'a State, lane: &'a Lane) -> impl Iterator<Item = Time> + 'a {
    let place = match lane {
        Lane::Shared(place) | Lane::Volume(place, _) => Some(place),
        Lane::OntapAccount(_) => None,
    };
    let poll_schedule = place.and_then(|place| Some((place, state.place(place)?)));
    let ids =
        poll_schedule.into_iter().flat_map(|(place, known)| known.poll_schedule.keys().map(move |id| (place, id)));
    ids.filter_map(|(place, id)| state.point(place, id)).filter(|point| point.lanes().contains(lane)).filter_map(
        |point| {
            let source = state.sources.get(&point.source_key())?;
            let target = point.target();
            let full = source.newest(&target).is_none();
            Some(point.created_at.plus(durations::expected(source, &target, full, point.size_bytes).takes))
        },
    )
}

/// Handles copies whose requests have no clear response. They already occupy their slots. Also for a quarantined source
/// the result of a pending request is determined; otherwise its slot would stay occupied forever.
fn repeats(
    key: &SourceKey,
    source: &SourceState,
    policy: Option<&Policy>,
    quarantined: bool,
    call_limits: &mut CallLimits<'_>,
    lane_limits: &mut LaneLimits<'_>,
    plan: &mut Plan,
) {
    for ((occurrence, target), intent) in source.pending_requests.iter().filter(|(_, intent)| intent.open) {
        let Target::Copy(region) = target else { continue };
        let work = WorkKey { source: key.clone(), occurrence: *occurrence, target: target.clone() };
        let there = AccountRegion { account: key.account.clone(), region: region.clone() };
        let lanes = call_limits.state.lanes_of_copy(&work);
        let blocked = match call_limits.decide_pending(&there, &work, intent) {
            PendingDecision::Repeat if quarantined || !wanted(source, occurrence) => {
                want_listing(&there, intent.last_asked_at.plus(LISTING_LAG), call_limits, plan)
            }
            PendingDecision::Repeat => match lane_limits.open(&lanes).and_then(|()| call_limits.make(&there)) {
                Ok(()) => {
                    lane_limits.take(&lanes);
                    send_request(plan, &there, &work, intent.attempt, intent.request.clone(), call_limits.now);
                    continue;
                }
                Err(blocked) => blocked,
            },
            PendingDecision::NeverApplied => {
                plan.record.push(Change::RequestNeverApplied { key: work });
                plan.wake.earlier(call_limits.now, "a request was never applied");
                continue;
            }
            PendingDecision::NeedsListing(from) => want_listing(&there, from, call_limits, plan),
            PendingDecision::Wait(blocked) => blocked,
        };
        if let Some(policy) = policy {
            wait(plan, &policy.name, &work, blocked);
        }
    }
}

/// A copy that a route needs.
struct Candidate<'a> {
    work: WorkKey,
    source: &'a SourceState,
    policy: &'a Policy,
    destination: &'a Destination,
    backup: &'a RecoveryPoint,
    /// A person asked for this backup, which is not the newest.
    for_a_person: bool,
    lanes: Vec<Lane>,
}

impl<'a> Candidate<'a> {
    /// The next copy that a route needs, if any.
    fn of_route(
        state: &'a State,
        key: &SourceKey,
        source: &'a SourceState,
        policy: &'a Policy,
        destination: &'a Destination,
    ) -> Option<Self> {
        let target = Target::Copy(destination.region.clone());
        let there = AccountRegion { account: key.account.clone(), region: destination.region.clone() };
        // If an unconfirmed copy may be ours, it is not requested again.
        let may_be_there = |backup: &RecoveryPoint| {
            let claims = state.place(&there).map(|known| known.unconfirmed_of(&backup.source, backup.occurrence));
            claims.into_iter().flatten().any(RecoveryPoint::good)
        };
        let lacks = |backup: &&RecoveryPoint| {
            source.good_point(backup.occurrence, &target).is_none()
                && !may_be_there(backup)
                && !source
                    .pending_requests
                    .get(&(backup.occurrence, target.clone()))
                    .is_some_and(|pending| pending.open)
        };
        let reached = source.newest_taken_at(&target);
        let newest = source
            .newest(&Target::Backup)
            .filter(|backup| reached.is_none_or(|reached| reached < backup.taken_at()))
            .filter(lacks);
        let for_a_person = newest.is_none();
        let found_in_vain = |backup: &RecoveryPoint| {
            let adopted = source.open.get(&backup.occurrence).is_some_and(|record| record.adopted);
            adopted && would_go_at_once(policy, source, &target, backup)
        };
        let of_a_person = || wanted_by_a_person(state, source).filter(|backup| !found_in_vain(backup)).find(lacks);
        let backup = newest.or_else(of_a_person)?;
        let volume = key.source.is_volume().then_some(&key.source);
        Some(Self {
            work: WorkKey { source: key.clone(), occurrence: backup.occurrence, target },
            source,
            policy,
            destination,
            backup,
            for_a_person,
            lanes: Lane::of_copy(backup.kind, &key.account, &destination.region, volume),
        })
    }

    fn there(&self) -> AccountRegion {
        AccountRegion { account: self.work.source.account.clone(), region: self.destination.region.clone() }
    }

    /// Whether only a slot is missing.
    fn ready(&self, settings: &Settings, now: Time, call_limits: &CallLimits<'_>) -> Result<(), Blocked> {
        self.route_free(&self.destination.region, now)?;
        after_failures(self.source, &self.work, settings.daemon.poll, now)?;
        call_limits.inventory_known_for(&self.there(), self.source)?;
        let home = AccountRegion { account: self.work.source.account.clone(), region: self.source.region.clone() };
        call_limits.newest_known(&home, self.source)
    }

    fn request(&self) -> SlotRequest {
        let target = &self.work.target;
        let (reached, taken_at) = (self.source.newest_taken_at(target), self.backup.taken_at());
        SlotRequest {
            rpo: rpo::rpo_for(self.policy, target),
            reached,
            since: self.source.membership.as_ref().map_or(taken_at, |membership| membership.since),
            taken_at,
            takes: durations::next_copy(self.source, self.destination, self.backup.size_bytes).takes,
            asked_at: self.for_a_person.then_some(self.work.occurrence.at),
        }
    }

    fn begin(
        &self,
        now: Time,
        call_limits: &mut CallLimits<'_>,
        slots: &mut Slots,
        lane_limits: &mut LaneLimits<'_>,
        plan: &mut Plan,
    ) -> Result<(), Blocked> {
        let there = self.there();
        slots.free(&self.lanes)?;
        lane_limits.open(&self.lanes)?;
        let attempt = call_limits.next_attempt(&there, &self.work, self.source);
        if let Some(from) = call_limits.peer_may_have_asked(&there, self.backup.created_at, attempt) {
            return Err(after_a_peer(&there, from, call_limits, plan));
        }
        call_limits.make(&there)?;
        slots.take(&self.lanes);
        lane_limits.take(&self.lanes);
        let (request, dropped) =
            super::request::copy_backup(self.policy, self.destination, self.backup, &self.work, attempt);
        if !dropped.is_empty() {
            plan.warnings.push(no_room(&self.work.source.source, &dropped));
        }
        send_request(plan, &there, &self.work, attempt, Arc::new(request), now);
        Ok(())
    }

    /// Whether the route has no other copy under way.
    fn route_free(&self, region: &Region, now: Time) -> Result<(), Blocked> {
        let target = Target::Copy(region.clone());
        let in_flight = self.source.in_flight();
        let in_flight = in_flight
            .filter(|point| !point.remarks.disputed)
            .find(|point| point.target() == target && !point.stuck(now));
        if let Some(in_flight) = in_flight {
            let detail = format!("{} of {} is {}", in_flight.id, in_flight.occurrence.at, in_flight.lifecycle.as_str());
            return Err(Blocked { reason: Reason::InProgress, until: None, detail });
        }
        let asked = self.source.pending_requests.iter().find(|((_, of), pending)| *of == target && pending.open);
        if let Some(((occurrence, _), _)) = asked {
            let detail = format!("the copy of {} was asked for", occurrence.at);
            return Err(Blocked { reason: Reason::InProgress, until: None, detail });
        }
        Ok(())
    }
}

/// Backups that newer ones do not supersede: ordered by a person or on hold (a request suffices), in occurrences that
/// have not ended.
fn wanted_by_a_person<'a>(state: &'a State, source: &'a SourceState) -> impl Iterator<Item = &'a RecoveryPoint> {
    source.open.keys().filter_map(|occurrence| {
        source
            .good_point(*occurrence, &Target::Backup)
            .filter(|backup| backup.available())
            .filter(|backup| occurrence.trigger == Trigger::Manual || state.held(backup))
            .filter(|_| !source.cancelled.contains_key(occurrence))
    })
}
