//! Policy files that cannot be read, some of which never answer.

use super::{SOON, quiet, ready, stderr};
use crate::support::{Bench, wait_until};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

/// What can stand where the policy file is to be: its name, and what is said of it.
fn strange(bench: &Bench) -> Vec<(&'static str, &'static str)> {
    assert!(Command::new("mkfifo").arg(bench.path("pipe")).status().unwrap().success());
    fs::create_dir(bench.path("directory")).unwrap();
    symlink(bench.path("loop"), bench.path("loop")).unwrap();
    symlink("/dev/zero", bench.path("zero")).unwrap();
    // Where a read waits for what the kernel says next, or is refused.
    symlink("/proc/kmsg", bench.path("kmsg")).unwrap();
    fs::File::create(bench.path("huge")).unwrap().set_len(1 << 40).unwrap();
    vec![
        ("pipe", "not a regular file"),
        ("directory", "this is a directory"),
        ("loop", "symbolic links"),
        ("zero", "not a regular file"),
        ("kmsg", "read"),
        ("huge", "larger than 4 MiB"),
        ("nowhere", "no such file"),
    ]
}

#[test]
fn a_policy_that_cannot_be_read_holds_nobody_and_is_told() {
    let bench = Bench::new(600.0, "");
    let policy = bench.write_policy(&quiet());
    let good = fs::read_to_string(&policy).unwrap();
    let daemon = bench.daemon();
    ready(&bench);
    for (name, words) in strange(&bench) {
        fs::remove_file(&policy).unwrap();
        symlink(bench.path(name), &policy).unwrap();
        for command in ["check", "reload", "status"] {
            let began = Instant::now();
            let output = bench.run(&[command]);
            assert!(began.elapsed() < Duration::from_secs(20), "{command} on {name}");
            assert_ne!(output.status.code(), Some(0), "{command} on {name}");
            if command != "status" {
                assert!(stderr(&output).contains(words), "{command} on {name}: {}", stderr(&output));
                assert!(!stderr(&output).contains("no daemon"), "{command} on {name}: {}", stderr(&output));
            }
        }
        // The daemon reads it anew, and goes round and answers all the while.
        let refused = bench.log().matches("the policy was refused").count();
        daemon.signal("HUP");
        let mut slowest = Duration::ZERO;
        wait_until("refused", SOON, || {
            let began = Instant::now();
            assert!(bench.get("/healthz").is_some(), "{name}");
            slowest = slowest.max(began.elapsed());
            bench.log().matches("the policy was refused").count() > refused
        });
        assert!(slowest < Duration::from_secs(1), "{name}: {slowest:?}");
        assert!(bench.answer("/readyz").is_some_and(|(status, _)| status == 503), "{name}");
    }
    // Over its socket, of which the file says nothing now, it tells the same.
    fs::remove_file(&policy).unwrap();
    fs::write(&policy, &good).unwrap();
    assert!(bench.run(&["reload"]).status.success(), "{}", bench.log());
    ready(&bench);
}

#[test]
fn reloads_stand_in_line_and_each_is_answered() {
    let bench = Bench::new(600.0, "");
    bench.write_policy(&quiet());
    let daemon = bench.daemon();
    ready(&bench);
    let children: Vec<_> =
        (0..8).map(|_| bench.command(&["reload"]).stdout(std::process::Stdio::piped()).spawn().unwrap()).collect();
    for _ in 0..50 {
        daemon.signal("HUP");
    }
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    ready(&bench);
}

#[test]
fn a_secret_in_a_file_that_is_refused_is_told_nowhere() {
    let bench = Bench::new(600.0, "");
    let policy = bench.write_policy(&quiet());
    let daemon = bench.daemon();
    ready(&bench);
    let good = fs::read_to_string(&policy).unwrap();
    for line in
        ["webhook: https://hooks.example.com/services/S3CRET", "webhook = “https://h/S3CRET”", "webhook = S3CRET"]
    {
        fs::write(&policy, format!("[notify]\n{line}\n{good}")).unwrap();
        let refused = bench.run(&["reload"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("webhook"), "{}", stderr(&refused));
        let page = bench.get("/").unwrap();
        assert!(page.contains("refused"), "{page}");
        for said in [stderr(&refused), bench.log(), page, bench.get("/api/v1/status").unwrap()] {
            assert!(!said.contains("S3CRET"), "{said}");
        }
    }
    drop(daemon);
}
