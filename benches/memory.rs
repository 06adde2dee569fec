//! What the state of a fleet take in memory: `cargo bench --bench memory`.
//!
//! The same recovery points are taken in twice by the real binary: from AWS, by a daemon that has no database, and from
//! its own database by the next one. `LIFEBOAT_SOURCES` (1000) sources with `LIFEBOAT_HELD` (30) backups each and a copy
//! of each in three Regions. Both must come to the same, since the host is the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]

mod support;

use lifeboat::domain::id::{Occurrence, SourceId, Trigger};
use lifeboat::domain::tags::{LifeboatTags, Origin};
use lifeboat::domain::time::Time;
use lifeboat::sim::Settings;
use lifeboat::sim::{Cloud, Endpoint, Faults, Fleet};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{DESTINATIONS, Daemon, free_address, wait_until, write_policy};

const ACCOUNT: &str = "111122223333";
const HOME: &str = "us-east-1";
const DAY_MS: i64 = 86_400_000;
/// Copies in flight to a Region.
const SLOTS: usize = 5;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

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

/// As years of daily backups at midnight leave it, the last one of today.
fn fill(cloud: &mut Cloud, ids: &[String], held: usize) {
    let midnight = Endpoint::now_ms() / DAY_MS * DAY_MS;
    let mut token = 0_u64;
    let mut call = |cloud: &mut Cloud, at_ms: i64, region: &str, operation: &str, mut body: Value| {
        token += 1;
        body["ClientRequestToken"] = format!("fill-{token}").into();
        let answer = cloud.call(at_ms, ACCOUNT, region, operation, &body);
        answer.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
    };
    for day in (0..held as i64).rev() {
        let due_ms = midnight - day * DAY_MS;
        let mut at_ms = due_ms;
        for group in ids.chunks(SLOTS) {
            let mut backups = Vec::new();
            for id in group {
                let body = json!({"FileSystemId": id, "Tags": tags(id, due_ms, None)});
                let answer = call(cloud, at_ms, HOME, "CreateBackup", body);
                backups.push(answer["Backup"]["BackupId"].as_str().unwrap().to_owned());
            }
            at_ms += 20;
            for (id, backup) in group.iter().zip(&backups) {
                let taken_at = Time::from_millis(at_ms - 20);
                for region in DESTINATIONS {
                    let origin = Origin { region: HOME.into(), backup: backup.as_str().into(), taken_at };
                    let tags = tags(id, due_ms, Some(origin));
                    let body = json!({"SourceBackupId": backup, "SourceRegion": HOME, "Tags": tags});
                    call(cloud, at_ms, region, "CopyBackup", body);
                }
            }
            at_ms += 20;
        }
    }
}

fn measure(what: &str, daemon: &Daemon, points: usize, began: Instant) {
    wait_until("an answer", || daemon.get("/healthz").is_some());
    let answered = began.elapsed();
    // A snapshot with all points in it: what was read is taken in.
    wait_until("all points", || daemon.sum(&["recovery_points"]) as usize >= points);
    let all = began.elapsed();
    std::thread::sleep(Duration::from_secs(number("LIFEBOAT_REST", 5) as u64));
    let (rest, most) = (daemon.memory("VmRSS:"), daemon.memory("VmHWM:"));
    let asked = Instant::now();
    assert!(daemon.get("/api/v1/plan").is_some());
    let plan = asked.elapsed();
    std::thread::sleep(Duration::from_secs(1));
    let after_plan = daemon.memory("VmRSS:");
    let asked = Instant::now();
    assert!(daemon.get("/api/v1/report").is_some());
    println!(
        "{what:<22} {answered:>10.1?} {all:>10.1?} {rest:>10} {most:>10} {after_plan:>12} {plan:>10.1?} {:>10.1?}",
        asked.elapsed()
    );
}

fn main() {
    let (sources, held) = (number("LIFEBOAT_SOURCES", 1000), number("LIFEBOAT_HELD", 30));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Everything is made at once, in the past.
    let settings = Settings { lustre_backups: u32::MAX, ..Settings::default() };
    let mut cloud = Cloud::new(1).with_speed(1e9).with_settings(settings);
    let fleet = Fleet::from_toml(&"[[file_system]]\ntype = \"LUSTRE\"\n".repeat(sources)).unwrap();
    let began = Endpoint::now_ms() - (held as i64 + 2) * DAY_MS;
    let ids = fleet.populate(&mut cloud, began).unwrap();
    fill(&mut cloud, &ids, held);
    let points = sources * held * (1 + DESTINATIONS.len());
    let bound = Endpoint::bind(([127, 0, 0, 1], 0).into(), cloud, Faults::default());
    let endpoint = runtime.block_on(bound).unwrap();
    let listen = free_address();
    let policy = format!("schedule = \"0 0 * * *\"\nrpo = \"30h\"\nretain = {{ last = {held} }}");
    write_policy(folder.path(), listen, &endpoint.url(), &ids, "", &policy);
    println!("{points} recovery points of {sources} sources");
    println!(
        "taken in from            answers        all    resident    at most   after /plan       plan     report   (MB)"
    );
    let began = Instant::now();
    let daemon = Daemon::start(folder.path(), listen);
    measure("AWS", &daemon, points, began);
    daemon.stop();
    let began = Instant::now();
    let daemon = Daemon::start(folder.path(), listen);
    measure("its own database", &daemon, points, began);
    daemon.stop();
    runtime.block_on(endpoint.shutdown());
}
