//! The event log: one line for each transition of a job, always with the same fields.
//!
//! ERROR means that a person has to act. A repeated condition is logged once.

use crate::domain::action::CallKey;
use crate::domain::change::{AccountEvidence, Change, Line, OccurrenceOutcome};
use crate::domain::evidence::Objection;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{AccountId, AccountRegion, BackupId, PolicyName, SourceKey, Target, WorkKey};
use crate::domain::limits::{LISTING_LAG, PEER_REMEMBERED_FOR};
use crate::domain::note::RouteKey;
use crate::domain::point::{Lifecycle, RecoveryPoint};
use crate::domain::state::{AccountRegionState, Dispute, SourceState, State};
use crate::planner::retry::PLACE_OUT_OF_ORDER;
use crate::planner::schedule::may_lack_the_newest;
use crate::report::notifications::{Event, EventKind};
use std::collections::BTreeSet;
use tracing::{Level, debug, error, info, warn};

mod clock;
mod deletions;

pub use clock::clock;

/// One line about a backup or copy.
macro_rules! job {
    ($level:expr, $state:expr, $key:expr, $event:literal, $($fields:tt)*) => {{
        let key: &WorkKey = $key;
        let policy = policy_of($state, &key.source);
        let (account, source) = (&key.source.account, &key.source.source);
        tracing::event!(
            $level, event = $event, %policy, %account, %source, occurrence = %key.occurrence.at,
            work = work(&key.target), region = region_of($state, key), $($fields)*
        )
    }};
}

/// Logs the meaning of a change before it is applied.
pub fn before(state: &State, change: &Change) {
    match change {
        Change::MembershipUpdated { source, policy, region, .. }
            if state.sources.get(source).is_none_or(|s| s.membership.is_none()) =>
        {
            let (account, source) = (&source.account, &source.source);
            // At the start these are the sources that everyone knows.
            if state.generation.is_some() {
                info!(event = "source_joined", %policy, %account, %source, %region, "protected from its next occurrence on");
            } else {
                debug!(event = "source_joined", %policy, %account, %source, %region, "protected");
            }
        }
        Change::Rescheduled { source, lines } => rescheduled(state, source, lines),
        Change::SourceDeparted { source } => {
            info!(event = "source_departed", account = %source.account, source = %source.source,
                "no policy names it any more; its recovery points stay");
        }
        Change::Opened { source, occurrence, record } => {
            let key = WorkKey { source: source.clone(), occurrence: *occurrence, target: Target::Backup };
            let adopted = record.adopted;
            job!(Level::INFO, state, &key, "opened", adopted, "occurrence opened");
        }
        Change::Closed { .. } => closed(state, change),
        Change::RequestRecorded { key, attempt, .. } => {
            job!(Level::INFO, state, key, "request_recorded", attempt, "asking AWS");
        }
        Change::RequestFailed { key, fault, definite, .. } => unfulfilled(state, key, fault, *definite),
        Change::RequestNeverApplied { key } => {
            job!(Level::INFO, state, key, "request_never_applied", "AWS did not take it; asking anew")
        }
        Change::BackupObserved { point } => seen(state, point),
        Change::Disputed { place, id, dispute: Some(dispute) } => disputed(state, place, id, dispute),
        Change::Disputed { place, id, dispute: None } => {
            info!(event = "undisputed", account = %place.account, region = %place.region, backup = %id,
                "nothing contradicts its tags any more, or it is gone");
        }
        Change::DeletionPlanned { .. }
        | Change::DeletionCancelled { .. }
        | Change::DeletionRequested { .. }
        | Change::DeletionFailed { .. }
        | Change::HoldRequested { .. }
        | Change::HoldTried { .. }
        | Change::HoldConfirmed { .. }
        | Change::Reviewed { .. } => deletions::before(state, change),
        Change::BackupRemoved { place, id, .. } if deletions::done(state, place, id) => {}
        Change::BackupRemoved { place, id, .. } => {
            warn!(event = "backup_removed", account = %place.account, region = %place.region, backup = %id,
                "no longer in AWS's inventory");
        }
        Change::Returned { place, fault, .. } => place_moved(state, place, fault.as_ref()),
        Change::PeerSeen(at) if state.peer_seen_at.is_none_or(|before| before.plus(PEER_REMEMBERED_FOR) < *at) => {
            info!(event = "peer", "another daemon works with this policy: what it makes counts as ours");
        }
        Change::OwnAccountNamed(id, _) => {
            info!(event = "account", account = %id, "this is the daemon's own account");
        }
        Change::AccountRecorded { account, id, .. } => {
            info!(event = "account", %account, %id, "this is the account whose recovery points this database keeps");
        }
        Change::Account(AccountEvidence::Foreign { place, id, fault, .. }) => foreign(state, place, id, fault),
        Change::Account(AccountEvidence::Proven { place, .. } | AccountEvidence::Cleared { place, .. })
            if state.place(place).is_some_and(|known| known.foreign.is_some()) =>
        {
            let (account, region) = (&place.account, &place.region);
            info!(event = "account_back", %account, %region, "the account on record answers again");
        }
        Change::Cancelled { source, occurrence, .. } => {
            let key = WorkKey { source: source.clone(), occurrence: *occurrence, target: Target::Backup };
            job!(Level::INFO, state, &key, "cancelled", "a person cancelled it");
        }
        Change::ReadAnswered { place, call, fault, .. } => read_answered(state, place, call, fault.as_ref()),
        Change::Listed { place, pages, .. } => {
            read_answered(state, place, &CallKey::List, None);
            debug!(event = "listed", account = %place.account, region = %place.region, pages, "listed");
        }
        Change::SourceLookupFailed { source, fault, batch: None, .. } => source_lookup_failed(state, source, fault),
        Change::ClockWentBack(to) if *to < state.clock => {
            warn!(event = "clock", from = %state.clock, %to, "the clock went back");
        }
        _ => {}
    }
}

/// An edited schedule is logged for each source; the first schedule of a source is not.
fn rescheduled(state: &State, source: &SourceKey, lines: &[Line]) {
    let before = state
        .sources
        .get(source)
        .and_then(|source| source.membership.as_ref())
        .and_then(|membership| membership.lines.last());
    let (Some(before), Some(now)) = (before, lines.last()) else { return };
    if (&before.text, &before.zone) != (&now.text, &now.zone)
        && let Some(since) = now.since
    {
        info!(event = "rescheduled", policy = %policy_of(state, source), account = %source.account,
            source = %source.source, schedule = %now.text, timezone = %now.zone, before = %before.text,
            timezone_before = %before.zone, %since, "another schedule holds");
    }
}

/// With a new database, sources protected earlier start nothing until a listing shows what was started last. Logged
/// once per account and Region, as soon as the policy is in force and the listing is complete, in either order.
pub fn learning(state: &State, learned: &mut BTreeSet<AccountRegion>) {
    if !state.timekeeping.goes_on() {
        return;
    }
    for (place, known) in &state.places {
        let Some(listed) = known.listed.filter(|_| !learned.contains(place)) else { continue };
        learned.insert(place.clone());
        let before = |key: &SourceKey, source: &SourceState| {
            key.account == place.account
                && source.region == place.region
                && source.membership.is_some()
                && may_lack_the_newest(state, source, listed.began_at, listed.began_at)
        };
        let sources = state.sources.iter().filter(|(key, source)| before(key, source)).count();
        if sources > 0 {
            let until = state.created_at.plus(LISTING_LAG);
            info!(event = "learning", account = %place.account, region = %place.region, sources, %until,
                "protected before this database existed; their schedules begin nothing until AWS's inventory, which may lag, was \
                 read once more after this time");
        }
    }
}

fn policy_of(state: &State, key: &SourceKey) -> PolicyName {
    let membership = state.sources.get(key).and_then(|source| source.membership.as_ref());
    membership.map_or_else(|| PolicyName::from("-"), |membership| membership.policy.clone())
}

fn work(target: &Target) -> &'static str {
    match target {
        Target::Backup => "backup",
        Target::Copy(_) => "copy",
    }
}

fn region_of<'a>(state: &'a State, key: &'a WorkKey) -> &'a str {
    match &key.target {
        Target::Copy(region) => region.as_str(),
        Target::Backup => state.sources.get(&key.source).map_or("-", |source| source.region.as_str()),
    }
}

/// Logged once per objection.
fn disputed(state: &State, place: &AccountRegion, id: &BackupId, dispute: &Dispute) {
    let before = state.place(place).and_then(|known| known.disputes.get(id));
    if before.is_some_and(|before| before.objection == dispute.objection) {
        return;
    }
    let (account, region, what) = (&place.account, &place.region, dispute.objection.what());
    match dispute.objection {
        Objection::Disputed(_) | Objection::Misdated(_) => {
            error!(event = "disputed", %account, %region, backup = %id, what,
                "not counted, copied or deleted until its tag is put right or it is deleted by hand");
        }
        Objection::Unconfirmed(_) => {
            warn!(event = "unconfirmed", %account, %region, backup = %id, what,
                "not counted and not deleted; `lifeboat points` shows it with its restore command");
        }
    }
}

fn closed(state: &State, change: &Change) {
    let Change::Closed { source, occurrence, end, reason, .. } = change else { return };
    let key = WorkKey { source: source.clone(), occurrence: *occurrence, target: Target::Backup };
    let outcome = end.as_str();
    match end {
        OccurrenceOutcome::Failed | OccurrenceOutcome::Missed => {
            job!(Level::WARN, state, &key, "closed", outcome, reason, "occurrence ended")
        }
        _ => job!(Level::INFO, state, &key, "closed", outcome, reason, "occurrence ended"),
    }
}

fn unfulfilled(state: &State, key: &WorkKey, fault: &Fault, definite: bool) {
    let blocked = state.sources.get(&key.source).and_then(|source| source.blocked.get(&key.target));
    let before =
        state.pending_request(key).and_then(|pending| pending.fault.as_ref()).or(blocked.map(|(fault, _)| fault));
    let said = before.is_some_and(|before| before.class == fault.class && before.code == fault.code);
    let attempt = state.pending_request(key).map_or(0, |pending| pending.attempt);
    let (code, cause) = (fault.code.as_str(), fault.message.as_str());
    let class = fault.class.as_str();
    match (said, fault.class.needs_a_person()) {
        (false, true) => {
            job!(
                Level::ERROR,
                state,
                key,
                "refused",
                attempt,
                class,
                code,
                cause,
                "refused, and waiting will not mend it; tried again hourly and on reload"
            );
        }
        (false, false) if definite => {
            job!(Level::INFO, state, key, "refused", attempt, class, code, cause, "refused; will be asked again");
        }
        (false, false) => {
            job!(
                Level::WARN,
                state,
                key,
                "unanswered",
                attempt,
                class,
                code,
                cause,
                "no clear answer; will be repeated with the same token"
            );
        }
        (true, _) => job!(Level::DEBUG, state, key, "refused", attempt, class, code, cause, "again"),
    }
}

fn seen(state: &State, point: &RecoveryPoint) {
    let known = state.point(&point.place, &point.id);
    let key = point.work_key();
    let (attempt, backup) = (point.attempt, point.id.as_str());
    let lifecycle = point.lifecycle.as_str();
    let moved = known.is_none_or(|known| known.lifecycle != point.lifecycle);
    match point.lifecycle {
        _ if !moved => {}
        Lifecycle::Available => job!(Level::INFO, state, &key, "available", attempt, backup, "recovery point"),
        Lifecycle::Failed => {
            let failure = point.remarks.failure.as_deref().unwrap_or("no reason given");
            job!(Level::WARN, state, &key, "failed", attempt, backup, failure, "AWS could not finish it");
        }
        _ => job!(Level::INFO, state, &key, "started", attempt, backup, lifecycle, "AWS is at work"),
    }
}

fn place_moved(state: &State, place: &AccountRegion, fault: Option<&Fault>) {
    let failures = state.place(place).map_or(0, |known| known.failures);
    let (account, region) = (&place.account, &place.region);
    match fault {
        // A refused read is logged separately.
        Some(fault) if fault.class == FaultClass::Denied => {}
        Some(_) if state.place(place).is_some_and(|known| known.foreign.is_some()) => {}
        Some(fault) if told_of_account(state, place, fault) => {
            debug!(event = "region_down", %account, %region, code = fault.code, cause = fault.message,
                "the same in another Region");
        }
        Some(fault) if failures.saturating_add(1) == PLACE_OUT_OF_ORDER => {
            if fault.class.needs_a_person() {
                error!(event = "region_down", %account, %region, code = fault.code, cause = fault.message,
                    "the Region refuses us; the others go on");
            } else {
                warn!(event = "region_down", %account, %region, code = fault.code, cause = fault.message,
                    "the Region does not serve us; the others go on");
            }
        }
        None if failures >= PLACE_OUT_OF_ORDER => {
            info!(event = "region_up", %account, %region, "the Region serves us again");
        }
        _ => {}
    }
}

/// Whether these credentials are refused in another Region of the account already, which was logged.
fn told_of_account(state: &State, place: &AccountRegion, fault: &Fault) -> bool {
    let told = |known: &AccountRegionState| {
        let same = |before: &Fault| before.class == FaultClass::Credentials && before.code == fault.code;
        known.failures >= PLACE_OUT_OF_ORDER && known.trouble.as_ref().is_some_and(|(before, _)| same(before))
    };
    let mut others = state.places.iter().filter(|(other, _)| other.account == place.account && *other != place);
    fault.class == FaultClass::Credentials && others.any(|(_, known)| told(known))
}

/// Another account responds: logged once, until the account changes again.
fn foreign(state: &State, place: &AccountRegion, id: &AccountId, fault: &Fault) {
    let before = state.place(place).and_then(|known| known.foreign.as_ref());
    if before.is_none_or(|before| before.id != *id) {
        let (account, region) = (&place.account, &place.region);
        error!(event = "other_account", %account, %region, %id, "{}", fault.message);
    }
}

/// AWS refuses to list or describe, or no longer does: logged at the beginning, when the reason changes, and at the
/// end.
fn read_answered(state: &State, place: &AccountRegion, call: &CallKey, fault: Option<&Fault>) {
    let known = state.place(place);
    let refusal = known.and_then(|known| match call {
        CallKey::List => known.refused_listing.as_ref(),
        _ => known.refused_polls.as_ref(),
    });
    let (account, region) = (&place.account, &place.region);
    let what = if *call == CallKey::List { "list" } else { "look" };
    let Some(fault) = fault else {
        if refusal.is_some() {
            info!(event = "readable", %account, %region, what, "AWS's inventory can be read again");
        }
        return;
    };
    if refusal.is_some_and(|before| before.fault.code == fault.code) {
        return;
    }
    let (code, cause) = (fault.code.as_str(), fault.message.as_str());
    if fault.class.needs_a_person() {
        error!(event = "unreadable", %account, %region, what, code, cause,
            "AWS refuses to show its backups; tried again with pauses up to an hour, and on reload");
    } else {
        warn!(event = "unreadable", %account, %region, what, code, cause,
            "AWS does not show its backups; tried again with pauses up to an hour, and on reload");
    }
}

fn source_lookup_failed(state: &State, key: &SourceKey, fault: &Fault) {
    let before = state.sources.get(key).and_then(|source| source.lookup.fault.as_ref());
    let foreign = state.foreign(&key.account).is_some();
    if foreign || before.is_some_and(|(_, before)| before.code == fault.code) {
        return;
    }
    let (account, source) = (&key.account, &key.source);
    if fault.class.needs_a_person() {
        error!(event = "source_lookup_failed", %account, %source, code = fault.code, cause = fault.message,
            "the source lookup fails; retried hourly and on reload");
    } else {
        info!(event = "source_lookup_failed", %account, %source, code = fault.code, cause = fault.message,
            "the source lookup failed; it will be retried");
    }
}

/// Logs an event that people are notified about.
pub fn log_event(event: &Event) {
    let Event { policy: Some(policy), account: Some(account), source: Some(source), region: Some(region), .. } = event
    else {
        return;
    };
    let (id, rpo_seconds, age_seconds) = (&event.id, event.rpo_seconds, event.age_seconds);
    match event.event {
        EventKind::RouteLate => {
            error!(event = "late", %policy, %account, %source, %region, rpo_seconds, age_seconds, id,
            "{}", event.message)
        }
        _ => info!(event = "recovered", %policy, %account, %source, %region, rpo_seconds, age_seconds, id,
            "{}", event.message),
    }
}

/// Logs that a route reported late no longer has an RPO.
pub fn rpo_removed((source, target): &RouteKey) {
    let (account, source, region) = (&source.account, &source.source, target.destination());
    info!(event = "rpo_removed", %account, %source, region, "a late route has no RPO any more");
}
