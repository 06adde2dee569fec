//! Schedules.
//!
//! Time zones skip hours and repeat them. The hour field alone decides what that means (product.md, `timezone`): an
//! hour field of values, lists and ranges is matched against the wall clock, so a skipped time fires at the end of the
//! gap and a repeated time fires once, the first time; an hour field with `*` or a step follows real time. This is the
//! only calendar of the program: given an instant, it returns the next firing after it. croner matches civil times;
//! this module turns them into instants.

mod gaps;

pub use gaps::Gaps;

use super::calendar::Zone;
use super::time::Time;
use crate::domain::duration::parse_duration;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A schedule that is known to fire.
#[derive(Clone)]
pub struct Schedule {
    text: String,
    zone_name: String,
    zone: Zone,
    kind: Kind,
    /// Computed once, on first use.
    gaps: Arc<OnceLock<Gaps>>,
}

#[derive(Clone)]
enum Kind {
    Every { interval_millis: i64 },
    Cron { cron: Box<Cron>, zone: TimeZone, fixed: bool },
}

/// Why a schedule is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The text is not a schedule.
    #[error("{0}")]
    Text(String),
    /// The time zone is not in the IANA database.
    #[error("no IANA time zone is called `{0}`")]
    Zone(String),
    /// The schedule is well-formed but never fires.
    #[error("this schedule has no occurrence in the next four years")]
    NeverFires,
}

/// The shortest and longest `every`.
const EVERY_SECS: std::ops::RangeInclusive<u64> = 1..=366 * 86_400;
/// Files in the zone directory that are not zones: one means that none was chosen, one holds rules for others.
pub const NO_ZONES: [&str; 3] = ["Factory", "posixrules", "localtime"];
/// The search for a firing gives up after this many clock changes; no zone has as many in a hundred years.
const CHANGES_MAX: usize = 1000;
/// Maximum length of a schedule that a person could have written.
const TEXT_MAX_BYTES: usize = 200;

impl Schedule {
    /// Parses `0 3 * * *`, six fields with seconds first, `@daily` and the like, or `every 6h`.
    ///
    /// The search for a first occurrence begins at `now`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str, zone_name: &str, now: Time) -> Result<Self, ScheduleError> {
        let unknown = || ScheduleError::Zone(zone_name.to_owned());
        if NO_ZONES.iter().any(|name| name.eq_ignore_ascii_case(zone_name)) {
            return Err(unknown());
        }
        let zone = TimeZone::get(zone_name).map_err(|_| unknown())?;
        Self::within(text, zone_name, zone, now)
    }

    /// The same with a zone that is already loaded.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn within(text: &str, zone_name: &str, zone: TimeZone, now: Time) -> Result<Self, ScheduleError> {
        let trimmed = text.trim();
        let kind = match trimmed.strip_prefix("every ") {
            Some(interval) => parse_every(interval)?,
            None => {
                let (cron, fixed) = parse_cron(trimmed)?;
                Kind::Cron { cron: Box::new(cron), zone: zone.clone(), fixed }
            }
        };
        let zone = Zone::from(zone);
        let schedule =
            Self { text: trimmed.to_owned(), zone_name: zone_name.to_owned(), zone, kind, gaps: Arc::default() };
        let four_years = Duration::from_secs(4 * 366 * 86_400);
        match schedule.next_after(now) {
            Some(next) if next <= now.plus(four_years) => Ok(schedule),
            _ => Err(ScheduleError::NeverFires),
        }
    }

    /// The same schedule with the current zone data; `None` if they did not change or no longer contain the zone.
    #[must_use]
    pub fn by_new_zone_data(&self) -> Option<Self> {
        let zone = TimeZone::get(&self.zone_name).ok()?;
        let mut renewed = self.clone();
        if let Kind::Cron { zone: known, .. } = &mut renewed.kind {
            if *known == zone {
                return None;
            }
            *known = zone.clone();
        } else if self.zone == Zone::from(zone.clone()) {
            return None;
        }
        renewed.zone = Zone::from(zone);
        renewed.gaps = Arc::default();
        Some(renewed)
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

    /// The time zone, whose calendar retention uses as well.
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
            Kind::Cron { cron, zone, fixed } => {
                // Start from the whole second that contains `time`: the next match is always after `time`.
                let from = Time::from_secs(time.millis().div_euclid(1000)).to_jiff();
                let next = if *fixed { next_fixed(cron, zone, from) } else { next_real(cron, zone, from) };
                next.map(Time::from_jiff).filter(|next| *next > time)
            }
        }
    }

    /// The last firing at or before `time` and after `floor`, if any.
    #[must_use]
    pub fn latest_between(&self, floor: Time, time: Time) -> Option<Time> {
        // Step back in growing strides until a firing is found, then walk forward: only `next_after` is trusted.
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

    /// The longest time between two consecutive firings among the next `count` after `now`.
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

/// The first match of the wall clock after `from`, as an instant. The order of wall times is the order of instants: a
/// skipped time is the end of its gap, a repeated time is its first pass.
fn next_fixed(cron: &Cron, zone: &TimeZone, from: Timestamp) -> Option<Timestamp> {
    let mut civil = zone.to_datetime(from);
    // Matches not after `from` lie in the first pass of a repeated hour; at most the rest of a day has to be skipped.
    for _ in 0..=86_400 {
        civil = cron.find_next_occurrence(&civil, false).ok()?;
        let instant = fixed_instant(zone, civil)?;
        if instant > from {
            return Some(instant);
        }
    }
    None
}

fn fixed_instant(zone: &TimeZone, civil: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
        AmbiguousOffset::Gap { before, after } => {
            let (earliest, latest) = (after.to_timestamp(civil).ok()?, before.to_timestamp(civil).ok()?);
            let changes = zone.following(earliest).map(|change| change.timestamp());
            changes.take_while(|change| *change <= latest).last().or(Some(latest))
        }
    }
}

/// The first instant after `from` whose wall time matches. The offset is constant between two clock changes.
fn next_real(cron: &Cron, zone: &TimeZone, from: Timestamp) -> Option<Timestamp> {
    let mut civil = zone.to_datetime(from);
    let mut offset = zone.to_offset(from);
    let mut changes = zone.following(from);
    for _ in 0..CHANGES_MAX {
        let next = offset.to_timestamp(cron.find_next_occurrence(&civil, false).ok()?).ok()?;
        let Some(change) = changes.next().map(|change| change.timestamp()).filter(|change| *change <= next) else {
            return Some(next);
        };
        offset = zone.to_offset(change);
        // From one second before, so that the moment of the change itself is considered.
        civil = offset.to_datetime(change).checked_sub(SignedDuration::from_secs(1)).ok()?;
    }
    None
}

/// Parses a cron line of five or six fields; returns also whether its hours are fixed.
fn parse_cron(text: &str) -> Result<(Cron, bool), ScheduleError> {
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
    let cron = parser.parse(text).map_err(|error| wrong(format!("not a cron line: {error}")))?;
    let fields: Vec<&str> = text.split_whitespace().collect();
    // `@hourly` is the only nickname with `*` in its hour field.
    let hour = fields.len().checked_sub(4).and_then(|at| fields.get(at));
    let fixed = hour.map_or(!text.eq_ignore_ascii_case("@hourly"), |hour| !hour.contains(['*', '/', '?']));
    Ok((cron, fixed))
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

    /// The expected values of a public bug report, each confirmed with Python's zoneinfo.
    #[test]
    fn fixed_hours_go_by_the_wall_clock() {
        for (line, zone, from, right) in [
            (
                "0 2,14 * * *",
                "America/New_York",
                "2027-03-13T12:00:00Z",
                &["2027-03-13T19:00:00Z", "2027-03-14T07:00:00Z", "2027-03-14T18:00:00Z"][..],
            ),
            (
                "0,30 2 * * 0",
                "America/New_York",
                "2027-03-13T12:00:00Z",
                &["2027-03-14T07:00:00Z", "2027-03-21T06:00:00Z", "2027-03-21T06:30:00Z"],
            ),
            (
                "0 0,30 2 * * 0",
                "America/New_York",
                "2027-03-13T12:00:00Z",
                &["2027-03-14T07:00:00Z", "2027-03-21T06:00:00Z", "2027-03-21T06:30:00Z"],
            ),
            ("*/20 2 * * *", "Europe/Paris", "2027-03-27T12:00:00Z", &["2027-03-28T01:00:00Z", "2027-03-29T00:00:00Z"]),
            (
                "0 0,12 * * *",
                "America/Havana",
                "2027-03-13T20:00:00Z",
                &["2027-03-14T05:00:00Z", "2027-03-14T16:00:00Z"],
            ),
            (
                "0 1,13 * * *",
                "America/New_York",
                "2026-11-01T04:00:00Z",
                &["2026-11-01T05:00:00Z", "2026-11-01T18:00:00Z"],
            ),
            (
                "*/30 2 * * *",
                "Australia/Melbourne",
                "2026-04-04T14:00:00Z",
                &["2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z", "2026-04-05T16:00:00Z"],
            ),
            ("30 23 * * 6", "America/Nuuk", "2027-03-26T12:00:00Z", &["2027-03-28T01:00:00Z", "2027-04-04T00:30:00Z"]),
            ("0 23 27 * *", "America/Nuuk", "2027-03-26T12:00:00Z", &["2027-03-28T01:00:00Z", "2027-04-28T00:00:00Z"]),
            ("15 23 27 3 *", "America/Nuuk", "2027-03-26T12:00:00Z", &["2027-03-28T01:00:00Z", "2028-03-28T00:15:00Z"]),
            (
                "0 12 * * *",
                "Pacific/Apia",
                "2011-12-29T00:00:00Z",
                &["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"],
            ),
            (
                "0 */2 * * *",
                "Pacific/Apia",
                "2011-12-30T07:00:00Z",
                &["2011-12-30T08:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T12:00:00Z"],
            ),
        ] {
            assert_eq!(firings(line, zone, from, right.len()), right, "{line} {zone}");
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
    fn last_days_nearest_weekdays_and_nth_weekdays() {
        for (line, right) in [
            ("0 3 L * *", ["2026-01-31T03:00:00Z", "2026-02-28T03:00:00Z"]),
            ("0 3 15W * *", ["2026-01-15T03:00:00Z", "2026-02-16T03:00:00Z"]),
            ("0 3 * * MON#1", ["2026-01-05T03:00:00Z", "2026-02-02T03:00:00Z"]),
            ("0 3 * * FRI#L", ["2026-01-30T03:00:00Z", "2026-02-27T03:00:00Z"]),
        ] {
            assert_eq!(firings(line, "UTC", "2026-01-01T00:00:00Z", 2), right, "{line}");
        }
    }

    /// The predicted gaps do not depend on the day of the check.
    #[test]
    fn gaps_are_the_same_on_every_day() {
        for (line, zone, longest, mean) in [
            ("0 3 * * 1-5", "UTC", 72 * 3600, 7 * 86_400 / 5),
            ("0 3 * * 1-5", "America/New_York", 73 * 3600, 7 * 86_400 / 5),
            ("*/15 * * * 1-5", "UTC", 48 * 3600 + 900, 7 * 86_400 / 480),
            ("0 9-17 * * *", "UTC", 16 * 3600, 86_400 / 9),
            ("@hourly", "Asia/Kolkata", 3600, 3600),
            ("0 0 1 * *", "UTC", 31 * 86_400, 1461 * 86_400 / 48),
            ("0 3 * * MON#1", "UTC", 35 * 86_400, 1461 * 86_400 / 48),
            ("0 0 1 1 *", "UTC", 366 * 86_400, 1461 * 86_400 / 4),
            ("0 1,13 * * *", "America/New_York", 13 * 3600, 43_200),
            ("* * * * * *", "Europe/Berlin", 1, 1),
        ] {
            let mut told = Vec::new();
            for day in ["2026-01-01T00:00:00Z", "2026-07-05T09:30:00Z", "2026-11-28T12:00:00Z", "2026-12-31T23:59:00Z"]
            {
                let gaps = schedule(line, zone).gaps(at(day));
                told.push((gaps.longest.unwrap().1.as_secs(), gaps.mean.as_secs()));
            }
            assert_eq!(told, [(longest, mean); 4], "{line} {zone}");
        }
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
