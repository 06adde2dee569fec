//! The daemon's loop, as in `daemon/reconcile`, with a possible crash after every step.

use super::*;
use crate::domain::id::AccountAlias;
use std::collections::BTreeSet;

/// The world's other account, whose credentials calls have for a while.
#[derive(Default)]
pub(super) struct OtherAccount {
    pub(super) answers: bool,
    /// Accounts that have named themselves, as the disk has it. Of one that has not, whoever answers first is the account on
    /// record, and nothing could tell it from another.
    on_record: BTreeSet<AccountAlias>,
}

impl OtherAccount {
    pub(super) fn database_lost(&mut self) {
        self.on_record.clear();
    }
}

impl World {
    pub(super) fn round(&mut self) -> Alive {
        for _ in 0..PLANS_IN_A_ROW {
            let now = self.host_now();
            let Some(host) = &mut self.host else { return Ok(false) };
            let plan = self.planner.plan(&host.settings, &host.state, now);
            self.tally.plans += 1;
            self.armed.count(Check::ComesToRest);
            host.wake = plan.wake.at;
            host.state.clock = host.state.clock.max(now);
            self.checks.planned(&plan, &view(&self.cloud, host, &self.armed, self.now_ms))?;
            let idle = plan.record.is_empty() && plan.actions.is_empty();
            let again = plan.wake.at <= now || plan.record.iter().any(Change::durable);
            if idle && again {
                let what = format!("busy without end: nothing to do, and {} is due", plan.wake.why);
                return Err(Check::ComesToRest.broken(what));
            }
            let late = self.planner.calls_first();
            let early = late && !plan.actions.is_empty();
            if early && !self.dispatch(&plan.actions)? {
                return Ok(false);
            }
            self.take_in(plan.record)?;
            if !self.boundary()? || !self.commit()? || (!early && !self.dispatch(&plan.actions)?) {
                return Ok(false);
            }
            if !again {
                return Ok(true);
            }
        }
        Err(Check::ComesToRest.broken("the planner does not come to rest".to_owned()))
    }

    pub(super) fn take_in(&mut self, changes: Vec<Change>) -> Result<(), Broken> {
        for change in changes {
            self.trace.note(format_args!("    {}", Brief(&change)));
            let Some(host) = &mut self.host else { return Ok(()) };
            self.armed.count(Check::StateIsLegal);
            self.planner
                .apply(&mut host.state, &change)
                .map_err(|error| Check::StateIsLegal.broken(format!("illegal: {error}: {change:?}")))?;
            if change.durable() {
                host.uncommitted.push(change);
            }
        }
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Alive {
        let Some(host) = &mut self.host else { return Ok(false) };
        if host.uncommitted.is_empty() {
            return Ok(true);
        }
        let changes = std::mem::take(&mut host.uncommitted);
        self.armed.count(Check::DiskServes);
        self.disk.commit(&changes).map_err(|error| Check::DiskServes.broken(error))?;
        self.checks.committed(&changes, &view(&self.cloud, host, &self.armed, self.now_ms))?;
        let recorded = changes.into_iter().filter_map(|change| match change {
            Change::AccountRecorded { account, .. } => Some(account),
            _ => None,
        });
        self.other_account.on_record.extend(recorded);
        self.boundary()
    }

    fn dispatch(&mut self, actions: &[Action]) -> Alive {
        for action in actions {
            self.note(format_args!("> {} {}", action.place, Leaves(&action.call)));
            let Some(host) = &self.host else { return Ok(false) };
            let life = host.life;
            self.checks.sent(action, &view(&self.cloud, host, &self.armed, self.now_ms))?;
            self.tally.calls += 1;
            let there_ms = self.travel_ms();
            let (action, sent_ms) = (action.clone(), self.now_ms);
            self.at(self.now_ms + there_ms, Event::RequestArrives { life, sent_ms, action });
            if !self.boundary()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The same call with the credentials of the world's other account, while it has them.
    fn elsewhere(&self, action: &Action) -> Option<Action> {
        let account = setup::other_account(&action.place.account);
        let place = crate::domain::id::AccountRegion { account, region: action.place.region.clone() };
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
        let settings = self.host.as_ref().map(|host| &host.settings);
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
        let Some(host) = self.host.as_mut().filter(|host| host.life == life) else { return Ok(()) };
        self.checks.delivered(action, &outcome, &view(&self.cloud, host, &self.armed, self.now_ms))?;
        let told = match &outcome {
            Outcome::Failed(fault) => Came::Text(format!("{:?} {fault}", fault.class)),
            Outcome::Made(observed) => Came::Text(format!("made {} {:?}", observed.id, observed.lifecycle)),
            Outcome::Page { observed_backups, next_token } => Came::Page(observed_backups.len(), next_token.is_some()),
            Outcome::Polled(observed_backups) => Came::Polled(observed_backups.len()),
            Outcome::SourcesDescribed(facts) => Came::Text(format!("looked up {}", facts.len())),
            Outcome::Deleted => Came::Text("deleted".to_owned()),
            Outcome::HoldSet => Came::Text("the hold is as asked".to_owned()),
        };
        let changes = self.planner.process_outcome(&host.settings, &host.state, action, outcome, now);
        self.note(format_args!("< {} {} {told}", action.place, Leaves(&action.call)));
        self.take_in(changes)?;
        if self.boundary()? && self.commit()? {
            self.round()?;
        }
        Ok(())
    }
}
