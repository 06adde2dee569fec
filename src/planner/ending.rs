//! How occurrences end.
//!
//! Every occurrence ends in one recorded outcome, the worst that applies (promise 5). An outcome is recorded only once
//! nothing of the occurrence can change any more, so it never has to be revised.

use super::Active;
use super::retain::{UNSEEN_COPY_READS_FOR, would_go_at_once};
use super::schedule::window_passed;
use crate::domain::change::{Change, OccurrenceOutcome, OccurrenceRecord};
use crate::domain::counted::counted;
use crate::domain::duration::duration_text;
use crate::domain::id::{AccountRegion, Occurrence, Region, SourceKey, Target, Trigger};
use crate::domain::limits::LISTING_LAG;
use crate::domain::plan::Plan;
use crate::domain::point::RecoveryPoint;
use crate::domain::policy::{Policy, Settings};
use crate::domain::state::{SourceState, State};
use crate::domain::time::Time;
use std::time::Duration;

/// An on-demand occurrence is given up after this time if its backup or a copy is missing and none is under way.
/// Otherwise one whose destination is unreachable would stay open forever, keep its points and count against the limit
/// on open orders.
pub const ORDER_GIVEN_UP_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// Maximum number of ends in one plan; the next plan follows at once. A host that lost its database learns of a year of
/// occurrences at a time, and their ends must not all be in memory together.
const ENDS_AT_ONCE: usize = 1000;

/// Records the end of every open occurrence that has one.
pub fn plan(settings: &Settings, state: &State, now: Time, active: &[Active<'_>], plan: &mut Plan) {
    let most = plan.record.len().saturating_add(ENDS_AT_ONCE);
    for (key, source) in active.iter().copied() {
        let policy = source.membership.as_ref().and_then(|membership| settings.policies.get(&membership.policy));
        for (occurrence, record) in &source.open {
            if plan.record.len() >= most {
                return;
            }
            let case = Case { state, key, source, policy, occurrence: *occurrence, record, now };
            if let Some((end, reason)) = case.end() {
                plan.record.push(Change::Closed {
                    source: key.clone(),
                    occurrence: *occurrence,
                    record: record.clone(),
                    end,
                    reason,
                    at: now,
                    earlier: 0,
                });
            } else if occurrence.trigger == Trigger::Manual {
                let due = record.opened_at.plus(ORDER_GIVEN_UP_AFTER);
                if due > now {
                    plan.wake.earlier(due, "an order is given up");
                }
            } else if let Some(window) = policy.and_then(|policy| policy.start_within) {
                let closes = occurrence.at.plus(window);
                if closes >= now {
                    plan.wake.earlier(closes.plus(Duration::from_millis(1)), "a start window ends");
                }
            }
        }
    }
}

struct Case<'a> {
    state: &'a State,
    key: &'a SourceKey,
    source: &'a SourceState,
    /// `None` after the source left its policy.
    policy: Option<&'a Policy>,
    occurrence: Occurrence,
    record: &'a OccurrenceRecord,
    now: Time,
}

impl Case<'_> {
    fn end(&self) -> Option<(OccurrenceOutcome, String)> {
        if self.asked(&Target::Backup) {
            return None;
        }
        if let Some(at) = self.source.cancelled.get(&self.occurrence) {
            return Some((OccurrenceOutcome::Failed, format!("cancelled by a person at {at}{}", self.left_behind())));
        }
        match self.source.good_point(self.occurrence, &Target::Backup) {
            Some(backup) if backup.remarks.disputed => self.end_of_disputed(backup),
            Some(backup) if backup.available() => self.end_of_copies(backup),
            Some(_) => None,
            // It is not made again, just as if the database had not been lost.
            None if self.policy.is_some() && self.source.had_a_backup(self.occurrence) => self.end_of_what_was_copied(),
            None => self.end_without_backup(),
        }
    }

    /// How an occurrence ends whose backup disappeared before this database was created: nothing more is made.
    fn end_of_what_was_copied(&self) -> Option<(OccurrenceOutcome, String)> {
        let home = AccountRegion { account: self.key.account.clone(), region: self.source.region.clone() };
        let shown_by_now = self.state.created_at.plus(LISTING_LAG);
        if !self.state.place(&home).is_some_and(|known| known.listed_since(shown_by_now)) {
            return None;
        }
        let mut worst = (OccurrenceOutcome::Completed, "every copy is AVAILABLE; its backup is gone".to_owned());
        for region in self.source.membership.as_ref().map_or(&[][..], |membership| &membership.destinations) {
            let copy = self.source.good_point(self.occurrence, &Target::Copy(region.clone()));
            let (end, reason) = match copy {
                Some(_) => self.end_of_copy(region, true)?,
                None => (OccurrenceOutcome::Failed, format!("its backup is gone, and has no copy in {region}")),
            };
            if end > worst.0 {
                worst = (end, reason);
            }
        }
        Some(worst)
    }

    fn asked(&self, target: &Target) -> bool {
        self.source.pending_requests.get(&(self.occurrence, target.clone())).is_some_and(|pending| pending.open)
    }

    /// Whether an order has waited long enough.
    fn given_up(&self) -> bool {
        self.occurrence.trigger == Trigger::Manual && self.now >= self.record.opened_at.plus(ORDER_GIVEN_UP_AFTER)
    }

    /// What a cancelled order leaves to retention, as the end of a sentence.
    fn left_behind(&self) -> String {
        match self.source.good_point(self.occurrence, &Target::Backup) {
            Some(backup) => format!("; its backup {} is left to retention", backup.id),
            None => String::new(),
        }
    }

    /// Why the last request failed, as the end of a sentence.
    fn because(&self, target: &Target) -> String {
        let fault = self
            .source
            .pending_requests
            .get(&(self.occurrence, target.clone()))
            .and_then(|pending| pending.fault.as_ref());
        let lookup = self.source.lookup.fault.as_ref().map(|(_, fault)| fault);
        let blocked = self.source.blocked.get(target).map(|(fault, _)| fault);
        match fault.or(blocked).or(lookup.filter(|_| *target == Target::Backup)) {
            Some(fault) => format!(" ({fault})"),
            None => String::new(),
        }
    }

    fn failure(&self, target: &Target) -> String {
        let failed = self.source.points_of(self.occurrence, target).rfind(|point| !point.good());
        match failed.map(|point| (point, &point.remarks.failure)) {
            Some((_, Some(failure))) => format!("FAILED: {failure}"),
            Some((point, None)) => point.lifecycle.as_str().to_owned(),
            None => "never made".to_owned(),
        }
    }

    /// How an occurrence with a disputed backup ends: it is not made again and gives way to the next.
    fn end_of_disputed(&self, backup: &RecoveryPoint) -> Option<(OccurrenceOutcome, String)> {
        let what = format!("its backup {} is disputed", backup.id);
        if self.given_up() {
            return Some((OccurrenceOutcome::Failed, format!("{what} for {}", duration_text(ORDER_GIVEN_UP_AFTER))));
        }
        let newer = self.newer()?;
        Some((OccurrenceOutcome::Failed, format!("{what}; the occurrence of {} took over", newer.at)))
    }

    /// The newer occurrence that takes its place: one that is open, or whose backup is there, whoever made it.
    fn newer(&self) -> Option<Occurrence> {
        // By its tags it would be of any time; its data was taken when AWS says.
        let made = self.source.newest(&Target::Backup).filter(|backup| backup.taken_at() >= self.occurrence.at);
        let made = made.map(|backup| backup.occurrence);
        let made = made.filter(|of| of.trigger == Trigger::Schedule && of.at <= self.now);
        let newest = self.source.newest_open(self.now).max(made).filter(|newest| *newest > self.occurrence);
        newest.filter(|_| self.occurrence.trigger == Trigger::Schedule)
    }

    fn end_without_backup(&self) -> Option<(OccurrenceOutcome, String)> {
        let attempts = self.source.highest_attempt(self.occurrence, &Target::Backup);
        let Some(policy) = self.policy else {
            let left = "the source left its policy";
            return Some(match attempts {
                0 => (OccurrenceOutcome::Skipped, left.to_owned()),
                _ => (OccurrenceOutcome::Failed, format!("its backup {}, then {left}", self.failure(&Target::Backup))),
            });
        };
        if self.given_up() {
            let after = duration_text(ORDER_GIVEN_UP_AFTER);
            let what = match attempts {
                0 => String::new(),
                _ => format!(": {} ({})", self.failure(&Target::Backup), counted(attempts as usize, "attempt")),
            };
            let because = self.because(&Target::Backup);
            return Some((OccurrenceOutcome::Failed, format!("its backup was given up after {after}{what}{because}")));
        }
        if attempts > 0 {
            let newer = self.newer()?;
            let reason = format!(
                "its backup {} ({}); the occurrence of {} took over",
                self.failure(&Target::Backup),
                counted(attempts as usize, "attempt"),
                newer.at
            );
            return Some((OccurrenceOutcome::Failed, reason));
        }
        // On-demand occurrences continue in a pause.
        let pause = self.state.pause_at(&policy.name, self.now);
        if let Some(pause) = pause.filter(|_| self.occurrence.trigger == Trigger::Schedule) {
            return Some((OccurrenceOutcome::Skipped, format!("{} before its backup was asked for", pause.sentence())));
        }
        let because = self.because(&Target::Backup);
        if !self.record.caught_up && window_passed(policy, self.occurrence.at, self.now) {
            let window = policy.start_within.map(duration_text).unwrap_or_default();
            return Some((OccurrenceOutcome::Missed, format!("not begun within {window}{because}")));
        }
        let newer = self.newer()?;
        Some((
            OccurrenceOutcome::Coalesced,
            format!("the occurrence of {} came due before it could begin{because}", newer.at),
        ))
    }

    fn end_of_copies(&self, backup: &RecoveryPoint) -> Option<(OccurrenceOutcome, String)> {
        let gives_way = self.occurrence.trigger == Trigger::Schedule && !self.state.held(backup);
        let mut worst: (OccurrenceOutcome, String) =
            (OccurrenceOutcome::Completed, "the backup and every copy are AVAILABLE".to_owned());
        let membership = self.source.membership.as_ref();
        let left = Vec::new();
        for region in membership.map_or(&left, |membership| &membership.destinations) {
            // A person may have deleted the newer backup and left its copy, which still supersedes this one.
            let newer = |target: &Target| {
                let newest = self.source.newest(target).filter(|newest| newest.occurrence != self.occurrence);
                newest.is_some_and(|newest| newest.taken_at() > backup.taken_at())
            };
            let target = Target::Copy(region.clone());
            let in_vain = || self.policy.is_some_and(|policy| would_go_at_once(policy, self.source, &target, backup));
            let superseded =
                (gives_way && (newer(&Target::Backup) || newer(&target))) || (self.record.adopted && in_vain());
            let (end, reason) = self.end_of_copy(region, superseded)?;
            if end > worst.0 {
                worst = (end, reason);
            }
        }
        if membership.is_none() {
            let moving = self.source.in_flight().any(|point| point.occurrence == self.occurrence)
                || self.source.pending_requests.iter().any(|((of, _), pending)| *of == self.occurrence && pending.open);
            if moving {
                return None;
            }
            worst = (OccurrenceOutcome::Skipped, "the source left its policy before every copy was made".to_owned());
        }
        Some(worst)
    }

    /// How one copy ends; `None` while that can still change.
    fn end_of_copy(&self, region: &Region, superseded: bool) -> Option<(OccurrenceOutcome, String)> {
        let target = Target::Copy(region.clone());
        let given_up = self.given_up();
        if self.asked(&target) && !given_up {
            return None;
        }
        match self.source.good_point(self.occurrence, &target) {
            Some(copy) if copy.available() => return Some((OccurrenceOutcome::Completed, String::new())),
            Some(copy) if copy.remarks.disputed && (superseded || given_up) => {
                return Some((OccurrenceOutcome::Failed, format!("its copy {} to {region} is disputed", copy.id)));
            }
            Some(copy) if copy.stuck(self.now) && (superseded || given_up) => {
                return Some((
                    OccurrenceOutcome::Failed,
                    format!("its copy {} to {region} stays {}", copy.id, copy.lifecycle.as_str()),
                ));
            }
            Some(_) => return None,
            None => {}
        }
        if given_up {
            let (after, because) = (duration_text(ORDER_GIVEN_UP_AFTER), self.because(&target));
            return Some((
                OccurrenceOutcome::Failed,
                format!("its copy to {region} was given up after {after}{because}"),
            ));
        }
        let there = AccountRegion { account: self.key.account.clone(), region: region.clone() };
        let known = self.state.place(&there).is_some_and(|place| place.known());
        // An adopted occurrence may have its copy there, until its Region was unreadable for so long that it no longer
        // matters.
        let unseen = self.record.adopted && !known;
        if !superseded || (unseen && self.now < self.record.opened_at.plus(UNSEEN_COPY_READS_FOR)) {
            return None;
        }
        if self.source.highest_attempt(self.occurrence, &target) > 0 {
            let failure = self.failure(&target);
            return Some((
                OccurrenceOutcome::Failed,
                format!("its copy to {region} {failure}; a newer backup took over"),
            ));
        }
        if let Some((fault, _)) = self.source.blocked.get(&target) {
            return Some((
                OccurrenceOutcome::Failed,
                format!("its copy to {region} was refused ({fault}); a newer backup took over"),
            ));
        }
        Some((
            OccurrenceOutcome::Coalesced,
            format!("a newer backup took the place of its copy to {region}{}", self.because(&target)),
        ))
    }
}
