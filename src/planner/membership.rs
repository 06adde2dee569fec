//! Which sources the policy selects: the state follows the settings, once for each load.

use crate::domain::change::{Change, Line};
use crate::domain::id::{Region, SourceKey};
use crate::domain::plan::Plan;
use crate::domain::policy::{Policy, Settings};
use crate::domain::state::State;
use crate::domain::time::Time;
use std::collections::BTreeSet;

/// So many schedules of a source are kept while AWS's inventory does not tell yet what the earlier ones made due; of more edits
/// than that, the earliest are forgotten.
const LINES: usize = 8;

/// Records sources that came, changed or left. A source that left keeps its recovery points.
pub fn plan(settings: &Settings, state: &State, now: Time, plan: &mut Plan) {
    if state.generation == Some(settings.generation) {
        return;
    }
    let mut named: BTreeSet<SourceKey> = BTreeSet::new();
    // What the process began with holds from then on, though AWS may have had to be asked for the time first.
    let since = if state.generation.is_none() { now.min(state.started_at) } else { now };
    for policy in settings.policies.values() {
        for key in policy.source_keys() {
            if !follows(state, policy, &key) {
                plan.record.push(Change::MembershipUpdated {
                    source: key.clone(),
                    region: policy.region.clone(),
                    policy: policy.name.clone(),
                    destinations: regions(policy),
                    since,
                });
            }
            plan.record.extend(rescheduled(state, policy, &key, since));
            named.insert(key);
        }
    }
    for (key, source) in &state.sources {
        if source.membership.is_some() && !named.contains(key) {
            plan.record.push(Change::SourceDeparted { source: key.clone() });
        }
        // What was refused for good may be mended by the new policy.
        for ((occurrence, target), pending) in &source.pending_requests {
            if pending.needs_person().is_some() && pending.not_before > now {
                let key =
                    crate::domain::id::WorkKey { source: key.clone(), occurrence: *occurrence, target: target.clone() };
                plan.record.push(Change::RequestRetryAllowed(key));
            }
        }
    }
    super::pauses::follow(settings, state, now, plan);
    plan.record.push(Change::Synced(settings.generation));
}

/// A schedule that the state does not have yet: it holds from now on, since nothing tells when the file was edited. The one
/// before it stays until what it made due is on record. For a source that is new here, or of which it was not kept, what
/// the policy says now is taken to have held before: [`schedule`](super::schedule) judges how far that goes.
fn rescheduled(state: &State, policy: &Policy, key: &SourceKey, now: Time) -> Option<Change> {
    let membership = state.sources.get(key).and_then(|source| source.membership.as_ref());
    let kept = membership.map_or(&[][..], |membership| &membership.lines);
    let (text, zone) = (policy.schedule.text(), policy.schedule.zone_name());
    if kept.last().is_some_and(|line| &*line.text == text && &*line.zone == zone) {
        return None;
    }
    let since = (!kept.is_empty()).then_some(now);
    let line = Line { text: text.into(), zone: zone.into(), since };
    let kept = kept.get((kept.len() + 1).saturating_sub(LINES)..).unwrap_or_default();
    Some(Change::Rescheduled { source: key.clone(), lines: kept.iter().cloned().chain([line]).collect() })
}

fn regions(policy: &Policy) -> Vec<Region> {
    policy.destinations.iter().map(|destination| destination.region.clone()).collect()
}

fn follows(state: &State, policy: &Policy, key: &SourceKey) -> bool {
    let Some(source) = state.sources.get(key) else { return false };
    source.membership.as_ref().is_some_and(|membership| {
        membership.policy == policy.name && membership.destinations == regions(policy) && source.region == policy.region
    })
}
