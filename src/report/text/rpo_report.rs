//! `lifeboat report` as text and CSV: how well every RPO was met.

use super::{OutputStyle, Style, add, clean, csv_lines, or_empty, paint, table, table_text, to_ansi, wrapped};
use crate::domain::counted::counted;
use crate::domain::duration::age_text;
use crate::domain::time::Time;
use crate::report::rpo_report::{Breach, Occurrences, RouteReport, RpoReport};
use crate::report::triage::Names;
use std::time::Duration;

/// As text: the answer in one line, then every route, the worst first.
#[must_use]
pub fn rpo_report(report: &RpoReport, output: OutputStyle) -> String {
    let RpoReport { since, until, routes } = report;
    let said = wrapped(&sentence(routes), output.width.map_or(usize::MAX, usize::from));
    let mut text = format!("{since} to {until}\n{}\n", said.join("\n"));
    if routes.is_empty() {
        return text;
    }
    let columns = ["Met", "Unknown", "Breaches", "Source", "In", "RPO", "Policy", "Kept"];
    let mut shown = table(if output.narrow() { &columns[..6] } else { &columns }, output);
    let mut worst: Vec<&RouteReport> = routes.iter().collect();
    let rank = |route: &RouteReport| (route.met_percent.is_none(), route.met_percent.unwrap_or_default());
    worst.sort_by(|a, b| rank(a).0.cmp(&rank(b).0).then(rank(a).1.total_cmp(&rank(b).1)));
    let names = Names::among(routes.iter().map(|route| &route.account));
    let mut notes = Vec::new();
    for route in worst {
        let unknown = Duration::from_secs_f64(route.unknown_seconds.max(0.0));
        let cells = [
            met_text(route, output),
            if unknown.is_zero() { String::new() } else { paint(&age_text(unknown), Style::Doubtful, output) },
            if route.breaches == 0 { String::new() } else { route.breaches.to_string() },
            clean(&names.source(&route.account, &route.source), output),
            clean(route.region.as_str(), output),
            route.rpo_seconds.map_or(String::new(), |rpo| age_text(Duration::from_secs(rpo))),
            clean(route.policy.as_str(), output),
            route.recovery_points.to_string(),
        ];
        add(&mut shown, cells);
        notes.push(clean(&note(route), output));
    }
    text.push('\n');
    text.push_str(&table_text(&shown, &notes, output));
    to_ansi(&text, output)
}

fn sentence(routes: &[RouteReport]) -> String {
    if routes.is_empty() {
        return "nothing is on record of any route in this time".to_owned();
    }
    let of = |matches: fn(&RouteReport) -> bool| routes.iter().filter(|route| matches(route)).count();
    let parts = [
        (of(|route| route.promised_seconds > 0.0 && route.met_seconds >= route.promised_seconds), "met all the time"),
        (of(|route| route.breaches > 0), "late at some time"),
        (of(|route| route.breaches == 0 && route.unknown_seconds > 0.0), "unknown at some time"),
        (of(|route| route.promised_seconds <= 0.0), "without an RPO"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}"));
    format!("{}: {}", counted(routes.len(), "route"), parts.collect::<Vec<_>>().join(", "))
}

fn met_text(route: &RouteReport, output: OutputStyle) -> String {
    let style = match route {
        RouteReport { met_percent: None, .. } => Style::Faint,
        RouteReport { breaches: 1.., .. } => Style::Bad,
        RouteReport { unknown_seconds, .. } if *unknown_seconds > 0.0 => Style::Doubtful,
        _ => Style::Good,
    };
    paint(&route.met_percent.map_or("no RPO".to_owned(), |percent| format!("{percent:.3}%")), style, output)
}

fn note(route: &RouteReport) -> String {
    let mut said = Vec::new();
    if let Some(Breach { began, ended, seconds }) = route.longest_breach {
        let took = age_text(Duration::from_secs_f64(seconds.max(0.0)));
        let ended = ended.map_or("and not over".to_owned(), |ended| format!("to {}", whole(ended)));
        said.push(format!("longest breach {took}, from {} {ended}", whole(began)));
    }
    if route.rpo_changes > 0 {
        said.push(format!("the RPO was changed {}", times(route.rpo_changes)));
    }
    let Occurrences { open, completed, skipped, coalesced, missed, failed } = route.occurrences;
    let outcomes = [
        (failed, "failed"),
        (missed, "missed"),
        (coalesced, "coalesced"),
        (skipped, "skipped"),
        (completed, "completed"),
        (open, "in progress"),
    ];
    let outcomes = outcomes.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let outcomes = outcomes.collect::<Vec<_>>().join(", ");
    if !outcomes.is_empty() {
        said.push(format!("occurrences: {outcomes}"));
    }
    said.join("; ")
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// Truncated to whole seconds.
fn whole(time: Time) -> Time {
    Time::from_secs(time.millis().div_euclid(1000))
}

const FIELDS: [&str; 25] = [
    "since",
    "until",
    "policy",
    "account",
    "source",
    "region",
    "copy",
    "rpo_seconds",
    "rpo_changes",
    "promised_seconds",
    "met_seconds",
    "late_seconds",
    "unknown_seconds",
    "met_percent",
    "breaches",
    "longest_breach_began",
    "longest_breach_ended",
    "longest_breach_seconds",
    "recovery_points",
    "open",
    "completed",
    "skipped",
    "coalesced",
    "missed",
    "failed",
];

/// As CSV (RFC 4180) with a header; missing values are empty.
#[must_use]
pub fn rpo_report_csv(report: &RpoReport) -> String {
    let row = |route: &RouteReport| {
        let breach = route.longest_breach;
        let Occurrences { open, completed, skipped, coalesced, missed, failed } = route.occurrences;
        [
            report.since.to_string(),
            report.until.to_string(),
            route.policy.to_string(),
            route.account.to_string(),
            route.source.to_string(),
            route.region.to_string(),
            route.copy.to_string(),
            or_empty(route.rpo_seconds),
            route.rpo_changes.to_string(),
            route.promised_seconds.to_string(),
            route.met_seconds.to_string(),
            route.late_seconds.to_string(),
            route.unknown_seconds.to_string(),
            or_empty(route.met_percent),
            route.breaches.to_string(),
            or_empty(breach.map(|breach| breach.began)),
            or_empty(breach.and_then(|breach| breach.ended)),
            or_empty(breach.map(|breach| breach.seconds)),
            route.recovery_points.to_string(),
            open.to_string(),
            completed.to_string(),
            skipped.to_string(),
            coalesced.to_string(),
            missed.to_string(),
            failed.to_string(),
        ]
    };
    csv_lines([FIELDS]) + &csv_lines(report.routes.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn for_a_person() {
        let output = OutputStyle { width: Some(80), ..OutputStyle::plain() };
        assert!(rpo_report(&samples::report(), output).lines().all(|line| line.chars().count() <= 80));
        insta::assert_snapshot!(rpo_report(
            &samples::report(),
            OutputStyle { width: Some(120), ..OutputStyle::plain() }
        ));
        let nothing = RpoReport { routes: Vec::new(), ..samples::report() };
        assert!(rpo_report(&nothing, output).contains("nothing is on record"));
    }

    #[test]
    fn for_a_spreadsheet() {
        let csv = rpo_report_csv(&samples::report());
        assert!(csv.split_terminator("\r\n").all(|line| line.split(',').count() == FIELDS.len()));
        insta::assert_snapshot!(csv.replace("\r\n", "\n"));
    }
}
