//! The real planner on a policy against the simulated FSx, in virtual time: a forecast of the next weeks.
//!
//! **The problem.** Whether a policy meets its RPOs depends on sizes, rates of change, slots and schedules together,
//! and on AWS it takes weeks to find out.
//!
//! **The solution.** A month passes in seconds; the decisions are those of the daemon, call by call; the result is read
//! from FSx's own inventory ([`outcome`]), not from Lifeboat's state. The same settings, cloud and seed give the same
//! month.
//!
//! Unlike the simulated world of the tests it checks no promise and does not crash the process: it measures.

use super::cloud::Cloud;
use super::wire;
use crate::domain::action::{Action, Call, Outcome};
use crate::domain::change::{Change, IllegalChange};
use crate::domain::plan::{Plan, Waiting};
use crate::domain::policy::Settings;
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::driver::{Basis, Driver, Surroundings, at_once};
use crate::planner::plan_in_order;
use crate::planner::slot_priority::{SlotOrder, TIME_LEFT};
use std::collections::BTreeMap;

pub mod fleet;
pub mod outcome;

/// Network latency of a call, each way, ms.
const TRAVEL_MS: i64 = 50;

/// Planner, state and cloud at one moment.
pub struct Rehearsal {
    driver: Driver,
    stage: Stage,
}

/// The driver's surroundings: virtual time, and FSx as a model. The process never crashes, so it needs no store.
struct Stage {
    cloud: Cloud,
    order: SlotOrder,
    now_ms: i64,
    due: BTreeMap<(i64, u64), Event>,
    shown: wire::Shown,
    sent: u64,
    calls: BTreeMap<&'static str, u64>,
    pages: u64,
    /// What waits, according to the last complete plan.
    waiting: Vec<Waiting>,
}

enum Event {
    Arrives { action: Action, sent_ms: i64 },
    Answered { action: Action, outcome: Outcome },
}

impl Surroundings for Stage {
    type Stop = String;

    const PLANS_IN_A_ROW: usize = 10_000;

    fn now(&mut self, _state: &mut State) -> Time {
        Time::from_millis(self.now_ms)
    }

    fn plan(&mut self, on: Basis<'_>, now: Time) -> Plan {
        plan_in_order(on.settings, on.state, now, self.order)
    }

    fn illegal(&mut self, _change: &Change, error: &IllegalChange) -> Result<(), String> {
        Err(error.to_string())
    }

    async fn commit(&mut self, _on: Basis<'_>, _changes: &[Change]) -> Result<bool, String> {
        Ok(true)
    }

    fn start(&mut self, _on: Basis<'_>, action: Action) -> Result<(), String> {
        *self.calls.entry(action.call.operation()).or_default() += 1;
        self.pages += u64::from(matches!(action.call, Call::ListPage { .. }));
        self.at(self.now_ms + TRAVEL_MS, Event::Arrives { action, sent_ms: self.now_ms });
        Ok(())
    }

    fn carried_out(&mut self, _state: &State, plan: Plan) {
        self.waiting = plan.waiting;
    }

    fn restless(&mut self) -> Result<(), String> {
        Err(format!("the planner does not come to rest at {}", Time::from_millis(self.now_ms)))
    }
}

impl Stage {
    /// A call arrives at AWS, and its response is sent.
    fn arrives(&mut self, action: Action, sent_ms: i64) {
        let served = wire::serve(&mut self.cloud, &mut self.shown, self.now_ms, &action);
        let answered_ms = self.now_ms + served.latency_ms + TRAVEL_MS;
        let timeout_ms = sent_ms + wire::ANSWER_WITHIN_MS;
        let silent = matches!(&served.outcome, Outcome::Failed(fault) if fault.code == "Timeout");
        let (at_ms, outcome) = if silent || answered_ms > timeout_ms {
            (timeout_ms, Outcome::Failed(wire::no_answer()))
        } else {
            (answered_ms, served.outcome)
        };
        self.at(at_ms, Event::Answered { action, outcome });
    }

    fn at(&mut self, at_ms: i64, event: Event) {
        self.sent += 1;
        self.due.insert((at_ms.max(self.now_ms), self.sent), event);
    }
}

impl Rehearsal {
    /// A daemon that starts at `start` with an empty database and runs the policy against this cloud.
    #[must_use]
    pub fn new(settings: Settings, cloud: Cloud, start: Time) -> Self {
        let stage = Stage {
            cloud,
            order: TIME_LEFT,
            now_ms: start.millis(),
            due: BTreeMap::new(),
            shown: wire::Shown::default(),
            sent: 0,
            calls: BTreeMap::new(),
            pages: 0,
            waiting: Vec::new(),
        };
        Self { driver: Driver::new(settings, State::new(start, start), start), stage }
    }

    /// The same with another slot order.
    #[must_use]
    pub fn in_order(mut self, order: SlotOrder) -> Self {
        self.stage.order = order;
        self
    }

    /// The simulated FSx and its inventory.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.stage.cloud
    }

    /// The daemon's state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.driver.state
    }

    /// The policy.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.driver.settings
    }

    /// Calls sent so far, by operation.
    #[must_use]
    pub fn calls(&self) -> &BTreeMap<&'static str, u64> {
        &self.stage.calls
    }

    /// How many of the calls asked for a page of a listing.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.stage.pages
    }

    /// What waits now, and for what.
    #[must_use]
    pub fn waiting(&self) -> &[Waiting] {
        &self.stage.waiting
    }

    /// Runs until `end`.
    ///
    /// # Errors
    /// The planner contradicts itself: a bug, in words.
    pub fn run_until(&mut self, end: Time) -> Result<(), String> {
        let Self { driver, stage } = self;
        loop {
            let event_ms = stage.due.first_key_value().map_or(i64::MAX, |((at_ms, _), _)| *at_ms);
            let next_ms = event_ms.min(driver.wake.millis()).max(stage.now_ms);
            if next_ms > end.millis() {
                stage.now_ms = stage.now_ms.max(end.millis());
                stage.cloud.advance(stage.now_ms);
                return Ok(());
            }
            stage.now_ms = next_ms;
            stage.cloud.advance(next_ms);
            let mut plans = driver.wake.millis() <= next_ms;
            while stage.due.first_key_value().is_some_and(|((at_ms, _), _)| *at_ms <= next_ms) {
                let Some((_, event)) = stage.due.pop_first() else { break };
                match event {
                    Event::Arrives { action, sent_ms } => stage.arrives(action, sent_ms),
                    Event::Answered { action, outcome } => {
                        plans = true;
                        driver.answered(&action, outcome, Time::from_millis(next_ms), stage)?;
                    }
                }
            }
            if plans {
                at_once(driver.round(stage)).unwrap_or_else(|| Err("a rehearsal waits for nothing".to_owned()))?;
            }
        }
    }
}
