//! The real planner on a policy against the simulated FSx, in virtual time: a forecast of the next weeks.
//!
//! **The problem.** Whether a policy meets its RPOs depends on sizes, rates of change, slots and schedules all at once,
//! and on AWS it takes weeks to find out.
//!
//! **The solution.** A month passes in seconds; the decisions are those of the daemon, call by call; the result is read
//! from FSx's own inventory ([`outcome`]), not from Lifeboat's state. The same settings, cloud and seed give the same
//! month.
//!
//! Unlike the world of the tests it checks no promise and does not crash the process: it measures.

use super::cloud::Cloud;
use super::world::wire;
use crate::domain::action::{Action, Outcome};
use crate::domain::change::Change;
use crate::domain::plan::Waiting;
use crate::domain::policy::Settings;
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::planner::slot_priority::SlotOrder;
use crate::planner::{plan_in_order, process_outcome};
use std::collections::BTreeMap;

pub mod fleet;
pub mod outcome;

/// Plans in a row after which something is wrong with the planner.
const PLANS_IN_A_ROW: usize = 10_000;
/// A call's way to AWS, and as much back, ms.
const TRAVEL_MS: i64 = 50;

/// Planner, books and cloud at one moment.
pub struct Rehearsal {
    settings: Settings,
    cloud: Cloud,
    state: State,
    order: SlotOrder,
    now_ms: i64,
    wake_ms: i64,
    due: BTreeMap<(i64, u64), Event>,
    shown: wire::Shown,
    sent: u64,
    calls: BTreeMap<&'static str, u64>,
    /// What waits, as the last whole plan had it.
    waiting: Vec<Waiting>,
}

enum Event {
    Arrives { action: Action, sent_ms: i64 },
    Answered { action: Action, outcome: Outcome },
}

impl Rehearsal {
    /// A daemon that starts with an empty database at `start`, its policy against this cloud.
    #[must_use]
    pub fn new(settings: Settings, cloud: Cloud, start: Time) -> Self {
        Self {
            settings: Settings { generation: 1, ..settings },
            cloud,
            state: State::new(start, start),
            order: SlotOrder::default(),
            now_ms: start.millis(),
            wake_ms: start.millis(),
            due: BTreeMap::new(),
            shown: wire::Shown::default(),
            sent: 0,
            calls: BTreeMap::new(),
            waiting: Vec::new(),
        }
    }

    /// The same with slots given in another order.
    #[must_use]
    pub fn in_order(mut self, order: SlotOrder) -> Self {
        self.order = order;
        self
    }

    /// FSx and its state.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// What the daemon knows.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The policy.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Calls sent so far, by operation.
    #[must_use]
    pub fn calls(&self) -> &BTreeMap<&'static str, u64> {
        &self.calls
    }

    /// What waits now, and for what.
    #[must_use]
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// Lives on until `end`.
    ///
    /// # Errors
    /// The planner contradicts itself: a fault of the program, in words.
    pub fn run_until(&mut self, end: Time) -> Result<(), String> {
        loop {
            let event_ms = self.due.first_key_value().map_or(i64::MAX, |((at_ms, _), _)| *at_ms);
            let next_ms = event_ms.min(self.wake_ms).max(self.now_ms);
            if next_ms > end.millis() {
                self.now_ms = self.now_ms.max(end.millis());
                self.cloud.advance(self.now_ms);
                return Ok(());
            }
            self.now_ms = next_ms;
            self.cloud.advance(next_ms);
            let mut answered = self.wake_ms <= next_ms;
            while self.due.first_key_value().is_some_and(|((at_ms, _), _)| *at_ms <= next_ms) {
                let Some((_, event)) = self.due.pop_first() else { break };
                answered |= matches!(event, Event::Answered { .. });
                self.happens(event)?;
            }
            if answered {
                self.round()?;
            }
        }
    }

    fn now(&self) -> Time {
        Time::from_millis(self.now_ms)
    }

    fn happens(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Arrives { action, sent_ms } => {
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
                Ok(())
            }
            Event::Answered { action, outcome } => {
                let changes = process_outcome(&self.settings, &self.state, &action, outcome, self.now());
                self.take_in(changes)
            }
        }
    }

    fn round(&mut self) -> Result<(), String> {
        for _ in 0..PLANS_IN_A_ROW {
            let now = self.now();
            let plan = plan_in_order(&self.settings, &self.state, now, self.order);
            self.wake_ms = plan.wake.at.millis();
            self.state.clock = self.state.clock.max(now);
            let again = plan.wake.at <= now || plan.record.iter().any(Change::durable);
            self.take_in(plan.record)?;
            for action in plan.actions {
                *self.calls.entry(action.call.operation()).or_default() += 1;
                self.at(self.now_ms + TRAVEL_MS, Event::Arrives { action, sent_ms: self.now_ms });
            }
            // A plan that stopped after its state has not looked at what waits.
            if plan.wake.why != "record first" {
                self.waiting = plan.waiting;
            }
            if !again {
                return Ok(());
            }
        }
        Err(format!("the planner does not come to rest at {}", self.now()))
    }

    fn take_in(&mut self, changes: Vec<Change>) -> Result<(), String> {
        changes.iter().try_for_each(|change| self.state.apply(change)).map_err(|error| error.to_string())
    }

    fn at(&mut self, at_ms: i64, event: Event) {
        self.sent += 1;
        self.due.insert((at_ms.max(self.now_ms), self.sent), event);
    }
}
