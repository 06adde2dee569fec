//! Orders to the real daemon over its socket: each command, a kill in the middle, and clients that mean no good.

use crate::support::{Bench, Daemon, FILE_SYSTEMS, lifecycle, nothing_made_twice, wait_until};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Output;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SOON: Duration = Duration::from_secs(60);
const NEVER: &str = "0 0 1 1 *";

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Two Windows sources, one destination.
fn policy(schedule: &str, more: &str) -> String {
    format!(
        "[[policy]]\nname = \"one\"\nregion = \"us-east-1\"\nfile_systems = [\"{}\", \"{}\"]\n\
         schedule = \"{schedule}\"\n{more}\n[[policy.destination]]\nregion = \"us-west-2\"\n",
        FILE_SYSTEMS[0], FILE_SYSTEMS[3]
    )
}

/// A daemon that takes orders.
fn started(bench: &Bench, schedule: &str, more: &str) -> Daemon {
    bench.write_policy(&policy(schedule, more));
    restarted(bench)
}

fn restarted(bench: &Bench) -> Daemon {
    let daemon = bench.daemon();
    wait_until("ready", SOON, || bench.get("/readyz").is_some());
    daemon
}

/// Runs a command that must succeed.
fn done(bench: &Bench, arguments: &[&str]) -> String {
    let output = bench.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}\n{}", stderr(&output), bench.log());
    stdout(&output)
}

/// Runs a command that must fail like this, and returns what it says.
fn refused(bench: &Bench, arguments: &[&str], code: i32) -> String {
    let output = bench.run(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    stderr(&output)
}

/// Sends these bytes and returns what comes back until the other side closes; empty if it cuts us off.
fn raw(bench: &Bench, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(bench.control()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn post(bench: &Bench, path: &str, body: &str) -> String {
    raw(bench, request(path, body).as_bytes())
}

fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    lifeboat::domain::time::Time::from_millis(i64::try_from(since.as_millis()).unwrap()).to_string()
}

/// The history as the daemon tells it, filtered.
fn history(bench: &Bench, pick: impl Fn(&serde_json::Value) -> bool) -> Vec<serde_json::Value> {
    let all = bench.get("/api/v1/history?limit=10000").unwrap_or_else(|| "[]".to_owned());
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    all.as_array().unwrap().iter().filter(|entry| pick(entry)).cloned().collect()
}

fn backups_of_hand(bench: &Bench) -> Vec<String> {
    let manual = |backup: &&lifeboat::sim::cloud::BackupFacts| {
        backup.tags.get("lifeboat:trigger").is_some_and(|trigger| trigger == "manual") && backup.source_id.is_none()
    };
    bench.inventory().backups.iter().filter(manual).map(|backup| backup.tags["lifeboat:occurrence"].clone()).collect()
}

#[test]
fn a_backup_on_demand_is_made_copied_and_followed_to_its_end() {
    let bench = Bench::new(2000.0, "");
    let _daemon = started(&bench, NEVER, "");
    let says = done(&bench, &["backup", "one", FILE_SYSTEMS[0]]);
    assert!(says.contains("is ordered") && says.contains(FILE_SYSTEMS[0]), "{says}");
    let followed = bench.run(&["backup", "one", "--wait", "--json"]);
    assert!(followed.status.success(), "{}", stderr(&followed));
    let ended: serde_json::Value = serde_json::from_slice(&followed.stdout).unwrap();
    let ended = ended.as_array().unwrap();
    assert_eq!(ended.len(), 2, "{ended:?}");
    assert!(ended.iter().all(|entry| entry["outcome"] == "completed" && entry["trigger"] == "manual"), "{ended:?}");
    assert_eq!(backups_of_hand(&bench).len(), 3);
    let inventory = bench.inventory();
    nothing_made_twice(&inventory);
    let copies =
        inventory.backups.iter().filter(|backup| backup.region == "us-west-2" && lifecycle(backup) == "AVAILABLE");
    assert!(copies.count() >= 2, "every order is copied, newer or not");
}

#[test]
fn an_order_given_twice_is_one_occurrence() {
    let bench = Bench::new(2000.0, "");
    let _daemon = started(&bench, NEVER, "");
    let order = format!("{{\"policy\":\"one\",\"source\":\"{}\",\"at\":\"{}\"}}", FILE_SYSTEMS[0], now());
    let answers: Vec<String> = (0..2).map(|_| post(&bench, "/api/v1/backup", &order)).collect();
    assert!(answers[0].contains("200 OK") && answers[0].contains("is ordered"), "{answers:?}");
    assert!(answers[1].contains("200 OK") && answers[1].contains("was ordered before"), "{answers:?}");
    let completed = |entry: &serde_json::Value| entry["outcome"] == "completed";
    wait_until("completed", SOON, || history(&bench, completed).len() == 1);
    // And once more when all is over.
    assert!(post(&bench, "/api/v1/backup", &order).contains("was ordered before"));
    assert_eq!((history(&bench, |_| true).len(), backups_of_hand(&bench).len()), (1, 1));
}

#[test]
fn a_kill_in_the_middle_of_an_order_neither_loses_nor_doubles_it() {
    let bench = Bench::new(2000.0, "");
    bench.write_policy(&policy(NEVER, ""));
    let mut given = std::collections::BTreeSet::new();
    for millis in [0, 1, 3, 8, 20] {
        let daemon = restarted(&bench);
        let at = now();
        let order = format!("{{\"policy\":\"one\",\"source\":\"{}\",\"at\":\"{at}\"}}", FILE_SYSTEMS[0]);
        let mut stream = UnixStream::connect(bench.control()).unwrap();
        stream.write_all(request("/api/v1/backup", &order).as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        daemon.kill();
        // Nobody knows whether it stands, so it is given again.
        let daemon = restarted(&bench);
        let answer = post(&bench, "/api/v1/backup", &order);
        assert!(answer.contains("200 OK"), "{answer}");
        // What was answered stands, whatever comes.
        daemon.kill();
        given.insert(at);
    }
    let _daemon = restarted(&bench);
    let completed = |entry: &serde_json::Value| entry["outcome"] == "completed";
    wait_until("all completed", SOON, || history(&bench, completed).len() == given.len());
    let mut made = backups_of_hand(&bench);
    made.sort();
    assert_eq!(made, given.into_iter().collect::<Vec<_>>());
    nothing_made_twice(&bench.inventory());
}

#[test]
fn a_pause_outlives_a_kill_is_shown_everywhere_and_ends_by_resume() {
    let bench = Bench::new(2000.0, "");
    let daemon = started(&bench, "* * * * * *", "");
    let completed = |entry: &serde_json::Value| entry["outcome"] == "completed";
    wait_until("one completed", SOON, || !history(&bench, completed).is_empty());
    let says = done(&bench, &["pause", "one", "--reason", "new disks <b>"]);
    assert!(says.contains("one is paused since") && says.contains("new disks"), "{says}");
    let skipped = |entry: &serde_json::Value| {
        entry["outcome"] == "skipped" && entry["reason"].as_str().is_some_and(|why| why.contains("new disks"))
    };
    wait_until("skipped with the reason", SOON, || history(&bench, skipped).len() >= 2);
    daemon.kill();
    let _daemon = restarted(&bench);
    let before = history(&bench, skipped).len();
    wait_until("skipped after the kill", SOON, || history(&bench, skipped).len() > before + 1);
    assert_eq!(bench.metric("lifeboat_paused{policy=\"one\"}"), Some(1.0));
    assert!(bench.metric("lifeboat_occurrences_total{outcome=\"skipped\",policy=\"one\"}") >= Some(4.0));
    let status = bench.status().unwrap();
    assert_eq!(status["policies"][0]["paused"]["reason"], "new disks <b>");
    assert!(done(&bench, &["status"]).contains("paused (new disks <b>)"));
    assert!(bench.get("/").unwrap().contains("paused (new disks &lt;b&gt;)"));
    let plan: serde_json::Value = serde_json::from_str(&done(&bench, &["plan", "--json"])).unwrap();
    assert_eq!(plan["policies"][0]["next_at"], serde_json::json!([]), "{plan}");
    assert!(plan["announcements"][0].as_str().unwrap().contains("one is paused since"), "{plan}");
    // An order by hand goes on.
    let by_hand = bench.run(&["backup", "one", FILE_SYSTEMS[0], "--wait"]);
    assert!(by_hand.status.success() && stderr(&by_hand).contains("does not bar it"), "{}", stderr(&by_hand));
    let paused_until = now();
    assert!(done(&bench, &["resume", "one"]).contains("is resumed"));
    let after =
        |entry: &serde_json::Value| completed(entry) && entry["scheduled"].as_str() > Some(paused_until.as_str());
    wait_until("completed after the pause", SOON, || !history(&bench, after).is_empty());
    assert_eq!(bench.metric("lifeboat_paused{policy=\"one\"}"), Some(0.0));
    assert!(done(&bench, &["resume", "one"]).contains("was not paused"));
}

#[test]
fn a_pause_for_a_while_ends_by_itself() {
    let bench = Bench::new(2000.0, "");
    let _daemon = started(&bench, NEVER, "");
    done(&bench, &["pause", "one", "--for", "2s"]);
    wait_until("paused", SOON, || bench.metric("lifeboat_paused{policy=\"one\"}") == Some(1.0));
    wait_until("over", SOON, || bench.metric("lifeboat_paused{policy=\"one\"}") == Some(0.0));
    assert!(done(&bench, &["resume", "one"]).contains("was not paused"));
    assert!(refused(&bench, &["pause", "one", "--for", "soon"], 2).contains("such as 4h"));
}

#[test]
fn a_hold_is_a_tag_at_aws_and_a_release_takes_it_away() {
    let bench = Bench::new(2000.0, "");
    let _daemon = started(&bench, NEVER, "");
    done(&bench, &["backup", "one", FILE_SYSTEMS[0], "--wait"]);
    let copy = bench.inventory().backups.iter().find(|backup| backup.region == "us-west-2").unwrap().id.clone();
    let tag = || {
        let inventory = bench.inventory();
        inventory.backups.iter().find(|backup| backup.id == copy).unwrap().tags.get("lifeboat:hold").cloned()
    };
    let says = done(&bench, &["hold", &copy, "--reason", "audit 2026", "--wait"]);
    assert!(says.contains("its tag at AWS says so"), "{says}");
    assert_eq!(tag().as_deref(), Some("audit 2026"));
    assert!(done(&bench, &["hold", &copy]).contains("says so"), "held again without a reason is the same");
    done(&bench, &["release", &copy, "--wait"]);
    assert_eq!(tag(), None);
    let why = refused(&bench, &["hold", "backup-0123456789abcdef0"], 2);
    assert!(why.contains("no recovery point") && why.contains("lifeboat points"), "{why}");
    assert!(refused(&bench, &["hold", &copy, "--reason", "don't"], 2).contains("AWS takes no"));
}

#[test]
fn a_hold_that_aws_does_not_let_stand_ends_the_waiting_and_stands_in_the_books() {
    let bench = Bench::new(2000.0, "");
    let _daemon = started(&bench, NEVER, "");
    done(&bench, &["backup", "one", FILE_SYSTEMS[0], "--wait"]);
    let id = bench.inventory().backups[0].id.clone();
    bench.set_faults("[[fault]]\noperations = [\"TagResource\"]\nrefuse = \"AccessDeniedException\"\n");
    let why = refused(&bench, &["hold", &id, "--reason", "audit 7", "--wait"], 1);
    assert!(why.contains("AccessDeniedException") && why.contains("lifeboat reload"), "{why}");
    // It stands in the database, also for those who do not wait, and it says how it is at AWS.
    let says = done(&bench, &["hold", &id]);
    assert!(says.contains("is held") && says.contains("AccessDeniedException"), "{says}");
    bench.set_faults("");
    done(&bench, &["reload"]);
    wait_until("tagged", SOON, || {
        bench
            .inventory()
            .backups
            .iter()
            .any(|backup| backup.tags.get("lifeboat:hold").is_some_and(|hold| hold == "audit 7"))
    });
    wait_until("it stands at AWS", SOON, || bench.run(&["hold", &id, "--wait"]).status.success());
}

#[test]
fn a_reload_says_what_came_of_it_and_confirms_what_the_brake_holds() {
    let bench = Bench::new(2000.0, "");
    let _daemon = started(&bench, NEVER, "");
    for _ in 0..5 {
        done(&bench, &["backup", "one", FILE_SYSTEMS[0], "--wait"]);
    }
    bench.write_policy(&policy("never ever", ""));
    let why = refused(&bench, &["reload"], 2);
    assert!(why.contains("refused and changes nothing") && why.contains("never ever") && why.contains("lifeboat.toml"));
    let successful = |wanted| bench.metric("lifeboat_config_last_reload_successful") == Some(wanted);
    wait_until("the metric says so", SOON, || successful(0.0));
    bench.write_policy(&policy(NEVER, "retain = { last = 1 }"));
    let says = done(&bench, &["reload"]);
    assert!(says.contains("the policy took over: 1 policy, 2 sources"), "{says}");
    wait_until("the metric says so", SOON, || successful(1.0));
    let braked = || {
        let status = bench.status().unwrap_or_default();
        status["findings"].as_array().is_some_and(|findings| {
            findings
                .iter()
                .any(|finding| finding["what"].as_str().is_some_and(|what| what.contains("confirm-deletions")))
        })
    };
    wait_until("the brake holds", SOON, braked);
    let left = || {
        let own =
            |backup: &&lifeboat::sim::cloud::BackupFacts| backup.region == "us-east-1" && backup.deleted_ms.is_none();
        bench.inventory().backups.iter().filter(own).count()
    };
    assert_eq!(left(), 5);
    // What is confirmed is what was shown, not what another policy would make of it.
    bench.write_policy(&policy(NEVER, "retain = { last = 4 }"));
    let says = done(&bench, &["reload", "--confirm-deletions"]);
    assert!(says.contains("no deletions waited"), "{says}");
    wait_until("what the new rules let go is gone", SOON, || left() == 4);
    bench.write_policy(&policy(NEVER, "retain = { last = 1 }"));
    let says = done(&bench, &["reload", "--confirm-deletions"]);
    assert!(says.contains("nothing is confirmed: 3 deletions wait from now on"), "not shown yet: {says}");
    wait_until("the brake holds again", SOON, braked);
    assert_eq!(left(), 4);
    let says = done(&bench, &["reload", "--confirm-deletions"]);
    assert!(says.contains("3 deletions are confirmed"), "{says}");
    wait_until("gone", SOON, || left() == 1);
}

#[test]
fn the_socket_is_for_its_owner_and_group() {
    let bench = Bench::new(2000.0, "");
    let daemon = started(&bench, NEVER, "");
    let found = std::fs::symlink_metadata(bench.control()).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o660);
    let beside: Vec<String> = std::fs::read_dir(bench.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(beside.is_empty(), "nothing is left of its making: {beside:?}");
    // Only root can become somebody else.
    if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        std::fs::set_permissions(bench.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let stranger = bench.command(&["pause", "one"]).uid(65534).gid(65534).output().unwrap();
        let denied = stderr(&stranger);
        // The program itself may lie where a stranger cannot run it.
        assert_eq!(stranger.status.code(), Some(1), "{denied}");
        assert!(denied.contains("may not be opened"), "{denied}");
    }
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(SOON), 0);
    assert!(!bench.control().exists(), "removed at the end");
}

#[test]
fn a_living_daemons_socket_is_respected_and_a_dead_ones_replaced() {
    let bench = Bench::new(2000.0, "");
    let first = started(&bench, NEVER, "");
    let text = std::fs::read_to_string(bench.path("lifeboat.toml")).unwrap();
    let second = text
        .replace("state.db", "second.db")
        .replace(&format!("listen = \"{}\"", bench.listen), "listen = \"127.0.0.1:0\"");
    std::fs::write(bench.path("second.toml"), second).unwrap();
    let path = bench.path("second.toml");
    let path = path.to_str().unwrap();
    let why = refused(&bench, &["run", "--config", path], 1);
    assert!(why.contains("another process listens on") && why.contains("control.sock"), "{why}");
    assert!(done(&bench, &["pause", "one"]).contains("paused"), "the first goes on");
    first.kill();
    assert!(bench.control().exists(), "a kill leaves it behind");
    assert!(refused(&bench, &["resume", "one"], 1).contains("no daemon takes orders on"));
    let again = restarted(&bench);
    assert!(done(&bench, &["resume", "one"]).contains("resumed"));
    // What another has put in its place is not removed.
    std::fs::remove_file(bench.control()).unwrap();
    std::fs::write(bench.control(), "a file").unwrap();
    again.signal("TERM");
    assert_eq!(again.exit_code(SOON), 0);
    assert_eq!(std::fs::read_to_string(bench.control()).unwrap(), "a file");
    assert!(refused(&bench, &["run"], 1).contains("is not a socket"));
    assert_eq!(std::fs::read_to_string(bench.control()).unwrap(), "a file");
}

#[test]
fn without_a_place_for_the_socket_the_backups_go_on() {
    let bench = Bench::new(2000.0, "");
    bench.write_policy(&policy("*/2 * * * * *", ""));
    let text = std::fs::read_to_string(bench.path("lifeboat.toml")).unwrap();
    std::fs::write(bench.path("lifeboat.toml"), text.replace("control.sock", "absent/control.sock")).unwrap();
    let _daemon = restarted(&bench);
    wait_until("a backup", SOON, || !bench.inventory().backups.is_empty());
    assert!(bench.log().contains("there is no directory"), "{}", bench.log());
    assert!(refused(&bench, &["reload"], 1).contains("no daemon takes orders on"));
}

#[test]
fn what_there_is_not_is_named_together_with_what_there_is() {
    let bench = Bench::new(2000.0, "");
    let _daemon = started(&bench, NEVER, "");
    for command in ["backup", "pause", "resume"] {
        let why = refused(&bench, &[command, "two"], 2);
        assert!(why.contains("no policy \"two\"; there are: one"), "{command}: {why}");
    }
    let why = refused(&bench, &["backup", "one", "fs-00000000000000000"], 2);
    assert!(why.contains("has no source fs-00000000000000000") && why.contains(FILE_SYSTEMS[3]), "{why}");
    let json = bench.run(&["pause", "one", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(json["done"].as_str().unwrap().contains("paused"));
}

#[test]
fn garbage_is_refused_and_harms_nobody() {
    let bench = Bench::new(2000.0, "");
    let mut daemon = started(&bench, NEVER, "");
    for (path, body, says) in [
        ("/api/v1/pause", "", "400"),
        ("/api/v1/pause", "{", "400"),
        ("/api/v1/pause", "[]", "400"),
        ("/api/v1/pause", "{\"policy\":\"one\",\"untill\":\"2027-01-01T00:00:00Z\"}", "untill"),
        ("/api/v1/pause", "{\"policy\":7}", "400"),
        ("/api/v1/backup", "{\"policy\":\"one\"}", "missing field `at`"),
        ("/api/v1/backup", "{\"policy\":\"one\",\"at\":\"2999-12-31T23:59:59Z\"}", "has not come yet"),
        ("/api/v1/backup", "{\"policy\":\"one\",\"at\":\"1970-01-01T00:00:00Z\"}", "ago; ask anew"),
        ("/api/v1/reload", "{\"confirm\":true}", "400"),
        ("/api/v2/pause", "{\"policy\":\"one\"}", "404"),
    ] {
        let answer = post(&bench, path, body);
        assert!(answer.contains(says) && answer.starts_with("HTTP/1.1 4"), "{path} {body}: {answer}");
    }
    assert!(raw(&bench, b"GET /api/v1/pause HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").contains("405"));
    let large = format!("{{\"policy\":\"{}\"}}", "x".repeat(40_000));
    assert!(post(&bench, "/api/v1/pause", &large).contains("413"));
    for noise in [&b"\x00\x01\x02\xff\xfe\r\n\r\n"[..], b"POST\r\n\r\n", &[b'A'; 100_000], b"\x16\x03\x01\x02\x00"] {
        let answer = raw(&bench, noise);
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    // What only reads is answered here as well.
    let status = raw(&bench, b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(status.starts_with("HTTP/1.1 200") && status.contains("\"policies\""));
    assert!(daemon.child.try_wait().unwrap().is_none());
    assert!(bench.metric("lifeboat_paused{policy=\"one\"}") == Some(0.0), "nothing came of it");
}

#[test]
fn clients_that_dawdle_are_cut_off_and_others_get_their_turn() {
    let bench = Bench::new(2000.0, "");
    let _daemon = started(&bench, NEVER, "");
    // A body that never comes.
    let began = Instant::now();
    let answer = raw(&bench, b"POST /api/v1/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    assert!(answer.contains("408") || answer.is_empty(), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // A hundred that say nothing; the command waits for its turn.
    let crowd: Vec<UnixStream> = (0..100).map(|_| UnixStream::connect(bench.control()).unwrap()).collect();
    let began = Instant::now();
    assert!(done(&bench, &["pause", "one"]).contains("paused"));
    assert!(began.elapsed() < Duration::from_secs(45), "{:?}", began.elapsed());
    assert!(bench.get("/healthz").is_some(), "the other listener does not notice");
    drop(crowd);
    // Many orders at one time are all answered.
    let orders: Vec<_> = (0..40)
        .map(|n| {
            let mut stream = UnixStream::connect(bench.control()).unwrap();
            let word = if n % 2 == 0 { "pause" } else { "resume" };
            stream.write_all(request(&format!("/api/v1/{word}"), "{\"policy\":\"one\"}").as_bytes()).unwrap();
            stream
        })
        .collect();
    for mut stream in orders {
        let mut answer = String::new();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn every_order_is_in_the_manual_page_and_the_completions() {
    let bench = Bench::new(2000.0, "");
    let (page, script) = (done(&bench, &["man"]), done(&bench, &["completions", "bash"]));
    for command in ["backup", "pause", "resume", "hold", "release", "reload"] {
        assert!(page.contains(&format!("lifeboat\\-{command}")), "{command} is not in the page");
        assert!(script.contains(&format!("lifeboat__subcmd__{command}")), "{command} is not completed");
    }
    assert!(script.contains("--confirm-deletions") && script.contains("--for") && script.contains("--reason"));
}
