//! `lifeboat check`: whether the policy is good.

use super::{Done, Failure, PolicyFile, now, terminal};
use crate::config::{self, Problem};
use serde::Serialize;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    policy: PolicyFile,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    good: bool,
    policies: usize,
    sources: usize,
    routes: usize,
    problems: &'a [Problem],
    warnings: &'a [Problem],
}

pub(super) fn run(args: &Args) -> Done {
    match config::load(&args.policy.config, now()) {
        Ok(loaded) => {
            let policies = loaded.settings.policies.values();
            let sources: usize = policies.clone().map(|policy| policy.sources.len()).sum();
            let routes: usize = policies.map(|policy| policy.sources.len() * policy.destinations.len()).sum();
            let policies = loaded.settings.policies.len();
            if args.json {
                let report =
                    Report { good: true, policies, sources, routes, problems: &[], warnings: &loaded.warnings };
                return print_json(&report);
            }
            for warning in &loaded.warnings {
                terminal::complain_as_is(&warning.render(terminal::colour_on_stderr()));
            }
            let file = args.policy.config.display();
            terminal::print(&format!("{file}: good. {policies} policies, {sources} sources, {routes} routes."))
        }
        Err(problems) if args.json => {
            let report =
                Report { good: false, policies: 0, sources: 0, routes: 0, problems: &problems.problems, warnings: &[] };
            print_json(&report)?;
            Ok(ExitCode::from(2))
        }
        Err(problems) => Err(Failure::Usage(problems.render(terminal::colour_on_stderr()))),
    }
}

fn print_json(value: &impl Serialize) -> Done {
    let text = serde_json::to_string_pretty(value);
    terminal::print(&text.map_err(|error| Failure::Run(format!("cannot write JSON: {error}")))?)
}
