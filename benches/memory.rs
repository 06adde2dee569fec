//! What the state of a fleet take in memory: `cargo bench --bench memory`.
//!
//! The same recovery points are taken in twice by the real binary: from AWS, by a daemon that has no database, and from
//! its own database by the next one. `LIFEBOAT_SOURCES` (1000) sources with `LIFEBOAT_HELD` (30) backups each and a copy
//! of each in three Regions. Both must come to the same, since the host is the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]

mod support;

use lifeboat::sim::Settings;
use lifeboat::sim::{Cloud, Endpoint, Faults, Fleet};
use std::time::{Duration, Instant};
use support::filled::{DAY_MS, fill};
use support::{DESTINATIONS, Daemon, free_address, wait_until, write_policy};

const ACCOUNT: &str = "111122223333";

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
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
    fill(&mut cloud, &[(ACCOUNT.to_owned(), ids.clone())], held);
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
