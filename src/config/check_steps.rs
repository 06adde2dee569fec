//! Parts of a cron line that are easily misread: steps, and a day and a weekday set together.

use super::wording::{Diagnostic, shown};

/// A field: its name, the number of its values, and the unit of `every` for its steps.
struct Field {
    name: &'static str,
    values: u64,
    unit: Option<&'static str>,
}

const FIELDS: [Field; 6] = [
    Field { name: "second", values: 60, unit: Some("s") },
    Field { name: "minute", values: 60, unit: Some("m") },
    Field { name: "hour", values: 24, unit: Some("h") },
    Field { name: "day", values: 31, unit: Some("d") },
    Field { name: "month", values: 12, unit: None },
    Field { name: "weekday", values: 7, unit: Some("d") },
];

/// The fields of a line; empty if it is not a cron line.
fn fields(text: &str) -> Vec<(&'static Field, &str)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.len() {
        5 => FIELDS.iter().skip(1).zip(words).collect(),
        6 => FIELDS.iter().zip(words).collect(),
        _ => Vec::new(),
    }
}

/// The steps of a field: the item as written, its range, and the step.
fn steps(field: &str) -> impl Iterator<Item = (&str, &str, u64)> {
    field.split(',').filter_map(|item| {
        let (from, step) = item.split_once('/')?;
        Some((item, from, step.parse().ok()?))
    })
}

/// A step as wide as its field, which fires once although it seems to fire often.
pub(super) fn too_wide(text: &str) -> Option<Diagnostic> {
    for (field, word) in fields(text) {
        let Some((_, _, step)) = steps(word).find(|(_, _, step)| *step >= field.values) else { continue };
        let (name, values) = (field.name, field.values);
        let what = format!("`{}`: a step of {step} is as wide as the {name} field, which has {values}", shown(text));
        let hint = match field.unit {
            Some(unit) => format!("write `every {step}{unit}`, or the one {name} that is meant"),
            None => format!("write the one {name} that is meant"),
        };
        return Some(Diagnostic::new(what, hint));
    }
    None
}

/// A step that does not divide its field evenly, or that leaves its range at once.
fn doubtful_step(field: &Field, word: &str) -> Option<Diagnostic> {
    for (item, from, step) in steps(word) {
        if let Some((low, high)) = from.split_once('-')
            && let (Ok(low), Ok(high)) = (low.parse::<u64>(), high.parse::<u64>())
            && step > high.saturating_sub(low)
        {
            let what = format!("`{item}` is nothing but {low}: a step of {step} leaves the range at once");
            return Some(Diagnostic::new(what, format!("write `{low}`")));
        }
        // No number of days divides every month evenly.
        if from != "*" || step < 2 || (field.values.is_multiple_of(step) && field.name != "day") {
            continue;
        }
        let again = match field.name {
            "day" => "each month".to_owned(),
            _ => format!("with each round of {}, {} after its last", field.values, field.values % step),
        };
        let what = format!("`{item}` is uneven: it begins anew {again}");
        let hint = match field.unit {
            Some(unit) => format!("if an even interval is meant, write `every {step}{unit}`"),
            None => "write the months out".to_owned(),
        };
        return Some(Diagnostic::new(what, hint));
    }
    None
}

/// Valid values that are rarely intended.
pub(super) fn doubts(text: &str) -> Vec<Diagnostic> {
    let fields = fields(text);
    let mut doubts: Vec<Diagnostic> = fields.iter().filter_map(|(field, word)| doubtful_step(field, word)).collect();
    let word = |name: &str| fields.iter().find(|(field, _)| field.name == name).map_or("*", |(_, word)| word);
    let (day, weekday) = (word("day"), word("weekday"));
    if !day.starts_with(['*', '?']) && !weekday.starts_with(['*', '?']) {
        let what =
            format!("day `{day}` and weekday `{weekday}` are both set: it fires on every day that is one or the other");
        let hint = match day {
            "1-7" => format!(
                "if the first such weekday of the month is meant, write `* * {weekday}#1` for day, month and weekday"
            ),
            _ => "leave one of them `*`; for the first Monday of a month the weekday is `MON#1`".to_owned(),
        };
        doubts.push(Diagnostic::new(what, hint));
    }
    doubts
}

/// What to write instead of the syntax of other programs.
pub(super) fn foreign(text: &str) -> Option<String> {
    const WEEK: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    const YEAR: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let upper = text.to_ascii_uppercase();
    if upper == "@MIDNIGHT" {
        return Some("write `@daily`".to_owned());
    }
    if let Some(interval) = upper.strip_prefix("@EVERY ") {
        return Some(format!("write `every {}`", shown(&interval.trim().to_ascii_lowercase())));
    }
    if upper.starts_with("CRON_TZ=") || upper.starts_with("TZ=") {
        let (zone, rest) = text.split_once('=')?.1.split_once(char::is_whitespace)?;
        return Some(format!("write `timezone = \"{}\"` and `schedule = \"{}\"`", shown(zone), shown(rest.trim())));
    }
    for (field, word) in fields(text) {
        // In Quartz and EventBridge, a step after a single value runs to the end.
        if let Some((from, step)) = steps(word).find_map(|(_, from, step)| Some((from.parse::<u64>().ok()?, step))) {
            let first = u64::from(matches!(field.name, "day" | "month"));
            return Some(match field.unit.filter(|_| step >= field.values) {
                Some(unit) => format!("write `every {step}{unit}`"),
                None if from == first => format!("write `*/{step}`"),
                None => format!("write `{from}-{}/{step}`", field.values + first - 1),
            });
        }
        for item in word.split(',').map(|item| item.split('/').next().unwrap_or_default()) {
            if field.name == "weekday" {
                for day in item.split('-') {
                    let known =
                        day.get(..3).and_then(|short| WEEK.iter().find(|name| name.eq_ignore_ascii_case(short)));
                    if let Some(name) = known.filter(|_| day.len() > 3 && day.bytes().all(|b| b.is_ascii_alphabetic()))
                    {
                        return Some(format!("write `{name}`: weekdays are {}", WEEK.join(", ")));
                    }
                }
            }
            let Some((from, to)) = item.split_once('-') else { continue };
            let (names, round) = match field.name {
                "weekday" => (&WEEK[..], "week"),
                "month" => (&YEAR[..], "year"),
                _ => (&[][..], ""),
            };
            let number = |written: &str| names.iter().position(|name| name.eq_ignore_ascii_case(written));
            if let (Some(from), Some(to)) = (number(from), number(to))
                && from > to
            {
                let named = (from..=to + names.len()).filter_map(|at| names.get(at % names.len()).copied());
                let named = named.collect::<Vec<_>>().join(",");
                return Some(format!("a range does not go over the end of the {round}: write `{named}`"));
            }
            let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>()) else { continue };
            let first = u64::from(matches!(field.name, "day" | "month"));
            if from > to && from < field.values + first {
                let last = field.values + first - 1;
                return Some(format!("a range does not go over the end: write `{from}-{last},{first}-{to}`"));
            }
        }
    }
    None
}
