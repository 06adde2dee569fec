//! The state without a daemon: read from the database, for commands that only read.

use super::{Failure, now};
use crate::domain::action::SourceFacts;
use crate::domain::change::{Change, SearchEvidence};
use crate::domain::id::{AccountRegion, SourceId};
use crate::domain::lane::FileSystemKind;
use crate::domain::plan::Plan;
use crate::domain::policy::{Settings, Tags};
use crate::domain::selection::SEARCHES_BEFORE_LEAVING;
use crate::domain::state::State;
use crate::planner;
use crate::report::forecast::SearchedView;
use crate::store::{self};
use crate::store::{Store as _, StoreError, StoreProblem};

/// The state in the database, synchronised with the policy. Nothing is written.
pub(super) async fn read(settings: &mut Settings) -> Result<State, Failure> {
    try_read(settings, &[]).await.map_err(|error| Failure::Run(error.to_string()))
}

async fn try_read(settings: &mut Settings, searched: &[SearchedView]) -> Result<State, StoreError> {
    let mut store = store::read(&settings.daemon.state).await?;
    let loaded = store.load(now()).await;
    store.close().await;
    let mut state = loaded?;
    search(settings, &mut state, searched);
    follow(settings, &mut state);
    Ok(state)
}

/// The state, for a command that works without it; the policy gets the sources that it is known to select. A missing
/// database is not an error; for an unreadable one, the reason is returned so that the result can mention it.
pub(super) async fn learn(settings: &mut Settings) -> (Option<State>, Option<String>) {
    match try_read(settings, &[]).await {
        Ok(state) => (Some(state), None),
        Err(error) if matches!(error.problem, StoreProblem::Absent) => (None, None),
        Err(error) => (None, Some(format!("{error}; what it would teach of sizes and durations is not in it"))),
    }
}

/// The same; a missing database counts as an empty one. `searched` is what the running daemon found by tag: what the
/// policy selects is taken from it, as if two searches had shown it.
pub(super) async fn read_or_empty(settings: &mut Settings, searched: &[SearchedView]) -> Result<State, Failure> {
    match store::read(&settings.daemon.state).await {
        Err(error) if matches!(error.problem, StoreProblem::Absent) => {
            let mut state = State::new(now(), now());
            search(settings, &mut state, searched);
            follow(settings, &mut state);
            Ok(state)
        }
        Err(error) => Err(Failure::Run(error.to_string())),
        Ok(store) => {
            store.close().await;
            try_read(settings, searched).await.map_err(|error| Failure::Run(error.to_string()))
        }
    }
}

/// Takes in what the running daemon's searches showed.
fn search(settings: &Settings, state: &mut State, searched: &[SearchedView]) {
    for SearchedView { account, region, sources } in searched {
        let place = AccountRegion { account: account.clone(), region: region.clone() };
        let facts = |(id, tags): (&SourceId, &Tags)| SourceFacts {
            source: id.clone(),
            // Only what can be a source was kept.
            kind: if id.is_volume() { FileSystemKind::Ontap } else { FileSystemKind::Windows },
            lifecycle: "AVAILABLE".to_owned(),
            tags: tags.clone(),
            name: None,
            account: None,
        };
        let facts: Vec<SourceFacts> = sources.iter().map(facts).collect();
        for _ in 0..SEARCHES_BEFORE_LEAVING {
            let missed = planner::selection::missed(settings, state, &place, facts.iter());
            let began = SearchEvidence::Began { place: place.clone(), at: now() };
            let complete = SearchEvidence::Complete { place: place.clone(), facts: facts.clone(), missed };
            for step in [began, complete] {
                // A search contradicts nothing that is on record.
                let _ = state.apply(&Change::Search(step));
            }
        }
    }
}

/// Adds what the policy names but the database does not know yet; nothing of this is stored.
fn follow(settings: &mut Settings, state: &mut State) {
    settings.generation = 1;
    *settings = planner::selection::resolve(settings, state);
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
