//! `lifeboat demo`: the real daemon against the built-in FSx, sped up, with a live table.

use super::logs::{self, LogFormat};
use super::{Done, Failure, now, runtime, terminal};
use crate::config;
use crate::daemon::command::Command;
use crate::daemon::{Daemon, Reread, Startup};
use crate::domain::id::{BackupId, Region, SourceId};
use crate::domain::policy::Settings;
use crate::report::snapshot::Snapshot;
use crate::report::text;
use crate::sim::{Cloud, Endpoint, Faults, Fleet};
use aws_credential_types::Credentials;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Keep running once everything is protected, until Ctrl-C
    #[arg(long)]
    stay: bool,
    /// Give up if not everything is protected after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    within: u64,
}

const POLICY: &str = include_str!("../../config/demo.toml");
/// A copy of a small file system takes about seven minutes at AWS.
const SPEED: f64 = 90.0;
const FLEET: &str = r#"
[[file_system]]
id = "fs-0a1b2c3d4e5f60001"
type = "WINDOWS"
capacity_gib = 32
used_bytes = 2_000_000_000
tags = { Name = "home directories", team = "it" }

[[file_system]]
id = "fs-0a1b2c3d4e5f60002"
type = "LUSTRE"
capacity_gib = 1200
used_bytes = 4_000_000_000
tags = { Name = "training data" }

[[file_system]]
id = "fs-0a1b2c3d4e5f60003"
type = "OPENZFS"
capacity_gib = 64
used_bytes = 1_000_000_000
tags = { Name = "build cache" }

[[file_system]]
type = "ONTAP"
capacity_gib = 1024
[[file_system.volume]]
id = "fsvol-0a1b2c3d4e5f60004"
used_bytes = 3_000_000_000
tags = { Name = "databases" }
"#;

pub(super) fn run(args: &Args) -> Done {
    let _log = logs::begin(LogFormat::Text, "error");
    runtime()?.block_on(show(args))
}

async fn show(args: &Args) -> Done {
    let scratch = tempfile::Builder::new().prefix("lifeboat-demo-").tempdir();
    let scratch = scratch.map_err(|error| Failure::Run(error.to_string()))?;
    let internal = |what: String| Failure::Run(format!("the demo is broken: {what}"));
    let mut cloud = Cloud::new(7).with_speed(SPEED);
    let fleet = Fleet::from_toml(FLEET).map_err(internal)?;
    fleet.populate(&mut cloud, Endpoint::now_ms()).map_err(internal)?;
    let endpoint = Endpoint::bind(([127, 0, 0, 1], 0).into(), cloud, Faults::default())
        .await
        .map_err(|error| internal(format!("cannot listen: {error}")))?;
    let settings = settings(scratch.path(), &endpoint)?;
    let startup = Startup {
        settings: settings.clone(),
        reload: Arc::new(move || Ok(Reread { settings: settings.clone(), warnings: Vec::new() })),
        credentials: Some(Credentials::new("AKIA111122223333DEMO", "demo", None, None, "demo")),
        systemd: false,
    };
    let daemon = Daemon::start(startup).await.map_err(|error| Failure::Run(error.to_string()))?;
    let address = daemon.address();
    let commands = daemon.commands();
    let mut snapshots = daemon.snapshots();
    let running = tokio::spawn(daemon.run());
    let mut screen = Screen::new(&endpoint.url(), &address.to_string())?;
    let began = Instant::now();
    let mut protected_after = None;
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        screen.show(&snapshot, began.elapsed())?;
        if snapshot.all_protected() && protected_after.is_none() {
            protected_after = Some(began.elapsed());
        }
        if (protected_after.is_some() && !args.stay) || timed_out(args, began, protected_after) {
            break;
        }
        tokio::select! {
            _ = snapshots.changed() => {}
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    // The daemon may have ended already; then there is nothing to stop.
    let _ = commands.send(Command::Stop).await;
    let ended = running.await;
    endpoint.shutdown().await;
    ended.map_err(|error| internal(error.to_string()))?.map_err(|error| Failure::Run(error.to_string()))?;
    match protected_after {
        Some(after) => {
            terminal::print(&format!(
                "\nEvery route is protected, after {:.0} s. At AWS's own pace that takes some {:.0} minutes.\n\
                 Next: `lifeboat check --config FILE` with a policy of your own; see README.md.",
                after.as_secs_f64(),
                after.as_secs_f64() * SPEED / 60.0
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        None => Err(Failure::Run("not every route was protected in time".to_owned())),
    }
}

fn timed_out(args: &Args, began: Instant, protected_after: Option<Duration>) -> bool {
    protected_after.is_none() && began.elapsed() > Duration::from_secs(args.within)
}

fn settings(scratch: &Path, endpoint: &Endpoint) -> Result<Settings, Failure> {
    let loaded = config::parse(&[("config/demo.toml".to_owned(), POLICY.to_owned())], now())
        .map_err(|problems| Failure::Run(problems.render(false)))?;
    let mut settings = loaded.settings;
    settings.daemon.state = scratch.join("state.db");
    settings.daemon.control = scratch.join("control.sock");
    settings.aws.endpoint_url = Some(endpoint.url());
    Ok(settings)
}

/// A live table on a terminal, plain lines elsewhere.
struct Screen {
    live: bool,
    newest: BTreeMap<(SourceId, Region), Option<BackupId>>,
    in_flight: BTreeMap<BackupId, String>,
}

impl Screen {
    fn new(endpoint: &str, status: &str) -> Result<Self, Failure> {
        let live = terminal::live();
        terminal::print(&format!(
            "Lifeboat demo: four file systems, two destination Regions each.\n\
             FSx simulator on {endpoint}, {SPEED:.0} times faster than AWS; status and metrics on http://{status}/\n"
        ))?;
        Ok(Self { live, newest: BTreeMap::new(), in_flight: BTreeMap::new() })
    }

    fn show(&mut self, snapshot: &Snapshot, since: Duration) -> Result<(), Failure> {
        if self.live {
            // Move home, overwrite, clear the rest: no flicker.
            let table = text::live(snapshot, now(), terminal::live_output_style());
            let table = table.replace('\n', "\x1b[K\n");
            terminal::print(&format!("\x1b[H{table}\x1b[J"))?;
            return Ok(());
        }
        let mut lines = String::new();
        let mut say = |what: String| lines.push_str(&format!("{:6.1} s  {what}\n", since.as_secs_f64()));
        for flight in &snapshot.flights {
            if self.in_flight.insert(flight.id.clone(), flight.lifecycle.clone()).as_ref() != Some(&flight.lifecycle) {
                let (source, region) = (&flight.source, &flight.region);
                let work = if flight.copy { "copy to" } else { "backup in" };
                say(format!("{source:<24} {work:<9} {region:<10} {} {}", flight.lifecycle, flight.id));
            }
        }
        for route in &snapshot.routes {
            let before = self.newest.insert((route.source.clone(), route.region.clone()), route.newest.clone());
            if let Some(newest) = &route.newest
                && before.flatten().as_ref() != Some(newest)
            {
                let work = if route.copy { "copy to" } else { "backup in" };
                say(format!("{:<24} {work:<9} {:<10} AVAILABLE {newest}", route.source, route.region));
            }
        }
        if !lines.is_empty() {
            terminal::print(&lines)?;
        }
        Ok(())
    }
}
