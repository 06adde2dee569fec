//! Gaps between firings over whole years, independent of the day on which they are computed.
//!
//! A calendar repeats after 28 years, including weekdays and leap days. All days are alike except for clock changes, so
//! this walks days instead of firings, of which there may be one each second.

use super::super::time::Time;
use super::{Kind, Schedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// The calendar repeats after this time.
const CYCLE: Duration = Duration::from_secs(28 * 1461 * 21_600);
/// The maximum number of days with a firing to visit: more than a line that does not fire every week has in the cycle.
const DAYS_MAX: usize = 4_000;
/// The maximum number of clock changes to visit.
const CHANGES_MAX: usize = 128;

/// What to expect of a schedule in the coming years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gaps {
    /// The longest time between two consecutive firings, and the firing it begins with.
    pub longest: Option<(Time, Duration)>,
    /// The mean time between two firings, over whole weeks, or over whole years for schedules that depend on the month.
    pub mean: Duration,
}

/// Enough for a week of a schedule that fires every half hour.
const FIRINGS: usize = 400;

impl Schedule {
    /// The gaps of the coming years, the same for every `now` of a year.
    #[must_use]
    pub fn gaps(&self, now: Time) -> Gaps {
        *self.gaps.get_or_init(|| self.look_for_gaps(now))
    }

    /// The shortest time between two consecutive firings, of some hundreds after this one; `None` without a second.
    #[must_use]
    pub fn shortest_gap(&self, from: Time) -> Option<Duration> {
        let firings = std::iter::successors(Some(from), |at| self.next_after(*at)).take(FIRINGS);
        let firings: Vec<Time> = firings.collect();
        firings.windows(2).map(|pair| pair[1].since(pair[0])).min()
    }

    fn look_for_gaps(&self, now: Time) -> Gaps {
        let (cron, zone) = match &self.kind {
            Kind::Every { .. } => {
                let mean = self.interval(now);
                return Gaps { longest: self.next_after(now).map(|from| (from, mean)), mean };
            }
            Kind::Cron { cron, zone, .. } => (cron, zone),
        };
        // The first day of the local year, so that whole days are counted.
        let year = now.year_began().plus(DAY).to_jiff().to_zoned(zone.clone()).first_of_year();
        let start = year.and_then(|day| day.start_of_day()).map_or(now, |day| Time::from_jiff(day.timestamp()));
        let mut walk = Walk { schedule: self, zone, longest: None, per_day: 0, days: 0 };
        let weekly = cron.pattern.is_dom_wildcard() && each_week(self.text());
        let (mut window, mut end) = (CYCLE, start.plus(CYCLE));
        if weekly {
            (window, end) = (14 * DAY, start.plus(14 * DAY));
        }
        let through = walk.days(start, end);
        if through < end {
            window = through.since(start);
        }
        let firings = u32::try_from(walk.days.saturating_mul(walk.per_day)).unwrap_or(u32::MAX).max(1);
        walk.changes(start, weekly);
        Gaps { longest: walk.longest, mean: window / firings }
    }

    /// The longest expected time between two consecutive firings, and the firing it begins with; `None` if there are no
    /// two.
    #[must_use]
    pub fn widest_gap(&self, now: Time) -> Option<(Time, Duration)> {
        self.gaps(now).longest
    }
}

struct Walk<'a> {
    schedule: &'a Schedule,
    zone: &'a TimeZone,
    longest: Option<(Time, Duration)>,
    /// Firings on a day that has any.
    per_day: u64,
    /// Days with a firing.
    days: u64,
}

impl Walk<'_> {
    fn consider(&mut self, from: Time, to: Time) {
        let gap = to.since(from);
        if self.longest.is_none_or(|(_, longest)| gap > longest) {
            self.longest = Some((from, gap));
        }
    }

    /// Visits each day, and the single firings of one of them; returns how far it got.
    fn days(&mut self, start: Time, end: Time) -> Time {
        let mut last: Option<Time> = None;
        for _ in 0..DAYS_MAX {
            let Some(first) = self.schedule.next_after(last.unwrap_or(before(start))) else { return end };
            if let Some(last) = last {
                self.consider(last, first);
            }
            if first >= end {
                return end;
            }
            let over = self.day_after(first);
            if self.per_day == 0 {
                let mut time = first;
                self.per_day = 1;
                while let Some(next) = self.schedule.next_after(time).filter(|next| *next < over) {
                    self.consider(time, next);
                    self.per_day += 1;
                    time = next;
                }
            }
            self.days += 1;
            last = Some(self.schedule.latest_between(first, before(over)).unwrap_or(first));
        }
        last.unwrap_or(end)
    }

    /// When the day of this firing ends.
    fn day_after(&self, time: Time) -> Time {
        let zoned = time.to_jiff().to_zoned(self.zone.clone());
        let next = zoned.tomorrow().and_then(|tomorrow| tomorrow.start_of_day());
        next.map_or(time.plus(DAY), |next| Time::from_jiff(next.timestamp())).max(time.plus(Duration::from_secs(1)))
    }

    /// Visits each clock change: the firings on both sides of it, and the days.
    fn changes(&mut self, start: Time, days: bool) {
        let plain = self.longest.map_or(DAY, |(_, longest)| longest);
        let until: Timestamp = start.plus(CYCLE).to_jiff();
        let changes = self.zone.following(start.to_jiff()).map(|change| change.timestamp());
        let changes: Vec<Timestamp> = changes.take_while(|change| *change < until).take(CHANGES_MAX).collect();
        for change in changes.into_iter().map(Time::from_jiff) {
            if let Some(mut time) = self.schedule.latest_between(change.minus(plain + 2 * DAY), change) {
                for _ in 0..2 {
                    let Some(next) = self.schedule.next_after(time) else { break };
                    self.consider(time, next);
                    time = next;
                }
            }
            if days && plain >= DAY / 8 {
                let counted = (self.per_day, self.days);
                self.days(change.minus(plain + 2 * DAY), change.plus(plain + 2 * DAY));
                (self.per_day, self.days) = counted;
            }
        }
    }
}

const fn before(time: Time) -> Time {
    Time::from_millis(time.millis().saturating_sub(1))
}

/// Whether a line without a day of the month fires alike in every week: it has no month, no `MON#1` and no `FRIL`.
fn each_week(text: &str) -> bool {
    let mut last = text.split_whitespace().rev();
    let (weekday, month) = (last.next(), last.next());
    month.is_none_or(|month| month == "*")
        && (month.is_none() || !weekday.is_some_and(|day| day.contains(['#', 'L', 'l'])))
}
