//! A program that fetches credentials: it may hang, flood and fail, and what it prints is nobody's business.

use super::{SOON, quiet, ready};
use crate::support::{Bench, Daemon, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

const SECRET: &str = "wJalrXUtnFEMI-TOPSECRET";

/// A bench whose daemon has its credentials from a script.
fn fetching(script: &str) -> Bench {
    let bench = Bench::new(600.0, "");
    bench.write_policy(&quiet());
    write_script(&bench, script);
    let config = format!("[default]\nregion = us-east-1\ncredential_process = {}\n", bench.path("fetch").display());
    fs::write(bench.path("aws"), config).unwrap();
    bench
}

/// Each run leaves a line in `runs`.
fn write_script(bench: &Bench, script: &str) {
    let path = bench.path("fetch");
    fs::write(&path, format!("#!/bin/sh\necho $$ >> {}\n{script}\n", bench.path("runs").display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn daemon(bench: &Bench) -> Daemon {
    let log = fs::File::options().create(true).append(true).open(bench.path("log")).unwrap();
    let mut command = bench.command(&["run"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.env("AWS_CONFIG_FILE", bench.path("aws")).env("PATH", "/usr/bin:/bin");
    command.env("AWS_SHARED_CREDENTIALS_FILE", bench.path("none")).env("AWS_EC2_METADATA_DISABLED", "true");
    Daemon { child: command.stderr(log).stdout(Stdio::null()).spawn().unwrap() }
}

fn runs(bench: &Bench) -> Vec<String> {
    fs::read_to_string(bench.path("runs")).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Those of the runs that still go on.
fn running(bench: &Bench) -> usize {
    let alive = |pid: &String| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"));
    runs(bench).iter().filter(|pid| alive(pid)).count()
}

fn good() -> String {
    format!("echo '{{\"Version\": 1, \"AccessKeyId\": \"AKIA111122223333TEST\", \"SecretAccessKey\": \"{SECRET}\"}}'")
}

/// Neither what is served nor the log shows a word of what the program printed.
fn nothing_is_shown(bench: &Bench) {
    for path in ["/readyz", "/api/v1/status", "/", "/metrics"] {
        let (_, body) = bench.answer(path).unwrap();
        assert!(!body.contains("TOPSECRET"), "{path}: {body}");
    }
    let log = bench.log();
    assert!(!log.contains("TOPSECRET"), "{log}");
    assert!(
        log.lines().all(|line| line.contains(" INFO ") || line.contains("WARN ") || line.contains("ERROR ")),
        "{log}"
    );
}

#[test]
fn one_fetch_serves_every_region() {
    let bench = fetching(&good());
    let _daemon = daemon(&bench);
    ready(&bench);
    wait_until("every Region was read", SOON, || {
        let listed = |region: &str| {
            let labels = format!("operation=\"DescribeBackups\",region=\"{region}\",code=\"OK\"");
            bench.metric(&format!("lifeboat_aws_requests_total{{{labels}}}")) > Some(0.0)
        };
        listed("us-east-1") && listed("us-west-2")
    });
    assert_eq!(runs(&bench).len(), 1);
}

#[test]
fn a_fetch_that_hangs_is_one_at_a_time_and_killed_and_the_credentials_are_not_good() {
    let bench = fetching(&format!("echo {SECRET} >&2\nsleep 600\n"));
    let daemon = daemon(&bench);
    let mut most = 0;
    wait_until("said", Duration::from_secs(90), || {
        most = most.max(running(&bench));
        bench.answer("/readyz").is_some_and(|(status, said)| status == 503 && said.contains("did not end within 15 s"))
    });
    let before = runs(&bench).len();
    wait_until("tried again", Duration::from_secs(90), || {
        most = most.max(running(&bench));
        runs(&bench).len() > before
    });
    assert_eq!(most, 1);
    nothing_is_shown(&bench);
    // Its credentials become good, and nothing has to be restarted.
    write_script(&bench, &good());
    wait_until("ready", Duration::from_secs(120), || bench.get("/readyz").is_some());
    assert_eq!(running(&bench), 0);
    daemon.kill();
}

#[test]
fn what_a_fetch_prints_is_shown_nowhere() {
    let fail = format!("printf 'one {SECRET}\\ntwo {SECRET}\\n' >&2\nprintf '{SECRET}\\n'\nexit 1");
    let flood = format!("while :; do echo {SECRET}; done");
    let garbage = format!("printf '{{\"Version\": 1, \"AccessKeyId\": \"{SECRET}\\n'");
    let child = format!("sleep 600 &\necho {SECRET} >&2\nexit 7");
    for (script, words) in [
        (fail, "ended with exit status: 1"),
        (flood, "printed more than 64 KiB"),
        (garbage, "printed no JSON object"),
        (child, "ended with exit status: 7"),
    ] {
        let bench = fetching(&script);
        let _daemon = daemon(&bench);
        wait_until(words, SOON, || {
            bench.answer("/readyz").is_some_and(|(status, said)| status == 503 && said.contains(words))
        });
        nothing_is_shown(&bench);
        wait_until("nothing goes on", SOON, || running(&bench) == 0);
    }
}
