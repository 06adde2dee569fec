//! Points in time as plain numbers.
//!
//! Timestamps come from places that cannot be trusted (AWS answers, an old database, a clock that was set wrong), so
//! arithmetic on them must never panic or wrap. [`Time`] is milliseconds since 1970-01-01T00:00Z and saturates.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z. Arithmetic saturates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

/// The first instant that RFC 3339 can write with four digits of year, and the last that every time zone can (two days
/// before the year 10000): the calendar library has nothing after it, and would write an earlier time.
const RFC3339_MILLIS: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_207_200_999;

impl Time {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);
    /// Later than anything that will happen.
    pub const NEVER: Self = Self(i64::MAX);

    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since the epoch, saturating.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch with fractions, as Prometheus wants them.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any real date fit 53 bits")]
    pub fn secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(by)))
    }

    /// This much earlier.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(by)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// As the calendar library's timestamp; out-of-range values go to its ends.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => timestamp,
            Err(_) if self.0 < 0 => jiff::Timestamp::MIN,
            Err(_) => jiff::Timestamp::MAX,
        }
    }

    /// From the calendar library's timestamp, cut to milliseconds.
    #[must_use]
    pub fn from_jiff(timestamp: jiff::Timestamp) -> Self {
        Self(timestamp.as_millisecond())
    }

    /// Reads RFC 3339 text; `None` if it is not a time.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        plain_secs(text).map(Self::from_secs).or_else(|| text.parse::<jiff::Timestamp>().ok().map(Self::from_jiff))
    }
}

/// Every answer of AWS about a point of ours tells times as [`Time`] writes them, in whole seconds, and a listing tells
/// thousands: `2026-11-21T08:00:00Z` is read here, all else is left to the calendar library.
fn plain_secs(text: &str) -> Option<i64> {
    let text: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let number = |from: usize, to: usize| {
        text[from..to]
            .iter()
            .try_fold(0, |sum: i64, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    let [year, month, day] = [number(0, 4)?, number(5, 7)?, number(8, 10)?];
    let [hour, minute, second] = [number(11, 13)?, number(14, 16)?, number(17, 19)?];
    let plain = marks.iter().all(|(at, mark)| text[*at] == *mark)
        && (1..=12).contains(&month)
        && (1..=28).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    plain.then(|| days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since the epoch. Years begin in March, so that the leap day is the last of one.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// The year, month and day that are so many days after the epoch: the other way round.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carried) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year_of_era + carried, month, day)
}

/// RFC 3339 in UTC: whole seconds unless there are milliseconds to show.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !RFC3339_MILLIS.contains(&self.0) {
            return write!(f, "@{}ms", self.0);
        }
        // By hand, because every line that is written has one.
        let (secs, millis) = (self.0.div_euclid(1000), self.0.rem_euclid(1000));
        let (year, month, day) = civil_from_days(secs.div_euclid(86_400));
        let of_day = secs.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let fields = [(0, 4, year), (5, 7, month), (8, 10, day), (11, 13, hour), (14, 16, minute), (17, 19, second)];
        for (from, to, mut number) in fields.into_iter().chain([(20, 23, millis)]) {
            for digit in text[from..to].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        let text = if millis == 0 {
            text[19] = b'Z';
            &text[..20]
        } else {
            &text[..]
        };
        f.write_str(std::str::from_utf8(text).unwrap_or_default())
    }
}

/// As text in RFC 3339, for people and programs that read our JSON.
impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A duration in the words of the policy file: `26h`, `2h 30m`, `45s`, `3d 4h`; the two largest units that are not zero.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    let total = duration.as_secs();
    if total == 0 {
        return format!("{}ms", duration.as_millis());
    }
    let parts = [(total / 86_400, "d"), (total / 3600 % 24, "h"), (total / 60 % 60, "m"), (total % 60, "s")];
    let words: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).take(2).map(|(n, unit)| format!("{n}{unit}")).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_both_ways() {
        let time = Time::from_millis(1_795_248_000_000);
        assert_eq!(time.to_string(), "2026-11-21T08:00:00Z");
        assert_eq!(Time::parse_rfc3339("2026-11-21T08:00:00Z"), Some(time));
        assert_eq!(Time::from_millis(1_795_248_000_250).to_string(), "2026-11-21T08:00:00.250Z");
    }

    /// By hand as by the calendar library, from the first year to the last.
    #[test]
    fn text_is_the_calendar_library_s() {
        let (first, last) = (*RFC3339_MILLIS.start(), *RFC3339_MILLIS.end());
        // A stride of no whole number of days or seconds; and each side of every turn of a month.
        let strides = (0..40_000).map(|nth| first + nth * ((last - first) / 40_000));
        let months = (1..=9999_i16).step_by(3).flat_map(|year| {
            (1..=12).flat_map(move |month| {
                let date = jiff::civil::date(year, month, 1).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
                [-1, 0, 1, 86_399_999].map(|by| date.timestamp().as_millisecond() + by)
            })
        });
        for millis in strides.chain(months).chain([first, last, -1, 0, 1]).filter(|at| RFC3339_MILLIS.contains(at)) {
            let time = Time::from_millis(millis);
            let precision = if millis % 1000 == 0 { 0 } else { 3 };
            let text = format!("{:.precision$}", time.to_jiff());
            assert_eq!(time.to_string(), text);
            assert_eq!(Time::parse_rfc3339(&text), Some(time));
            let whole = Time::from_secs(millis.div_euclid(1000));
            assert_eq!(Time::parse_rfc3339(&whole.to_string()), Some(whole));
        }
    }

    /// What AWS tells by the thousand goes the short way; all that needs a calendar goes the long one.
    #[test]
    fn plain_text_is_read_by_hand() {
        for text in ["2026-11-21T08:00:00Z", "1970-01-01T00:00:00Z", "2024-12-28T23:59:59Z", "0001-01-01T01:01:01Z"] {
            let secs = text.parse::<jiff::Timestamp>().unwrap().as_second();
            assert_eq!(plain_secs(text), Some(secs), "{text}");
        }
        for text in ["2024-02-29T08:00:00Z", "2026-11-21T08:00:60Z", "2026-11-21T08:00:00.250Z", "2026-11-21t08:00:00z"]
        {
            assert_eq!(plain_secs(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "2026-02-29T08:00:00Z",
            "2026-13-01T08:00:00Z",
            "2026-00-01T08:00:00Z",
            "2026-01-00T08:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T08:60:00Z",
            "2026-11-21T08:00:61Z",
            "2026-11-2 T08:00:00Z",
            "+026-11-21T08:00:00Z",
            "2026-11-21T08:00:00 ",
            "2026-11-21T08-00:00Z",
        ] {
            assert_eq!(Time::parse_rfc3339(text), text.parse().ok().map(Time::from_jiff), "{text}");
            assert_eq!(Time::parse_rfc3339(text), None, "{text}");
        }
        for text in ["2024-02-29T08:00:00Z", "2026-11-21t08:00:00z", "2026-11-21 08:00:00Z", "2026-11-21T08:00:60Z"] {
            assert_eq!(Time::parse_rfc3339(text), text.parse().ok().map(Time::from_jiff), "{text}");
            assert!(Time::parse_rfc3339(text).is_some(), "{text}");
        }
    }

    #[test]
    fn absurd_numbers_saturate() {
        let end = Time::from_millis(i64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(Time::from_millis(i64::MIN).since(end), Duration::ZERO);
        assert!(end.to_string().starts_with('@'));
    }

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(duration_text(Duration::from_secs(26 * 3600)), "1d 2h");
        assert_eq!(duration_text(Duration::from_secs(9000)), "2h 30m");
        assert_eq!(duration_text(Duration::from_millis(250)), "250ms");
    }
}
