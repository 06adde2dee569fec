//! When a policy fires.
//!
//! Time zones skip hours and repeat them. A fixed hour that is skipped fires at the end of the gap, one that is
//! repeated fires once; wildcard and stepped hours follow real time (product.md, `timezone`). This is the whole
//! calendar of the program: given an instant, the next firing after it.

use super::calendar::Zone;
use super::time::Time;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use std::fmt;
use std::time::Duration;

/// A schedule that is known to fire.
#[derive(Clone)]
pub struct Schedule {
    text: String,
    zone_name: String,
    zone: Zone,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Every { interval_millis: i64 },
    Cron { cron: Box<Cron>, zone: TimeZone },
}

/// Why a schedule was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The text is not a schedule.
    #[error("{0}")]
    Text(String),
    /// The time zone is not in the IANA database.
    #[error("no IANA time zone is called `{0}`")]
    Zone(String),
    /// The schedule is well-formed but never comes due.
    #[error("this schedule has no occurrence in the next four years")]
    NeverFires,
}

/// The shortest and longest `every`.
const EVERY_SECS: std::ops::RangeInclusive<u64> = 1..=366 * 86_400;
/// A line longer than this is no schedule that a person wrote.
const TEXT_MAX_BYTES: usize = 200;

impl Schedule {
    /// Reads `0 3 * * *`, six fields with seconds first, `@daily` and friends, or `every 6h`.
    ///
    /// `now` is where the search for a first occurrence begins.
    ///
    /// # Errors
    /// What is wrong, in words for the person who wrote it.
    pub fn parse(text: &str, zone_name: &str, now: Time) -> Result<Self, ScheduleError> {
        let zone = TimeZone::get(zone_name).map_err(|_| ScheduleError::Zone(zone_name.to_owned()))?;
        let trimmed = text.trim();
        let kind = match trimmed.strip_prefix("every ") {
            Some(interval) => parse_every(interval)?,
            None => Kind::Cron { cron: Box::new(parse_cron(trimmed)?), zone: zone.clone() },
        };
        let zone = Zone::from(zone);
        let schedule = Self { text: trimmed.to_owned(), zone_name: zone_name.to_owned(), zone, kind };
        let four_years = Duration::from_secs(4 * 366 * 86_400);
        match schedule.next_after(now) {
            Some(next) if next <= now.plus(four_years) => Ok(schedule),
            _ => Err(ScheduleError::NeverFires),
        }
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The IANA name of the time zone.
    #[must_use]
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// The time zone, by whose calendar retention counts as well.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The first firing strictly after `time`; `None` at the end of the calendar.
    #[must_use]
    pub fn next_after(&self, time: Time) -> Option<Time> {
        match &self.kind {
            Kind::Every { interval_millis } => {
                let next = time.millis().div_euclid(*interval_millis).checked_add(1)?.checked_mul(*interval_millis)?;
                Some(Time::from_millis(next))
            }
            Kind::Cron { cron, zone } => {
                // croner works in whole seconds: from the second that `time` lies in, the next is always after it.
                let from = Time::from_secs(time.millis().div_euclid(1000));
                let zoned = from.to_jiff().to_zoned(zone.clone());
                let next = cron.find_next_occurrence(&zoned, false).ok()?;
                let next = Time::from_jiff(next.timestamp());
                (next > time).then_some(next)
            }
        }
    }

    /// The last firing at or before `time` and after `floor`, if there is one.
    #[must_use]
    pub fn latest_between(&self, floor: Time, time: Time) -> Option<Time> {
        // Step back in growing strides until a firing lies between, then walk forward: only `next_after` is trusted.
        let mut stride = Duration::from_secs(1);
        let mut found = loop {
            let from = time.minus(stride).max(floor);
            match self.next_after(from) {
                Some(first) if first <= time => break first,
                _ if from <= floor => return None,
                _ => stride = stride.saturating_mul(2),
            }
        };
        while let Some(next) = self.next_after(found).filter(|next| *next <= time) {
            found = next;
        }
        Some(found)
    }

    /// The longest time between two neighbouring firings among the next `count` after `now`.
    #[must_use]
    pub fn longest_gap(&self, now: Time, count: usize) -> Duration {
        let mut longest = Duration::ZERO;
        let Some(mut previous) = self.next_after(now) else { return longest };
        for _ in 0..count {
            let Some(next) = self.next_after(previous) else { break };
            longest = longest.max(next.since(previous));
            previous = next;
        }
        longest
    }

    /// The longest time between two neighbouring firings that is to be expected after `now`, and the firing it begins
    /// with; `None` if there are no two.
    ///
    /// Looks at the next 400 firings, and around the next changes of the clocks, which can widen a gap by an hour half
    /// a year ahead.
    #[must_use]
    pub fn widest_gap(&self, now: Time) -> Option<(Time, Duration)> {
        const FIRINGS: usize = 400;
        const AROUND: Duration = Duration::from_secs(30 * 3600);
        let mut starts = vec![(now, Time::NEVER)];
        if let Kind::Cron { zone, .. } = &self.kind {
            let changes = zone.following(now.to_jiff()).take(2).map(|change| Time::from_jiff(change.timestamp()));
            starts.extend(changes.map(|at| (at.minus(AROUND).max(now), at.plus(AROUND))));
        }
        let mut widest: Option<(Time, Duration)> = None;
        for (start, end) in starts {
            let Some(mut previous) = self.next_after(start) else { continue };
            for _ in 0..FIRINGS {
                let Some(next) = self.next_after(previous).filter(|_| previous < end) else { break };
                let gap = next.since(previous);
                if widest.is_none_or(|(_, length)| gap > length) {
                    widest = Some((previous, gap));
                }
                previous = next;
            }
        }
        widest
    }

    /// The time between the next two firings after `now`.
    #[must_use]
    pub fn interval(&self, now: Time) -> Duration {
        self.longest_gap(now, 1)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({} {})", self.text, self.zone_name)
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.zone_name == other.zone_name
    }
}

fn parse_every(interval: &str) -> Result<Kind, ScheduleError> {
    let wrong = |why: &str| ScheduleError::Text(format!("`every {interval}`: {why}"));
    let duration = parse_duration(interval).ok_or_else(|| wrong("not a duration; write for example `every 6h`"))?;
    if !EVERY_SECS.contains(&duration.as_secs()) || duration.subsec_nanos() != 0 {
        return Err(wrong("must be whole seconds, from 1s to 366d"));
    }
    let interval_millis = i64::try_from(duration.as_millis()).map_err(|_| wrong("too long"))?;
    Ok(Kind::Every { interval_millis })
}

fn parse_cron(text: &str) -> Result<Cron, ScheduleError> {
    let wrong = |why: String| ScheduleError::Text(why);
    if text.len() > TEXT_MAX_BYTES {
        return Err(wrong(format!("longer than {TEXT_MAX_BYTES} characters")));
    }
    if !text.starts_with('@') {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if !(5..=6).contains(&fields.len()) {
            return Err(wrong(format!(
                "has {} fields; a cron line has 5 (minute hour day month weekday) or 6 with seconds first",
                fields.len()
            )));
        }
        // croner reads an empty list item as an empty set and then searches for many seconds (crates.md, fact 9).
        if let Some(field) = fields.iter().find(|field| field.split(',').any(str::is_empty)) {
            return Err(wrong(format!("`{field}` has an empty item in its list")));
        }
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| wrong(format!("not a cron line: {error}")))
}

/// Reads `26h`, `2h 30m`, `90d`, `1w`: units from weeks to milliseconds, days of 24 hours. `None` if it is not a
/// duration, is negative, or uses months or years, whose length is not fixed.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.trim().parse().ok()?;
    // Months and years are refused here, what is negative there.
    let signed = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(signed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::parse_rfc3339(text).unwrap()
    }

    fn schedule(text: &str, zone: &str) -> Schedule {
        Schedule::parse(text, zone, at("2026-01-01T00:00:00Z")).unwrap()
    }

    fn firings(text: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = schedule(text, zone);
        let mut time = at(from);
        (0..count)
            .map(|_| {
                time = schedule.next_after(time).unwrap();
                time.to_string()
            })
            .collect()
    }

    #[test]
    fn a_skipped_fixed_hour_fires_at_the_end_of_the_gap() {
        assert_eq!(
            firings("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2),
            ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]
        );
    }

    #[test]
    fn a_repeated_fixed_hour_fires_once() {
        assert_eq!(
            firings("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2),
            ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]
        );
    }

    #[test]
    fn wildcard_and_stepped_hours_follow_real_time() {
        assert_eq!(
            firings("30 * * * *", "America/New_York", "2026-11-01T05:00:00Z", 3),
            ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-01T07:30:00Z"]
        );
        assert_eq!(
            firings("0 */1 * * *", "America/New_York", "2026-03-08T05:30:00Z", 3),
            ["2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"]
        );
    }

    #[test]
    fn every_counts_from_the_epoch() {
        assert_eq!(
            firings("every 6h", "America/New_York", "2026-11-21T07:59:00Z", 2),
            ["2026-11-21T12:00:00Z", "2026-11-21T18:00:00Z"]
        );
    }

    #[test]
    fn six_fields_and_nicknames() {
        assert_eq!(firings("*/20 * * * * *", "UTC", "2026-11-21T07:59:45Z", 1), ["2026-11-21T08:00:00Z"]);
        assert_eq!(firings("@daily", "Europe/Dublin", "2026-11-21T07:59:45Z", 1), ["2026-11-22T00:00:00Z"]);
    }

    #[test]
    fn fractions_of_a_second_do_not_repeat_a_firing() {
        let every_second = schedule("* * * * * *", "UTC");
        assert_eq!(every_second.next_after(Time::from_millis(1999)), Some(Time::from_millis(2000)));
        assert_eq!(every_second.next_after(Time::from_millis(2000)), Some(Time::from_millis(3000)));
    }

    #[test]
    fn latest_between_agrees_with_walking() {
        for (text, zone) in [
            ("30 1 * * *", "America/New_York"),
            ("*/7 * * * * *", "UTC"),
            ("every 5m", "UTC"),
            ("0 0 1 * *", "Asia/Kolkata"),
        ] {
            let schedule = schedule(text, zone);
            let (floor, now) = (at("2026-10-25T00:00:00Z"), at("2026-11-02T12:34:56Z"));
            let mut walked = None;
            let mut time = floor;
            while let Some(next) = schedule.next_after(time).filter(|next| *next <= now) {
                walked = Some(next);
                time = next;
            }
            assert_eq!(schedule.latest_between(floor, now), walked, "{text}");
        }
    }

    #[test]
    fn the_widest_gap_sees_a_change_of_the_clocks_half_a_year_ahead() {
        let now = at("2026-04-01T00:00:00Z");
        let hours = |text: &str, zone: &str| schedule(text, zone).widest_gap(now).unwrap().1.as_secs() / 3600;
        assert_eq!(hours("0 3 * * *", "America/New_York"), 25);
        assert_eq!(hours("0 9-17 * * *", "America/New_York"), 17);
        assert_eq!(hours("0 3 * * *", "UTC"), 24);
        assert_eq!(hours("0 3 * * 1-5", "UTC"), 72);
        assert_eq!(hours("every 6h", "America/New_York"), 6);
    }

    #[test]
    fn traps_are_refused_at_once() {
        let now = at("2026-01-01T00:00:00Z");
        for text in [
            ", * 2 * * *",
            ", 2 * * *",
            "* * * *",
            "@reboot",
            "0 2 31 2 *",
            "every 0s",
            "every 1y",
            "every",
            "",
            "* * * * * * *",
        ] {
            assert!(Schedule::parse(text, "UTC", now).is_err(), "{text}");
        }
        assert_eq!(Schedule::parse("@daily", "Mars/Olympus", now), Err(ScheduleError::Zone("Mars/Olympus".into())));
    }
}
