//! `lifeboat release`: releases the hold on a recovery point.

use super::control_client::ControlArgs;
use super::hold::until_it_stands;
use super::{Done, Failure, runtime};
use crate::daemon::control::DoneAnswer;
use crate::planner::orders::ReleaseOrder;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Which backup or copy, `backup-…`
    backup: String,
    /// Wait until the tag is gone at AWS
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    to: ControlArgs,
}

pub(super) fn run(args: &Args) -> Done {
    let release = ReleaseOrder { backup: args.backup.as_str().into() };
    let socket = args.to.socket()?;
    // Retention may delete the released point before its tag was seen to be gone.
    let deleted = |failure: &Failure| {
        let done = format!("{} is released, and was deleted since", args.backup);
        matches!(failure, Failure::Usage(_)).then(|| DoneAnswer { done, ..DoneAnswer::default() })
    };
    let answer = runtime()?.block_on(until_it_stands(&socket, "/api/v1/release", &release, args.wait, deleted))?;
    args.to.print(&answer)
}
