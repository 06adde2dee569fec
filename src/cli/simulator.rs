//! `lifeboat simulator`: FSx as an endpoint on this machine.

use super::{Done, Failure, runtime, terminal};
use crate::sim::{Cloud, Endpoint, Faults, Fleet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[derive(clap::Args, Debug)]
#[command(after_long_help = crate::sim::faults::HELP)]
pub(super) struct Args {
    /// Where to serve; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4570")]
    listen: SocketAddr,
    /// How many times faster than AWS backups and copies are made
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// What goes wrong, in TOML (see below)
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// File systems to begin with, in TOML
    #[arg(long, value_name = "FILE")]
    fleet: Option<PathBuf>,
    /// What all that chance decides follows from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if speed.is_finite() && speed > 0.0 { Ok(speed) } else { Err("must be above 0".to_owned()) }
}

pub(super) fn run(args: &Args) -> Done {
    let faults = match &args.faults {
        Some(path) => Faults::from_toml(&read(path)?).map_err(|what| wrong(path, &what))?,
        None => Faults::default(),
    };
    let mut cloud = Cloud::new(args.seed).with_speed(args.speed);
    if let Some(path) = &args.fleet {
        let fleet = Fleet::from_toml(&read(path)?).map_err(|what| wrong(path, &what))?;
        fleet.populate(&mut cloud, Endpoint::now_ms()).map_err(|what| wrong(path, &what))?;
    }
    runtime()?.block_on(async {
        let bound = Endpoint::bind(args.listen, cloud, faults).await;
        let endpoint = bound.map_err(|error| {
            Failure::Run(format!("cannot listen on {}: {error}; choose another with --listen", args.listen))
        })?;
        let url = endpoint.url();
        terminal::print(&format!(
            "FSx simulator on {url} (speed {}, seed {})\nTry: aws fsx describe-file-systems --endpoint-url {url} --region us-east-1",
            args.speed, args.seed
        ))?;
        let failed = |error: std::io::Error| Failure::Run(format!("cannot listen for signals: {error}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        endpoint.shutdown().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| wrong(path, &error.to_string()))
}

fn wrong(path: &Path, what: &str) -> Failure {
    Failure::Usage(format!("error: {}: {what}", path.display()))
}
