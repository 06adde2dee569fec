//! Whoever can reach the status listener: scanners, broken clients, and those who would rather it fell over.

use super::fuzz_rng::{below, each_case, one, text};
use crate::support::{Bench, wait_until};
use lifeboat::sim::Rng;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What answers a request in full, or refuses it, takes much less.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

fn daemon_on(bench: &Bench) -> crate::support::Daemon {
    bench.write_fleet_policy("every 1h");
    let daemon = bench.daemon();
    wait_until("the listener", Duration::from_secs(60), || bench.get("/healthz").is_some());
    daemon
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
    stream.set_read_timeout(Some(ANSWERED_WITHIN)).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

/// How much of a request is one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    /// Whatever it says, it has a beginning and an end.
    Whole,
    /// The same, and more than is ever read.
    Long,
    /// It was cut off or overwritten somewhere, or never was one.
    Broken,
}

/// A request, in whole or in part, in order or not.
fn request(rng: &mut Rng) -> (Vec<u8>, Is) {
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PRI", "get", "G\u{0}T", ""];
    let targets = [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/v1/status",
        "/api/v1/history",
        "*",
        "//",
        "/..",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/metrics/",
        "/metrics?x",
        "/%00",
        "/\u{0}",
        "/;",
        "http://other.example/metrics",
        "/api/v1/history?since=30d&limit=1000",
        "/api/v1/history?limit=99999999999999999999",
        "/api/v1/history?since=%ff",
        "/api/v1/history?since=9999999999d",
        "/api/v1/history?policy=%0a%1b[2J",
        "/api/v1/history?&&&===",
        "#",
        "?",
    ];
    let target = match rng.below(4) {
        0 => format!("/{}", text(rng)),
        1 => format!("/api/v1/history?{}={}", one(rng, &["since", "policy", "limit", "x"]), text(rng)),
        _ => one(rng, &targets).to_owned(),
    };
    let version = one(rng, &["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.1x", ""]);
    let mut lines = vec![format!("{} {target} {version}", if rng.percent(60.0) { "GET" } else { one(rng, &methods) })];
    for _ in 0..rng.below(6) {
        lines.push(match rng.below(10) {
            0 => format!("Content-Length: {}", one(rng, &["0", "-1", "5", "99999999999999999999", "x", "5, 6"])),
            1 => "Transfer-Encoding: chunked".to_owned(),
            2 => "Expect: 100-continue".to_owned(),
            3 => "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings".to_owned(),
            4 => format!("X: {}", "y".repeat(below(rng, 40_000))),
            5 => "X: y\r\n".repeat(1 + below(rng, 300)).trim_end().to_owned(),
            6 => format!("{}: {}", text(rng), text(rng)),
            7 => " folded".to_owned(),
            8 => "Range: bytes=0-,0-,0-,0-".to_owned(),
            _ => format!("Host: {}", one(rng, &["localhost", "x", "[::1]", "LOCALHOST:1", ""])),
        });
    }
    lines.push("Connection: close\r\n\r\n".to_owned());
    let mut bytes = lines.join(one(rng, &["\r\n", "\r\n", "\r\n", "\n"])).into_bytes();
    let fuzz_rng = rng.below(8);
    match fuzz_rng {
        0 => bytes.truncate(below(rng, bytes.len() + 1)),
        1 => {
            let at = below(rng, bytes.len());
            bytes[at] = rng.next_u64() as u8;
        }
        2 => bytes = (0..below(rng, 2000)).map(|_| rng.next_u64() as u8).collect(),
        3 => bytes.extend(std::iter::repeat_n(b'z', below(rng, 100_000))),
        _ => {}
    }
    let is = match fuzz_rng {
        0..=2 => Is::Broken,
        _ if fuzz_rng == 3 || bytes.len() > 8000 => Is::Long,
        _ => Is::Whole,
    };
    (bytes, is)
}

/// Sends it and reads what comes; it must end. Of what is no whole request it says that there is no more: whoever waits
/// for the rest is cut off later, which would take its time. Returns also whether the end was a rough one.
fn put(address: SocketAddr, bytes: &[u8], is: Is) -> (Vec<u8>, bool) {
    let mut stream = connect(address);
    let began = Instant::now();
    // A refusal may come, and the connection go, before everything is written.
    let _ = stream.write_all(bytes);
    if is == Is::Broken {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    if let Err(error) = &ended {
        assert!(
            !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
            "neither answered nor closed"
        );
    }
    assert!(began.elapsed() < ANSWERED_WITHIN, "took {:?}", began.elapsed());
    (answer, ended.is_err())
}

#[test]
fn no_request_brings_the_daemon_down() {
    let bench = Bench::new(1000.0, "");
    let daemon = daemon_on(&bench);
    let address = bench.listen;
    let bench = std::sync::Mutex::new(bench);
    each_case("no_request_brings_the_daemon_down", 400, move |rng| {
        let _running = &daemon;
        let (bytes, is) = request(rng);
        let (answer, torn) = put(address, &bytes, is);
        let start = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        // An answer is lost on the way where the connection is torn down with something unread.
        let may_be_empty = is == Is::Broken || (is == Is::Long && torn);
        assert!((answer.is_empty() && may_be_empty) || start.starts_with("HTTP/1."), "{start:?}");
        assert!(!start.contains(" 500 ") && !answer.windows(5).any(|part| part == b"root:"), "{start:?}");
        assert!(bench.lock().unwrap().get("/healthz").is_some(), "no longer healthy");
    });
}

/// More connections than are served at one time, none of which says all that it has to say.
#[test]
fn those_who_dawdle_do_not_keep_others_out() {
    let bench = Bench::new(1000.0, "");
    let _daemon = daemon_on(&bench);
    let starts: [&[u8]; 5] =
        [b"", b"G", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n", b"GET / HTTP/1.1\r\nX: ", b"\0"];
    let mut dawdlers: Vec<TcpStream> = Vec::new();
    for round in 0..4 {
        for number in 0..100 {
            let mut stream = connect(bench.listen);
            let _ = stream.write_all(starts[number % starts.len()]);
            dawdlers.push(stream);
        }
        let began = Instant::now();
        assert!(bench.get("/healthz").is_some(), "round {round}: kept out after {:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(5), "round {round}: answered after {:?}", began.elapsed());
        // One byte more from each, as if it were about to go on.
        for stream in &mut dawdlers {
            let _ = stream.write_all(b"x");
        }
    }
    drop(dawdlers);
    assert!(bench.get("/metrics").is_some_and(|metrics| metrics.contains("lifeboat_build_info")));
}
