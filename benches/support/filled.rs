//! A cloud in which Lifeboat has worked for long.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]

use super::DESTINATIONS;
use lifeboat::domain::id::{Occurrence, SourceId, Trigger};
use lifeboat::domain::tags::{LifeboatTags, Origin};
use lifeboat::domain::time::Time;
use lifeboat::sim::{Cloud, Endpoint};
use serde_json::{Value, json};

const HOME: &str = "us-east-1";
pub const DAY_MS: i64 = 86_400_000;
/// Copies in flight to a Region.
const SLOTS: usize = 5;

fn tags(source: &str, at_ms: i64, origin: Option<Origin>) -> Value {
    let lifeboat_tags = LifeboatTags {
        policy: Some("bench".into()),
        source: SourceId::from(source),
        occurrence: Occurrence { at: Time::from_millis(at_ms), trigger: Trigger::Schedule },
        attempt: 1,
        origin,
        hold: None,
    };
    let team = [("team".to_owned(), "storage".to_owned()), ("cost-center".to_owned(), "4711".to_owned())];
    lifeboat_tags.write().into_iter().chain(team).map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// As years of daily backups at midnight leave these accounts, the last one of today.
pub fn fill(cloud: &mut Cloud, fleets: &[(String, Vec<String>)], held: usize) {
    let midnight = Endpoint::now_ms() / DAY_MS * DAY_MS;
    let mut token = 0_u64;
    let mut call = |cloud: &mut Cloud, account: &str, at_ms: i64, region: &str, operation: &str, mut body: Value| {
        token += 1;
        body["ClientRequestToken"] = format!("fill-{token}").into();
        let answer = cloud.call(at_ms, account, region, operation, &body);
        answer.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    };
    for day in (0..held as i64).rev() {
        let due_ms = midnight - day * DAY_MS;
        let mut at_ms = due_ms;
        let groups = fleets.iter().flat_map(|(account, ids)| ids.chunks(SLOTS).map(move |group| (account, group)));
        for (account, group) in groups {
            let mut backups = Vec::new();
            for id in group {
                let body = json!({"FileSystemId": id, "Tags": tags(id, due_ms, None)});
                let answer = call(cloud, account, at_ms, HOME, "CreateBackup", body);
                backups.push(answer["Backup"]["BackupId"].as_str().unwrap().to_owned());
            }
            at_ms += 20;
            for (id, backup) in group.iter().zip(&backups) {
                let taken_at = Time::from_millis(at_ms - 20);
                for region in DESTINATIONS {
                    let origin = Origin { region: HOME.into(), backup: backup.as_str().into(), taken_at };
                    let tags = tags(id, due_ms, Some(origin));
                    let body = json!({"SourceBackupId": backup, "SourceRegion": HOME, "Tags": tags});
                    call(cloud, account, at_ms, region, "CopyBackup", body);
                }
            }
            at_ms += 20;
        }
    }
}
