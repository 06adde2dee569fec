//! A host that has run for years: it starts again, and what people ask is answered.

use crate::support::years::{Years, make, source};
use crate::support::{Bench, wait_until};
use lifeboat::domain::time::Time;
use std::time::{Duration, Instant};

fn policy(bench: &Bench, sources: u32, held: u32) {
    let ids: Vec<String> = (0..sources).map(|number| format!("\"{}\"", source(number))).collect();
    bench.write_policy(&format!(
        "[[policy]]\nname = \"all\"\nregion = \"us-east-1\"\nfile_systems = [{}]\nschedule = \"0 0 * * *\"\nrpo = \"30h\"\n\
         retain = {{ last = {held} }}\n\
         [[policy.destination]]\nregion = \"us-west-2\"\nretain = {{ last = {held} }}\n\
         [[policy.destination]]\nregion = \"eu-west-1\"\nretain = {{ last = {held} }}\n\
         [[policy.destination]]\nregion = \"ap-southeast-2\"\nretain = {{ last = {held} }}\n",
        ids.join(", ")
    ));
}

fn resident_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// 1.6 million deleted points of 400 days and 1,000 daily sources, none of them forgotten yet. The figures are printed
/// (`--nocapture`); what is asserted is an order of magnitude above them, for a slow machine and a debug build.
#[test]
fn a_daemon_with_years_behind_it_starts_and_answers() {
    let number = |name: &str, default: u32| std::env::var(name).ok().map_or(default, |text| text.parse().unwrap());
    let (sources, past_days) = (number("LIFEBOAT_SOURCES", 1000), number("LIFEBOAT_DAYS", 400));
    let held = number("LIFEBOAT_HELD", 7);
    let bench = Bench::new(1.0, "");
    policy(&bench, sources, held);
    let years = Years { sources, past_days, held };
    let began = Instant::now();
    let now = Time::from_millis(lifeboat::sim::Endpoint::now_ms());
    bench.runtime.block_on(make(&bench.database(), years, now));
    let bytes = std::fs::metadata(bench.database()).unwrap().len();
    println!("{sources} sources, {past_days} days, {held} held: {} MB, made in {:?}", bytes >> 20, began.elapsed());
    // Nobody listens there: what is on record stays as it is.
    let policy = std::fs::read_to_string(bench.path("lifeboat.toml")).unwrap();
    let silent = policy.replace(&bench.endpoint.url(), "http://127.0.0.1:9");
    std::fs::write(bench.path("lifeboat.toml"), silent).unwrap();
    for (what, arguments) in [
        ("status without a daemon", vec!["status"]),
        ("points without a daemon", vec!["points"]),
        ("plan without a daemon", vec!["plan"]),
    ] {
        let began = Instant::now();
        let output = bench.run(&arguments);
        println!("{what}: {:?}", began.elapsed());
        assert!(output.stderr.is_empty() || output.status.code().is_some(), "{what}");
        assert!(!output.stdout.is_empty(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let began = Instant::now();
    let daemon = bench.daemon();
    let ready = || bench.get("/healthz").is_some();
    wait_until("the daemon answers", Duration::from_secs(60), ready);
    println!("answers after {:?}, {} MB resident", began.elapsed(), resident_mb(daemon.id()));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    for path in ["/api/v1/status", "/metrics", "/", "/api/v1/history?limit=100", "/api/v1/plan", "/api/v1/report"] {
        let began = Instant::now();
        let answer = bench.get_within(path, Duration::from_secs(60));
        println!(
            "{path}: {:?}, {} bytes, {} MB resident",
            began.elapsed(),
            answer.as_ref().map_or(0, String::len),
            resident_mb(daemon.id())
        );
        assert!(answer.is_some(), "{path}");
        assert!(began.elapsed() < Duration::from_secs(30), "{path}: {:?}", began.elapsed());
    }
    std::thread::sleep(Duration::from_secs(number("LIFEBOAT_REST", 0).into()));
    println!("at rest {} MB resident", resident_mb(daemon.id()));
    assert!(!bench.log().contains("ERROR"), "{}", bench.log());
}
