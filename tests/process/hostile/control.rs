//! Whoever can reach the control socket: scripts gone wrong, broken clients, and those who would rather it fell over. What
//! is refused changes nothing; the rest get their turn.

use super::fuzz_rng::{below, digits, each_case, one, text};
use crate::support::{Bench, Daemon, FILE_SYSTEMS, wait_until};
use lifeboat::sim::Rng;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// Whatever is neither answered nor closed within this hangs.
const ANSWERED_WITHIN: Duration = Duration::from_secs(45);
const ORDERS: [&str; 6] = ["reload", "backup", "pause", "resume", "hold", "release"];
/// No refusal needs more to say.
const REFUSAL_MAX_BYTES: usize = 4096;

/// Two sources whose schedule never fires, a recovery point of one, and no order open.
struct Offline {
    bench: Bench,
    daemon: Daemon,
    backup: String,
    at_rest: Rest,
}

/// All that an order could have changed.
#[derive(Debug, PartialEq)]
struct Rest {
    history: String,
    pauses: String,
    made: Vec<String>,
    holds: usize,
}

impl Offline {
    fn new() -> Self {
        let bench = Bench::new(2000.0, "");
        bench.write_policy(&format!(
            "[[policy]]\nname = \"one\"\nregion = \"us-east-1\"\nfile_systems = [\"{}\", \"{}\"]\nschedule = \"0 0 1 1 *\"\n\
             [[policy.destination]]\nregion = \"us-west-2\"\n",
            FILE_SYSTEMS[0], FILE_SYSTEMS[3]
        ));
        let daemon = bench.daemon();
        wait_until("ready", SOON, || bench.get("/readyz").is_some());
        let made = bench.run(&["backup", "one", FILE_SYSTEMS[0], "--wait"]);
        assert!(made.status.success(), "{made:?}");
        let backup = bench.inventory().backups[0].id.clone();
        let at_rest = rest(&bench);
        Self { bench, daemon, backup, at_rest }
    }

    /// Asks what must always be answered, and compares what exists with what existed.
    fn lives_and_is_as_it_was(&mut self) {
        assert!(self.daemon.child.try_wait().unwrap().is_none(), "the daemon ended:\n{}", self.bench.log());
        let health = answer(&self.bench, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
        assert_eq!(rest(&self.bench), self.at_rest);
    }

    /// Takes back what was granted, since what comes out of dice may make sense.
    fn undo(&self, path: &str) {
        let order = match path {
            "pause" => ("resume", "{\"policy\":\"one\"}".to_owned()),
            "hold" => ("release", format!("{{\"backup\":\"{}\"}}", self.backup)),
            _ => return,
        };
        let answered = answer(&self.bench, post(order.0, order.1.as_bytes()).as_slice());
        assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
        if path == "hold" {
            wait_until("the tag is gone", SOON, || rest(&self.bench).holds == 0);
        }
    }
}

fn rest(bench: &Bench) -> Rest {
    let get = |path: &str| bench.get(path).unwrap_or_else(|| panic!("no answer to {path}"));
    let status: serde_json::Value = serde_json::from_str(&get("/api/v1/status")).unwrap();
    let inventory = bench.inventory();
    let paused = status["policies"].as_array().unwrap().iter().map(|policy| policy["paused"].to_string());
    Rest {
        history: get("/api/v1/history?limit=10000"),
        pauses: paused.collect(),
        made: inventory.backups.iter().map(|backup| backup.id.clone()).collect(),
        holds: inventory.backups.iter().filter(|backup| backup.tags.contains_key("lifeboat:hold")).count(),
    }
}

fn connect(bench: &Bench) -> UnixStream {
    let stream = UnixStream::connect(bench.control()).unwrap();
    stream.set_read_timeout(Some(ANSWERED_WITHIN)).unwrap();
    stream.set_write_timeout(Some(ANSWERED_WITHIN)).unwrap();
    stream
}

/// What comes back until the other side closes; empty if it cuts us off.
fn hear(mut stream: UnixStream) -> String {
    let mut heard = Vec::new();
    if let Err(error) = stream.read_to_end(&mut heard) {
        let hangs = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
        assert!(!hangs, "neither answered nor closed");
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// Of a request that is whole, and asks for the connection to be closed.
fn answer(bench: &Bench, bytes: &[u8]) -> String {
    let mut stream = connect(bench);
    // A refusal may come, and the connection go, before everything is written.
    let _ = stream.write_all(bytes);
    hear(stream)
}

/// Of something that may be the beginning of more: says that there is no more.
fn answer_if_any(bench: &Bench, bytes: &[u8]) -> String {
    let mut stream = connect(bench);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    hear(stream)
}

fn post(order: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST /api/v1/{order} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// The status of an answer, and the error that it tells.
fn told(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let error = serde_json::from_str::<serde_json::Value>(body).ok();
    (status, error.and_then(|error| error["error"].as_str().map(str::to_owned)).unwrap_or_default())
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A value of JSON that is seldom meant.
fn odd_value(rng: &mut Rng) -> String {
    match rng.below(10) {
        0 => one(rng, &["null", "true", "{}", "[]", "\"\"", "[[]]", "{\"policy\":\"one\"}"]).to_owned(),
        1 => digits(rng),
        2 => ["[", "{\"a\":"][below(rng, 2)].repeat(1 + below(rng, 3000)),
        3 => "[".repeat(200) + &"]".repeat(200),
        4 => format!("\"\\u{:04x}\"", rng.below(0x1_0000)),
        5 => format!("\"{}\"", text(rng)),
        6 => a_time(rng),
        7 => one(rng, &[quoted("one"), quoted("..\\../one"), quoted("one\u{0}")]),
        _ => quoted(&text(rng)),
    }
}

/// A time, most of them absurd; none that an occurrence could have.
fn a_time(rng: &mut Rng) -> String {
    let times = [
        "1970-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "-009999-01-01T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:59.999999999Z",
        "99999-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-24T25:61:61Z",
        "2026-11-24",
        "2026-11-24T00:00:00",
        "2020-11-24T00:00:00+26:00",
        "2020-11-24T00:00:00+99:99",
        "2020-11-24T00:00:00.0000000000000000000000001Z",
        "now",
        "@1",
        "1e3",
    ];
    match rng.below(3) {
        0 => format!("\"{}-{:02}-{:02}T{:02}:00:00Z\"", rng.below(2026), rng.below(14), rng.below(33), rng.below(26)),
        1 => quoted(&text(rng)),
        _ => quoted(one(rng, &times)),
    }
}

/// An order as somebody might have meant it, with parts that make sense and parts that do not.
fn order(rng: &mut Rng, backup: &str) -> (&'static str, Vec<u8>) {
    let path = one(rng, &ORDERS);
    let mut members: Vec<(String, String)> = match path {
        "backup" => vec![
            ("policy".into(), quoted("one")),
            ("source".into(), quoted(one(rng, &[FILE_SYSTEMS[0], "fs-0", "fsvol-0a1b2c3d4e5f60004", ""]))),
            ("at".into(), a_time(rng)),
        ],
        "pause" => {
            vec![("policy".into(), quoted("one")), ("until".into(), a_time(rng)), ("reason".into(), quoted(&text(rng)))]
        }
        "resume" => vec![("policy".into(), quoted("one"))],
        "hold" => vec![
            ("backup".into(), quoted(one(rng, &[backup, "backup-0123456789abcdef0", "backup-", "../x"]))),
            ("reason".into(), quoted(&text(rng))),
        ],
        "release" => vec![("backup".into(), quoted("backup-0123456789abcdef0"))],
        _ => vec![("confirm_deletions".into(), one(rng, &["true", "false", "1", "\"yes\"", "null"]).into())],
    };
    for _ in 0..1 + rng.below(2) {
        let at = below(rng, members.len());
        match rng.below(6) {
            0 => members.push((text(rng), odd_value(rng))),
            1 => drop(members.remove(at)),
            2 => members.push(members[at].clone()),
            3 => members[at].0 = text(rng),
            _ => members[at].1 = odd_value(rng),
        }
        if members.is_empty() {
            break;
        }
    }
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    let mut body = format!("{{{}}}", members.join(",")).into_bytes();
    match rng.below(12) {
        0 => body.truncate(below(rng, body.len() + 1)),
        1 => {
            let at = below(rng, body.len());
            body[at] = rng.next_u64() as u8;
        }
        2 => body = [b"[".as_slice(), &body, b"]"].concat(),
        3 => body.extend_from_within(..),
        4 => body = [b"\xef\xbb\xbf".as_slice(), &body].concat(),
        5 => body = (0..below(rng, 500)).map(|_| rng.next_u64() as u8).collect(),
        _ => {}
    }
    (path, body)
}

/// A request around an order that a server cannot make sense of, or that is not all there.
fn misshapen(rng: &mut Rng, order: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = |method: &str, path: &str, headers: &str| {
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").into_bytes()
    };
    let path = format!("/api/v1/{order}");
    match rng.below(13) {
        0 => head(
            one(rng, &["GET", "PUT", "DELETE", "PATCH", "TRACE", "POSt", "\u{1}", ""]),
            &path,
            "Content-Length: 0\r\n",
        ),
        1 => {
            let paths =
                ["/api/v2/pause", "/api/v1/", "/pause", "//api/v1/pause", "/api/v1/pause/", "/api/v1/PAUSE", "*"];
            [head("POST", one(rng, &paths), &format!("Content-Length: {length}\r\n")), body.to_vec()].concat()
        }
        // More is announced than comes.
        2 => [head("POST", &path, &format!("Content-Length: {}\r\n", length + 1 + below(rng, 9000))), body.to_vec()]
            .concat(),
        3 => {
            let lengths = ["-1", "x", "99999999999999999999", "5, 6", "5\r\nContent-Length: 6", "0x10", ""];
            [head("POST", &path, &format!("Content-Length: {}\r\n", one(rng, &lengths))), body.to_vec()].concat()
        }
        4 => {
            let chunks = ["zz\r\n{}\r\n", "-1\r\n", "ffffffffffffffffff\r\n{", "5\r\n{}", "2\r\n{}\r\n0\r\nX: y\r\n"];
            [head("POST", &path, "Transfer-Encoding: chunked\r\n"), one(rng, &chunks).as_bytes().to_vec()].concat()
        }
        // A body without an end in sight.
        5 => {
            let chunk = [b"1000\r\n".as_slice(), &[b' '; 4096], b"\r\n"].concat();
            [head("POST", &path, "Transfer-Encoding: chunked\r\n"), chunk.repeat(1 + below(rng, 200))].concat()
        }
        6 => post(order, &vec![b' '; 16_385 + below(rng, 2_000_000)]),
        7 => head("POST", &path, &format!("X: {}\r\n", "y".repeat(16_000 + below(rng, 200_000)))),
        8 => head("POST", &path, &"X: y\r\n".repeat(101 + below(rng, 3000))),
        9 => head("POST", &format!("{path}?{}", "z".repeat(below(rng, 60_000))), &format!("{}\r\n", text(rng))),
        10 => (0..below(rng, 3000)).map(|_| rng.next_u64() as u8).collect(),
        // Cut off anywhere.
        11 => {
            let mut all = post(order, body);
            all.truncate(below(rng, all.len()));
            all
        }
        // The head of TLS, of HTTP/2, and of nothing.
        _ => {
            one(rng, &[b"\x16\x03\x01\x02\x00\x01\x00".to_vec(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), vec![]])
        }
    }
}

#[test]
fn no_order_that_is_refused_changes_anything() {
    let offline = Mutex::new(Offline::new());
    each_case("no_order_that_is_refused_changes_anything", 300, move |rng| {
        let mut offline = offline.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (path, body) = order(rng, &offline.backup);
        let answered = answer(&offline.bench, &post(path, &body));
        let (status, error) = told(&answered);
        let order = String::from_utf8_lossy(&body).chars().take(300).collect::<String>();
        match status {
            200 => offline.undo(path),
            400..500 => {
                assert!(!error.trim().is_empty(), "{path} {order}: refused without a word: {answered}");
                assert!(answered.len() < REFUSAL_MAX_BYTES, "{path} {order}: {} bytes", answered.len());
                // It is shown on a terminal as it stands.
                assert!(!error.chars().any(|c| c.is_control() && c != '\n'), "{path} {order}: {error:?}");
            }
            _ => panic!("{path} {order}: {answered}"),
        }
        offline.lives_and_is_as_it_was();
    });
}

#[test]
fn no_request_around_an_order_does_either() {
    let offline = Mutex::new(Offline::new());
    each_case("no_request_around_an_order_does_either", 200, move |rng| {
        let mut offline = offline.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (path, body) = order(rng, "backup-0123456789abcdef0");
        let bytes = misshapen(rng, path, &body);
        let answered = answer_if_any(&offline.bench, &bytes);
        let (status, _) = told(&answered);
        // A reload needs no body, so odd words around it may leave an order that makes sense.
        let granted = path == "reload" && status == 200;
        assert!(answered.is_empty() || (400..500).contains(&status) || granted, "{answered}");
        offline.lives_and_is_as_it_was();
    });
}

/// Orders that come one byte at a time, several in one breath, from many at one time, and from some that never end.
#[test]
fn those_who_shout_together_and_those_who_dawdle_keep_nobody_out() {
    let offline = Mutex::new(Offline::new());
    each_case("those_who_shout_together_and_those_who_dawdle_keep_nobody_out", 4, move |rng| {
        let mut offline = offline.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let refused = post("pause", b"{\"policy\":\"two\"}");
        // More than are let in at one time, each of them somewhere in the middle of a request.
        let mut dawdlers: Vec<UnixStream> = (0..48).map(|_| connect(&offline.bench)).collect();
        for stream in &mut dawdlers {
            let _ = stream.write_all(&refused[..below(rng, refused.len())]);
        }
        let speakers: Vec<_> = (0..24)
            .map(|_| {
                let (control, refused, pieces) = (offline.bench.control(), refused.clone(), 1 + below(rng, 40));
                std::thread::spawn(move || {
                    let mut stream = UnixStream::connect(control).unwrap();
                    stream.set_read_timeout(Some(ANSWERED_WITHIN)).unwrap();
                    for piece in refused.chunks(pieces) {
                        stream.write_all(piece).unwrap();
                    }
                    hear(stream)
                })
            })
            .collect();
        for speaker in speakers {
            let (status, error) = told(&speaker.join().unwrap());
            assert_eq!((status, error.contains("there are: one")), (404, true), "{error}");
        }
        // Several orders in one breath: each is answered, in its turn, the last as well.
        let keep_open = String::from_utf8(refused.clone()).unwrap().replace("Connection: close\r\n", "");
        let many = 2 + below(rng, 20);
        let mut stream = connect(&offline.bench);
        stream.write_all(keep_open.repeat(many).as_bytes()).unwrap();
        stream.write_all(&refused).unwrap();
        assert_eq!(hear(stream).matches("HTTP/1.1 404").count(), many + 1);
        // One byte more from each of those that wait, and then they are gone without a word.
        for stream in &mut dawdlers {
            let _ = stream.write_all(b"{");
        }
        drop(dawdlers);
        offline.lives_and_is_as_it_was();
    });
}
