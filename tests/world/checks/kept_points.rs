//! Promise 7: a failing destination does not stop retention at the source until the quota is full.

use super::armed::Check;
use super::flow::Flow;
use super::{Broken, View};
use lifeboat::domain::id::{AccountRegion, Target};
use lifeboat::domain::time::Time;
use std::time::Duration;

/// How many more than the rule keeps may be there: read by copies, waiting for a review, or for a slow deletion.
const MORE: usize = 6;
/// What is younger may not be decided yet.
const DECIDED_AFTER: Duration = Duration::from_secs(6 * 3600);

/// Counts what is kept of sources whose policy keeps the last N and nothing else.
pub(super) fn inspected(view: &View<'_>, flow: &Flow) -> Result<(), Broken> {
    let (state, old) = (view.state, |at: Time| at.plus(DECIDED_AFTER) < view.host_now);
    if !view.settings.daemon.prune || !old(state.started_at) {
        return Ok(());
    }
    for policy in view.settings.policies.values() {
        let Some(last) = policy.retain.as_ref().and_then(|retain| {
            let others = [retain.hourly, retain.daily, retain.weekly, retain.monthly, retain.yearly];
            retain.last.filter(|_| retain.within.is_none() && others.iter().all(Option::is_none))
        }) else {
            continue;
        };
        let home = AccountRegion { account: policy.account.clone(), region: policy.region.clone() };
        if !flow.undisturbed(view, &[&home]) {
            continue;
        }
        for key in policy.source_keys() {
            let Some(source) = state.sources.get(&key) else { continue };
            if state.braked.contains_key(&(key.clone(), Target::Backup)) || state.quarantined.contains_key(&key) {
                continue;
            }
            let kept = source.points.available(&Target::Backup).filter(|point| {
                let decided = state.deletions.contains_key(&(home.clone(), point.id.clone()));
                let free = !state.held(point) && !decided && !source.open.contains_key(&point.occurrence);
                free && old(point.taken_at()) && point.taken_at() > state.created_at
            });
            let kept = kept.count();
            view.armed.count(Check::PrunedBesideTrouble);
            if kept > last as usize + MORE {
                let what = format!("{kept} backups of {key} are kept for long, where its policy keeps {last}");
                return Err(Check::PrunedBesideTrouble.broken(what));
            }
        }
    }
    Ok(())
}
