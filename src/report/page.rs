//! The status page: what a person opens at three in the morning.
//!
//! It must answer from a phone, through a tunnel, without scripts: is it bad, what exactly, why, and what happens next.
//! So it is one document with its own style, the worst first, every age with its absolute time, and limited to what a
//! browser can handle, whatever the size of the fleet.

use crate::domain::counted::counted;
use crate::domain::duration::age_text;
use crate::domain::time::Time;
use crate::report::snapshot::{AccountRegionView, FindingView, FlightView, PolicyView, RpoStatus, Snapshot};
use crate::report::triage::{Line, Names, Tally, copies_in_lane, lines, pause_text, problems, staleness};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::time::Duration;

/// Nothing may be loaded or run; the page contains its own style and icon.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("page.css");

/// The maximum number of rows in a table; the rest is counted.
const MOST_ROWS: usize = 500;

/// Renders the page for `now`, which may be later than the snapshot.
#[must_use]
pub fn render(snapshot: &Snapshot, now: Time) -> String {
    let lines = lines(snapshot, now);
    let (urgent, calm) = split(&lines);
    let tally = Tally::of(&lines);
    let problems = problems(snapshot, now);
    let names = Names::among(snapshot.places.iter().map(|place| &place.account));
    let verdict = match tally.worst() {
        Some(RpoStatus::Late) => "late",
        Some(RpoStatus::Unknown) => "unknown",
        _ if !problems.is_empty() => "unknown",
        Some(_) => "met",
        None => "none",
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content="15";
                title { @if !problems.is_empty() { "⚠ " } (title(tally)) " – Lifeboat" }
                link rel="icon" href=(icon(verdict));
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header.verdict.(verdict) {
                        h1 { (tally.sentence()) }
                        p { "Lifeboat " (snapshot.version) ", as of " (clock(snapshot.at)) ", running since " (clock(snapshot.started_at)) }
                    }
                    @for problem in &problems { p.problem role="alert" { (problem) } }
                    (routes("urgent", "Late or unknown", "the worst first", urgent, names, now))
                    (findings(&snapshot.findings, names))
                    (regions(&snapshot.places, names, now))
                    (flights(&snapshot.flights, names, now))
                    (routes("calm", "Within RPO", "the nearest to its limit first", calm, names, now))
                    (policies(&snapshot.policies, names, now))
                    nav { "For programs: " a href="/metrics" { "metrics" } ", " a href="/api/v1/status" { "status" } ", "
                        a href="/api/v1/history" { "history" } ". This page renews itself every 15 seconds." }
                }
            }
        }
    }
    .into_string()
}

/// The title shown in a browser tab.
fn title(tally: Tally) -> String {
    match tally.worst() {
        Some(RpoStatus::Late) => format!("{} late", tally.late),
        Some(RpoStatus::Unknown) => format!("{} unknown", tally.unknown),
        Some(_) => "all met".to_owned(),
        None => "no RPO".to_owned(),
    }
}

/// A dot in the colour of the verdict.
fn icon(verdict: &str) -> String {
    let colour = match verdict {
        "met" => "1a7f4b",
        "late" => "c4281c",
        "unknown" => "d99a1c",
        _ => "808080",
    };
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E\
         %3Ccircle cx='4' cy='4' r='4' fill='%23{colour}'/%3E%3C/svg%3E"
    )
}

/// The lines that need action, which come first, and the others.
fn split<'a, 'b>(lines: &'b [Line<'a>]) -> (&'b [Line<'a>], &'b [Line<'a>]) {
    let urgent = lines.iter().take_while(|line| matches!(line.standing, RpoStatus::Late | RpoStatus::Unknown)).count();
    lines.split_at(urgent)
}

fn routes(id: &str, title: &str, order: &str, lines: &[Line<'_>], names: Names, now: Time) -> Markup {
    html! {
        @if !lines.is_empty() {
            section aria-labelledby=(id) {
                h2 id=(id) { (title) " " small { (counted(lines.len(), "route")) ", " (order) } }
                (route_table(lines, names, now))
            }
        }
    }
}

fn route_table(lines: &[Line<'_>], names: Names, now: Time) -> Markup {
    html! {
        table {
            thead { tr { th { "State" } th { "Source" } th { "Recovery points in" } th { "Newest" } th { "RPO" } th { "Kept" } th { "Policy" } th { "What goes on" } } }
            tbody {
                @for line in lines.iter().take(MOST_ROWS) { (route_row(line, names, now)) }
            }
        }
        (left_out(lines.len()))
    }
}

fn route_row(line: &Line<'_>, names: Names, now: Time) -> Markup {
    let route = line.route;
    let (class, sign) = match line.standing {
        RpoStatus::Late => ("late", "✖"),
        RpoStatus::Unknown => ("unknown", "?"),
        RpoStatus::Met => ("met", "✔"),
        RpoStatus::NoRpo => ("none", "–"),
    };
    html! {
        tr.(class) {
            td { span.state.(class) { (sign) " " (line.standing.as_str()) } }
            th.source scope="row" { code { (names.source(&route.account, &route.source)) } }
            td data-is="in" { (route.region) @if !route.copy { " " span.faint { "(own)" } } }
            td.number data-is="newest" { @match route.newest_taken_at { Some(at) => (past(at, now)), None => "none" } }
            td.number data-is="RPO" { @if let Some(rpo) = route.rpo_seconds { (age_text(Duration::from_secs(rpo))) } }
            td.number data-is="kept" { (route.recovery_points) }
            td data-is="policy" { (route.policy) }
            td.why {
                @if let Some(percent) = line.flight.and_then(|flight| flight.progress_percent) { (progress(percent)) " " }
                (line.why)
                @if line.why.is_empty() && let Some(next) = line.next_at { span.faint { "next " (future(next, now)) } }
            }
        }
    }
}

fn regions(places: &[AccountRegionView], names: Names, now: Time) -> Markup {
    let mut places: Vec<&AccountRegionView> = places.iter().collect();
    places.sort_by_key(|place| (!place.stale, place.trouble.is_none()));
    html! {
        @if !places.is_empty() {
            section aria-labelledby="regions" {
                h2 #regions { "Regions" }
                table {
                    thead { tr { th { "Region" } th { "AWS read" } th { "Backups in flight" } th { "Copies in flight" } th { "Copies waiting" } th { "Backups held" } th { "Trouble" } } }
                    tbody { @for place in places { (region_row(place, names, now)) } }
                }
            }
        }
    }
}

fn region_row(place: &AccountRegionView, names: Names, now: Time) -> Markup {
    let waiting: Vec<String> =
        place.copies_waiting.iter().map(|(reason, count)| format!("{count} ({reason})")).collect();
    html! {
        tr.unknown[place.stale] {
            th scope="row" { (names.region(&place.account, &place.region)) }
            td.number data-is="read" { @match place.last_seen { Some(seen) => (past(seen, now)), None => "not yet" } }
            td.number data-is="backups in flight" { (place.backups_in_flight) }
            td.number data-is="copies in flight" {
                (copies_in_lane(place))
                @if let Some(slots) = place.copy_slots { " of " (slots) }
                @if place.ontap_copies_in_flight > 0 { ", " (place.ontap_copies_in_flight) " of ONTAP" }
                @if place.other_copies_in_flight > 0 {
                    " " span.faint { "(" (place.other_copies_in_flight) " not ours)" }
                }
            }
            td data-is="waiting" { (waiting.join(", ")) }
            td.number data-is="held" { (place.user_backups) }
            td.why {
                @if place.stale { (staleness(place, now)) } @else if let Some(trouble) = &place.trouble { (trouble) }
            }
        }
    }
}

fn flights(flights: &[FlightView], names: Names, now: Time) -> Markup {
    let mut longest: Vec<&FlightView> = flights.iter().collect();
    longest.sort_by_key(|flight| flight.created_at);
    html! {
        @if !longest.is_empty() {
            section aria-labelledby="flights" {
                h2 #flights { "In flight " small { (longest.len()) ", longest first" } }
                table {
                    thead { tr { th { "What" } th { "Source" } th { "To" } th { "Begun" } th { "Progress" } th { "Occurrence" } th { "Backup" } } }
                    tbody {
                        @for flight in longest.iter().take(MOST_ROWS) {
                            tr {
                                td { @if flight.copy { "copy" } @else { "backup" } " " span.faint { (flight.lifecycle) } }
                                th.source scope="row" { code { (names.source(&flight.account, &flight.source)) } }
                                td data-is="to" { (flight.region) }
                                td.number data-is="begun" { (past(flight.created_at, now)) }
                                td.number { @if let Some(percent) = flight.progress_percent { (progress(percent)) " " (percent) "%" } }
                                td.number data-is="for" { (clock(flight.occurrence_at)) }
                                td { code { (flight.id) } }
                            }
                        }
                    }
                }
                (left_out(longest.len()))
            }
        }
    }
}

fn policies(policies: &[PolicyView], names: Names, now: Time) -> Markup {
    let mut soonest: Vec<&PolicyView> = policies.iter().collect();
    soonest.sort_by_key(|policy| policy.next_at.unwrap_or(Time::NEVER));
    html! {
        @if !soonest.is_empty() {
            section aria-labelledby="policies" {
                h2 #policies { "Policies " small { "next to fire first" } }
                table {
                    thead { tr { th { "Policy" } th { "Fires next" } th { "Schedule" } th { "Sources" } th { "In" } } }
                    tbody {
                        @for policy in soonest.iter().take(MOST_ROWS) {
                            tr {
                                th scope="row" { (policy.policy) @for remark in &policy.remarks { br; small.faint { (remark) } } }
                                td.number data-is="next" { @if let Some(pause) = policy.paused_at(now) { span.state.unknown { (pause_text(pause, now)) } " " }
                                    @match policy.next_at { Some(at) => (future(at, now)), None => "never" } }
                                td { code { (policy.schedule) } " " span.faint { (policy.timezone) } }
                                td.number data-is="sources" { (policy.sources) }
                                td data-is="in" { (names.region(&policy.account, &policy.region)) }
                            }
                        }
                    }
                }
                (left_out(soonest.len()))
            }
        }
    }
}

fn findings(findings: &[FindingView], names: Names) -> Markup {
    let mut gravest: Vec<&FindingView> = findings.iter().collect();
    gravest.sort_by_key(|finding| finding.severity != "error");
    html! {
        @if !gravest.is_empty() {
            section aria-labelledby="findings" {
                h2 #findings { "What should not be " small { (counted(gravest.len(), "finding")) } }
                table {
                    thead { tr { th { "Severity" } th { "Of" } th { "What" } } }
                    tbody {
                        @for finding in gravest.iter().take(MOST_ROWS) {
                            tr {
                                td { span.state.(if finding.severity == "error" { "late" } else { "unknown" }) { (finding.severity) } }
                                th.source scope="row" { code { (names.source(&finding.source.account, &finding.source.source)) } }
                                td.why { (finding.what) }
                            }
                        }
                    }
                }
                (left_out(gravest.len()))
            }
        }
    }
}

fn left_out(rows: usize) -> Markup {
    html! {
        @if rows > MOST_ROWS {
            p.faint { "… and " (rows - MOST_ROWS) " more; " a href="/api/v1/status" { "the API" } " and " code { "lifeboat status" } " list all." }
        }
    }
}

fn progress(percent: u8) -> Markup {
    html! { progress max="100" value=(percent.min(100)) { (percent) "%" } }
}

fn clock(at: Time) -> Markup {
    let text = at.to_string();
    let short = text
        .get(..16)
        .map_or_else(|| text.clone(), |day_and_minute| format!("{} UTC", day_and_minute.replace('T', " ")));
    html! { time datetime=(text) title=(text) { (short) } }
}

fn past(at: Time, now: Time) -> Markup {
    html! { time datetime=(at) title=(at) { (age_text(now.since(at))) " ago" } }
}

fn future(at: Time, now: Time) -> Markup {
    html! { time datetime=(at) title=(at) { @if at > now { "in " (age_text(at.since(now))) } @else { "now" } } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{NOW, ahead, bad_day, empty, fleet, good_day};

    /// The visible text, one element per line.
    fn words(page: &str) -> String {
        let body = page.split_once("<body>").map_or("", |(_, body)| body);
        let pieces = body.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text.trim());
        pieces.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_bad_day_in_order_of_urgency() {
        insta::assert_snapshot!(words(&render(&bad_day(), NOW)).replace('\u{1b}', "^["));
    }

    #[test]
    fn a_tab_tells_how_it_is() {
        let tab = |snapshot: &Snapshot, now| {
            let page = render(snapshot, now);
            let title = page.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
            title.map(|(title, _)| title.to_owned()).unwrap_or_default()
        };
        assert_eq!(tab(&good_day(), NOW), "all met – Lifeboat");
        assert_eq!(tab(&bad_day(), NOW), "⚠ 3 late – Lifeboat");
        assert_eq!(tab(&empty(), NOW), "no RPO – Lifeboat");
        assert_eq!(tab(&good_day(), ahead(30 * 86_400)), "⚠ 8 late – Lifeboat", "met was met long ago");
        assert!(render(&good_day(), NOW).contains("http-equiv=\"refresh\" content=\"15\""));
    }

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let mut snapshot = bad_day();
        let evil = "</style></title><script>alert(1)</script>\" onload=\"x";
        snapshot.policies[0].policy = evil.into();
        snapshot.routes[0].policy = evil.into();
        snapshot.places[0].trouble = Some(evil.to_owned());
        snapshot.reload.problem = Some(evil.to_owned());
        snapshot.findings[0].what = evil.to_owned();
        snapshot.flights[0].lifecycle = evil.to_owned();
        let page = render(&snapshot, NOW);
        assert!(!page.contains("<script") && !page.contains("\" onload"));
        assert_eq!(page.matches("</style>").count(), 1);
        assert!(page.contains("&lt;script&gt;alert(1)"));
    }

    #[test]
    fn a_large_fleet_is_cut_and_the_worst_is_kept() {
        let mut snapshot = fleet(1000);
        snapshot.routes[3999].standing = RpoStatus::Late;
        let page = render(&snapshot, NOW);
        assert_eq!(page.matches("<tr").count(), 2 + MOST_ROWS + 1 + 1 + 4 + 1 + 1);
        assert!(page.contains("… and 3499 more"));
        assert!(page.find("✖ late") < page.find("✔ met"));
    }
}
