//! Lifeboat beside a shell script with the AWS CLI, as cron runs it: `cargo bench --bench baseline`, with `aws` installed.
//!
//! Both protect the same fleet at the same simulator, one after the other: `LIFEBOAT_SOURCES` (20) file systems, a backup of
//! each every two minutes, `LIFEBOAT_TICKS` (3) times, a copy of each in another Region, where AWS copies five at a time.
//! The simulator works thirty times faster than AWS, and cron runs the script's second half every fifteen seconds. Once with
//! an AWS that answers well, and once with throttled and lost answers, failed copies, and another's copies in the slots.
//!
//! What is compared is read from the simulator's inventory and from the kernel, for both alike.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]

#[path = "../support/mod.rs"]
mod support;

use lifeboat::sim::cloud::{BackupFacts, Inventory};
use lifeboat::sim::{Cloud, Endpoint, Faults, Fleet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Daemon, free_address, wait_until};

const SPEED: f64 = 30.0;
const TICK: Duration = Duration::from_secs(120);
const CRON: Duration = Duration::from_secs(15);
const HOME: &str = "us-east-1";
const THERE: &str = "us-west-2";
/// The age of the newest copy that must not be exceeded.
const RPO: Duration = Duration::from_secs(240);
const FAULTS: &str = "
[[fault]]
throttle_percent = 10
close_after_percent = 5
error_before_percent = 5
fail_copy_percent = 5
other_copies_per_hour = 6
";

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// CPU time of children that have ended, and of theirs.
fn cpu_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// What protects the fleet; it runs for the given time, from a schedule's tick on.
trait Tool {
    fn run(&self, folder: &Path, endpoint: &str, ids: &[String], ticks: u32, time: Duration) -> Duration;
}

struct Script;

impl Tool for Script {
    fn run(&self, folder: &Path, endpoint: &str, ids: &[String], ticks: u32, time: Duration) -> Duration {
        let cpu_before = cpu_of_children();
        let began = Instant::now();
        let script = |what: &str| {
            Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baseline/backup.sh"))
                .arg(what)
                .env("FILE_SYSTEMS", ids.join(" "))
                .env("HOME_REGION", HOME)
                .env("THERE_REGION", THERE)
                .env("KEEP", "3")
                .env("ENDPOINT", endpoint)
                .env("LOCK", folder.join("lock"))
                .env("AWS_ACCESS_KEY_ID", "AKIA111122223333TEST")
                .env("AWS_SECRET_ACCESS_KEY", "test")
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let (mut running, mut taken) = (Vec::new(), 0);
        let mut next_copy = CRON;
        while began.elapsed() < time {
            if taken < ticks && began.elapsed() >= TICK * taken {
                taken += 1;
                running.push(script("take"));
            }
            if began.elapsed() >= next_copy {
                next_copy += CRON;
                running.push(script("copy"));
            }
            running.retain_mut(|child| child.try_wait().unwrap().is_none());
            std::thread::sleep(Duration::from_millis(100));
        }
        running.into_iter().for_each(|mut child| drop(child.wait()));
        cpu_of_children() - cpu_before
    }
}

struct Lifeboat;

impl Tool for Lifeboat {
    fn run(&self, folder: &Path, endpoint: &str, ids: &[String], ticks: u32, time: Duration) -> Duration {
        let listen = free_address();
        let write = |schedule: &str| {
            let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
            let text = format!(
                "[daemon]\nstate = \"{0}/state.db\"\ncontrol = \"{0}/control.sock\"\nlisten = \"{listen}\"\npoll = \"1s\"\n\
                 [aws]\nendpoint_url = \"{endpoint}\"\n\
                 [[policy]]\nname = \"bench\"\nregion = \"{HOME}\"\nfile_systems = [{1}]\nschedule = \"{schedule}\"\n\
                 rpo = \"4m\"\nretain = {{ last = 3 }}\n[[policy.destination]]\nregion = \"{THERE}\"\n",
                folder.display(),
                ids.join(","),
            );
            std::fs::write(folder.join("lifeboat.toml"), text).unwrap();
        };
        write("*/2 * * * *");
        let daemon = Daemon::start(folder, listen);
        std::thread::sleep(TICK * (ticks - 1) + TICK / 2);
        // The schedule ends after the last tick, as the script's does.
        write("0 0 1 1 *");
        let _ = Command::new(env!("CARGO_BIN_EXE_lifeboat"))
            .args(["reload", "--config"])
            .arg(folder.join("lifeboat.toml"))
            .stdout(Stdio::null())
            .status();
        std::thread::sleep(time.saturating_sub(TICK * (ticks - 1) + TICK / 2));
        let cpu = daemon.cpu();
        daemon.stop();
        cpu
    }
}

/// How long, in all, the newest copy of a file system was older than the RPO, or missing for as long.
fn breached(inventory: &Inventory, of: &str, from_ms: i64, until_ms: i64) -> Duration {
    let mut copies: Vec<(i64, i64)> = copies(inventory)
        .filter(|copy| copy.resource == of)
        .filter_map(|copy| Some((copy.ended_ms?, copy.taken_ms)))
        .collect();
    copies.sort_unstable();
    let (mut breached_ms, mut reached_ms, rpo_ms) = (0, from_ms, i64::try_from(RPO.as_millis()).unwrap());
    let mut at_ms = from_ms;
    for (there_ms, taken_ms) in copies.into_iter().chain([(until_ms, until_ms)]) {
        breached_ms += (there_ms - at_ms.max(reached_ms + rpo_ms)).max(0);
        (at_ms, reached_ms) = (there_ms, reached_ms.max(taken_ms));
    }
    Duration::from_millis(u64::try_from(breached_ms).unwrap())
}

/// Copies of the caller that were AVAILABLE at some time.
fn copies(inventory: &Inventory) -> impl Iterator<Item = &BackupFacts> {
    inventory
        .backups
        .iter()
        .filter(|backup| {
            backup.region == THERE
                && backup.source_id.is_some()
                && backup.failure.is_none()
                && backup.ended_ms.is_some()
        })
        .filter(|backup| format!("{:?}", backup.by).eq_ignore_ascii_case("caller"))
}

fn measure(runtime: &tokio::runtime::Runtime, name: &str, tool: &dyn Tool, faults: &str, sources: u32, ticks: u32) {
    let folder = tempfile::tempdir().unwrap();
    let mut cloud = Cloud::new(7).with_speed(SPEED);
    // Small enough for AWS's shortest times: some minutes for a backup, six or seven for a copy.
    let file_system = "[[file_system]]\ntype = \"LUSTRE\"\nused_bytes = 1_000_000_000\n";
    let fleet = Fleet::from_toml(&file_system.repeat(sources as usize)).unwrap();
    let ids = fleet.populate(&mut cloud, Endpoint::now_ms()).unwrap();
    let quiet = faults.is_empty();
    let faults = Faults::from_toml(faults).unwrap();
    let bound = Endpoint::bind(([127, 0, 0, 1], 0).into(), cloud, faults);
    let endpoint = runtime.block_on(bound).unwrap();
    // Lifeboat's schedule goes by the wall clock: both begin half a minute before an even minute, and a script at it.
    let second = |ms: i64| ms / 1000 % 120;
    wait_until("a tick", || second(Endpoint::now_ms()) == 115);
    let from_ms = (Endpoint::now_ms() / 120_000 + 1) * 120_000;
    if name == "script" {
        wait_until("a tick", || Endpoint::now_ms() >= from_ms);
    }
    let time = TICK * (ticks + 1);
    let cpu = tool.run(folder.path(), &endpoint.url(), &ids, ticks, time);
    let inventory = endpoint.cloud().lock().unwrap().inventory(Endpoint::now_ms());
    let until_ms = from_ms + i64::try_from(time.as_millis()).unwrap();
    let tick_ms = i64::try_from(TICK.as_millis()).unwrap();
    let of_tick = |copy: &&BackupFacts, nth: i64| (copy.taken_ms - from_ms).div_euclid(tick_ms) == nth;
    let (mut there, mut twice, mut makespan_ms) = (0, 0, 0);
    for nth in 0..i64::from(ticks) {
        for id in &ids {
            let of: Vec<&BackupFacts> =
                copies(&inventory).filter(|copy| copy.resource == *id && of_tick(copy, nth)).collect();
            there += usize::from(!of.is_empty());
            twice += of.len().saturating_sub(1);
            let first = of.iter().filter_map(|copy| copy.ended_ms).min();
            makespan_ms = makespan_ms.max(first.map_or(0, |ended_ms| ended_ms - from_ms - nth * tick_ms));
        }
    }
    let breaches: Vec<Duration> = ids.iter().map(|id| breached(&inventory, id, from_ms, until_ms)).collect();
    let breached_ones = breaches.iter().filter(|breached| **breached > Duration::from_secs(1)).count();
    let calls: u64 = inventory.calls.iter().map(|calls| calls.count).sum();
    let throttled: u64 =
        inventory.calls.iter().filter(|calls| calls.code.contains("LimitExceeded")).map(|calls| calls.count).sum();
    println!(
        "{name:<10} {:>8} {there:>4} of {:<4} {twice:>6} {:>10} {:>8.1} {calls:>7} {throttled:>9} {breached_ones:>9} {:>12}",
        if quiet { "well" } else { "badly" },
        ids.len() * ticks as usize,
        format!("{} s", makespan_ms / 1000),
        cpu.as_secs_f64(),
        format!("{} s", breaches.iter().sum::<Duration>().as_secs()),
    );
    runtime.block_on(endpoint.shutdown());
}

fn main() {
    let (sources, ticks) = (number("LIFEBOAT_SOURCES", 20), number("LIFEBOAT_TICKS", 3));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    println!("{sources} file systems, {ticks} times a backup and a copy of each; AWS's times by thirty");
    println!("tool        AWS acts  copies       twice   makespan    CPU s   calls  refusals  breached  breached for");
    for faults in ["", FAULTS] {
        measure(&runtime, "script", &Script, faults, sources, ticks);
        measure(&runtime, "Lifeboat", &Lifeboat, faults, sources, ticks);
    }
}
