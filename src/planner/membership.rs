//! Which sources the policy selects. The state is synchronised with the settings once per load.

use crate::domain::change::{Change, Line};
use crate::domain::id::{Region, SourceKey};
use crate::domain::plan::Plan;
use crate::domain::policy::{Policy, Settings};
use crate::domain::state::State;
use crate::domain::time::Time;
use std::collections::BTreeSet;

/// The maximum number of schedules kept per source until AWS's inventory shows what the earlier ones made due; beyond
/// it, the earliest are forgotten.
const LINES: usize = 8;

/// Records sources that were added, changed or removed. A removed source keeps its recovery points.
pub fn plan(settings: &Settings, state: &State, now: Time, plan: &mut Plan) {
    if state.generation == Some(settings.generation) {
        return;
    }
    let mut named: BTreeSet<SourceKey> = BTreeSet::new();
    // The policy at process start applies from then on, even if AWS had to be asked for the time first.
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
        let leaves = source.membership.is_some() && !named.contains(key);
        if leaves && !super::selection::may_be_selected(settings, state, key, source) {
            plan.record.push(Change::SourceDeparted { source: key.clone() });
        }
        // The new policy may resolve permanent refusals.
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

/// A schedule that is new to the state: it applies from now on, since the time of the edit is unknown. The previous one
/// stays until everything that it made due is recorded. For a source that is new here, or whose schedule was not
/// stored, the current one is assumed to have applied before: [`schedule`](super::schedule) decides how far back.
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
