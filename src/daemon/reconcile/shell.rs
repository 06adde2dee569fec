//! What is around the driver in the daemon: the host's clock, the database, the calls under way, the log.

use super::keeping::Keeping;
use super::{PLANS_IN_A_ROW, ROUND_WITHOUT_REST};
use crate::daemon::dispatch::Dispatch;
use crate::daemon::journal;
use crate::daemon::notify::{Fate, OWED_MAX};
use crate::daemon::system::{Clock, Pulse, Systemd};
use crate::domain::action::Action;
use crate::domain::change::{Change, End, IllegalChange};
use crate::domain::id::Place;
use crate::domain::note::Note;
use crate::domain::plan::Plan;
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::driver::{Basis, Surroundings};
use crate::engine::fsx::FsxEngine;
use crate::planner;
use crate::report::announce::Event;
use crate::report::snapshot::Counts;
use crate::store::sqlite::SqliteStore;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the driver of the daemon needs.
pub(super) struct Shell {
    pub(super) store: SqliteStore,
    pub(super) dispatch: Dispatch<FsxEngine>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) keeping: Keeping,
    /// Why the database takes nothing, while it does not.
    pub(super) store_problem: Option<String>,
    pub(super) counts: Counts,
    pub(super) pulse: Pulse,
    pub(super) systemd: Systemd,
    pub(super) warned: BTreeSet<String>,
    /// Places whose first listing is not news any more.
    pub(super) learned: BTreeSet<Place>,
    /// The last plan that looked at everything.
    pub(super) last_plan: Arc<Plan>,
    /// What people are to be told, and is not on record yet.
    pub(super) owed: Vec<Event>,
    /// What is owed to them moved since it was last shown to those who tell.
    pub(super) outbox_stale: bool,
    /// Notifications were dropped since the last one was delivered.
    pub(super) overflowed: bool,
    /// Something moved that no change tells of.
    pub(super) woken: bool,
    /// How long the plans of this round took.
    pub(super) deciding: Duration,
}

impl Shell {
    /// The time, and what is known of it put where decisions are made.
    pub(super) fn keep_time(&mut self, state: &mut State) -> Time {
        let now = self.clock.now();
        let known = self.clock.known();
        if known != state.timekeeping {
            journal::clock(&state.timekeeping, &known);
            self.woken |= known.trust != state.timekeeping.trust;
            state.timekeeping = known;
        }
        now
    }
}

impl Surroundings for Shell {
    type Stop = Infallible;

    const PLANS_IN_A_ROW: usize = PLANS_IN_A_ROW;

    fn now(&mut self, state: &mut State) -> Time {
        self.keep_time(state)
    }

    fn plan(&mut self, on: Basis<'_>, now: Time) -> Plan {
        let asked = Instant::now();
        let plan = planner::plan(on.settings, on.state, now);
        self.deciding += asked.elapsed();
        plan
    }

    fn planned(&mut self, _on: Basis<'_>, plan: &mut Plan, now: Time) -> Result<(), Infallible> {
        for warning in std::mem::take(&mut plan.warnings) {
            if self.warned.len() < 10_000 && self.warned.insert(warning.clone()) {
                tracing::warn!(event = "warning", "{warning}");
            }
        }
        self.pulse.beat(now);
        Ok(())
    }

    fn applies(&mut self, state: &State, change: &Change) {
        journal::before(state, change);
    }

    fn applied(&mut self, change: &Change) {
        if let Change::Closed { source, occurrence, opening, end: End::Failed, reason, at, .. } = change {
            self.owed.push(Event::job_failed(&opening.policy, source, *occurrence, reason, *at));
        }
    }

    fn illegal(&mut self, _change: &Change, error: &IllegalChange) -> Result<(), Infallible> {
        tracing::error!(event = "illegal", %error, "refused a change that contradicts the books; the source is set aside until a restart");
        Ok(())
    }

    /// What is owed to people is kept until the webhook took it.
    fn follows(&mut self, on: Basis<'_>) -> Vec<Change> {
        let events = std::mem::take(&mut self.owed);
        if events.is_empty() || on.settings.notify.webhook.is_none() {
            return Vec::new();
        }
        self.outbox_stale = true;
        let owed = &on.state.notes.owed;
        let dropped = (owed.len() + events.len()).saturating_sub(OWED_MAX);
        if dropped > 0 {
            *self.counts.notifications.entry(Fate::GivenUp.as_str()).or_default() += dropped as u64;
            if !std::mem::replace(&mut self.overflowed, true) {
                tracing::warn!(event = "notify_dropped", kept = OWED_MAX, "too much to tell; the oldest is dropped");
            }
        }
        let oldest = owed.keys().take(dropped).map(|(_, id)| Note::Settled { id: id.clone() });
        let fresh = events.iter().skip(dropped.saturating_sub(owed.len()));
        oldest.chain(fresh.map(|event| Note::Owed(Box::new(event.notice())))).map(Change::Noted).collect()
    }

    async fn commit(&mut self, on: Basis<'_>, changes: &[Change]) -> Result<bool, Infallible> {
        self.keep(on.state, changes).await;
        Ok(self.store_problem.is_none())
    }

    fn start(&mut self, _on: Basis<'_>, action: Action) -> Result<(), Infallible> {
        self.dispatch.start(action);
        Ok(())
    }

    fn carried_out(&mut self, state: &State, plan: Plan) {
        journal::learning(state, &mut self.learned);
        self.last_plan = Arc::new(plan);
    }

    fn rests(&mut self) -> bool {
        self.store_problem.is_some() || self.deciding > ROUND_WITHOUT_REST
    }
}
