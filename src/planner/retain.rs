//! Which recovery points retention keeps.
//!
//! A deleted recovery point cannot be recovered. So a point is deleted only when no rule keeps it and nothing protects
//! it (promise 4), and each verdict states its reasons. Windows count from the newest point, not from the clock: an
//! outage or a wrong clock deletes nothing.

use crate::domain::action::Request;
use crate::domain::calendar::{Periods, Zone};
use crate::domain::duration::duration_text;
use crate::domain::id::{AccountRegion, BackupId, Region, SourceKey, Target};
use crate::domain::point::{Lifecycle, RecoveryPoint};
use crate::domain::policy::{Policy, Retain};
use crate::domain::state::{SourceState, State};
use crate::domain::time::Time;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// FAILED records of ours are deleted after this.
pub const FAILED_CLEARED_AFTER: Duration = Duration::from_secs(86_400);
/// For this long after a new database was created, a destination that it never listed may hold a copy that the previous
/// database requested. After that, AWS itself refuses to delete a backup that is being read.
pub const UNSEEN_COPY_READS_FOR: Duration = Duration::from_secs(7 * 86_400);
/// The age of a point from further in the future than this is not trusted.
const AGELESS_BEYOND: Duration = Duration::from_secs(600);

/// Why a point is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// No retention is configured.
    Everything,
    /// One of the newest: its number, of how many.
    Last(u32, u32),
    /// At most this much older than the newest.
    Within(Duration),
    /// The last of a period: the rule's name, the period's number counted from the newest, of how many.
    Period(&'static str, u32, u32),
    /// The newest of its route.
    Newest,
    /// A person holds it.
    Held,
    /// Its occurrence has not ended: a copy may need it, or its copies must exist together.
    Open,
    /// A copy to this Region is reading it.
    Read(Region),
    /// This Region was never listed, and a copy there from before the database was created may be reading it.
    MaybeRead(Region),
    /// The last copy under its key in its Region: without it the next one would be a full copy.
    LastOfKey,
    /// The age of its data is unknown: AWS gives no time, or one in the future.
    AgeUnknown,
    /// A complete listing did not show it. Until it is known whether it exists, it does not let other points expire.
    InDoubt,
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("no retention is asked for"),
            Self::Last(nth, of) => write!(f, "last {nth} of {of}"),
            Self::Within(span) => write!(f, "within {}", duration_text(*span)),
            Self::Period(word, nth, of) => write!(f, "{word} {nth} of {of}"),
            Self::Newest => f.write_str("the newest of its route"),
            Self::Held => f.write_str("held"),
            Self::Open => f.write_str("its occurrence has not ended"),
            Self::Read(region) => write!(f, "a copy to {region} reads it"),
            Self::MaybeRead(region) => {
                write!(f, "a copy to {region}, which was never listed, may read it")
            }
            Self::LastOfKey => f.write_str("the last copy under its key; the next would be full"),
            Self::AgeUnknown => f.write_str("its age is unknown"),
            Self::InDoubt => f.write_str("a listing did not show it"),
        }
    }
}

/// The verdict of retention on one point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionVerdict<'a> {
    /// The point.
    pub point: &'a RecoveryPoint,
    /// Why it is kept; empty: it is deleted.
    pub keep: Vec<Keep>,
    /// Why it is deleted, if it is.
    pub reason: String,
}

impl RetentionVerdict<'_> {
    /// Whether it is deleted.
    #[must_use]
    pub fn goes(&self) -> bool {
        self.keep.is_empty()
    }
}

/// Which rules keep each of these points, given by the times their data was taken, newest first. The result has one
/// entry for each, in the same order.
#[must_use]
pub fn kept_by_rules(retain: &Retain, zone: &Zone, newest_first: &[Time]) -> Vec<Vec<Keep>> {
    let mut keeps: Vec<Vec<Keep>> = vec![Vec::new(); newest_first.len()];
    let Some(newest) = newest_first.first() else { return keeps };
    if let Some(last) = retain.last {
        for (keep, nth) in keeps.iter_mut().zip(1..=last) {
            keep.push(Keep::Last(nth, last));
        }
    }
    if let Some(within) = retain.within {
        let from = newest.minus(within);
        for (keep, _) in keeps.iter_mut().zip(newest_first).filter(|(_, taken)| **taken >= from) {
            keep.push(Keep::Within(within));
        }
    }
    type Of = fn(&Periods) -> i64;
    let rules: [(&'static str, Option<u32>, Of); 5] = [
        ("hourly", retain.hourly, |of| of.hour),
        ("daily", retain.daily, |of| of.day),
        ("weekly", retain.weekly, |of| of.week),
        ("monthly", retain.monthly, |of| of.month),
        ("yearly", retain.yearly, |of| of.year),
    ];
    if rules.iter().all(|(_, count, _)| count.is_none()) {
        return keeps;
    }
    let periods: Vec<Periods> = newest_first.iter().map(|taken| zone.periods(*taken)).collect();
    for (word, count, of) in rules {
        let Some(count) = count else { continue };
        let (mut seen, mut before) = (0, None);
        for (keep, period) in keeps.iter_mut().zip(&periods) {
            // Newest first: the first of a period is its last point.
            if before == Some(of(period)) {
                continue;
            }
            if seen == count {
                break;
            }
            seen += 1;
            before = Some(of(period));
            keep.push(Keep::Period(word, seen, count));
        }
    }
    keeps
}

/// The verdict on every recovery point of one target of a source, newest first. Points of a destination that the policy
/// does not name are all kept.
#[must_use]
pub fn verdicts<'a>(
    policy: &Policy,
    state: &'a State,
    key: &SourceKey,
    target: &Target,
    now: Time,
) -> Vec<RetentionVerdict<'a>> {
    judged(policy, state, key, target, now, None)
}

/// The same as it will be once there is a recovery point of `next`, newer than all others.
#[must_use]
pub fn verdicts_after<'a>(
    policy: &Policy,
    state: &'a State,
    key: &SourceKey,
    target: &Target,
    next: Time,
) -> Vec<RetentionVerdict<'a>> {
    judged(policy, state, key, target, next, Some(next))
}

fn judged<'a>(
    policy: &Policy,
    state: &'a State,
    key: &SourceKey,
    target: &Target,
    now: Time,
    next: Option<Time>,
) -> Vec<RetentionVerdict<'a>> {
    let Some(source) = state.sources.get(key) else { return Vec::new() };
    let retain = retain_of(policy, target);
    let case = Case::of(state, source, target, now, next.is_none());
    let readers: Vec<(&BackupId, Region)> = if *target == Target::Backup { readers(source).collect() } else { vec![] };
    let unseen = if *target == Target::Backup { unseen_destinations(policy, state, now) } else { vec![] };
    let mut keys = BTreeSet::new();
    let mut verdicts: Vec<RetentionVerdict<'a>> = Vec::new();
    // The points that the rules count: certain to exist, of known age, and not the second of their occurrence.
    let mut sound: Vec<usize> = Vec::new();
    for (point, siblings) in case.points() {
        let original = original(point, siblings);
        if original.is_none() && !case.age_unknown(point) && !may_be_gone(point) {
            sound.push(verdicts.len());
        }
        let mut verdict = case.protected(point, original);
        if *target == Target::Backup {
            let of_it = readers.iter().filter(|(read, _)| **read == point.id);
            verdict.keep.extend(of_it.map(|(_, region)| Keep::Read(region.clone())));
            if point.created_at <= state.created_at.plus(AGELESS_BEYOND) {
                verdict.keep.extend(unseen.iter().map(|region| Keep::MaybeRead((*region).clone())));
            }
        } else if !may_be_gone(point) && keys.insert(&point.kms_key) {
            verdict.keep.push(Keep::LastOfKey);
        }
        verdicts.push(verdict);
    }
    let taken: Vec<Time> = next.into_iter().chain(sound.iter().map(|at| verdicts[*at].point.taken_at())).collect();
    if let Some(newest) = sound.first().filter(|_| next.is_none()) {
        let keep = &mut verdicts[*newest].keep;
        if !keep.contains(&Keep::Newest) {
            keep.push(Keep::Newest);
        }
    }
    match retain {
        Some(retain) => {
            let kept = kept_by_rules(retain, policy.schedule.zone(), &taken);
            let mut reason = None;
            for (at, mut keep) in sound.into_iter().zip(kept.into_iter().skip(usize::from(next.is_some()))) {
                if verdicts[at].keep.is_empty() {
                    verdicts[at].keep = keep;
                } else {
                    verdicts[at].keep.append(&mut keep);
                }
                if verdicts[at].goes() {
                    let reason = reason.get_or_insert_with(|| format!("no rule keeps it ({})", rules_text(retain)));
                    verdicts[at].reason.clone_from(reason);
                }
            }
        }
        None => sound.into_iter().for_each(|at| verdicts[at].keep.push(Keep::Everything)),
    }
    verdicts
}

/// The retention rules of a policy for a target.
#[must_use]
pub fn retain_of<'a>(policy: &'a Policy, target: &Target) -> Option<&'a Retain> {
    match target {
        Target::Backup => policy.retain.as_ref(),
        Target::Copy(region) => policy.destination(region).and_then(|destination| destination.retain.as_ref()),
    }
}

/// Whether a copy of this backup would be deleted right after it was made: there are newer copies and no rule keeps it.
///
/// After the loss of the database it may have been deleted before: AWS no longer shows such a copy, and it would be
/// requested, transferred and deleted again.
#[must_use]
pub fn would_go_at_once(policy: &Policy, source: &SourceState, target: &Target, backup: &RecoveryPoint) -> bool {
    let Some(retain) = retain_of(policy, target) else { return false };
    let mut taken: Vec<Time> = source.points.available(target).rev().map(RecoveryPoint::taken_at).collect();
    let at = taken.partition_point(|taken| *taken > backup.taken_at());
    if at == 0 {
        return false;
    }
    taken.insert(at, backup.taken_at());
    kept_by_rules(retain, policy.schedule.zone(), &taken).get(at).is_some_and(Vec::is_empty)
}

struct Case<'a, 'b> {
    state: &'a State,
    source: &'a SourceState,
    target: &'b Target,
    now: Time,
    /// No newer point is about to replace the newest.
    newest_stays: bool,
    /// When the data of the newest point was taken, and that of the newest point of known age.
    newest: Option<Time>,
    newest_sound: Option<Time>,
}

impl<'a, 'b> Case<'a, 'b> {
    fn of(state: &'a State, source: &'a SourceState, target: &'b Target, now: Time, newest_stays: bool) -> Self {
        let mut case = Self { state, source, target, now, newest_stays, newest: None, newest_sound: None };
        let there = || case.points().map(|(point, _)| point).filter(|point| !may_be_gone(point));
        let newest = there().next().map(RecoveryPoint::taken_at);
        let newest_sound = there().find(|point| !case.age_unknown(point)).map(RecoveryPoint::taken_at);
        (case.newest, case.newest_sound) = (newest, newest_sound);
        case
    }

    /// The recovery points of the target, newest first, each with all points of the same work.
    fn points(&self) -> impl Iterator<Item = (&'a RecoveryPoint, &'a [Box<RecoveryPoint>])> + use<'a, 'b, '_> {
        let newest_first = self.source.points.available(self.target).rev();
        newest_first.map(|point| (point, self.source.points.of(point.occurrence, self.target)))
    }

    fn age_unknown(&self, point: &RecoveryPoint) -> bool {
        point.taken_at() <= Time::ZERO || point.taken_at() > self.now.plus(AGELESS_BEYOND)
    }

    /// What protects it, whatever the rules say and whatever other points exist.
    fn protected(&self, point: &'a RecoveryPoint, original: Option<&RecoveryPoint>) -> RetentionVerdict<'a> {
        let mut keep = Vec::new();
        if self.newest_stays && (self.newest == Some(point.taken_at()) || self.newest_sound == Some(point.taken_at())) {
            keep.push(Keep::Newest);
        }
        if self.state.held(point) {
            keep.push(Keep::Held);
        }
        if self.age_unknown(point) {
            keep.push(Keep::AgeUnknown);
        }
        if may_be_gone(point) {
            keep.push(Keep::InDoubt);
        }
        // This protects copies as well: an occurrence ends when all its copies exist together, and would request it
        // again.
        if self.source.open.contains_key(&point.occurrence) {
            keep.push(Keep::Open);
        }
        let reason = original.map(|original| format!("a duplicate of {}", original.id));
        RetentionVerdict { point, keep, reason: reason.unwrap_or_default() }
    }
}

/// The good point of which this is a duplicate, among the points of the same work.
fn original<'a>(point: &RecoveryPoint, siblings: &'a [Box<RecoveryPoint>]) -> Option<&'a RecoveryPoint> {
    let good = SourceState::good_one(siblings)?;
    (good.id != point.id && good.available() && !may_be_gone(good)).then_some(good)
}

/// Whether it may be gone: people delete too, and after an outage the newest may be one of those deleted.
fn may_be_gone(point: &RecoveryPoint) -> bool {
    point.remarks.missing_since.is_some()
}

/// The backups that copies of ours are or may be reading, with the destination; an open pending request counts.
fn readers(source: &SourceState) -> impl Iterator<Item = (&BackupId, Region)> {
    let in_flight =
        source.in_flight().filter_map(|copy| Some((&copy.origin.as_ref()?.backup, copy.place.region.clone())));
    let asked =
        source.pending_requests.iter().filter(|(_, pending)| pending.open).filter_map(|((_, target), pending)| {
            let Request::CopyBackup { backup, .. } = &*pending.request else { return None };
            Some((backup, Region::from(target.destination())))
        });
    in_flight.chain(asked)
}

/// The destinations of a policy that this database never listed, while a copy may be under way there that only the
/// previous database knew. This database's own requests are on record, so no backup younger than it is affected.
#[must_use]
pub fn unseen_destinations<'a>(policy: &'a Policy, state: &State, now: Time) -> Vec<&'a Region> {
    if now >= state.created_at.plus(UNSEEN_COPY_READS_FOR) {
        return Vec::new();
    }
    let unseen = |region: &&Region| {
        let place = AccountRegion { account: policy.account.clone(), region: (*region).clone() };
        state.place(&place).is_none_or(|known| known.listed.is_none())
    };
    policy.destinations.iter().map(|destination| &destination.region).filter(unseen).collect()
}

/// The rules as written in the policy file.
#[must_use]
pub fn rules_text(retain: &Retain) -> String {
    let counts = [
        ("last", retain.last),
        ("hourly", retain.hourly),
        ("daily", retain.daily),
        ("weekly", retain.weekly),
        ("monthly", retain.monthly),
        ("yearly", retain.yearly),
    ];
    let mut words: Vec<String> =
        counts.iter().filter_map(|(word, count)| count.map(|count| format!("{word} {count}"))).collect();
    words.extend(retain.within.map(|within| format!("within {}", duration_text(within))));
    words.join(", ")
}

/// FAILED points that may be deleted now, each with its reason; and the time of the next one.
///
/// The last attempt of an open occurrence is kept, so that attempts continue to be counted from it.
#[must_use]
pub fn failed_to_clear<'a>(state: &'a State, key: &SourceKey, now: Time) -> (Vec<(&'a RecoveryPoint, String)>, Time) {
    let mut next = Time::NEVER;
    let mut clear = Vec::new();
    let Some(source) = state.sources.get(key) else { return (clear, next) };
    for made in source.points.works() {
        for point in made
            .iter()
            .filter(|point| point.lifecycle == Lifecycle::Failed && !point.remarks.disputed && !state.held(point))
        {
            let counted = source.open.contains_key(&point.occurrence)
                && SourceState::good_one(made).is_none()
                && made.iter().all(|other| other.attempt <= point.attempt);
            if counted {
                continue;
            }
            let due = point.settled_at.unwrap_or(now).plus(FAILED_CLEARED_AFTER);
            if due > now {
                next = next.min(due);
                continue;
            }
            let failure = point.remarks.failure.as_deref().unwrap_or("no reason given");
            clear.push((point, format!("FAILED: {failure}")));
        }
    }
    (clear, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn zone(name: &str) -> Zone {
        TimeZone::get(name).unwrap().into()
    }

    fn at(text: &str) -> Time {
        Time::parse_rfc3339(text).unwrap()
    }

    fn hour(hours: u64) -> Duration {
        Duration::from_secs(3600 * hours)
    }

    /// Applies retention after every hour from `from` to `to`; returns what is left, oldest first.
    fn hour_by_hour(retain: &Retain, zone: &Zone, from: Time, to: Time) -> Vec<Time> {
        let mut held: Vec<Time> = Vec::new();
        let mut now = from;
        while now < to {
            held.insert(0, now);
            let keeps = kept_by_rules(retain, zone, &held);
            let mut keeps = keeps.iter();
            held.retain(|_| keeps.next().is_some_and(|keep| !keep.is_empty()));
            now = now.plus(hour(1));
        }
        held.reverse();
        held
    }

    /// The expected result by the calendar: of all hours of the year, the last of each of this many periods.
    fn on_paper(retain: &Retain, name: &str, from: Time, to: Time) -> Vec<Time> {
        let zone = TimeZone::get(name).unwrap();
        let hours: Vec<Time> =
            (0..).map(|step| from.plus(hour(step))).take_while(|time| *time < to).collect::<Vec<_>>();
        let newest = *hours.last().unwrap();
        let label = |time: &Time, rule: &str| {
            let local = time.to_jiff().to_zoned(zone.clone());
            let date = local.date();
            match rule {
                "hourly" => local.strftime("%F %H %z").to_string(),
                "daily" => date.to_string(),
                "weekly" => local.strftime("%G-%V").to_string(),
                "monthly" => local.strftime("%Y-%m").to_string(),
                _ => date.year().to_string(),
            }
        };
        let mut kept: BTreeSet<Time> = BTreeSet::new();
        kept.extend(hours.iter().rev().take(retain.last.unwrap_or(0) as usize));
        kept.extend(hours.iter().filter(|time| retain.within.is_some_and(|within| newest.since(**time) <= within)));
        let rules = [
            ("hourly", retain.hourly),
            ("daily", retain.daily),
            ("weekly", retain.weekly),
            ("monthly", retain.monthly),
            ("yearly", retain.yearly),
        ];
        for (rule, count) in rules {
            let mut labels: Vec<String> = Vec::new();
            for time in hours.iter().rev() {
                let label = label(time, rule);
                if !labels.contains(&label) {
                    if labels.len() == count.unwrap_or(0) as usize {
                        break;
                    }
                    labels.push(label);
                    kept.insert(*time);
                }
            }
        }
        kept.into_iter().collect()
    }

    /// Rules, and how many points they leave of a year of hours in New York that ends at midnight of New Year.
    fn table() -> Vec<(Retain, usize)> {
        let none = Retain::default();
        vec![
            (Retain { last: Some(3), ..none.clone() }, 3),
            (Retain { within: Some(hour(48)), ..none.clone() }, 49),
            (Retain { hourly: Some(24), ..none.clone() }, 24),
            (Retain { daily: Some(7), ..none.clone() }, 7),
            (Retain { weekly: Some(8), ..none.clone() }, 8),
            (Retain { monthly: Some(12), ..none.clone() }, 12),
            (Retain { yearly: Some(3), ..none.clone() }, 1),
            (Retain { last: Some(3), daily: Some(7), weekly: Some(4), ..none.clone() }, 11),
            (Retain { hourly: Some(24), daily: Some(7), weekly: Some(4), monthly: Some(12), ..none.clone() }, 43),
            (Retain { within: Some(hour(24 * 30)), ..none.clone() }, 721),
            (Retain { last: Some(0), ..none }, 0),
        ]
    }

    #[test]
    fn a_year_hour_by_hour_leaves_exactly_what_a_calendar_on_paper_says() {
        let (from, to) = (at("2026-01-01T05:00:00Z"), at("2027-01-01T05:00:00Z"));
        for (retain, count) in table() {
            let held = hour_by_hour(&retain, &zone("America/New_York"), from, to);
            assert_eq!(held, on_paper(&retain, "America/New_York", from, to), "{retain:?}");
            assert_eq!(held.len(), count, "{retain:?}");
        }
    }

    #[test]
    fn the_year_is_exact_wherever_it_is_cut_and_whatever_the_zone() {
        let rules = Retain {
            last: Some(2),
            hourly: Some(30),
            daily: Some(9),
            weekly: Some(5),
            monthly: Some(3),
            ..Retain::default()
        };
        // Just before and after clock changes and the turns of months and years, also in zones with half-hour offsets.
        for name in ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"] {
            for to in [
                "2026-03-08T08:00:00Z",
                "2026-03-29T03:00:00Z",
                "2026-11-01T06:00:00Z",
                "2026-11-01T07:00:00Z",
                "2026-10-03T16:00:00Z",
                "2027-01-01T12:00:00Z",
                "2027-01-04T01:00:00Z",
            ] {
                let (from, to) = (at("2025-12-15T00:00:00Z"), at(to));
                let held = hour_by_hour(&rules, &zone(name), from, to);
                assert_eq!(held, on_paper(&rules, name, from, to), "{name} to {to}");
            }
        }
    }

    #[test]
    fn an_outage_drains_nothing() {
        let rules = Retain { within: Some(hour(48)), daily: Some(3), ..Retain::default() };
        let newest = at("2026-05-01T00:00:00Z");
        let points = [newest, newest.minus(hour(40)), newest.minus(hour(70)), newest.minus(hour(900))];
        let keeps = kept_by_rules(&rules, &zone("UTC"), &points);
        assert_eq!(keeps[1], [Keep::Within(hour(48)), Keep::Period("daily", 2, 3)]);
        assert_eq!(keeps[2], [Keep::Period("daily", 3, 3)], "days without a point do not count");
        assert!(keeps[3].is_empty());
        assert!(kept_by_rules(&rules, &zone("UTC"), &[]).is_empty());
    }
}
