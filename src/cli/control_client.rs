//! Sends an order to the running daemon and reads its response.
//!
//! The daemon may be killed between accepting an order and responding. Every order is idempotent, so one that may have
//! arrived is sent again, for a while, until there is a response.

use super::http_client::{self, ControlError};
use super::{Failure, PolicyFile, load_or_salvage, terminal};
use crate::daemon::control::DoneAnswer;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What every order takes.
#[derive(clap::Args, Debug, Clone)]
pub(super) struct ControlArgs {
    #[command(flatten)]
    pub(super) policy_file: PolicyFile,
    /// Print the answer as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// How long an order without a response is retried; a restarted daemon is back by then.
const RETRY_FOR: Duration = Duration::from_secs(30);
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The body of a refusal.
#[derive(Deserialize)]
struct RefusedAnswer {
    error: String,
}

impl ControlArgs {
    /// The daemon's control socket, from a policy file that may have problems.
    pub(super) fn socket(&self) -> Result<PathBuf, Failure> {
        let (settings, refused) = load_or_salvage(&self.policy_file.config)?;
        match refused {
            // The file names the socket. If it could not be read, a missing socket at the default path proves nothing.
            Some((failure, true)) if !settings.daemon.control.exists() => Err(failure),
            _ => Ok(settings.daemon.control),
        }
    }

    /// Prints the result of an order.
    pub(super) fn print(&self, answer: &DoneAnswer) -> Result<ExitCode, Failure> {
        for warning in &answer.warnings {
            terminal::complain(warning);
        }
        if self.json {
            let text = serde_json::to_string_pretty(answer);
            return terminal::print(&text.map_err(|error| Failure::Run(format!("cannot write JSON: {error}")))?);
        }
        terminal::print(&answer.done)
    }
}

/// Sends an order until there is a response.
pub(super) async fn give(socket: &Path, path: &str, order: &impl Serialize) -> Result<DoneAnswer, Failure> {
    let json = serde_json::to_vec(order).map_err(|error| Failure::Run(format!("cannot write JSON: {error}")))?;
    let began = Instant::now();
    let mut lost = None;
    loop {
        match http_client::over_socket(socket, path, Some(json.clone())).await {
            Ok((status, body)) => return read(status, &body),
            Err(ControlError::Denied) => return Err(denied(socket)),
            Err(ControlError::NoDaemon) if lost.is_none() => return Err(nobody(socket)),
            Err(ControlError::NoDaemon) => {}
            Err(ControlError::Lost(why)) => lost = Some(why),
        }
        if began.elapsed() >= RETRY_FOR {
            let why = lost.unwrap_or_default();
            let what = format!("the daemon on {} gave no answer ({why})", socket.display());
            return Err(Failure::Run(format!(
                "{what}; it is not known whether the order stands: see `lifeboat status`"
            )));
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

fn read(status: u16, body: &[u8]) -> Result<DoneAnswer, Failure> {
    if (200..300).contains(&status) {
        let unreadable = |error| Failure::Run(format!("the daemon's answer cannot be read: {error}"));
        return serde_json::from_slice(body).map_err(unreadable);
    }
    let why = match serde_json::from_slice::<RefusedAnswer>(body) {
        Ok(refused) => refused.error,
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    };
    Err(match status {
        // The problems as `check` would print them.
        422 => Failure::Usage(format!("lifeboat: the policy was refused and changes nothing:\n{}", why.trim_end())),
        400 | 404 => Failure::Usage(format!("lifeboat: {why}")),
        _ => Failure::Run(why),
    })
}

pub(super) fn denied(socket: &Path) -> Failure {
    let socket = socket.display();
    Failure::Run(format!(
        "{socket} may not be opened; give orders as root, as the daemon's user or as one of the socket's group"
    ))
}

pub(super) fn nobody(socket: &Path) -> Failure {
    let what = format!("no daemon takes orders on {}", socket.display());
    Failure::Run(format!("{what}; start it (`systemctl start lifeboat`), or name its policy file with --config"))
}
