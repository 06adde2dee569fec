//! `lifeboat backup`: starts an occurrence now.

use super::control_client::{self, ControlArgs};
use super::http_client::{self, ControlError};
use super::{Done, Failure, now, runtime, terminal};
use crate::domain::change::OccurrenceOutcome;
use crate::domain::id::Trigger;
use crate::planner::orders::BackupOrder;
use crate::report::{query, text};
use crate::store::{HistoryEntry, HistoryQuery, OccurrenceStatus};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Which policy
    policy: String,
    /// Which of its sources; without it, all
    source: Option<String>,
    /// Wait until every backup and copy has ended; exit 1 unless all are completed
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    to: ControlArgs,
}

const LOOK_EVERY: Duration = Duration::from_secs(2);
pub(super) fn run(args: &Args) -> Done {
    let socket = args.to.socket()?;
    // This names the occurrence: however often the order is sent, it is the same one.
    let (policy, source) = (args.policy.as_str().into(), args.source.as_deref().map(Into::into));
    let order = BackupOrder { policy, source, at: now() };
    let runtime = runtime()?;
    let answer = runtime.block_on(control_client::give(&socket, "/api/v1/backup", &order))?;
    if !args.wait {
        return args.to.print(&answer);
    }
    terminal::complain(&answer.done);
    let sources: BTreeSet<String> = answer.sources.into_iter().collect();
    let ended = runtime.block_on(follow(&socket, &order, &sources))?;
    if args.to.json {
        terminal::print(&text::history_json(&ended))?;
    } else {
        terminal::print(&text::history(&ended, terminal::output_style()))?;
    }
    let good = ended.len() == sources.len()
        && ended.iter().all(|entry| entry.became == OccurrenceStatus::Ended(OccurrenceOutcome::Completed));
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Waits until the occurrence has ended for every source, also while the daemon is away for some time.
async fn follow(socket: &Path, order: &BackupOrder, sources: &BTreeSet<String>) -> Result<Vec<HistoryEntry>, Failure> {
    let mut away = false;
    loop {
        match ended(socket, order, sources).await? {
            Some(ended) if ended.len() >= sources.len() => return Ok(ended),
            Some(_) => away = false,
            None if !away => {
                away = true;
                terminal::complain("the daemon does not answer; its order stands, and this waits for it");
            }
            None => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The sources for which the occurrence has ended, page by page, since they may not fit on one page; `None` if the
/// daemon does not answer.
async fn ended(
    socket: &Path,
    order: &BackupOrder,
    sources: &BTreeSet<String>,
) -> Result<Option<Vec<HistoryEntry>>, Failure> {
    let of_order = |entry: &HistoryEntry| {
        entry.occurrence.trigger == Trigger::Manual
            && entry.occurrence.at == order.at
            && sources.contains(entry.source.source.as_str())
    };
    let until = order.at.plus(Duration::from_millis(1));
    let mut asked =
        HistoryQuery { since: Some(order.at), until: Some(until), limit: query::MAX_LIMIT, ..HistoryQuery::default() };
    let mut ended = Vec::new();
    loop {
        let path = format!("/api/v1/history?{}", query::history_text(&asked));
        let page = match http_client::over_socket(socket, &path, None).await {
            Ok((200, body)) => text::history_from_json(&body).map_err(|error| Failure::Run(error.to_string()))?,
            Err(ControlError::Denied) => return Err(control_client::denied(socket)),
            _ => return Ok(None),
        };
        let is_last = page.len() < usize::try_from(asked.limit).unwrap_or(usize::MAX);
        asked.after = page.last().map(HistoryEntry::mark);
        ended.extend(
            page.into_iter().filter(|entry| of_order(entry) && matches!(entry.became, OccurrenceStatus::Ended(_))),
        );
        if is_last {
            return Ok(Some(ended));
        }
    }
}
