//! The outcomes of occurrences as text, JSON and CSV.

use super::{OutputStyle, became_text, clean, csv_lines, table, table_text, to_ansi};
use crate::domain::change::OccurrenceOutcome;
use crate::domain::counted::counted;
use crate::domain::duration::age_text;
use crate::domain::id::{AccountId, BackupId, Occurrence, PolicyName, Region, SourceId, SourceKey, Trigger};
use crate::domain::time::Time;
use crate::report::triage::Names;
use crate::store::{HistoryEntry, OccurrenceStatus};
use serde::{Deserialize, Serialize};

/// One line of history with the names that JSON and CSV share.
#[derive(Serialize, Deserialize)]
struct Row {
    policy: PolicyName,
    account: AccountId,
    source: SourceId,
    trigger: Trigger,
    scheduled: Time,
    recorded: Time,
    outcome: Option<Outcome>,
    ended: Option<Time>,
    reason: Option<String>,
    earlier: u64,
    region: Option<Region>,
    backup: Option<BackupId>,
}

/// The status of an occurrence; null while it is open.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Outcome {
    Ended(OccurrenceOutcome),
    Gone(Gone),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Gone {
    Deleted,
}

const FIELDS: [&str; 12] = [
    "policy",
    "account",
    "source",
    "trigger",
    "scheduled",
    "recorded",
    "outcome",
    "ended",
    "reason",
    "earlier",
    "region",
    "backup",
];

fn row(entry: &HistoryEntry) -> Row {
    Row {
        policy: entry.policy.clone(),
        account: entry.source.account.clone(),
        source: entry.source.source.clone(),
        trigger: entry.occurrence.trigger,
        scheduled: entry.occurrence.at,
        recorded: entry.opened_at,
        outcome: match entry.became {
            OccurrenceStatus::Open => None,
            OccurrenceStatus::Ended(end) => Some(Outcome::Ended(end)),
            OccurrenceStatus::Deleted => Some(Outcome::Gone(Gone::Deleted)),
        },
        ended: entry.closed_at,
        reason: entry.reason.clone(),
        earlier: entry.earlier,
        region: entry.point.as_ref().map(|(region, _)| region.clone()),
        backup: entry.point.as_ref().map(|(_, id)| id.clone()),
    }
}

fn became(outcome: Option<&Outcome>) -> OccurrenceStatus {
    match outcome {
        None => OccurrenceStatus::Open,
        Some(Outcome::Ended(end)) => OccurrenceStatus::Ended(*end),
        Some(Outcome::Gone(Gone::Deleted)) => OccurrenceStatus::Deleted,
    }
}

/// As text: the count of each outcome, then all entries in the given order.
#[must_use]
pub fn history(entries: &[HistoryEntry], output: OutputStyle) -> String {
    if entries.is_empty() {
        return "no occurrences\n".to_owned();
    }
    let mut shown = table(&["Time (UTC)", "Policy", "Source", "Outcome", "Took"], output);
    let names = Names::among(entries.iter().map(|entry| &entry.source.account));
    let mut notes = Vec::new();
    let seconds = entries.iter().any(|entry| entry.lies_at().millis() % 60_000 != 0 && entry.point.is_none());
    for entry in entries {
        let SourceKey { account, source } = &entry.source;
        let took = entry.closed_at.filter(|_| entry.point.is_none()).map(|closed| closed.since(entry.occurrence.at));
        shown.add_row([
            time_text(entry.lies_at(), seconds),
            clean(entry.policy.as_str(), output),
            clean(&names.source(account, source), output),
            became_text(entry.became, output),
            took.map_or(String::new(), age_text),
        ]);
        notes.push(clean(&note(entry, seconds), output));
    }
    to_ansi(&format!("{}\n\n{}", sentence(entries, output), table_text(&shown, &notes, output)), output)
}

fn sentence(entries: &[HistoryEntry], output: OutputStyle) -> String {
    let count = |became| entries.iter().filter(|entry| entry.became == became).count();
    let [open, ends @ .., deleted] = OccurrenceStatus::ALL;
    let counts = std::iter::once(open).chain(ends.into_iter().rev()).filter_map(|became| {
        let count = count(became);
        (count > 0).then(|| format!("{count} {}", became_text(became, output)))
    });
    let counts = counts.collect::<Vec<_>>().join(", ");
    let gone = count(deleted);
    let mut said = Vec::new();
    if !counts.is_empty() {
        said.push(format!("{}: {counts}", counted(entries.len() - gone, "occurrence")));
    }
    if gone > 0 {
        said.push(counted(gone, "deletion"));
    }
    said.join("; ")
}

fn note(entry: &HistoryEntry, seconds: bool) -> String {
    let mut said = Vec::new();
    match &entry.point {
        Some((region, id)) => said.push(format!("{id} in {region}, of {}", time_text(entry.occurrence.at, seconds))),
        None if entry.occurrence.trigger == Trigger::Manual => said.push("asked for by a person".to_owned()),
        None => {}
    }
    said.extend(entry.reason.clone());
    if entry.earlier > 0 {
        said.push(format!("stands for {} earlier ones as well", entry.earlier));
    }
    said.join("; ")
}

/// Without the parts that are the same in every line.
fn time_text(at: Time, seconds: bool) -> String {
    let text = at.to_string();
    let end = if seconds { 19 } else { 16 };
    text.get(..end).map_or_else(|| text.clone(), |time| time.replace('T', " "))
}

/// As a JSON array; `outcome`, `ended` and `reason` are null while an occurrence is open.
#[must_use]
pub fn history_json(entries: &[HistoryEntry]) -> String {
    let rows: Vec<Row> = entries.iter().map(row).collect();
    // Plain structs with text keys: serialising them to memory cannot fail.
    serde_json::to_string(&rows).unwrap_or_else(|_| "[]".to_owned())
}

/// Parses the output of [`history_json`].
///
/// # Errors
/// It has another format.
pub fn history_from_json(json: &[u8]) -> Result<Vec<HistoryEntry>, serde_json::Error> {
    let rows: Vec<Row> = serde_json::from_slice(json)?;
    let entry = |row: Row| HistoryEntry {
        source: SourceKey { account: row.account, source: row.source },
        occurrence: Occurrence { at: row.scheduled, trigger: row.trigger },
        policy: row.policy,
        opened_at: row.recorded,
        became: became(row.outcome.as_ref()),
        point: row.region.zip(row.backup),
        reason: row.reason,
        closed_at: row.ended,
        earlier: row.earlier,
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// As CSV (RFC 4180) without a header; null in JSON is empty here.
#[must_use]
pub fn history_csv(entries: &[HistoryEntry]) -> String {
    csv_lines(entries.iter().map(row))
}

/// The header of [`history_csv`].
#[must_use]
pub fn history_csv_header() -> String {
    csv_lines([FIELDS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn for_a_person() {
        let output = OutputStyle { width: Some(80), ..OutputStyle::plain() };
        assert!(history(&samples::history(), output).lines().all(|line| line.chars().count() <= 80));
        insta::assert_snapshot!(history(&samples::history(), output));
        assert_eq!(history(&[], output), "no occurrences\n");
    }

    #[test]
    fn for_a_spreadsheet() {
        let csv = history_csv_header() + &history_csv(&samples::history());
        assert_eq!(csv.matches("\r\n").count(), csv.lines().count(), "each line ends as RFC 4180 wants it");
        insta::assert_snapshot!(csv.replace("\r\n", "\n"));
    }

    #[test]
    fn for_a_program() {
        let json: serde_json::Value = serde_json::from_str(&history_json(&samples::history())).unwrap();
        for (n, entry) in json.as_array().unwrap().iter().enumerate() {
            let mut fields: Vec<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
            let mut expected = FIELDS;
            fields.sort_unstable();
            expected.sort_unstable();
            assert_eq!(fields, expected, "entry {n}");
        }
        assert_eq!(json[0]["outcome"], serde_json::Value::Null);
        assert_eq!(json[2]["outcome"], "failed");
        assert_eq!(json[1]["trigger"], "manual");
        assert_eq!(json[3]["earlier"], 11);
        assert_eq!(json[3]["scheduled"], "2026-11-18T06:00:00Z");
        assert_eq!(history_json(&[]), "[]");
    }
}
