//! Pauses of policies: their end, and the effect of changes to the policy file or the clock.
//!
//! A pause blocks new scheduled occurrences and nothing else: copies of existing backups and on-demand occurrences
//! continue. It must end by itself at its time, never outlive its policy unnoticed, and never get longer because of a
//! wrong clock.

use crate::domain::change::Change;
use crate::domain::id::PolicyName;
use crate::domain::pause::Pause;
use crate::domain::plan::Plan;
use crate::domain::policy::{Policy, Settings};
use crate::domain::state::State;
use crate::domain::time::Time;
use std::collections::BTreeSet;

/// Forgets ended pauses once everything that came due in them is recorded, and wakes at the end of the next one.
pub fn plan(settings: &Settings, state: &State, now: Time, plan: &mut Plan) {
    for (name, pauses) in &state.pauses {
        let recorded = settings.policies.get(name).is_none_or(|policy| recorded(policy, state, now));
        for pause in pauses {
            let over = || Change::PauseOver { policy: name.clone(), since: pause.since };
            if pause.since > now {
                // The clock was ahead when it was ordered: it lasts as long as intended, beginning now.
                plan.record.push(over());
                let lasts = pause.until.map(|until| until.since(pause.since));
                let until = lasts.map(|lasts| now.plus(lasts));
                let pause = Pause { since: now, until, ..pause.clone() };
                if !pause.resumed {
                    plan.record.push(Change::Paused { policy: name.clone(), pause });
                }
            } else if pause.over(now) {
                if recorded {
                    plan.record.push(over());
                }
            } else if let Some(until) = pause.until {
                plan.wake.earlier(until, "a pause of a policy ends");
            }
        }
    }
}

/// Whether every occurrence up to now is recorded.
fn recorded(policy: &Policy, state: &State, now: Time) -> bool {
    state.checked.get(&policy.name).is_some_and(|checked| checked.next.is_none_or(|next| next > now))
}

/// A new policy file does not contain a paused policy. If all its sources are now in one policy that is new, it was
/// renamed and stays paused; otherwise the pause ends.
pub fn follow(settings: &Settings, state: &State, now: Time, plan: &mut Plan) {
    for (name, pauses) in state.pauses.iter().filter(|(name, _)| !settings.policies.contains_key(*name)) {
        let heir = heir(settings, state, name);
        for pause in pauses {
            plan.record.push(Change::PauseOver { policy: name.clone(), since: pause.since });
            if let Some(heir) = &heir {
                plan.record.push(Change::Paused { policy: heir.clone(), pause: pause.clone() });
            } else if pause.covers(now) {
                plan.warnings.push(format!("policy \"{name}\" left the policy file, and its pause went with it"));
            }
        }
    }
}

fn heir(settings: &Settings, state: &State, name: &PolicyName) -> Option<PolicyName> {
    let watched_by = |policy: &PolicyName| {
        let of = policy.clone();
        let watched = move |membership: &crate::domain::state::Membership| membership.policy == of;
        state
            .sources
            .iter()
            .filter(move |(_, source)| source.membership.as_ref().is_some_and(&watched))
            .map(|(key, _)| key)
    };
    let before: BTreeSet<_> = watched_by(name).cloned().collect();
    let mut heirs = settings.policies.values().filter(|policy| policy.source_keys().any(|key| before.contains(&key)));
    let heir = heirs.next().filter(|_| heirs.next().is_none())?;
    let is_new = watched_by(&heir.name).next().is_none();
    is_new.then(|| heir.name.clone())
}
