//! Promise 5, the other way round: nothing is recorded that was not scheduled. An edit of the policy applies from when
//! it was loaded, and what the previous schedule made due until then stays due.

use super::armed::Check;
use super::{Broken, View};
use lifeboat::domain::change::Change;
use lifeboat::domain::id::{Occurrence, SourceKey, Trigger};
use lifeboat::domain::limits::AHEAD_TOLERATED;
use lifeboat::domain::policy::Settings;
use lifeboat::domain::schedule::Schedule;
use lifeboat::domain::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// A schedule that was loaded.
struct Held {
    schedule: Schedule,
    from: Time,
    /// The state has it. What was loaded and died with the process was never in force.
    kept: bool,
}

/// Which schedule was in force when, by source.
#[derive(Default)]
pub(super) struct Lines {
    held: BTreeMap<SourceKey, Vec<Held>>,
    /// What was in force before is not certain, since the clock was set.
    unsure_until: Time,
    clock_set: bool,
    /// The database was lost, and when the next process began to make up for it.
    database_lost: bool,
    lost_until: Time,
}

impl Lines {
    pub(super) fn reloaded(&mut self, host_now: Time, settings: &Settings) {
        if std::mem::take(&mut self.clock_set) {
            self.unsure_until = self.unsure_until.max(host_now);
        }
        if std::mem::take(&mut self.database_lost) {
            self.lost_until = host_now;
        }
        for policy in settings.policies.values() {
            for key in policy.source_keys() {
                let held = self.held.entry(key).or_default();
                if held.last().is_none_or(|last| last.schedule != policy.schedule) {
                    held.push(Held { schedule: policy.schedule.clone(), from: host_now, kept: false });
                }
            }
        }
    }

    pub(super) fn died(&mut self, database_lost: bool) {
        self.database_lost |= database_lost;
        for held in self.held.values_mut() {
            held.retain(|held| held.kept);
        }
    }

    pub(super) fn clock_set(&mut self, host_now: Time) {
        self.clock_set = true;
        self.unsure_until = self.unsure_until.max(host_now.plus(AHEAD_TOLERATED));
        // What began ahead of a clock that went back is in force by now at the latest, as the state has it.
        for held in self.held.values_mut().flatten() {
            held.from = held.from.min(host_now);
        }
    }

    pub(super) fn committed(&mut self, change: &Change, view: &View<'_>) -> Result<(), Broken> {
        match change {
            Change::Rescheduled { source, .. } => {
                self.held.entry(source.clone()).or_default().iter_mut().for_each(|held| held.kept = true);
                Ok(())
            }
            Change::Opened { source, occurrence, record } | Change::Closed { source, occurrence, record, .. }
                if !record.adopted =>
            {
                self.scheduled(source, *occurrence, view)
            }
            _ => Ok(()),
        }
    }

    fn scheduled(&self, source: &SourceKey, occurrence: Occurrence, view: &View<'_>) -> Result<(), Broken> {
        let at = occurrence.at;
        if occurrence.trigger != Trigger::Schedule || at <= self.unsure_until {
            return Ok(());
        }
        view.armed.count(Check::WasScheduled);
        let held = self.held.get(source).map_or(&[][..], Vec::as_slice);
        let in_force = |number: usize, held_then: &Held| {
            let until = held.get(number + 1).map_or(Time::NEVER, |next| next.from);
            let just_before = at.minus(Duration::from_millis(1));
            held_then.from < at && at <= until && held_then.schedule.next_after(just_before) == Some(at)
        };
        if held.iter().enumerate().any(|(number, held)| in_force(number, held)) {
            return Ok(());
        }
        // A schedule that was in force, was changed, and is in force again: after the loss of a database nobody can know that
        // it was not in force meanwhile, since what AWS has fits it.
        let again = |last: &Held| {
            let before = held.iter().rev().skip(1).any(|held| held.from < at && held.schedule == last.schedule);
            before && last.schedule.next_after(at.minus(Duration::from_millis(1))) == Some(at)
        };
        if at <= self.lost_until && held.last().is_some_and(again) {
            return Ok(());
        }
        let what = format!("{source}: the occurrence of {at} is on record and was never scheduled");
        Err(Check::WasScheduled.broken(what))
    }
}
