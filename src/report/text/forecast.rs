//! `lifeboat plan`: what would happen next, what goes and why.

use super::{Ink, Looks, add, clean, heading, inked, paint, paragraph, table, table_text};
use crate::domain::time::Time;
use crate::report::forecast::{DeletionForecast, Forecast, Stage};
use crate::report::triage::{counted, region_text, source_text};

/// The forecast for people; with `kept`, also every point that stays and why.
#[must_use]
pub fn forecast(forecast: &Forecast, kept: bool, looks: Looks) -> String {
    let mut out = headline(forecast, looks);
    out.push('\n');
    occurrences(&mut out, forecast, looks);
    work(&mut out, forecast, looks);
    deletions(&mut out, forecast, looks);
    if kept {
        stays(&mut out, forecast, looks);
    }
    if !forecast.announcements.is_empty() {
        heading(&mut out, "To know before", looks);
        for announcement in &forecast.announcements {
            paragraph(&mut out, Ink::Doubtful, announcement, looks);
        }
    }
    slots(&mut out, forecast, looks);
    let braked = forecast.braked().count();
    if braked > 0 {
        heading(&mut out, "Waits for a person", looks);
        let what = format!(
            "{} would go, more than a fifth of what their route held within a day: nothing of it is deleted before `lifeboat \
             reload --confirm-deletions`, which lets go exactly what is listed here as \"{}\".",
            counted(braked, "recovery point"),
            Stage::Braked.as_str()
        );
        paragraph(&mut out, Ink::Bad, &what, looks);
    }
    inked(&out, looks)
}

/// The differences of a changed policy to the running one.
#[must_use]
pub fn difference(sentences: &[String], looks: Looks) -> String {
    let mut out = String::new();
    if sentences.is_empty() {
        out.push_str("No difference to the running policy.\n");
    }
    for sentence in sentences {
        paragraph(&mut out, Ink::Strong, sentence, looks);
    }
    inked(&out, looks)
}

fn headline(forecast: &Forecast, looks: Looks) -> String {
    let going = forecast.deletions.iter().filter(|deletion| deletion.stage != Stage::Next).count();
    let next = forecast.policies.iter().filter_map(|policy| policy.next_at.first()).min();
    let next = next.map_or_else(|| "no occurrence ahead".to_owned(), |at| format!("next occurrence {at}"));
    let text = format!("{next}; {} to make, {} to delete", counted(forecast.work.len(), "thing"), going);
    paint(&text, Ink::Strong, looks)
}

fn occurrences(out: &mut String, forecast: &Forecast, looks: Looks) {
    if forecast.policies.is_empty() {
        return;
    }
    heading(out, "Occurrences", looks);
    let mut shown = table(&["Policy", "Schedule", "Zone", "Sources", "Next", "Then"], looks);
    for policy in &forecast.policies {
        let at = |nth: usize| policy.next_at.get(nth).map_or_else(|| "-".to_owned(), Time::to_string);
        add(
            &mut shown,
            [
                clean(policy.policy.as_str(), looks),
                clean(&policy.schedule, looks),
                clean(&policy.timezone, looks),
                policy.sources.len().to_string(),
                at(0),
                at(1),
            ],
        );
    }
    out.push_str(&table_text(&shown, &[], looks));
}

fn work(out: &mut String, forecast: &Forecast, looks: Looks) {
    if forecast.work.is_empty() {
        return;
    }
    heading(out, "To make", looks);
    let mut shown = table(&["What", "Source", "In", "Occurrence", "Of", "Waits for"], looks);
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
                clean(&source_text(&work.account, &work.source), looks),
                clean(&region_text(&work.account, &work.region), looks),
                work.occurrence_at.to_string(),
                clean(of, looks),
                clean(work.waits_for.as_deref().unwrap_or("-"), looks),
            ],
        );
    }
    out.push_str(&table_text(&shown, &[], looks));
}

fn deletions(out: &mut String, forecast: &Forecast, looks: Looks) {
    if forecast.deletions.is_empty() {
        return;
    }
    heading(out, "To delete", looks);
    let mut shown = table(&["When", "Source", "In", "Backup", "Taken", "Why"], looks);
    for deletion in &forecast.deletions {
        let DeletionForecast { stage, account, source, region, id, taken_at, reason, fault } = deletion;
        let ink = match stage {
            Stage::Braked => Ink::Bad,
            Stage::Decided | Stage::Now => Ink::Doubtful,
            Stage::Next => Ink::Faint,
        };
        let why = match fault {
            Some(fault) => format!("{reason}; AWS said {fault}"),
            None => reason.clone(),
        };
        add(
            &mut shown,
            [
                paint(stage.as_str(), ink, looks),
                clean(&source_text(account, source), looks),
                clean(&region_text(account, region), looks),
                clean(id.as_str(), looks),
                taken_at.to_string(),
                clean(&why, looks),
            ],
        );
    }
    out.push_str(&table_text(&shown, &[], looks));
}

fn slots(out: &mut String, forecast: &Forecast, looks: Looks) {
    if forecast.policies.is_empty() {
        return;
    }
    heading(out, "Slots and quotas", looks);
    for line in forecast.feasible.to_string().lines() {
        let ink = if line.trim_start().starts_with("warning") { Ink::Bad } else { Ink::Faint };
        paragraph(out, ink, line.trim_start(), looks);
    }
}

fn stays(out: &mut String, forecast: &Forecast, looks: Looks) {
    heading(out, "Stays", looks);
    let mut shown = table(&["Source", "In", "Backup", "Taken", "Because"], looks);
    for kept in &forecast.kept {
        add(
            &mut shown,
            [
                clean(&source_text(&kept.account, &kept.source), looks),
                clean(&region_text(&kept.account, &kept.region), looks),
                clean(kept.id.as_str(), looks),
                kept.taken_at.to_string(),
                clean(&kept.because.join(", "), looks),
            ],
        );
    }
    out.push_str(&table_text(&shown, &[], looks));
}
