//! What a changed policy file would change.
//!
//! A person tries a file before it takes effect. So all settings are compared: whatever is not reported here is
//! unchanged.

use super::forecast::{DeletionForecast, DestinationForecast, Forecast, PolicyForecast, Stage};
use super::setting_texts::SettingTexts;
use crate::domain::counted::counted;
use crate::domain::id::PolicyName;
use std::collections::BTreeSet;

/// The differences between a changed policy and the running one, as sentences, the most serious first; empty: none.
#[must_use]
pub fn difference(running: &Forecast, changed: &Forecast) -> Vec<String> {
    let mut told = Vec::new();
    deletions_differ(running, changed, &mut told);
    if running.settings.is_empty() {
        told.push("the running daemon is of an older version and does not tell all its settings".to_owned());
    } else {
        settings_differ("", "", &running.settings, &changed.settings, &mut told);
    }
    let find = |of: &Forecast, name: &PolicyName| of.policies.iter().find(|policy| policy.policy == *name).cloned();
    for before in &running.policies {
        if find(changed, &before.policy).is_none() {
            told.push(format!("policy {} goes; the recovery points of its sources stay", before.policy));
        }
    }
    for after in &changed.policies {
        match find(running, &after.policy) {
            None => told.push(format!(
                "policy {} is new: {} in {}, `{}`",
                after.policy,
                counted(after.sources.len(), "source"),
                after.region,
                after.schedule
            )),
            Some(before) => policy_differs(&before, after, &mut told),
        }
    }
    let said: Vec<&str> = running.feasible.warnings().collect();
    told.extend(changed.feasible.warnings().filter(|text| !said.contains(text)).map(str::to_owned));
    for announcement in changed.announcements.iter().filter(|text| !running.announcements.contains(text)) {
        told.push(announcement.clone());
    }
    told
}

fn deletions_differ(running: &Forecast, changed: &Forecast, told: &mut Vec<String>) {
    let goes = |of: &Forecast, id: &DeletionForecast| {
        of.deletions.iter().any(|other| other.id == id.id && other.region == id.region && other.stage != Stage::Next)
    };
    let mut each = |from: &Forecast, to: &Forecast, verb: &str| {
        for deletion in to.deletions.iter().filter(|deletion| deletion.stage != Stage::Next && !goes(from, deletion)) {
            let DeletionForecast { id, region, source, taken_at, reason, stage, .. } = deletion;
            let braked = if *stage == Stage::Braked { ", after a person confirmed it" } else { "" };
            told.push(format!("{verb} {id} of {source} in {region}, taken {taken_at}{braked}: {reason}"));
        }
    };
    each(running, changed, "would delete");
    each(changed, running, "would no longer delete");
}

fn policy_differs(before: &PolicyForecast, after: &PolicyForecast, told: &mut Vec<String>) {
    let name = &after.policy;
    let of_policy = format!("policy {name}: ");
    settings_differ(&of_policy, "", &before.settings, &after.settings, told);
    for destination in &after.destinations {
        let same = |other: &&DestinationForecast| other.region == destination.region;
        match before.destinations.iter().find(same) {
            Some(was) => {
                let there = format!(" in {}", destination.region);
                settings_differ(&of_policy, &there, &was.settings, &destination.settings, told);
            }
            None => told.push(format!("policy {name}: destination {} is new", destination.region)),
        }
    }
    for was in &before.destinations {
        if !after.destinations.iter().any(|destination| destination.region == was.region) {
            told.push(format!("policy {name}: destination {} goes; the recovery points there stay", was.region));
        }
    }
    for source in after.sources.iter().filter(|source| !before.sources.contains(source)) {
        told.push(format!("policy {name}: source {source} joins"));
    }
    for source in before.sources.iter().filter(|source| !after.sources.contains(source)) {
        told.push(format!("policy {name}: source {source} leaves; its recovery points stay"));
    }
}

/// One sentence for each changed setting; the text around its name says whose setting it is.
fn settings_differ(
    before_name: &str,
    after_name: &str,
    running: &SettingTexts,
    changed: &SettingTexts,
    told: &mut Vec<String>,
) {
    let text = |of: &SettingTexts, name: &String| match of.get(name).map(String::as_str) {
        None | Some("") => "nothing".to_owned(),
        Some(text) => format!("`{text}`"),
    };
    let names: BTreeSet<&String> = running.keys().chain(changed.keys()).collect();
    for name in names {
        let (from, to) = (text(running, name), text(changed, name));
        if from != to {
            told.push(format!("{before_name}{name}{after_name} from {from} to {to}"));
        }
    }
}
