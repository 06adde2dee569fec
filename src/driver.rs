//! The one loop: plan, commit, dispatch, process outcomes.
//!
//! **The problem.** A test in a simulated world proves something only if it runs the code that ships.
//!
//! **The solution.** The order in which a plan takes effect is written once: its changes are applied and committed
//! before its calls are sent, an outcome is turned into changes, and a change that contradicts the state quarantines
//! its source. The daemon, `rehearse` and the simulated world of the tests run this code. They differ only in their
//! [`Surroundings`]: the clock, the store, the engine, and their hooks for each step.
//!
//! The driver keeps only what is not committed yet: it can be killed at any point, and the next process continues from
//! the store.

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

/// The input of a decision.
#[derive(Clone, Copy)]
pub struct Basis<'a> {
    /// The policy in force.
    pub settings: &'a Settings,
    /// The recorded state, including changes that are applied but not committed yet.
    pub state: &'a State,
}

/// The clock, the store and the engine of a driver, and hooks for each step. Every default does nothing.
pub trait Surroundings {
    /// Why a driver stops.
    type Stop;

    /// The number of consecutive plans after which [`Surroundings::restless`] is called.
    const PLANS_IN_A_ROW: usize;

    /// The current time; also updates the state's knowledge of the clock.
    fn now(&mut self, state: &mut State) -> Time;

    /// Plans the next step.
    fn plan(&mut self, on: Basis<'_>, now: Time) -> Plan {
        planner::plan(on.settings, on.state, now)
    }

    /// Turns the outcome of a call into changes.
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }

    /// Applies one change to the state.
    ///
    /// # Errors
    /// The change contradicts the state, which is unchanged.
    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        state.apply(change)
    }

    /// A plan was made, and no part of it has taken effect.
    ///
    /// # Errors
    /// Stops the driver.
    fn planned(&mut self, _on: Basis<'_>, _plan: &mut Plan, _now: Time) -> Result<(), Self::Stop> {
        Ok(())
    }

    /// A change is about to be applied.
    fn applies(&mut self, _state: &State, _change: &Change) {}

    /// A change was applied.
    fn applied(&mut self, _change: &Change) {}

    /// A change was rejected. If the driver continues, its source is quarantined until a restart.
    ///
    /// # Errors
    /// Stops the driver.
    fn illegal(&mut self, change: &Change, error: &IllegalChange) -> Result<(), Self::Stop>;

    /// Changes that follow from those just applied, to be committed with them.
    fn follows(&mut self, _on: Basis<'_>) -> Vec<Change> {
        Vec::new()
    }

    /// Commits these changes. Returns whether the store has them; otherwise the driver keeps them and tries again
    /// later.
    fn commit(&mut self, on: Basis<'_>, changes: &[Change]) -> impl Future<Output = Result<bool, Self::Stop>>;

    /// Sends a call. Its outcome is passed to [`Driver::answered`], whatever happens.
    ///
    /// # Errors
    /// Stops the driver.
    fn start(&mut self, on: Basis<'_>, action: Action) -> Result<(), Self::Stop>;

    /// A plan was carried out completely; the rest of it says what waits, and until when.
    fn carried_out(&mut self, _state: &State, _plan: Plan) {}

    /// A boundary between two steps, where a process may be killed.
    ///
    /// # Errors
    /// Stops the driver.
    fn between(&mut self) -> Result<(), Self::Stop> {
        Ok(())
    }

    /// Whether nothing can be carried out now, so that the round ends.
    fn stopped(&self) -> bool {
        false
    }

    /// Whether to end the round although there is more to plan. Called after a complete plan.
    fn rests(&mut self) -> bool {
        false
    }

    /// Many plans were made in a row, and there is more to plan.
    ///
    /// # Errors
    /// Stops the driver.
    fn restless(&mut self) -> Result<(), Self::Stop> {
        Ok(())
    }
}

/// The state of one process, and the operations on it.
pub struct Driver {
    /// The policy in force, with the sources that it selects by tag.
    pub settings: Arc<Settings>,
    /// The recorded state, including changes that are applied but not committed yet.
    pub state: State,
    /// Something changed since the last plan.
    pub changed: bool,
    /// When something is due next, according to the last plan.
    pub wake: Time,
    uncommitted: Vec<Change>,
    /// The policy as its files say.
    file: Arc<Settings>,
    /// Searches for sources whose result is in `settings`.
    searches_seen: u64,
}

impl Driver {
    /// A process that begins now.
    #[must_use]
    pub fn new(settings: Settings, state: State, now: Time) -> Self {
        let file = Arc::new(Settings { generation: 1, ..settings });
        let settings = Arc::new(planner::selection::resolve(&file, &state));
        let searches_seen = state.searches_completed;
        Self { settings, state, changed: true, wake: now, uncommitted: Vec::new(), file, searches_seen }
    }

    /// The input for a decision.
    #[must_use]
    pub fn basis(&self) -> Basis<'_> {
        Basis { settings: &self.settings, state: &self.state }
    }

    /// Changes that are applied but not committed yet.
    #[must_use]
    pub fn uncommitted(&self) -> &[Change] {
        &self.uncommitted
    }

    /// Replaces the policy.
    pub fn take_over(&mut self, settings: Settings) {
        self.file = Arc::new(settings);
        self.state.searches_wanted();
        self.put_in_force(planner::selection::resolve(&self.file, &self.state));
    }

    /// Puts settings into force as another generation.
    fn put_in_force(&mut self, settings: Settings) {
        let generation = self.settings.generation.wrapping_add(1);
        self.settings = Arc::new(Settings { generation, ..settings });
        self.changed = true;
    }

    /// Puts what searches found into force, if it differs.
    fn follow_searches(&mut self) {
        if self.searches_seen == self.state.searches_completed {
            return;
        }
        self.searches_seen = self.state.searches_completed;
        let resolved = planner::selection::resolve(&self.file, &self.state);
        if resolved.policies != self.settings.policies {
            self.put_in_force(resolved);
        }
    }

    /// Plans and carries out until nothing is left to do at once.
    ///
    /// # Errors
    /// The surroundings stop the driver.
    pub async fn round<S: Surroundings>(&mut self, around: &mut S) -> Result<(), S::Stop> {
        for _ in 0..S::PLANS_IN_A_ROW {
            self.follow_searches();
            self.changed = false;
            let now = around.now(&mut self.state);
            let mut plan = around.plan(self.basis(), now);
            self.wake = plan.wake.at;
            self.state.clock = self.state.clock.max(now);
            let (due, record_only) = (plan.wake.at <= now, plan.record_only);
            around.planned(self.basis(), &mut plan, now)?;
            self.carry_out(plan, around).await?;
            // A rejected change had no effect, and would be rejected again.
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
                // No call is sent without its intent on disk. The request stays pending as one without a response.
                self.withdraw(&action, around)?;
                continue;
            }
            around.start(self.basis(), action)?;
            around.between()?;
        }
        // A plan that stopped at its records has not determined what waits.
        if !plan.record_only {
            around.carried_out(&self.state, plan);
        }
        Ok(())
    }

    fn withdraw<S: Surroundings>(&mut self, action: &Action, around: &mut S) -> Result<(), S::Stop> {
        let withdrawn = action.call.key().map(|call| Change::Withdrawn { place: action.place.clone(), call });
        self.take_in(withdrawn.into_iter().collect(), around).map(drop)
    }

    /// Processes the outcome of a call. Its changes are applied, and committed with the next commit.
    ///
    /// # Errors
    /// The surroundings stop the driver.
    pub fn answered<S: Surroundings>(
        &mut self,
        action: &Action,
        outcome: Outcome,
        now: Time,
        around: &mut S,
    ) -> Result<(), S::Stop> {
        let action = &self.name_own_account(action, &outcome, now, around)?;
        let changes = around.process_outcome(self.basis(), action, outcome, now);
        self.take_in(changes, around)?;
        // Even an outcome that changes no record frees capacity for the next call.
        self.changed = true;
        Ok(())
    }

    /// Takes in the id of the daemon's own account, before anything else that the first response to name it shows.
    /// Returns the action under the id that its account has now.
    fn name_own_account<S: Surroundings>(
        &mut self,
        action: &Action,
        outcome: &Outcome,
        now: Time,
        around: &mut S,
    ) -> Result<Action, S::Stop> {
        if action.place.account.is_named() {
            return Ok(action.clone());
        }
        if self.state.own_account.is_none()
            && let Some(id) = planner::outcomes::account_named_by(outcome)
        {
            self.take_in(vec![Change::OwnAccountNamed(id, now)], around)?;
            self.put_in_force(planner::selection::resolve(&self.file, &self.state));
        }
        Ok(self.state.own_account.as_ref().map_or_else(|| action.clone(), |id| action.in_account(id)))
    }

    /// AWS confirmed the time for the first time: recorded times in the future come from a wrong clock. `runs_for` is
    /// how long this process has been running.
    ///
    /// # Errors
    /// The surroundings stop the driver.
    pub fn time_confirmed<S: Surroundings>(
        &mut self,
        now: Time,
        runs_for: Duration,
        around: &mut S,
    ) -> Result<(), S::Stop> {
        self.state.clock_confirmed(now, runs_for);
        if self.state.clock > now || self.state.lies_ahead_of(now) {
            self.take_in(vec![Change::ClockWentBack(now)], around)?;
        }
        Ok(())
    }

    /// Applies changes and queues the durable ones for commit. Returns the calls whose intents were rejected.
    ///
    /// # Errors
    /// The surroundings stop the driver.
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
                // No decision depends on a note, so it needs no round.
                self.changed |= change.durable() && !matches!(change, Change::Noted(_));
                if change.durable() {
                    self.uncommitted.push(change);
                }
            }
            Err(error) => {
                around.illegal(&change, &error)?;
                // A call whose intent is not recorded is not sent.
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

    /// Commits applied changes. Returns whether nothing is left to commit.
    ///
    /// # Errors
    /// The surroundings stop the driver.
    pub async fn commit<S: Surroundings>(&mut self, around: &mut S) -> Result<bool, S::Stop> {
        let kept = around.commit(self.basis(), &self.uncommitted).await?;
        if kept && !self.uncommitted.is_empty() {
            // Frees the memory too: with a new database it held a year's occurrences.
            self.uncommitted = Vec::new();
            around.between()?;
        }
        Ok(kept)
    }
}

/// The result of a future that never waits; `None` if it did.
pub fn at_once<T>(work: impl Future<Output = T>) -> Option<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}
