//! How well every RPO was met over a period: `lifeboat report`, for auditors.

use super::compliance::{IntervalStatus, RpoInterval, rpo_intervals};
use crate::domain::change::OccurrenceOutcome;
use crate::domain::id::{AccountId, PolicyName, Region, SourceId, Target};
use crate::domain::time::Time;
use crate::store::{Held, OccurrenceStatus, RouteQuery, RouteRecord, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RpoReport {
    /// The beginning of the period.
    pub since: Time,
    /// Its end.
    pub until: Time,
    /// Every route that was in a policy at any moment of the period, by account, source and Region.
    pub routes: Vec<RouteReport>,
}

/// The results of one route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteReport {
    /// The policy; the last one, if there were several.
    pub policy: PolicyName,
    /// The account.
    pub account: AccountId,
    /// The source.
    pub source: SourceId,
    /// The Region of its recovery points.
    pub region: Region,
    /// Whether that is a destination rather than the source's own Region.
    pub copy: bool,
    /// The last RPO; `None` if there was none.
    pub rpo_seconds: Option<u64>,
    /// How often the RPO changed in the period; each part is judged by the RPO of its time.
    pub rpo_changes: u64,
    /// For how long in the period there was an RPO.
    pub promised_seconds: f64,
    /// For how long it was met.
    pub met_seconds: f64,
    /// For how long it was broken.
    pub late_seconds: f64,
    /// For how long its status is unknown.
    pub unknown_seconds: f64,
    /// The percentage of that time in which it was certainly met, truncated (not rounded) to thousandths.
    pub met_percent: Option<f64>,
    /// How often it was broken.
    pub breaches: u64,
    /// The longest breach.
    pub longest_breach: Option<Breach>,
    /// Recovery points held at the end of the period.
    pub recovery_points: usize,
    /// Occurrences of the source that were scheduled in the period, by outcome.
    pub occurrences: Occurrences,
}

/// An uninterrupted time in which an RPO was missed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// Its beginning; that of the period if it began earlier.
    pub began: Time,
    /// Its end; `None` if it continues at the end of the period.
    pub ended: Option<Time>,
    /// Its duration within the period.
    pub seconds: f64,
}

/// Occurrences by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrences {
    /// Not ended yet.
    pub open: u64,
    /// Backup and every copy AVAILABLE.
    pub completed: u64,
    /// Paused, or the source left the policy.
    pub skipped: u64,
    /// A newer one took their place.
    pub coalesced: u64,
    /// Not begun in time.
    pub missed: u64,
    /// Given up.
    pub failed: u64,
}

/// Makes the report from the store.
///
/// # Errors
/// The store cannot be read.
pub async fn read(store: &mut impl Store, query: RouteQuery) -> Result<RpoReport, StoreError> {
    let mut routes = Vec::new();
    store.routes(&query, &mut |record| routes.extend(route(&query, &record))).await?;
    Ok(RpoReport { since: query.since, until: query.until, routes })
}

/// Makes the line of one route.
#[must_use]
pub fn route(query: &RouteQuery, record: &RouteRecord) -> Option<RouteReport> {
    let last = record.rpos.last()?;
    let mut sums = Sums::default();
    for route_rpo in &record.rpos {
        let Some(rpo) = route_rpo.rpo else { continue };
        let from = route_rpo.since.max(query.since);
        let to = route_rpo.until.unwrap_or(Time::NEVER).min(query.until);
        if from < to {
            for interval in rpo_intervals(from, to, rpo, &record.readings, &record.points) {
                sums.add(interval);
            }
        }
    }
    let longest = sums
        .breaches
        .iter()
        .copied()
        .reduce(|longest, next| if length(next) > length(longest) { next } else { longest });
    let with_rpo = sums.met + sums.broken + sums.unknown;
    let rpos: Vec<_> = record.rpos.iter().map(|route_rpo| route_rpo.rpo).collect();
    Some(RouteReport {
        policy: last.policy.clone(),
        account: record.source.account.clone(),
        source: record.source.source.clone(),
        region: record.region.clone(),
        copy: record.target != Target::Backup,
        rpo_seconds: last.rpo.map(|rpo| rpo.as_secs()),
        rpo_changes: rpos.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64,
        promised_seconds: with_rpo.as_secs_f64(),
        met_seconds: sums.met.as_secs_f64(),
        late_seconds: sums.broken.as_secs_f64(),
        unknown_seconds: sums.unknown.as_secs_f64(),
        met_percent: percent(sums.met, with_rpo),
        breaches: sums.breaches.len() as u64,
        longest_breach: longest.map(|breach| Breach {
            began: breach.from,
            ended: (breach.to < query.until).then_some(breach.to),
            seconds: length(breach).as_secs_f64(),
        }),
        recovery_points: recovery_points(query.until, &record.points),
        occurrences: occurrences(record),
    })
}

/// As in the state: a point that was not seen to disappear is still held.
fn recovery_points(at: Time, points: &[Held]) -> usize {
    let held =
        |point: &&Held| point.seen_at.is_some_and(|seen| seen <= at) && point.gone_at.is_none_or(|gone| gone > at);
    points.iter().filter(held).count()
}

/// Truncated, so that only an RPO met all the time is shown as 100.
fn percent(part: Duration, whole: Duration) -> Option<f64> {
    let thousandths = (part.as_millis() * 100_000).checked_div(whole.as_millis())?;
    Some(thousandths as f64 / 1000.0)
}

fn length(interval: RpoInterval) -> Duration {
    interval.to.since(interval.from)
}

fn occurrences(record: &RouteRecord) -> Occurrences {
    let of = |became| record.occurrences.get(&became).copied().unwrap_or_default();
    let ended = |end| of(OccurrenceStatus::Ended(end));
    Occurrences {
        open: of(OccurrenceStatus::Open),
        completed: ended(OccurrenceOutcome::Completed),
        skipped: ended(OccurrenceOutcome::Skipped),
        coalesced: ended(OccurrenceOutcome::Coalesced),
        missed: ended(OccurrenceOutcome::Missed),
        failed: ended(OccurrenceOutcome::Failed),
    }
}

#[derive(Default)]
struct Sums {
    met: Duration,
    broken: Duration,
    unknown: Duration,
    /// Intervals in which the RPO was missed; one that continues under another RPO is one.
    breaches: Vec<RpoInterval>,
}

impl Sums {
    fn add(&mut self, interval: RpoInterval) {
        match interval.status {
            IntervalStatus::Met => self.met += length(interval),
            IntervalStatus::Unknown => self.unknown += length(interval),
            IntervalStatus::Broken => {
                self.broken += length(interval);
                match self.breaches.last_mut() {
                    Some(last) if last.to == interval.from => last.to = interval.to,
                    _ => self.breaches.push(interval),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::SourceKey;
    use crate::store::{ReadSpan, RpoSpan};

    fn hours(hours: i64) -> Time {
        Time::from_secs(hours * 3600)
    }

    fn route_rpo(policy: &str, rpo_hours: Option<u64>, since: i64, until: Option<i64>) -> RpoSpan {
        let rpo = rpo_hours.map(|hours| Duration::from_secs(hours * 3600));
        RpoSpan { policy: policy.into(), rpo, since: hours(since), until: until.map(hours) }
    }

    fn point(taken: i64, gone: Option<i64>) -> Held {
        let taken_at = hours(taken);
        Held { taken_at, created_at: taken_at, seen_at: Some(taken_at), gone_at: gone.map(hours) }
    }

    fn record(rpos: Vec<RpoSpan>, points: Vec<Held>) -> RouteRecord {
        RouteRecord {
            source: SourceKey { account: "default".into(), source: "fs-1".into() },
            target: Target::Copy("us-west-2".into()),
            region: "us-west-2".into(),
            rpos,
            readings: vec![ReadSpan { since: hours(-1000), through: hours(1000), good_until: hours(1000) }],
            points,
            occurrences: [(OccurrenceStatus::Ended(OccurrenceOutcome::Missed), 3), (OccurrenceStatus::Open, 1)].into(),
        }
    }

    fn period(since: i64, until: i64) -> RouteQuery {
        RouteQuery { since: hours(since), until: hours(until), policy: None, source: None }
    }

    #[test]
    fn met_broken_and_the_longest_breach() {
        // Missed from 26 to 40, and from 66 to the end.
        let points = vec![point(0, Some(90)), point(40, None)];
        let line = route(&period(0, 100), &record(vec![route_rpo("one", Some(26), -5, None)], points)).unwrap();
        assert_eq!((line.met_seconds.round(), line.late_seconds.round()), (52.0 * 3600.0, 48.0 * 3600.0));
        assert_eq!((line.breaches, line.recovery_points, line.rpo_changes), (2, 1, 0));
        let longest = line.longest_breach.unwrap();
        assert_eq!((longest.began.millis() / 3_600_000, longest.ended), (66, None));
        assert_eq!(line.met_percent.map(f64::round), Some(52.0));
        assert_eq!(line.occurrences, Occurrences { open: 1, missed: 3, ..Occurrences::default() });
    }

    #[test]
    fn each_time_is_judged_by_the_rpo_of_that_time() {
        let rpos = vec![
            route_rpo("old", Some(10), 0, Some(20)),
            route_rpo("old", None, 20, Some(50)),
            route_rpo("new", Some(100), 60, None),
        ];
        let line = route(&period(0, 100), &record(rpos, vec![point(0, None)])).unwrap();
        assert_eq!(line.policy.as_str(), "new");
        assert_eq!((line.promised_seconds, line.rpo_changes), (60.0 * 3600.0, 2));
        assert_eq!((line.late_seconds / 3600.0).round() as u64, 10);
        assert_eq!(line.breaches, 1);
        let nothing = route(&period(0, 100), &record(vec![route_rpo("one", None, 0, None)], Vec::new())).unwrap();
        assert_eq!((nothing.met_percent, nothing.rpo_seconds, nothing.breaches), (None, None, 0));
    }

    #[test]
    fn a_breach_continues_under_another_rpo() {
        let rpos = vec![route_rpo("one", Some(10), 0, Some(30)), route_rpo("two", Some(11), 30, None)];
        let line = route(&period(0, 100), &record(rpos, vec![point(0, None), point(50, None)])).unwrap();
        let longest = line.longest_breach.unwrap();
        assert_eq!(longest.ended.map(Time::millis), Some(hours(50).millis()));
        assert_eq!((line.breaches, longest.began.millis()), (2, hours(10).millis() + 1));
    }

    #[test]
    fn a_hundred_percent_is_said_only_of_all_the_time() {
        let all = Duration::from_secs(30 * 86_400);
        assert_eq!(percent(all, all), Some(100.0));
        assert_eq!(percent(all - Duration::from_millis(1), all), Some(99.999));
        assert_eq!(percent(Duration::ZERO, Duration::ZERO), None);
    }
}
