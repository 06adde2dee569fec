//! `lifeboat cancel`: gives up open on-demand backups.

use super::control_client::{self, ControlArgs};
use super::{Done, runtime};
use crate::domain::time::Time;
use crate::planner::orders::CancelOrder;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Which policy
    policy: String,
    /// Which of its sources; without it, all
    source: Option<String>,
    /// Only the one that was ordered at this time, as `lifeboat history` shows it
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Time>,
    #[command(flatten)]
    to: ControlArgs,
}

fn time(text: &str) -> Result<Time, String> {
    Time::parse_rfc3339(text).ok_or_else(|| "write a time such as 2026-11-01T03:00:00.123Z".to_owned())
}

pub(super) fn run(args: &Args) -> Done {
    let (policy, source) = (args.policy.as_str().into(), args.source.as_deref().map(Into::into));
    let order = CancelOrder { policy, source, at: args.at };
    let answer = runtime()?.block_on(control_client::give(&args.to.socket()?, "/api/v1/cancel", &order))?;
    args.to.print(&answer)
}
