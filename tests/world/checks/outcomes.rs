//! Promise 5: every occurrence that comes due while its source is in the policy ends in one recorded outcome.

use super::super::setup::DAY_MS;
use super::armed::Check;
use super::created::Created;
use super::lanes::held_for_good;
use super::{Broken, View, Work};
use lifeboat::domain::change::{Change, OccurrenceOutcome};
use lifeboat::domain::id::{AccountRegion, Occurrence, PolicyName, SourceKey, Trigger};
use lifeboat::domain::limits::{AHEAD_TOLERATED, LISTING_LAG};
use lifeboat::domain::policy::Settings;
use lifeboat::domain::schedule::Schedule;
use lifeboat::domain::state::AccountRegionState;
use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::Backup;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An occurrence must be on record so long after it came due, while the process lives and could tell.
const RECORDED_WITHIN: Duration = Duration::from_secs(600);

/// What must be on record of one source.
struct Duty {
    policy: PolicyName,
    schedule: Schedule,
    /// Occurrences after this.
    after: Time,
    /// The state has it. What was loaded and died with the process was never in force: the next one cannot know of it.
    kept: bool,
    /// A moment, and the first occurrence after it: the calendar need not be walked again in between.
    coming: Option<(Time, Time)>,
}

impl Duty {
    fn next_after(&mut self, time: Time) -> Option<Time> {
        match self.coming {
            Some((from, next)) if from <= time && time < next => Some(next),
            _ => {
                let next = self.schedule.next_after(time);
                self.coming = next.map(|next| (time, next));
                next
            }
        }
    }
}

#[derive(Default)]
pub(super) struct Outcomes {
    /// In this database: how it ended, or that it is open.
    records: BTreeMap<(SourceKey, Occurrence), Option<OccurrenceOutcome>>,
    /// On record under a clock that was wrong: may be recorded again, and need not.
    revoked: BTreeSet<(SourceKey, Occurrence)>,
    /// Records that stand for all before them.
    shared: BTreeMap<SourceKey, Time>,
    duties: BTreeMap<SourceKey, Duty>,
    /// What a person cancelled and is not ended, and when, ms.
    cancelled: BTreeMap<(SourceKey, Occurrence), i64>,
    /// Since when the process runs on the settings that it has, by its clock.
    settled_since: Time,
}

impl Outcomes {
    pub(super) fn reloaded(&mut self, host_now: Time, settings: &Settings) {
        let mut duties = BTreeMap::new();
        for policy in settings.policies.values() {
            for key in policy.source_keys() {
                // Under another schedule, and after an absence, it counts from now on.
                let kept = self.duties.remove(&key).filter(|duty| duty.schedule == policy.schedule);
                let (after, kept) = kept.map_or((host_now, false), |duty| (duty.after, duty.kept));
                let schedule = policy.schedule.clone();
                duties.insert(key, Duty { policy: policy.name.clone(), schedule, after, kept, coming: None });
            }
        }
        self.duties = duties;
        self.settled_since = host_now;
    }

    /// What came due before says nothing about what comes due from now on. What lies a little ahead of a clock that
    /// was set back stays as it is.
    pub(super) fn clock_set(&mut self, host_now: Time) {
        self.settled_since = host_now;
        for duty in self.duties.values_mut() {
            duty.after = host_now.plus(AHEAD_TOLERATED);
        }
    }

    /// Nothing can be put on record now, and all of it must be soon after.
    pub(super) fn unsettled(&mut self, host_now: Time) {
        self.settled_since = host_now;
    }

    pub(super) fn died(&mut self) {
        self.duties.retain(|_, duty| duty.kept);
    }

    pub(super) fn database_lost(&mut self) {
        self.records.clear();
        self.cancelled.clear();
        self.revoked.clear();
        self.shared.clear();
        // What AWS does not show of them is forgotten with it.
        self.duties.clear();
    }

    pub(super) fn committed(&mut self, change: &Change, view: &View<'_>, created: &Created) -> Result<(), Broken> {
        match change {
            Change::Opened { source, occurrence, .. } => {
                view.armed.count(Check::OpenedOnce);
                if let Some(before) = self.records.insert((source.clone(), *occurrence), None) {
                    let what = format!("{source}: the occurrence of {} is opened again ({before:?})", occurrence.at);
                    return Err(Check::OpenedOnce.broken(what));
                }
            }
            Change::Cancelled { source, occurrence, .. } => {
                // From now on it is watched; a good planner ends it at once.
                view.armed.count(Check::CancelledEnds);
                self.cancelled.entry((source.clone(), *occurrence)).or_insert(view.now_ms);
            }
            Change::Closed { source, occurrence, end, earlier, reason, .. } => {
                self.cancelled.remove(&(source.clone(), *occurrence));
                view.armed.count(Check::ClosedOnce);
                if let Some(Some(before)) = self.records.insert((source.clone(), *occurrence), Some(*end)) {
                    let what = format!("{source}: the occurrence of {} was {before:?} and is {end:?}", occurrence.at);
                    return Err(Check::ClosedOnce.broken(what));
                }
                if *earlier > 0 {
                    self.shared.insert(source.clone(), occurrence.at);
                }
                return judged(source, *occurrence, *end, reason, view, created);
            }
            Change::ClockWentBack(to) => self.revoke(*to),
            Change::Rescheduled { source, .. } => {
                self.duties.get_mut(source).into_iter().for_each(|duty| duty.kept = true);
            }
            Change::SourceDeparted { source } => {
                self.duties.remove(source);
            }
            _ => {}
        }
        Ok(())
    }

    /// What a clock that was wrong put on record was not due, and may be recorded again when it is.
    fn revoke(&mut self, to: Time) {
        let tolerated = to.plus(AHEAD_TOLERATED);
        // A source that was further ahead than that stays a little ahead, whenever it was that the clock was set.
        for (key, duty) in &mut self.duties {
            let earliest = Occurrence { at: tolerated, trigger: Trigger::Schedule };
            let mut ahead = self.records.range((key.clone(), earliest)..).take_while(|((of, _), _)| of == key);
            if ahead.next().is_some() {
                duty.after = duty.after.max(tolerated);
            }
        }
        let wrong =
            |occurrence: &Occurrence, end: &Option<OccurrenceOutcome>| occurrence.at > tolerated && end.is_some();
        let revoked = self.records.iter().filter(|((_, occurrence), end)| wrong(occurrence, end));
        self.revoked.extend(revoked.map(|(key, _)| key.clone()));
        self.records.retain(|(_, occurrence), end| !wrong(occurrence, end));
        for shared in self.shared.values_mut() {
            *shared = (*shared).min(tolerated);
        }
    }

    /// What a person cancelled ends, as soon as nothing that was asked for it may still be made.
    fn cancelled_end(&self, view: &View<'_>) -> Result<(), Broken> {
        for ((key, occurrence), at_ms) in &self.cancelled {
            let Some(source) = view.state.sources.get(key) else { continue };
            let asked = source.pending_requests.iter().any(|((of, _), ask)| of == occurrence && ask.open);
            let long = view.now_ms - at_ms > 600_000;
            if long && !asked && source.open.contains_key(occurrence) {
                let what = format!("{key}: the order of {} was cancelled long ago and is open", occurrence.at);
                return Err(Check::CancelledEnds.broken(what));
            }
        }
        Ok(())
    }

    /// Whatever came due is on record.
    pub(super) fn inspected(&mut self, view: &View<'_>) -> Result<(), Broken> {
        if view.host_now.since(self.settled_since) < RECORDED_WITHIN {
            return Ok(());
        }
        self.cancelled_end(view)?;
        let through = view.host_now.minus(RECORDED_WITHIN);
        for (key, duty) in &mut self.duties {
            // A new database knows what was done before only once it has read the Region.
            let told = view.settings.policies.get(&duty.policy).is_some_and(|policy| {
                let home = AccountRegion { account: policy.account.clone(), region: policy.region.clone() };
                view.state.place(&home).is_some_and(|known| known.known() && shows_the_newest(view, key, known))
            });
            if !told || view.state.created_at > through {
                continue;
            }
            let from = duty.after.max(view.state.created_at);
            let mut time = from;
            while let Some(next) = duty.next_after(time).filter(|next| *next <= through) {
                view.armed.count(Check::OnRecord);
                let occurrence = Occurrence { at: next, trigger: Trigger::Schedule };
                let shared = self.shared.get(key).is_some_and(|shared| *shared >= next);
                let slot = (key.clone(), occurrence);
                if !shared && !self.records.contains_key(&slot) && !self.revoked.contains(&slot) {
                    return Err(Check::OnRecord.broken(format!("{key}: the occurrence of {next} is on no record")));
                }
                time = next;
            }
            duty.after = duty.after.max(through);
        }
        Ok(())
    }

    pub(super) fn rested(&self, view: &View<'_>, created: &Created) -> Result<(), Broken> {
        let due = |occurrence: &Occurrence| occurrence.at <= view.host_now;
        let due = self.records.iter().filter(|((_, occurrence), _)| due(occurrence));
        // A large copy takes its time, and one that is stuck keeps its slot. An order waits for a person where one mistyped
        // the tags of its backup, or nothing confirms that the copy which is there is its own.
        let waits = |source: &SourceKey, occurrence: Occurrence| {
            let busy = |at| view.cloud.backup(at).lifecycle.in_flight() || created.mistyped_for_good(view.cloud, at);
            let unconfirmed = view.state.disputes().filter(|(.., of)| !of.objection.certain());
            let policy = view.settings.policies.values().find(|policy| policy.source_keys().any(|key| key == *source));
            let slots_held = policy.is_some_and(|policy| {
                let mut places = policy.destinations.iter().map(|destination| AccountRegion {
                    account: policy.account.clone(),
                    region: destination.region.clone(),
                });
                places.any(|there| held_for_good(view, &there, source, view.now_ms - 2 * DAY_MS))
            });
            slots_held
                || created.made_in(source, occurrence).any(busy)
                || unconfirmed
                    .filter_map(|(.., of)| of.claim.as_deref())
                    .any(|claim| claim.source_key() == *source && claim.occurrence == occurrence)
        };
        let mut due = due.filter(|((source, occurrence), end)| end.is_some() || !waits(source, *occurrence));
        match due.by_ref().inspect(|_| view.armed.count(Check::AllEnded)).find(|(_, end)| end.is_none()) {
            Some(((source, occurrence), _)) => {
                Err(Check::AllEnded.broken(format!("{source}: the occurrence of {} never ended", occurrence.at)))
            }
            None => Ok(()),
        }
    }
}

/// Whether the Region was read late enough in the life of this database to show what the one before it began last, if FSx
/// has anything from before it.
fn shows_the_newest(view: &View<'_>, key: &SourceKey, home: &AccountRegionState) -> bool {
    let database_created_at = view.state.created_at;
    if home.listed.is_some_and(|listed| listed.began_at >= database_created_at.plus(LISTING_LAG)) {
        return true;
    }
    let born_text = database_created_at.to_string();
    let from_before = |backup: &Backup| {
        let occurrence = backup.tags.get("lifeboat:occurrence");
        occurrence.is_some() && (backup.created_ms < database_created_at.millis() || occurrence < Some(&born_text))
    };
    let of_source = |backup: &Backup| {
        backup.account == key.account.as_str()
            && backup.tags.get("lifeboat:source").is_some_and(|of| of == key.source.as_str())
    };
    !view.cloud.backups().any(|(_, backup)| of_source(backup) && from_before(backup))
}

/// Whether an outcome is true of FSx's inventory.
fn judged(
    source: &SourceKey,
    occurrence: Occurrence,
    end: OccurrenceOutcome,
    reason: &str,
    view: &View<'_>,
    created: &Created,
) -> Result<(), Broken> {
    let work = |copy_to: Option<&str>| Work {
        account: source.account.to_string(),
        source: source.source.to_string(),
        trigger: occurrence.trigger.as_str().to_owned(),
        occurrence: occurrence.at.to_string(),
        copy_to: copy_to.map(str::to_owned),
    };
    let made = |copy_to: Option<&str>| created.ended_well(view.cloud, &work(copy_to));
    let wrong = |check: Check, what: &str| {
        Err(check.broken(format!("{source}: the occurrence of {} is {end:?} ({reason}), but {what}", occurrence.at)))
    };
    match end {
        OccurrenceOutcome::Completed => {
            let policy = view.settings.policies.values().find(|policy| policy.source_keys().any(|key| key == *source));
            let Some(policy) = policy else {
                // After a rename while it was down, the next search shows whose source it is.
                let selects = view.settings.policies.values().any(|policy| policy.select.is_some());
                return if selects { Ok(()) } else { wrong(Check::CompletedIsTrue, "its source is in no policy") };
            };
            // After the loss of the database tags are all there is to know an occurrence by.
            if created.mistyped(view.cloud, source, view.now_ms) {
                return Ok(());
            }
            view.armed.count(Check::CompletedIsTrue);
            if !made(None) {
                return wrong(Check::CompletedIsTrue, "it has no backup");
            }
            match policy.destinations.iter().find(|destination| !made(Some(destination.region.as_str()))) {
                Some(missing) => wrong(Check::CompletedIsTrue, &format!("it has no copy in {}", missing.region)),
                None => Ok(()),
            }
        }
        OccurrenceOutcome::Missed => {
            view.armed.count(Check::MissedIsTrue);
            if created.begun(view.cloud, &work(None)) {
                wrong(Check::MissedIsTrue, "its backup was begun")
            } else {
                Ok(())
            }
        }
        _ => Ok(()),
    }
}
