//! `lifeboat plan`: shows what would happen next.

use super::http_client::{self, RequestError};
use super::{Done, Failure, PolicyFile, load, load_to_read, now, offline, runtime, terminal};
use crate::domain::plan::Plan;
use crate::domain::policy::{Daemon, Policy, Settings};
use crate::report::difference::difference;
use crate::report::forecast::{Forecast, SearchedView};
use crate::report::text;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    policy: PolicyFile,
    /// What the policy file would change: its difference to the running daemon's
    #[arg(long, value_name = "WHAT", value_parser = ["running"])]
    against: Option<String>,
    /// Also list every recovery point that stays, and why
    #[arg(long)]
    kept: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Done {
    if args.against.is_some() {
        return against(args);
    }
    let (settings, problems) = load_to_read(&args.policy.config)?;
    let forecast = runtime()?.block_on(async {
        let path = if args.kept { "/api/v1/plan?kept=true" } else { "/api/v1/plan" };
        match http_client::get(settings.daemon.listen, path).await {
            Ok(body) => read(&body),
            Err(RequestError::Bad(what)) => Err(Failure::Run(what)),
            Err(RequestError::NoDaemon) => {
                if let Some(problems) = problems {
                    return Err(problems);
                }
                terminal::complain(&format!("no daemon on {}; reading the database", settings.daemon.listen));
                drawn(&mut settings.clone(), args.kept, &[]).await
            }
        }
    })?;
    if args.json {
        print_json(&forecast)
    } else {
        terminal::print(&text::forecast(&forecast, args.kept, terminal::output_style()))
    }
}

/// The policy file on disk, and what it would change.
fn against(args: &Args) -> Done {
    let settings = load(&args.policy.config)?.settings;
    let (running, changed, resolved) = runtime()?.block_on(async {
        let running = match http_client::get(settings.daemon.listen, "/api/v1/plan").await {
            Ok(body) => read(&body)?,
            Err(RequestError::Bad(what)) => return Err(Failure::Run(what)),
            Err(RequestError::NoDaemon) => by_socket(&settings).await?,
        };
        let mut resolved = settings.clone();
        let changed = drawn(&mut resolved, false, &running.searched).await?;
        Ok((running, changed, resolved))
    })?;
    let mut sentences = difference(&running, &changed);
    sentences.extend(unknown_selections(&resolved, &running));
    if args.json {
        return print_json(&serde_json::json!({ "differences": sentences, "changed": changed }));
    }
    terminal::print(&text::difference(&sentences, terminal::output_style()))
}

/// If the file names another `listen` than the daemon has, the control socket still reaches the daemon.
async fn by_socket(settings: &Settings) -> Result<Forecast, Failure> {
    let Daemon { listen, control, .. } = &settings.daemon;
    match http_client::over_socket(control, "/api/v1/plan", None).await {
        Ok((200, body)) => read(&body),
        _ => {
            let control = control.display();
            Err(Failure::Run(format!("no daemon on {listen}, nor on {control}, to compare with; is it running?")))
        }
    }
}

fn read(body: &[u8]) -> Result<Forecast, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::Run(format!("the daemon's answer cannot be read: {error}")))
}

/// Selections in accounts and Regions that the running daemon does not search.
fn unknown_selections(settings: &Settings, running: &Forecast) -> Vec<String> {
    let searched = |policy: &Policy| {
        running.searched.iter().any(|of| (&of.account, &of.region) == (&policy.account, &policy.region))
    };
    let unknown = settings.policies.values().filter(|policy| policy.select.is_some() && !searched(policy));
    let sentence = |policy: &Policy| {
        let (name, region) = (&policy.name, &policy.region);
        format!("policy {name}: what it selects in {region} is not known before this file is in force")
    };
    unknown.map(sentence).collect()
}

async fn drawn(settings: &mut Settings, kept: bool, searched: &[SearchedView]) -> Result<Forecast, Failure> {
    let state = offline::read_or_empty(settings, searched).await?;
    Ok(Forecast::of(settings, &state, &Plan::default(), false, kept, now()))
}

fn print_json(value: &impl serde::Serialize) -> Done {
    let text = serde_json::to_string_pretty(value);
    terminal::print(&text.map_err(|error| Failure::Run(format!("cannot write JSON: {error}")))?)
}
