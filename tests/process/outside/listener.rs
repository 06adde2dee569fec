//! Who is answered on `listen`, how soon, and how.

use super::{SOON, quiet, ready};
use crate::support::{Bench, Daemon, wait_until};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

/// The status, the head and the body of an answer to these bytes.
fn raw(bench: &Bench, request: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect_timeout(&bench.listen, Duration::from_secs(5)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, head, answer.get(end + 4..).unwrap_or_default().to_vec())
}

fn named(bench: &Bench, host: &str) -> u16 {
    raw(bench, &format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).0
}

#[test]
fn only_who_calls_it_by_a_name_of_its_own_is_answered() {
    let bench = Bench::new(600.0, "");
    let policy = bench.write_policy(&quiet());
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, text.replace("[aws]", "hosts = [\"Metrics.example.com\"]\n[aws]")).unwrap();
    let _daemon = bench.daemon();
    ready(&bench);
    let port = bench.listen.port();
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "metrics.EXAMPLE.com", "metrics.example.com."] {
        assert_eq!(named(&bench, host), 200, "{host}");
        assert_eq!(named(&bench, &format!("{host}:{port}")), 200, "{host}:{port}");
    }
    for host in ["evil.example", "evil.example:9750", "127.0.0.1.evil.example", "192.0.2.1", "[::2]", "", "localhost:x"]
    {
        assert_eq!(named(&bench, host), 421, "{host}");
    }
    for (request, status) in [
        ("GET /metrics HTTP/1.0\r\n\r\n", 200),
        ("GET /metrics HTTP/1.0\r\nHost: evil.example\r\n\r\n", 421),
        ("GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        ("GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200),
        ("GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 421),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400),
    ] {
        assert_eq!(raw(&bench, request).0, status, "{request}");
    }
}

#[test]
fn large_answers_are_packed_for_those_who_take_it() {
    let bench = Bench::new(600.0, "");
    bench.write_fleet_policy("0 0 1 1 *");
    let _daemon = bench.daemon();
    ready(&bench);
    for (path, large) in
        [("/metrics", true), ("/api/v1/status", true), ("/", true), ("/healthz", false), ("/api/v1/history", false)]
    {
        let ask = |method: &str, encoding: &str| {
            let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
            raw(&bench, &format!("{head}Accept-Encoding: {encoding}\r\n\r\n"))
        };
        let (status, head, packed) = ask("GET", "gzip, deflate");
        assert_eq!((status, head.contains("content-encoding: gzip")), (200, large), "{path}: {head}");
        let (_, head, plain) = ask("GET", "gzip;q=0, identity");
        assert!(!head.contains("content-encoding"), "{path}: {head}");
        if large {
            assert!(head.contains("vary: accept-encoding"), "{path}: {head}");
            let mut unpacked = String::new();
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut unpacked).unwrap();
            let lines =
                |text: &str| text.lines().filter(|line| line.starts_with("# ")).map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(lines(&unpacked), lines(&String::from_utf8_lossy(&plain)), "{path}");
            assert!(packed.len() * 2 < plain.len(), "{path}: {} of {}", packed.len(), plain.len());
            let (status, head, nothing) = ask("HEAD", "gzip");
            assert!(status == 200 && nothing.is_empty() && head.contains("content-encoding: gzip"), "{path}: {head}");
        }
    }
}

#[test]
fn with_few_files_to_open_fewer_are_let_in_and_a_scrape_is_answered() {
    let bench = Bench::new(600.0, "");
    bench.write_policy(&quiet());
    let log = std::fs::File::options().create(true).append(true).open(bench.path("log")).unwrap();
    let run = bench.command(&["run"]);
    let mut limited = std::process::Command::new("/bin/sh");
    limited.args(["-c", "ulimit -n 96; exec \"$0\" run"]).arg(crate::support::BINARY).env_clear();
    limited.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let _daemon = Daemon { child: limited.stderr(log).stdout(Stdio::null()).spawn().unwrap() };
    ready(&bench);
    let idle: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(bench.listen).unwrap()).collect();
    for _ in 0..3 {
        wait_until("scraped", SOON, || bench.get("/metrics").is_some() && bench.get("/readyz").is_some());
    }
    assert!(!bench.log().contains("could not accept"), "{}", bench.log());
    // Its own work goes on as well.
    let order = bench.run(&["backup", "one", "--wait"]);
    assert!(order.status.success(), "{}", bench.log());
    drop(idle);
}
