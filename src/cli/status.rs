//! `lifeboat status`: every route against its RPO.

use super::http_client::{self, RequestError};
use super::{Done, Failure, PolicyFile, load_to_read, now, offline, runtime, terminal};
use crate::domain::plan::Plan;
use crate::domain::policy::Settings;
use crate::report::snapshot::{Counts, DaemonStatus, Reload, RpoStatus, Snapshot};
use crate::report::text;
use crate::report::triage::{self, Tally};
use std::process::ExitCode;
use std::time::Duration;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    policy: PolicyFile,
    /// Print JSON
    #[arg(long, conflicts_with = "watch")]
    json: bool,
    /// Keep showing it
    #[arg(long, conflicts_with = "check")]
    watch: bool,
    /// For monitors: one line, and exit 0 if every route meets its RPO, 1 if something needs a person as well, 2 if some are
    /// late, 3 if that is unknown
    #[arg(long)]
    check: bool,
}

pub(super) fn run(args: &Args) -> Done {
    match show(args) {
        // A monitor would take any other exit code for a verdict.
        Err(Failure::Usage(what)) if args.check => {
            unknown(&format!("{}: {}", args.policy.config.display(), first_line(&what)))
        }
        Err(Failure::Run(what)) if args.check => unknown(first_line(&what)),
        done => done,
    }
}

fn first_line(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line)
}

fn unknown(why: &str) -> Done {
    terminal::print(&format!("UNKNOWN: {why}"))?;
    Ok(ExitCode::from(Verdict::Unknown.code()))
}

fn show(args: &Args) -> Done {
    let (settings, problems) = load_to_read(&args.policy.config)?;
    if problems.is_some() {
        terminal::complain("the policy file has problems; `lifeboat check` shows them");
    }
    let runtime = runtime()?;
    if args.watch {
        return runtime.block_on(watch(&settings, problems));
    }
    let snapshot = runtime.block_on(fetch(&settings, problems))?;
    if args.check {
        let verdict = Verdict::of(&snapshot);
        if args.json {
            print_json(&snapshot)?;
        } else {
            terminal::print(&check_line(&snapshot, verdict))?;
        }
        return Ok(ExitCode::from(verdict.code()));
    }
    if args.json {
        print_json(&snapshot)
    } else {
        terminal::print(&text::status(&snapshot, now(), terminal::output_style()))
    }
}

fn print_json(snapshot: &Snapshot) -> Done {
    let text = serde_json::to_string_pretty(snapshot);
    terminal::print(&text.map_err(|error| Failure::Run(format!("cannot write JSON: {error}")))?)
}

/// The verdict for a monitor, the worst last except for unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warning,
    Late,
    Unknown,
}

impl Verdict {
    fn of(snapshot: &Snapshot) -> Self {
        let at = now();
        let worst = Tally::of(&triage::lines(snapshot, at)).worst();
        // Without a working daemon nobody makes new recovery points, whatever the status of the routes.
        let works = snapshot.live && snapshot.store_problem.is_none() && triage::hangs(snapshot, at).is_none();
        match worst {
            Some(RpoStatus::Late) => Self::Late,
            Some(RpoStatus::Unknown) => Self::Unknown,
            _ if !works => Self::Unknown,
            _ if triage::waits_for_a_person(snapshot).is_some() => Self::Warning,
            _ => Self::Ok,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Late => "LATE",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The exit code by the convention of monitoring plugins.
    fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Late => 2,
            Self::Unknown => 3,
        }
    }
}

fn check_line(snapshot: &Snapshot, verdict: Verdict) -> String {
    let but = match (&snapshot.store_problem, triage::hangs(snapshot, now())) {
        (Some(problem), _) => format!("; {problem}"),
        _ if !snapshot.live => "; no daemon is running".to_owned(),
        (None, Some(why)) => format!("; the daemon hangs: {why}"),
        (None, None) => String::new(),
    };
    let person = triage::waits_for_a_person(snapshot).map_or_else(String::new, |what| format!("; {what}"));
    format!("{}: {}{person}{but}", verdict.as_str(), Tally::of(&triage::lines(snapshot, now())).sentence())
}

async fn watch(settings: &Settings, mut problems: Option<Failure>) -> Done {
    loop {
        let snapshot = fetch(settings, problems.take()).await?;
        let clear = if terminal::live() { "\x1b[H\x1b[2J" } else { "" };
        terminal::print(&format!("{clear}{}", text::status(&snapshot, now(), terminal::output_style())))?;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// The running daemon's snapshot, or one made from the database, for which the policy must be valid.
async fn fetch(settings: &Settings, problems: Option<Failure>) -> Result<Snapshot, Failure> {
    match http_client::get(settings.daemon.listen, "/api/v1/status").await {
        Ok(body) => {
            let unreadable = |error| Failure::Run(format!("the daemon's answer cannot be read: {error}"));
            let snapshot: Snapshot = serde_json::from_slice(&body).map_err(unreadable)?;
            Ok(snapshot.judged_at(now()).into_owned())
        }
        Err(RequestError::Bad(what)) => Err(Failure::Run(what)),
        Err(RequestError::NoDaemon) => {
            if let Some(problems) = problems {
                return Err(problems);
            }
            terminal::complain(&format!("no daemon on {}; reading the database", settings.daemon.listen));
            from_database(settings).await
        }
    }
}

async fn from_database(settings: &Settings) -> Result<Snapshot, Failure> {
    let mut settings = settings.clone();
    let state = offline::read(&mut settings).await?;
    let at = now();
    let around = DaemonStatus {
        live: false,
        reload: Reload { successful: true, succeeded_at: at, problem: None },
        store_problem: None,
        credentials_problem: None,
        last_round_at: None,
        counts: Counts::default(),
    };
    Ok(Snapshot::take(&settings, &state, &Plan::default(), around, at))
}
