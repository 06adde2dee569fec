//! Durations as text: `26h`, `2h 30m`, `3d 4h`.
//!
//! All functions use the same spelling, at different precision.

use std::time::Duration;

/// The two largest units that are not zero: `1d 2h`, `2h 30m`, `45s`; below a second `250ms`.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    let total = duration.as_secs();
    if total == 0 {
        return format!("{}ms", duration.as_millis());
    }
    joined(&[(total / 86_400, "d"), (total / 3600 % 24, "h"), (total / 60 % 60, "m"), (total % 60, "s")], 2)
}

/// The same in whole seconds at most; used for ages.
#[must_use]
pub fn age_text(age: Duration) -> String {
    if age.as_secs() == 0 { "0s".to_owned() } else { duration_text(age) }
}

/// In minutes up to two hours; used for the duration of copies.
#[must_use]
pub fn minutes_text(duration: Duration) -> String {
    match duration.as_secs() {
        secs @ 60..7200 => format!("{} min", (secs + 30) / 60),
        _ => duration_text(duration),
    }
}

/// Without rounding, as in the policy file: in hours rather than days, unless it is whole days and at least a week.
#[must_use]
pub fn exact_text(duration: Duration) -> String {
    let total = duration.as_secs();
    let millis = duration.subsec_millis();
    if total >= 7 * 86_400 && total.is_multiple_of(86_400) && millis == 0 {
        return format!("{}d", total / 86_400);
    }
    let text = joined(
        &[(total / 3600, "h"), (total / 60 % 60, "m"), (total % 60, "s"), (u64::from(millis), "ms")],
        usize::MAX,
    );
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// The first `most` of these that are not zero.
fn joined(parts: &[(u64, &str)], most: usize) -> String {
    let words = parts.iter().filter(|(n, _)| *n > 0).take(most).map(|(n, unit)| format!("{n}{unit}"));
    words.collect::<Vec<_>>().join(" ")
}

/// Reads `26h`, `2h 30m`, `90d`, `1w`: units from weeks to milliseconds, days of 24 hours. `None` if it is not a
/// duration, is negative, or uses months or years, whose length is not fixed.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.trim().parse().ok()?;
    // `parse` below refuses months and years, `try_from` refuses negative durations.
    let signed = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(signed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_its_detail() {
        let forms = |millis: u64| {
            let duration = Duration::from_millis(millis);
            [duration_text(duration), age_text(duration), minutes_text(duration), exact_text(duration)]
        };
        assert_eq!(forms(0), ["0ms", "0s", "0ms", "0s"]);
        assert_eq!(forms(250), ["250ms", "0s", "250ms", "250ms"]);
        assert_eq!(forms(45_250), ["45s", "45s", "45s", "45s 250ms"]);
        assert_eq!(forms(9_001_000 - 3_600_000), ["1h 30m", "1h 30m", "90 min", "1h 30m 1s"]);
        assert_eq!(forms(9_001_000), ["2h 30m", "2h 30m", "2h 30m", "2h 30m 1s"]);
        assert_eq!(forms(26 * 3_600_000), ["1d 2h", "1d 2h", "1d 2h", "26h"]);
        assert_eq!(forms(14 * 86_400_000), ["14d", "14d", "14d", "14d"]);
        assert_eq!(forms(14 * 86_400_000 + 1), ["14d", "14d", "14d", "336h 1ms"]);
    }

    #[test]
    fn what_is_written_exactly_is_read_back() {
        for millis in [0, 250, 9_000_000, 26 * 3_600_000, 14 * 86_400_000, 14 * 86_400_000 + 61_001] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse_duration(&exact_text(duration)), Some(duration));
        }
    }
}
