//! The parameters of history and report queries.
//!
//! The same query comes as `lifeboat history --since 30d` and as `/api/v1/history?since=30d`, from people and scripts
//! that get it wrong. So each parameter is parsed in one place, and every error says what to write instead.

use crate::domain::duration::parse_duration;
use crate::domain::id::{Occurrence, SourceKey, Trigger};
use crate::domain::time::Time;
use crate::store::{HistoryQuery, Mark, OccurrenceStatus, RouteQuery};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::time::Duration;

/// The number of entries if no limit is given.
pub const DEFAULT_LIMIT: u32 = 100;
/// The maximum number of entries per response.
pub const MAX_LIMIT: u32 = 10_000;

/// Parses `since`: an RFC 3339 time, or a duration before `now`, as in `30d`, `26h` or `1h 30m`.
///
/// # Errors
/// It is neither; the text says what to write.
pub fn since(text: &str, now: Time) -> Result<Time, String> {
    moment("since", text, now)
}

/// Parses `until`, which has the same format as [`since`].
///
/// # Errors
/// It is not a time; the text says what to write.
pub fn until(text: &str, now: Time) -> Result<Time, String> {
    moment("until", text, now)
}

fn moment(name: &str, text: &str, now: Time) -> Result<Time, String> {
    let text = text.trim();
    if let Some(time) = Time::parse_rfc3339(text) {
        return Ok(time);
    }
    match parse_duration(text) {
        Some(back) => Ok(now.minus(back)),
        None => Err(format!(
            "`{name}` is \"{}\"; write a time such as 2026-11-21T08:00:00Z, or how long ago, such as 30d, 26h or 90m",
            shown(text)
        )),
    }
}

/// Parses `limit`: from 1 to [`MAX_LIMIT`].
///
/// # Errors
/// It is not such a number; the text says what to write.
pub fn limit(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(format!("`limit` is \"{}\"; write a number from 1 to {MAX_LIMIT}", shown(text))),
    }
}

/// Parses `outcome`: the status of an occurrence.
///
/// # Errors
/// There is no such status; the text lists all of them.
pub fn outcome(text: &str) -> Result<OccurrenceStatus, String> {
    let words = OccurrenceStatus::ALL.map(OccurrenceStatus::as_str).join(", ");
    OccurrenceStatus::parse(text).ok_or_else(|| format!("`outcome` is \"{}\"; write one of {words}", shown(text)))
}

/// Rejects an empty period.
///
/// # Errors
/// `until` is not after `since`.
pub fn in_order(since: Option<Time>, until: Option<Time>) -> Result<(), String> {
    match (since, until) {
        (Some(since), Some(until)) if until <= since => {
            Err(format!("`until` ({until}) does not lie after `since` ({since}); swap them"))
        }
        _ => Ok(()),
    }
}

/// Parses the query of a URL, `since=…&until=…&policy=…&source=…&outcome=…&after=…&limit=…`, each at most once. A plus
/// sign stands for itself, so that a time with an offset can be typed unescaped.
///
/// # Errors
/// Something in it is unknown, duplicated or unreadable; the text says what.
pub fn history(query: Option<&str>, now: Time) -> Result<HistoryQuery, String> {
    let mut asked = HistoryQuery { limit: DEFAULT_LIMIT, ..HistoryQuery::default() };
    for (name, value) in pairs(query, &["since", "until", "policy", "source", "outcome", "after", "limit"])? {
        match name {
            "since" => asked.since = Some(since(&value, now)?),
            "until" => asked.until = Some(until(&value, now)?),
            "policy" => asked.policy = Some(value.into()),
            "source" => asked.source = Some(value.into()),
            "outcome" => asked.became = Some(outcome(&value)?),
            "after" => asked.after = Some(mark(&value)?),
            _ => asked.limit = limit(&value)?,
        }
    }
    in_order(asked.since, asked.until)?;
    Ok(asked)
}

/// The default period of a report.
pub const DEFAULT_PERIOD: Duration = Duration::from_secs(30 * 86_400);

/// Parses the query of a URL, `since=…&until=…&policy=…&source=…`, for a report of a past period.
///
/// # Errors
/// Something in it is unknown, duplicated or unreadable; the text says what.
pub fn report(query: Option<&str>, now: Time) -> Result<RouteQuery, String> {
    let mut asked = RouteQuery { since: now.minus(DEFAULT_PERIOD), until: now, policy: None, source: None };
    for (name, value) in pairs(query, &["since", "until", "policy", "source"])? {
        match name {
            "since" => asked.since = since(&value, now)?,
            "until" => asked.until = until(&value, now)?.min(now),
            "policy" => asked.policy = Some(value.into()),
            _ => asked.source = Some(value.into()),
        }
    }
    in_order(Some(asked.since), Some(asked.until))?;
    Ok(asked)
}

/// Whether a plan should also list what is kept: `kept=true`.
///
/// # Errors
/// Something in it is unknown, duplicated or unreadable; the text says what.
pub fn plan(query: Option<&str>) -> Result<bool, String> {
    let mut kept = false;
    for (_, value) in pairs(query, &["kept"])? {
        kept = match value.as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(format!("`kept` is `true` or `false`, not `{}`", shown(&value))),
        };
    }
    Ok(kept)
}

/// Formats a query for a URL, to be parsed by [`report`].
#[must_use]
pub fn report_text(asked: &RouteQuery) -> String {
    query_text(&[
        ("since", Some(asked.since.to_string())),
        ("until", Some(asked.until.to_string())),
        ("policy", asked.policy.as_ref().map(ToString::to_string)),
        ("source", asked.source.as_ref().map(ToString::to_string)),
    ])
}

/// Formats a query for a URL, to be parsed by [`history`].
#[must_use]
pub fn history_text(asked: &HistoryQuery) -> String {
    let HistoryQuery { since, until, policy, source, became, after, limit } = asked;
    let values = [
        ("since", since.map(|since| since.to_string())),
        ("until", until.map(|until| until.to_string())),
        ("policy", policy.as_ref().map(ToString::to_string)),
        ("source", source.as_ref().map(ToString::to_string)),
        ("outcome", became.map(|became| became.as_str().to_owned())),
        ("after", after.as_ref().map(mark_text)),
        ("limit", Some(limit.to_string())),
    ];
    query_text(&values)
}

/// The characters escaped in the value of a query: those with a meaning of their own in a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');

fn query_text(values: &[(&str, Option<String>)]) -> String {
    let escaped = |value| utf8_percent_encode(value, ESCAPED);
    let given = values.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_deref()?))));
    given.collect::<Vec<_>>().join("&")
}

/// The pairs of a query, none of which is empty, duplicated or unknown.
fn pairs<'a>(query: Option<&'a str>, known: &[&'static str]) -> Result<Vec<(&'a str, String)>, String> {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !known.contains(&name) {
            return Err(format!("`{}` is unknown; there are {}", shown(name), known.join(", ")));
        }
        let value = percent_decode_str(value).decode_utf8();
        let value = value.map_err(|_| format!("the value of `{name}` is not UTF-8 text"))?;
        if value.is_empty() {
            return Err(format!("`{name}` is empty; give it a value, or leave it out"));
        }
        if pairs.iter().any(|(before, _)| *before == name) {
            return Err(format!("`{name}` is given twice"));
        }
        pairs.push((name, value.into_owned()));
    }
    Ok(pairs)
}

/// Separates the parts of a mark; occurs in no name that this program creates or accepts.
const BETWEEN: char = '~';

/// A position in the history as text, for `after`.
#[must_use]
pub fn mark_text(mark: &Mark) -> String {
    let Mark { lies_at, source, occurrence, point } = mark;
    let (region, id) = point.as_ref().map_or(("", ""), |(region, id)| (region.as_str(), id.as_str()));
    let parts = [
        lies_at.millis().to_string(),
        source.account.to_string(),
        source.source.to_string(),
        occurrence.at.millis().to_string(),
        occurrence.trigger.as_str().to_owned(),
        region.to_owned(),
        id.to_owned(),
    ];
    parts.join(&BETWEEN.to_string())
}

fn mark(text: &str) -> Result<Mark, String> {
    let read = || {
        let parts: [&str; 7] = text.split(BETWEEN).collect::<Vec<_>>().try_into().ok()?;
        let [lies_at, account, source, at, trigger, region, id] = parts;
        let source = SourceKey { account: account.into(), source: source.into() };
        let occurrence = Occurrence { at: Time::from_millis(at.parse().ok()?), trigger: Trigger::parse(trigger)? };
        let point = (!id.is_empty()).then(|| (region.into(), id.into()));
        Some(Mark { lies_at: Time::from_millis(lies_at.parse().ok()?), source, occurrence, point })
    };
    read().ok_or_else(|| format!("`after` is \"{}\"; take it as the link to the next page gives it", shown(text)))
}

/// A wrong word, shortened for a message.
fn shown(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let expected =
            HistoryQuery { since: Some(NOW), policy: Some("a b&c".into()), limit: 7, ..HistoryQuery::default() };
        assert_eq!(all, expected);
        assert_eq!(history(Some("since=2026-11-21T10:00:00+02:00"), NOW).unwrap().since, Some(NOW));
        for empty in [None, Some(""), Some("&&")] {
            assert_eq!(history(empty, NOW).unwrap().limit, DEFAULT_LIMIT);
        }
        for bad in [
            "limit=0",
            "limit=10001",
            "limit=-1",
            "limit",
            "policy=",
            "source=",
            "x=1",
            "limit=1&limit=2",
            "policy=%ff",
            "outcome=done",
            "after=1~2",
            "after=x~a~b~1~schedule~~",
            "since=2h&until=3h",
            "since=2026-11-21T10:00:00Z&until=2026-11-21T10:00:00Z",
        ] {
            assert!(history(Some(bad), NOW).is_err(), "{bad}");
        }
        assert!(history(Some("outcome=done"), NOW).is_err_and(|why| why.contains("open, completed")));
        assert_eq!(history(Some("policy=100%"), NOW).unwrap().policy, Some("100%".into()));
        assert_eq!(history(Some("policy=%zz%4"), NOW).unwrap().policy, Some("%zz%4".into()));
    }

    #[test]
    fn a_question_survives_its_way_through_a_url() {
        let asked = HistoryQuery {
            since: Some(Time::from_millis(1_795_248_000_250)),
            until: Some(NOW.plus(Duration::from_secs(5))),
            policy: Some("a b&c=d/é#?".into()),
            source: Some("fs-0123456789abcdef0".into()),
            became: Some(OccurrenceStatus::Open),
            after: Some(Mark {
                lies_at: NOW,
                source: SourceKey { account: "prod".into(), source: "fsvol-1".into() },
                occurrence: Occurrence { at: NOW, trigger: Trigger::Manual },
                point: Some(("us-west-2".into(), "backup-1".into())),
            }),
            limit: 17,
        };
        assert_eq!(history(Some(&history_text(&asked)), NOW), Ok(asked));
        let period = RouteQuery {
            since: NOW.minus(Duration::from_secs(9)),
            until: NOW.minus(Duration::from_millis(1)),
            policy: Some("a b".into()),
            source: None,
        };
        assert_eq!(report(Some(&report_text(&period)), NOW), Ok(period));
        assert_eq!(report(Some("until=2030-01-01T00:00:00Z"), NOW).map(|asked| asked.until), Ok(NOW));
        assert!(report(Some("since=2030-01-01T00:00:00Z"), NOW).is_err(), "nothing is known of the future");
        assert!(report(Some("limit=1"), NOW).is_err());
        let few = HistoryQuery { limit: 3, ..HistoryQuery::default() };
        assert_eq!((history_text(&few).as_str(), history(Some("limit=3"), NOW)), ("limit=3", Ok(few)));
    }
}
