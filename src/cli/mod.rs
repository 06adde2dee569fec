//! The commands, one file each.
//!
//! Exit codes are part of the contract: 0 done, 1 failed at run time, 2 wrong usage or policy (product.md, Commands).
//! Errors go to stderr: what failed and on which object, then the cause, then what to do.

mod account_name;
mod backup;
mod cancel;
mod check;
mod control_client;
mod demo;
mod history;
mod hold;
mod http_client;
mod inquiry;
mod logs;
mod offline;
mod pause;
mod plan;
mod points;
mod rehearse;
mod release;
mod reload;
mod report;
mod resume;
mod run;
mod simulator;
mod status;
mod terminal;

use crate::config;
use crate::domain::policy::Settings;
use crate::domain::time::Time;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Keeps Amazon FSx file systems recoverable in another AWS Region.
#[derive(Parser, Debug)]
#[command(name = "lifeboat", version, about, long_about = LONG, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const LONG: &str = "Keeps Amazon FSx file systems recoverable in another AWS Region: takes backups on schedule, copies them \
across Regions within AWS's limits, and shows at any time how old the newest recovery point is, compared with its RPO.";

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the daemon
    Run(run::Args),
    /// See it at work: the daemon against the built-in FSx simulator, sped up
    Demo(demo::Args),
    /// Say whether the policy is good, without asking AWS
    Check(check::Args),
    /// Show what would happen next, what would be deleted and why; changes nothing
    Plan(plan::Args),
    /// Live through the policy's next weeks in seconds, against the simulator
    Rehearse(rehearse::Args),
    /// List recovery points, each with the command that would restore it
    Points(points::Args),
    /// Show every route against its RPO, and the work under way
    Status(status::Args),
    /// Show occurrences and what became of them
    History(history::Args),
    /// Take a backup now, and copy it
    Backup(backup::Args),
    /// Give up backups that were ordered and are not done
    Cancel(cancel::Args),
    /// Stop a policy's schedule for a while
    Pause(pause::Args),
    /// Let a paused policy go on
    Resume(resume::Args),
    /// Keep a recovery point until it is released
    Hold(hold::Args),
    /// Let go a recovery point that was held
    Release(release::Args),
    /// Have the daemon reload its policy file, and report the result
    Reload(reload::Args),
    /// Report how well each RPO was met, for auditors
    Report(report::Args),
    /// Serve the FSx simulator as an endpoint for the AWS CLI or any SDK
    Simulator(simulator::Args),
    /// Print the completion script of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Where the policy file is.
#[derive(clap::Args, Debug, Clone)]
struct PolicyFile {
    /// The policy file
    #[arg(long, short, value_name = "FILE", default_value = "/etc/lifeboat/lifeboat.toml", env = "LIFEBOAT_CONFIG")]
    config: PathBuf,
}

/// Why a command failed.
#[derive(Debug)]
enum Failure {
    /// At run time: exit 1.
    Run(String),
    /// Wrong usage or policy: exit 2.
    Usage(String),
}

type Done = Result<ExitCode, Failure>;

/// Runs the command line and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors; clap knows their stream and exit code.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let done = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Rehearse(args) => rehearse::run(&args),
        Command::Points(args) => points::run(&args),
        Command::Status(args) => status::run(&args),
        Command::History(args) => history::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Cancel(args) => cancel::run(&args),
        Command::Pause(args) => pause::run(&args),
        Command::Resume(args) => resume::run(&args),
        Command::Hold(args) => hold::run(&args),
        Command::Release(args) => release::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Simulator(args) => simulator::run(&args),
        Command::Completions { shell } => completions(shell),
        Command::Man => man(),
    };
    match done {
        Ok(code) => code,
        Err(Failure::Run(what)) => {
            terminal::complain(&what);
            ExitCode::from(1)
        }
        Err(Failure::Usage(what)) => {
            terminal::complain_as_is(&what);
            ExitCode::from(2)
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lifeboat", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))
}

fn man() -> Done {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
    rendered.map_err(|error| Failure::Run(format!("cannot write the manual page: {error}")))?;
    terminal::print(&String::from_utf8_lossy(&page))
}

/// Loads the policy for a command; returns its problems unchanged.
fn load(path: &Path) -> Result<config::Loaded, Failure> {
    config::load(path, now()).map_err(|problems| Failure::Usage(problems.render(terminal::colour_on_stderr())))
}

/// Loads the policy for a read-only command. An invalid file must not prevent a person from seeing the status: whatever
/// can be read of it is returned, with the problems.
fn load_to_read(path: &Path) -> Result<(Settings, Option<Failure>), Failure> {
    let (settings, refused) = load_or_salvage(path)?;
    Ok((settings, refused.map(|(failure, _)| failure)))
}

/// The same; also returns whether the file could not be read at all, so that all settings are defaults.
fn load_or_salvage(path: &Path) -> Result<(Settings, Option<(Failure, bool)>), Failure> {
    match config::load(path, now()) {
        Ok(loaded) => Ok((loaded.settings, None)),
        Err(problems) => {
            let failure = Failure::Usage(problems.render(terminal::colour_on_stderr()));
            match config::salvage(path, &problems, now()).filter(|_| path.exists()) {
                Some(settings) => Ok((settings, Some((failure, problems.unread)))),
                None => Err(failure),
            }
        }
    }
}

fn now() -> Time {
    crate::daemon::system::host_time()
}

/// Threads besides the workers, for slow or blocking work.
const BLOCKING_THREADS: usize = 16;
/// Keep idle threads: as long as one exists, work waits if the system cannot create a thread; with none, tokio panics.
const BLOCKING_THREADS_STAY: Duration = Duration::from_secs(10 * 365 * 86_400);

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(BLOCKING_THREADS_STAY)
        .enable_all()
        .build()
        .map_err(|error| Failure::Run(format!("cannot start: {error}")))?;
    drop(runtime.spawn_blocking(|| ()));
    Ok(runtime)
}
