//! `lifeboat resume`: ends the pause of a policy.

use super::control_client::{self, ControlArgs};
use super::{Done, runtime};
use crate::planner::orders::ResumeOrder;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Which policy
    policy: String,
    #[command(flatten)]
    to: ControlArgs,
}

pub(super) fn run(args: &Args) -> Done {
    let resume = ResumeOrder { policy: args.policy.as_str().into() };
    let answer = runtime()?.block_on(control_client::give(&args.to.socket()?, "/api/v1/resume", &resume))?;
    args.to.print(&answer)
}
