//! What is around the driver in a world: a place to die after every step, and the checks at each.

use super::*;
use lifeboat::domain::change::IllegalChange;
use lifeboat::domain::id::AccountId;
use lifeboat::domain::plan::Plan;
use lifeboat::driver::{Surroundings, at_once};
use std::collections::BTreeSet;
use std::future::Future;

/// The world's other account, whose credentials calls have for a while.
#[derive(Default)]
pub(super) struct OtherAccount {
    pub(super) answers: bool,
    /// Accounts that have named themselves, as the disk has it. Of one that has not, whoever answers first is the account on
    /// record, and nothing could tell it from another.
    on_record: BTreeSet<AccountId>,
}

impl OtherAccount {
    pub(super) fn database_lost(&mut self) {
        self.on_record.clear();
    }
}

/// Why a driver goes on no longer.
pub enum Stop {
    /// The process dies, and is down for so long.
    Dies {
        down_ms: i64,
        lose_database: bool,
    },
    Broken(Broken),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl Surroundings for World {
    type Stop = Stop;

    const PLANS_IN_A_ROW: usize = 500;

    fn now(&mut self, _state: &mut State) -> Time {
        self.host_now()
    }

    fn plan(&mut self, on: Basis<'_>, now: Time) -> Plan {
        // A search found what a policy selects by tag, or that it is gone.
        if on.settings.generation != self.in_force {
            self.in_force = on.settings.generation;
            self.checks.reloaded(self.now_ms, now, on.settings);
        }
        self.planner.plan(on.settings, on.state, now)
    }

    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        self.planner.process_outcome(on, action, outcome, now)
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        self.planner.apply(state, change)
    }

    fn planned(&mut self, on: Basis<'_>, plan: &mut Plan, now: Time) -> Result<(), Stop> {
        self.tally.plans += 1;
        self.armed.count(Check::ComesToRest);
        self.checks.planned(plan, &view(&self.cloud, now, on, &self.armed, self.now_ms))?;
        let idle = plan.record.is_empty() && plan.actions.is_empty();
        let again = plan.wake.at <= now || plan.record.iter().any(Change::durable);
        if idle && again {
            let what = format!("busy without end: nothing to do, and {} is due", plan.wake.why);
            return Err(Check::ComesToRest.broken(what).into());
        }
        if self.planner.calls_first() {
            for action in std::mem::take(&mut plan.actions) {
                Surroundings::start(self, on, action)?;
                self.between()?;
            }
        }
        Ok(())
    }

    fn applies(&mut self, _state: &State, change: &Change) {
        self.trace.note(format_args!("    {}", Brief(change)));
        self.armed.count(Check::StateIsLegal);
    }

    fn illegal(&mut self, change: &Change, error: &IllegalChange) -> Result<(), Stop> {
        Err(Check::StateIsLegal.broken(format!("illegal: {error}: {change:?}")).into())
    }

    fn commit(&mut self, on: Basis<'_>, changes: &[Change]) -> impl Future<Output = Result<bool, Stop>> {
        std::future::ready(self.kept(on, changes))
    }

    fn start(&mut self, on: Basis<'_>, action: Action) -> Result<(), Stop> {
        self.note(format_args!("> {} {}", action.place, Leaves(&action.call)));
        let now = self.host_now();
        self.checks.sent(&action, &view(&self.cloud, now, on, &self.armed, self.now_ms))?;
        self.tally.calls += 1;
        let there_ms = self.travel_ms();
        let (life, sent_ms) = (self.lives, self.now_ms);
        self.at(self.now_ms + there_ms, Event::RequestArrives { life, sent_ms, action });
        Ok(())
    }

    fn between(&mut self) -> Result<(), Stop> {
        let boundary = self.tally.boundaries;
        self.tally.boundaries += 1;
        if let Some(death) = self.setup.dies_at.filter(|death| death.boundary == boundary) {
            return Err(Stop::Dies { down_ms: death.down_ms, lose_database: death.lose_database });
        }
        if self.faults_ended || self.setup.crash_one_in == 0 || self.deaths.below(self.setup.crash_one_in) != 0 {
            return Ok(());
        }
        let downs = [500, 5_000, 60_000, 600_000, 2 * setup::HOUR_MS];
        let down_ms = downs[self.deaths.below(5) as usize];
        Err(Stop::Dies { down_ms, lose_database: self.deaths.percent(self.setup.loss_percent) })
    }

    fn restless(&mut self) -> Result<(), Stop> {
        Err(Check::ComesToRest.broken("the planner does not come to rest".to_owned()).into())
    }
}

impl World {
    /// Commits changes to the disk.
    fn kept(&mut self, on: Basis<'_>, changes: &[Change]) -> Result<bool, Stop> {
        if changes.is_empty() {
            return Ok(true);
        }
        self.armed.count(Check::DiskServes);
        self.disk.commit(changes).map_err(|error| Check::DiskServes.broken(error))?;
        let now = self.host_now();
        self.checks.committed(changes, &view(&self.cloud, now, on, &self.armed, self.now_ms))?;
        let recorded = changes.iter().filter_map(|change| match change {
            Change::AccountRecorded { account, .. } => Some(account.clone()),
            _ => None,
        });
        self.other_account.on_record.extend(recorded);
        Ok(true)
    }

    /// Lets the process do something, if it lives, and has it die if it comes to that.
    pub(super) fn drive(
        &mut self,
        work: impl FnOnce(&mut Driver, &mut Self) -> Result<(), Stop>,
    ) -> Result<(), Broken> {
        let Some(mut driver) = self.driver.take() else { return Ok(()) };
        let done = work(&mut driver, self);
        self.driver = Some(driver);
        match done {
            Ok(()) => Ok(()),
            Err(Stop::Dies { down_ms, lose_database }) => self.die(down_ms, lose_database),
            Err(Stop::Broken(broken)) => Err(broken),
        }
    }

    pub(super) fn round(&mut self) -> Result<(), Broken> {
        self.drive(|driver, world| at_once(driver.round(world)).unwrap_or_else(waits))
    }

    /// What was taken in is committed, and what follows from it is done.
    pub(super) fn commit_and_go_on(&mut self, driver: &mut Driver) -> Result<(), Stop> {
        self.between()?;
        at_once(driver.commit(self)).unwrap_or_else(waits)?;
        at_once(driver.round(self)).unwrap_or_else(waits)
    }

    /// What waits by the planner's own words, for whoever looks into a promise that broke.
    pub(super) fn waits(&mut self) -> Vec<String> {
        let now = self.host_now();
        let on = self.driver.as_ref().map(Driver::basis);
        let plan = on.map(|on| self.planner.plan(on.settings, on.state, now));
        plan.into_iter().flat_map(|plan| plan.waiting).map(|waits| format!("waits: {waits:?}")).collect()
    }

    /// Another account answers from now on, or the right one again.
    pub(super) fn other_account_answers(&mut self, answers: bool) {
        self.other_account.answers = answers;
        let state = self.driver.as_ref().map(|driver| &driver.state);
        self.checks.other_account(answers, state);
    }

    /// The same call with the credentials of the world's other account, while it has them.
    fn elsewhere(&self, action: &Action) -> Option<Action> {
        let account = setup::other_account(&action.place.account);
        let place = lifeboat::domain::id::AccountRegion { account, region: action.place.region.clone() };
        let is_meant = self.other_account.answers && self.other_account.on_record.contains(&action.place.account);
        is_meant.then(|| Action { place, call: action.call.clone() })
    }

    fn travel_ms(&mut self) -> i64 {
        let slow = self.wires.percent(self.setup.slow_wire_percent);
        let most_ms = if slow && !self.faults_ended { 20_000 } else { 400 };
        5 + self.wires.below(most_ms) as i64
    }

    pub(super) fn request_arrives(&mut self, life: u64, sent_ms: i64, action: Action) -> Result<(), Broken> {
        let deleted = self.cloud.deletions().len();
        let served = match self.elsewhere(&action) {
            Some(elsewhere) => wire::serve(&mut self.cloud, &mut self.shown, self.now_ms, &elsewhere),
            None => wire::serve(&mut self.cloud, &mut self.shown, self.now_ms, &action),
        };
        let settings = self.driver.as_ref().map(|driver| &*driver.settings);
        self.checks.deleted(
            self.cloud.deletions().get(deleted..).unwrap_or_default(),
            &self.cloud,
            settings,
            self.now_ms,
            &self.armed,
        )?;
        let answered_ms = self.now_ms + served.latency_ms.min(wire::ANSWER_WITHIN_MS * 2) + self.travel_ms();
        let timeout_ms = sent_ms + wire::ANSWER_WITHIN_MS;
        let silent = matches!(&served.outcome, Outcome::Failed(fault) if fault.code == "Timeout");
        let (at_ms, outcome, dated) = if silent || answered_ms > timeout_ms {
            (timeout_ms, Outcome::Failed(wire::no_answer()), None)
        } else {
            let date = Time::from_secs(self.now_ms.div_euclid(1000));
            (answered_ms, served.outcome, Some(clock::Dated { date, asked_ms: sent_ms }))
        };
        self.at(at_ms, Event::Answer { life, action, outcome, dated });
        Ok(())
    }

    pub(super) fn answer(
        &mut self,
        life: u64,
        action: &Action,
        outcome: Outcome,
        dated: Option<clock::Dated>,
    ) -> Result<(), Broken> {
        if let Some(dated) = dated.filter(|_| self.host.as_ref().is_some_and(|host| host.life == life)) {
            self.hear(dated)?;
        }
        let now = self.host_now();
        let lives = self.host.as_ref().is_some_and(|host| host.life == life);
        let Some(driver) = self.driver.as_ref().filter(|_| lives) else { return Ok(()) };
        self.checks.delivered(action, &outcome, &view(&self.cloud, now, driver.basis(), &self.armed, self.now_ms))?;
        let told = match &outcome {
            Outcome::Failed(fault) => Came::Text(format!("{:?} {fault}", fault.class)),
            Outcome::Made(observed) => Came::Text(format!("made {} {:?}", observed.id, observed.lifecycle)),
            Outcome::Page { observed_backups, next_token } => Came::Page(observed_backups.len(), next_token.is_some()),
            Outcome::Polled(observed_backups) => Came::Polled(observed_backups.len()),
            Outcome::SourcesDescribed(facts) => Came::Text(format!("looked up {}", facts.len())),
            Outcome::SourcesFound { facts, .. } => Came::Text(format!("found {}", facts.len())),
            Outcome::Deleted => Came::Text("deleted".to_owned()),
            Outcome::HoldSet => Came::Text("the hold is as asked".to_owned()),
        };
        self.note(format_args!("< {} {} {told}", action.place, Leaves(&action.call)));
        self.drive(|driver, world| {
            driver.answered(action, outcome, now, world)?;
            world.commit_and_go_on(driver)
        })
    }
}

/// Nothing in a world waits for anything: a driver that does is broken.
fn waits<T>() -> Result<T, Stop> {
    Err(Check::ComesToRest.broken("the driver waits for something".to_owned()).into())
}
