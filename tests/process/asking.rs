//! Commands that ask a daemon: what they make of an answer that is long, late, old, or of a file that was changed.

use crate::support::{Bench, FILE_SYSTEMS, wait_until};
use lifeboat::domain::change::OccurrenceOutcome;
use lifeboat::domain::id::{Occurrence, SourceKey, Trigger};
use lifeboat::domain::time::Time;
use lifeboat::report::{query, text};
use lifeboat::store::{HistoryEntry, OccurrenceStatus};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Reads one request: its path with the query, and its body.
fn request(stream: &mut impl Read) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
            break;
        }
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap().to_owned();
        } else if let Some((_, value)) = line.to_lowercase().split_once("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (path, body)
}

fn answer(stream: &mut impl Write, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // Who asked may have given up.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

fn policy(more: &str) -> String {
    format!(
        "[[policy]]\nname = \"finance\"\nregion = \"us-east-1\"\nfile_systems = [\"{}\"]\nschedule = \"0 3 * * *\"\n\
         rpo = \"26h\"\n{more}[[policy.destination]]\nregion = \"us-west-2\"\nrpo = \"30h\"\n",
        FILE_SYSTEMS[0]
    )
}

/// What a daemon with this number of sources says of an order whose backups have all ended.
fn ended(at: Time, sources: usize) -> Vec<HistoryEntry> {
    let entry = |number: usize| HistoryEntry {
        source: SourceKey { account: "default".into(), source: format!("fs-{number:017x}").as_str().into() },
        occurrence: Occurrence { at, trigger: Trigger::Manual },
        policy: "finance".into(),
        opened_at: at,
        became: OccurrenceStatus::Ended(OccurrenceOutcome::Completed),
        reason: None,
        closed_at: Some(at),
        point: None,
        earlier: 0,
    };
    (0..sources).map(entry).collect()
}

/// Takes a backup order for `sources` sources, and tells of its end in the pages that were asked for.
fn take_order(socket: &UnixListener, sources: usize) {
    let mut entries = Vec::new();
    while let Ok((mut stream, _)) = socket.accept() {
        let (path, body) = request(&mut stream);
        let (path, asked) = path.split_once('?').unwrap_or((&path, ""));
        if path == "/api/v1/backup" {
            let order: Value = serde_json::from_slice(&body).unwrap();
            entries = ended(Time::parse_rfc3339(order["at"].as_str().unwrap()).unwrap(), sources);
            let names: Vec<&str> = entries.iter().map(|entry| entry.source.source.as_str()).collect();
            answer(&mut stream, &json!({ "done": "ordered", "sources": names }).to_string());
            continue;
        }
        let asked = query::history(Some(asked), Time::from_secs(4_000_000_000)).unwrap();
        let from = asked.after.map_or(0, |mark| entries.partition_point(|entry| entry.source <= mark.source));
        let page: Vec<HistoryEntry> =
            entries.iter().skip(from).take(usize::try_from(asked.limit).unwrap()).cloned().collect();
        answer(&mut stream, &text::history_json(&page));
    }
}

#[test]
fn an_order_for_more_sources_than_a_page_of_history_holds_is_followed_to_its_end() {
    let bench = Bench::new(1.0, "");
    bench.write_policy(&policy(""));
    let socket = UnixListener::bind(bench.control()).unwrap();
    thread::spawn(move || take_order(&socket, 10_001));
    let mut waiting = bench.command(&["backup", "finance", "--wait", "--json"]);
    let mut child = waiting.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let (done, told) = mpsc::channel();
    let mut said = child.stdout.take().unwrap();
    thread::spawn(move || {
        let mut text = String::new();
        let _ = said.read_to_string(&mut text);
        let _ = done.send(text);
    });
    let told = told.recv_timeout(SOON);
    let _ = child.kill();
    let _ = child.wait();
    let entries: Value = serde_json::from_str(&told.expect("it ends")).unwrap();
    assert_eq!(entries.as_array().map(Vec::len), Some(10_001));
}

#[test]
fn a_question_is_given_the_time_that_a_daemon_may_take_to_answer_it() {
    let bench = Bench::new(1.0, "");
    bench.write_policy(&policy(""));
    let listener = TcpListener::bind(bench.listen).unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            request(&mut stream);
            // Longer than a healthy daemon takes, and less than it gives its database.
            thread::sleep(Duration::from_secs(7));
            answer(&mut stream, "[]");
        }
    });
    let history = bench.run(&["history", "--json"]);
    assert_eq!((stdout(&history).trim(), stderr(&history).as_str()), ("[]", ""));
}

/// The times in what a daemon told, moved into the past; those of recovery points stay.
fn aged(status: &mut Value, by: Duration) {
    let move_back = |value: &mut Value| {
        if let Some(at) = value.as_str().and_then(Time::parse_rfc3339) {
            *value = json!(at.minus(by).to_string());
        }
    };
    for field in ["at", "last_round_at"] {
        move_back(&mut status[field]);
    }
    for place in status["places"].as_array_mut().unwrap() {
        move_back(&mut place["last_seen"]);
    }
}

#[test]
fn a_status_is_judged_by_the_time_at_which_it_is_asked_for() {
    let bench = Bench::new(2000.0, "");
    bench.write_policy(&policy(""));
    let daemon = bench.daemon();
    wait_until("ready", SOON, || bench.get("/readyz").is_some());
    assert!(bench.run(&["backup", "finance", "--wait"]).status.success());
    wait_until("OK", SOON, || bench.run(&["status", "--check"]).status.code() == Some(0));
    let mut status: Value = serde_json::from_str(&bench.get("/api/v1/status").unwrap()).unwrap();
    daemon.kill();
    // What a daemon would tell whose loop has hung for two hours.
    aged(&mut status, Duration::from_secs(2 * 3600));
    let listener = TcpListener::bind(bench.listen).unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            request(&mut stream);
            answer(&mut stream, &status.to_string());
        }
    });
    let check = bench.run(&["status", "--check"]);
    assert_eq!(check.status.code(), Some(3), "{}", stdout(&check));
    assert!(stdout(&check).contains("2h"), "it says since when: {}", stdout(&check));
    let json: Value = serde_json::from_slice(&bench.run(&["status", "--json"]).stdout).unwrap();
    let standings: Vec<&str> =
        json["routes"].as_array().unwrap().iter().map(|route| route["standing"].as_str().unwrap()).collect();
    assert_eq!(standings, ["unknown", "unknown"], "{json}");
}

#[test]
fn plan_against_running_tells_every_setting_that_changes_and_no_secret() {
    let bench = Bench::new(1.0, "");
    let notify = "[notify]\nwebhook = \"http://127.0.0.1:1/hook/S3CRET-ONE\"\n";
    let file = bench.write_policy(&format!("{notify}{}", policy("tags = { team = \"it\" }\n")));
    let _daemon = bench.daemon();
    wait_until("ready", SOON, || bench.get("/readyz").is_some());
    let written = std::fs::read_to_string(&file).unwrap();
    let against = || {
        let output = bench.run(&["plan", "--against", "running"]);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let nothing = against();
    let mut untold = Vec::new();
    for (from, to, told) in [
        ("team = \"it\"", "team = \"finance\"", "policy finance: tags"),
        ("rpo = \"26h\"\n", "rpo = \"26h\"\nstart_within = \"2h\"\n", "policy finance: start_within"),
        ("rpo = \"26h\"\n", "rpo = \"26h\"\ncatch_up = \"none\"\n", "policy finance: catch_up"),
        ("rpo = \"30h\"\n", "rpo = \"30h\"\ncopy_tags = true\n", "policy finance: copy_tags in us-west-2"),
        ("rpo = \"30h\"\n", "rpo = \"30h\"\ntags = { tier = \"dr\" }\n", "policy finance: tags in us-west-2"),
        ("poll = \"200ms\"", "poll = \"1s\"", "[daemon] poll from `200ms` to `1s`"),
        ("poll = \"200ms\"", "poll = \"200ms\"\nprune = false", "[daemon] prune"),
        ("poll = \"200ms\"", "poll = \"200ms\"\nhosts = [\"here.example.com\"]", "[daemon] hosts"),
        ("requests_per_second = 200", "requests_per_second = 100", "[aws] requests_per_second"),
        ("[notify]", "[limits]\ncopies_in_flight = 3\n[notify]", "[limits] copies_in_flight from `5` to `3`"),
        ("[notify]", "[limits]\nontap_copies_in_flight = 3\n[notify]", "[limits] ontap_copies_in_flight"),
        ("S3CRET-ONE", "S3CRET-TWO", "[notify] webhook"),
        ("[notify]\n", "[notify]\nheartbeat = \"http://127.0.0.1:1/S3CRET\"\n", "[notify] heartbeat"),
    ] {
        assert!(written.contains(from), "{from}");
        std::fs::write(&file, written.replace(from, to)).unwrap();
        let said = against();
        if said == nothing || !said.contains(told) {
            untold.push((told, said.clone()));
        }
        assert!(!said.contains("S3CRET"), "{said}");
    }
    assert!(untold.is_empty(), "{untold:#?}");
    assert!(!bench.get("/api/v1/plan").unwrap().contains("S3CRET"));
}

#[test]
fn a_signal_is_heard_while_the_daemon_starts() {
    let bench = Bench::new(1.0, "");
    bench.write_policy(&policy(""));
    let daemon = bench.daemon();
    wait_until("the database is there", SOON, || bench.get("/readyz").is_some());
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(SOON), 0);
    // As long as another program has the database locked, the daemon waits for it.
    let locked = lock(&bench);
    let daemon = bench.daemon();
    let files = format!("/proc/{}/fd", daemon.id());
    wait_until("it has come to its database", SOON, || {
        let open = std::fs::read_dir(&files).into_iter().flatten().flatten();
        open.filter_map(|file| std::fs::read_link(file.path()).ok()).any(|path| path == bench.database())
    });
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(SOON), 0, "{}", bench.log());
    drop(locked);
}

/// Holds the database as a program does that is in the midst of writing it.
fn lock(bench: &Bench) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions as _;
    bench.runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bench.database());
        let options = options.locking_mode(sqlx::sqlite::SqliteLockingMode::Exclusive);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql("BEGIN EXCLUSIVE; UPDATE meta SET value = value").execute(&mut connection).await.unwrap();
        connection
    })
}
