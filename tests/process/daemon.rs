//! The real binary in its surroundings: signals, systemd, disks, Regions that do not answer, and what it says of them.

mod clock;
mod disputes;
mod environment;
mod stuck;

use crate::support::{
    Bench, DESTINATIONS, FILE_SYSTEMS, VOLUME, healed, lanes_kept, lifecycle, nothing_made_twice, wait_until,
};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
const NEVER: &str = "0 0 1 1 *";

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// One Windows source, two destinations.
fn one_source(schedule: &str, more: &str) -> String {
    // A schedule that hardly fires keeps no promise of minutes.
    let rpo = if schedule == NEVER { "" } else { "rpo = \"10m\"" };
    format!(
        "[[policy]]\nname = \"one\"\nregion = \"us-east-1\"\nfile_systems = [\"{}\"]\nschedule = \"{schedule}\"\n\
         {rpo}\ntags = {{ cost = \"dr\" }}\n{more}\n\
         [[policy.destination]]\nregion = \"us-west-2\"\nkms_key = \"alias/dr\"\ncopy_tags = true\n\
         [[policy.destination]]\nregion = \"eu-west-1\"\n",
        FILE_SYSTEMS[0]
    )
}

fn ready(bench: &Bench) {
    wait_until("ready", SOON, || bench.get("/readyz").is_some());
}

#[test]
fn every_type_is_protected_everywhere_with_our_tags() {
    let bench = Bench::new(600.0, "");
    bench.write_fleet_policy("*/3 * * * * *");
    let daemon = bench.daemon();
    wait_until("healed once", SOON, || healed(&bench.inventory()) || bench.inventory().backups.len() > 60);
    bench.write_fleet_policy(NEVER);
    daemon.signal("HUP");
    wait_until("healed", SOON, || healed(&bench.inventory()));
    let inventory = bench.inventory();
    nothing_made_twice(&inventory);
    lanes_kept(&inventory);
    for backup in &inventory.backups {
        let keys: Vec<&str> =
            backup.tags.keys().map(String::as_str).filter(|key| key.starts_with("lifeboat:")).collect();
        let copy = backup.source_id.is_some();
        let expected: &[&str] = if copy {
            &["attempt", "occurrence", "origin", "policy", "source", "taken", "trigger"]
        } else {
            &["attempt", "occurrence", "policy", "source", "trigger"]
        };
        let expected: Vec<String> = expected.iter().map(|key| format!("lifeboat:{key}")).collect();
        assert_eq!(keys, expected, "{}", backup.id);
        assert!(backup.tags.contains_key("Name"));
        if copy {
            let origin = format!("us-east-1/{}", backup.source_id.as_deref().unwrap());
            assert_eq!(backup.tags["lifeboat:origin"], origin);
        } else if backup.resource == FILE_SYSTEMS[0] {
            assert_eq!(backup.tags["team"], "it", "the source's own tags are carried over");
        }
    }
    let types: std::collections::BTreeSet<_> = inventory.backups.iter().map(|backup| backup.file_system_type).collect();
    assert_eq!(types.len(), 4);
}

#[test]
fn tags_keys_and_metrics_of_one_source() {
    let bench = Bench::new(2000.0, "");
    bench.write_policy(&one_source("*/2 * * * * *", ""));
    let _daemon = bench.daemon();
    let newest = |region: &str| {
        let source = FILE_SYSTEMS[0];
        bench.metric(&format!(
            "lifeboat_recovery_point_timestamp_seconds{{account=\"111122223333\",policy=\"one\",region=\"{region}\",source=\"{source}\"}}"
        ))
    };
    wait_until("a copy in both", SOON, || DESTINATIONS.iter().all(|region| newest(region).is_some_and(|at| at > 0.0)));
    let inventory = bench.inventory();
    let copy = inventory.backups.iter().find(|backup| backup.region == "us-west-2").unwrap();
    assert_eq!(copy.tags["cost"], "dr");
    assert_eq!(copy.tags["team"], "it", "copy_tags carries the backup's own");
    assert!(copy.kms_key.ends_with("alias/dr") || copy.kms_key.contains(":key/"), "{}", copy.kms_key);
    let other = inventory.backups.iter().find(|backup| backup.region == "eu-west-1").unwrap();
    assert!(!other.tags.contains_key("team"));
    assert_eq!(bench.metric("lifeboat_config_last_reload_successful"), Some(1.0));
    // Age counts from the source backup.
    let at = newest("us-west-2").unwrap();
    let taken = inventory.backups.iter().filter(|b| b.region == "us-east-1").map(|b| b.created_ms).max().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds fit")]
    let latest = taken as f64 / 1000.0;
    assert!(at <= latest + 2.5, "{at} {latest}");
}

#[test]
fn a_code_that_is_made_up_is_counted_and_has_no_series_of_its_own() {
    let bench = Bench::new(2000.0, "[[fault]]\nregions = [\"eu-west-1\"]\nrefuse = \"MadeUp7\"\n");
    bench.write_policy(&one_source("*/2 * * * * *", ""));
    let _daemon = bench.daemon();
    let counted = |region: &str, code: &str| {
        let labels = format!("operation=\"DescribeBackups\",region=\"{region}\",code=\"{code}\"");
        bench.metric(&format!("lifeboat_aws_requests_total{{{labels}}}"))
    };
    wait_until("counted", SOON, || counted("eu-west-1", "other") > Some(0.0) && counted("us-east-1", "OK") > Some(0.0));
    assert!(!bench.get("/metrics").unwrap().contains("MadeUp7"));
}

#[test]
fn after_the_loss_of_its_database_it_says_what_it_waits_for() {
    // The listing that tells of the backup is the first word of AWS, so that no policy holds yet when it is taken in.
    let late = "[[fault]]\nregions = [\"us-west-2\", \"eu-west-1\"]\nlatency_ms = 500\n\
                [[fault]]\noperations = [\"DescribeFileSystems\"]\nlatency_ms = 500\n";
    let bench = Bench::new(2000.0, late);
    bench.write_policy(&one_source("*/2 * * * * *", ""));
    let daemon = bench.daemon();
    let backed_up = || bench.inventory().backups.iter().any(|b| b.region == "us-east-1" && lifecycle(b) == "AVAILABLE");
    wait_until("one backup", SOON, backed_up);
    daemon.kill();
    assert!(!bench.log().contains("protected before this database existed"), "nothing was");
    bench.lose_database();
    let _daemon = bench.daemon();
    let said = || bench.log().matches("protected before this database existed").count();
    wait_until("said", SOON, || said() == 1);
    let log = bench.log();
    let line = log.lines().find(|line| line.contains("protected before this database existed")).unwrap();
    assert!(line.contains("INFO") && line.contains("us-east-1"), "{line}");
    // Once for each Region with sources, however often it is listed; the destinations have none.
    wait_until("listed everywhere", SOON, || stdout(&bench.run(&["points", "--json"])).contains("backup-"));
    assert_eq!(said(), 1);
}

/// The words for the key of us-west-2, as they change over the life of a policy.
#[test]
fn a_changed_key_is_announced_in_plan_and_in_the_log_before_the_copy_that_it_makes_full() {
    const A: &str = "arn:aws:kms:us-west-2:111122223333:key/aaaaaaaa-12ab-34cd-56ef-1234567890ab";
    const B: &str = "arn:aws:kms:us-west-2:111122223333:key/bbbbbbbb-12ab-34cd-56ef-1234567890ab";
    const C: &str = "arn:aws:kms:us-west-2:111122223333:key/cccccccc-12ab-34cd-56ef-1234567890ab";
    let bench = Bench::new(2000.0, "");
    let write = |key: &str| {
        let key = if key.is_empty() { String::new() } else { format!("kms_key = \"{key}\"") };
        bench.write_policy(&format!(
            "[[policy]]\nname = \"one\"\nregion = \"us-east-1\"\nfile_systems = [\"{}\"]\nschedule = \"{NEVER}\"\n\
             [[policy.destination]]\nregion = \"us-west-2\"\n{key}\n",
            FILE_SYSTEMS[0]
        ));
    };
    let announced = || {
        let plan: serde_json::Value = serde_json::from_slice(&bench.run(&["plan", "--json"]).stdout).unwrap();
        let all = plan["announcements"].as_array().unwrap().iter();
        all.filter_map(|text| text.as_str())
            .filter(|text| text.contains("be full"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    // Makes one more copy, and says whether it was a full one.
    let copied_in_full = || {
        let made = bench.run(&["backup", "one", "--wait"]);
        assert!(made.status.success(), "{}\n{}", stderr(&made), bench.log());
        let copies = bench.inventory().backups;
        copies.iter().rev().find(|backup| backup.region == "us-west-2").unwrap().full
    };
    let said = || bench.log().lines().filter(|line| line.contains("WARN") && line.contains("be full")).count();
    write(A);
    let daemon = bench.daemon();
    ready(&bench);
    assert!(copied_in_full(), "the first one");
    let mut warnings = 0;
    for (key, words, full) in [
        // Other words, the same key.
        ("aaaaaaaa-12ab-34cd-56ef-1234567890ab", None, false),
        (B, Some(format!("will be full: the key changes from {A} to {B}")), true),
        ("", Some(format!("may be full: the policy named the key {B} and now names none (aws/fsx)")), true),
        ("alias/aws/fsx", None, false),
        ("alias/one", Some("may be full: the policy named the key alias/aws/fsx and now names alias/one".into()), true),
        ("alias/two", Some("may be full: the policy named the key alias/one and now names alias/two".into()), true),
        ("arn:aws:kms:us-west-2:111122223333:alias/two", None, false),
        // A copy under it is left.
        (A, None, false),
        ("", None, false),
        ("alias/two", None, false),
    ] {
        write(key);
        assert!(bench.run(&["reload"]).status.success(), "{}", bench.log());
        match &words {
            Some(words) => {
                wait_until(words, SOON, || announced().iter().any(|text| text.contains(words.as_str())));
                wait_until("a warning in the log", SOON, || said() == warnings + 1);
                warnings += 1;
                assert!(bench.log().contains(words.as_str()), "{}", bench.log());
            }
            None => assert_eq!(announced(), Vec::<String>::new(), "{key}"),
        }
        assert_eq!(copied_in_full(), full, "{key}");
        wait_until("nothing more to announce", SOON, || announced().is_empty());
        assert_eq!(said(), warnings, "{key}: {}", bench.log());
    }
    // With the database the words are lost. An alias beside an ARN tells nothing then, and an ARN beside an ARN does.
    daemon.kill();
    bench.lose_database();
    let _daemon = bench.daemon();
    ready(&bench);
    wait_until("known again", SOON, || stdout(&bench.run(&["points", "--json"])).matches("us-west-2").count() >= 10);
    for key in ["alias/two", "alias/three", A] {
        write(key);
        assert!(bench.run(&["reload"]).status.success());
        assert_eq!(announced(), Vec::<String>::new(), "{key}");
    }
    write(C);
    assert!(bench.run(&["reload"]).status.success());
    wait_until("announced", SOON, || announced().iter().any(|text| text.contains("will be full: the key changes")));
    wait_until("said", SOON, || said() == warnings + 1);
}

#[test]
fn a_silent_region_delays_no_other_and_is_named() {
    let bench = Bench::new(600.0, "[[fault]]\nregions = [\"eu-west-1\"]\nsilent_percent = 100\n");
    bench.write_policy(&one_source("*/5 * * * * *", ""));
    let daemon = bench.daemon();
    let copied = || {
        let inventory = bench.inventory();
        inventory.backups.iter().filter(|b| b.region == "us-west-2" && lifecycle(b) == "AVAILABLE").count()
    };
    wait_until("two copies in the Region that answers", Duration::from_secs(40), || copied() >= 2);
    // The first call to the silent Region runs into its time limit before anything is known of it.
    wait_until("the silent one is named", SOON, || {
        bench.status().is_some_and(|status| {
            status["places"].as_array().unwrap().iter().any(|place| {
                place["region"] == "eu-west-1" && place["trouble"].as_str().is_some_and(|text| text.contains("Timeout"))
            })
        })
    });
    assert_eq!(
        bench.metric("lifeboat_last_seen_timestamp_seconds{account=\"111122223333\",region=\"eu-west-1\"}"),
        Some(0.0)
    );
    assert!(
        bench.metric("lifeboat_copies_waiting{account=\"111122223333\",reason=\"region\",region=\"eu-west-1\"}")
            >= Some(1.0)
    );
    let check = bench.run(&["status", "--check"]);
    assert!(matches!(check.status.code(), Some(2 | 3)), "{}", stdout(&check));
    let before = Instant::now();
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(Duration::from_secs(10)), 0);
    assert!(before.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_bad_reload_changes_nothing_and_a_good_one_takes_over() {
    let bench = Bench::new(600.0, "");
    let path = bench.write_policy(&one_source(NEVER, ""));
    let daemon = bench.daemon();
    ready(&bench);
    let good = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, good.replace("schedule", "shedule")).unwrap();
    daemon.signal("HUP");
    wait_until("the bad one is refused", SOON, || bench.metric("lifeboat_config_last_reload_successful") == Some(0.0));
    // The log has a writer of its own, which may come after the metric.
    wait_until("the log tells why", SOON, || bench.log().contains("ERROR") && bench.log().contains("shedule"));
    assert!(bench.metric("lifeboat_schedule_interval_seconds{policy=\"one\"}").is_some());
    let status = bench.run(&["status", "--json"]);
    assert!(status.status.success(), "the daemon can be asked all the same: {}", stderr(&status));
    assert!(stdout(&status).contains("shedule"), "and tells why the reload was refused");
    std::fs::write(&path, good.replace("\"one\"", "\"two\"")).unwrap();
    daemon.signal("HUP");
    wait_until("the good one took over", SOON, || {
        bench.metric("lifeboat_schedule_interval_seconds{policy=\"two\"}").is_some()
    });
    assert_eq!(bench.metric("lifeboat_config_last_reload_successful"), Some(1.0));
    assert_eq!(bench.metric("lifeboat_schedule_interval_seconds{policy=\"one\"}"), None, "its series are gone");
    daemon.signal("INT");
    assert_eq!(daemon.exit_code(Duration::from_secs(10)), 0);
}

#[test]
fn systemd_is_told() {
    let bench = Bench::new(600.0, "");
    bench.write_policy(&one_source(NEVER, ""));
    let socket = UnixDatagram::bind(bench.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut child = bench
        .command(&["run"])
        .env("NOTIFY_SOCKET", bench.path("notify"))
        .env("WATCHDOG_USEC", "900000")
        .env("JOURNAL_STREAM", "8:1")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let wait_for = |word: &str| {
        let mut buffer = [0; 4096];
        loop {
            let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no {word}: {error}"));
            if String::from_utf8_lossy(&buffer[..length]).contains(word) {
                return;
            }
        }
    };
    wait_for("READY=1");
    wait_for("WATCHDOG=1");
    let signal = |name: &str| Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    signal("-HUP");
    wait_for("RELOADING=1");
    wait_for("READY=1");
    wait_for("WATCHDOG=1");
    signal("-TERM");
    wait_for("STOPPING=1");
    assert!(child.wait().unwrap().success());
    let mut log = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut log).unwrap();
    assert!(log.lines().all(|line| line.starts_with("<6>") || line.starts_with("<4>")), "{log}");
}

#[test]
fn one_daemon_a_database() {
    let bench = Bench::new(600.0, "");
    bench.write_policy(&one_source(NEVER, ""));
    let _daemon = bench.daemon();
    ready(&bench);
    let second = bench.run(&["run"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("another lifeboat"), "{}", stderr(&second));
}

#[test]
fn a_database_of_somebody_else_is_left_as_it_is() {
    let bench = Bench::new(600.0, "");
    bench.write_policy(&one_source(NEVER, ""));
    let path = bench.database();
    bench.runtime.block_on(async move {
        use sqlx::{ConnectOptions as _, Connection as _};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::query("CREATE TABLE photos (id INTEGER)").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    let foreign = bench.run(&["run"]);
    assert_eq!(foreign.status.code(), Some(1));
    assert!(stderr(&foreign).contains("another program"), "{}", stderr(&foreign));

    bench.lose_database();
    {
        let daemon = bench.daemon();
        ready(&bench);
        daemon.signal("TERM");
        assert_eq!(daemon.exit_code(Duration::from_secs(10)), 0);
    }
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'from the future', 1, x'00', 0)";
    let path = bench.database();
    bench.runtime.block_on(async move {
        use sqlx::{ConnectOptions as _, Connection as _};
        let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        sqlx::query(newer).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    let newer = bench.run(&["run"]);
    assert_eq!(newer.status.code(), Some(1));
    assert!(stderr(&newer).contains("newer lifeboat"), "{}", stderr(&newer));
    assert!(stderr(&bench.run(&["history"])).contains("newer lifeboat"));
}

/// A disk of a few pages, where this process may mount one.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn new(path: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"]).arg(&path).output();
        mounted.is_ok_and(|done| done.status.success()).then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_new_deeds_and_mends_itself() {
    let bench = Bench::new(600.0, "");
    let Some(disk) = SmallDisk::new(bench.path("disk")) else {
        println!("not run: this process may not mount a small disk");
        return;
    };
    let policy = one_source("* * * * * *", "");
    let path = bench.write_policy(&policy);
    let text = std::fs::read_to_string(&path).unwrap();
    let database = disk.0.join("state.db");
    std::fs::write(&path, text.replace(&bench.database().display().to_string(), &database.display().to_string()))
        .unwrap();
    let daemon = bench.daemon();
    wait_until("work began", SOON, || bench.inventory().backups.len() > 2);
    // Fill what is left to the last byte.
    let filler = disk.0.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    for size in [65_536, 4096, 512, 1] {
        while std::io::Write::write_all(&mut file, &vec![0; size]).is_ok() {}
    }
    wait_until("it says so", SOON, || bench.metric("lifeboat_store_writable") == Some(0.0));
    assert!(bench.log().contains("ERROR"), "{}", bench.log());
    let asked = |bench: &Bench| bench.inventory().backups.len();
    let before = asked(&bench);
    // While full: metrics stay up, nothing new is asked. There is no event for “nothing happens”.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(asked(&bench), before);
    assert!(bench.get("/metrics").is_some());
    assert!(bench.get("/healthz").is_some());
    assert!(bench.get("/readyz").is_none());
    // An order is not said to be done while it cannot be kept.
    let pause = bench.run(&["pause", "one"]);
    assert_eq!(pause.status.code(), Some(1), "{}", stdout(&pause));
    assert!(stderr(&pause).contains("not on record"), "{}", stderr(&pause));
    assert_eq!(bench.metric("lifeboat_paused{policy=\"one\"}"), Some(0.0));
    drop(file);
    std::fs::remove_file(filler).unwrap();
    wait_until("it goes on", SOON, || asked(&bench) > before);
    nothing_made_twice(&bench.inventory());
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(Duration::from_secs(10)), 0);
}

#[test]
fn points_need_neither_database_nor_daemon_nor_source_region() {
    let bench = Bench::new(2000.0, "");
    bench.write_fleet_policy("*/2 * * * * *");
    let daemon = bench.daemon();
    wait_until("healed", SOON, || {
        let inventory = bench.inventory();
        let copies = |region: &str| {
            let there = inventory.backups.iter().filter(|b| b.region == region && lifecycle(b) == "AVAILABLE");
            there.map(|b| b.resource.as_str()).collect::<std::collections::BTreeSet<_>>().len()
        };
        DESTINATIONS.iter().all(|region| copies(region) == 8)
    });
    daemon.kill();
    bench.lose_database();
    bench.set_faults("[[fault]]\nregions = [\"us-east-1\"]\nrefuse = \"AccessDeniedException\"\n");
    let output = bench.run(&["points", "--aws", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("us-east-1"), "the Region out of reach is named: {}", stderr(&output));
    let points: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let points = points.as_array().unwrap();
    for source in FILE_SYSTEMS.iter().chain([&VOLUME]) {
        for region in DESTINATIONS {
            let point = points.iter().find(|p| p["source"] == **source && p["region"] == region);
            let restore = point.unwrap_or_else(|| panic!("{source} {region}"))["restore"].as_str().unwrap();
            let call = if *source == VOLUME { "create-volume-from-backup" } else { "create-file-system-from-backup" };
            assert!(restore.starts_with(&format!("aws fsx {call} --region {region} --backup-id backup-")), "{restore}");
        }
    }
    // Without a policy file as well, if a Region is named.
    std::fs::remove_file(bench.path("lifeboat.toml")).unwrap();
    let output = bench
        .command(&["points", "--aws", "--region", "us-west-2", "--source", VOLUME])
        .env("AWS_ENDPOINT_URL_FSX", bench.endpoint.url())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains(VOLUME), "{}", stdout(&output));
}

#[test]
fn status_and_history_work_with_and_without_the_daemon() {
    let bench = Bench::new(2000.0, "");
    bench.write_policy(&one_source("*/2 * * * * *", ""));
    let daemon = bench.daemon();
    wait_until("met", SOON, || bench.run(&["status", "--check"]).status.code() == Some(0));
    wait_until("completed", SOON, || stdout(&bench.run(&["history"])).contains("completed"));
    let csv = stdout(&bench.run(&["history", "--csv", "--policy", "one"]));
    assert!(csv.starts_with("policy,account,source,trigger,scheduled"), "{csv}");
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(Duration::from_secs(10)), 0);
    let status = bench.run(&["status"]);
    assert!(status.status.success());
    assert!(stderr(&status).contains("reading the database"), "{}", stderr(&status));
    let check = bench.run(&["status", "--check"]);
    assert_eq!(check.status.code(), Some(3), "nobody keeps the promise: {}", stdout(&check));
    // Any other code of a monitor's question is a verdict: what cannot be answered is unknown.
    let nowhere = bench.run(&["status", "--check", "--config", "/nowhere/lifeboat.toml"]);
    let line = stdout(&nowhere);
    assert_eq!(nowhere.status.code(), Some(3), "{line}");
    assert!(line.starts_with("UNKNOWN: /nowhere/lifeboat.toml: "), "{line}");
    assert!(stdout(&bench.run(&["history"])).contains("completed"));
}

#[test]
fn others_copies_are_seen_and_counted() {
    let bench = Bench::new(60.0, "");
    bench.write_fleet_policy(NEVER);
    // Somebody else copies a backup of theirs five times into us-west-2.
    let cloud = bench.endpoint.cloud();
    {
        let mut cloud = cloud.lock().unwrap();
        let now = || lifeboat::sim::Endpoint::now_ms();
        let call = |cloud: &mut lifeboat::sim::Cloud, region: &str, operation: &str, body: serde_json::Value| {
            cloud.call(now(), "111122223333", region, operation, &body).unwrap()
        };
        let mut backups = Vec::new();
        for id in &FILE_SYSTEMS[..5] {
            let answer = call(&mut cloud, "us-east-1", "CreateBackup", serde_json::json!({ "FileSystemId": id }));
            backups.push(answer["Backup"]["BackupId"].as_str().unwrap().to_owned());
        }
        cloud.advance(now() + 3_600_000);
        for id in backups {
            let body = serde_json::json!({ "SourceBackupId": id, "SourceRegion": "us-east-1" });
            call(&mut cloud, "us-west-2", "CopyBackup", body);
        }
    }
    let _daemon = bench.daemon();
    ready(&bench);
    wait_until("counted", SOON, || {
        bench.metric("lifeboat_copies_in_flight{account=\"111122223333\",owner=\"other\",region=\"us-west-2\"}")
            == Some(5.0)
    });
}

#[test]
fn a_refusal_for_good_sets_one_route_aside_and_a_reload_tries_again() {
    let bench = Bench::new(600.0, "");
    {
        let cloud = bench.endpoint.cloud();
        let mut cloud = cloud.lock().unwrap();
        cloud.set_key("111122223333", "us-west-2", "alias/dr", lifeboat::sim::cloud::KeyState::Disabled);
    }
    let path = bench.write_policy(&one_source("*/3 * * * * *", ""));
    let daemon = bench.daemon();
    let copied = |region: &str| {
        let inventory = bench.inventory();
        inventory.backups.iter().any(|b| b.region == region && lifecycle(b) == "AVAILABLE")
    };
    wait_until("the good route goes on", SOON, || copied("eu-west-1"));
    wait_until("the bad one is shown", SOON, || {
        let status = bench.status().unwrap_or_default();
        status["routes"].as_array().is_some_and(|routes| {
            routes.iter().any(|route| {
                route["region"] == "us-west-2"
                    && route["waiting"]["reason"] == "needs_person"
                    && route["waiting"]["detail"].as_str().is_some_and(|detail| detail.contains("KmsKey"))
            })
        })
    });
    let copies = || bench.inventory().backups.iter().filter(|b| b.region == "eu-west-1").count();
    let before = copies();
    wait_until("two more occurrences", SOON, || copies() >= before + 2);
    let said =
        bench.log().lines().filter(|line| line.contains("ERROR") && line.contains("InvalidDestinationKmsKey")).count();
    assert_eq!(said, 1, "reported once: {}", bench.log());
    let refused = |call: &&lifeboat::sim::cloud::CallCount| call.code == "InvalidDestinationKmsKey";
    let asked: u64 = bench.inventory().calls.iter().filter(refused).map(|call| call.count).sum();
    assert_eq!(asked, 1, "asked once, whatever the occurrence");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("kms_key = \"alias/dr\"\n", "")).unwrap();
    daemon.signal("HUP");
    wait_until("mended by the reload", SOON, || copied("us-west-2"));
}

#[test]
fn wrong_usage_and_wrong_policies_exit_2() {
    let bench = Bench::new(600.0, "");
    assert_eq!(bench.run(&["nonsense"]).status.code(), Some(2));
    assert_eq!(bench.run(&["history", "--since", "yesterday-ish"]).status.code(), Some(2));
    assert_eq!(bench.run(&["run"]).status.code(), Some(2), "no policy file");
    let path = bench.write_policy(&one_source("61 * * * *", ""));
    for command in ["run", "check", "status"] {
        let output = bench.run(&[command]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(stderr(&output).contains(&format!("{}:", path.display())), "{command}: {}", stderr(&output));
    }
    for command in ["history", "points"] {
        let output = bench.run(&[command]);
        assert_eq!(output.status.code(), Some(1), "{command} has neither daemon nor database: {}", stderr(&output));
    }
    bench.write_policy(&one_source(NEVER, ""));
    assert!(bench.run(&["check"]).status.success());
    for shell in ["bash", "zsh", "fish"] {
        assert!(bench.run(&["completions", shell]).status.success());
    }
    assert!(stdout(&bench.run(&["man"])).contains(".TH"));
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let bench = Bench::new(600.0, "");
    bench.write_policy(&one_source("* * * * * *", ""));
    // A pipe that is never read, filled by every line that there is.
    let mut child = bench
        .command(&["run", "--log-level", "trace"])
        .env("LIFEBOAT_LOG", "trace")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("work goes on", SOON, || bench.inventory().backups.len() > 12);
    let done = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
    wait_until("it ends", Duration::from_secs(10), || child.try_wait().unwrap().is_some());

    // A log on a full disk, and one whose reader went away.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let child = bench.command(&["run"]).stderr(full).spawn().unwrap();
    let daemon = crate::support::Daemon { child };
    let before = bench.inventory().backups.len();
    wait_until("work goes on", SOON, || bench.inventory().backups.len() > before + 3);
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(Duration::from_secs(10)), 0);
}

/// Keys of another account under the same name: nothing is believed of what it answers, and it is said.
#[test]
fn another_account_behind_the_same_name_takes_nothing_from_the_record() {
    let bench = Bench::new(2000.0, "");
    bench.write_policy(&one_source("*/2 * * * * *", ""));
    let daemon = bench.daemon();
    let points = || stdout(&bench.run(&["points", "--json"])).matches("\"backup-").count();
    wait_until("some points", SOON, || points() > 6);
    daemon.kill();
    bench.write_policy(&one_source(NEVER, ""));
    let before = points();
    let stranger = |account: &str| {
        let log = std::fs::File::options().create(true).append(true).open(bench.path("log")).unwrap();
        let mut command = bench.command(&["run"]);
        command.env("AWS_ACCESS_KEY_ID", format!("AKIA{account}TEST")).stderr(log);
        crate::support::Daemon { child: command.stdout(std::process::Stdio::null()).spawn().unwrap() }
    };
    {
        // Something of its own, so that its answers name it.
        let shared = bench.endpoint.cloud();
        let mut cloud = shared.lock().unwrap();
        let now = lifeboat::sim::endpoint::Endpoint::now_ms();
        let body = serde_json::json!({ "FileSystemType": "WINDOWS", "StorageCapacity": 32, "SubnetIds": ["subnet-0123456789abcdef0"],
            "WindowsConfiguration": { "ThroughputCapacity": 32, "ActiveDirectoryId": "d-0123456789" } });
        let made = cloud.serve(now, "444455556666", "us-east-1", "CreateFileSystem", &body);
        let id = made.reply.unwrap().unwrap()["FileSystem"]["FileSystemId"].as_str().unwrap().to_owned();
        cloud.advance(now + 3_600_000);
        let body = serde_json::json!({ "FileSystemId": id });
        cloud.serve(now + 3_600_000, "444455556666", "us-east-1", "CreateBackup", &body).reply.unwrap().unwrap();
    }
    let daemon = stranger("444455556666");
    wait_until("said", SOON, || bench.log().contains("not from 111122223333"));
    assert_eq!(bench.get("/readyz"), None, "its credentials are not ours");
    wait_until("shown", SOON, || stdout(&bench.run(&["status"])).contains("444455556666"));
    assert_eq!(points(), before);
    assert!(!bench.log().contains("no longer in AWS's inventory"));
    daemon.kill();
    let _daemon = bench.daemon();
    ready(&bench);
    assert!(points() >= before);
}
