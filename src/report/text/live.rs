//! The live view: `lifeboat demo` and `lifeboat status --watch` redraw it in place.

use super::status::{copies_text, headline, left_out};
use super::{OutputStyle, Style, add, bar, clean, paint, paragraph, standing_text, table, table_text, to_ansi};
use crate::domain::duration::age_text;
use crate::domain::time::Time;
use crate::report::snapshot::{AccountRegionView, RpoStatus, Snapshot};
use crate::report::triage::{Line, Names, Tally, copies_in_lane, lines, problems};
use std::time::Duration;

/// The width of a bar, in cells.
const BAR: usize = 8;
/// More slots than this are shown as a number only.
const MOST_SLOTS_DRAWN: u32 = 20;

/// A line for each route: its age against its RPO, what is in flight for it, and its policy's next occurrence; then a
/// line for each destination with its slots. The order of lines is stable as long as all fit; otherwise the worst are
/// shown.
#[must_use]
pub fn live(snapshot: &Snapshot, now: Time, output: OutputStyle) -> String {
    let mut lines = lines(snapshot, now);
    let tally = Tally::of(&lines);
    let problems = problems(snapshot, now);
    let names = Names::among(snapshot.places.iter().map(|place| &place.account));
    let most = output.rows.unwrap_or(usize::MAX);
    if lines.len() <= most {
        lines.sort_by_key(|line| line.position);
    }
    let clock = snapshot.at.to_string();
    let mut out = format!("{}  {}\n", headline(tally, problems.len(), output), paint(&clock, Style::Faint, output));
    if !lines.is_empty() {
        out.push('\n');
        out.push_str(&routes(&lines[..lines.len().min(most)], names, now, output));
        out.push_str(&left_out(lines.len(), most));
    }
    out.push_str(&slots(&snapshot.places, names, output));
    for problem in problems {
        out.push('\n');
        paragraph(&mut out, Style::Bad, &problem, output);
    }
    to_ansi(&out, output)
}

fn routes(lines: &[Line<'_>], names: Names, now: Time, output: OutputStyle) -> String {
    let columns = ["Source", "Region", "Age of RPO", "State", "On its way", "Next"];
    let mut shown = table(if output.narrow() { &columns[..5] } else { &columns }, output);
    for line in lines {
        let route = line.route;
        let sign = if route.copy && !output.narrow() { output.pick("→ ", "> ") } else { "" };
        let cells = [
            clean(&names.source(&route.account, &route.source), output),
            format!("{sign}{}", clean(route.region.as_str(), output)),
            age_of_rpo(line, output),
            standing_text(line.standing, output),
            on_its_way(line, now, output),
            line.next_at.map_or(String::new(), |next| format!("in {}", age_text(next.since(now)))),
        ];
        add(&mut shown, cells);
    }
    table_text(&shown, &[], output)
}

/// How much of the RPO is used up, in words and, where there is room, as a bar.
fn age_of_rpo(line: &Line<'_>, output: OutputStyle) -> String {
    let age = line.age.map_or_else(|| "none".to_owned(), age_text);
    let Some(rpo) = line.route.rpo_seconds else { return age };
    let style = match line.standing {
        RpoStatus::Late => Style::Bad,
        RpoStatus::Unknown => Style::Doubtful,
        RpoStatus::Met | RpoStatus::NoRpo => Style::Good,
    };
    let used = line.age.map_or(f64::INFINITY, |age| age.as_secs_f64());
    let words = format!("{age} of {}", age_text(Duration::from_secs(rpo)));
    if output.narrow() { words } else { paint(&bar(used, rpo as f64, BAR, output), style, output) + " " + &words }
}

/// What is in flight for the route, or what it waits for.
fn on_its_way(line: &Line<'_>, now: Time, output: OutputStyle) -> String {
    if let Some(flight) = line.flight {
        let what = if flight.copy { "copy" } else { "backup" };
        return match flight.progress_percent {
            Some(percent) if output.narrow() => {
                format!("{} {percent}%", bar(f64::from(percent), 100.0, BAR / 2, output))
            }
            Some(percent) => format!("{what} {} {percent}%", bar(f64::from(percent), 100.0, BAR, output)),
            None => format!("{what} {}", age_text(now.since(flight.created_at))),
        };
    }
    let Some(waiting) = &line.route.waiting else { return String::new() };
    let reason = clean(&waiting.reason.replace('_', " "), output);
    paint(&if output.narrow() { reason } else { format!("waits: {reason}") }, Style::Faint, output)
}

fn slots(places: &[AccountRegionView], names: Names, output: OutputStyle) -> String {
    let destinations: Vec<(String, u32, &AccountRegionView)> = places
        .iter()
        .filter_map(|place| {
            Some((clean(&names.region(&place.account, &place.region), output), place.copy_slots?, place))
        })
        .collect();
    let widest = destinations.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or_default();
    let mut out = String::new();
    for (name, slots, place) in destinations {
        let held = copies_in_lane(place).min(slots);
        let (on, off) = (output.pick("▮", "#"), output.pick("▯", "."));
        let drawn = match slots {
            ..=MOST_SLOTS_DRAWN => on.repeat(held as usize) + &off.repeat((slots - held) as usize) + " ",
            _ => String::new(),
        };
        let waiting: u32 = place.copies_waiting.values().sum();
        let waiting = if waiting > 0 { format!(", {waiting} waiting") } else { String::new() };
        let trouble = if place.stale || place.trouble.is_some() {
            paint(", not answering as it should", Style::Doubtful, output)
        } else {
            String::new()
        };
        out.push_str(&format!("\n{name:widest$} {drawn}{}{waiting}{trouble}", copies_text(place)));
    }
    if out.is_empty() { out } else { out + "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{NOW, bad_day, empty, fleet, good_day, place};

    #[test]
    fn a_good_day() {
        insta::assert_snapshot!(live(&good_day(), NOW, OutputStyle::plain()));
    }

    #[test]
    fn eighty_columns_are_enough() {
        let text = live(&good_day(), NOW, OutputStyle { width: Some(80), ..OutputStyle::plain() });
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_bad_day_without_unicode() {
        let text = live(&bad_day(), NOW, OutputStyle { unicode: false, ..OutputStyle::plain() });
        assert!(text.is_ascii());
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_worst_is_shown_if_not_all_fit() {
        let mut snapshot = fleet(100);
        snapshot.routes[399].standing = RpoStatus::Late;
        let text = live(&snapshot, NOW, OutputStyle { rows: Some(3), ..OutputStyle::plain() });
        assert!(text.lines().nth(4).is_some_and(|line| line.contains("✖ late")), "{text}");
        assert!(text.contains("and 397 more routes"));
    }

    #[test]
    fn many_slots_are_a_number() {
        let mut snapshot = empty();
        snapshot.places = vec![place("us-west-2", Some(1000))];
        assert!(live(&snapshot, NOW, OutputStyle::plain()).ends_with("\nus-west-2 0 of 1000\n"));
        snapshot.places[0].copy_slots = Some(3);
        snapshot.places[0].other_copies_in_flight = u32::MAX;
        assert!(live(&snapshot, NOW, OutputStyle::plain()).contains("us-west-2 ▮▮▮ 4294967295 of 3"));
    }
}
