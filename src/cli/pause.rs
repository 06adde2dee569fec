//! `lifeboat pause`: pauses the schedule of a policy.

use super::control_client::{self, ControlArgs};
use super::{Done, Failure, now, runtime};
use crate::domain::duration::parse_duration;
use crate::planner::orders::PauseOrder;
use std::time::Duration;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Which policy
    policy: String,
    /// How long, such as 4h or 1d 12h; without it, until `lifeboat resume`
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    lasts: Option<Duration>,
    /// Why, for whoever looks at the status
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    to: ControlArgs,
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "write a duration such as 4h, 90m or 1d 12h".to_owned())
}

pub(super) fn run(args: &Args) -> Done {
    // The end is sent, not the length, so that a repeated order means the same.
    let until = args.lasts.map(|lasts| now().plus(lasts));
    if until.is_some_and(|until| until.to_string().starts_with('@')) {
        return Err(Failure::Usage(
            "lifeboat: --for is beyond all time; leave it out to pause until resumed".to_owned(),
        ));
    }
    let pause = PauseOrder { policy: args.policy.as_str().into(), until, reason: args.reason.clone() };
    let answer = runtime()?.block_on(control_client::give(&args.to.socket()?, "/api/v1/pause", &pause))?;
    args.to.print(&answer)
}
