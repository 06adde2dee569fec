//! Removes entries that nothing needs any more.
//!
//! A host runs for years, and file systems, Regions and policies come and go. An entry that no policy names, and of
//! which AWS has nothing of ours, no longer affects any decision: it is removed from memory and database, while its
//! history is kept.

use super::polling::places_of;
use crate::domain::change::{Change, Forgotten};
use crate::domain::id::AccountRegion;
use crate::domain::occurrence_record::Counter;
use crate::domain::plan::Plan;
use crate::domain::policy::Settings;
use crate::domain::state::{AccountRegionState, SourceState, State};
use crate::domain::time::Time;
use std::collections::BTreeSet;
use std::time::Duration;

/// The interval between two searches.
const EVERY: Duration = Duration::from_secs(86_400);

/// The time after a start by which everything readable at AWS has been read.
const FIRST_AFTER: Duration = Duration::from_secs(3600);

/// Records what to forget, once a day.
pub fn plan(settings: &Settings, state: &State, now: Time, plan: &mut Plan) {
    let due = state.swept_at.map_or(state.started_at.plus(FIRST_AFTER), |swept_at| swept_at.plus(EVERY));
    // Not urgent: a later round does it.
    if now < due {
        return;
    }
    for (key, _) in state.sources.iter().filter(|(_, source)| is_over(source)) {
        plan.record.push(Change::Forgotten(Forgotten::Source(key.clone())));
    }
    let places: BTreeSet<AccountRegion> = places_of(settings).collect();
    for (place, _) in state.places.iter().filter(|(place, known)| !places.contains(place) && is_empty(known)) {
        plan.record.push(Change::Forgotten(Forgotten::AccountRegion(place.clone())));
    }
    for total in state.counters.keys().filter(|total| !settings.policies.contains_key(policy_of(total))) {
        plan.record.push(Change::Forgotten(Forgotten::Counter(total.clone())));
    }
    plan.record.push(Change::Swept(now));
}

fn is_over(source: &SourceState) -> bool {
    source.membership.is_none()
        && source.holds_nothing()
        && source.open.is_empty()
        && source.pending_requests.is_empty()
}

fn is_empty(known: &AccountRegionState) -> bool {
    known.points.is_empty() && known.poll_schedule.is_empty() && known.calls.is_empty() && known.listing.is_none()
}

fn policy_of(total: &Counter) -> &crate::domain::id::PolicyName {
    match total {
        Counter::Occurrences(policy, _)
        | Counter::Backups(policy, _)
        | Counter::Copies(policy, ..)
        | Counter::Deletions(policy, ..) => policy,
    }
}
