//! `lifeboat backup`: an occurrence now.

use super::ask::{self, NoReply};
use super::order::{self, To};
use super::{Done, Failure, now, runtime, terminal};
use crate::domain::change::End;
use crate::domain::id::Trigger;
use crate::planner::orders::BackupOrder;
use crate::report::text;
use crate::store::{Became, HistoryEntry};
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
    to: To,
}

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// As many as the history gives at once.
const ENTRIES: u32 = 10_000;

pub(super) fn run(args: &Args) -> Done {
    let socket = args.to.socket()?;
    // The name of the occurrence: whatever is lost on the way, the order is the same one.
    let (policy, source) = (args.policy.as_str().into(), args.source.as_deref().map(Into::into));
    let order = BackupOrder { policy, source, at: now() };
    let runtime = runtime()?;
    let answer = runtime.block_on(order::give(&socket, "/api/v1/backup", &order))?;
    if !args.wait {
        return args.to.print(&answer);
    }
    terminal::complain(&answer.done);
    let sources: BTreeSet<String> = answer.sources.into_iter().collect();
    let ended = runtime.block_on(follow(&socket, &order, &sources))?;
    if args.to.json {
        terminal::print(&text::history_json(&ended))?;
    } else {
        terminal::print(&text::history(&ended, terminal::looks()))?;
    }
    let good = ended.len() == sources.len() && ended.iter().all(|entry| entry.became == Became::Ended(End::Completed));
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Waits until the occurrence has ended for every source. A daemon that is away for a while is waited for.
async fn follow(socket: &Path, order: &BackupOrder, sources: &BTreeSet<String>) -> Result<Vec<HistoryEntry>, Failure> {
    let until = order.at.plus(Duration::from_millis(1));
    let path = format!("/api/v1/history?since={}&until={until}&limit={ENTRIES}", order.at);
    let mut away = false;
    loop {
        match ask::over_socket(socket, &path, None).await {
            Ok((200, body)) => {
                away = false;
                let entries = text::history_from_json(&body).map_err(|error| Failure::Run(error.to_string()))?;
                let of_order = |entry: &HistoryEntry| {
                    entry.occurrence.trigger == Trigger::Manual
                        && entry.occurrence.at == order.at
                        && sources.contains(entry.source.source.as_str())
                };
                let ended: Vec<_> = entries
                    .into_iter()
                    .filter(|entry| of_order(entry) && matches!(entry.became, Became::Ended(_)))
                    .collect();
                if ended.len() >= sources.len() {
                    return Ok(ended);
                }
            }
            Err(NoReply::Denied) => return Err(order::denied(socket)),
            _ if !away => {
                away = true;
                terminal::complain("the daemon does not answer; its order stands, and this waits for it");
            }
            _ => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
