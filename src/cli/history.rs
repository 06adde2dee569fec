//! `lifeboat history`: occurrences and their outcomes, and what was deleted.

use super::http_client::{self, RequestError};
use super::{Done, Failure, PolicyFile, load_to_read, now, runtime, terminal};
use crate::domain::policy::Daemon;
use crate::report::{query, text};
use crate::store::{self, Database};
use crate::store::{HistoryEntry, HistoryQuery, Store as _, StoreError};
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    policy_file: PolicyFile,
    /// Only what was scheduled, or deleted, since then: a duration (`7d`) or a time (`2026-11-01T00:00:00Z`)
    #[arg(long, value_name = "WHEN", default_value = "7d")]
    since: String,
    /// Only what was before then, written in the same way
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only this policy's
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Only this file system's or volume's
    #[arg(long, value_name = "ID")]
    source: Option<String>,
    /// Only what ended so: completed, skipped, coalesced, missed, failed, deleted; or open
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Show at most N, newest first; by default a table shows 1000, JSON and CSV everything
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
}

/// A table with more lines than this is not readable.
const TABLE_LINES: u64 = 1000;

pub(super) fn run(args: &Args) -> Done {
    let mut query = question(args).map_err(|what| Failure::Usage(format!("error: {what}")))?;
    let (settings, problems) = load_to_read(&args.policy_file.config)?;
    if problems.is_some() {
        terminal::complain("the policy file has problems; `lifeboat check` shows them");
    }
    runtime()?.block_on(async {
        let mut source = HistorySource::Daemon(settings.daemon.clone());
        let done = print(args, &mut query, &mut source).await;
        if let HistorySource::Database(store) = source {
            store.close().await;
        }
        done
    })
}

fn question(args: &Args) -> Result<HistoryQuery, String> {
    let now = now();
    let asked = HistoryQuery {
        since: Some(query::since(&args.since, now)?),
        until: args.until.as_deref().map(|until| query::until(until, now)).transpose()?,
        policy: args.policy.as_deref().map(Into::into),
        source: args.source.as_deref().map(Into::into),
        became: args.outcome.as_deref().map(query::outcome).transpose()?,
        ..HistoryQuery::default()
    };
    query::in_order(asked.since, asked.until)?;
    Ok(asked)
}

/// Prints page by page, so that ten years of a large fleet take only the memory of a page.
async fn print(args: &Args, query: &mut HistoryQuery, source: &mut HistorySource) -> Done {
    let table = !args.json && !args.csv;
    let most = args.limit.unwrap_or(if table { TABLE_LINES } else { u64::MAX });
    let mut left = most;
    let mut rows = Vec::new();
    let mut begun = false;
    if args.csv {
        terminal::print(&text::history_csv_header())?;
    }
    loop {
        // Requesting one more than wanted shows whether there is more.
        let want = left.saturating_add(u64::from(table && args.limit.is_none()));
        query.limit = u32::try_from(want).unwrap_or(u32::MAX).min(query::MAX_LIMIT);
        let page = source.page(query).await?;
        let full = page.len() >= usize::try_from(query.limit).unwrap_or(usize::MAX);
        query.after = page.last().map(HistoryEntry::mark);
        left = left.saturating_sub(u64::try_from(page.len()).unwrap_or(u64::MAX));
        if args.csv && !page.is_empty() {
            terminal::print_as_is(&text::history_csv(&page))?;
        } else if args.json {
            let json = text::history_json(&page);
            let inner = json.trim_start_matches('[').trim_end_matches(']');
            let between = if begun && !page.is_empty() { "," } else { "" };
            terminal::print_as_is(&format!("{}{between}{inner}", if begun { "" } else { "[" }))?;
        } else {
            rows.extend(page);
        }
        begun = true;
        if !full || left == 0 {
            break;
        }
    }
    if args.json {
        terminal::print("]")?;
    } else if table {
        let cut = usize::try_from(most).unwrap_or(usize::MAX);
        if rows.len() > cut {
            rows.truncate(cut);
            terminal::complain(&format!(
                "there is more than the newest {most}; `--limit`, `--csv` or `--json` show it"
            ));
        }
        terminal::print(&text::history(&rows, terminal::output_style()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The source of the history.
enum HistorySource {
    Daemon(Daemon),
    Database(Database),
}

impl HistorySource {
    /// Asks the daemon; if it does not answer the first request, the database is used for all.
    async fn page(&mut self, query: &HistoryQuery) -> Result<Vec<HistoryEntry>, Failure> {
        let failed = |error: StoreError| Failure::Run(error.to_string());
        if let Self::Daemon(daemon) = self {
            let why = match http_client::get(daemon.listen, &format!("/api/v1/history?{}", query::history_text(query)))
                .await
            {
                Ok(body) => return text::history_from_json(&body).map_err(|error| Failure::Run(error.to_string())),
                Err(RequestError::Bad(what)) if query.after.is_some() => return Err(Failure::Run(what)),
                Err(RequestError::Bad(what)) => what,
                Err(RequestError::NoDaemon) => format!("no daemon on {}", daemon.listen),
            };
            terminal::complain(&format!("{why}; reading the database"));
            let store = store::read(&daemon.state).await.map_err(failed)?;
            *self = Self::Database(store);
        }
        match self {
            Self::Database(store) => store.history(query).await.map_err(failed),
            Self::Daemon(_) => Ok(Vec::new()),
        }
    }
}
