//! Lifeboat beside a shell script with the AWS CLI, as cron runs it: `cargo bench --bench baseline`, with `aws` installed.
//!
//! Both protect the same fleet at the same simulator, one after the other: `LIFEBOAT_SOURCES` (20) file systems, a backup of
//! each every two minutes, `LIFEBOAT_TICKS` (3) times, a copy of each in another Region, where AWS copies five at a time.
//! The simulator works thirty times faster than AWS, and cron runs the script's second half every fifteen seconds. Once with
//! an AWS that answers well, and once with throttled and lost answers and failed copies (`LIFEBOAT_AWS=badly`: only that).
//! Nobody else copies: how long a full lane is left alone goes by the clock, which is thirty times too long here.
//!
//! What is compared is read from the simulator's inventory and from the kernel, for both alike. Python does not start thirty
//! times faster: what the script spends on that is thirty times too much of its makespan, not of its CPU time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]

#[path = "../support/mod.rs"]
mod support;

use lifeboat::sim::cloud::{BackupFacts, Inventory};
use lifeboat::sim::{Cloud, Endpoint, Faults, Fleet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{Daemon, free_address};

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

/// When a run begins, with the first tick, and ends.
#[derive(Clone, Copy)]
struct Run {
    ticks: u32,
    from_ms: i64,
    until_ms: i64,
}

impl Run {
    /// From the next even minute on; one tick longer than there are ticks.
    fn next(ticks: u32) -> Self {
        let tick_ms = i64::try_from(TICK.as_millis()).unwrap();
        let from_ms = (Endpoint::now_ms() / tick_ms + 1) * tick_ms;
        Self { ticks, from_ms, until_ms: from_ms + tick_ms * (i64::from(ticks) + 1) }
    }

    /// Since the first tick; zero before it.
    fn elapsed(self) -> Duration {
        Duration::from_millis(u64::try_from(Endpoint::now_ms() - self.from_ms).unwrap_or(0))
    }

    fn wait_for(at_ms: i64) {
        while Endpoint::now_ms() < at_ms {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What protects the fleet for a run; returns the CPU time that it took.
trait Tool {
    fn run(&self, folder: &Path, endpoint: &str, ids: &[String], run: Run) -> Duration;
}

struct Script;

impl Tool for Script {
    fn run(&self, folder: &Path, endpoint: &str, ids: &[String], run: Run) -> Duration {
        let cpu_before = cpu_of_children();
        Run::wait_for(run.from_ms);
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
        while Endpoint::now_ms() < run.until_ms {
            if taken < run.ticks && run.elapsed() >= TICK * taken {
                taken += 1;
                running.push(script("take"));
            }
            if run.elapsed() >= next_copy {
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
    fn run(&self, folder: &Path, endpoint: &str, ids: &[String], run: Run) -> Duration {
        let listen = free_address();
        let write = |schedule_and_rpo: &str| {
            let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
            let text = format!(
                "[daemon]\nstate = \"{0}/state.db\"\ncontrol = \"{0}/control.sock\"\nlisten = \"{listen}\"\npoll = \"1s\"\n\
                 [aws]\nendpoint_url = \"{endpoint}\"\n\
                 [[policy]]\nname = \"bench\"\nregion = \"{HOME}\"\nfile_systems = [{1}]\n{schedule_and_rpo}\n\
                 retain = {{ last = 3 }}\n[[policy.destination]]\nregion = \"{THERE}\"\n",
                folder.display(),
                ids.join(","),
            );
            std::fs::write(folder.join("lifeboat.toml"), text).unwrap();
        };
        write("schedule = \"*/2 * * * *\"\nrpo = \"4m\"");
        let daemon = Daemon::start(folder, listen);
        Run::wait_for(run.from_ms);
        std::thread::sleep(TICK * (run.ticks - 1) + TICK / 2);
        // The schedule ends after the last tick, as the script's does.
        write("schedule = \"0 0 1 1 *\"");
        let reload = Command::new(env!("CARGO_BIN_EXE_lifeboat"))
            .args(["reload", "--config"])
            .arg(folder.join("lifeboat.toml"))
            .output()
            .unwrap();
        assert!(reload.status.success(), "{}", String::from_utf8_lossy(&reload.stderr));
        Run::wait_for(run.until_ms);
        let cpu = daemon.cpu();
        daemon.stop();
        cpu
    }
}

/// How long, in all, the newest copy of a file system was older than the RPO, or missing for as long.
fn breached(inventory: &Inventory, of: &str, from_ms: i64, until_ms: i64) -> Duration {
    let mut copies: Vec<(i64, i64)> = made(inventory, true)
        .filter(|copy| copy.resource == of)
        .filter_map(|copy| Some((copy.ended_ms?, copy.taken_ms)))
        .filter(|(ended_ms, _)| *ended_ms < until_ms)
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

/// The caller's copies that became AVAILABLE, or its backups.
fn made(inventory: &Inventory, copies: bool) -> impl Iterator<Item = &BackupFacts> {
    let good = |backup: &&BackupFacts| backup.failure.is_none() && backup.ended_ms.is_some();
    let callers = |backup: &&BackupFacts| format!("{:?}", backup.by).eq_ignore_ascii_case("caller");
    inventory.backups.iter().filter(move |backup| backup.source_id.is_some() == copies).filter(good).filter(callers)
}

fn measure(
    runtime: &tokio::runtime::Runtime,
    name: &str,
    tool: &dyn Tool,
    acts: &str,
    faults: &str,
    sources: u32,
    ticks: u32,
) {
    let folder = tempfile::tempdir().unwrap();
    let mut cloud = Cloud::new(7).with_speed(SPEED);
    // Small enough for AWS's shortest times: some minutes for a backup, six or seven for a copy.
    let file_system = "[[file_system]]\ntype = \"LUSTRE\"\nused_bytes = 1_000_000_000\n";
    let fleet = Fleet::from_toml(&file_system.repeat(sources as usize)).unwrap();
    let ids = fleet.populate(&mut cloud, Endpoint::now_ms()).unwrap();
    let faults = Faults::from_toml(faults).unwrap();
    let bound = Endpoint::bind(([127, 0, 0, 1], 0).into(), cloud, faults);
    let endpoint = runtime.block_on(bound).unwrap();
    // A moment for Lifeboat to start before the first tick.
    let mut run = Run::next(ticks);
    while run.from_ms - Endpoint::now_ms() < 5_000 {
        std::thread::sleep(Duration::from_secs(1));
        run = Run::next(ticks);
    }
    Run::wait_for(run.from_ms - 5_000);
    let cpu = tool.run(folder.path(), &endpoint.url(), &ids, run);
    let Run { from_ms, until_ms, .. } = run;
    let inventory = endpoint.cloud().lock().unwrap().inventory(Endpoint::now_ms());
    let tick_ms = i64::try_from(TICK.as_millis()).unwrap();
    let (mut there, mut twice, mut makespan_ms) = (0, 0, 0);
    for nth in 0..i64::from(ticks) {
        for id in &ids {
            let of = |copies: bool| -> Vec<&BackupFacts> {
                let of_tick = |made: &&BackupFacts| (made.taken_ms - from_ms).div_euclid(tick_ms) == nth;
                let in_time = |made: &&BackupFacts| made.ended_ms.is_some_and(|ended_ms| ended_ms < until_ms);
                made(&inventory, copies).filter(|made| made.resource == *id).filter(of_tick).filter(in_time).collect()
            };
            let (backups, copies) = (of(false), of(true));
            there += usize::from(!copies.is_empty());
            twice += backups.len().saturating_sub(1) + copies.len().saturating_sub(1);
            // What is not there at the end took until then at least.
            let first = copies.iter().filter_map(|copy| copy.ended_ms).min().unwrap_or(until_ms);
            makespan_ms = makespan_ms.max(first - from_ms - nth * tick_ms);
        }
    }
    let breaches: Vec<Duration> = ids.iter().map(|id| breached(&inventory, id, from_ms, until_ms)).collect();
    let breached_ones = breaches.iter().filter(|breached| **breached > Duration::from_secs(1)).count();
    let calls: u64 = inventory.calls.iter().map(|calls| calls.count).sum();
    let throttled: u64 =
        inventory.calls.iter().filter(|calls| calls.code.contains("LimitExceeded")).map(|calls| calls.count).sum();
    println!(
        "{name:<10} {:>8} {there:>4} of {:<4} {twice:>6} {:>10} {:>8.1} {calls:>7} {throttled:>9} {breached_ones:>9} {:>12}",
        acts,
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
    let only = std::env::var("LIFEBOAT_AWS").unwrap_or_default();
    for (acts, faults) in [("well", ""), ("badly", FAULTS)] {
        if !acts.contains(&only) {
            continue;
        }
        measure(&runtime, "script", &Script, acts, faults, sources, ticks);
        measure(&runtime, "Lifeboat", &Lifeboat, acts, faults, sources, ticks);
    }
}
