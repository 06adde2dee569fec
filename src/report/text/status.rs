//! `lifeboat status`: the state of every route, and work in progress.

use super::{OutputStyle, Style, add, clean, heading, paint, paragraph, standing_text, table, table_text, to_ansi};
use crate::domain::counted::counted;
use crate::domain::duration::age_text;
use crate::domain::time::Time;
use crate::report::snapshot::{AccountRegionView, FindingView, FlightView, PolicyView, RpoStatus, Snapshot};
use crate::report::triage::{Line, Names, Tally, copies_in_lane, lines, pause_text, problems, staleness};
use std::time::Duration;

/// The answer in one line, then every route with the worst first, then work in progress and problems, the most serious
/// at the very end, where it is still on the screen after a long list.
#[must_use]
pub fn status(snapshot: &Snapshot, now: Time, output: OutputStyle) -> String {
    let lines = lines(snapshot, now);
    let problems = problems(snapshot, now);
    let names = Names::among(snapshot.places.iter().map(|place| &place.account));
    let mut out = headline(Tally::of(&lines), problems.len() + snapshot.findings.len(), output);
    out.push('\n');
    if !lines.is_empty() {
        out.push('\n');
        out.push_str(&routes(&lines, names, now, output));
    }
    places(&mut out, &snapshot.places, names, now, output);
    flights(&mut out, &snapshot.flights, names, now, output);
    policies(&mut out, &snapshot.policies, now, output);
    findings(&mut out, &snapshot.findings, names, output);
    if !problems.is_empty() {
        heading(&mut out, "Problems", output);
        for problem in problems {
            paragraph(&mut out, Style::Bad, &problem, output);
        }
    }
    to_ansi(&out, output)
}

/// The overall status, and whether there is more to read.
pub(super) fn headline(tally: Tally, problems: usize, output: OutputStyle) -> String {
    let style = match tally.worst() {
        Some(RpoStatus::Late) => Style::Bad,
        Some(RpoStatus::Unknown) => Style::Doubtful,
        Some(RpoStatus::Met) => Style::Good,
        _ => Style::Strong,
    };
    let mut text = paint(&tally.sentence(), style, output);
    if problems > 0 {
        text.push_str(&paint(&format!("; {} below", counted(problems, "problem")), Style::Bad, output));
    }
    text
}

fn routes(lines: &[Line<'_>], names: Names, now: Time, output: OutputStyle) -> String {
    let columns = ["State", "Source", "In", "Age", "RPO", "Policy", "Kept"];
    let mut shown = table(if output.narrow() { &columns[..6] } else { &columns }, output);
    let most = output.rows.unwrap_or(usize::MAX);
    let mut notes = Vec::new();
    for line in lines.iter().take(most) {
        let route = line.route;
        let rpo = route.rpo_seconds.map(|rpo| age_text(Duration::from_secs(rpo)));
        let cells = [
            standing_text(line.standing, output),
            clean(&names.source(&route.account, &route.source), output),
            clean(route.region.as_str(), output),
            line.age.map_or_else(|| "none".to_owned(), age_text),
            rpo.unwrap_or_default(),
            clean(route.policy.as_str(), output),
            route.recovery_points.to_string(),
        ];
        add(&mut shown, cells);
        let next = line.next_at.filter(|_| line.standing == RpoStatus::Late && line.why.is_empty());
        let next = next.map(|next| format!("next occurrence in {}", age_text(next.since(now))));
        notes.push(next.unwrap_or_else(|| clean(&line.why, output)));
    }
    table_text(&shown, &notes, output) + &left_out(lines.len(), most)
}

/// How many lines did not fit.
pub(super) fn left_out(all: usize, shown: usize) -> String {
    if all > shown {
        format!("and {} more {}\n", all - shown, if all - shown == 1 { "route" } else { "routes" })
    } else {
        String::new()
    }
}

fn places(out: &mut String, places: &[AccountRegionView], names: Names, now: Time, output: OutputStyle) {
    if places.is_empty() {
        return;
    }
    heading(out, "Regions", output);
    let mut shown = table(&["Region", "Read", "Backups in flight", "Copies in flight", "Copies waiting"], output);
    let mut sorted: Vec<&AccountRegionView> = places.iter().collect();
    sorted.sort_by_key(|place| (!place.stale, place.trouble.is_none()));
    let mut notes = Vec::new();
    for place in sorted {
        let style = if place.stale { Style::Doubtful } else { Style::Good };
        let read = place.last_seen.map_or_else(|| "not yet".to_owned(), |seen| age_text(now.since(seen)) + " ago");
        let waiting: Vec<String> =
            place.copies_waiting.iter().map(|(reason, count)| format!("{count} ({reason})")).collect();
        let cells = [
            clean(&names.region(&place.account, &place.region), output),
            paint(&read, style, output),
            place.backups_in_flight.to_string(),
            copies_text(place),
            clean(&waiting.join(", "), output),
        ];
        add(&mut shown, cells);
        let trouble = if place.stale { Some(staleness(place, now)) } else { place.trouble.clone() };
        notes.push(clean(&trouble.unwrap_or_default(), output));
    }
    out.push_str(&table_text(&shown, &notes, output));
}

/// `3 of 5 (1 not ours)`, `3 of 5, 2 of ONTAP`.
pub(super) fn copies_text(place: &AccountRegionView) -> String {
    let mut text = copies_in_lane(place).to_string();
    if let Some(slots) = place.copy_slots {
        text.push_str(&format!(" of {slots}"));
    }
    if place.ontap_copies_in_flight > 0 {
        text.push_str(&format!(", {} of ONTAP", place.ontap_copies_in_flight));
    }
    if place.other_copies_in_flight > 0 {
        text.push_str(&format!(" ({} not ours)", place.other_copies_in_flight));
    }
    text
}

fn flights(out: &mut String, flights: &[FlightView], names: Names, now: Time, output: OutputStyle) {
    if flights.is_empty() {
        return;
    }
    heading(out, "In flight", output);
    let columns = ["What", "Source", "To", "For", "Progress", "Backup"];
    let mut shown = table(if output.narrow() { &columns[..5] } else { &columns }, output);
    let mut longest: Vec<&FlightView> = flights.iter().collect();
    longest.sort_by_key(|flight| flight.created_at);
    for flight in longest {
        let cells = [
            clean(&flight.lifecycle, output),
            clean(&names.source(&flight.account, &flight.source), output),
            clean(flight.region.as_str(), output),
            age_text(now.since(flight.created_at)),
            flight.progress_percent.map_or(String::new(), |percent| format!("{percent}%")),
            clean(flight.id.as_str(), output),
        ];
        add(&mut shown, cells);
    }
    out.push_str(&table_text(&shown, &[], output));
}

fn policies(out: &mut String, policies: &[PolicyView], now: Time, output: OutputStyle) {
    if policies.is_empty() {
        return;
    }
    heading(out, "Policies", output);
    let mut shown = table(&["Policy", "Next", "Schedule", "Time zone", "Sources"], output);
    let mut soonest: Vec<&PolicyView> = policies.iter().collect();
    soonest.sort_by_key(|policy| policy.next_at.unwrap_or(Time::NEVER));
    let mut notes = Vec::new();
    for policy in soonest {
        let next = policy.next_at.map_or_else(|| "never".to_owned(), |at| format!("in {}", age_text(at.since(now))));
        let pause = policy.paused_at(now).map(|pause| pause_text(pause, now));
        let remarks: Vec<String> = pause.into_iter().chain(policy.remarks.iter().cloned()).collect();
        notes.push(clean(&remarks.join("; "), output));
        let cells = [
            clean(policy.policy.as_str(), output),
            policy.paused_at(now).map_or_else(|| next, |_| paint("paused", Style::Doubtful, output)),
            clean(&policy.schedule, output),
            clean(&policy.timezone, output),
            policy.sources.to_string(),
        ];
        add(&mut shown, cells);
    }
    out.push_str(&table_text(&shown, &notes, output));
}

fn findings(out: &mut String, findings: &[FindingView], names: Names, output: OutputStyle) {
    if findings.is_empty() {
        return;
    }
    heading(out, "What should not be", output);
    let mut gravest_last: Vec<&FindingView> = findings.iter().collect();
    gravest_last.sort_by_key(|finding| finding.severity == "error");
    for finding in gravest_last {
        let style = if finding.severity == "error" { Style::Bad } else { Style::Doubtful };
        let whose = names.source(&finding.source.account, &finding.source.source);
        paragraph(out, style, &format!("{}: {whose}: {}", finding.severity, finding.what), output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{NOW, bad_day, empty, fleet, good_day};

    const TERMINAL: OutputStyle = OutputStyle { width: Some(80), ..OutputStyle::plain() };

    #[test]
    fn a_good_day() {
        assert!(status(&good_day(), NOW, TERMINAL).lines().all(|line| line.chars().count() <= 80));
        insta::assert_snapshot!(status(&good_day(), NOW, TERMINAL));
    }

    #[test]
    fn a_bad_day() {
        insta::assert_snapshot!(status(&bad_day(), NOW, TERMINAL));
    }

    #[test]
    fn nothing_yet() {
        assert_eq!(status(&empty(), NOW, TERMINAL), "no routes: no policy has a source\n");
    }

    #[test]
    fn in_a_pipe_a_route_is_a_line_with_its_reason() {
        let text = status(&bad_day(), NOW, OutputStyle::plain());
        assert!(text.lines().any(|line| line.contains("✖ late") && line.ends_with("copies in flight (eu-west-1)")));
        let ascii = status(&bad_day(), NOW, OutputStyle { unicode: false, ..OutputStyle::plain() });
        assert!(ascii.is_ascii() && !ascii.contains('\u{1b}'));
    }

    #[test]
    fn rows_can_be_bounded() {
        let text = status(&fleet(500), NOW, OutputStyle { rows: Some(10), ..TERMINAL });
        assert!(text.lines().count() < 30 && text.contains("\nand 1990 more routes\n"), "{text}");
    }

    #[test]
    fn copies_are_counted_by_their_lane() {
        let mut place = crate::report::samples::place("us-west-2", Some(5));
        (place.copies_in_flight, place.other_copies_in_flight) = (6, 3);
        assert_eq!(copies_text(&place), "9 of 5 (3 not ours)");
        place.ontap_copies_in_flight = 7;
        assert_eq!(copies_text(&place), "2 of 5, 7 of ONTAP (3 not ours)");
        place.copy_slots = None;
        place.other_copies_in_flight = 1;
        assert_eq!(copies_text(&place), "0, 7 of ONTAP (1 not ours)");
    }
}
