//! The surroundings of the driver in the daemon: the host's clock, the database, the calls under way, the log.

use super::ROUND_WITHOUT_REST;
use crate::daemon::command::Delivery;
use crate::daemon::dispatch::Dispatch;
use crate::daemon::event_log;
use crate::daemon::notify::QUEUED_MAX;
use crate::daemon::system::{Clock, Liveness, Systemd};
use crate::domain::action::Action;
use crate::domain::change::{Change, IllegalChange, OccurrenceOutcome};
use crate::domain::id::AccountRegion;
use crate::domain::note::Note;
use crate::domain::plan::Plan;
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::driver::{Basis, Surroundings};
use crate::engine::Engines;
use crate::planner;
use crate::report::notifications::Event;
use crate::report::snapshot::Counts;
use crate::store::Database;
use crate::store::StoreProblem;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// The daemon's surroundings of the driver.
pub(super) struct Shell {
    pub(super) store: Database,
    pub(super) dispatch: Dispatch<Engines>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store_health: StoreHealth,
    /// Why the database accepts no writes, while it does not.
    pub(super) store_problem: Option<String>,
    pub(super) counts: Counts,
    pub(super) liveness: Liveness,
    pub(super) systemd: Systemd,
    pub(super) warned: BTreeSet<String>,
    /// Accounts and Regions whose first listing was logged.
    pub(super) learned: BTreeSet<AccountRegion>,
    /// The last complete plan.
    pub(super) last_plan: Arc<Plan>,
    /// Notifications that are not recorded yet.
    pub(super) queued: Vec<Event>,
    /// The queue changed since it was last published.
    pub(super) queue_stale: bool,
    /// Notifications were dropped since the last delivery.
    pub(super) overflowed: bool,
    /// Something changed that is not in the state.
    pub(super) woken: bool,
    /// How long the plans of this round took.
    pub(super) deciding: Duration,
}

/// The state of the database file.
#[derive(Default)]
pub(super) struct StoreHealth {
    /// When a commit or a replacement of the file was last tried.
    pub(super) tried: Option<Instant>,
    /// The file is lost: the state in memory must be written to a new one.
    pub(super) lost: bool,
    /// When the file was last replaced, and the pause before the next time.
    pub(super) renewed: Option<(Instant, Duration)>,
    /// A check of the whole file, after another program wrote to it.
    pub(super) check: Option<JoinHandle<Result<(), StoreProblem>>>,
    pub(super) checked: Option<Instant>,
}

impl StoreHealth {
    /// Retries at once.
    pub(super) fn hurry(&mut self) {
        self.tried = None;
    }

    pub(super) fn renewal_waits(&self) -> bool {
        self.renewed.is_some_and(|(at, pause)| at.elapsed() < pause)
    }
}

impl Shell {
    /// Returns the time, and updates the state's knowledge of the clock.
    pub(super) fn keep_time(&mut self, state: &mut State) -> Time {
        let now = self.clock.now();
        let known = self.clock.known();
        if known != state.timekeeping {
            event_log::clock(&state.timekeeping, &known);
            self.woken |= known.trust != state.timekeeping.trust;
            state.timekeeping = known;
        }
        now
    }
}

impl Surroundings for Shell {
    type Stop = Infallible;

    /// After this many, the loop yields.
    const PLANS_IN_A_ROW: usize = 50;

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
        self.liveness.beat(now);
        Ok(())
    }

    fn applies(&mut self, state: &State, change: &Change) {
        event_log::before(state, change);
    }

    fn applied(&mut self, change: &Change) {
        if let Change::OwnAccountNamed(id, _) = change {
            self.dispatch.engine().own_account_is(id);
        }
        if let Change::Closed { source, occurrence, record, end: OccurrenceOutcome::Failed, reason, at, .. } = change {
            self.queued.push(Event::job_failed(&record.policy, source, *occurrence, reason, *at));
        }
    }

    fn illegal(&mut self, _change: &Change, error: &IllegalChange) -> Result<(), Infallible> {
        tracing::error!(event = "illegal_change", %error, "refused a change that contradicts the recorded state; the source is quarantined until a restart");
        Ok(())
    }

    /// Notifications are kept until the webhook has accepted them.
    fn follows(&mut self, on: Basis<'_>) -> Vec<Change> {
        let events = std::mem::take(&mut self.queued);
        if events.is_empty() || on.settings.notify.webhook.is_none() {
            return Vec::new();
        }
        self.queue_stale = true;
        let queued = &on.state.notes.queued;
        let dropped = (queued.len() + events.len()).saturating_sub(QUEUED_MAX);
        if dropped > 0 {
            *self.counts.notifications.entry(Delivery::GivenUp.as_str()).or_default() += dropped as u64;
            if !std::mem::replace(&mut self.overflowed, true) {
                tracing::warn!(
                    event = "notify_dropped",
                    kept = QUEUED_MAX,
                    "too many notifications; the oldest is dropped"
                );
            }
        }
        let oldest = queued.keys().take(dropped).map(|(_, id)| Note::NotificationDone { id: id.clone() });
        let fresh = events.iter().skip(dropped.saturating_sub(queued.len()));
        oldest.chain(fresh.map(|event| Note::NotificationQueued(Box::new(event.notice())))).map(Change::Noted).collect()
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
        event_log::learning(state, &mut self.learned);
        self.last_plan = Arc::new(plan);
    }

    fn stopped(&self) -> bool {
        self.store_problem.is_some()
    }

    fn rests(&mut self) -> bool {
        self.deciding > ROUND_WITHOUT_REST
    }
}
