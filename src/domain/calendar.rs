//! Hours, days, weeks, months and years in a time zone.
//!
//! “The last backup of each day” depends on where midnight is. An hour that DST repeats counts as two hours, an hour
//! that it skips as none, and a day can have 23 or 25 hours.

use super::time::Time;
use jiff::tz::TimeZone;

/// A time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl From<TimeZone> for Zone {
    fn from(zone: TimeZone) -> Self {
        Self(zone)
    }
}

/// The calendar periods that contain one instant. Two instants are in the same hour (day, …) if and only if these are
/// equal; later instants have greater values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// The hour, counted in real time, so that an hour repeated by DST counts as two.
    pub hour: i64,
    /// The day.
    pub day: i64,
    /// The week, beginning on Monday (ISO 8601).
    pub week: i64,
    /// The month.
    pub month: i64,
    /// The year.
    pub year: i64,
}

impl Zone {
    /// The periods that contain `time`.
    #[must_use]
    pub fn periods(&self, time: Time) -> Periods {
        let local = time.to_jiff().to_zoned(self.0.clone());
        let date = local.date();
        let (year, month) = (i64::from(date.year()), i64::from(date.month()));
        let week = date.iso_week_date();
        // In zones with a half-hour offset, hours begin at the half hour of UTC.
        let offset_millis = i64::from(local.offset().seconds()) * 1000;
        let hour_begin = (time.millis() + offset_millis).div_euclid(3_600_000) * 3_600_000 - offset_millis;
        Periods {
            hour: hour_begin,
            day: year * 400 + i64::from(date.day_of_year()),
            week: i64::from(week.year()) * 60 + i64::from(week.week()),
            month: year * 12 + month,
            year,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::parse_rfc3339(text).unwrap()
    }

    fn zone(name: &str) -> Zone {
        TimeZone::get(name).unwrap().into()
    }

    #[test]
    fn a_repeated_hour_is_two_and_a_long_day_is_one() {
        let zone = zone("America/New_York");
        // 1:30 comes twice on 2026-11-01.
        let (first, second) = (zone.periods(at("2026-11-01T05:30:00Z")), zone.periods(at("2026-11-01T06:30:00Z")));
        assert!(first.hour < second.hour);
        assert_eq!((first.day, first.week), (second.day, second.week));
        let (midnight, last) = (zone.periods(at("2026-11-01T04:00:00Z")), zone.periods(at("2026-11-02T04:59:59Z")));
        assert_eq!(midnight.day, last.day, "25 hours");
        assert!(zone.periods(at("2026-11-02T05:00:00Z")).day > last.day);
    }

    #[test]
    fn weeks_begin_on_monday_and_belong_to_one_year() {
        let zone = zone("UTC");
        let (sunday, monday) = (zone.periods(at("2027-01-03T23:00:00Z")), zone.periods(at("2027-01-04T00:00:00Z")));
        assert!(sunday.week < monday.week);
        assert_eq!(zone.periods(at("2026-12-31T12:00:00Z")).week, sunday.week, "one week over the turn of the year");
        assert!(zone.periods(at("2026-12-31T12:00:00Z")).year < sunday.year);
    }

    #[test]
    fn later_is_never_less() {
        for name in ["UTC", "Australia/Lord_Howe", "Asia/Kathmandu", "America/New_York", "Pacific/Apia"] {
            let zone = zone(name);
            let mut before = zone.periods(at("2025-12-01T00:00:00Z"));
            for step in 1..40_000 {
                let now = zone.periods(at("2025-12-01T00:00:00Z").plus(std::time::Duration::from_secs(step * 977)));
                assert!(
                    now.hour >= before.hour
                        && now.day >= before.day
                        && now.week >= before.week
                        && now.month >= before.month
                        && now.year >= before.year,
                    "{name} {step}"
                );
                before = now;
            }
        }
    }
}
