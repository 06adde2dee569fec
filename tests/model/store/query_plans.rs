//! A question costs what it is about, not what is kept: no table that grows with the years is read whole.

use super::file::runtime;
use lifeboat::domain::time::Time;
use lifeboat::store::sqlite::SqliteStore;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

/// Tables that hold years.
const YEARS: [&str; 4] = ["occurrences", "removals", "past_points", "past_occurrences"];

#[test]
fn no_statement_of_a_start_or_a_round_reads_years() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    runtime().block_on(async {
        SqliteStore::open(&path, Time::ZERO).await.unwrap().close().await;
        let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        let (mut looked_at, mut parts) = (0, 0);
        for sql in statements() {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut connection).await;
            // What is put together from parts has its conditions elsewhere; `tests/years.rs` asks those questions with years
            // behind them.
            let Ok(plan) = plan else {
                parts += 1;
                continue;
            };
            for row in &plan {
                let detail: String = row.get("detail");
                let whole = YEARS.iter().any(|table| {
                    detail.strip_prefix("SCAN ").is_some_and(|of| of == *table || of.starts_with(&format!("{table} ")))
                });
                // By an index of what is open, or by time from its end, is not the whole.
                let bounded = detail.contains("occurrences_open") || detail.contains("occurrences_by_time");
                assert!(!whole || bounded, "{sql}\nreads years: {detail}");
            }
            looked_at += 1;
        }
        assert!(looked_at > 60 && parts < 12, "only {looked_at} statements were found, and {parts} parts of others");
    });
}

/// Every statement that stands in the store's source, whole in one literal.
fn statements() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sqlite");
    let mut statements = Vec::new();
    let mut paths = vec![std::path::PathBuf::from(folder)];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
        for literal in literals(&text) {
            let begins = ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|word| literal.starts_with(word));
            let whole = literal.contains("FROM") || literal.contains("INTO") || literal.contains(" SET ");
            let part = literal.contains("AS lies_at");
            if begins && whole && !part && literal.split_whitespace().count() > 3 && !literal.trim_end().ends_with('=')
            {
                statements.push(literal);
            }
        }
    }
    statements
}

/// The string literals of a source text, of both kinds.
fn literals(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('"') {
        let raw = rest[..at].ends_with("r#");
        let body = &rest[at + 1..];
        let end = if raw { "\"#" } else { "\"" };
        let Some(length) = body.find(end) else { break };
        found.push(body[..length].to_owned());
        rest = &body[length + end.len()..];
    }
    found
}
