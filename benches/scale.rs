//! How everything grows with the fleet: `cargo bench --bench scale`.
//!
//! The real binary against the simulator in this process: fleets of 100, 1,000 and 10,000 sources (`LIFEBOAT_SOURCES`,
//! with commas), two hundred to an account, each account entered by a role of its own, with three destinations and
//! `LIFEBOAT_HELD` (30) recovery points in each place. The daemon first takes all of it in from AWS; what is told is
//! of the next one, that starts from the database so made: when its first round is over and when it has read every Region
//! again, what it holds, what it costs while nothing is due, and how soon the first and the last byte of each answer
//! come. The simulator shares the machine, so times are somewhat longer than the daemon's own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]

mod support;

use lifeboat::sim::{Cloud, Endpoint, Faults, Fleet, Settings};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use support::filled::{DAY_MS, fill};
use support::{DESTINATIONS, Daemon, free_address, wait_until};

const PER_ACCOUNT: usize = 200;
/// What is asked of the listener.
const ANSWERS: [&str; 6] =
    ["/metrics", "/", "/api/v1/status", "/api/v1/history?limit=1000", "/api/v1/report", "/api/v1/plan"];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn account(number: usize) -> String {
    format!("1111{number:08}")
}

/// A policy for each account, and a role to enter it by.
fn write_policies(folder: &Path, at: &Where<'_>, fleets: &[(String, Vec<String>)], held: usize) {
    let mut text = format!(
        "[daemon]\nstate = \"{0}/state.db\"\ncontrol = \"{0}/control.sock\"\nlisten = \"{1}\"\n\
         [aws]\nendpoint_url = \"{2}\"\nrequests_per_second = 100\n",
        folder.display(),
        at.listen,
        at.endpoint,
    );
    for (number, (account, ids)) in fleets.iter().enumerate() {
        let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
        let destinations = DESTINATIONS.map(|region| format!("[[policy.destination]]\nregion = \"{region}\"\n"));
        text.push_str(&format!(
            "[accounts.a{number}]\nrole_arn = \"arn:aws:iam::{}:role/lifeboat\"\n\
             [[policy]]\nname = \"p{number}\"\naccount = \"a{number}\"\nregion = \"us-east-1\"\nschedule = \"0 0 * * *\"\n\
             rpo = \"30h\"\nretain = {{ last = {held} }}\nfile_systems = [{}]\n{}",
            account,
            ids.join(","),
            destinations.concat(),
        ));
    }
    std::fs::write(folder.join("lifeboat.toml"), text).unwrap();
}

struct Where<'a> {
    listen: std::net::SocketAddr,
    endpoint: &'a str,
}

/// The first byte of an answer, the last one, and its length.
fn asked(daemon: &Daemon, path: &str) -> (Duration, Duration, usize) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(daemon.listen).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", daemon.listen).unwrap();
    let mut answer = vec![0; 1];
    let got = stream.read(&mut answer).unwrap();
    let first = began.elapsed();
    stream.read_to_end(&mut answer).unwrap();
    assert!(got == 1 && answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer[..80]));
    (first, began.elapsed(), answer.len())
}

/// Every Region of every account was read by this process.
fn all_read(daemon: &Daemon, started: f64, places: usize) -> bool {
    let metrics = daemon.get("/metrics").unwrap_or_default();
    let lines = metrics.lines().filter(|line| line.starts_with("lifeboat_last_seen_timestamp_seconds{"));
    let seen = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    seen.filter(|at| *at >= started).count() >= places
}

fn unix_seconds() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64()
}

fn measure(runtime: &tokio::runtime::Runtime, sources: usize, held: usize) {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { lustre_backups: u32::MAX, ..Settings::default() };
    let mut cloud = Cloud::new(1).with_speed(1e9).with_settings(settings);
    let began = Endpoint::now_ms() - (held as i64 + 2) * DAY_MS;
    let accounts = sources.div_ceil(PER_ACCOUNT);
    let fleets: Vec<(String, Vec<String>)> = (0..accounts)
        .map(|number| {
            let members = (sources / accounts).max(1);
            let member = format!("[[file_system]]\ntype = \"LUSTRE\"\naccount = \"{}\"\n", account(number));
            let ids = Fleet::from_toml(&member.repeat(members)).unwrap().populate(&mut cloud, began).unwrap();
            (account(number), ids)
        })
        .collect();
    fill(&mut cloud, &fleets, held);
    let bound = Endpoint::bind(([127, 0, 0, 1], 0).into(), cloud, Faults::default());
    let endpoint = runtime.block_on(bound).unwrap();
    let (listen, places) = (free_address(), accounts * (1 + DESTINATIONS.len()));
    let points: usize = fleets.iter().map(|(_, ids)| ids.len() * held * (1 + DESTINATIONS.len())).sum();
    write_policies(folder.path(), &Where { listen, endpoint: &endpoint.url() }, &fleets, held);

    let began = Instant::now();
    let daemon = Daemon::start(folder.path(), listen);
    wait_until("all points", || daemon.sum(&["recovery_points"]) as usize >= points);
    let (took_in, cpu, most) = (began.elapsed(), daemon.cpu(), daemon.memory("VmHWM:"));
    std::thread::sleep(Duration::from_secs(5));
    daemon.stop();
    println!("\n{sources} sources in {accounts} accounts, {points} recovery points");
    println!("  taken in from AWS within {took_in:.1?}, {cpu:.1?} of CPU, {most} MB at most");

    let (began, started) = (Instant::now(), unix_seconds());
    let daemon = Daemon::start(folder.path(), listen);
    wait_until("a round", || daemon.sum(&["round_duration_seconds_count"]) >= 1.0);
    let first_round = began.elapsed();
    wait_until("every Region", || all_read(&daemon, started, places));
    let (read, read_cpu) = (began.elapsed(), daemon.cpu());
    println!(
        "  started from its database: a round after {first_round:.2?}, every Region read after {read:.1?} ({read_cpu:.1?} of CPU)"
    );
    std::thread::sleep(Duration::from_secs(10));
    let rest = daemon.memory("VmRSS:");
    let rounds = ["round_duration_seconds_count", "round_duration_seconds_sum"];
    let of_rounds = |daemon: &Daemon| rounds.map(|name| daemon.sum(&[name]));
    let (seconds, before) = (number("LIFEBOAT_SECONDS", 60), of_rounds(&daemon));
    let cpu_before = daemon.cpu();
    std::thread::sleep(Duration::from_secs(seconds));
    let cpu = daemon.cpu() - cpu_before;
    let after = of_rounds(&daemon);
    let (count, sum) = (after[0] - before[0], after[1] - before[1]);
    println!(
        "  {rest} MB at rest; {:.2} % of a core in {seconds} s of nothing due; {count} rounds, {:.2} ms each",
        cpu.as_secs_f64() / seconds as f64 * 100.0,
        sum / count.max(1.0) * 1000.0
    );
    for path in ANSWERS {
        let _ = asked(&daemon, path);
        let (first, last, bytes) = asked(&daemon, path);
        println!("  {path:<28} first byte {first:>9.1?}, last {last:>9.1?}, {:>9.1} KB", bytes as f64 / 1000.0);
    }
    println!("  {} MB at most, {} MB after all of these", daemon.memory("VmHWM:"), daemon.memory("VmRSS:"));
    daemon.stop();
    runtime.block_on(endpoint.shutdown());
}

fn main() {
    let fleets = std::env::var("LIFEBOAT_SOURCES").unwrap_or_else(|_| "100,1000,10000".to_owned());
    let held = number("LIFEBOAT_HELD", 30) as usize;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for sources in fleets.split(',').filter_map(|text| text.trim().parse().ok()) {
        measure(&runtime, sources, held);
    }
}
