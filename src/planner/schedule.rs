//! Which occurrences came due.
//!
//! An occurrence is identified by source and scheduled time and is recorded once, whatever the clock, the cron nudge or
//! a restart did: everything between the last recorded occurrence and now is due, nothing else. Of several that came
//! due at once only the newest starts; one backup serves them all.

use crate::domain::change::{Change, OccurrenceOutcome, OccurrenceRecord};
use crate::domain::duration::duration_text;
use crate::domain::id::{AccountRegion, Occurrence, SourceKey, Trigger};
use crate::domain::limits::LISTING_LAG;
use crate::domain::pause::Pause;
use crate::domain::plan::Plan;
use crate::domain::policy::{CatchUp, Policy, Settings};
use crate::domain::schedule::Schedule;
use crate::domain::state::{Line, Membership, SourceState, State};
use crate::domain::time::Time;
use std::time::Duration;

/// The maximum number of occurrences recorded in one round; the next round follows at once.
const RECORDED_PER_ROUND: usize = 2000;
/// After an outage, this many of a source's occurrences get their own record; earlier ones share one.
const RECORDED_EACH: usize = 500;
/// The shared record counts up to this many; its count is then a minimum.
const COUNTED: u64 = 100_000;

/// This many consecutive occurrences show that their schedule applied, even if they span less than a day.
const NEIGHBOURS: u32 = 100;
const DAY: Duration = Duration::from_secs(86_400);
const MOMENT: Duration = Duration::from_millis(1);

/// Records every occurrence that came due and determines when the next does.
pub fn plan(settings: &Settings, state: &State, now: Time, plan: &mut Plan) {
    for policy in settings.policies.values() {
        match state.checked.get(&policy.name).map(|checked| checked.next) {
            Some(Some(next)) if next > now => {
                plan.wake.earlier(next, "an occurrence");
                continue;
            }
            Some(None) => continue,
            Some(Some(_)) | None => {}
        }
        let mut all = true;
        for key in policy.source_keys() {
            all &= plan.record.len() < RECORDED_PER_ROUND && source_due(policy, state, &key, now, plan);
        }
        let next = policy.schedule.next_after(now);
        if all {
            plan.record.push(Change::Checked { policy: policy.name.clone(), through: now, next });
        }
        if let Some(next) = next {
            plan.wake.earlier(next, "an occurrence");
        }
    }
}

/// Records what came due for one source; `false` if that cannot be determined yet.
fn source_due(policy: &Policy, state: &State, key: &SourceKey, now: Time, plan: &mut Plan) -> bool {
    let Some(source) = state.sources.get(key) else { return true };
    if state.quarantined.contains_key(key) {
        return true;
    }
    let Some(floor) = floor(state, key, source, now) else { return false };
    let lines = source.membership.as_ref().map_or(&[][..], |membership| &membership.lines);
    let due = due_by_lines(policy, lines, floor, now);
    let recorder = Recorder { policy, state, key, now };
    let begins = due.iter().rev().map(|(at, _)| *at).find(|at| recorder.pause(*at).is_none());
    // In order of time, since an earlier one cannot be recorded after a later one. An occurrence that a fast clock
    // started early is not started again when it comes due. It is on record, unless only a previous database knew it.
    for (at, earlier) in due {
        if source.knows(scheduled(at)) {
            if !source.open.contains_key(&scheduled(at)) && source.had_a_backup(scheduled(at)) {
                plan.record.push(recorder.found(at));
            }
            continue;
        }
        let record = match (recorder.pause(at), begins) {
            (Some(pause), _) => recorder.closed(at, OccurrenceOutcome::Skipped, pause.sentence(), earlier),
            (None, Some(begins)) if begins != at => recorder.passed_over(at, begins, earlier),
            (None, _) => recorder.begun(at),
        };
        plan.record.push(record);
    }
    // Everything that an earlier schedule made due is recorded by this.
    if let [.., last] = lines
        && lines.len() > 1
    {
        plan.record.push(Change::Rescheduled { source: key.clone(), lines: vec![last.clone()] });
    }
    true
}

/// What each schedule made due until the next one applied, oldest first. An edit applies from when it was first seen;
/// everything that the previous schedule made due before that came due, even while the daemon was not running.
fn due_by_lines(policy: &Policy, lines: &[Line], floor: Time, now: Time) -> Vec<(Time, u64)> {
    let mut due = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let from = line.since.map_or(floor, |since| since.max(floor));
        let Some(next) = lines.get(number + 1) else {
            due.extend(due_between(&policy.schedule, from, now, now));
            break;
        };
        // A schedule that can no longer be parsed, for instance because its zone was removed, makes nothing due.
        if let Ok(schedule) = Schedule::parse(&line.text, &line.zone, now) {
            due.extend(due_between(&schedule, from, next.since.unwrap_or(from), now));
        }
    }
    if lines.is_empty() {
        due.extend(due_between(&policy.schedule, floor, now, now));
    }
    due
}

/// Occurrences after this time are not dealt with yet; `None` while AWS's inventory may still show some.
///
/// That is until this database has seen a complete listing of the Region: an interrupted one showed only part. Also, a
/// lost database may have started something that the first listing does not show yet.
fn floor(state: &State, key: &SourceKey, source: &SourceState, now: Time) -> Option<Time> {
    let membership = source.membership.as_ref()?;
    let home = AccountRegion { account: key.account.clone(), region: source.region.clone() };
    let listed = state.place(&home)?.listed?;
    let Some(dealt_with) = source.dealt_with(now) else { return Some(membership.since) };
    if may_lack_the_newest(state, source, listed.began_at, now) {
        return None;
    }
    let counts_from_then =
        !membership.returned && (dealt_with >= membership.since || held_before(source, membership, dealt_with));
    Some(if counts_from_then { dealt_with } else { dealt_with.max(membership.since) })
}

/// Whether the schedule in effect when a source was first seen is assumed to have applied before: for at least a day
/// back from the newest backup at AWS, backups were made for its consecutive occurrences.
///
/// AWS does not record by which schedule a backup was made. If the database was lost and the policy edited, or another
/// host protected the source, this schedule's earlier occurrences were never scheduled; and hourly from two to five
/// looks like hourly until a whole day is examined. If retention keeps less than that, as with hourly backups, the next
/// occurrence is near and serves as well as catching up.
fn held_before(source: &SourceState, membership: &Membership, newest: Time) -> bool {
    let Some(Line { text, zone, since: None }) = membership.lines.first() else { return membership.lines.is_empty() };
    let Ok(schedule) = Schedule::parse(text, zone, newest) else { return false };
    let scheduled = source.points.iter().rev().map(|point| point.occurrence);
    let fires = |at: Time| schedule.next_after(at.minus(MOMENT)) == Some(at);
    let (mut after, mut neighbours) = (newest, 0);
    for before in scheduled.filter(|of| of.trigger == Trigger::Schedule).map(|of| of.at) {
        // A copy, or something that a fast clock started.
        if before >= after {
            continue;
        }
        if !fires(before) || schedule.next_after(before) != Some(after) {
            return false;
        }
        (after, neighbours) = (before, neighbours + 1);
        if newest.since(before) >= DAY || neighbours == NEIGHBOURS {
            return true;
        }
    }
    false
}

/// Whether a listing that began at that time may lack the latest backup of a source that was protected before this
/// database existed: nothing of its schedule starts until a later listing is complete.
#[must_use]
pub fn may_lack_the_newest(state: &State, source: &SourceState, listed_from: Time, now: Time) -> bool {
    let protected_before = source.dealt_with(now).is_some_and(|at| at < state.created_at);
    protected_before && listed_from < state.created_at.plus(LISTING_LAG)
}

/// What came due, oldest first, each with the number of earlier ones that it represents.
fn due_between(schedule: &Schedule, floor: Time, through: Time, now: Time) -> Vec<(Time, u64)> {
    let Some(newest) = schedule.latest_between(floor, through) else { return Vec::new() };
    // Walk from the far end only over the occurrences that get their own record, estimating where these begin.
    let gap = schedule.gaps(now).mean;
    let reach = gap.saturating_mul(u32::try_from(RECORDED_EACH).unwrap_or(u32::MAX));
    let near = floor.max(newest.minus(reach));
    let mut due = Vec::new();
    if near > floor {
        let mut count: u64 = 0;
        let mut last = None;
        let mut time = floor;
        while let Some(next) = schedule.next_after(time).filter(|next| *next <= near && count < COUNTED) {
            last = Some(next);
            count += 1;
            time = next;
        }
        if let Some(last) = last {
            due.push((schedule.latest_between(last, near).unwrap_or(last), count - 1));
        }
    }
    let mut time = near;
    while let Some(next) = schedule.next_after(time).filter(|next| *next < newest) {
        due.push((next, 0));
        time = next;
    }
    due.push((newest, 0));
    due
}

/// Creates the records of what came due for one source.
struct Recorder<'a> {
    policy: &'a Policy,
    state: &'a State,
    key: &'a SourceKey,
    now: Time,
}

impl Recorder<'_> {
    fn pause(&self, at: Time) -> Option<&Pause> {
        self.state.pause_at(&self.policy.name, at)
    }

    /// Whether it came due while the daemon was not running.
    fn asleep(&self, at: Time) -> bool {
        at <= self.state.started_at
    }

    fn record(&self, at: Time) -> OccurrenceRecord {
        let (policy, caught_up) = (self.policy.name.clone(), self.asleep(at));
        OccurrenceRecord { policy, opened_at: self.now, caught_up, adopted: false }
    }

    /// Its backup was started ahead of time, as its copies show: its present state is its outcome.
    fn found(&self, at: Time) -> Change {
        let record = OccurrenceRecord { adopted: true, caught_up: true, ..self.record(at) };
        Change::Opened { source: self.key.clone(), occurrence: scheduled(at), record }
    }

    /// The newest: it starts unless it is too late.
    fn begun(&self, at: Time) -> Change {
        let missed_asleep = self.asleep(at) && self.policy.catch_up == CatchUp::None;
        let too_late = !self.asleep(at) && window_passed(self.policy, at, self.now);
        if missed_asleep || too_late {
            return self.passed_over(at, at, 0);
        }
        Change::Opened { source: self.key.clone(), occurrence: scheduled(at), record: self.record(at) }
    }

    /// One that does not start: missed if its window has passed, otherwise coalesced with the one that starts.
    fn passed_over(&self, at: Time, begins: Time, earlier: u64) -> Change {
        let (end, reason) = if self.asleep(at) && self.policy.catch_up == CatchUp::None {
            (OccurrenceOutcome::Missed, "came due while Lifeboat was not running, and catch_up is \"none\"".to_owned())
        } else if window_passed(self.policy, at, self.now) {
            let window = self.policy.start_within.map(duration_text).unwrap_or_default();
            let why = if self.asleep(at) { "Lifeboat was not running" } else { "Lifeboat did not get to it" };
            (OccurrenceOutcome::Missed, format!("not begun within {window}: {why}"))
        } else {
            (
                OccurrenceOutcome::Coalesced,
                format!("came due together with the occurrence of {begins}, which took its place"),
            )
        };
        self.closed(at, end, reason, earlier)
    }

    fn closed(&self, at: Time, end: OccurrenceOutcome, reason: String, earlier: u64) -> Change {
        let reason =
            if earlier == 0 { reason } else { format!("{reason}; stands for at least {earlier} before it as well") };
        let (source, occurrence, record) = (self.key.clone(), scheduled(at), self.record(at));
        Change::Closed { source, occurrence, record, end, reason, at: self.now, earlier }
    }
}

/// Whether an explicit `start_within` has passed.
#[must_use]
pub fn window_passed(policy: &Policy, at: Time, now: Time) -> bool {
    policy.start_within.is_some_and(|window| now > at.plus(window))
}

fn scheduled(at: Time) -> Occurrence {
    Occurrence { at, trigger: Trigger::Schedule }
}
