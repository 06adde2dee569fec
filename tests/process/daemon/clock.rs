//! A host whose clock differs from AWS's, through the real binary.

use super::*;

/// AWS's time is this number of seconds after the host's clock.
fn aws_ahead(seconds: i64) -> String {
    format!("[[fault]]\ndate_skew_seconds = {seconds}\n")
}

fn offset(bench: &Bench) -> Option<f64> {
    bench.metric("lifeboat_clock_offset_seconds").filter(|offset| !offset.is_nan())
}

fn clock_lines(bench: &Bench) -> Vec<String> {
    bench.log().lines().filter(|line| line.contains("ERROR") && line.contains("clock")).map(str::to_owned).collect()
}

/// A series of the daemon's own account, which nothing may have named yet.
fn of_own(bench: &Bench, name: &str, labels: &str) -> Option<f64> {
    ["111122223333", "default"].iter().find_map(|id| bench.metric(&format!("{name}{{account=\"{id}\",{labels}}}")))
}

fn needs_person(bench: &Bench) -> Option<f64> {
    of_own(bench, "lifeboat_needs_person", "region=\"us-east-1\",what=\"clock\"")
}

fn met(bench: &Bench) -> Option<f64> {
    let source = FILE_SYSTEMS[0];
    let labels = format!("policy=\"one\",source=\"{source}\",region=\"us-west-2\"");
    of_own(bench, "lifeboat_rpo_met", &labels)
}

/// A host that boots with the clock of its board: nothing is done on its word, however long, and all once it is right.
#[test]
fn a_start_with_a_wrong_clock_decides_nothing() {
    for ahead in [-2 * 365 * 86_400, -90_000, 90_000] {
        let bench = Bench::new(2000.0, &aws_ahead(ahead));
        bench.write_policy(&one_source("*/2 * * * * *", "retain = { last = 3 }"));
        let daemon = bench.daemon();
        wait_until("AWS is heard", SOON, || offset(&bench).is_some());
        assert!((offset(&bench).unwrap() + ahead as f64).abs() < 5.0, "{:?}", offset(&bench));
        wait_until("looks go on", SOON, || {
            let labels = "operation=\"DescribeBackups\",region=\"us-east-1\",code=\"OK\"";
            bench.metric(&format!("lifeboat_aws_requests_total{{{labels}}}")) > Some(1.0)
        });
        assert!(bench.inventory().backups.is_empty());
        assert_eq!(needs_person(&bench), Some(1.0));
        assert!(met(&bench).unwrap().is_nan());
        let status = stdout(&bench.run(&["status"]));
        assert!(status.contains("the host's clock is") && !status.contains("all met"), "{status}");
        assert_eq!(clock_lines(&bench).len(), 1, "{:?}", clock_lines(&bench));
        let order = bench.run(&["backup", "one"]);
        assert!(!order.status.success() && stderr(&order).contains("clock is off"), "{order:?}");
        bench.set_faults("");
        wait_until("copies", SOON, || {
            let inventory = bench.inventory();
            inventory.backups.iter().any(|backup| backup.region == "us-west-2" && lifecycle(backup) == "AVAILABLE")
        });
        wait_until("well", SOON, || met(&bench) == Some(1.0) && needs_person(&bench) == Some(0.0));
        assert!(offset(&bench).unwrap().abs() < 5.0);
        assert!(bench.run(&["backup", "one"]).status.success());
        nothing_made_twice(&bench.inventory());
        drop(daemon);
    }
}

/// While AWS disagrees, what is under way goes on, and nothing begins; then what came due is caught up.
#[test]
fn a_clock_that_goes_wrong_holds_up_only_decisions() {
    let bench = Bench::new(2000.0, "");
    bench.write_policy(&one_source("*/2 * * * * *", "retain = { last = 3 }"));
    let daemon = bench.daemon();
    let available = || bench.inventory().backups.iter().filter(|backup| lifecycle(backup) == "AVAILABLE").count();
    wait_until("copies", SOON, || available() > 4);
    bench.set_faults(&aws_ahead(-90_000));
    wait_until("it is noticed", SOON, || needs_person(&bench) == Some(1.0));
    // What was under way ends.
    wait_until("rest", SOON, || !bench.inventory().backups.iter().any(|backup| lifecycle(backup).ends_with("ING")));
    let made = bench.inventory().backups.len();
    let deleted = || bench.inventory().backups.iter().filter(|backup| lifecycle(backup) == "DELETED").count();
    let gone = deleted();
    let rounds = || bench.metric("lifeboat_round_duration_seconds_count").unwrap_or(0.0);
    let before = rounds();
    wait_until("rounds", SOON, || rounds() > before + 20.0);
    assert_eq!((bench.inventory().backups.len(), deleted()), (made, gone));
    assert!(met(&bench).unwrap().is_nan());
    bench.set_faults("");
    wait_until("it goes on", SOON, || bench.inventory().backups.len() > made && deleted() > gone);
    assert_eq!(clock_lines(&bench).len(), 1, "{:?}", clock_lines(&bench));
    let history = stdout(&bench.run(&["history", "--limit", "1000"]));
    assert!(!history.contains("missed"), "{history}");
    nothing_made_twice(&bench.inventory());
    drop(daemon);
}

/// Four minutes are borne with, and said.
#[test]
fn a_small_difference_is_said_and_stops_nothing() {
    let bench = Bench::new(2000.0, &aws_ahead(240));
    bench.write_policy(&one_source("*/2 * * * * *", ""));
    let daemon = bench.daemon();
    wait_until("copies", SOON, || bench.inventory().backups.iter().any(|backup| backup.region == "us-west-2"));
    wait_until("it is shown", SOON, || stdout(&bench.run(&["status"])).contains("behind AWS's"));
    assert!((offset(&bench).unwrap() + 240.0).abs() < 5.0);
    assert!(clock_lines(&bench).is_empty() && needs_person(&bench) == Some(0.0));
    drop(daemon);
}

/// Before the night: the clock, the Regions and the sources.
#[test]
fn check_asks_aws_what_a_file_cannot_tell() {
    let bench = Bench::new(2000.0, &aws_ahead(-90_060));
    bench.write_policy(&one_source(NEVER, ""));
    let check = |more: &[&str]| bench.run(&[&["check", "--aws"], more].concat());
    let off = check(&[]);
    assert_eq!(off.status.code(), Some(1), "{off:?}");
    assert!(stdout(&off).contains("clock: the host's is 1d 1h ahead of AWS's: nothing would be opened"), "{off:?}");
    bench.set_faults("");
    let good = check(&[]);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let said = stdout(&good);
    assert!(said.contains("clock: as AWS's") && said.contains("us-east-1: answers, 1 of 1 sources found"), "{said}");
    bench.set_faults("[[fault]]\nregions = [\"eu-west-1\"]\nrefuse = \"OptInRequired\"\n");
    let refused = check(&["--json"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(said["good"], false);
    let regions = said["aws"]["regions"].as_array().unwrap();
    let problems = |region: &str| regions.iter().find(|of| of["region"] == region).unwrap()["problems"].to_string();
    assert!(problems("eu-west-1").contains("OptInRequired") && problems("us-west-2") == "[]", "{said}");
    bench.set_faults("");
    let text = one_source(NEVER, "").replace(FILE_SYSTEMS[0], "fs-0123456789abcdef0");
    bench.write_policy(&text);
    let missing = check(&[]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(stdout(&missing).contains("fs-0123456789abcdef0 cannot be looked up"), "{missing:?}");
    assert!(bench.inventory().backups.is_empty());
}
