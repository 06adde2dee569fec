//! Points in time as plain numbers.
//!
//! Timestamps come from untrusted sources (AWS responses, an old database, a wrong clock), so arithmetic on them must
//! never panic or wrap. [`Time`] is milliseconds since 1970-01-01T00:00Z and saturates.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z. Arithmetic saturates.
///
/// An `Option<Time>` is as small as a `Time`, since a million recovery points hold several. The sign bit is flipped,
/// which keeps the order, and the lowest value represents `None`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(NonZeroU64);

const SIGN: u64 = 1 << 63;

impl Default for Time {
    fn default() -> Self {
        Self::ZERO
    }
}

/// The first instant that RFC 3339 can write with a four-digit year, and the last that it can write in every time zone
/// (two days before the year 10000): the calendar library would clamp a later time.
const RFC3339_MILLIS: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_207_200_999;

impl Time {
    /// The epoch itself.
    pub const ZERO: Self = Self::from_millis(0);
    /// Later than anything that will happen.
    pub const NEVER: Self = Self::from_millis(i64::MAX);

    /// The last instant that RFC 3339 can write in every time zone.
    pub const LAST_WRITABLE: Self = Self::from_millis(*RFC3339_MILLIS.end());

    /// From milliseconds since the epoch; the lowest value counts as the one above it.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        match NonZeroU64::new(millis.cast_unsigned() ^ SIGN) {
            Some(turned) => Self(turned),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// From seconds since the epoch, saturating.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        (self.0.get() ^ SIGN).cast_signed()
    }

    /// Seconds since the epoch with fractions, as Prometheus expects.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any real date fit 53 bits")]
    pub fn secs_f64(self) -> f64 {
        self.millis() as f64 / 1000.0
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self::from_millis(self.millis().saturating_add(millis_of(by)))
    }

    /// This much earlier.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self::from_millis(self.millis().saturating_sub(millis_of(by)))
    }

    /// The time elapsed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.millis().saturating_sub(earlier.millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// As a timestamp of the calendar library; out-of-range values are clamped.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        match jiff::Timestamp::from_millisecond(self.millis()) {
            Ok(timestamp) => timestamp,
            Err(_) if self.millis() < 0 => jiff::Timestamp::MIN,
            Err(_) => jiff::Timestamp::MAX,
        }
    }

    /// From a timestamp of the calendar library, truncated to milliseconds.
    #[must_use]
    pub fn from_jiff(timestamp: jiff::Timestamp) -> Self {
        Self::from_millis(timestamp.as_millisecond())
    }

    /// The beginning of its year, in UTC.
    #[must_use]
    pub fn year_began(self) -> Self {
        let day = self.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).first_of_year().and_then(|day| day.start_of_day());
        day.map_or(self, |day| Self::from_jiff(day.timestamp()))
    }

    /// Parses RFC 3339; `None` if it is not a time.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(Self::from_jiff)
    }
}

/// RFC 3339 in UTC, with fractions only if there are milliseconds.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !RFC3339_MILLIS.contains(&self.millis()) {
            return write!(f, "@{}ms", self.millis());
        }
        let precision = if self.millis() % 1000 == 0 { 0 } else { 3 };
        write!(f, "{:.precision$}", self.to_jiff())
    }
}

/// RFC 3339 text in JSON.
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
            assert_eq!(Time::parse_rfc3339(text), None, "{text}");
        }
        for text in ["2024-02-29T08:00:00Z", "2026-11-21t08:00:00z", "2026-11-21 08:00:00Z", "2026-11-21T08:00:60Z"] {
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
    fn numbers_keep_their_order_and_their_value() {
        let numbers = [i64::MIN + 1, -1, 0, 1, i64::MAX];
        let times = numbers.map(Time::from_millis);
        assert!(times.is_sorted_by(|a, b| a < b));
        assert_eq!(times.map(Time::millis), numbers);
        assert_eq!(Time::from_millis(i64::MIN), times[0], "the lowest stands for nothing");
        assert_eq!(size_of::<Option<Time>>(), 8);
    }
}
