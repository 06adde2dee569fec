//! Faults: read, decided, scheduled, healed.

use std::collections::BTreeSet;

use lifeboat::sim::cloud::{FileSystemType, Lifecycle, Lost, Principal};
use lifeboat::sim::faults::HELP;
use lifeboat::sim::{Fault, Faults, Fleet, Settings};
use serde_json::{Value, json};

use super::bench::{ACCOUNT, Bench, HERE, HOUR, START_MS, THERE, id};

/// What a caller gets: an answer, an error's code, or nothing of FSx's.
type Got = Result<Result<Value, String>, Lost>;
/// A knob to turn, and what a caller gets then.
type Case = (fn(&mut Fault), Got);

fn serve(bench: &mut Bench, region: &str, operation: &str, body: Value) -> Got {
    let served = bench.cloud.serve(bench.now_ms, ACCOUNT, region, operation, &body);
    served.reply.map(|answer| answer.map_err(|error| error.code.into_owned()))
}

fn with(fault: Fault) -> Bench {
    let mut bench = Bench::new();
    bench.cloud.set_faults(Faults::of(vec![fault]), Some(START_MS));
    bench
}

#[test]
fn the_help_names_every_knob_with_its_default_and_no_other() {
    let defaults = [json!(Fault::default()), json!(Settings::default())];
    let (_, reference) = HELP.split_once("\n[[fault]]\n").unwrap();
    let mut explained = BTreeSet::new();
    for line in reference.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let (name, shown) = line.trim().split_once(" = ").unwrap();
        let found = defaults.iter().any(|known| match known.get(name) {
            Some(Value::Null) => shown == "(none)",
            Some(Value::Number(number)) => number.as_f64() == shown.parse().ok(),
            Some(other) => serde_json::from_str(shown).ok().as_ref() == Some(other),
            None => false,
        });
        assert!(found, "{line}");
        explained.insert(name.to_owned());
    }
    let known = defaults.iter().flat_map(|known| known.as_object().unwrap().keys().cloned());
    assert_eq!(explained, known.collect());
}

#[test]
fn faults_are_read_strictly() {
    let good = "[cloud]\npage_size = 3\n[[fault]]\nregions = ['us-west-2']\nthrottle_percent = 5\nuntil_seconds = 60";
    let read = Faults::from_toml(good).unwrap();
    assert_eq!(read.cloud.as_ref().unwrap().page_size, 3);
    assert_eq!(read.fault[0].until_seconds, Some(60.0));
    for (text, words) in [
        ("[[fault]]\nthrotle_percent = 5", "throtle_percent"),
        ("[[fault]]\nthrottle_percent = 101", "not between 0 and 100"),
        ("[[fault]]\nslow_factor = -1", "slow_factor"),
        ("[cloud]\nbeing_copied = 'perhaps'", "perhaps"),
        ("fault = 3", "fault"),
    ] {
        let error = Faults::from_toml(text).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn what_is_lost_after_the_deed_was_done() {
    let cases: [Case; 4] = [
        (|fault| fault.close_after_percent = 100.0, Err(Lost::Closed)),
        (|fault| fault.silent_percent = 100.0, Err(Lost::Silence)),
        (|fault| fault.empty_percent = 100.0, Err(Lost::Empty)),
        (|fault| fault.error_after_percent = 100.0, Ok(Err("InternalServerError".into()))),
    ];
    for (turn, wanted) in cases {
        let mut fault = Fault { operations: vec!["CreateBackup".into()], ..Fault::default() };
        turn(&mut fault);
        let mut bench = with(fault);
        let windows = bench.file_system(FileSystemType::Windows);
        assert_eq!(serve(&mut bench, HERE, "CreateBackup", json!({ "FileSystemId": windows })), wanted);
        let all = serve(&mut bench, HERE, "DescribeBackups", json!({})).unwrap().unwrap();
        assert_eq!(all["Backups"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn what_is_refused_before_the_deed_was_not_done() {
    let cases: [Case; 8] = [
        (|fault| fault.close_before_percent = 100.0, Err(Lost::Closed)),
        (|fault| fault.black_hole_percent = 100.0, Err(Lost::Silence)),
        (|fault| fault.html_percent = 100.0, Err(Lost::Html)),
        (|fault| fault.forbidden_percent = 100.0, Err(Lost::Forbidden)),
        (|fault| fault.throttle_percent = 100.0, Ok(Err("ThrottlingException".into()))),
        (|fault| fault.error_before_percent = 100.0, Ok(Err("InternalServerError".into()))),
        (|fault| fault.unavailable_percent = 100.0, Ok(Err("ServiceUnavailable".into()))),
        (|fault| fault.refuse = Some("ExpiredTokenException".into()), Ok(Err("ExpiredTokenException".into()))),
    ];
    for (turn, wanted) in cases {
        let mut fault = Fault { operations: vec!["CreateBackup".into()], ..Fault::default() };
        turn(&mut fault);
        let mut bench = with(fault);
        let windows = bench.file_system(FileSystemType::Windows);
        assert_eq!(serve(&mut bench, HERE, "CreateBackup", json!({ "FileSystemId": windows })), wanted);
        assert_eq!(bench.cloud.backups().count(), 0);
        assert_eq!(serve(&mut bench, HERE, "DescribeBackups", json!({})), Ok(Ok(json!({ "Backups": [] }))));
    }
}

#[test]
fn a_token_bucket_throttles_each_operation_by_itself() {
    let mut bench = with(Fault { requests_per_second: 2.0, burst: 3.0, ..Fault::default() });
    let ask = |bench: &mut Bench, operation: &str| serve(bench, HERE, operation, json!({})).unwrap().is_ok();
    let passed = (0..10).filter(|_| ask(&mut bench, "DescribeBackups")).count();
    assert_eq!(passed, 3);
    assert!(ask(&mut bench, "DescribeVolumes"));
    bench.wait(1_000);
    assert_eq!((0..10).filter(|_| ask(&mut bench, "DescribeBackups")).count(), 2);
}

#[test]
fn a_timetable_breaks_one_region_and_heals_it() {
    let faults = "[[fault]]\nregions = ['us-west-2']\nfrom_seconds = 60\nuntil_seconds = 120\nblack_hole_percent = 100";
    let mut bench = Bench::new();
    bench.cloud.set_faults(Faults::from_toml(faults).unwrap(), Some(START_MS));
    for (seconds, works) in [(0, true), (59, true), (60, false), (119, false), (120, true)] {
        bench.now_ms = START_MS + seconds * 1_000;
        assert_eq!(serve(&mut bench, THERE, "DescribeBackups", json!({})).is_ok(), works, "{seconds}");
        assert!(serve(&mut bench, HERE, "DescribeBackups", json!({})).is_ok());
    }
}

#[test]
fn others_take_slots_within_the_limit_and_leave_again() {
    let faults = "[[fault]]\nregions = ['us-west-2']\nuntil_seconds = 7200\nother_copies_per_hour = 200";
    let mut bench = Bench::new();
    bench.cloud.set_faults(Faults::from_toml(faults).unwrap(), Some(START_MS));
    bench.ask(THERE, "DescribeBackups", json!({})).unwrap();
    bench.wait(HOUR);
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    assert_eq!(bench.begin_copy(&backup).unwrap_err().code, "ServiceLimitExceeded");
    let shown = bench.ask(THERE, "DescribeBackups", json!({})).unwrap();
    let copying = shown["Backups"].as_array().unwrap().iter().filter(|known| known["Lifecycle"] == "COPYING");
    assert_eq!(copying.count(), 5, "they can be seen");
    assert!(bench.cloud.lanes().values().all(|used| used.peak == 5));
    bench.wait(48 * HOUR);
    bench.begin_copy(&backup).unwrap();
    let shown = bench.ask(THERE, "DescribeBackups", json!({})).unwrap();
    assert_eq!(shown["Backups"].as_array().unwrap().len(), 1, "and are gone");
    bench.wait(HOUR);
    assert_eq!(bench.cloud.next_event_ms(), None, "nobody looks any more");
}

#[test]
fn backups_fail_hang_and_forget_on_demand() {
    let mut bench = with(Fault { fail_backup_percent: 100.0, ..Fault::default() });
    let windows = bench.file_system(FileSystemType::Windows);
    let failed = bench.backup(&windows);
    assert_eq!(bench.lifecycle(HERE, &failed), Some(Lifecycle::Failed));

    let stuck = Fault { stuck_backup_percent: 100.0, stuck_hours: 5.0, ..Fault::default() };
    bench.cloud.set_faults(Faults::of(vec![stuck]), Some(bench.now_ms));
    let hung = bench.begin_backup(&windows);
    bench.wait(4 * HOUR);
    assert_eq!(bench.lifecycle(HERE, &hung), Some(Lifecycle::Creating));
    bench.wait(HOUR);
    assert_eq!(bench.lifecycle(HERE, &hung), Some(Lifecycle::Failed));

    let forgets = Fault { forget_token_percent: 100.0, ..Fault::default() };
    bench.cloud.set_faults(Faults::of(vec![forgets]), Some(bench.now_ms));
    let asked = json!({ "FileSystemId": windows, "ClientRequestToken": "one" });
    let first = id(&bench.ask(HERE, "CreateBackup", asked.clone()).unwrap());
    bench.finish(HERE, &first);
    assert_ne!(id(&bench.ask(HERE, "CreateBackup", asked).unwrap()), first);
}

#[test]
fn a_fleet_is_read_strictly_and_settled() {
    let text = "
        region = 'eu-west-1'
        [[file_system]]
        id = 'fs-0123456789abcdef0'
        type = 'WINDOWS'
        tags = { dr = 'gold' }
        [[file_system]]
        type = 'ONTAP'
        account = '444455556666'
        [[file_system.volume]]
        id = 'fsvol-0123456789abcdef0'
        [[key]]
        key = 'alias/off'
        state = 'disabled'";
    let mut bench = Bench::new();
    let ids = Fleet::from_toml(text).unwrap().populate(&mut bench.cloud, START_MS).unwrap();
    assert_eq!((ids[0].as_str(), ids[2].as_str()), ("fs-0123456789abcdef0", "fsvol-0123456789abcdef0"));
    let known = bench.cloud.find_file_system(ACCOUNT, "eu-west-1", "fs-0123456789abcdef0").unwrap();
    assert_eq!(known.tags["dr"], "gold");
    for (text, words) in [
        ("[[file_system]]\ntype = 'NFS'", "NFS"),
        ("[[file_system]]\ntype = 'WINDOWS'\nsize = 3", "size"),
        ("[[file_system]]\nid = 'fs-1'", "type"),
    ] {
        let error = Fleet::from_toml(text).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    let bad = Fleet::from_toml("[[file_system]]\ntype = 'WINDOWS'\nid = 'fs-XYZ'").unwrap();
    assert!(bad.populate(&mut bench.cloud, START_MS).unwrap_err().contains("id"));
}

#[test]
fn answers_come_late_by_the_latency_and_some_of_the_jitter() {
    let late = Fault { latency_ms: 300, latency_jitter_ms: 100, ..Fault::default() };
    let mut bench = with(late);
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let served = bench.cloud.serve(bench.now_ms, ACCOUNT, HERE, "DescribeBackups", &json!({}));
        assert!(served.reply.is_ok() && (300..400).contains(&served.latency_ms), "{}", served.latency_ms);
        seen.insert(served.latency_ms);
    }
    assert!(seen.len() > 20, "{seen:?}");
}

#[test]
fn others_backups_are_in_the_way_of_ones_own() {
    let mut bench = with(Fault { other_backups_per_hour: 20.0, ..Fault::default() });
    let windows = bench.file_system(FileSystemType::Windows);
    bench.wait(HOUR);
    let others = bench.cloud.backups().filter(|(_, backup)| backup.by == Principal::Other).count();
    assert!(others > 3, "{others}");
    let refused = (0..60).filter(|_| {
        bench.wait(60_000);
        matches!(bench.ask(HERE, "CreateBackup", json!({ "FileSystemId": windows })), Err(error) if error.code == "BackupInProgress")
    });
    assert!(refused.count() > 10);
}
