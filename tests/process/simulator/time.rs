//! Determinism, speed, and years in little time.

use lifeboat::sim::cloud::{Cloud, FileSystemSeed, FileSystemType};
use lifeboat::sim::{Fault, Faults};
use serde_json::json;

use super::bench::{ACCOUNT, Bench, DAY, HERE, HOUR, START_MS, THERE, id};

/// Backups, copies and deletions of one file system, with others about; the state at the end.
fn history(seed: u64, days: i64, polls: bool) -> String {
    let mut cloud = Cloud::new(seed);
    let injected = Fault {
        fail_copy_percent: 10.0,
        fail_backup_percent: 5.0,
        other_copies_per_hour: 0.2,
        other_backups_per_hour: 0.02,
        ..Fault::default()
    };
    cloud.set_faults(Faults::of(vec![injected]), Some(START_MS));
    let seed = FileSystemSeed::new(FileSystemType::Windows);
    let (file_system, _) = cloud.add_file_system_seed(START_MS, ACCOUNT, HERE, &seed).unwrap();
    for day in 0..days {
        let now_ms = START_MS + day * DAY;
        let made = cloud.call(now_ms, ACCOUNT, HERE, "CreateBackup", &json!({ "FileSystemId": file_system }));
        if let Ok(made) = made {
            let body = json!({ "SourceBackupId": id(&made), "SourceRegion": HERE });
            let _ = cloud.call(now_ms + 3 * HOUR, ACCOUNT, THERE, "CopyBackup", &body);
            for region in [HERE, THERE] {
                let all = cloud.call(now_ms + 6 * HOUR, ACCOUNT, region, "DescribeBackups", &json!({})).unwrap();
                for old in all["Backups"].as_array().unwrap().iter().take(2) {
                    let body = json!({ "BackupId": old["BackupId"] });
                    let _ = cloud.call(now_ms + 6 * HOUR, ACCOUNT, region, "DeleteBackup", &body);
                }
            }
        }
        if polls {
            cloud.advance(now_ms + 9 * HOUR);
        }
    }
    serde_json::to_string(&cloud.inventory(START_MS + days * DAY)).unwrap()
}

#[test]
fn the_same_seed_makes_the_same_history() {
    assert_eq!(history(1, 60, false), history(1, 60, false));
    assert_eq!(history(1, 60, false), history(1, 60, true), "looking more often changes nothing");
    assert_ne!(history(1, 60, false), history(2, 60, false));
}

#[test]
fn a_year_takes_little_time() {
    let started = std::time::Instant::now();
    assert!(history(3, 365, false).len() > 100_000);
    assert!(started.elapsed().as_secs() < 20, "a guard against accidents, not a measurement");
}

#[test]
fn speed_divides_what_fsx_does_and_not_the_clock() {
    let took = |speed: f64| {
        let mut bench = Bench::new();
        bench.cloud = Cloud::new(7).with_speed(speed);
        let windows = bench.file_system(FileSystemType::Windows);
        let backup = bench.begin_backup(&windows);
        assert_eq!(bench.describe(HERE, &backup)["CreationTime"].as_f64(), Some(START_MS as f64 / 1e3));
        bench.finish(HERE, &backup)
    };
    let (slow, fast) = (took(1.0), took(100.0));
    assert!((slow - fast * 100).abs() <= 100, "{slow} {fast}");
}

#[test]
fn a_clock_set_back_changes_nothing() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    bench.now_ms = START_MS - DAY;
    assert_eq!(bench.describe(HERE, &backup)["Lifecycle"], "AVAILABLE");
    assert!(bench.cloud.advance(0) > START_MS);
}

#[test]
fn next_event_is_when_something_changes() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    bench.wait(1);
    assert_eq!(bench.cloud.next_event_ms(), None);
    let backup = bench.begin_backup(&windows);
    let ends_ms = bench.cloud.find_backup(ACCOUNT, HERE, &backup).unwrap().1.ends_ms;
    assert_eq!(bench.cloud.next_event_ms(), Some(ends_ms));
}
