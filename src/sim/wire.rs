//! Calls to the simulated FSx and its responses, without JSON where it would be expensive.
//!
//! The planner must see AWS's own error messages for every refusal, parsed as the engine parses them, and responses
//! that describe the state at the time of the call, however late they arrive.

use super::cloud::{ApiError, Backup, BackupIx, BackupType, Cloud, CopySubject, Lost};
use super::faults::{CallDelivery, InjectedFault};
use super::fleet::DEFAULT_ACCOUNT;
use crate::domain::action::{Action, Call, Outcome, Request, SourceFacts};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{AccountRegion, BackupId, SourceId, account_of_arn};
use crate::domain::lane::FileSystemKind;
use crate::domain::limits::ANSWER_WITHIN;
use crate::domain::point::{Lifecycle, MadeAs, ObservedBackup};
use crate::domain::policy::Tags;
use crate::domain::selection::NextPage;
use crate::domain::tags::HOLD;
use crate::domain::time::Time;
use crate::engine::faults::{Said, classify};
use serde_json::{Value, json};
use std::sync::Arc;

/// A call without a response by then is given up.
pub const ANSWER_WITHIN_MS: i64 = ANSWER_WITHIN.as_millis() as i64;

/// The outcome of a call, and the additional delay of its response, ms.
pub struct Served {
    /// As the engine would return it.
    pub outcome: Outcome,
    /// The delay caused by faults.
    pub latency_ms: i64,
}

/// The last observation of each backup: most backups in a response are unchanged, and would be converted again.
#[derive(Default)]
pub struct Shown(Vec<Option<ObservedBackup>>);

impl Shown {
    fn observed(&mut self, at: BackupIx, cloud: &Cloud) -> ObservedBackup {
        let backup = cloud.backup(at);
        if self.0.len() <= at.0 {
            self.0.resize(at.0 + 1, None);
        }
        match &mut self.0[at.0] {
            Some(before) if stands(before, backup) => before.clone(),
            before => before.insert(observed(backup, cloud.settings().copies_file_system)).clone(),
        }
    }
}

/// Whether an earlier observation of a backup is still accurate. Fields that are not compared never change. Tags are
/// replaced as a whole, and the observation keeps its `Arc`, so equal pointers mean equal tags.
fn stands(before: &ObservedBackup, backup: &Backup) -> bool {
    Arc::ptr_eq(&before.tags, &backup.tags)
        && before.lifecycle == lifecycle(backup)
        && before.created_at == Time::from_millis(backup.created_ms)
        && before.failure == backup.failure
        && before.size_bytes == Some(backup.size_bytes)
        && before.kms_key.as_deref() == Some(backup.kms_key.as_str())
}

/// Performs the operation of an action now.
pub fn serve(cloud: &mut Cloud, shown: &mut Shown, now_ms: i64, action: &Action) -> Served {
    match &action.call {
        Call::Make { request, .. } => make(cloud, shown, now_ms, &action.place, request),
        Call::ListPage { next_token } => {
            let body = match next_token {
                Some(token) => json!({ "MaxResults": 1000, "NextToken": token }),
                None => json!({ "MaxResults": 1000 }),
            };
            describe(cloud, shown, now_ms, &action.place, &body, |observed_backups, next_token| Outcome::Page {
                observed_backups,
                next_token,
            })
        }
        Call::Poll { ids } => {
            let ids: Vec<&str> = ids.iter().map(BackupId::as_str).collect();
            describe(cloud, shown, now_ms, &action.place, &json!({ "BackupIds": ids }), |observed_backups, _| {
                Outcome::Polled(observed_backups)
            })
        }
        Call::DescribeSources { ids } => lookup(cloud, now_ms, &action.place, ids),
        Call::SearchSources { next } => search(cloud, now_ms, &action.place, next),
        Call::Delete { id, token } => {
            let body = json!({ "BackupId": id.as_str(), "ClientRequestToken": token.as_str() });
            plainly(cloud, now_ms, &action.place, "DeleteBackup", &body, Outcome::Deleted)
        }
        Call::Hold { arn, hold: Some(hold), .. } => {
            let body = json!({ "ResourceARN": arn, "Tags": [{ "Key": HOLD, "Value": hold }] });
            plainly(cloud, now_ms, &action.place, "TagResource", &body, Outcome::HoldSet)
        }
        Call::Hold { arn, hold: None, .. } => {
            let body = json!({ "ResourceARN": arn, "TagKeys": [HOLD] });
            plainly(cloud, now_ms, &action.place, "UntagResource", &body, Outcome::HoldSet)
        }
    }
}

/// The account that the daemon's own credentials belong to is the simulation's default.
#[must_use]
pub fn account_of(place: &AccountRegion) -> &str {
    if place.account.is_named() { place.account.as_str() } else { DEFAULT_ACCOUNT }
}

/// A call whose response contains nothing but success.
fn plainly(
    cloud: &mut Cloud,
    now_ms: i64,
    place: &AccountRegion,
    operation: &'static str,
    body: &Value,
    done: Outcome,
) -> Served {
    let served = cloud.serve(now_ms, account_of(place), place.region.as_str(), operation, body);
    let outcome = match served.reply {
        Ok(Ok(_)) => done,
        Ok(Err(error)) => Outcome::Failed(refused(operation, &error)),
        Err(lost) => Outcome::Failed(unheard(operation, &lost)),
    };
    Served { outcome, latency_ms: millis(served.latency_ms) }
}

fn make(cloud: &mut Cloud, shown: &mut Shown, now_ms: i64, place: &AccountRegion, request: &Request) -> Served {
    let (operation, mut body, tags) = match request {
        Request::CreateBackup { source, token, tags } => {
            let member = if source.is_volume() { "VolumeId" } else { "FileSystemId" };
            let body = json!({ member: source.as_str(), "ClientRequestToken": token.as_str() });
            ("CreateBackup", body, tags)
        }
        Request::CopyBackup { source_region, backup, kms_key, token, tags } => {
            let mut body = json!({
                "SourceBackupId": backup.as_str(),
                "SourceRegion": source_region.as_str(),
                "ClientRequestToken": token.as_str(),
            });
            if let Some(key) = kms_key {
                body["KmsKeyId"] = key.as_str().into();
            }
            ("CopyBackup", body, tags)
        }
    };
    body["Tags"] = tags.iter().map(tag_of).collect();
    let served = cloud.serve_backup(now_ms, account_of(place), place.region.as_str(), operation, &body);
    let outcome = match served.reply {
        Ok(Ok(made)) => {
            let observed = shown.observed(made, cloud);
            Outcome::Made(Box::new(skewed(observed, served.creation_time_skew_seconds)))
        }
        Ok(Err(error)) => Outcome::Failed(refused(operation, &error)),
        Err(lost) => Outcome::Failed(unheard(operation, &lost)),
    };
    Served { outcome, latency_ms: millis(served.latency_ms) }
}

fn tag_of((key, value): (&String, &String)) -> Value {
    let member = |name: &str, text: &str| (name.to_owned(), Value::from(text));
    Value::Object([member("Key", key), member("Value", value)].into_iter().collect())
}

fn describe(
    cloud: &mut Cloud,
    shown: &mut Shown,
    now_ms: i64,
    place: &AccountRegion,
    body: &Value,
    outcome: impl Fn(Vec<ObservedBackup>, Option<String>) -> Outcome,
) -> Served {
    let operation = "DescribeBackups";
    let (account, region) = (account_of(place), place.region.as_str());
    let decision = cloud.decide(now_ms, account, region, operation);
    let outcome = match decision.delivery {
        CallDelivery::Served => match cloud.list_backups(now_ms, account, region, body) {
            Ok((found, next)) => {
                let skew_seconds = decision.creation_time_skew_seconds;
                let sighted = found.into_iter().map(|at| skewed(shown.observed(at, cloud), skew_seconds));
                outcome(sighted.collect(), next)
            }
            Err(error) => Outcome::Failed(refused(operation, &error)),
        },
        CallDelivery::Before(injected) | CallDelivery::After(injected) => {
            Outcome::Failed(troubled(operation, injected))
        }
    };
    Served { outcome, latency_ms: millis(decision.latency_ms) }
}

fn skewed(mut observed: ObservedBackup, seconds: i64) -> ObservedBackup {
    if seconds != 0 {
        let created_ms = observed.created_at.millis().saturating_add(seconds.saturating_mul(1000));
        observed.created_at = Time::from_millis(created_ms);
    }
    observed
}

fn search(cloud: &mut Cloud, now_ms: i64, place: &AccountRegion, page: &NextPage) -> Served {
    let (operation, member) =
        if page.volumes { ("DescribeVolumes", "Volumes") } else { ("DescribeFileSystems", "FileSystems") };
    let body = match &page.token {
        Some(token) => json!({ "MaxResults": 100, "NextToken": token }),
        None => json!({ "MaxResults": 100 }),
    };
    let served = cloud.serve(now_ms, account_of(place), place.region.as_str(), operation, &body);
    let outcome = match served.reply {
        Ok(Ok(answer)) => {
            let shown = answer[member].as_array().map(Vec::as_slice).unwrap_or_default();
            Outcome::SourcesFound {
                facts: shown.iter().filter_map(|shown| facts(shown, page.volumes)).collect(),
                next_token: answer["NextToken"].as_str().map(str::to_owned),
            }
        }
        Ok(Err(error)) => Outcome::Failed(refused(operation, &error)),
        Err(lost) => Outcome::Failed(unheard(operation, &lost)),
    };
    Served { outcome, latency_ms: millis(served.latency_ms) }
}

fn lookup(cloud: &mut Cloud, now_ms: i64, place: &AccountRegion, ids: &[SourceId]) -> Served {
    let volumes = ids.first().is_some_and(SourceId::is_volume);
    let names: Vec<&str> = ids.iter().map(SourceId::as_str).collect();
    let (operation, body, member) = if volumes {
        ("DescribeVolumes", json!({ "VolumeIds": names }), "Volumes")
    } else {
        ("DescribeFileSystems", json!({ "FileSystemIds": names }), "FileSystems")
    };
    let served = cloud.serve(now_ms, account_of(place), place.region.as_str(), operation, &body);
    let outcome = match served.reply {
        Ok(Ok(answer)) => {
            let shown = answer[member].as_array().map(Vec::as_slice).unwrap_or_default();
            Outcome::SourcesDescribed(shown.iter().filter_map(|shown| facts(shown, volumes)).collect())
        }
        Ok(Err(error)) => Outcome::Failed(refused(operation, &error)),
        Err(lost) => Outcome::Failed(unheard(operation, &lost)),
    };
    Served { outcome, latency_ms: millis(served.latency_ms) }
}

fn facts(shown: &Value, volume: bool) -> Option<SourceFacts> {
    let text = |member: &str| shown[member].as_str();
    let tags: Tags = shown["Tags"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned())))
        .collect();
    Some(SourceFacts {
        source: text(if volume { "VolumeId" } else { "FileSystemId" })?.into(),
        kind: FileSystemKind::parse(text(if volume { "VolumeType" } else { "FileSystemType" })?),
        lifecycle: text("Lifecycle")?.to_owned(),
        name: text("Name").map(str::to_owned),
        account: text("ResourceARN").and_then(account_of_arn).map(Into::into),
        tags,
    })
}

fn lifecycle(backup: &Backup) -> Lifecycle {
    Lifecycle::parse(backup.lifecycle.as_str())
}

/// A backup as in a DescribeBackups response.
#[must_use]
pub fn observed(backup: &Backup, copies: CopySubject) -> ObservedBackup {
    ObservedBackup {
        id: backup.id.as_str().into(),
        lifecycle: lifecycle(backup),
        created_at: Time::from_millis(backup.created_ms),
        failure: backup.failure.clone(),
        progress_percent: None,
        size_bytes: Some(backup.size_bytes),
        kms_key: Some(backup.kms_key.as_str().into()),
        kind: FileSystemKind::parse(backup.file_system.kind.as_str()),
        volume: backup.volume.as_ref().and_then(|volume| backup.shown_subject(&volume.id, copies)).map(Into::into),
        copied_from: backup.source_id.as_deref().map(Into::into),
        arn: Some(backup.arn().into()),
        file_system: backup.shown_subject(&backup.file_system.id, copies).map(Into::into),
        copied_from_region: backup.source_region.as_deref().map(Into::into),
        made_as: match backup.kind {
            BackupType::Automatic => MadeAs::Automatic,
            BackupType::UserInitiated => MadeAs::UserInitiated,
            BackupType::AwsBackup => MadeAs::AwsBackup,
        },
        tags: backup.tags.clone(),
    }
}

fn refused(operation: &str, error: &ApiError) -> Fault {
    let limit = error.fields.iter().find(|(name, _)| *name == "Limit").map(|(_, value)| value.as_str());
    let (code, status) = (Some(error.code.as_ref()), Some(error.status));
    classify(&Said { operation, code, status, message: &error.message, limit })
}

fn troubled(operation: &str, injected: InjectedFault) -> Fault {
    match injected {
        InjectedFault::Refused(error) => refused(operation, &error),
        InjectedFault::Html => unheard(operation, &Lost::Html),
        InjectedFault::Forbidden => unheard(operation, &Lost::Forbidden),
        InjectedFault::Empty => unheard(operation, &Lost::Empty),
        InjectedFault::Truncated => unheard(operation, &Lost::Truncated(Value::Null)),
        InjectedFault::Closed => unheard(operation, &Lost::Closed),
        InjectedFault::Silence => unheard(operation, &Lost::Silence),
    }
}

fn unheard(operation: &str, lost: &Lost) -> Fault {
    let status = match lost {
        Lost::Html => Some(502),
        Lost::Forbidden => Some(403),
        Lost::Empty | Lost::Truncated(_) => Some(200),
        Lost::Closed => return Fault::new(FaultClass::Unanswered, "Dispatch", "the connection was closed"),
        Lost::Silence => return no_answer(),
    };
    classify(&Said { operation, status, ..Said::default() })
}

/// What the engine returns when no response came in time.
#[must_use]
pub fn no_answer() -> Fault {
    Fault::new(FaultClass::Unanswered, "Timeout", "no answer in time")
}

fn millis(latency_ms: u64) -> i64 {
    i64::try_from(latency_ms).unwrap_or(i64::MAX / 4)
}
