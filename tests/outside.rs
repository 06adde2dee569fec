//! What is around the process: the file at its path, sources of credentials, policy files that cannot be read, clients. None
//! of it may hold the daemon, lie to it or have it tell what is secret.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]

#[path = "outside/credentials.rs"]
mod credentials;
#[path = "outside/disk.rs"]
mod disk;
#[path = "outside/listener.rs"]
mod listener;
#[path = "outside/policy.rs"]
mod policy;
mod support;

use std::time::Duration;
use support::{Bench, FILE_SYSTEMS, wait_until};

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
