//! Which occurrences came due.
//!
//! An occurrence is identified by source and scheduled time and is recorded once, whatever the clock, the cron nudge or
//! a restart did: everything between the last recorded occurrence and now is due, nothing else. Of several that came
//! due at once only the newest starts; one backup now serves them all.

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

/// Occurrences recorded in one round; the rest come in the next, which follows at once.
const RECORDED_PER_ROUND: usize = 2000;
/// After an outage, so many of a source's occurrences are recorded one by one; earlier ones share a record.
const RECORDED_EACH: usize = 500;
/// So many are counted for the shared record; with more, the count says how many at least.
const COUNTED: u64 = 100_000;

/// So many occurrences, one after the other, show that their schedule held, though they make up less than a day.
const NEIGHBOURS: u32 = 100;
const DAY: Duration = Duration::from_secs(86_400);
const MOMENT: Duration = Duration::from_millis(1);

/// Records every occurrence that came due and says when the next does.
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

/// Records what came due for one source; `false` if it cannot be told yet.
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
    // In the order of time: one that is recorded after a later one could not be. What a clock that ran ahead began in
    // advance is not begun again when it comes due. It is on record, unless only a database before this one saw it begin.
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
    // What an earlier schedule made due is on record with this.
    if let [.., last] = lines
        && lines.len() > 1
    {
        plan.record.push(Change::Rescheduled { source: key.clone(), lines: vec![last.clone()] });
    }
    true
}

/// What each schedule made due from its time until that of the next, oldest first. An edit holds from when it was first
/// seen; what the schedule before it made due until then, also while the daemon was not running, came due.
fn due_by_lines(policy: &Policy, lines: &[Line], floor: Time, now: Time) -> Vec<(Time, u64)> {
    let mut due = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let from = line.since.map_or(floor, |since| since.max(floor));
        let Some(next) = lines.get(number + 1) else {
            due.extend(due_between(&policy.schedule, from, now, now));
            break;
        };
        // One that can no longer be read, as after its zone was taken out of the database, makes nothing due.
        if let Ok(schedule) = Schedule::parse(&line.text, &line.zone, now) {
            due.extend(due_between(&schedule, from, next.since.unwrap_or(from), now));
        }
    }
    if lines.is_empty() {
        due.extend(due_between(&policy.schedule, floor, now, now));
    }
    due
}

/// Occurrences after this are not dealt with yet; `None` while AWS's inventory may tell of some.
///
/// That is until one listing of the Region was complete in the life of this database: one that ended half-way taught
/// only half. A database that was lost may also have begun what the first listing does not show yet.
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

/// Whether the schedule that was there when a source was first seen here may be taken to have made due what AWS shows
/// from before: for a day at least, back from the newest, they were made for one occurrence of it after the other.
///
/// Nothing at AWS tells by which schedule a backup was made. Where the database was lost and the policy edited, or the
/// source was another host's until now, what this schedule would have made due was never scheduled; and every hour from
/// two to five looks like every hour until a day is looked at whole. Where so much is not kept, as of every hour, the next
/// occurrence is near, and serves as well as one that is caught up.
fn held_before(source: &SourceState, membership: &Membership, newest: Time) -> bool {
    let Some(Line { text, zone, since: None }) = membership.lines.first() else { return membership.lines.is_empty() };
    let Ok(schedule) = Schedule::parse(text, zone, newest) else { return false };
    let scheduled = source.points.iter().rev().map(|point| point.occurrence);
    let fires = |at: Time| schedule.next_after(at.minus(MOMENT)) == Some(at);
    let (mut after, mut neighbours) = (newest, 0);
    for before in scheduled.filter(|of| of.trigger == Trigger::Schedule).map(|of| of.at) {
        // A copy, or what a clock that ran ahead began.
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

/// Whether a listing that began then may not show what was begun last for a source that was protected before this database
/// was: nothing of its schedule begins until a later one was read.
#[must_use]
pub fn may_lack_the_newest(state: &State, source: &SourceState, listed_from: Time, now: Time) -> bool {
    let protected_before = source.dealt_with(now).is_some_and(|at| at < state.created_at);
    protected_before && listed_from < state.created_at.plus(LISTING_LAG)
}

/// What came due, oldest first, each with how many even earlier ones it stands for.
fn due_between(schedule: &Schedule, floor: Time, through: Time, now: Time) -> Vec<(Time, u64)> {
    let Some(newest) = schedule.latest_between(floor, through) else { return Vec::new() };
    // Walk from the far end only as far as is recorded one by one, by estimating where that begins.
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

/// Writes the records of what came due for one source.
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

    /// It came due while the daemon was not running.
    fn asleep(&self, at: Time) -> bool {
        at <= self.state.started_at
    }

    fn record(&self, at: Time) -> OccurrenceRecord {
        let (policy, caught_up) = (self.policy.name.clone(), self.asleep(at));
        OccurrenceRecord { policy, opened_at: self.now, caught_up, adopted: false }
    }

    /// Begun ahead of time, as copies of it tell: how it stands by now is its end.
    fn found(&self, at: Time) -> Change {
        let record = OccurrenceRecord { adopted: true, caught_up: true, ..self.record(at) };
        Change::Opened { source: self.key.clone(), occurrence: scheduled(at), record }
    }

    /// The newest: it begins, unless it is too late for that.
    fn begun(&self, at: Time) -> Change {
        let missed_asleep = self.asleep(at) && self.policy.catch_up == CatchUp::None;
        let too_late = !self.asleep(at) && window_passed(self.policy, at, self.now);
        if missed_asleep || too_late {
            return self.passed_over(at, at, 0);
        }
        Change::Opened { source: self.key.clone(), occurrence: scheduled(at), record: self.record(at) }
    }

    /// One that is not begun: missed if its window passed, else coalesced with the one that begins.
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
