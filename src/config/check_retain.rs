//! `retain` and `tags`, which policies and destinations share.

use super::check_names;
use super::check_schedule::ParsedSchedule;
use super::problem::{Findings, Location, Problem};
use super::reader::{Spanned, Table};
use super::shape;
use super::wording::shown;
use crate::domain::duration::exact_text;
use crate::domain::policy::{Retain, Tags};
use crate::domain::tags::MAX as TAGS_MAX;
use std::time::Duration;

/// Lifeboat's own: policy, source, occurrence, trigger, attempt, origin, taken, Name, and hold, so that a person can
/// always set a hold.
const TAGS_OWN: usize = 9;
/// More points than AWS allows in an account.
const POINTS_MAX: u32 = 10_000;

/// `retain`; `None` if it is absent or wrong.
pub(super) fn retain(
    around: &Table<'_>,
    timed: Option<&Spanned<ParsedSchedule>>,
    findings: &mut Findings,
) -> Option<Retain> {
    let table = around.table(findings, "retain", &shape::RETAIN)?;
    let mut count = |key: &str| table.whole(findings, key, 0..=POINTS_MAX, "").map(|found| found.value);
    let (last, hourly, daily) = (count("last"), count("hourly"), count("daily"));
    let (weekly, monthly, yearly) = (count("weekly"), count("monthly"), count("yearly"));
    let within = table.duration(findings, "within");
    if let Some(within) = &within {
        check_within(within, &table, timed, findings);
    }
    let within = within.map(|found| found.value);
    // A rule with the number 0 keeps nothing, as if it were absent.
    let some = |count: Option<u32>| count.filter(|count| *count > 0);
    let retain = Retain {
        last: some(last),
        within,
        hourly: some(hourly),
        daily: some(daily),
        weekly: some(weekly),
        monthly: some(monthly),
        yearly: some(yearly),
    };
    let read = [last, hourly, daily, weekly, monthly, yearly].iter().flatten().count() + usize::from(within.is_some());
    let is_whole = read == table.len();
    if is_whole && retain == Retain::default() {
        let hint = "write for example `retain = { last = 3, daily = 7 }`; without `retain` everything is kept";
        findings.add(Problem::at(table.location(), "this retention keeps nothing", hint));
    }
    Some(retain)
}

/// Reports a window too short for a second point, and minutes that may be meant as months.
fn check_within(
    within: &Spanned<Duration>,
    table: &Table<'_>,
    timed: Option<&Spanned<ParsedSchedule>>,
    findings: &mut Findings,
) {
    // It was read as a duration, so it is text.
    let Some(text) = table.text(findings, "within") else { return };
    let months = minutes_in(text.value);
    if let Some(timed) = timed
        && let Some((_, gap)) = timed.value.gap.filter(|(_, gap)| within.value < *gap)
    {
        let what = format!(
            "`within = \"{}\"` keeps nothing but the newest: firings are up to {} apart",
            shown(text.value),
            exact_text(gap)
        );
        let hint = match months {
            Some(months) => format!("months are not a unit: write {}d", months.saturating_mul(30)),
            None => "write a longer one, or `last = 1` if that is meant".to_owned(),
        };
        findings.add(Problem::at(&within.location, what, hint).and(&timed.location, "the schedule"));
    } else if let Some(months) = months {
        let what = format!("`m` in `within = \"{}\"` is minutes", shown(text.value));
        let hint = match months {
            ..=120 => format!("write it in h or d; months are not a unit: {months} of them are {}d", months * 30),
            _ => "write it in h or d".to_owned(),
        };
        findings.add(Problem::at(&within.location, what, hint).warning());
    }
}

/// The number before a bare `m`.
fn minutes_in(text: &str) -> Option<u64> {
    let mut number = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '0'..='9' => number.push(letter),
            'm' if !number.is_empty() && !letters.peek().is_some_and(|next| next.is_ascii_alphabetic()) => {
                return number.parse().ok();
            }
            ' ' => {}
            _ => number.clear(),
        }
    }
    None
}

/// Tags and their location.
pub(super) struct TagSet {
    tags: Tags,
    too_many: bool,
}

impl TagSet {
    /// The tags alone.
    pub(super) fn into_tags(self) -> Tags {
        self.tags
    }
}

/// `tags`, counted together with those `above` that go onto the same backup or copy.
pub(super) fn tags(around: &Table<'_>, above: Option<&TagSet>, findings: &mut Findings) -> TagSet {
    let mut tags = Tags::new();
    for (key, value) in around.pairs(findings, "tags") {
        let key = key.check(findings, check_names::tag_key);
        let value = value.check(findings, check_names::tag_value);
        let (Some(key), Some(value)) = (key, value) else { continue };
        if key.value == "Name" {
            let what = "`Name` is written by Lifeboat, so this one has no effect";
            findings.add(Problem::at(&key.location, what, "use another key, or leave it out").warning());
        }
        tags.insert(key.value.to_owned(), value.value.to_owned());
    }
    let inherited = above.map_or(0, |above| above.tags.keys().filter(|key| !tags.contains_key(*key)).count());
    let free = TAGS_MAX - TAGS_OWN;
    let too_many = inherited + tags.len() > free;
    let location: Option<Location> = around.key_location("tags");
    if let (true, false, Some(location)) = (too_many, above.is_some_and(|above| above.too_many), location) {
        let whose = if above.is_some() { "the policy's and these together" } else { "these" };
        let what = format!(
            "AWS takes {TAGS_MAX} tags, of which Lifeboat needs {TAGS_OWN}: {whose} are {}",
            inherited + tags.len()
        );
        findings.add(Problem::at(&location, what, format!("keep at most {free}")));
    }
    TagSet { tags, too_many }
}
