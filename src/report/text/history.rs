//! What became of occurrences: for eyes, for programs, for spreadsheets.

use crate::domain::change::End;
use crate::domain::id::{AccountName, PolicyName, SourceId, Trigger};
use crate::domain::time::Time;
use crate::store::HistoryEntry;
use serde::Serialize;

/// One line of history with the names that JSON and CSV share.
#[derive(Serialize)]
struct Row<'a> {
    policy: &'a PolicyName,
    account: &'a AccountName,
    source: &'a SourceId,
    trigger: Trigger,
    scheduled: Time,
    recorded: Time,
    outcome: Option<End>,
    ended: Option<Time>,
    reason: Option<&'a str>,
    earlier: u64,
}

const FIELDS: [&str; 10] =
    ["policy", "account", "source", "trigger", "scheduled", "recorded", "outcome", "ended", "reason", "earlier"];

fn row(entry: &HistoryEntry) -> Row<'_> {
    Row {
        policy: &entry.policy,
        account: &entry.source.account,
        source: &entry.source.source,
        trigger: entry.occurrence.trigger,
        scheduled: entry.occurrence.at,
        recorded: entry.opened_at,
        outcome: entry.end,
        ended: entry.closed_at,
        reason: entry.reason.as_deref(),
        earlier: entry.earlier,
    }
}

/// As a JSON array; `outcome`, `ended` and `reason` are null while an occurrence is open.
#[must_use]
pub fn history_json(entries: &[HistoryEntry]) -> String {
    let rows: Vec<Row<'_>> = entries.iter().map(row).collect();
    // Plain structs with text for keys: writing them into memory cannot fail.
    serde_json::to_string(&rows).unwrap_or_else(|_| "[]".to_owned())
}

/// As CSV with a header line; what is null in JSON is empty here.
#[must_use]
pub fn history_csv(entries: &[HistoryEntry]) -> String {
    let mut csv = FIELDS.join(",");
    csv.push('\n');
    for Row { policy, account, source, trigger, scheduled, recorded, outcome, ended, reason, earlier } in
        entries.iter().map(row)
    {
        let fields = [
            policy.to_string(),
            account.to_string(),
            source.to_string(),
            trigger.as_str().to_owned(),
            scheduled.to_string(),
            recorded.to_string(),
            outcome.map(End::as_str).unwrap_or_default().to_owned(),
            ended.map(|at| at.to_string()).unwrap_or_default(),
            reason.unwrap_or_default().to_owned(),
            earlier.to_string(),
        ];
        csv.push_str(&fields.map(|field| quoted(&field)).join(","));
        csv.push('\n');
    }
    csv
}

/// As RFC 4180 quotes.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
