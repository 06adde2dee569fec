//! What is around the process: the file at its path, sources of credentials, policy files that cannot be read, clients. None
//! of it may hold the daemon, lie to it or have it tell what is secret.

mod credentials;
mod disk;
mod listener;
mod policy;

use crate::support::{Bench, FILE_SYSTEMS, wait_until};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// One source that hardly ever comes due, one destination.
fn quiet() -> String {
    format!(
        "[[policy]]\nname = \"one\"\nregion = \"us-east-1\"\nfile_systems = [\"{}\"]\nschedule = \"0 0 1 1 *\"\n\
         [[policy.destination]]\nregion = \"us-west-2\"\n",
        FILE_SYSTEMS[0]
    )
}

fn ready(bench: &Bench) {
    wait_until("ready", SOON, || bench.get("/readyz").is_some());
}
