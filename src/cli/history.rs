//! `lifeboat history`: occurrences and what became of them.

use super::ask::{self, NoAnswer};
use super::{Done, Failure, PolicyFile, load_to_read, now, runtime, terminal};
use crate::report::{query, text};
use crate::store::sqlite::SqliteStore;
use crate::store::{HistoryEntry, HistoryQuery, Store as _};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    policy_file: PolicyFile,
    /// Only occurrences scheduled since then: a duration (`7d`) or a time (`2026-11-01T00:00:00Z`)
    #[arg(long, value_name = "WHEN", default_value = "7d")]
    since: String,
    /// Only this policy's
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// At most so many, newest first
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
}

pub(super) fn run(args: &Args) -> Done {
    let since = query::since(&args.since, now()).map_err(|what| Failure::Usage(format!("error: {what}")))?;
    let (settings, problems) = load_to_read(&args.policy_file.config)?;
    if problems.is_some() {
        terminal::complain("the policy file has problems; `lifeboat check` shows them");
    }
    let query = HistoryQuery { since: Some(since), policy: args.policy.as_deref().map(Into::into), limit: args.limit };
    let entries = runtime()?.block_on(async {
        match ask::get(settings.daemon.listen, &path(&query)).await {
            Ok(body) => text::history_from_json(&body).map_err(|error| Failure::Run(error.to_string())),
            Err(NoAnswer::Bad(what)) => {
                terminal::complain(&format!("{what}; reading the database"));
                from_database(&settings.daemon.state, &query).await
            }
            Err(NoAnswer::NoDaemon) => {
                terminal::complain(&format!("no daemon on {}; reading the database", settings.daemon.listen));
                from_database(&settings.daemon.state, &query).await
            }
        }
    })?;
    if args.json {
        terminal::print(&text::history_json(&entries))
    } else if args.csv {
        terminal::print(&text::history_csv(&entries))
    } else {
        terminal::print(&text::history(&entries, terminal::looks()))
    }
}

async fn from_database(path: &std::path::Path, query: &HistoryQuery) -> Result<Vec<HistoryEntry>, Failure> {
    let failed = |error: crate::store::StoreError| Failure::Run(error.to_string());
    let mut store = SqliteStore::read(path).await.map_err(failed)?;
    let entries = store.history(query).await.map_err(failed);
    store.close().await;
    entries
}

fn path(query: &HistoryQuery) -> String {
    let mut path = format!("/api/v1/history?limit={}", query.limit);
    if let Some(since) = query.since {
        path.push_str(&format!("&since={since}"));
    }
    if let Some(policy) = &query.policy {
        // A policy's name has no character that a query would read otherwise; what else is typed finds nothing.
        let name: String =
            policy.as_str().chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        path.push_str(&format!("&policy={name}"));
    }
    path
}
