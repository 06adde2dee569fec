//! The state without a daemon: read from the database, for commands that only read.

use super::{Failure, now};
use crate::domain::change::Change;
use crate::domain::plan::Plan;
use crate::domain::policy::Settings;
use crate::domain::state::State;
use crate::planner;
use crate::store::{self};
use crate::store::{Store as _, StoreError, StoreProblem};

/// The state in the database, synchronised with the policy. Nothing is written.
pub(super) async fn read(settings: &mut Settings) -> Result<State, Failure> {
    try_read(settings).await.map_err(|error| Failure::Run(error.to_string()))
}

async fn try_read(settings: &mut Settings) -> Result<State, StoreError> {
    let mut store = store::read(&settings.daemon.state).await?;
    let loaded = store.load(now()).await;
    store.close().await;
    let mut state = loaded?;
    follow(settings, &mut state);
    Ok(state)
}

/// The state, for a command that works without it. A missing database is not an error; for an unreadable one, the
/// reason is returned so that the result can mention it.
pub(super) async fn learn(settings: &Settings) -> (Option<State>, Option<String>) {
    match try_read(&mut settings.clone()).await {
        Ok(state) => (Some(state), None),
        Err(error) if matches!(error.problem, StoreProblem::Absent) => (None, None),
        Err(error) => (None, Some(format!("{error}; what it would teach of sizes and durations is not in it"))),
    }
}

/// The same; a missing database counts as an empty one.
pub(super) async fn read_or_empty(settings: &mut Settings) -> Result<State, Failure> {
    match store::read(&settings.daemon.state).await {
        Err(error) if matches!(error.problem, StoreProblem::Absent) => {
            let mut state = State::new(now(), now());
            follow(settings, &mut state);
            Ok(state)
        }
        Err(error) => Err(Failure::Run(error.to_string())),
        Ok(store) => {
            store.close().await;
            read(settings).await
        }
    }
}

/// Adds what the policy names but the database does not know yet; nothing of this is stored.
fn follow(settings: &mut Settings, state: &mut State) {
    settings.generation = 1;
    let mut plan = Plan::default();
    planner::membership::plan(settings, state, now(), &mut plan);
    for change in plan.record.iter().filter(|change| kept_up(change)) {
        // A rejected change only means that the snapshot lacks a source that contradicts the database.
        let _ = state.apply(change);
    }
}

/// Whether a change is visible in a snapshot.
const fn kept_up(change: &Change) -> bool {
    matches!(change, Change::MembershipUpdated { .. } | Change::Rescheduled { .. } | Change::SourceDeparted { .. })
}
