//! What a person or a program asks the history for, in words that both would use.
//!
//! The same question comes as `lifeboat history --since 30d` and as `/api/v1/history?since=30d`, from hands and
//! scripts that get it wrong; so each word is read in one place, and every refusal says what to write instead.

use crate::domain::schedule::parse_duration;
use crate::domain::time::Time;
use crate::store::HistoryQuery;

/// So many entries come when nobody says how many.
pub const DEFAULT_LIMIT: u32 = 100;
/// More than this never come at once.
pub const MAX_LIMIT: u32 = 10_000;

/// Reads `since`: an RFC 3339 time, or how long before `now`, as in `30d`, `26h` or `1h 30m`.
///
/// # Errors
/// It is neither; says what to write.
pub fn since(text: &str, now: Time) -> Result<Time, String> {
    let text = text.trim();
    if let Some(time) = Time::parse_rfc3339(text) {
        return Ok(time);
    }
    match parse_duration(text) {
        Some(back) => Ok(now.minus(back)),
        None => Err(format!(
            "`since` is \"{}\"; write a time such as 2026-11-21T08:00:00Z, or how long ago, such as 30d, 26h or 90m",
            shown(text)
        )),
    }
}

/// Reads `limit`: from 1 to [`MAX_LIMIT`].
///
/// # Errors
/// It is not such a number; says what to write.
pub fn limit(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(format!("`limit` is \"{}\"; write a number from 1 to {MAX_LIMIT}", shown(text))),
    }
}

/// Reads the query of a URL, `since=…&policy=…&limit=…`, each at most once. A plus sign stands for itself, so that a
/// time with an offset can be typed as it is.
///
/// # Errors
/// Something in it is unknown, doubled or unreadable; says what.
pub fn history(query: Option<&str>, now: Time) -> Result<HistoryQuery, String> {
    let mut asked = HistoryQuery { limit: DEFAULT_LIMIT, ..HistoryQuery::default() };
    let mut seen = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = unescaped(value).ok_or_else(|| format!("the value of `{}` is not UTF-8 text", shown(name)))?;
        match name {
            "since" => asked.since = Some(since(&value, now)?),
            "policy" if value.is_empty() => return Err("`policy` is empty; name one, or leave it out".to_owned()),
            "policy" => asked.policy = Some(value.into()),
            "limit" => asked.limit = limit(&value)?,
            _ => return Err(format!("`{}` is unknown; there are `since`, `policy` and `limit`", shown(name))),
        }
        if seen.contains(&name) {
            return Err(format!("`{name}` is given twice"));
        }
        seen.push(name);
    }
    Ok(asked)
}

/// Undoes %-escapes; one that is none stands for itself. `None` if that gives no text.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = if byte == b'%' { after.split_first_chunk::<2>() } else { None };
        let escaped = digits.and_then(|(&[high, low], after)| Some((hex(high)? << 4 | hex(low)?, after)));
        let (byte, after) = escaped.unwrap_or((byte, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Enough of a wrong word to recognise it by.
fn shown(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Time = Time::from_secs(1_795_248_000);

    #[test]
    fn since_takes_times_and_how_long_ago() {
        assert_eq!(since("2026-11-21T08:00:00Z", NOW), Ok(NOW));
        assert_eq!(since("2026-11-21T10:00:00+02:00", NOW), Ok(NOW));
        for (text, seconds) in
            [("30d", 30 * 86_400), ("26h", 26 * 3600), ("90m", 5400), ("1h 30m", 5400), ("2w", 14 * 86_400)]
        {
            assert_eq!(since(text, NOW), Ok(NOW.minus(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["", "yesterday", "-3h", "3h ago", "30", "1 month", "999999999999999999999h", "\u{1b}[31m"] {
            let refused = since(text, NOW);
            assert!(refused.as_ref().is_err_and(|why| why.contains("such as")), "{text}: {refused:?}");
            assert!(refused.is_err_and(|why| !why.contains('\u{1b}')));
        }
    }

    #[test]
    fn a_query_is_read_or_refused_as_a_whole() {
        let all = history(Some("since=2026-11-21T10:00:00%2B02:00&policy=a%20b%26c&limit=7"), NOW).unwrap();
        assert_eq!(all, HistoryQuery { since: Some(NOW), policy: Some("a b&c".into()), limit: 7 });
        assert_eq!(history(Some("since=2026-11-21T10:00:00+02:00"), NOW).unwrap().since, Some(NOW));
        for empty in [None, Some(""), Some("&&")] {
            assert_eq!(history(empty, NOW).unwrap().limit, DEFAULT_LIMIT);
        }
        for bad in ["limit=0", "limit=10001", "limit=-1", "limit", "policy=", "x=1", "limit=1&limit=2", "policy=%ff"] {
            assert!(history(Some(bad), NOW).is_err(), "{bad}");
        }
        assert_eq!(history(Some("policy=100%"), NOW).unwrap().policy, Some("100%".into()));
        assert_eq!(history(Some("policy=%zz%4"), NOW).unwrap().policy, Some("%zz%4".into()));
    }
}
