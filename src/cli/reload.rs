//! `lifeboat reload`: the daemon rereads its policy file and reports the result.

use super::control_client::{self, ControlArgs};
use super::{Done, runtime};
use crate::daemon::control::ReloadOrder;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    to: ControlArgs,
    /// Confirm the deletions that the brake holds, as `lifeboat plan` shows them
    #[arg(long)]
    confirm_deletions: bool,
}

pub(super) fn run(args: &Args) -> Done {
    let reload = ReloadOrder { confirm_deletions: args.confirm_deletions };
    let answer = runtime()?.block_on(control_client::give(&args.to.socket()?, "/api/v1/reload", &reload))?;
    args.to.print(&answer)
}
