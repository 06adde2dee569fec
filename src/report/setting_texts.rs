//! Every setting of a policy file as text, by name, so that two files can be compared completely.
//!
//! Anyone who can reach the listener can read these texts. So a secret URL is shown as its host and a fingerprint,
//! which reveals only whether two URLs are equal.

use crate::domain::duration::exact_text;
use crate::domain::id::SourceId;
use crate::domain::policy::{
    Account, Aws, CatchUp, Daemon, Destination, Limits, Notify, Policy, Retain, SecretUrl, Settings, Tags,
};
use crate::domain::selection::Select;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

/// Settings as text, by name; an empty text means not set.
pub type SettingTexts = BTreeMap<String, String>;

/// All settings outside policies. Every field is named here, so that none can be forgotten.
#[must_use]
pub fn of_file(settings: &Settings) -> SettingTexts {
    let Settings { generation: _, daemon, aws, limits, notify, own_account: _, accounts, policies: _ } = settings;
    let Daemon { state, listen, hosts, control, poll, prune } = daemon;
    let Aws { profile, endpoint_url, requests_per_second } = aws;
    let Limits { copies_in_flight, ontap_copies_in_flight } = limits;
    let Notify { webhook, heartbeat } = notify;
    let mut all = texts([
        ("[daemon] state", state.display().to_string()),
        ("[daemon] listen", listen.to_string()),
        ("[daemon] hosts", hosts.join(", ")),
        ("[daemon] control", control.display().to_string()),
        ("[daemon] poll", exact_text(*poll)),
        ("[daemon] prune", prune.to_string()),
        ("[aws] profile", optional(profile.as_ref())),
        ("[aws] endpoint_url", endpoint_url.as_deref().map(endpoint).unwrap_or_default()),
        ("[aws] requests_per_second", requests_per_second.to_string()),
        ("[limits] copies_in_flight", copies_in_flight.to_string()),
        ("[limits] ontap_copies_in_flight", ontap_copies_in_flight.to_string()),
        ("[notify] webhook", webhook.as_ref().map(marked).unwrap_or_default()),
        ("[notify] heartbeat", heartbeat.as_ref().map(marked).unwrap_or_default()),
    ]);
    for (id, Account { name, role_arn, external_id, session_name }) in accounts {
        all.insert(format!("[accounts] of {id} name"), name.clone());
        all.insert(format!("[accounts] of {id} role_arn"), role_arn.clone());
        all.insert(format!("[accounts] of {id} external_id"), external_id.as_deref().map(mark_of).unwrap_or_default());
        all.insert(format!("[accounts] of {id} session_name"), optional(session_name.as_ref()));
    }
    all
}

/// All settings of a policy except its name, sources and destinations.
#[must_use]
pub fn of_policy(settings: &Settings, policy: &Policy) -> SettingTexts {
    let Policy {
        name: _,
        account,
        region,
        sources: _,
        select,
        exclude,
        schedule,
        spread,
        start_within,
        catch_up,
        rpo,
        tags,
        retain,
        destinations: _,
    } = policy;
    let catch_up = match catch_up {
        CatchUp::Latest => "latest",
        CatchUp::None => "none",
    };
    texts([
        ("account", if *account == settings.own_account { "default".to_owned() } else { account.to_string() }),
        ("region", region.to_string()),
        ("select", select.as_ref().map(Select::text).unwrap_or_default()),
        ("exclude", exclude.iter().map(SourceId::as_str).collect::<Vec<_>>().join(", ")),
        ("schedule", schedule.text().to_owned()),
        ("timezone", schedule.zone_name().to_owned()),
        ("spread", duration(*spread)),
        ("start_within", duration(*start_within)),
        ("catch_up", catch_up.to_owned()),
        ("rpo", duration(*rpo)),
        ("tags", tags_text(tags)),
        ("retain", retain.as_ref().map(retain_text).unwrap_or_default()),
    ])
}

/// All settings of a policy for one of its destinations.
#[must_use]
pub fn of_destination(policy: &Policy, destination: &Destination) -> SettingTexts {
    let Destination { region, rpo: _, kms_key, copy_tags, tags, retain } = destination;
    texts([
        // The value that applies there, whether set for the destination or for the policy.
        ("rpo", duration(policy.rpo_in(region))),
        ("kms_key", optional(kms_key.as_ref())),
        ("copy_tags", copy_tags.to_string()),
        ("tags", tags_text(tags)),
        ("retain", retain.as_ref().map(retain_text).unwrap_or_default()),
    ])
}

fn texts<const N: usize>(texts: [(&str, String); N]) -> SettingTexts {
    texts.map(|(name, text)| (name.to_owned(), text)).into()
}

fn optional(value: Option<&impl Display>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn duration(duration: Option<Duration>) -> String {
    duration.map(exact_text).unwrap_or_default()
}

fn tags_text(tags: &Tags) -> String {
    let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key} = {value:?}")).collect();
    tags.join(", ")
}

fn retain_text(retain: &Retain) -> String {
    let Retain { last, within, hourly, daily, weekly, monthly, yearly } = retain;
    let counts = [
        ("last", last),
        ("hourly", hourly),
        ("daily", daily),
        ("weekly", weekly),
        ("monthly", monthly),
        ("yearly", yearly),
    ];
    let counts = counts.iter().filter_map(|(word, count)| count.map(|count| format!("{word} {count}")));
    let within = within.map(|within| format!("within {}", exact_text(within)));
    counts.chain(within).collect::<Vec<_>>().join(", ")
}

/// The host of an endpoint is not secret, but other parts of its URL may be.
fn endpoint(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let is_host_alone = !rest.trim_end_matches('/').contains(['/', '?', '#', '@']);
    if is_host_alone { url.to_owned() } else { marked(&SecretUrl::new(url)) }
}

/// Sixteen bits of a hash: enough that equal values are unlikely by accident, too few to reveal anything.
fn marked(url: &SecretUrl) -> String {
    format!("{url} {}", mark_of(url.whole()))
}

fn mark_of(secret: &str) -> String {
    let mark: String = Sha256::digest(secret).iter().take(2).map(|byte| format!("{byte:02x}")).collect();
    format!("(mark {mark})")
}
