//! `lifeboat report`: how well every RPO was met, for auditors.

use super::http_client::{self, RequestError};
use super::{Done, Failure, PolicyFile, load_to_read, now, runtime, terminal};
use crate::domain::policy::Daemon;
use crate::report::http::REPORTS_WITHIN;
use crate::report::rpo_report::{self, RpoReport};
use crate::report::{query, text};
use crate::store::{self};
use crate::store::{RouteQuery, StoreError};
use std::time::Duration;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    policy_file: PolicyFile,
    /// The beginning of the period: a duration (`30d`) or a time (`2026-11-01T00:00:00Z`)
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    since: String,
    /// Its end, written in the same way; now, if nothing is said
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only this policy's promises
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Only this file system's or volume's
    #[arg(long, value_name = "ID")]
    source: Option<String>,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
}

/// A large fleet takes the daemon some time.
const TIMEOUT: Duration = http_client::timeout_beyond(REPORTS_WITHIN);

pub(super) fn run(args: &Args) -> Done {
    let asked = question(args).map_err(|what| Failure::Usage(format!("error: {what}")))?;
    let (settings, problems) = load_to_read(&args.policy_file.config)?;
    if problems.is_some() {
        terminal::complain("the policy file has problems; `lifeboat check` shows them");
    }
    let report = runtime()?.block_on(fetch(&settings.daemon, asked))?;
    if args.json {
        let json = serde_json::to_string_pretty(&report);
        terminal::print(&json.map_err(|error| Failure::Run(format!("cannot write JSON: {error}")))?)
    } else if args.csv {
        terminal::print(&text::rpo_report_csv(&report))
    } else {
        terminal::print(&text::rpo_report(&report, terminal::output_style()))
    }
}

fn question(args: &Args) -> Result<RouteQuery, String> {
    let now = now();
    let until = args.until.as_deref().map(|until| query::until(until, now)).transpose()?;
    let asked = RouteQuery {
        since: query::since(&args.since, now)?,
        // The future is unknown.
        until: until.unwrap_or(now).min(now),
        policy: args.policy.as_deref().map(Into::into),
        source: args.source.as_deref().map(Into::into),
    };
    query::in_order(Some(asked.since), Some(asked.until))?;
    Ok(asked)
}

async fn fetch(daemon: &Daemon, asked: RouteQuery) -> Result<RpoReport, Failure> {
    let path = format!("/api/v1/report?{}", query::report_text(&asked));
    let why = match http_client::get_within(TIMEOUT, daemon.listen, &path).await {
        Ok(body) => {
            let unreadable = |error| Failure::Run(format!("the daemon's answer cannot be read: {error}"));
            return serde_json::from_slice(&body).map_err(unreadable);
        }
        Err(RequestError::Bad(what)) => what,
        Err(RequestError::NoDaemon) => format!("no daemon on {}", daemon.listen),
    };
    terminal::complain(&format!("{why}; reading the database"));
    let failed = |error: StoreError| Failure::Run(error.to_string());
    let mut store = store::read(&daemon.state).await.map_err(failed)?;
    let report = rpo_report::read(&mut store, asked).await.map_err(failed);
    store.close().await;
    report
}
