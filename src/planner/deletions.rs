//! Deletes what retention no longer keeps.
//!
//! Each deletion is decided, recorded, checked once more at AWS and requested, in this order and over several rounds;
//! whatever contradicts it on the way cancels it. Deletions that would cost a route too much wait for a person
//! ([`super::brake`]).

use super::brake::Recent;
use super::call_limits::CallLimits;
use super::full_copy::{self, FullCopy};
use super::retain::{self, RetentionVerdict};
use super::send;
use crate::domain::action::{Action, Call, CallKey};
use crate::domain::change::Change;
use crate::domain::deletion::{Brake, Deletion};
use crate::domain::id::{AccountRegion, BackupId, SourceKey, Target, deletion_token};
use crate::domain::plan::Plan;
use crate::domain::point::RecoveryPoint;
use crate::domain::policy::{Policy, Settings};
use crate::domain::state::{SourceState, State};
use crate::domain::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// The maximum number of reviews in one round; the rest follow in the next.
const REVIEWS_PER_ROUND: usize = 100;
/// DeleteBackup must follow within this time after AWS last showed the backup.
const INSPECTED_WITHIN: Duration = Duration::from_secs(60);
/// How often the brake is re-evaluated.
const BRAKE_AGAIN: Duration = Duration::from_secs(3600);
/// When a review that lacks an inventory is retried.
const REVIEW_AGAIN: Duration = Duration::from_secs(60);

/// Plans deletions, and continues the planned ones.
pub fn plan(settings: &Settings, state: &State, now: Time, call_limits: &mut CallLimits<'_>, plan: &mut Plan) {
    let mut reviews = state.reviews.iter().peekable();
    for _ in 0..REVIEWS_PER_ROUND {
        let Some((_, key)) = reviews.next_if(|(at, _)| *at <= now) else { break };
        review(settings, state, key, now, call_limits, plan);
    }
    if let Some((at, _)) = reviews.next() {
        plan.wake.earlier((*at).max(now), "retention");
    }
    let mut steps = Steps { settings, state, now, verdicts: BTreeMap::new() };
    for ((place, id), deletion) in &state.deletions {
        steps.go_on(place, id, deletion, call_limits, plan);
    }
}

/// What retention decides for one target of a source, and what the brake holds back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionDecision<'a> {
    /// Points to delete, each with its reason, oldest first.
    pub go: Vec<(&'a RecoveryPoint, String)>,
    /// Deletions that wait for a person.
    pub braked: Option<Brake>,
}

/// Evaluates one target of a source.
#[must_use]
pub fn weigh<'a>(
    policy: &Policy,
    state: &'a State,
    key: &SourceKey,
    target: &Target,
    now: Time,
) -> RetentionDecision<'a> {
    let verdicts = retain::verdicts(policy, state, key, target, now);
    let mut recent = Recent::of(state, key, target, now);
    let mut go = Vec::new();
    for verdict in verdicts {
        if !recent.add(state, verdict.point) && verdict.goes() {
            go.push((verdict.point, verdict.reason));
        }
    }
    go.reverse();
    if recent.holds(go.len()) {
        let points = go.into_iter().map(|(point, reason)| (point.id.clone(), reason)).collect();
        let brake = Brake { points, held: recent.held(), most: recent.most() };
        return RetentionDecision { go: Vec::new(), braked: Some(brake) };
    }
    RetentionDecision { go, braked: None }
}

/// The targets of a source under its policy.
pub fn targets(policy: &Policy) -> impl Iterator<Item = Target> + '_ {
    let copies = policy.destinations.iter().map(|destination| Target::Copy(destination.region.clone()));
    std::iter::once(Target::Backup).chain(copies)
}

/// The policy whose retention applies to a source; none after it left, so that it loses nothing.
#[must_use]
pub fn policy_of<'a>(settings: &'a Settings, source: &SourceState) -> Option<&'a Policy> {
    source.membership.as_ref().and_then(|membership| settings.policies.get(&membership.policy))
}

/// The location of a target's points.
fn place_of(key: &SourceKey, policy: &Policy, target: &Target) -> AccountRegion {
    let region = match target {
        Target::Backup => &policy.region,
        Target::Copy(region) => region,
    };
    AccountRegion { account: key.account.clone(), region: region.clone() }
}

fn review(
    settings: &Settings,
    state: &State,
    key: &SourceKey,
    now: Time,
    call_limits: &CallLimits<'_>,
    plan: &mut Plan,
) {
    let mut braked = BTreeMap::new();
    let mut next = Time::NEVER;
    let source = state.sources.get(key).filter(|_| settings.daemon.prune && !state.quarantined.contains_key(key));
    if let Some((source, policy)) = source.and_then(|source| Some((source, policy_of(settings, source)?))) {
        chains(key, policy, source, plan);
        next = next.min(unseen(policy, state, now, plan));
        for target in targets(policy) {
            if books_lack(key, policy, &target, call_limits) {
                next = next.min(now.plus(REVIEW_AGAIN));
                continue;
            }
            let letting = weigh(policy, state, key, &target, now);
            letting.go.into_iter().for_each(|(point, reason)| condemn(point, reason, now, plan));
            braked.extend(letting.braked.map(|brake| (target, brake)));
        }
        next = next.min(clear_failed(state, key, now, call_limits, plan));
        if !braked.is_empty() {
            // The brake's window moves on.
            next = next.min(now.plus(BRAKE_AGAIN));
        }
    }
    plan.record.push(Change::Reviewed { source: key.clone(), next, braked });
    plan.wake.earlier(next, "retention");
}

/// Reports points that are kept because a destination cannot be read. Returns until when.
fn unseen(policy: &Policy, state: &State, now: Time, plan: &mut Plan) -> Time {
    let unseen = retain::unseen_destinations(policy, state, now);
    let until = state.created_at.plus(retain::UNSEEN_COPY_READS_FOR);
    for region in &unseen {
        let place = AccountRegion { account: policy.account.clone(), region: (*region).clone() };
        // A first listing in progress is not worth a warning.
        if state.place(&place).is_some_and(|known| known.unread_because().is_some()) {
            plan.warnings.push(format!(
                "{region} cannot be listed: backups in {} that are older than the database stay until {until}, since a copy \
                 there may read them; all others are pruned as ever",
                policy.region
            ));
        }
    }
    if unseen.is_empty() { Time::NEVER } else { until }
}

/// Plans the deletion of a point.
fn condemn(point: &RecoveryPoint, reason: String, now: Time, plan: &mut Plan) {
    let (place, id) = (point.place.clone(), point.id.clone());
    plan.record.push(Change::DeletionPlanned { place, id, reason, confirmed: false, at: now });
    plan.wake.earlier(now, "a deletion was decided");
}

/// Plans the deletion of FAILED objects. Returns the time of the next check.
fn clear_failed(state: &State, key: &SourceKey, now: Time, call_limits: &CallLimits<'_>, plan: &mut Plan) -> Time {
    let (clear, mut next) = retain::failed_to_clear(state, key, now);
    let undecided = |point: &RecoveryPoint| !state.deletions.contains_key(&(point.place.clone(), point.id.clone()));
    for (point, reason) in clear.into_iter().filter(|(point, _)| undecided(point)) {
        if call_limits.inventory_known_of(&point.place, key).is_ok() {
            condemn(point, reason, now, plan);
        } else {
            next = next.min(now.plus(REVIEW_AGAIN));
        }
    }
    next
}

/// Announces full copies other than first ones.
fn chains(key: &SourceKey, policy: &Policy, source: &SourceState, plan: &mut Plan) {
    for destination in &policy.destinations {
        match full_copy::next_is_full(source, destination) {
            None | Some(FullCopy::First) => {}
            Some(full) => plan.warnings.push(full.announcement(&key.source, &destination.region)),
        }
    }
}

/// Whether the inventory needed for a verdict is not known yet: that of the account and Region itself and, for a copy,
/// that of the source's Region, which shows whether its occurrence has ended. A backup does not wait for a destination
/// (promise 7): a backup that an unknown copy there may be reading is kept individually
/// ([`retain::unseen_destinations`]).
fn books_lack(key: &SourceKey, policy: &Policy, target: &Target, call_limits: &CallLimits<'_>) -> bool {
    let listed = |target: &Target| {
        let place = call_limits.state.place(&place_of(key, policy, target));
        place.is_some_and(|known| known.listed.is_some())
    };
    let told = match target {
        Target::Backup => true,
        Target::Copy(_) => listed(&Target::Backup),
    };
    !told || call_limits.inventory_known_of(&place_of(key, policy, target), key).is_err()
}

/// A person's confirmation: plans the deletion of every point that the brake holds back now.
#[must_use]
pub fn confirm(settings: &Settings, state: &State, now: Time) -> Vec<Change> {
    let mut changes = Vec::new();
    for (key, source) in &state.sources {
        let Some(policy) = policy_of(settings, source) else { continue };
        for target in targets(policy) {
            let Some(brake) = weigh(policy, state, key, &target, now).braked else { continue };
            let place = place_of(key, policy, &target);
            changes.extend(brake.points.into_iter().map(|(id, reason)| Change::DeletionPlanned {
                place: place.clone(),
                id,
                reason: format!("{reason}; confirmed by a person"),
                confirmed: true,
                at: now,
            }));
        }
    }
    changes
}

struct Steps<'a> {
    settings: &'a Settings,
    state: &'a State,
    now: Time,
    /// Retention verdicts by source and target, computed as needed in this round.
    verdicts: BTreeMap<(SourceKey, Target), BTreeMap<BackupId, Option<String>>>,
}

impl Steps<'_> {
    fn go_on(
        &mut self,
        place: &AccountRegion,
        id: &BackupId,
        deletion: &Deletion,
        call_limits: &mut CallLimits<'_>,
        plan: &mut Plan,
    ) {
        if self.state.under_way(place, &CallKey::Delete(id.clone())) {
            return;
        }
        if self.now < deletion.not_before {
            plan.wake.earlier(deletion.not_before, "a deletion is tried again");
            return;
        }
        let inspected = deletion.inspected_at.filter(|at| self.now.since(*at) < INSPECTED_WITHIN && *at <= self.now);
        if inspected.is_none_or(|at| at < deletion.planned_at || Some(at) < deletion.asked_at) {
            // The poll that it waits for is already scheduled.
            return;
        }
        if let Some(reason) = self.deletion_cancelled(place, id) {
            plan.record.push(Change::DeletionCancelled { place: place.clone(), id: id.clone(), reason });
            plan.wake.earlier(self.now, "a deletion was given up");
            return;
        }
        let known = match self.state.point(place, id) {
            Some(point) => call_limits.inventory_known_of(place, &point.source_key()),
            None => call_limits.inventory_known(place),
        };
        if let Err(blocked) = known.and_then(|()| call_limits.delete(place)) {
            plan.wake.earlier(blocked.until.unwrap_or(Time::NEVER), "a place is tried again");
            return;
        }
        plan.record.push(Change::DeletionRequested { place: place.clone(), id: id.clone(), at: self.now });
        let call = Call::Delete { id: id.clone(), token: deletion_token(place, id) };
        send(plan, Action { place: place.clone(), call }, self.now);
    }

    /// Why a planned deletion is cancelled.
    fn deletion_cancelled(&mut self, place: &AccountRegion, id: &BackupId) -> Option<String> {
        if !self.settings.daemon.prune {
            return Some("this host does not prune".to_owned());
        }
        let Some(point) = self.state.point(place, id) else { return Some("it is no longer known".to_owned()) };
        let (key, target) = (point.source_key(), point.target());
        let (state, settings, now) = (self.state, self.settings, self.now);
        let words = self.verdicts.entry((key.clone(), target.clone())).or_insert_with(|| {
            let policy = state.sources.get(&key).and_then(|source| policy_of(settings, source));
            policy.map_or_else(BTreeMap::new, |policy| words(policy, state, &key, &target, now))
        });
        match words.get(id) {
            Some(None) => None,
            Some(Some(keep)) => Some(keep.clone()),
            None => Some("nothing gives it up any more".to_owned()),
        }
    }
}

/// Why each point of a target is kept; `None`: it is deleted.
fn words(
    policy: &Policy,
    state: &State,
    key: &SourceKey,
    target: &Target,
    now: Time,
) -> BTreeMap<BackupId, Option<String>> {
    let reason = |verdict: &RetentionVerdict<'_>| {
        let keeps: Vec<String> = verdict.keep.iter().map(ToString::to_string).collect();
        (!verdict.goes()).then(|| keeps.join(", "))
    };
    // A destination that left the policy is not a target; its points are kept.
    let named = targets(policy).any(|named| named == *target);
    let verdicts = if named { retain::verdicts(policy, state, key, target, now) } else { Vec::new() };
    let mut words: BTreeMap<BackupId, Option<String>> =
        verdicts.iter().map(|verdict| (verdict.point.id.clone(), reason(verdict))).collect();
    let (failed, _) = retain::failed_to_clear(state, key, now);
    words.extend(failed.into_iter().map(|(point, _)| (point.id.clone(), None)));
    words
}

#[cfg(test)]
mod tests;
