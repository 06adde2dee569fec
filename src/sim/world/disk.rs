//! What survives the process: the durable changes that were committed, and nothing else.
//!
//! A crash must lose what the real database would lose and keep what it would keep, or recovery is tested against a
//! fiction. [`Kept`] is the state that results from the committed changes alone, reduced to what a next process knows;
//! the conformance suite tests the real store against it. A world can also be given that store, as another [`Disk`].

use crate::domain::change::Change;
use crate::domain::state::State;
use crate::domain::time::Time;

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
        Ok(kept.reloaded(started_at))
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
