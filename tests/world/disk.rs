//! What survives the process: the durable changes that were committed, and nothing else.
//!
//! A crash must lose what the real database would lose and keep what it would keep, or recovery is tested against a
//! fiction. [`Kept`] is the state that the committed changes alone have led to, of which [`reloaded`] says what a next
//! process knows; the conformance suite holds the real store to the same. A world can also be given that store, as
//! another [`Disk`].

use lifeboat::domain::change::Change;
use lifeboat::domain::state::{AccountState, ORDER_REMEMBERED_FOR, SourceState, State};
use lifeboat::domain::time::Time;
use std::sync::Arc;

/// Keeps the state between two lives of the process.
pub trait Disk {
    /// All that is kept, as the state of a process that begins at `started_at`. Makes the database if there is none.
    ///
    /// # Errors
    /// It cannot be read.
    fn load(&mut self, started_at: Time) -> Result<State, String>;

    /// Keeps the durable ones among these, all or none.
    ///
    /// # Errors
    /// None of them is kept.
    fn commit(&mut self, changes: &[Change]) -> Result<(), String>;

    /// The process died, with these changes applied and not committed. What is open is to be left as a kill leaves it.
    ///
    /// # Errors
    /// The disk cannot do what a crash does.
    fn died(&mut self, _uncommitted: &[Change]) -> Result<(), String> {
        Ok(())
    }

    /// The database is gone.
    ///
    /// # Errors
    /// It cannot be removed.
    fn lose(&mut self) -> Result<(), String>;
}

/// What was committed, in memory.
#[derive(Clone, Debug, Default)]
pub struct Kept(Option<State>);

impl Disk for Kept {
    fn load(&mut self, started_at: Time) -> Result<State, String> {
        let kept = self.0.get_or_insert_with(|| State::new(started_at, started_at));
        Ok(reloaded(kept, started_at))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), String> {
        let kept = self.0.as_mut().ok_or("committed before anything was loaded")?;
        for change in changes.iter().filter(|change| change.durable()) {
            // A store judges nothing. What contradicts the state is found where it is applied, not here.
            let _ = kept.apply(change);
        }
        Ok(())
    }

    fn lose(&mut self) -> Result<(), String> {
        self.0 = None;
        Ok(())
    }
}

/// What a process that begins at `started_at` knows, if every durable change up to now was kept: this, and nothing else,
/// a store keeps.
#[must_use]
pub fn reloaded(state: &State, started_at: Time) -> State {
    let mut next = State::new(state.created_at, started_at);
    next.pauses.clone_from(&state.pauses);
    next.counters.clone_from(&state.counters);
    next.notes.clone_from(&state.notes);
    next.peer_seen_at = state.peer_seen_at;
    next.own_account.clone_from(&state.own_account);
    let recorded = |known: &AccountState| AccountState::recorded(known.id.clone());
    next.accounts = state.accounts.iter().map(|(name, known)| (name.clone(), recorded(known))).collect();
    for (key, source) in &state.sources {
        next.sources.insert(key.clone(), Arc::new(kept_of(source, started_at)));
    }
    for (key, source) in &state.sources {
        for point in source.points.iter() {
            // What stood here cannot contradict what stood here.
            let _ = next.apply(&Change::BackupObserved {
                point: Box::new(point.clone().with_remarks(|remarks| remarks.missing_since = None)),
            });
        }
        if let Some(kept) = next.source_to_restore(key) {
            kept.pending_requests.clone_from(&source.pending_requests);
        }
    }
    for (place, id, dispute) in state.disputes() {
        let (place, id, dispute) = (place.clone(), id.clone(), Some(Box::new(dispute.clone())));
        let _ = next.apply(&Change::Disputed { place, id, dispute });
    }
    for ((place, id), deletion) in &state.deletions {
        let mut kept = deletion.clone();
        kept.inspected_at = None;
        next.restore_deletion(place.clone(), id.clone(), kept);
    }
    for ((place, id), hold_request) in &state.hold_requests {
        let mut kept = hold_request.clone();
        kept.arn = None;
        next.restore_hold_request(place.clone(), id.clone(), kept);
    }
    for (place, known) in &state.places {
        if let Some(listed) = known.listed {
            next.restore_listed(place.clone(), listed.began_at, listed.pages, known.user_backups);
        }
    }
    next.all_restored();
    next
}

/// The part of a source that is kept, but for points and asks.
fn kept_of(source: &SourceState, started_at: Time) -> SourceState {
    let mut next = SourceState::new(source.region.clone());
    next.membership.clone_from(&source.membership);
    next.cursor = source.cursor;
    next.departed = source.departed;
    next.open.clone_from(&source.open);
    next.cancelled.clone_from(&source.cancelled);
    next.losses.clone_from(&source.losses);
    let remembered = started_at.minus(ORDER_REMEMBERED_FOR);
    let ended = source.orders_ended.iter().filter(|(at, _)| **at > remembered);
    next.orders_ended = ended.map(|(at, end)| (*at, *end)).collect();
    next
}
