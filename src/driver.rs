//! The one loop: plan, commit, dispatch, settle.
//!
//! **The problem.** A proof in a simulated world is worth something only if the proved code ships.
//!
//! **The solution.** The order in which a plan takes effect is written once: its changes are applied and committed before its
//! calls leave, an outcome is turned into changes, and a change that contradicts the state quarantines its source. The
//! daemon, a rehearsal and the world of the tests run this code. They differ only in their [`Surroundings`]: the clock, the
//! store, the engine, and what they do at each step.
//!
//! The driver keeps nothing but what is not committed yet: kill it anywhere, and the next process continues from the store.

use crate::domain::action::{Action, CallKey, Outcome};
use crate::domain::change::{Change, IllegalChange};
use crate::domain::plan::Plan;
use crate::domain::policy::Settings;
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::planner;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What a driver decides from.
#[derive(Clone, Copy)]
pub struct Basis<'a> {
    /// The policy in force.
    pub settings: &'a Settings,
    /// What is on record, with what is applied and not committed yet.
    pub state: &'a State,
}

/// The clock, the store and the engine of a driver, and what its owner does at each step. Every default is for an owner
/// that has nothing to do there.
pub trait Surroundings {
    /// Why a driver goes on no longer.
    type Stop;

    /// Plans in a row after which [`Surroundings::restless`] is asked.
    const PLANS_IN_A_ROW: usize;

    /// The time, with what is known of it put where decisions are made.
    fn now(&mut self, state: &mut State) -> Time;

    /// What happens now.
    fn plan(&mut self, on: Basis<'_>, now: Time) -> Plan {
        planner::plan(on.settings, on.state, now)
    }

    /// What an answer changes.
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }

    /// Moves the state on by one change.
    ///
    /// # Errors
    /// The change contradicts the state, which is as it was.
    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        state.apply(change)
    }

    /// A plan was made, and nothing of it has happened.
    ///
    /// # Errors
    /// The driver stops.
    fn planned(&mut self, _on: Basis<'_>, _plan: &mut Plan, _now: Time) -> Result<(), Self::Stop> {
        Ok(())
    }

    /// A change is about to be applied.
    fn applies(&mut self, _state: &State, _change: &Change) {}

    /// A change was applied.
    fn applied(&mut self, _change: &Change) {}

    /// A change was refused. If the driver goes on, its source is quarantined until a restart.
    ///
    /// # Errors
    /// The driver stops.
    fn illegal(&mut self, change: &Change, error: &IllegalChange) -> Result<(), Self::Stop>;

    /// What follows from the changes that were just applied, to be committed with them.
    fn follows(&mut self, _on: Basis<'_>) -> Vec<Change> {
        Vec::new()
    }

    /// Commits these changes. Returns whether the store has them; else the driver keeps them and comes again.
    fn commit(&mut self, on: Basis<'_>, changes: &[Change]) -> impl Future<Output = Result<bool, Self::Stop>>;

    /// A call leaves. Its answer comes back by [`Driver::answered`], whatever became of it.
    ///
    /// # Errors
    /// The driver stops.
    fn start(&mut self, on: Basis<'_>, action: Action) -> Result<(), Self::Stop>;

    /// A plan was carried out in whole; what is left of it is what waits, and until when.
    fn carried_out(&mut self, _state: &State, _plan: Plan) {}

    /// A boundary between two steps, at which a process may die.
    ///
    /// # Errors
    /// The driver stops.
    fn between(&mut self) -> Result<(), Self::Stop> {
        Ok(())
    }

    /// Whether nothing can be carried out now, so that the round ends.
    fn stopped(&self) -> bool {
        false
    }

    /// Whether to end a round here, though there is more to plan. Asked after a plan that looked at everything.
    fn rests(&mut self) -> bool {
        false
    }

    /// So many plans were made in a row, and there is more to plan.
    ///
    /// # Errors
    /// The driver stops.
    fn restless(&mut self) -> Result<(), Self::Stop> {
        Ok(())
    }
}

/// The state of one process, and what moves it.
pub struct Driver {
    /// The policy in force.
    pub settings: Arc<Settings>,
    /// What is on record, with what is applied and not committed yet.
    pub state: State,
    /// Something moved since the last plan.
    pub changed: bool,
    /// When something is due next, as the last plan has it.
    pub wake: Time,
    uncommitted: Vec<Change>,
}

impl Driver {
    /// A process that begins now.
    #[must_use]
    pub fn new(settings: Settings, state: State, now: Time) -> Self {
        let settings = Arc::new(Settings { generation: 1, ..settings });
        Self { settings, state, changed: true, wake: now, uncommitted: Vec::new() }
    }

    /// What decisions are made from.
    #[must_use]
    pub fn basis(&self) -> Basis<'_> {
        Basis { settings: &self.settings, state: &self.state }
    }

    /// What is applied and not committed yet.
    #[must_use]
    pub fn uncommitted(&self) -> &[Change] {
        &self.uncommitted
    }

    /// Another policy is in force.
    pub fn take_over(&mut self, settings: Settings) {
        let generation = self.settings.generation.wrapping_add(1);
        self.settings = Arc::new(Settings { generation, ..settings });
        self.changed = true;
    }

    /// Plans and carries out until nothing is left to plan at once.
    ///
    /// # Errors
    /// The surroundings stop it.
    pub async fn round<S: Surroundings>(&mut self, around: &mut S) -> Result<(), S::Stop> {
        for _ in 0..S::PLANS_IN_A_ROW {
            self.changed = false;
            let now = around.now(&mut self.state);
            let mut plan = around.plan(self.basis(), now);
            self.wake = plan.wake.at;
            self.state.clock = self.state.clock.max(now);
            let (due, record_only) = (plan.wake.at <= now, plan.record_only);
            around.planned(self.basis(), &mut plan, now)?;
            self.carry_out(plan, around).await?;
            // What was refused as illegal moved nothing, and would be refused again.
            let again = due || self.changed;
            if !again || around.stopped() || (!record_only && around.rests()) {
                return Ok(());
            }
        }
        around.restless()
    }

    async fn carry_out<S: Surroundings>(&mut self, mut plan: Plan, around: &mut S) -> Result<(), S::Stop> {
        let refused = self.take_in(std::mem::take(&mut plan.record), around)?;
        around.between()?;
        let kept = self.commit(around).await?;
        for action in std::mem::take(&mut plan.actions) {
            let illegal = action.call.key().is_some_and(|call| refused.contains(&call));
            if illegal || !kept {
                // Nothing leaves without its intent on disk. The request stands as one without an answer.
                self.withdraw(&action, around)?;
                continue;
            }
            around.start(self.basis(), action)?;
            around.between()?;
        }
        // A plan that stopped after what it records has not looked at what waits.
        if !plan.record_only {
            around.carried_out(&self.state, plan);
        }
        Ok(())
    }

    fn withdraw<S: Surroundings>(&mut self, action: &Action, around: &mut S) -> Result<(), S::Stop> {
        let withdrawn = action.call.key().map(|call| Change::Withdrawn { place: action.place.clone(), call });
        self.take_in(withdrawn.into_iter().collect(), around).map(drop)
    }

    /// An answer came. What it changes is applied, and committed with the next commit.
    ///
    /// # Errors
    /// The surroundings stop it.
    pub fn answered<S: Surroundings>(
        &mut self,
        action: &Action,
        outcome: Outcome,
        now: Time,
        around: &mut S,
    ) -> Result<(), S::Stop> {
        let changes = around.process_outcome(self.basis(), action, outcome, now);
        self.take_in(changes, around)?;
        // Even an answer that changes nothing on record frees a place for the next call.
        self.changed = true;
        Ok(())
    }

    /// AWS's word on the time came for the first time: times on record that lie in the future come from a clock that was
    /// wrong. `runs_for` is how long this process has run.
    ///
    /// # Errors
    /// The surroundings stop it.
    pub fn time_confirmed<S: Surroundings>(
        &mut self,
        now: Time,
        runs_for: Duration,
        around: &mut S,
    ) -> Result<(), S::Stop> {
        self.state.clock_confirmed(now, runs_for);
        if self.state.clock > now || self.state.lies_ahead_of(now) {
            self.take_in(vec![Change::ClockWentBack { to: now }], around)?;
        }
        Ok(())
    }

    /// Applies changes, and puts the durable ones up for commit. Returns the calls whose intents were refused as illegal.
    ///
    /// # Errors
    /// The surroundings stop it.
    pub fn take_in<S: Surroundings>(
        &mut self,
        changes: Vec<Change>,
        around: &mut S,
    ) -> Result<BTreeSet<CallKey>, S::Stop> {
        let (mut refused, mut changes) = (BTreeSet::new(), changes);
        loop {
            for change in changes {
                self.take(change, &mut refused, around)?;
            }
            changes = around.follows(self.basis());
            if changes.is_empty() {
                return Ok(refused);
            }
        }
    }

    fn take<S: Surroundings>(
        &mut self,
        change: Change,
        refused: &mut BTreeSet<CallKey>,
        around: &mut S,
    ) -> Result<(), S::Stop> {
        if matches!(&change, Change::Sent { call, .. } if refused.contains(call)) {
            return Ok(());
        }
        around.applies(&self.state, &change);
        match around.apply(&mut self.state, &change) {
            Ok(()) => {
                around.applied(&change);
                // A note leads to no decision, so there is no round for its sake.
                self.changed |= change.durable() && !matches!(change, Change::Noted(_));
                if change.durable() {
                    self.uncommitted.push(change);
                }
            }
            Err(error) => {
                around.illegal(&change, &error)?;
                // What has no intent on record does not leave.
                refused.extend(match &change {
                    Change::RequestRecorded { key, .. } => Some(CallKey::Make(key.clone())),
                    Change::DeletionRequested { id, .. } => Some(CallKey::Delete(id.clone())),
                    _ => None,
                });
                if let Some(source) = change.source() {
                    self.state.quarantined.insert(source, error.to_string());
                }
            }
        }
        Ok(())
    }

    /// Commits what was applied. Returns whether nothing is left to commit.
    ///
    /// # Errors
    /// The surroundings stop it.
    pub async fn commit<S: Surroundings>(&mut self, around: &mut S) -> Result<bool, S::Stop> {
        let kept = around.commit(self.basis(), &self.uncommitted).await?;
        if kept && !self.uncommitted.is_empty() {
            // Its room goes as well: it was that of a year's occurrences, if the database is new.
            self.uncommitted = Vec::new();
            around.between()?;
        }
        Ok(kept)
    }
}

/// What a driver comes to whose surroundings never wait; `None` if they did.
pub fn at_once<T>(work: impl Future<Output = T>) -> Option<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}
