//! What people are told, through the real binary: by receivers that are broken, dumb or gone, then good again.

use crate::support::{Bench, FILE_SYSTEMS, lifecycle, wait_until};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// What a receiver does with notifications. It always takes pings.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Mood {
    Good,
    Broken,
    /// Reads, and never answers.
    Dumb,
}

/// A request as it came, and in what mood it was met.
#[derive(Clone, Debug)]
struct Request {
    mood: Mood,
    line: String,
    key: String,
    body: serde_json::Value,
}

#[derive(Clone)]
struct Receiver {
    port: u16,
    mood: Arc<Mutex<Mood>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    fn new(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = Self { port, mood: Arc::new(Mutex::new(mood)), requests: Arc::default() };
        let shared = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        receiver
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let (mut line, mut key, mut length) = (String::new(), String::new(), 0);
        reader.read_line(&mut line).ok()?;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim().split_once(": ") else { break };
            match name.to_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "idempotency-key" => key = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let ping = line.starts_with("GET ");
        let mood = if ping { Mood::Good } else { *self.mood.lock().unwrap() };
        let body = serde_json::from_slice(&body).unwrap_or_default();
        self.requests.lock().unwrap().push(Request { mood, line: line.trim().to_owned(), key, body });
        let status = match mood {
            Mood::Good => "204 No Content",
            Mood::Broken => "500 Internal Server Error",
            Mood::Dumb => {
                std::thread::sleep(SOON);
                return None;
            }
        };
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").ok()
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The bodies of this event that were met in this mood; of routes, those of the one that is made to fail.
    fn told(&self, event: &str, mood: Mood) -> Vec<serde_json::Value> {
        let bodies = self.requests().into_iter().filter(|r| r.mood == mood).map(|r| r.body);
        let ours = |body: &serde_json::Value| body["region"].is_null() || body["region"] == "eu-west-1";
        bodies.filter(|body| body["event"] == event && ours(body)).collect()
    }

    fn met_in(&self, mood: Mood) -> usize {
        self.requests().iter().filter(|r| r.mood == mood).count()
    }

    fn pings(&self) -> usize {
        self.requests().iter().filter(|r| r.line.starts_with("GET /beat/SECRET-TWO HTTP/1.1")).count()
    }
}

fn policy(port: u16) -> String {
    format!(
        "[notify]\nwebhook = \"http://127.0.0.1:{port}/hook/SECRET-ONE?key=SECRET-THREE\"\n\
         heartbeat = \"http://127.0.0.1:{port}/beat/SECRET-TWO\"\n\
         [[policy]]\nname = \"one\"\nregion = \"us-east-1\"\nfile_systems = [\"{}\"]\nschedule = \"*/2 * * * * *\"\n\
         rpo = \"15s\"\n[[policy.destination]]\nregion = \"us-west-2\"\n[[policy.destination]]\nregion = \"eu-west-1\"\n",
        FILE_SYSTEMS[0]
    )
}

const NO_COPIES: &str = "[[fault]]\nregions = [\"eu-west-1\"]\nfail_copy_percent = 100\n";

fn lines(bench: &Bench, event: &str) -> Vec<String> {
    let wanted = format!("event=\"{event}\"");
    bench.log().lines().filter(|line| line.contains(&wanted)).map(str::to_owned).collect()
}

fn copies(bench: &Bench) -> usize {
    bench.inventory().backups.iter().filter(|b| b.region == "us-west-2" && lifecycle(b) == "AVAILABLE").count()
}

#[test]
fn late_and_recovered_are_told_once_whatever_the_receiver_does() {
    let bench = Bench::new(2000.0, "");
    let receiver = Receiver::new(Mood::Broken);
    let path = bench.write_policy(&policy(receiver.port));
    let daemon = bench.daemon();
    wait_until("all is well, and the heartbeat says so", SOON, || receiver.pings() == 1);
    bench.set_faults(NO_COPIES);
    wait_until("late in the log", SOON, || lines(&bench, "late").iter().any(|line| line.contains("eu-west-1")));
    wait_until("a broken receiver", SOON, || receiver.met_in(Mood::Broken) > 0);
    receiver.set(Mood::Dumb);
    wait_until("one that does not answer", SOON, || receiver.met_in(Mood::Dumb) > 0);
    let before = copies(&bench);
    wait_until("the work goes on", SOON, || copies(&bench) >= before + 3);
    daemon.kill();

    let asked = receiver.met_in(Mood::Dumb);
    let daemon = bench.daemon();
    wait_until("it is tried again after the restart", SOON, || receiver.met_in(Mood::Dumb) > asked);
    receiver.set(Mood::Good);
    wait_until("it is told in the end", SOON, || !receiver.told("route_late", Mood::Good).is_empty());
    wait_until("what failed for good is told", SOON, || !receiver.told("job_failed", Mood::Good).is_empty());
    let late = receiver.told("route_late", Mood::Good).remove(0);
    let expected = [
        ("schema", 1.into()),
        ("policy", "one".into()),
        ("account", "111122223333".into()),
        ("source", FILE_SYSTEMS[0].into()),
        ("region", "eu-west-1".into()),
        ("rpo_seconds", 15.into()),
        ("occurrence", serde_json::Value::Null),
    ];
    for (field, value) in expected {
        assert_eq!(late[field], value, "{field} of {late}");
    }
    assert!(late["age_seconds"].as_u64().unwrap() >= 15, "{late}");
    assert!(receiver.requests().iter().all(|r| r.line.starts_with("GET") || r.body["id"] == r.key.as_str()));

    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("webhook", "webbook").replace("schedule", "shedule")).unwrap();
    daemon.signal("HUP");
    wait_until("a refused reload is told", SOON, || !receiver.told("reload_refused", Mood::Good).is_empty());
    let refused = receiver.told("reload_refused", Mood::Good).remove(0).to_string();
    assert!(refused.contains("shedule") && !refused.contains("SECRET"), "{refused}");
    std::fs::write(&path, text).unwrap();
    daemon.signal("HUP");

    bench.set_faults("");
    wait_until("recovery is told", SOON, || !receiver.told("route_recovered", Mood::Good).is_empty());
    let of_route = |event: &str| lines(&bench, event).iter().filter(|line| line.contains("eu-west-1")).count();
    // The receiver may hear of it before the log's own thread has written its line.
    wait_until("recovery is in the log", SOON, || of_route("recovered") > 0);
    assert_eq!((of_route("late"), of_route("recovered")), (1, 1), "{}", bench.log());
    assert_eq!(receiver.told("route_late", Mood::Good).len(), 1);
    let recovered = receiver.told("route_recovered", Mood::Good).remove(0);
    assert_eq!((&recovered["late_since"], &recovered["region"]), (&late["late_since"], &"eu-west-1".into()));
    wait_until("nothing is left to tell", SOON, || {
        bench.metric("lifeboat_notifications_total{result=\"delivered\"}") >= Some(3.0)
    });
    let log = bench.log();
    assert!(!log.contains("SECRET"), "{log}");
    let broken = |line: &&str| line.contains("event=\"notify_failed\"") && line.contains("WARN");
    assert_eq!(log.lines().filter(broken).count(), 2, "once for each life of the process: {log}");
}

#[test]
fn a_lost_database_tells_nothing_that_looks_new() {
    let bench = Bench::new(2000.0, "");
    let receiver = Receiver::new(Mood::Good);
    bench.write_policy(&policy(receiver.port));
    let daemon = bench.daemon();
    wait_until("all is well", SOON, || receiver.pings() == 1);
    bench.set_faults(NO_COPIES);
    wait_until("late", SOON, || !receiver.told("route_late", Mood::Good).is_empty());
    daemon.kill();
    bench.lose_database();
    let _daemon = bench.daemon();
    wait_until("found late again", SOON, || receiver.told("route_late", Mood::Good).len() > 1);
    let told = receiver.told("route_late", Mood::Good);
    assert!(told.iter().all(|body| body["id"] == told[0]["id"]), "a receiver can drop the repeat: {told:#?}");
    assert!(receiver.told("route_recovered", Mood::Good).is_empty());
}

#[test]
fn a_receiver_is_reached_over_tls_if_its_certificate_is_trusted() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let bench = Bench::new(2000.0, "");
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(bench.path("roots.pem"), own.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = bench.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let pings = Arc::new(Mutex::new(0));
    let counted = pings.clone();
    bench.runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap_or(0);
            if request[..length].starts_with(b"GET /beat HTTP/1.1\r\n") {
                *counted.lock().unwrap() += 1;
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    let plain = policy(1);
    let policies = plain.split_once("[[policy]]").unwrap().1;
    bench.write_policy(&format!("[notify]\nheartbeat = \"https://localhost:{port}/beat\"\n[[policy]]{policies}"));
    // Trusted by nobody: said once, and nothing is sent.
    let daemon = bench.daemon();
    wait_until("it is not trusted", SOON, || lines(&bench, "notify_failed").len() == 1);
    assert!(lines(&bench, "notify_failed")[0].contains("certificate"), "{}", bench.log());
    assert_eq!(*pings.lock().unwrap(), 0);
    daemon.kill();
    let log = std::fs::File::options().append(true).open(bench.path("log")).unwrap();
    let child = bench.command(&["run"]).env("SSL_CERT_FILE", bench.path("roots.pem")).stderr(log).spawn().unwrap();
    let _daemon = crate::support::Daemon { child };
    wait_until("it is trusted", SOON, || *pings.lock().unwrap() == 1);
}

#[test]
fn auditors_get_what_was_kept_and_what_was_not() {
    let bench = Bench::new(2000.0, "");
    let receiver = Receiver::new(Mood::Good);
    bench.write_policy(&policy(receiver.port));
    let daemon = bench.daemon();
    wait_until("all is well", SOON, || receiver.pings() == 1);
    bench.set_faults(NO_COPIES);
    wait_until("late", SOON, || !receiver.told("route_late", Mood::Good).is_empty());
    bench.set_faults("");
    wait_until("recovered", SOON, || !receiver.told("route_recovered", Mood::Good).is_empty());
    let report = |more: &[&str]| {
        let arguments: Vec<&str> = ["report", "--since", "1h"].iter().chain(more).copied().collect();
        let output = bench.run(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let judge = |json: &str| {
        let report: serde_json::Value = serde_json::from_str(json).unwrap();
        let routes = report["routes"].as_array().unwrap().clone();
        assert_eq!(routes.len(), 3, "{json}");
        for route in routes {
            let number = |field: &str| route[field].as_f64().unwrap();
            let sum = number("met_seconds") + number("late_seconds") + number("unknown_seconds");
            assert!((sum - number("promised_seconds")).abs() < 0.01, "{route}");
            assert!(number("met_seconds") > 1.0 && number("recovery_points") > 1.0, "{route}");
            assert!(route["occurrences"]["completed"].as_u64().unwrap() > 1, "{route}");
            // One of the three had nothing at first, kept its promise, broke it, and kept it again.
            let breaches = route["breaches"].as_u64().unwrap();
            if route["region"] == "eu-west-1" {
                assert!(breaches >= 2 && route["longest_breach"]["ended"].is_string(), "{route}");
                assert!(number("late_seconds") > 0.0, "{route}");
            }
        }
    };
    let (json, said) = report(&["--json"]);
    judge(&json);
    assert_eq!(said, "");
    let (csv, _) = report(&["--csv"]);
    assert_eq!(csv.split_terminator("\r\n").count(), 4, "{csv}");
    let (text, _) = report(&["--source", FILE_SYSTEMS[0], "--policy", "one"]);
    assert!(text.contains("late at some time") && text.contains("longest breach"), "{text}");
    assert!(report(&["--policy", "two"]).0.contains("nothing is on record"));
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(Duration::from_secs(10)), 0);
    let (json, said) = report(&["--json"]);
    judge(&json);
    assert!(said.contains("no daemon") && said.contains("reading the database"), "{said}");
    assert_eq!(bench.run(&["report", "--since", "yesterday"]).status.code(), Some(2));
    assert_eq!(bench.run(&["report", "--since", "1h", "--until", "2h"]).status.code(), Some(2));

    // History, page by page, is whole in every form.
    let history = |more: &[&str]| {
        let arguments: Vec<&str> = ["history", "--since", "1h"].iter().chain(more).copied().collect();
        let output = bench.run(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let all: Vec<serde_json::Value> = serde_json::from_str(&history(&["--json"])).unwrap();
    assert_eq!(history(&["--csv"]).split_terminator("\r\n").count(), all.len() + 1);
    let failed: Vec<serde_json::Value> = serde_json::from_str(&history(&["--json", "--outcome", "failed"])).unwrap();
    assert!(!failed.is_empty() && failed.iter().all(|line| line["outcome"] == "failed"));
    let two: Vec<serde_json::Value> = serde_json::from_str(&history(&["--json", "--limit", "2"])).unwrap();
    assert_eq!(two[..], all[..2]);
    let none: Vec<serde_json::Value> = serde_json::from_str(&history(&["--json", "--policy", "two"])).unwrap();
    assert_eq!(none.len(), 0);
    assert_eq!(bench.run(&["history", "--outcome", "fine"]).status.code(), Some(2));
}
