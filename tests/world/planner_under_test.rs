//! The planner under test: its decisions, and the order in which they take effect.
//!
//! A world is only useful if it detects a broken planner. So the planner is reached through [`PlannerUnderTest`], which
//! a test can replace by a mutant, without making any line of the planner itself breakable.

use lifeboat::domain::action::{Action, Outcome};
use lifeboat::domain::change::{Change, IllegalChange};
use lifeboat::domain::plan::Plan;
use lifeboat::domain::policy::Settings;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::domain::timekeeper::{Timekeeper, Timekeeping};
use lifeboat::driver::Basis;
use lifeboat::planner;
use std::time::Duration;

/// A policy file as it was read.
#[derive(Clone, Copy, Debug)]
pub enum Reading<'a> {
    /// Without a fault.
    Good(&'a Settings),
    /// With an error in it.
    Refused {
        /// As much of it as makes sense.
        legible: &'a Settings,
    },
}

/// Decides, reads answers, and moves the state. Every default is the real one.
pub trait PlannerUnderTest {
    /// What happens now.
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        planner::plan(settings, state, now)
    }

    /// What came of a call.
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }

    /// Moves the state on by one change.
    ///
    /// # Errors
    /// The change cannot be.
    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        state.apply(change)
    }

    /// What runs once the policy file was read again; `None`: what ran before.
    fn reload(&mut self, file: Reading<'_>) -> Option<Settings> {
        match file {
            Reading::Good(settings) => Some(settings.clone()),
            Reading::Refused { .. } => None,
        }
    }

    /// What is known of the time, after the host's clock was set, or an answer was heard.
    fn time_known(&mut self, keeper: &mut Timekeeper, _host: Time, _steady: Duration) -> Timekeeping {
        keeper.known()
    }

    /// Whether calls leave before what they were planned with is on disk.
    fn calls_first(&self) -> bool {
        false
    }
}

/// Lifeboat as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lifeboat;

impl PlannerUnderTest for Lifeboat {}
