//! Cancels ordered backups.

use super::*;

/// Only on-demand backups can be cancelled; a schedule is paused or changed instead.
pub(super) fn cancel(settings: &Settings, state: &State, order: &CancelOrder, now: Time) -> Decided {
    let policy = policy(settings, &order.policy)?;
    let keys: Vec<SourceKey> =
        policy.source_keys().filter(|key| order.source.as_ref().is_none_or(|only| *only == key.source)).collect();
    if keys.is_empty() {
        return Err(unknown(no_source(policy, order.source.as_ref())));
    }
    let (mut granted, mut before) = (Granted::default(), 0);
    for key in keys {
        let Some(source) = state.sources.get(&key) else { continue };
        let meant = |at: &Time| order.at.is_none_or(|only| only == *at);
        before += source.orders_ended.keys().filter(|at| meant(at)).count();
        for occurrence in source.open.keys().filter(|of| of.trigger == Trigger::Manual && meant(&of.at)) {
            if source.cancelled.contains_key(occurrence) {
                before += 1;
                continue;
            }
            let (source, occurrence) = (key.clone(), *occurrence);
            granted.changes.push(Change::Cancelled { source, occurrence, at: now });
            granted.sources.push(key.source.clone());
        }
    }
    let name = &policy.name;
    granted.says = match (granted.changes.len(), before, order.at) {
        (0, 0, Some(at)) => {
            let what = format!("{name}: no backup that was ordered at {at} is open; `lifeboat history` lists them");
            return Err(unknown(what));
        }
        (0, _, _) => format!("{name}: no backup that was ordered is open any more"),
        (1, _, _) => {
            format!("{name}: one backup that was ordered is cancelled; what AWS has begun of it is left to retention")
        }
        (count, _, _) => {
            format!(
                "{name}: {count} backups that were ordered are cancelled; what AWS has begun of them is left to retention"
            )
        }
    };
    Ok(granted)
}
