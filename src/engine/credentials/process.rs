//! `credential_process`: a program that prints credentials.
//!
//! The program may hang, print without end, leave child processes behind, or print secrets in unexpected places. So it
//! runs in its own process group, which is killed at the deadline; only a limited amount of its output is read; and its
//! output is never shown, since even invalid output may contain credentials.

use aws_credential_types::Credentials;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, SystemTime};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Time limit of the program.
const WITHIN: Duration = Duration::from_secs(15);
/// How long child processes that it left behind may hold its output open after it ended.
const AFTER_ITS_END: Duration = Duration::from_secs(1);
/// Credentials take about two thousand bytes.
const OUTPUT_MAX_BYTES: usize = 64 * 1024;
/// Advice for diagnosing the failure by hand.
const BY_HAND: &str =
    "what it prints is not shown here, since it may hold secrets: run it by hand as the daemon's user";

/// The process group of a program, killed when this is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs the program and reads its output. The error is in our own words and contains none of the output.
pub(super) async fn run(command: &str) -> Result<Credentials, String> {
    let spawned = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = spawned.map_err(|error| format!("the profile's credential_process cannot be started: {error}"))?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let group = Group(group);
    let read = timeout(WITHIN, read(&mut child)).await;
    let output = match read {
        Ok(Ok(Output { bytes, held_open })) => {
            if !held_open {
                // The group is empty, so its id may already be in use by another group.
                let mut group = group;
                group.0 = None;
            }
            bytes
        }
        Ok(Err(why)) => {
            drop(group);
            end(child).await;
            return Err(format!("the profile's credential_process {why}; {BY_HAND}"));
        }
        Err(_) => {
            drop(group);
            end(child).await;
            let seconds = WITHIN.as_secs();
            return Err(format!(
                "the profile's credential_process did not end within {seconds} s and was killed; {BY_HAND}"
            ));
        }
    };
    parse(&output).map_err(|why| format!("the profile's credential_process {why}; {BY_HAND}"))
}

struct Output {
    bytes: Vec<u8>,
    /// A process of its group holds its output open.
    held_open: bool,
}

async fn read(child: &mut Child) -> Result<Output, String> {
    let Some(stdout) = child.stdout.take() else { return Err("has no output".to_owned()) };
    let mut bytes = Vec::new();
    let mut stdout = stdout.take(OUTPUT_MAX_BYTES as u64 + 1);
    let reading = stdout.read_to_end(&mut bytes);
    tokio::pin!(reading);
    let (status, closed) = tokio::select! {
        read = &mut reading => {
            let read = read.map_err(|error| format!("cannot be read: {error}"))?;
            if read > OUTPUT_MAX_BYTES {
                return Err(format!("printed more than {} KiB", OUTPUT_MAX_BYTES / 1024));
            }
            (child.wait().await, true)
        }
        status = child.wait() => (status, timeout(AFTER_ITS_END, &mut reading).await.is_ok_and(|read| read.is_ok())),
    };
    if bytes.len() > OUTPUT_MAX_BYTES {
        return Err(format!("printed more than {} KiB", OUTPUT_MAX_BYTES / 1024));
    }
    match status {
        Ok(status) if status.success() => Ok(Output { bytes, held_open: !closed }),
        Ok(status) => Err(format!("ended with {status}")),
        Err(error) => Err(format!("cannot be waited for: {error}")),
    }
}

/// Reaps a program that was killed.
async fn end(mut child: Child) {
    let _ = child.start_kill();
    let _ = timeout(AFTER_ITS_END, child.wait()).await;
}

/// Parses the JSON format that AWS documents; keys may be in any case.
fn parse(output: &[u8]) -> Result<Credentials, String> {
    let read: Option<BTreeMap<String, serde_json::Value>> = serde_json::from_slice(output).ok();
    let Some(read) = read else { return Err("printed no JSON object".to_owned()) };
    let read: BTreeMap<String, serde_json::Value> =
        read.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
    if read.get("version").and_then(serde_json::Value::as_u64) != Some(1) {
        return Err("printed no `Version` 1".to_owned());
    }
    let text = |key: &str| read.get(&key.to_ascii_lowercase()).and_then(|value| value.as_str()).map(str::to_owned);
    let needed = |key: &str| text(key).filter(|text| !text.is_empty()).ok_or_else(|| format!("printed no `{key}`"));
    let expiry = match text("Expiration") {
        None => None,
        Some(end) => {
            let end: jiff::Timestamp = end.parse().map_err(|_| "printed an `Expiration` that is no time".to_owned())?;
            let end = SystemTime::from(end);
            if end <= SystemTime::now() {
                return Err("printed credentials that have expired".to_owned());
            }
            Some(end)
        }
    };
    let (key, secret) = (needed("AccessKeyId")?, needed("SecretAccessKey")?);
    Ok(Credentials::new(key, secret, text("SessionToken"), expiry, "credential_process"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn what_a_program_prints_is_credentials_or_is_not_shown() {
        let good = r#"{"Version":1,"accesskeyid":"AKIA","SecretAccessKey":"s","SessionToken":"t"}"#;
        let credentials = run(&format!("echo '{good}'")).await.unwrap();
        assert_eq!((credentials.access_key_id(), credentials.session_token()), ("AKIA", Some("t")));
        for (command, words) in [
            ("echo TOPSECRET >&2; exit 3", "exit status: 3"),
            ("echo TOPSECRET", "no JSON object"),
            (r#"echo '{"Version":2,"AccessKeyId":"TOPSECRET"}'"#, "no `Version` 1"),
            (r#"echo '{"Version":1,"AccessKeyId":"TOPSECRET"}'"#, "no `SecretAccessKey`"),
            (r#"echo '{"Version":1,"AccessKeyId":"a","SecretAccessKey":"TOPSECRET","Expiration":"x"}'"#, "no time"),
            (
                r#"echo '{"Version":1,"AccessKeyId":"a","SecretAccessKey":"TOPSECRET","Expiration":"2001-01-01T00:00:00Z"}'"#,
                "expired",
            ),
            ("yes TOPSECRET", "more than 64 KiB"),
            ("kill -9 $$", "signal: 9"),
        ] {
            let why = run(command).await.unwrap_err();
            assert!(why.contains(words) && !why.contains("TOPSECRET"), "{command}: {why}");
        }
    }

    #[tokio::test]
    async fn what_a_program_leaves_behind_does_not_hold_it_and_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let good = r#"{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"s"}"#;
        let began = Instant::now();
        run(&format!("sleep 600 & echo $! > {}; echo '{good}'", pid.display())).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(10));
        let left = std::fs::read_to_string(pid).unwrap();
        let process = std::path::PathBuf::from(format!("/proc/{}/stat", left.trim()));
        let gone = || std::fs::read_to_string(&process).map_or(true, |stat| stat.contains(") Z"));
        while !gone() {
            assert!(began.elapsed() < Duration::from_secs(20), "it was left behind");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
