//! What to read from AWS, and when.
//!
//! The cost of reading must not grow with the number of recovery points. Work in flight is polled by id, fifty ids per
//! call, every `poll`. The cost of a full listing is its pages, so the interval between two listings grows with the
//! pages of the last one: the calls per hour stay the same however many recovery points there are.

use super::call_limits::CallLimits;
use super::send;
use crate::domain::action::{Action, Call, CallKey};
use crate::domain::change::Change;
use crate::domain::id::{AccountId, AccountRegion, BackupId, Region};
use crate::domain::limits::{CALL_ENDS_WITHIN, IDS_PER_CALL, LISTING_LAG, PROOF_AFTER};
use crate::domain::plan::Plan;
use crate::domain::policy::Settings;
use crate::domain::state::{AccountRegionState, State};
use crate::domain::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// Minimum number of poll intervals between two full listings.
pub(super) const POLLS_PER_LISTING: u32 = 20;
/// Minimum number of poll intervals per page of a listing.
const POLLS_PER_PAGE: u32 = 4;

/// An inventory that was not read for this many listing intervals, and this long, is stale.
const STALE_AFTER_LISTINGS: u32 = 2;
const STALE_AFTER: Duration = Duration::from_secs(60);

/// Plans listings and polls for all relevant accounts and Regions.
pub fn plan(settings: &Settings, state: &State, now: Time, call_limits: &mut CallLimits<'_>, plan: &mut Plan) {
    let mut places: Vec<(&AccountId, &Region)> = names_of_places(settings).collect();
    // Points in Regions that no policy names any more are still reported (points, orphans), so these Regions are read
    // too.
    let ours = |known: &AccountRegionState| !known.poll_schedule.is_empty() || !known.points.is_empty();
    let held = state.places.iter().filter(|(_, known)| ours(known));
    places.extend(held.map(|(place, _)| (&place.account, &place.region)));
    places.sort_unstable();
    places.dedup();
    proofs(state, now, call_limits, plan);
    let nothing = AccountRegionState::default();
    for (account, region) in places {
        let place = AccountRegion { account: account.clone(), region: region.clone() };
        let known = state.place(&place).unwrap_or(&nothing);
        listing(settings, state, now, call_limits, plan, &place, known);
        if state.foreign_at(&place).is_some() {
            // Polls would find nothing. Listings show when the account on record responds again.
            continue;
        }
        polls(settings, state, now, call_limits, plan, &place, known);
    }
}

/// Looks up one of our sources where an account has to be named: the daemon's own, as long as nothing has named it (rows,
/// tokens and metrics are under its id); and one of which a response that names no account contradicts the record, since
/// our source exists only in the account on record.
fn proofs(state: &State, now: Time, call_limits: &mut CallLimits<'_>, plan: &mut Plan) {
    let own = AccountId::own();
    let unnamed = state.own_account.is_none().then_some((&own, Time::ZERO));
    let doubted = state.accounts.iter().filter_map(|(account, known)| Some((account, known.proof_wanted?)));
    let wanted = unnamed.into_iter().chain(doubted.map(|(account, wanted)| (account, wanted.plus(PROOF_AFTER))));
    for (account, due) in wanted {
        let asks_again = due > Time::ZERO;
        let of_account = state.sources.iter().filter(|(key, source)| {
            // What was looked up and names nobody will not do so the next time.
            let of_use = asks_again || source.lookup.facts.is_none();
            key.account == *account && source.membership.is_some() && of_use
        });
        let next = of_account.min_by_key(|(_, source)| source.lookup.not_before);
        let Some((key, source)) = next else { continue };
        let due = due.max(source.lookup.not_before);
        if due > now {
            plan.wake.earlier(due, "an account is asked who it is");
            continue;
        }
        let home = AccountRegion { account: account.clone(), region: source.region.clone() };
        if let Err(blocked) = call_limits.read(&home) {
            plan.wake.earlier(blocked.until.unwrap_or(Time::NEVER), "a place is tried again");
            continue;
        }
        let (ids, until) = (vec![key.source.clone()], now.plus(CALL_ENDS_WITHIN));
        plan.record.push(Change::SourceLookupSent { account: account.clone(), ids: ids.clone(), until });
        send(plan, Action { place: home, call: Call::DescribeSources { ids } }, now);
    }
}

/// Every account and Region that the policy names.
pub fn places_of(settings: &Settings) -> impl Iterator<Item = AccountRegion> + '_ {
    names_of_places(settings)
        .map(|(account, region)| AccountRegion { account: account.clone(), region: region.clone() })
}

fn names_of_places(settings: &Settings) -> impl Iterator<Item = (&AccountId, &Region)> {
    settings.policies.values().flat_map(|policy| {
        let regions = policy.destinations.iter().map(|destination| &destination.region);
        std::iter::once(&policy.region).chain(regions).map(|region| (&policy.account, region))
    })
}

fn listing(
    settings: &Settings,
    state: &State,
    now: Time,
    call_limits: &mut CallLimits<'_>,
    plan: &mut Plan,
    place: &AccountRegion,
    known: &AccountRegionState,
) {
    if known.calls.contains(&CallKey::List) {
        return;
    }
    let due = match &known.listing {
        Some(listing) => listing.not_before,
        None => listing_due(settings.daemon.poll, state, now, known),
    };
    if due > now {
        plan.wake.earlier(due, "a listing");
        return;
    }
    if let Err(blocked) = call_limits.read(place) {
        plan.wake.earlier(blocked.until.unwrap_or(Time::NEVER), "a place is tried again");
        return;
    }
    let next_token = known.listing.as_ref().and_then(|listing| listing.next_token.clone());
    let underway = known.listing.as_ref().is_some_and(|listing| listing.pages > 0);
    if !underway {
        plan.record.push(Change::ListingBegan { place: place.clone(), at: now });
    }
    send(plan, Action { place: place.clone(), call: Call::ListPage { next_token } }, now);
}

/// The interval between two full listings, given the pages of the last one.
#[must_use]
pub fn listing_beat(poll: Duration, pages: u32) -> Duration {
    poll.saturating_mul(POLLS_PER_LISTING.max(pages.saturating_mul(POLLS_PER_PAGE)))
}

/// How long an inventory counts as current, given the pages of the last listing.
#[must_use]
pub fn stale_after(poll: Duration, pages: u32) -> Duration {
    listing_beat(poll, pages).saturating_mul(STALE_AFTER_LISTINGS).saturating_add(STALE_AFTER)
}

/// When the next listing is due.
fn listing_due(poll: Duration, state: &State, now: Time, known: &AccountRegionState) -> Time {
    let Some(listed) = known.listed.filter(|listed| listed.listed_by_this_process) else { return now };
    let mut due = listed.began_at.plus(listing_beat(poll, listed.pages));
    let proves_birth = state.created_at.plus(LISTING_LAG);
    if listed.began_at < proves_birth {
        due = due.min(proves_birth);
    }
    // Any response contains the time.
    let word_wanted = state.timekeeping.wants_word_since().filter(|since| listed.began_at < *since);
    if let Some(wanted) = known.listing_wanted.into_iter().chain(word_wanted).min() {
        // Wanted listings must not be so frequent that a thousand pages are read all the time.
        let spaced = listed.began_at.plus(poll.max(poll.saturating_mul(listed.pages) / 8));
        due = due.min(wanted.max(spaced));
    }
    due
}

fn polls(
    settings: &Settings,
    state: &State,
    now: Time,
    call_limits: &mut CallLimits<'_>,
    plan: &mut Plan,
    place: &AccountRegion,
    known: &AccountRegionState,
) {
    let poll = settings.daemon.poll;
    let Some(earliest) = known.poll_schedule.values().min().copied() else { return };
    if earliest > now {
        plan.wake.earlier(earliest, "a look at work in flight");
        return;
    }
    for ids in batches(state, place, known, now, now.plus(poll / 4)) {
        if let Err(blocked) = call_limits.read(place) {
            plan.wake.earlier(blocked.until.unwrap_or(Time::NEVER), "a place is tried again");
            return;
        }
        let until = now.plus(CALL_ENDS_WITHIN);
        plan.record.push(Change::PollScheduled { place: place.clone(), ids: ids.clone(), at: until, batch: None });
        send(plan, Action { place: place.clone(), call: Call::Poll { ids } }, now);
    }
}

/// The due ids in batches of one call each, the most urgent first.
///
/// An account and Region take only a few calls at a time. In order of ids, a thousand deletions would come before the
/// one copy whose end frees a slot. Ids due by `horizon` are added where a call has room, so that polls coincide, and so is
/// all that is in flight, since it may end sooner than expected. They get no calls of their own; these would be repeated
/// with every response and delay what is due.
fn batches(
    state: &State,
    place: &AccountRegion,
    known: &AccountRegionState,
    now: Time,
    horizon: Time,
) -> Vec<Vec<BackupId>> {
    let mut by_size: BTreeMap<usize, Vec<(bool, Urgency, Time, &BackupId)>> = BTreeMap::new();
    for (id, at) in &known.poll_schedule {
        let urgency = urgency(state, place, known, id);
        if *at <= horizon || urgency == Urgency::InFlight {
            let size = known.batches.get(id).copied().unwrap_or(IDS_PER_CALL).clamp(1, IDS_PER_CALL);
            by_size.entry(size).or_default().push((*at > now, urgency, *at, id));
        }
    }
    let mut batches: Vec<(Urgency, Time, Vec<BackupId>)> = Vec::new();
    for (size, mut ids) in by_size {
        ids.sort_unstable();
        let due = ids.iter().take_while(|(soon, ..)| !soon).count();
        ids.truncate(due.next_multiple_of(size));
        let batch = |ids: &[(bool, Urgency, Time, &BackupId)]| {
            let (_, urgency, at, _) = ids.first()?;
            Some((*urgency, *at, ids.iter().map(|(.., id)| (*id).clone()).collect()))
        };
        batches.extend(ids.chunks(size).filter_map(batch));
    }
    batches.sort_unstable();
    batches.into_iter().map(|(_, _, ids)| ids).collect()
}

/// How urgent a poll by id is, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    /// A backup or copy of ours, whose end frees a slot or lets a copy begin.
    InFlight,
    /// Another's copy, whose end frees a slot.
    Other,
    /// An object in doubt, whose existence decides what is requested next.
    Suspected,
    /// An object to be deleted or held, which can wait.
    Kept,
}

fn urgency(state: &State, place: &AccountRegion, known: &AccountRegionState, id: &BackupId) -> Urgency {
    match state.point_among(place, known, id) {
        Some(point) if point.lifecycle.in_flight() => Urgency::InFlight,
        Some(point) if point.remarks.missing_since.is_some() => Urgency::Suspected,
        Some(_) => Urgency::Kept,
        None => Urgency::Other,
    }
}
