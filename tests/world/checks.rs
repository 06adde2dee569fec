//! The promises, checked against FSx's own inventory after every step.
//!
//! A checker that relied on the planner would share its mistakes. So these checks keep their own records of what FSx
//! did, what was sent and answered, and what was committed; from the program they use only the types and the calendar.

use super::setup::Setup;
use armed::{Armed, Check};
use lifeboat::domain::action::{Action, Call, Outcome};
use lifeboat::domain::change::Change;
use lifeboat::domain::id::SourceKey;
use lifeboat::domain::plan::Plan;
use lifeboat::domain::policy::Settings;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::{Backup, BackupIx, Cloud, Lifecycle};
use std::fmt;

pub mod armed;
mod brake;
mod call_rate;
mod clock;
mod consistency;
mod created;
mod flow;
mod kept_points;
mod lanes;
mod lines;
mod making;
mod other_account;
mod outcomes;
mod quotas;
mod retention;
mod selection;
mod urgency;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The check that found it.
    pub check: Check,
    /// The number of the promise in the contract, or what else must hold.
    pub promise: &'static str,
    /// How.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BROKEN ({}): {}", self.promise, self.what)
    }
}

/// What can be seen at one moment.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The true time, epoch ms.
    pub now_ms: i64,
    /// What the host's clock shows.
    pub host_now: Time,
    /// FSx.
    pub cloud: &'a Cloud,
    /// What the process believes.
    pub state: &'a State,
    /// The policy file that it runs on.
    pub settings: &'a Settings,
    /// Counts what could have failed.
    pub armed: &'a Armed,
}

/// What a backup of ours is for, read from its tags by other means than the planner's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Work<T = String> {
    account: T,
    source: T,
    trigger: T,
    occurrence: T,
    /// The destination of a copy.
    copy_to: Option<T>,
}

impl Work<&str> {
    /// To be kept.
    fn owned(self) -> Work {
        Work {
            account: self.account.to_owned(),
            source: self.source.to_owned(),
            trigger: self.trigger.to_owned(),
            occurrence: self.occurrence.to_owned(),
            copy_to: self.copy_to.map(str::to_owned),
        }
    }
}

fn work_of(backup: &Backup) -> Option<Work<&str>> {
    let tag = |name: &str| backup.tags.get(name).map(String::as_str);
    let origin = backup.tags.get("lifeboat:origin").and_then(|origin| origin.split_once('/'));
    // A person's copy of ours carries our tags, but not where it came from.
    if backup.source_id.as_deref() != origin.map(|(_, id)| id) {
        return None;
    }
    let copy = origin.is_some();
    let source = tag("lifeboat:source")?;
    // Whoever may make backups may write our tags on them. What it was made of is in the model's inventory.
    let of = backup.volume.as_ref().map_or(&backup.file_system.id, |volume| &volume.id);
    if of != source {
        return None;
    }
    Some(Work {
        account: &backup.account,
        source,
        trigger: tag("lifeboat:trigger")?,
        occurrence: tag("lifeboat:occurrence")?,
        copy_to: copy.then_some(&*backup.region),
    })
}

fn good(backup: &Backup) -> bool {
    !matches!(backup.lifecycle, Lifecycle::Failed | Lifecycle::Deleted)
}

/// Every check, and the state that they keep.
pub struct Checks {
    created: created::Created,
    making: making::Making,
    lanes: lanes::Lanes,
    call_rate: call_rate::CallRate,
    outcomes: outcomes::Outcomes,
    lines: lines::Lines,
    consistency: consistency::Consistency,
    flow: flow::Flow,
    retention: retention::Retention,
    selection: selection::Selection,
    other_account: other_account::OtherAccount,
    /// What the policy file said when it was last good, and loaded.
    loaded: Option<Settings>,
}

impl Checks {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(setup: &Setup) -> Self {
        Self {
            created: created::Created::new(setup),
            making: making::Making::default(),
            lanes: lanes::Lanes::default(),
            call_rate: call_rate::CallRate::default(),
            outcomes: outcomes::Outcomes::default(),
            lines: lines::Lines::default(),
            consistency: consistency::Consistency::default(),
            flow: flow::Flow::new(setup),
            retention: retention::Retention::default(),
            selection: selection::Selection::new(setup),
            other_account: other_account::OtherAccount::default(),
            loaded: None,
        }
    }

    /// How many backups and copies were made for Lifeboat.
    #[must_use]
    pub const fn made(&self) -> u64 {
        self.created.made()
    }

    /// After every step.
    ///
    /// # Errors
    /// What was broken.
    pub fn stepped(&mut self, cloud: &Cloud, armed: &Armed) -> Result<(), Broken> {
        self.created.stepped(cloud, &self.retention, armed)
    }

    /// Every few minutes of virtual time, while the process lives.
    ///
    /// # Errors
    /// What was broken.
    pub fn inspected(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.unmoved(view.settings)?;
        if !view.state.timekeeping.confirmed() {
            self.flow.disturbed(view.now_ms);
            self.outcomes.unsettled(view.host_now);
        }
        self.consistency.inspected(view, &self.flow, &self.created)?;
        self.outcomes.inspected(view)?;
        self.other_account.inspected(view)?;
        kept_points::inspected(view, &self.flow)?;
        self.selection.inspected(view, &self.flow)?;
        self.flow.inspected(view, &self.created)
    }

    /// Another account answers from now on, or the right one again.
    pub fn other_account(&mut self, answers: bool, state: Option<&State>) {
        self.other_account.answers(answers, state);
    }

    /// A person took the tag off a source, or put it back on.
    pub fn retagged(&mut self, now_ms: i64, source: SourceKey, carries: bool) {
        self.flow.person(now_ms);
        self.selection.retagged(source, carries);
    }

    /// A round was planned.
    ///
    /// # Errors
    /// What was broken.
    pub fn planned(&mut self, plan: &Plan, view: &View<'_>) -> Result<(), Broken> {
        retention::planned(plan, view)?;
        urgency::planned(plan, view, &self.created, &self.flow)
    }

    /// Durable changes are on disk.
    ///
    /// # Errors
    /// What was broken.
    pub fn committed(&mut self, changes: &[Change], view: &View<'_>) -> Result<(), Broken> {
        self.retention.committed(changes, view, &self.created)?;
        for change in changes {
            clock::committed(change, view)?;
            self.making.committed(change, view)?;
            self.lanes.committed(change, view, &self.created);
            self.outcomes.committed(change, view, &self.created)?;
            self.lines.committed(change, view)?;
        }
        Ok(())
    }

    /// A call leaves.
    ///
    /// # Errors
    /// What was broken.
    pub fn sent(&mut self, action: &Action, view: &View<'_>) -> Result<(), Broken> {
        if let Call::Delete { id, .. } = &action.call {
            let mut pending = self.lanes.pending().inspect(|_| view.armed.count(Check::NotCalledWhileRead));
            if let Some(key) = pending.find(|key| self.making.copies_from(key, id.as_str())) {
                return Err(Check::NotCalledWhileRead.broken(format!("{id} is to be deleted while {key} may read it")));
            }
        }
        self.making.sent(action, view)?;
        self.lanes.sent(action, view)?;
        self.call_rate.sent(action, view)
    }

    /// An answer reaches the process.
    ///
    /// # Errors
    /// What was broken.
    pub fn delivered(&mut self, action: &Action, outcome: &Outcome, view: &View<'_>) -> Result<(), Broken> {
        self.lanes.delivered(action, outcome);
        self.flow.quotas.delivered(action, outcome, view.now_ms);
        self.call_rate.delivered(action, outcome, view)
    }

    /// Lifeboat's calls deleted these. `settings` are what it runs on, if it lives.
    ///
    /// # Errors
    /// What was broken.
    pub fn deleted(
        &mut self,
        these: &[BackupIx],
        cloud: &Cloud,
        settings: Option<&Settings>,
        now_ms: i64,
        armed: &Armed,
    ) -> Result<(), Broken> {
        for at in these {
            let mut pending = self.lanes.pending().inspect(|_| armed.count(Check::NotRead));
            let read = pending.any(|key| self.making.copies_from(key, &cloud.backup(*at).id));
            let settings = settings.filter(|_| !self.flow.just_disturbed(now_ms));
            self.retention.deleted(*at, cloud, &self.created, settings, read, armed)?;
        }
        Ok(())
    }

    /// The process died. `state` is what it believed, if all of that was on disk.
    pub fn died(&mut self, now_ms: i64, state: Option<&State>, database_lost: bool) {
        self.flow.disturbed(now_ms);
        self.lanes.died(database_lost);
        self.consistency.died(state.filter(|_| !database_lost));
        self.call_rate.died();
        self.lines.died(database_lost);
        self.outcomes.died();
        if database_lost {
            self.making.database_lost();
            self.retention.database_lost();
            self.outcomes.database_lost();
            self.flow.database_lost(now_ms);
        }
    }

    /// The process begins.
    ///
    /// # Errors
    /// What was broken.
    pub fn started(
        &mut self,
        now_ms: i64,
        host_now: Time,
        settings: &Settings,
        state: &State,
        armed: &Armed,
    ) -> Result<(), Broken> {
        self.flow.disturbed(now_ms);
        self.flow.started_ms = now_ms;
        self.lanes.started(state);
        self.outcomes.reloaded(host_now, settings);
        self.lines.reloaded(host_now, settings);
        self.loaded = Some(settings.clone());
        self.consistency.started(state, armed)
    }

    /// The policy file was loaded.
    pub fn reloaded(&mut self, now_ms: i64, host_now: Time, settings: &Settings) {
        self.flow.disturbed(now_ms);
        self.call_rate.died();
        self.outcomes.reloaded(host_now, settings);
        self.lines.reloaded(host_now, settings);
        self.loaded = Some(settings.clone());
    }

    /// The policy file was read and refused; the process runs on `settings` now.
    ///
    /// # Errors
    /// Something changed.
    pub fn refused(&self, settings: &Settings, armed: &Armed) -> Result<(), Broken> {
        armed.count(Check::RefusedChangesNothing);
        self.unmoved(settings)
    }

    /// What runs is what was last loaded.
    fn unmoved(&self, settings: &Settings) -> Result<(), Broken> {
        if self.loaded.as_ref().is_some_and(|loaded| loaded != settings) {
            let what = "what runs is not the last policy file that could be loaded".to_owned();
            return Err(Check::RefusedChangesNothing.broken(what));
        }
        Ok(())
    }

    /// An order is carried out from now on, or (`false`) was; `true` for what lets go what the brake holds.
    pub fn ordered(&mut self, confirms: bool) {
        self.retention.confirmed = confirms;
    }

    /// A person did something.
    pub fn person(&mut self, cloud: &Cloud, now_ms: i64) {
        self.created.person(cloud, now_ms);
        self.flow.person(now_ms);
        self.retention.person(now_ms);
    }

    /// The clock was set.
    pub fn clock_set(&mut self, now_ms: i64, host_now: Time) {
        self.flow.disturbed(now_ms);
        self.call_rate.clock_set();
        self.retention.clock_set();
        self.outcomes.clock_set(host_now);
        self.lines.clock_set(host_now);
    }

    /// Nothing goes wrong from now on.
    pub fn faults_ended(&mut self, now_ms: i64) {
        self.flow.faults_ended(now_ms);
    }

    /// The end of act two: the fleet must have healed.
    ///
    /// # Errors
    /// What has not.
    pub fn healed(&mut self, view: &View<'_>) -> Result<(), Broken> {
        self.flow.healed(view, &self.created)
    }

    /// The very end: everything must have come to rest.
    ///
    /// # Errors
    /// What has not.
    pub fn rested(&mut self, view: Option<&View<'_>>, armed: &Armed) -> Result<(), Broken> {
        armed.count(Check::AliveInTheEnd);
        let down = || Check::AliveInTheEnd.broken("the process is down in the end".to_owned());
        let view = view.ok_or_else(down)?;
        self.outcomes.rested(view, &self.created)?;
        self.retention.rested(view)?;
        self.flow.rested(view, &self.created)
    }
}
