//! Changes from outside: edits of the policy file, and changes made by a person in AWS's console.

use super::setup::{Edit, Person, Setup, more};
use lifeboat::domain::id::SourceKey;
use lifeboat::domain::policy::{Policy, Retain, Settings};
use lifeboat::domain::schedule::Schedule;
use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::{Backup, Cloud, Lifecycle};
use serde_json::json;

/// Changes the file. `whole` is the file as it was in the beginning, with every source and destination.
pub fn edit(file: &mut Settings, whole: &Settings, edit: &Edit) {
    match edit {
        Edit::DropSource(choice) => {
            if let Some(policy) = chosen(file, *choice).filter(|policy| policy.sources.len() > 1) {
                let at = at(*choice >> 8, policy.sources.len());
                policy.sources.remove(at);
            }
        }
        Edit::ReturnSource => {
            each(file, whole, |policy, whole| policy.sources.clone_from(&whole.sources));
        }
        Edit::DropDestination(choice) => {
            if let Some(policy) = chosen(file, *choice).filter(|policy| policy.destinations.len() > 1) {
                let at = at(*choice >> 8, policy.destinations.len());
                policy.destinations.remove(at);
            }
        }
        Edit::ReturnDestination => {
            each(file, whole, |policy, whole| policy.destinations.clone_from(&whole.destinations));
        }
        Edit::Rename(choice) => {
            let names: Vec<_> = file.policies.keys().cloned().collect();
            if let Some(name) = names.get(at(*choice, names.len()))
                && let Some(mut policy) = file.policies.remove(name)
            {
                policy.name = format!("{name}x").into();
                file.policies.insert(policy.name.clone(), policy);
            }
        }
        Edit::Reschedule(choice, schedule) => {
            if let Some(policy) = chosen(file, *choice) {
                policy.schedule = schedule.clone();
            }
        }
        Edit::Slots(limit) => file.limits.copies_in_flight = *limit,
        Edit::Retag(choice) => {
            if let Some(policy) = chosen(file, *choice) {
                policy.tags.insert("version".to_owned(), choice.to_string());
            }
        }
        Edit::KeepLess(choice) => {
            if let Some(policy) = chosen(file, *choice) {
                let at = at(*choice >> 8, 1 + policy.destinations.len());
                let of_destination = at.checked_sub(1).and_then(|at| policy.destinations.get_mut(at));
                keep_less(of_destination.map_or(&mut policy.retain, |destination| &mut destination.retain));
            }
        }
        Edit::Rekey(choice) => {
            let Some(policy) = chosen(file, *choice) else { return };
            for destination in &mut policy.destinations {
                destination.kms_key = more::key(*choice >> 8, &policy.account, &destination.region);
            }
        }
        Edit::Prune(prunes) => file.daemon.prune = *prunes,
        Edit::Same | Edit::Spoil(_) => {}
    }
}

/// A little less than before, and never nothing.
fn keep_less(retain: &mut Option<Retain>) {
    let Some(retain) = retain else { return };
    let fewer = |count: &mut Option<u32>, by: u32| {
        let less = count.filter(|count| *count > 1).map(|count| count.saturating_sub(by).max(1));
        *count = less.or(*count);
        less.is_some()
    };
    let _ = fewer(&mut retain.last, 2)
        || fewer(&mut retain.hourly, 1)
        || fewer(&mut retain.daily, 1)
        || fewer(&mut retain.weekly, 1)
        || fewer(&mut retain.monthly, 1);
}

/// What can be read of a file with a slip in one of its policies.
#[must_use]
pub fn legible(file: &Settings, choice: u64) -> Settings {
    let mut left = file.clone();
    let spoilt = file.policies.keys().nth(at(choice, file.policies.len()));
    left.policies.retain(|name, _| Some(name) != spoilt);
    left
}

/// Every source and destination is back, under whatever name the policy has now.
pub fn restore(file: &mut Settings, whole: &Settings) {
    file.limits = whole.limits;
    each(file, whole, |policy, whole| {
        policy.sources.clone_from(&whole.sources);
        let before = std::mem::replace(&mut policy.destinations, whole.destinations.clone());
        // Their keys stay: to change them once more would make all copies full ones once more.
        for destination in &mut policy.destinations {
            let same = before.iter().find(|same| same.region == destination.region);
            destination.kms_key = same.map_or(destination.kms_key.take(), |same| same.kms_key.clone());
        }
    });
}

/// Sets how many user backups AWS keeps of each type in each account and Region; `None`: as many as anybody makes.
pub fn limit_backups(cloud: &mut Cloud, most: Option<u32>) {
    let most = most.unwrap_or(u32::MAX);
    let settings = cloud.settings_mut();
    settings.windows_backups = most;
    settings.lustre_backups = most;
    settings.openzfs_backups = most;
    settings.ontap_backups = most;
}

/// No schedule fires any more for as long as a world lasts.
pub fn end_schedules(file: &mut Settings, now: Time) {
    // In thirty-five to four hundred days: the first of a month that is far enough away.
    let month = if now.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).month() <= 5 { 9 } else { 3 };
    for policy in file.policies.values_mut() {
        if let Ok(schedule) = Schedule::parse(&format!("0 0 1 {month} *"), "UTC", now) {
            policy.schedule = schedule;
        }
    }
}

fn at(choice: u64, length: usize) -> usize {
    (choice % (length.max(1) as u64)) as usize
}

fn chosen(file: &mut Settings, choice: u64) -> Option<&mut Policy> {
    let length = file.policies.len();
    file.policies.values_mut().nth(at(choice, length))
}

/// Each policy with what it was in the beginning. Names only ever grow, so the old one begins the new one.
fn each(file: &mut Settings, whole: &Settings, change: impl Fn(&mut Policy, &Policy)) {
    for policy in file.policies.values_mut() {
        let original = whole.policies.values().find(|whole| {
            let rest = policy.name.as_str().strip_prefix(whole.name.as_str());
            rest.is_some_and(|rest| rest.bytes().all(|byte| byte == b'x'))
        });
        if let Some(original) = original {
            change(policy, original);
        }
    }
}

/// Does what a person does, and says what that was.
pub fn person(cloud: &mut Cloud, mistyped: &mut Vec<Mistyped>, now_ms: i64, person: Person) -> String {
    let ended = |backup: &&Backup| matches!(backup.lifecycle, Lifecycle::Available | Lifecycle::Failed);
    let available = |backup: &&Backup| backup.lifecycle == Lifecycle::Available;
    let (operation, choice) = match person {
        Person::Deletes(choice) => ("DeleteBackup", choice),
        Person::Untags(choice) => ("UntagResource", choice),
        Person::Edits(choice) | Person::Holds(choice) => ("TagResource", choice),
        Person::Copies(choice) => ("CopyBackup", choice),
        Person::Mends => return mend(cloud, mistyped, now_ms),
        Person::Forges(choice) => ("CreateBackup", choice),
    };
    let ours: Vec<&Backup> = cloud
        .backups()
        .map(|(_, backup)| backup)
        .filter(|backup| backup.tags.get("lifeboat:source").is_some_and(|source| source == made_of(backup)))
        .filter(|backup| if operation == "DeleteBackup" { ended(backup) } else { available(backup) })
        .collect();
    // The youngest are where the trouble is.
    let young = ours.len().saturating_sub(12);
    let Some(backup) = ours.get(young + at(choice, ours.len() - young)) else { return "nothing there".to_owned() };
    let arn = format!("arn:aws:fsx:{}:{}:backup/{}", backup.region, backup.account, backup.id);
    let another = cloud.backups().map(|(_, other)| other).find(|other| {
        let beside = (&other.account, &other.region) == (&backup.account, &backup.region);
        beside && other.volume.is_none() && other.source_id.is_none() && other.file_system.id != backup.file_system.id
    });
    let body = match person {
        Person::Deletes(_) => json!({ "BackupId": backup.id }),
        Person::Untags(_) => json!({ "ResourceARN": arn, "TagKeys": ["lifeboat:source", "lifeboat:occurrence"] }),
        Person::Holds(_) => json!({ "ResourceARN": arn, "Tags": [{ "Key": "lifeboat:hold", "Value": "audit" }] }),
        Person::Edits(choice) => {
            let (key, value) = mistype(backup, choice >> 32);
            let right = backup.tags.get(key).cloned().unwrap_or_default();
            let (account, region) = (backup.account.clone(), backup.region.clone());
            mistyped.push(Mistyped { account, region, arn: arn.clone(), key, right });
            json!({ "ResourceARN": arn, "Tags": [{ "Key": key, "Value": value }] })
        }
        Person::Forges(_) => {
            let Some(another) = another else { return "nothing there".to_owned() };
            let tags: Vec<_> = backup.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            json!({ "FileSystemId": another.file_system.id, "Tags": tags })
        }
        Person::Mends => return "nothing".to_owned(),
        Person::Copies(_) => {
            json!({ "SourceBackupId": backup.id, "SourceRegion": backup.region, "CopyTags": true })
        }
    };
    let (account, id) = (backup.account.clone(), backup.id.clone());
    let region = if matches!(person, Person::Copies(_)) { "us-west-2".to_owned() } else { backup.region.clone() };
    let answer = cloud.call(now_ms, &account, &region, operation, &body);
    format!("{operation} {id}: {}", answer.map_or_else(|error| error.to_string(), |_| "OK".to_owned()))
}

/// What a backup was made of. A forged one is left alone: made of the right thing once more, it would be as good as ours.
fn made_of(backup: &Backup) -> &String {
    backup.volume.as_ref().map_or(&backup.file_system.id, |volume| &volume.id)
}

/// One of our tags, as a person may mistype it.
fn mistype(backup: &Backup, choice: u64) -> (&'static str, &'static str) {
    let far = "2031-01-01T00:00:00Z";
    let of_any = [("lifeboat:occurrence", far), ("lifeboat:trigger", "manuel"), ("lifeboat:attempt", "9")];
    let of_one = match backup.source_id {
        Some(_) => [("lifeboat:taken", far), ("lifeboat:origin", "us-east-1/backup-00000000000000000")],
        None => [("lifeboat:source", "fs-0ffffffffffffffff"), ("lifeboat:trigger", "manual")],
    };
    of_any.into_iter().chain(of_one).nth(at(choice, 5)).unwrap_or(of_any[0])
}

/// Takes the tag off a source that policies select by it, or puts it back on. Which source, if there is one.
pub fn retag(cloud: &mut Cloud, setup: &Setup, now_ms: i64, choice: u64, carries: bool) -> Option<SourceKey> {
    let tagged = more::tagged(setup);
    let (key, region, value) = tagged.get(at(choice, tagged.len()))?;
    let (account, source) = (key.account.as_str(), key.source.as_str());
    let (operation, member, ids) = if key.source.is_volume() {
        ("DescribeVolumes", "Volumes", "VolumeIds")
    } else {
        ("DescribeFileSystems", "FileSystems", "FileSystemIds")
    };
    let shown = cloud.call(now_ms, account, region.as_str(), operation, &json!({ ids: [source] })).ok()?;
    let arn = &shown[member][0]["ResourceARN"];
    let tag = json!([{ "Key": more::SELECTED_BY, "Value": value }]);
    let (operation, body) = if carries {
        ("TagResource", json!({ "ResourceARN": arn, "Tags": tag }))
    } else {
        ("UntagResource", json!({ "ResourceARN": arn, "TagKeys": [more::SELECTED_BY] }))
    };
    cloud.call(now_ms, account, region.as_str(), operation, &body).ok()?;
    Some(key.clone())
}

/// A tag that a person mistyped, and as it was.
pub struct Mistyped {
    account: String,
    region: String,
    arn: String,
    key: &'static str,
    right: String,
}

fn mend(cloud: &mut Cloud, mistyped: &mut Vec<Mistyped>, now_ms: i64) -> String {
    let count = mistyped.len();
    for Mistyped { account, region, arn, key, right } in mistyped.drain(..).rev() {
        let body = json!({ "ResourceARN": arn, "Tags": [{ "Key": key, "Value": right }] });
        // What is gone needs no mending.
        let _ = cloud.call(now_ms, &account, &region, "TagResource", &body);
    }
    format!("{count} tags are put right")
}
