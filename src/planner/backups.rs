//! Which backups to request.
//!
//! A file system takes one backup at a time, so only the newest open occurrence starts; on-demand occurrences run one
//! after the other. A FAILED backup is retried as another attempt until a newer occurrence takes over.

use super::call_limits::{Blocked, CallLimits, PendingDecision, backoff, wait};
use super::{Active, retry, send, send_request};
use crate::domain::action::{Action, Call};
use crate::domain::change::Change;
use crate::domain::fault::FaultClass;
use crate::domain::id::{AccountRegion, Occurrence, SourceId, SourceKey, Target, Trigger, WorkKey};
use crate::domain::limits::{CALL_ENDS_WITHIN, IDS_PER_CALL, LISTING_LAG};
use crate::domain::plan::{Plan, Reason};
use crate::domain::point::Lifecycle;
use crate::domain::policy::{Policy, Settings};
use crate::domain::state::{AccountRegionState, SourceState};
use crate::domain::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Tags looked up at most this long ago are recent enough for a new backup.
const LOOKED_UP_WITHIN: Duration = Duration::from_secs(2 * 60);

/// Sources to look up: by account and Region, by kind (volumes apart), by the number allowed in one call.
type ToLookUp = BTreeMap<(AccountRegion, bool, usize), Vec<SourceId>>;

/// Plans repeats, new backups and the lookups that they need.
pub fn plan(settings: &Settings, now: Time, active: &[Active<'_>], call_limits: &mut CallLimits<'_>, plan: &mut Plan) {
    let mut to_look_up = ToLookUp::new();
    for (key, source) in active.iter().copied() {
        let quarantined = call_limits.state.quarantined.contains_key(key);
        let round = Round { settings, now, key, source, quarantined };
        let asked = round.repeat(call_limits, plan);
        if let Some(policy) = round.policy().filter(|_| !asked && !quarantined) {
            round.begin(policy, call_limits, plan, &mut to_look_up);
        }
    }
    for ((place, _, size), ids) in to_look_up {
        for ids in ids.chunks(size) {
            if let Err(blocked) = call_limits.read(&place) {
                plan.wake.earlier(blocked.until.unwrap_or(Time::NEVER), "a place is tried again");
                break;
            }
            let (account, until) = (place.account.clone(), now.plus(CALL_ENDS_WITHIN));
            plan.record.push(Change::SourceLookupSent { account, ids: ids.to_vec(), until });
            send(plan, Action { place: place.clone(), call: Call::DescribeSources { ids: ids.to_vec() } }, now);
        }
    }
}

struct Round<'a> {
    settings: &'a Settings,
    now: Time,
    key: &'a SourceKey,
    source: &'a SourceState,
    /// It is quarantined: the result of a pending request is determined, but nothing new is requested.
    quarantined: bool,
}

impl<'a> Round<'a> {
    fn policy(&self) -> Option<&'a Policy> {
        self.source.membership.as_ref().and_then(|membership| self.settings.policies.get(&membership.policy))
    }

    fn home(&self) -> AccountRegion {
        AccountRegion { account: self.key.account.clone(), region: self.source.region.clone() }
    }

    fn work(&self, occurrence: Occurrence) -> WorkKey {
        WorkKey { source: self.key.clone(), occurrence, target: Target::Backup }
    }

    /// Handles a pending request for a backup; `true` if there is one.
    fn repeat(&self, call_limits: &mut CallLimits<'_>, plan: &mut Plan) -> bool {
        let mut asked = false;
        for ((occurrence, target), intent) in &self.source.pending_requests {
            if *target != Target::Backup || !intent.open {
                continue;
            }
            asked = true;
            let (key, home) = (self.work(*occurrence), self.home());
            let blocked = match call_limits.decide_pending(&home, &key, intent) {
                PendingDecision::Repeat if self.quarantined || !wanted(self.source, occurrence) => {
                    want_listing(&home, intent.last_asked_at.plus(LISTING_LAG), call_limits, plan)
                }
                PendingDecision::Repeat => match call_limits.make(&home) {
                    Ok(()) => {
                        send_request(plan, &home, &key, intent.attempt, intent.request.clone(), self.now);
                        continue;
                    }
                    Err(blocked) => blocked,
                },
                PendingDecision::NeverApplied => {
                    plan.record.push(Change::RequestNeverApplied { key });
                    plan.wake.earlier(self.now, "a request was never applied");
                    continue;
                }
                PendingDecision::NeedsListing(from) => want_listing(&home, from, call_limits, plan),
                PendingDecision::Wait(blocked) => blocked,
            };
            if let Some(policy) = self.policy() {
                wait(plan, &policy.name, &key, blocked);
            }
        }
        asked
    }

    /// Starts the next backup of the source, if one is due and nothing blocks it.
    fn begin(&self, policy: &Policy, call_limits: &mut CallLimits<'_>, plan: &mut Plan, to_look_up: &mut ToLookUp) {
        let Some(occurrence) = self.next() else { return };
        let key = self.work(occurrence);
        if let Err(blocked) = self.try_begin(policy, &key, call_limits, plan, to_look_up) {
            wait(plan, &policy.name, &key, blocked);
        }
    }

    /// The occurrence whose backup comes next: on-demand ones first, then the newest scheduled one.
    ///
    /// One that is backing off after FAILED lets the others go first; otherwise it would block them for hours.
    fn next(&self) -> Option<Occurrence> {
        let lacks =
            |of: &Occurrence| self.source.good_point(*of, &Target::Backup).is_none() && !self.source.had_a_backup(*of);
        let wanted = |of: &&Occurrence| of.trigger == Trigger::Manual && !self.source.cancelled.contains_key(of);
        let manual = self.source.open.keys().filter(wanted).filter(|of| lacks(of)).copied();
        let lacking: Vec<Occurrence> = manual.chain(self.source.newest_open(self.now).filter(lacks)).collect();
        let poll = self.settings.daemon.poll;
        let ready = |of: &&Occurrence| after_failures(self.source, &self.work(**of), poll, self.now).is_ok();
        lacking.iter().find(ready).or(lacking.first()).copied()
    }

    fn try_begin(
        &self,
        policy: &Policy,
        key: &WorkKey,
        call_limits: &mut CallLimits<'_>,
        plan: &mut Plan,
        to_look_up: &mut ToLookUp,
    ) -> Result<(), Blocked> {
        let home = self.home();
        if let Some(in_flight) = self.source.in_flight().find(|point| point.origin.is_none()) {
            let detail = format!("{} of {} is {}", in_flight.id, in_flight.occurrence.at, in_flight.lifecycle.as_str());
            return Err(Blocked { reason: Reason::InProgress, until: None, detail });
        }
        after_failures(self.source, key, self.settings.daemon.poll, self.now)?;
        // This pauses only further attempts: a scheduled occurrence without a request is skipped. On-demand ones
        // continue.
        let pause = call_limits.state.pause_at(&policy.name, self.now);
        if let Some(pause) = pause.filter(|_| key.occurrence.trigger == Trigger::Schedule) {
            return Err(Blocked { reason: Reason::Paused, until: pause.until, detail: pause.sentence() });
        }
        let begins_at = policy.begins_at(&key.source.source, key.occurrence);
        if self.now < begins_at {
            let detail = format!("its turn is at {begins_at} (spread)");
            return Err(Blocked { reason: Reason::Spread, until: Some(begins_at), detail });
        }
        call_limits.inventory_known_for(&home, self.source)?;
        after_lost_answers(self.source, key, &home, call_limits, plan)?;
        self.source_looked_up(to_look_up, &home)?;
        let attempt = call_limits.next_attempt(&home, key, self.source);
        if let Some(from) = call_limits.peer_may_have_asked(&home, begins_at, attempt) {
            return Err(after_a_peer(&home, from, call_limits, plan));
        }
        call_limits.make(&home)?;
        let facts = self.source.lookup.facts.as_ref().map(|(_, facts)| facts);
        let (request, dropped) = super::request::create_backup(policy, facts, key, attempt);
        if !dropped.is_empty() {
            plan.warnings.push(no_room(&key.source.source, &dropped));
        }
        send_request(plan, &home, key, attempt, Arc::new(request), self.now);
        Ok(())
    }

    /// Whether the source's tags are recent enough; otherwise adds it to the lookups.
    fn source_looked_up(&self, to_look_up: &mut ToLookUp, home: &AccountRegion) -> Result<(), Blocked> {
        let lookup = &self.source.lookup;
        let recent = |at: Time| self.now.since(at) < LOOKED_UP_WITHIN;
        if lookup.facts.as_ref().is_some_and(|(at, _)| recent(*at)) {
            return Ok(());
        }
        if let Some((_, fault)) = &lookup.fault {
            // A source that may not be described can still be backed up, without its own tags. The lookup is retried
            // after its backoff, and the backup then waits for the response.
            if fault.class == FaultClass::Denied && self.now < lookup.not_before && !lookup.under_way {
                return Ok(());
            }
        }
        let detail = match &lookup.fault {
            Some((_, fault)) => format!("looking up {}: {fault}", self.key.source),
            None => format!("{} is being looked up", self.key.source),
        };
        if self.now >= lookup.not_before {
            let size = lookup.batch.unwrap_or(IDS_PER_CALL).clamp(1, IDS_PER_CALL);
            let group = (home.clone(), self.key.source.is_volume(), size);
            to_look_up.entry(group).or_default().push(self.key.source.clone());
            return Err(Blocked { reason: Reason::DescribeSource, until: None, detail });
        }
        let needs_person = lookup.fault.as_ref().is_some_and(|(_, fault)| fault.class.needs_a_person());
        let reason = if needs_person { Reason::NeedsPerson } else { Reason::DescribeSource };
        Err(Blocked { reason, until: Some(lookup.not_before), detail })
    }
}

/// Whether this occurrence may be requested again: not after it was cancelled or given up.
pub(super) fn wanted(source: &SourceState, occurrence: &Occurrence) -> bool {
    let open = occurrence.trigger != Trigger::Manual || source.open.contains_key(occurrence);
    open && !source.cancelled.contains_key(occurrence)
}

/// Whether the backoff after refusals and failed attempts is over.
pub(super) fn after_failures(source: &SourceState, key: &WorkKey, poll: Duration, now: Time) -> Result<(), Blocked> {
    if let Some(refused) =
        source.pending_requests.get(&(key.occurrence, key.target.clone())).filter(|pending| now < pending.not_before)
    {
        return Err(backoff(refused));
    }
    // A permanent refusal applies to every occurrence.
    if let Some((fault, not_before)) = source.blocked.get(&key.target).filter(|(_, not_before)| now < *not_before) {
        return Err(Blocked { reason: Reason::NeedsPerson, until: Some(*not_before), detail: fault.to_string() });
    }
    let failed = source.points_of(key.occurrence, &key.target).filter(|point| !point.good());
    let newest = failed.clone().map(|point| point.attempt).max();
    let (mut count, mut last, mut failure) = (0, None, None);
    for point in failed {
        count += 1;
        // Of an earlier attempt only the clearing away can be this late, and that is no new failure.
        let cleared = point.lifecycle == Lifecycle::Deleted && Some(point.attempt) < newest;
        if !cleared && point.settled_at >= last {
            (last, failure) = (point.settled_at, point.remarks.failure.clone());
        }
    }
    let Some(last) = last else { return Ok(()) };
    if now >= last.plus(retry::longest_after_failed(count, poll)) {
        return Ok(());
    }
    let again = last.plus(retry::pause_after_failed(key, count, poll));
    if now >= again {
        return Ok(());
    }
    let detail = failure.as_deref().unwrap_or("the last attempt was deleted").to_owned();
    Err(Blocked { reason: Reason::Backoff, until: Some(again), detail })
}

/// Before another attempt after lost responses, the state must show that the earlier requests created nothing else. Where
/// AWS denies the inventory, that cannot be known. A listing that failed otherwise may be complete the next time.
pub(super) fn after_lost_answers(
    source: &SourceState,
    key: &WorkKey,
    place: &AccountRegion,
    call_limits: &CallLimits<'_>,
    plan: &mut Plan,
) -> Result<(), Blocked> {
    let Some(asked_at) = source.unsure.get(&(key.occurrence, key.target.clone())) else { return Ok(()) };
    let from = asked_at.plus(LISTING_LAG);
    let denied = |known: &AccountRegionState| {
        let refusal = known.refused_listing.as_ref();
        refusal.is_some_and(|refusal| refusal.fault.class == FaultClass::Denied && refusal.last_at >= from)
    };
    match call_limits.state.place(place) {
        Some(known) if known.listed_since(from) || denied(known) => Ok(()),
        _ => Err(want_listing(place, from, call_limits, plan)),
    }
}

/// Requests the listing that shows the result of a pending request, once.
pub(super) fn want_listing(
    place: &AccountRegion,
    from: Time,
    call_limits: &CallLimits<'_>,
    plan: &mut Plan,
) -> Blocked {
    let wanted = call_limits.state.place(place).and_then(|known| known.listing_wanted);
    if wanted < Some(from) {
        plan.record.push(Change::ListingWanted { place: place.clone(), at: from });
        plan.wake.earlier(call_limits.now, "a listing is wanted");
    }
    let detail = "it is not known whether AWS took the request; a listing will tell".to_owned();
    Blocked { reason: Reason::Listing, until: (from > call_limits.now).then_some(from), detail }
}

/// Requests the listing that shows what another daemon has asked for.
pub(super) fn after_a_peer(
    place: &AccountRegion,
    from: Time,
    call_limits: &CallLimits<'_>,
    plan: &mut Plan,
) -> Blocked {
    let detail = "another daemon may have asked for it already; a listing will tell".to_owned();
    Blocked { detail, ..want_listing(place, from, call_limits, plan) }
}

pub(super) fn no_room(source: &SourceId, dropped: &[String]) -> String {
    format!("{source}: AWS allows 50 tags; left out: {}", dropped.join(", "))
}
