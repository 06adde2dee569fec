//! `lifeboat plan`: what would happen next, what would be deleted and why.

use super::{OutputStyle, Style, add, clean, heading, paint, paragraph, table, table_text, to_ansi};
use crate::domain::counted::counted;
use crate::domain::time::Time;
use crate::report::forecast::{DeletionForecast, Forecast, Stage};
use crate::report::triage::Names;

/// The forecast as text; with `kept`, also every point that is kept and why.
#[must_use]
pub fn forecast(forecast: &Forecast, kept: bool, output: OutputStyle) -> String {
    let mut out = headline(forecast, output);
    let works = forecast.work.iter().map(|work| &work.account);
    let deleted = forecast.deletions.iter().map(|deletion| &deletion.account);
    let names = Names::among(works.chain(deleted).chain(forecast.kept.iter().map(|kept| &kept.account)));
    out.push('\n');
    occurrences(&mut out, forecast, output);
    work(&mut out, forecast, names, output);
    deletions(&mut out, forecast, names, output);
    if kept {
        stays(&mut out, forecast, names, output);
    }
    if !forecast.announcements.is_empty() {
        heading(&mut out, "To know before", output);
        for announcement in &forecast.announcements {
            paragraph(&mut out, Style::Doubtful, announcement, output);
        }
    }
    slots(&mut out, forecast, output);
    let braked = forecast.braked().count();
    if braked > 0 {
        heading(&mut out, "Waits for a person", output);
        let what = format!(
            "{} would go, more than a fifth of what their route held within a day: nothing of it is deleted before `lifeboat \
             reload --confirm-deletions`, which deletes exactly what is listed here as \"{}\".",
            counted(braked, "recovery point"),
            Stage::Braked.as_str()
        );
        paragraph(&mut out, Style::Bad, &what, output);
    }
    to_ansi(&out, output)
}

/// The differences between a changed policy and the running one.
#[must_use]
pub fn difference(sentences: &[String], output: OutputStyle) -> String {
    let mut out = String::new();
    if sentences.is_empty() {
        out.push_str("No difference to the running policy.\n");
    }
    for sentence in sentences {
        paragraph(&mut out, Style::Strong, sentence, output);
    }
    to_ansi(&out, output)
}

fn headline(forecast: &Forecast, output: OutputStyle) -> String {
    let going = forecast.deletions.iter().filter(|deletion| deletion.stage != Stage::Next).count();
    let next = forecast.policies.iter().filter_map(|policy| policy.next_at.first()).min();
    let next = next.map_or_else(|| "no occurrence ahead".to_owned(), |at| format!("next occurrence {at}"));
    let text = format!("{next}; {} to make, {} to delete", counted(forecast.work.len(), "thing"), going);
    paint(&text, Style::Strong, output)
}

fn occurrences(out: &mut String, forecast: &Forecast, output: OutputStyle) {
    if forecast.policies.is_empty() {
        return;
    }
    heading(out, "Occurrences", output);
    let mut shown = table(&["Policy", "Schedule", "Zone", "Sources", "Next", "Then"], output);
    for policy in &forecast.policies {
        let at = |nth: usize| policy.next_at.get(nth).map_or_else(|| "-".to_owned(), Time::to_string);
        add(
            &mut shown,
            [
                clean(policy.policy.as_str(), output),
                clean(&policy.schedule, output),
                clean(&policy.timezone, output),
                policy.sources.len().to_string(),
                at(0),
                at(1),
            ],
        );
    }
    out.push_str(&table_text(&shown, &[], output));
}

fn work(out: &mut String, forecast: &Forecast, names: Names, output: OutputStyle) {
    if forecast.work.is_empty() {
        return;
    }
    heading(out, "To make", output);
    let mut shown = table(&["What", "Source", "In", "Occurrence", "Of", "Waits for"], output);
    for work in &forecast.work {
        let what = match (work.copy, &work.full) {
            (false, _) => "backup".to_owned(),
            (true, Some(_)) => "full copy".to_owned(),
            (true, None) => "copy".to_owned(),
        };
        let of = work.of.as_ref().map_or("-", |id| id.as_str());
        add(
            &mut shown,
            [
                what,
                clean(&names.source(&work.account, &work.source), output),
                clean(&names.region(&work.account, &work.region), output),
                work.occurrence_at.to_string(),
                clean(of, output),
                clean(work.waits_for.as_deref().unwrap_or("-"), output),
            ],
        );
    }
    out.push_str(&table_text(&shown, &[], output));
}

fn deletions(out: &mut String, forecast: &Forecast, names: Names, output: OutputStyle) {
    if forecast.deletions.is_empty() {
        return;
    }
    heading(out, "To delete", output);
    let mut shown = table(&["When", "Source", "In", "Backup", "Taken", "Why"], output);
    for deletion in &forecast.deletions {
        let DeletionForecast { stage, account, source, region, id, taken_at, reason, fault } = deletion;
        let style = match stage {
            Stage::Braked => Style::Bad,
            Stage::Decided | Stage::Now => Style::Doubtful,
            Stage::Next => Style::Faint,
        };
        let why = match fault {
            Some(fault) => format!("{reason}; AWS said {fault}"),
            None => reason.clone(),
        };
        add(
            &mut shown,
            [
                paint(stage.as_str(), style, output),
                clean(&names.source(account, source), output),
                clean(&names.region(account, region), output),
                clean(id.as_str(), output),
                taken_at.to_string(),
                clean(&why, output),
            ],
        );
    }
    out.push_str(&table_text(&shown, &[], output));
}

fn slots(out: &mut String, forecast: &Forecast, output: OutputStyle) {
    if forecast.policies.is_empty() {
        return;
    }
    heading(out, "Slots and quotas", output);
    for line in forecast.feasible.to_string().lines() {
        let style = if line.trim_start().starts_with("warning") { Style::Bad } else { Style::Faint };
        paragraph(out, style, line.trim_start(), output);
    }
}

fn stays(out: &mut String, forecast: &Forecast, names: Names, output: OutputStyle) {
    heading(out, "Stays", output);
    let mut shown = table(&["Source", "In", "Backup", "Taken", "Because"], output);
    for kept in &forecast.kept {
        add(
            &mut shown,
            [
                clean(&names.source(&kept.account, &kept.source), output),
                clean(&names.region(&kept.account, &kept.region), output),
                clean(kept.id.as_str(), output),
                kept.taken_at.to_string(),
                clean(&kept.because.join(", "), output),
            ],
        );
    }
    out.push_str(&table_text(&shown, &[], output));
}
