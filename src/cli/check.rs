//! `lifeboat check`: checks whether the policy is valid, and whether it can meet its RPOs.

use super::inquiry::{self, Answers};
use super::{Done, Failure, PolicyFile, now, offline, runtime, terminal};
use crate::config::{self, Problem};
use crate::domain::counted::counted;
use crate::domain::duration::parse_duration;
use crate::domain::policy::Settings;
use crate::planner::capacity::{self, Given};
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    policy: PolicyFile,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Also ask AWS: whether the Regions answer, the sources are there, and the clock is right
    #[arg(long)]
    aws: bool,
    /// How long a copy of what has changed takes, where the database has not taught it yet: `47m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    copy_duration: Option<Duration>,
    /// How long a backup takes, likewise
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    backup_duration: Option<Duration>,
}

#[derive(Serialize)]
struct Report<'a> {
    good: bool,
    policies: usize,
    sources: usize,
    routes: usize,
    problems: &'a [Problem],
    warnings: &'a [Problem],
    feasible: Option<&'a capacity::CapacityReport>,
    /// Why an existing database could not be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    database_problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aws: Option<&'a Answers>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration above zero; write for example `47m`");
    parse_duration(text).filter(|duration| !duration.is_zero()).ok_or_else(wrong)
}

pub(super) fn run(args: &Args) -> Done {
    match config::load(&args.policy.config, now()) {
        Ok(mut loaded) => {
            let (learned, database_problem) = runtime()?.block_on(offline::learn(&mut loaded.settings));
            let policies = loaded.settings.policies.values();
            let sources: usize = policies.clone().map(|policy| policy.sources.len()).sum();
            let routes: usize = policies.map(|policy| policy.sources.len() * policy.destinations.len()).sum();
            let policies = loaded.settings.policies.len();
            let given = Given { backup: args.backup_duration, copy: args.copy_duration };
            if let Some(problem) = &database_problem {
                terminal::complain(problem);
            }
            let feasible = capacity::judge(&loaded.settings, learned.as_ref(), given, now());
            let answers = if args.aws { Some(runtime()?.block_on(inquiry::ask(&loaded.settings))) } else { None };
            let good = answers.as_ref().is_none_or(Answers::good);
            let done = if good { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            if args.json {
                let warnings = &loaded.warnings;
                let feasible = Some(&feasible);
                print_json(&Report {
                    good,
                    policies,
                    sources,
                    routes,
                    problems: &[],
                    warnings,
                    feasible,
                    database_problem,
                    aws: answers.as_ref(),
                })?;
                return Ok(done);
            }
            for warning in &loaded.warnings {
                terminal::complain_as_is(&warning.render(terminal::colour_on_stderr()));
            }
            let file = args.policy.config.display();
            terminal::print(&format!(
                "{file}: good. {}{}, {}, {}.\n{}",
                counted(policies, "policy"),
                by_tag(&loaded.settings),
                counted(sources, "source"),
                counted(routes, "route"),
                feasible.to_string().trim_end()
            ))?;
            if let Some(answers) = &answers {
                terminal::print(answers.to_string().trim_end())?;
            }
            Ok(done)
        }
        Err(problems) if args.json => {
            let problems = &problems.problems;
            let none = (0, 0, 0);
            let (policies, sources, routes) = none;
            print_json(&Report {
                good: false,
                policies,
                sources,
                routes,
                problems,
                warnings: &[],
                feasible: None,
                database_problem: None,
                aws: None,
            })?;
            Ok(ExitCode::from(2))
        }
        Err(problems) => Err(Failure::Usage(problems.render(terminal::colour_on_stderr()))),
    }
}

/// How many policies find their sources themselves; what they found is known from the database.
fn by_tag(settings: &Settings) -> String {
    let selecting = settings.policies.values().filter(|policy| policy.select.is_some()).count();
    if selecting == 0 { String::new() } else { format!(" ({selecting} by tag, with what the database knows)") }
}

fn print_json(value: &impl Serialize) -> Done {
    let text = serde_json::to_string_pretty(value);
    terminal::print(&text.map_err(|error| Failure::Run(format!("cannot write JSON: {error}")))?)
}
