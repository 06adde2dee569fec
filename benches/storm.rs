//! What a backup or copy costs the daemon while thousands are made: `cargo bench --bench storm`.
//!
//! The real binary against the simulator in this process: fleets of a thousand and of ten thousand sources (or
//! `LIFEBOAT_SOURCES`, with commas), one schedule for all, three destinations. The work comes in faster than AWS takes
//! it, so both fleets are busy all the time, and what is counted is the CPU time of the daemon for each backup or copy that
//! ended well in `LIFEBOAT_SECONDS` (60). It must not grow with the fleet.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]

mod support;

use lifeboat::sim::{Cloud, Endpoint, Faults, Fleet};
use std::time::Duration;
use support::{Daemon, free_address, wait_until, write_policy};

/// A backup or copy then takes a fraction of a second.
const SPEED: f64 = 5000.0;
const MADE: [&str; 2] = ["backup_duration_seconds_count", "copy_duration_seconds_count"];

fn storm(runtime: &tokio::runtime::Runtime, sources: usize, seconds: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut cloud = Cloud::new(1).with_speed(SPEED);
    let fleet = Fleet::from_toml(&"[[file_system]]\ntype = \"LUSTRE\"\n".repeat(sources)).unwrap();
    let ids = fleet.populate(&mut cloud, Endpoint::now_ms()).unwrap();
    let bound = Endpoint::bind(([127, 0, 0, 1], 0).into(), cloud, Faults::default());
    let endpoint = runtime.block_on(bound).unwrap();
    let listen = free_address();
    let policy = "schedule = \"0 */2 * * * *\"\nrpo = \"1d\"";
    write_policy(folder.path(), listen, &endpoint.url(), &ids, "poll = \"1s\"", policy);
    let daemon = Daemon::start(folder.path(), listen);
    // The measured time begins in the middle of the storm.
    wait_until("a storm", || daemon.sum(&MADE) >= 300.0);
    let (made_before, rounds_before) = (daemon.sum(&MADE), daemon.sum(&["round_duration_seconds_count"]));
    let cpu_before = daemon.cpu();
    std::thread::sleep(Duration::from_secs(seconds));
    let cpu = daemon.cpu() - cpu_before;
    let (made, rounds) =
        (daemon.sum(&MADE) - made_before, daemon.sum(&["round_duration_seconds_count"]) - rounds_before);
    println!(
        "{sources:>8} {made:>8} {rounds:>8} {:>10.1} {:>14.2} {:>12}",
        cpu.as_secs_f64(),
        cpu.as_secs_f64() * 1000.0 / made,
        daemon.memory("VmRSS:")
    );
    drop(daemon);
    runtime.block_on(endpoint.shutdown());
}

fn main() {
    let wanted = std::env::var("LIFEBOAT_SOURCES").unwrap_or_else(|_| "1000,10000".to_owned());
    let seconds = std::env::var("LIFEBOAT_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    println!(" sources     made   rounds      CPU s   ms for each    resident MB");
    for sources in wanted.split(',').filter_map(|number| number.trim().parse().ok()) {
        storm(&runtime, sources, seconds);
    }
}
