//! Schedules, and whether they can meet their RPO.
//!
//! Each distinct schedule is parsed only once: a file with hundreds of policies has few of them, and finding the
//! longest gap walks hundreds of firings.

use super::check_steps;
use super::nearest::nearest;
use super::problem::{Findings, Problem};
use super::reader::{Spanned, Table};
use super::wording::{Diagnostic, shown};
use crate::domain::duration::{exact_text, parse_duration};
use crate::domain::schedule::{NO_ZONES, Schedule, ScheduleError};
use crate::domain::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// A schedule and the longest gap between its firings.
#[derive(Clone)]
pub(super) struct ParsedSchedule {
    /// The schedule.
    pub schedule: Schedule,
    /// The firing before the longest gap, and its length.
    pub gap: Option<(Time, Duration)>,
}

/// All schedules read so far.
pub(super) struct Calendar {
    now: Time,
    known: BTreeMap<(String, String), Result<ParsedSchedule, ScheduleError>>,
}

impl Calendar {
    /// No schedules yet; their firings are searched after `now`.
    pub(super) fn new(now: Time) -> Self {
        Self { now, known: BTreeMap::new() }
    }

    fn read(&mut self, text: &str, zone: &str) -> Result<ParsedSchedule, ScheduleError> {
        let now = self.now;
        let entry = self.known.entry((text.to_owned(), zone.to_owned())).or_insert_with(|| {
            let schedule = Schedule::parse(text, zone, now)?;
            let gap = schedule.widest_gap(now);
            Ok(ParsedSchedule { schedule, gap })
        });
        entry.clone()
    }

    /// `schedule` and `timezone` of a policy.
    pub(super) fn schedule(&mut self, table: &Table<'_>, findings: &mut Findings) -> Option<Spanned<ParsedSchedule>> {
        table.require(findings, "schedule");
        let written = table.text(findings, "schedule");
        let zone = table.text(findings, "timezone");
        let zone_name = zone.as_ref().map_or("UTC", |zone| zone.value);
        let mut zone_is_known = !(table.has("timezone") && zone.is_none());
        if let Some(zone) = &zone
            && let Err(ScheduleError::Zone(_)) = self.read("@daily", zone.value)
        {
            zone_is_known = false;
            let what = format!("no IANA time zone is called `{}`", shown(zone.value));
            findings.add(Problem::at(&zone.location, what, zone_hint(zone.value)));
        }
        if let Some(zone) = zone.as_ref().filter(|_| zone_is_known)
            && let Some((what, hint)) = reversed(zone.value)
        {
            findings.add(Problem::at(&zone.location, what, hint).warning());
        }
        let written = written?;
        if let Some(wrong) = check_steps::too_wide(written.value) {
            findings.add(Problem::at(&written.location, wrong.what, wrong.hint));
            return None;
        }
        let location = written.location.clone();
        let text = written.value;
        let read = self.read(written.value, if zone_is_known { zone_name } else { "UTC" });
        let found = written.check(findings, |text| read.map_err(|error| schedule_wrong(text, error)))?;
        for doubt in check_steps::doubts(text) {
            findings.add(Problem::at(&location, doubt.what, doubt.hint).warning());
        }
        zone_is_known.then_some(found)
    }
}

/// Common abbreviations of time zones, each with a zone of the database.
const ABBREVIATIONS: [(&str, &str); 14] = [
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("PT", "America/Los_Angeles"),
    ("MDT", "America/Denver"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("EDT", "America/New_York"),
    ("ET", "America/New_York"),
    ("BST", "Europe/London"),
    ("CEST", "Europe/Berlin"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("SGT", "Asia/Singapore"),
    ("AEST", "Australia/Sydney"),
];

fn zone_hint(written: &str) -> String {
    let tidy = written.trim().replace(' ', "_");
    if let Some((_, location)) = ABBREVIATIONS.iter().find(|(short, _)| short.eq_ignore_ascii_case(&tidy)) {
        return format!("name a place that keeps this time, for example `{location}`");
    }
    if let Some(hint) = offset_hint(&tidy) {
        return hint;
    }
    // Files that are not zones, and zones whose names mean the opposite of what they suggest.
    let no_place = |name: &str| NO_ZONES.contains(&name) || name.contains("GMT+") || name.contains("GMT-");
    let known = jiff::tz::db().available().map(|name| name.as_str().to_owned());
    let names: Vec<String> = known.filter(|name| !no_place(name)).collect();
    let is_city = |name: &&String| name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&tidy));
    let city = names.iter().find(is_city).map(String::as_str);
    let near = city.or_else(|| nearest(written, names.iter().map(String::as_str)).filter(|name| name.contains('/')));
    match near.filter(|_| !tidy.is_empty()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "write a name of the IANA database, for example `America/New_York`, or `UTC`".to_owned(),
    }
}

/// Hours ahead of UTC for an offset such as `GMT+2`, `UTC-5`, `+02:00`.
fn offset(written: &str) -> Option<i8> {
    let upper = written.to_ascii_uppercase();
    let rest = ["ETC/GMT", "GMT", "UTC", "UT"].iter().find_map(|name| upper.strip_prefix(name)).unwrap_or(&upper);
    let (sign, rest) = match rest.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let hours = rest.strip_suffix(":00").or(rest.strip_suffix("00").filter(|_| rest.len() == 4)).unwrap_or(rest);
    hours.parse::<i8>().ok().filter(|hours| (0..=14).contains(hours)).map(|hours| sign * hours)
}

/// The zone with this fixed offset: IANA names it with the opposite sign.
fn always(ahead: i8) -> Option<String> {
    match ahead {
        0 => Some("UTC".to_owned()),
        -12..=14 => Some(format!("Etc/GMT{:+}", -ahead)),
        _ => None,
    }
}

fn offset_hint(written: &str) -> Option<String> {
    let name = always(offset(written)?)?;
    Some(format!(
        "name a place that keeps this time, as `Europe/Berlin`; what is always at this offset is called `{name}`"
    ))
}

/// `Etc/GMT+2` is behind UTC but reads as if it were ahead.
fn reversed(name: &str) -> Option<(String, String)> {
    let etc = name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("Etc/GMT"));
    let hours = -offset(name).filter(|hours| etc && *hours != 0)?;
    let (far, side) = (hours.unsigned_abs(), if hours > 0 { "ahead of" } else { "behind" });
    let other = always(-hours).map_or(String::new(), |other| format!(", or `{other}` if the other side is meant"));
    let what = format!("`{}` is {far}h {side} UTC: the signs of these names are reversed", shown(name));
    Some((what, format!("name a place that keeps this time{other}")))
}

fn schedule_wrong(text: &str, error: ScheduleError) -> Diagnostic {
    let text = text.trim();
    match error {
        ScheduleError::NeverFires => {
            let hint = "choose a day that there is: February has no 30th, and April no 31st";
            Diagnostic::new(format!("`{}` never fires in the next four years", shown(text)), hint)
        }
        ScheduleError::Text(_) | ScheduleError::Zone(_) => {
            let reason = out_of_range(text).unwrap_or_else(|| reason(text, &error.to_string()));
            Diagnostic::new(format!("`{}` is not a schedule: {reason}", shown(text)), schedule_hint(text))
        }
    }
}

/// The reason without the text that the message already shows.
fn reason(text: &str, error: &str) -> String {
    if text.starts_with('@') {
        return "there is no such nickname".to_owned();
    }
    let starts = [format!("`{text}`: "), "not a cron line: ".to_owned(), "Component error: ".to_owned()];
    let rest = starts.iter().fold(error, |rest, start| rest.strip_prefix(start.as_str()).unwrap_or(rest));
    let rest = rest.split("; write").next().unwrap_or(rest);
    rest.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// The first number in a cron line that is out of its field's range.
fn out_of_range(text: &str) -> Option<String> {
    const FIELDS: [(&str, u64, u64); 6] =
        [("second", 0, 59), ("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7)];
    let words: Vec<&str> = text.split_whitespace().collect();
    let fields = match words.len() {
        5 => FIELDS.get(1..)?,
        6 => &FIELDS,
        _ => return None,
    };
    for (word, (name, least, most)) in words.iter().zip(fields) {
        let spans = word.split(',').filter_map(|item| item.split('/').next());
        let numbers = spans.flat_map(|span| span.split('-')).filter_map(|number| number.parse::<u64>().ok());
        if let Some(number) = numbers.into_iter().find(|number| !(*least..=*most).contains(number)) {
            return Some(format!("the {name} `{number}` is not from {least} to {most}"));
        }
    }
    None
}

fn schedule_hint(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let names = ["hourly", "daily", "weekly", "monthly", "yearly"];
    let bare = lower.trim_start_matches('@');
    let interval = lower.strip_prefix("every").unwrap_or(&lower).trim();
    let is_interval = parse_duration(interval)
        .is_some_and(|length| length.subsec_nanos() == 0 && (1..=366 * 86_400).contains(&length.as_secs()));
    if let Some(hint) = check_steps::foreign(text) {
        return hint;
    }
    if let Some(inner) = lower.strip_prefix("rate(").and_then(|inner| inner.strip_suffix(')')) {
        return format!(
            "write `every {}`",
            shown(&inner.replacen(' ', "", 1).replace("hours", "h").replace("hour", "h"))
        );
    }
    if lower.starts_with("cron(") {
        return "write the line alone, minute first and without a year: `0 3 * * *`".to_owned();
    }
    if let Some(name) = names.iter().find(|name| **name == bare) {
        return format!("write `@{name}`");
    }
    if lower == "@reboot" {
        return "a schedule goes by the clock: write for example `@daily`".to_owned();
    }
    if is_interval {
        return format!("write `every {}`", shown(interval));
    }
    "write for example `0 3 * * *` (each day at 03:00), `@hourly` or `every 6h`".to_owned()
}

/// Checks that the gaps between firings are short enough for `rpo`.
pub(super) fn check_rpo(rpo: &Spanned<Duration>, timed: &Spanned<ParsedSchedule>, findings: &mut Findings) {
    let Some((from, gap)) = timed.value.gap else { return };
    // The minimum duration of a backup and its copy; an RPO that leaves less can only be met on paper.
    let least = (gap / 4).min(Duration::from_secs(30 * 60));
    if gap + least <= rpo.value {
        return;
    }
    let wider = if gap >= Duration::from_secs(4 * 3600) { Duration::from_secs(3600) } else { gap / 4 };
    let fitting = Duration::from_secs((gap + wider).as_secs().max(1));
    let often = Duration::from_secs(rpo.value.as_secs() / 2);
    let mut hint = format!("set `rpo = \"{}\"` or more", exact_text(fitting));
    if !often.is_zero() {
        hint.push_str(&format!(", or fire more often, for example `schedule = \"every {}\"`", exact_text(often)));
    }
    let until = from.plus(gap);
    let note = format!("up to {} between firings ({from} to {until})", exact_text(gap));
    if gap > rpo.value {
        let what = format!(
            "this schedule cannot meet an RPO of {}: its firings are up to {} apart",
            exact_text(rpo.value),
            exact_text(gap)
        );
        findings.add(Problem::at(&rpo.location, what, hint).and(&timed.location, note));
    } else {
        let what = if gap == rpo.value {
            format!("an RPO of {} leaves no time for the backup itself: firings are as far apart", exact_text(gap))
        } else {
            let left = exact_text(rpo.value.saturating_sub(gap));
            format!("an RPO of {} leaves {left} for the backup and its copy, which take longer", exact_text(rpo.value))
        };
        findings.add(Problem::at(&rpo.location, what, hint).and(&timed.location, note).warning());
    }
}

/// Rejects a `spread` in which an occurrence would be over before its turn comes.
pub(super) fn spread(
    spread: &Spanned<Duration>,
    timed: &Spanned<ParsedSchedule>,
    start_within: Option<&Spanned<Duration>>,
    findings: &mut Findings,
) {
    if let Some(limit) = start_within.filter(|limit| limit.value <= spread.value) {
        let what = format!("`spread` of {} is not within `start_within`", exact_text(spread.value));
        let hint = format!("write less than {}, or a longer `start_within`", exact_text(limit.value));
        findings
            .add(Problem::at(&spread.location, what, hint).and(&limit.location, "it would be missed before its turn"));
    }
    let shortest = timed.value.gap.and_then(|(from, _)| timed.value.schedule.shortest_gap(from));
    if let Some(gap) = shortest.filter(|gap| *gap <= spread.value) {
        let what = format!("`spread` of {} reaches beyond the next firing", exact_text(spread.value));
        let hint = format!("write less than {}", exact_text(gap));
        let note = format!("firings are as near as {}", exact_text(gap));
        findings.add(Problem::at(&spread.location, what, hint).and(&timed.location, note));
    }
}

/// Warns about a `start_within` that reaches beyond the next firing.
pub(super) fn start_within(limit: &Spanned<Duration>, timed: &Spanned<ParsedSchedule>, findings: &mut Findings) {
    let Some((_, gap)) = timed.value.gap else { return };
    if limit.value > gap {
        let what = format!("`start_within` reaches beyond the next firing, which is at most {} away", exact_text(gap));
        let hint = "leave it out (an occurrence may begin until the next one is due), or write less";
        findings.add(Problem::at(&limit.location, what, hint).and(&timed.location, "the schedule").warning());
    }
}
