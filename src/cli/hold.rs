//! `lifeboat hold`: keeps a recovery point until it is released.

use super::control_client::{self, ControlArgs};
use super::{Done, Failure, runtime, terminal};
use crate::daemon::control::DoneAnswer;
use crate::planner::orders::HoldOrder;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Which backup or copy, `backup-…`
    backup: String,
    /// Why; it becomes the value of the tag `lifeboat:hold`
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Wait until the tag is set at AWS
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    to: ControlArgs,
}

const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) fn run(args: &Args) -> Done {
    let hold = HoldOrder { backup: args.backup.as_str().into(), reason: args.reason.clone() };
    let socket = args.to.socket()?;
    let answer = runtime()?.block_on(until_it_stands(&socket, "/api/v1/hold", &hold, args.wait, |_| None))?;
    args.to.print(&answer)
}

/// Sends the order; if it should wait, repeats it until AWS shows the tag or refuses it permanently. A repeat that is
/// refused after the order was accepted once may mean that it is `over`.
pub(super) async fn until_it_stands(
    socket: &Path,
    path: &str,
    order: &impl Serialize,
    wait: bool,
    over: impl Fn(&Failure) -> Option<DoneAnswer>,
) -> Result<DoneAnswer, Failure> {
    let mut said = String::new();
    loop {
        let answer = match control_client::give(socket, path, order).await {
            Err(failure) if !said.is_empty() => return over(&failure).ok_or(failure),
            answer => answer?,
        };
        if !wait || answer.stands != Some(false) {
            return Ok(answer);
        }
        if let Some(why) = &answer.barred {
            let what = "AWS does not let the tag be changed, and waiting will not mend that";
            let then =
                "the order is recorded in Lifeboat's database; fix the cause, then `lifeboat reload` tries again";
            return Err(Failure::Run(format!("{what}: {why}\n{then}")));
        }
        if answer.done != said {
            terminal::complain(&answer.done);
            said = answer.done;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
