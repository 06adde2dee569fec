//! Whether a route met its RPO over a past period.
//!
//! An auditor asks a year later, when half of the recovery points are deleted and the daemon was down for a weekend. So
//! this uses what the database recorded about each recovery point ([`Held`]) and about when AWS's inventory was read
//! ([`ReadSpan`]), and has three answers: what cannot be known is never reported as met.
//!
//! At a time `t` a recovery point is *certain* if it was seen AVAILABLE by then and still existed when the inventory
//! was next read; it is *possible* if it appeared or disappeared while the inventory was not read. The RPO is met while
//! a certain point is young enough, unknown while only a possible one is, and broken otherwise.

use crate::domain::limits::TAKEN_AHEAD_TOLERATED;
use crate::domain::time::Time;
use crate::store::{Held, ReadSpan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A point found removed this soon after a gap in the readings may have disappeared at any moment of the gap: it takes
/// several polls to confirm a removal.
const DOUBT: Duration = Duration::from_secs(3600);
/// The resolution of time.
const MOMENT: Duration = Duration::from_millis(1);

/// The status of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntervalStatus {
    /// The newest recovery point was young enough.
    Met,
    /// It was too old, or there was none.
    Broken,
    /// It cannot be determined.
    Unknown,
}

/// An interval with one status, from its beginning up to but excluding its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpoInterval {
    /// Its beginning.
    pub from: Time,
    /// Its end.
    pub to: Time,
    /// Its status.
    pub status: IntervalStatus,
}

/// The status of an RPO from `from` to `to`, as intervals without gaps.
#[must_use]
pub fn rpo_intervals(from: Time, to: Time, rpo: Duration, readings: &[ReadSpan], points: &[Held]) -> Vec<RpoInterval> {
    let breaks = Breaks::of(readings);
    let mut marks = Vec::new();
    for point in points {
        for (span, sure) in breaks.spans(point) {
            if span.from < span.to {
                let age_from = breaks.age_from(point);
                marks.push((span.from, true, sure, age_from));
                marks.push((span.to, false, sure, age_from));
            }
        }
    }
    marks.sort_unstable();
    let mut sweep =
        Sweep { sure: Ages::default(), possible: Ages::default(), rpo, first: breaks.first, out: Vec::new() };
    let mut at = from;
    for (time, comes, sure, age_from) in marks {
        let end = time.clamp(from, to);
        sweep.interval(at, end);
        at = at.max(end);
        sweep.turn(comes, sure, age_from);
    }
    sweep.interval(at, to);
    sweep.out
}

/// From (included) to (excluded).
#[derive(Clone, Copy)]
struct Span {
    from: Time,
    to: Time,
}

/// The gaps between readings of the inventory.
struct Breaks {
    /// In order of time; the first ends with the first reading, the last begins when the last reading becomes stale.
    spans: Vec<Span>,
    /// When the inventory was first read.
    first: Time,
}

impl Breaks {
    fn of(readings: &[ReadSpan]) -> Self {
        let long_ago = Time::from_millis(i64::MIN);
        let mut spans = Vec::with_capacity(readings.len() + 1);
        let mut from = long_ago;
        for (n, reading) in readings.iter().enumerate() {
            spans.push(Span { from, to: reading.since });
            from = if n + 1 == readings.len() { reading.good_until } else { reading.through };
        }
        spans.push(Span { from, to: Time::NEVER });
        Self { spans, first: readings.first().map_or(Time::NEVER, |reading| reading.since) }
    }

    /// The latest gap that began before a time.
    fn before(&self, at: Time) -> Option<Span> {
        self.spans.iter().rev().find(|span| span.from < at).copied()
    }

    /// When a point existed: at most one span in which that is certain, and those in which it is possible.
    fn spans(&self, point: &Held) -> Vec<(Span, bool)> {
        let last_break = self.spans.last().map_or(Time::NEVER, |span| span.from);
        let gone = point.gone_at.unwrap_or(Time::NEVER);
        let Some(seen) = point.seen_at else {
            return vec![(Span { from: point.created_at.max(last_break), to: gone }, false)];
        };
        let mut spans = Vec::with_capacity(3);
        // At every earlier reading it was in flight or not there.
        if let Some(blind) = self.before(seen).filter(|blind| seen <= blind.to) {
            spans.push((Span { from: point.created_at.max(blind.from), to: seen }, false));
        }
        let sure_until = match point.gone_at {
            None => last_break,
            Some(gone) => match self.before(gone) {
                Some(blind) if gone <= blind.to.plus(DOUBT) => blind.from,
                _ => gone,
            },
        };
        let sure_until = sure_until.max(seen).min(gone.max(seen));
        spans.push((Span { from: seen, to: sure_until }, self.plausible(point, seen)));
        spans.push((Span { from: sure_until, to: gone }, false));
        spans
    }

    fn plausible(&self, point: &Held, seen: Time) -> bool {
        point.taken_at.since(seen) <= TAKEN_AHEAD_TOLERATED
    }

    /// When its age begins to count.
    fn age_from(&self, point: &Held) -> Time {
        match point.seen_at {
            Some(seen) if !self.plausible(point, seen) => Time::NEVER,
            _ => point.taken_at,
        }
    }
}

/// Points by the time their data was taken.
#[derive(Default)]
struct Ages(BTreeMap<Time, usize>);

impl Ages {
    fn turn(&mut self, comes: bool, age_from: Time) {
        let count = self.0.entry(age_from).or_default();
        *count = if comes { *count + 1 } else { count.saturating_sub(1) };
        if *count == 0 {
            self.0.remove(&age_from);
        }
    }

    /// The first moment at which none of them is young enough.
    fn too_old_from(&self, rpo: Duration) -> Time {
        self.0.last_key_value().map_or(Time::from_millis(i64::MIN), |(newest, _)| newest.plus(rpo).plus(MOMENT))
    }
}

struct Sweep {
    sure: Ages,
    possible: Ages,
    rpo: Duration,
    first: Time,
    out: Vec<RpoInterval>,
}

impl Sweep {
    fn turn(&mut self, comes: bool, sure: bool, age_from: Time) {
        if sure {
            self.sure.turn(comes, age_from);
        } else {
            self.possible.turn(comes, age_from);
        }
    }

    /// No point appears or disappears from `from` to `to`, but points become older.
    fn interval(&mut self, from: Time, to: Time) {
        let met_until = self.sure.too_old_from(self.rpo);
        // Before the first reading, anything may have existed.
        let unknown_until = self.possible.too_old_from(self.rpo).max(self.first);
        let mut at = from;
        for (until, status) in
            [(met_until, IntervalStatus::Met), (unknown_until, IntervalStatus::Unknown), (to, IntervalStatus::Broken)]
        {
            let end = until.min(to);
            if end > at {
                self.push(RpoInterval { from: at, to: end, status });
                at = end;
            }
        }
    }

    fn push(&mut self, next: RpoInterval) {
        match self.out.last_mut() {
            Some(last) if last.status == next.status && last.to == next.from => last.to = next.to,
            _ => self.out.push(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3600;

    fn hours(hours: i64) -> Time {
        Time::from_secs(hours * HOUR)
    }

    fn reading(since: i64, through: i64) -> ReadSpan {
        ReadSpan { since: hours(since), through: hours(through), good_until: hours(through) }
    }

    /// Taken, seen and gone at these hours.
    fn point(taken: i64, seen: Option<i64>, gone: Option<i64>) -> Held {
        let taken_at = hours(taken);
        Held { taken_at, created_at: taken_at, seen_at: seen.map(hours), gone_at: gone.map(hours) }
    }

    /// `met 0-26 broken 26-30`, in hours; a millisecond over a full hour is not shown.
    fn told(rpo_intervals: &[RpoInterval]) -> String {
        let hour = |time: Time| time.millis() / 1000 / HOUR;
        let one =
            |s: &RpoInterval| format!("{} {}-{}", format!("{:?}", s.status).to_lowercase(), hour(s.from), hour(s.to));
        rpo_intervals.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_table_of_cases() {
        let always = || vec![reading(-1000, 1000)];
        for (what, readings, points, expected) in [
            ("nothing was ever held", always(), vec![], "broken 0-100"),
            ("nothing was ever read", vec![], vec![], "unknown 0-100"),
            ("one point grows old", always(), vec![point(0, Some(1), None)], "broken 0-1 met 1-26 broken 26-100"),
            (
                "age counts from when the data was taken, not from when the copy was there",
                always(),
                vec![point(-20, Some(0), None)],
                "met 0-6 broken 6-100",
            ),
            (
                "the next one in time, the one after it late",
                always(),
                vec![point(0, Some(1), None), point(24, Some(25), None), point(48, Some(60), None)],
                "broken 0-1 met 1-50 broken 50-60 met 60-74 broken 74-100",
            ),
            (
                "retention deletes the older one",
                always(),
                vec![point(0, Some(0), Some(30)), point(24, Some(25), None)],
                "met 0-50 broken 50-100",
            ),
            (
                "somebody deletes the newest one",
                always(),
                vec![point(0, Some(0), None), point(20, Some(20), Some(30))],
                "met 0-30 broken 30-100",
            ),
            (
                "before the first reading",
                vec![reading(10, 1000)],
                vec![point(8, Some(10), None)],
                "unknown 0-10 met 10-34 broken 34-100",
            ),
            (
                "what was seen on both sides of a break was there",
                vec![reading(-10, 10), reading(20, 1000)],
                vec![point(0, Some(0), None)],
                "met 0-26 broken 26-100",
            ),
            (
                "what came during a break came at some moment of it",
                vec![reading(-10, 20), reading(50, 1000)],
                vec![point(0, Some(0), None), point(19, Some(50), None)],
                "met 0-26 unknown 26-45 broken 45-100",
            ),
            (
                "what went during a break went at some moment of it",
                vec![reading(-10, 10), reading(20, 1000)],
                vec![point(0, Some(0), Some(20))],
                "met 0-10 unknown 10-20 broken 20-100",
            ),
            (
                "nobody has looked since",
                vec![reading(-10, 10)],
                vec![point(0, Some(0), None)],
                "met 0-10 unknown 10-26 broken 26-100",
            ),
            (
                "nor at what was in flight",
                vec![reading(-10, 30)],
                vec![point(0, Some(0), None), point(20, None, None)],
                "met 0-26 broken 26-30 unknown 30-46 broken 46-100",
            ),
            (
                "a point from the future",
                always(),
                vec![point(500, Some(10), Some(20))],
                "broken 0-10 unknown 10-20 broken 20-100",
            ),
        ] {
            let rpo_intervals = rpo_intervals(hours(0), hours(100), Duration::from_secs(26 * 3600), &readings, &points);
            assert_eq!(told(&rpo_intervals), expected, "{what}");
        }
    }

    /// The same, from the definitions alone, for each moment.
    fn by_definition(t: Time, rpo: Duration, readings: &[ReadSpan], points: &[Held]) -> IntervalStatus {
        let read = |at: Time| {
            let last = readings.len().saturating_sub(1);
            let upto = |n: usize| if n == last { readings[n].good_until } else { readings[n].through };
            (0..readings.len()).any(|n| readings[n].since < at && at <= upto(n))
        };
        let earlier = |at: Time| (1..).map(move |back| at.minus(Duration::from_millis(back)));
        // The beginning of the gap that contains `at`; `None` if `at` is not in a gap.
        let blind_from = |at: Time| {
            let floor = Time::from_millis(-50);
            let looked = |m: &Time| read(*m) || readings.iter().any(|reading| reading.since == *m);
            let last = || earlier(at).take_while(|m| *m > floor).find(looked);
            (!read(at)).then(|| last().unwrap_or(Time::from_millis(i64::MIN)))
        };
        let young = |point: &&Held| t.since(point.taken_at) <= rpo;
        let sure = |point: &&Held| {
            let Some(seen) = point.seen_at.filter(|seen| *seen <= t) else { return false };
            match point.gone_at {
                Some(gone) if t >= gone => false,
                Some(gone) => {
                    // All times here are within `DOUBT`: any gap before `gone` will do.
                    let gap =
                        std::iter::once(gone).chain(earlier(gone)).take(200).find(|m| !read(*m)).and_then(blind_from);
                    gap.is_none_or(|from| t < from.max(seen))
                }
                None => {
                    let tail = readings.last().map_or(Time::from_millis(i64::MIN), |last| last.good_until);
                    t < tail.max(seen)
                }
            }
        };
        let possible = |point: &&Held| {
            if t < point.created_at || point.gone_at.is_some_and(|gone| t >= gone) || sure(point) {
                return false;
            }
            match point.seen_at {
                Some(seen) if t >= seen => true,
                Some(seen) => blind_from(seen).is_some_and(|from| t >= from),
                None => readings.last().is_none_or(|last| t >= last.good_until),
            }
        };
        if points.iter().filter(sure).any(|point| young(&point)) {
            IntervalStatus::Met
        } else if readings.first().is_none_or(|first| t < first.since)
            || points.iter().filter(possible).any(|point| young(&point))
        {
            IntervalStatus::Unknown
        } else {
            IntervalStatus::Broken
        }
    }

    fn readings() -> impl Strategy<Value = Vec<ReadSpan>> {
        prop::collection::vec((0..12_i64, 0..12_i64, 0..5_i64), 0..4).prop_map(|parts| {
            let (mut readings, mut at) = (Vec::new(), 0);
            for (pause, length, good) in parts {
                let since = at + pause + 1;
                let (through, good_until) = (since + length, since + length + good);
                let time = Time::from_millis;
                readings.push(ReadSpan { since: time(since), through: time(through), good_until: time(good_until) });
                at = good_until;
            }
            readings
        })
    }

    fn held() -> impl Strategy<Value = Held> {
        (0..40_i64, 0..10_i64, prop::option::of(0..10_i64), prop::option::of(1..30_i64)).prop_map(
            |(taken, copied, seen, gone)| {
                let time = Time::from_millis;
                let created = taken + copied;
                let seen_at = seen.map(|after| created + after);
                let gone_at = gone.map(|after| time(seen_at.unwrap_or(created) + after));
                Held { taken_at: time(taken), created_at: time(created), seen_at: seen_at.map(time), gone_at }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn as_by_definition_moment_by_moment(
            readings in readings(),
            points in prop::collection::vec(held(), 0..6),
            rpo in 0..20_u64,
            from in 0..20_i64,
        ) {
            let (from, to) = (Time::from_millis(from), Time::from_millis(70));
            let rpo = Duration::from_millis(rpo);
            let rpo_intervals = rpo_intervals(from, to, rpo, &readings, &points);
            let mut at = from;
            for interval in &rpo_intervals {
                prop_assert_eq!(interval.from, at);
                while at < interval.to {
                    let expected = by_definition(at, rpo, &readings, &points);
                    prop_assert_eq!(interval.status, expected, "at {}", at.millis());
                    at = at.plus(MOMENT);
                }
            }
            prop_assert_eq!(at, to);
            prop_assert!(rpo_intervals.windows(2).all(|pair| pair[0].status != pair[1].status));
        }
    }
}
