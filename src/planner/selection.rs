//! Which sources a policy finds by tag, and when to search for them.
//!
//! A tag that is removed by mistake, a page that lags or a denied call must not end the protection of a file system.
//! So a source joins with the first complete search that shows it, and leaves only after two complete searches in a row
//! without it. A failed search changes nothing.
//!
//! All other rules see only policies with ids: [`resolve`] writes what was found into the policy's list of sources, and
//! a list that changed takes effect as a reloaded policy does.

use super::call_limits::CallLimits;
use super::polling::listing_beat;
use super::send;
use crate::domain::action::{Action, Call, CallKey, SourceFacts};
use crate::domain::change::{Change, SearchEvidence};
use crate::domain::counted::counted;
use crate::domain::id::{AccountRegion, SourceId, SourceKey};
use crate::domain::plan::Plan;
use crate::domain::policy::{Policy, Settings};
use crate::domain::selection::{Fleet, SEARCHES_BEFORE_LEAVING};
use crate::domain::state::{SourceState, State};
use crate::domain::time::Time;
use std::collections::BTreeSet;

/// More remarks about one policy are only counted.
const REMARKS_MAX: usize = 10;

/// Plans the next page of each search that is due.
pub fn plan(settings: &Settings, state: &State, now: Time, call_limits: &mut CallLimits<'_>, plan: &mut Plan) {
    let places: BTreeSet<AccountRegion> = selecting(settings).map(place_of).collect();
    // A fault of the account or Region as a whole is reported there, not for each policy.
    let served = |policy: &&Policy| state.place(&place_of(policy)).is_none_or(|known| known.trouble.is_none());
    selecting(settings).filter(served).for_each(|policy| warn(policy, troubles(state, policy), plan));
    for place in places {
        let known = state.place(&place);
        if known.is_some_and(|known| known.calls.contains(&CallKey::Search)) {
            continue;
        }
        let fleet = known.and_then(|known| known.fleet.as_ref());
        let due = fleet.map_or(now, |fleet| due(settings, fleet, now));
        if due > now {
            plan.wake.earlier(due, "a search for sources");
            continue;
        }
        if let Err(blocked) = call_limits.read(&place) {
            plan.wake.earlier(blocked.until.unwrap_or(Time::NEVER), "a place is tried again");
            continue;
        }
        let search = fleet.and_then(|fleet| fleet.search.as_ref());
        let next = search.map(|search| search.next.clone()).unwrap_or_default();
        if search.is_none() {
            // Once a search, since this reads the whole fleet.
            let here = selecting(settings).filter(|policy| place_of(policy) == place);
            here.for_each(|policy| warn(policy, had_by_others(settings, state, policy), plan));
            plan.record.push(Change::Search(SearchEvidence::Began { place: place.clone(), at: now }));
        }
        send(plan, Action { place, call: Call::SearchSources { next } }, now);
    }
}

fn due(settings: &Settings, fleet: &Fleet, now: Time) -> Time {
    if let Some(not_before) = fleet.not_before {
        return not_before;
    }
    match &fleet.searched {
        Some(searched) if fleet.search.is_none() && !fleet.wanted => {
            searched.began_at.plus(listing_beat(settings.daemon.poll, searched.pages))
        }
        _ => now,
    }
}

fn warn(policy: &Policy, remarks: Vec<String>, plan: &mut Plan) {
    plan.warnings.extend(remarks.into_iter().map(|remark| format!("policy {}: {remark}", policy.name)));
}

/// What a person should know about the selection of a policy: it finds nothing, AWS refuses to be searched, or another
/// policy has what it finds.
#[must_use]
pub fn remarks(settings: &Settings, state: &State, policy: &Policy) -> Vec<String> {
    let mut remarks = troubles(state, policy);
    remarks.extend(had_by_others(settings, state, policy));
    remarks
}

/// It finds nothing, or AWS refuses to be searched.
fn troubles(state: &State, policy: &Policy) -> Vec<String> {
    let place = place_of(policy);
    let fleet = state.place(&place).and_then(|known| known.fleet.as_ref());
    let Some((select, fleet)) = policy.select.as_ref().zip(fleet) else { return Vec::new() };
    let (region, tags) = (&policy.region, select.text());
    let fault = fleet.fault.as_ref().filter(|fault| fault.class.needs_a_person());
    let refused = fault.map(|fault| {
        format!("what carries {tags} cannot be looked up in {region}: {fault}; the sources that are known stay")
    });
    let empty = policy.sources.is_empty() && fleet.searched.is_some();
    let nothing = empty.then(|| match found(policy, state, &place).next() {
        None => format!("it protects nothing: no source in {region} carries {tags}"),
        Some(_) => format!("it protects nothing: what carries {tags} in {region} belongs to other policies"),
    });
    refused.into_iter().chain(nothing).collect()
}

/// What it finds and another policy has. All that was found is read for it.
fn had_by_others(settings: &Settings, state: &State, policy: &Policy) -> Vec<String> {
    let place = place_of(policy);
    let had = |source: &SourceId| {
        let key = SourceKey { account: place.account.clone(), source: source.clone() };
        let owner = &state.sources.get(&key)?.membership.as_ref()?.policy;
        let other = *owner != policy.name && settings.policies.contains_key(owner);
        other.then(|| format!("{source} is selected too, and stays with policy {owner}"))
    };
    let mut remarks: Vec<String> = found(policy, state, &place).filter_map(had).collect();
    // The sources of a fleet would fill pages.
    if remarks.len() > REMARKS_MAX {
        let more = remarks.len() - REMARKS_MAX;
        remarks.truncate(REMARKS_MAX);
        remarks.push(format!("{} more that another policy has", counted(more, "source")));
    }
    remarks
}

fn selecting(settings: &Settings) -> impl Iterator<Item = &Policy> {
    settings.policies.values().filter(|policy| policy.select.is_some())
}

fn place_of(policy: &Policy) -> AccountRegion {
    AccountRegion { account: policy.account.clone(), region: policy.region.clone() }
}

/// The settings of a file with the id of the daemon's own account, if it is known, and with what its selections found.
#[must_use]
pub fn resolve(file: &Settings, state: &State) -> Settings {
    let mut settings = file.clone();
    if let Some(id) = &state.own_account {
        settings.own_account.clone_from(id);
        let own = settings.policies.values_mut().filter(|policy| !policy.account.is_named());
        own.for_each(|policy| policy.account.clone_from(id));
    }
    let mut taken = named(&settings);
    for policy in settings.policies.values_mut().filter(|policy| policy.select.is_some()) {
        let place = place_of(policy);
        let found: Vec<SourceId> = found(policy, state, &place).cloned().collect();
        for id in found {
            let key = SourceKey { account: place.account.clone(), source: id };
            if taken.insert(key.clone()) {
                policy.sources.push(key.source);
            }
        }
    }
    // Only then: what another policy selects now is no longer this one's.
    for policy in settings.policies.values_mut().filter(|policy| policy.select.is_some()) {
        let place = place_of(policy);
        let staying = state.sources.iter().filter(|(key, source)| stays(policy, state, &place, key, source));
        let staying: Vec<&SourceKey> = staying.map(|(key, _)| key).collect();
        for key in staying {
            if taken.insert(key.clone()) {
                policy.sources.push(key.source.clone());
            }
        }
    }
    settings
}

/// The sources that policies name by id.
fn named(file: &Settings) -> BTreeSet<SourceKey> {
    file.policies.values().flat_map(Policy::source_keys).collect()
}

fn found<'a>(policy: &'a Policy, state: &'a State, place: &AccountRegion) -> impl Iterator<Item = &'a SourceId> {
    let searched = state.place(place).and_then(|known| known.fleet.as_ref()?.searched.as_ref());
    let sources = searched.into_iter().flat_map(|searched| &searched.sources);
    let fits = |(_, facts): &(&SourceId, &SourceFacts)| {
        policy.select.as_ref().is_some_and(|select| select.matches(&facts.tags))
    };
    sources.filter(fits).map(|(id, _)| id).filter(|id| !policy.exclude.contains(id))
}

/// Whether a source of the policy stays although the last search did not show it.
fn stays(policy: &Policy, state: &State, place: &AccountRegion, key: &SourceKey, source: &SourceState) -> bool {
    let of_policy = source.membership.as_ref().is_some_and(|membership| membership.policy == policy.name);
    of_policy
        && key.account == place.account
        && source.region == place.region
        && !policy.exclude.contains(&key.source)
        && searches_without(state, place, &key.source) < SEARCHES_BEFORE_LEAVING
}

fn searches_without(state: &State, place: &AccountRegion, source: &SourceId) -> u32 {
    let fleet = state.place(place).and_then(|known| known.fleet.as_ref());
    fleet.and_then(|fleet| fleet.missed.get(source)).copied().unwrap_or(0)
}

/// Whether a source whose policy is no longer in the file may belong to another that selects by tag, as after a policy
/// was renamed: it does not leave before searches have shown that.
#[must_use]
pub fn may_be_selected(settings: &Settings, state: &State, key: &SourceKey, source: &SourceState) -> bool {
    let Some(membership) = &source.membership else { return false };
    let place = AccountRegion { account: key.account.clone(), region: source.region.clone() };
    let selected = |policy: &Policy| place_of(policy) == place && !policy.exclude.contains(&key.source);
    !settings.policies.contains_key(&membership.policy)
        && selecting(settings).any(selected)
        && searches_without(state, &place, &key.source) < SEARCHES_BEFORE_LEAVING
}

/// Sources of an account and Region that the selections of its policies once found and that these facts do not show, or
/// not with those tags.
#[must_use]
pub fn missed<'a>(
    settings: &Settings,
    state: &State,
    place: &AccountRegion,
    shown: impl Iterator<Item = &'a SourceFacts>,
) -> Vec<SourceId> {
    let policies: Vec<&Policy> = selecting(settings).filter(|policy| place_of(policy) == *place).collect();
    let fits = |facts: &&SourceFacts| {
        policies.iter().filter_map(|policy| policy.select.as_ref()).any(|select| select.matches(&facts.tags))
    };
    let shown: BTreeSet<&SourceId> = shown.filter(fits).map(|facts| &facts.source).collect();
    let here = |(key, source): &(&SourceKey, &std::sync::Arc<SourceState>)| {
        key.account == place.account && source.region == place.region && source.membership.is_some()
    };
    let members = state.sources.iter().filter(here).map(|(key, _)| &key.source);
    members.filter(|id| !shown.contains(id)).cloned().collect()
}
