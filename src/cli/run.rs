//! `lifeboat run`: the daemon.

use super::logs::{self, LogFormat};
use super::{Done, Failure, PolicyFile, load, runtime};
use crate::config;
use crate::daemon::command::Command;
use crate::daemon::{Daemon, Reread, Startup};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    policy: PolicyFile,
    /// How log lines look
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// The least that is logged: error, warn, info, debug, trace (LIFEBOAT_LOG says it in more detail)
    #[arg(long, default_value = "info", value_parser = ["error", "warn", "info", "debug", "trace"])]
    log_level: String,
}

pub(super) fn run(args: Args) -> Done {
    let loaded = load(&args.policy.config)?;
    let _log = logs::begin(args.log_format, &args.log_level);
    for warning in &loaded.warnings {
        tracing::warn!(event = "policy", "{}", warning.render(false).trim_end());
    }
    runtime()?.block_on(serve(loaded, &args.policy.config))
}

async fn serve(loaded: config::Loaded, path: &Path) -> Done {
    let file = path.to_owned();
    let reload = Arc::new(move || {
        let loaded = config::load(&file, super::now()).map_err(|problems| problems.render(false))?;
        let warnings = loaded.warnings.iter().map(|warning| warning.render(false).trim_end().to_owned()).collect();
        Ok(Reread { settings: loaded.settings, warnings })
    });
    // Before anything slow: an early signal must not kill the process.
    let failed = |error: std::io::Error| Failure::Run(format!("cannot listen for signals: {error}"));
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let policies = loaded.settings.policies.len();
    let state = loaded.settings.daemon.state.display().to_string();
    let startup = Startup { settings: loaded.settings, reload, credentials: None, systemd: true };
    // A start may have to wait, for instance for a locked database, and so listens for the signals to stop. It may be
    // dropped anywhere: the next start continues from what is on disk.
    let daemon = tokio::select! {
        started = Daemon::start(startup) => started.map_err(|error| Failure::Run(error.to_string()))?,
        _ = terminate.recv() => return Ok(stopped()),
        _ = interrupt.recv() => return Ok(stopped()),
    };
    tracing::info!(event = "started", version = env!("CARGO_PKG_VERSION"), policies, %state,
        listen = %daemon.address(), "lifeboat is running");
    let commands = daemon.commands();
    let signals = tokio::spawn(async move {
        loop {
            let command = tokio::select! {
                _ = hangup.recv() => Command::Reload { confirm_deletions: false, reply: None },
                _ = terminate.recv() => Command::Stop,
                _ = interrupt.recv() => Command::Stop,
            };
            let stop = matches!(command, Command::Stop);
            if commands.send(command).await.is_err() || stop {
                return;
            }
        }
    });
    let ended = daemon.run().await;
    signals.abort();
    ended.map_err(|error| Failure::Run(error.to_string()))?;
    Ok(stopped())
}

fn stopped() -> ExitCode {
    tracing::info!(event = "stopped", "stopped");
    ExitCode::SUCCESS
}
