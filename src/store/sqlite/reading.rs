//! Questions about the past as SQL, in pages that stay right while rows come in between them.

use super::{Reading, Result, from_sqlx};
use crate::domain::id::{Place, SourceKey, Target};
use crate::domain::time::Time;
use crate::store::{Became, Held, HistoryQuery, Mark, PromiseSpan, ReadSpan, RouteQuery, RouteRecord};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection as _, QueryBuilder, Sqlite};
use std::collections::BTreeMap;

/// The lines of history that were asked for, in the order of [`Mark`].
pub(super) fn history(query: &HistoryQuery) -> QueryBuilder<Sqlite> {
    let HistoryQuery { since, until, policy, source, became, after, limit } = query;
    let mut sql = QueryBuilder::new("SELECT * FROM occurrences WHERE at >= ");
    sql.push_bind(since.map_or(i64::MIN, Time::millis));
    if let Some(until) = until {
        sql.push(" AND at < ").push_bind(until.millis());
    }
    if let Some(policy) = policy {
        sql.push(" AND policy = ").push_bind(policy.as_str().to_owned());
    }
    if let Some(source) = source {
        sql.push(" AND source = ").push_bind(source.as_str().to_owned());
    }
    match became {
        None => {}
        Some(Became::Open) => {
            sql.push(" AND outcome IS NULL");
        }
        Some(Became::Ended(end)) => {
            sql.push(" AND outcome = ").push_bind(end.as_str());
        }
    }
    if let Some(Mark { lies_at, source, trigger }) = after {
        // The first bound is implied by the second, and the one that an index serves.
        sql.push(" AND at <= ").push_bind(lies_at.millis());
        sql.push(r#" AND (-at, account, source, "trigger") > ("#).push_bind(lies_at.millis().saturating_neg());
        sql.push(", ").push_bind(source.account.as_str().to_owned());
        sql.push(", ").push_bind(source.source.as_str().to_owned());
        sql.push(", ").push_bind(trigger.as_str()).push(")");
    }
    sql.push(r#" ORDER BY at DESC, account, source, "trigger" LIMIT "#).push_bind(i64::from(*limit));
    sql
}

/// What is on record of each route, all as of one moment.
pub(super) async fn routes(
    connection: &mut SqliteConnection,
    query: &RouteQuery,
    visit: &mut (dyn FnMut(RouteRecord) + Send),
) -> Result<()> {
    let mut reading = connection.begin().await.map_err(|error| from_sqlx(&error))?;
    let readings = readings(&mut reading).await?;
    let mut occurrences: Option<(SourceKey, BTreeMap<Became, u64>)> = None;
    for mut record in promised(&mut reading, query).await? {
        let known = occurrences.take().filter(|(of, _)| *of == record.source);
        let counted = match known {
            Some((_, counted)) => counted,
            None => count_occurrences(&mut reading, query, &record.source).await?,
        };
        let place = Place { account: record.source.account.clone(), region: record.region.clone() };
        record.readings = readings.get(&place).cloned().unwrap_or_default();
        record.points = held(&mut reading, query, &record).await?;
        record.occurrences.clone_from(&counted);
        occurrences = Some((record.source.clone(), counted));
        visit(record);
    }
    reading.rollback().await.map_err(|error| from_sqlx(&error))
}

/// The routes that anything was promised of, with nothing but that.
async fn promised(connection: &mut SqliteConnection, query: &RouteQuery) -> Result<Vec<RouteRecord>> {
    let mut sql = QueryBuilder::<Sqlite>::new("SELECT * FROM promises WHERE since < ");
    sql.push_bind(query.until.millis());
    sql.push(" AND (until IS NULL OR until > ").push_bind(query.since.millis()).push(")");
    if let Some(policy) = &query.policy {
        sql.push(" AND policy = ").push_bind(policy.as_str().to_owned());
    }
    if let Some(source) = &query.source {
        sql.push(" AND source = ").push_bind(source.as_str().to_owned());
    }
    sql.push(" ORDER BY account, source, destination, since");
    let mut routes: Vec<RouteRecord> = Vec::new();
    for row in fetched(connection, sql).await? {
        let row = Reading { table: "promises", row: &row };
        let ((source, target), promise) = row.promise()?;
        let (since, until) = row.promised()?;
        let span = PromiseSpan { policy: promise.policy, rpo: promise.rpo, since, until };
        match routes.last_mut() {
            Some(last) if last.source == source && last.target == target => {
                last.region = promise.region;
                last.promises.push(span);
            }
            _ => routes.push(RouteRecord {
                source,
                target,
                region: promise.region,
                promises: vec![span],
                readings: Vec::new(),
                points: Vec::new(),
                occurrences: BTreeMap::new(),
            }),
        }
    }
    Ok(routes)
}

async fn readings(connection: &mut SqliteConnection) -> Result<BTreeMap<Place, Vec<ReadSpan>>> {
    let sql = QueryBuilder::new("SELECT * FROM readings ORDER BY account, region, since");
    let mut readings: BTreeMap<Place, Vec<ReadSpan>> = BTreeMap::new();
    for row in fetched(connection, sql).await? {
        let row = Reading { table: "readings", row: &row };
        readings.entry(row.place()?).or_default().push(row.read_span()?);
    }
    Ok(readings)
}

async fn held(connection: &mut SqliteConnection, query: &RouteQuery, route: &RouteRecord) -> Result<Vec<Held>> {
    let mut sql = QueryBuilder::new("SELECT * FROM held WHERE account = ");
    sql.push_bind(route.source.account.as_str().to_owned());
    sql.push(" AND source = ").push_bind(route.source.source.as_str().to_owned());
    sql.push(" AND region = ").push_bind(route.region.as_str().to_owned());
    sql.push(" AND is_copy = ").push_bind(route.target != Target::Backup);
    sql.push(" AND created_at < ").push_bind(query.until.millis());
    sql.push(" AND (gone_at IS NULL OR gone_at > ").push_bind(query.since.millis()).push(")");
    let rows = fetched(connection, sql).await?;
    rows.iter().map(|row| Reading { table: "held", row }.held()).collect()
}

async fn count_occurrences(
    connection: &mut SqliteConnection,
    query: &RouteQuery,
    source: &SourceKey,
) -> Result<BTreeMap<Became, u64>> {
    let mut sql =
        QueryBuilder::new("SELECT outcome, count(*) + sum(earlier) AS value FROM occurrences WHERE account = ");
    sql.push_bind(source.account.as_str().to_owned());
    sql.push(" AND source = ").push_bind(source.source.as_str().to_owned());
    sql.push(" AND at >= ").push_bind(query.since.millis()).push(" AND at < ").push_bind(query.until.millis());
    if let Some(policy) = &query.policy {
        sql.push(" AND policy = ").push_bind(policy.as_str().to_owned());
    }
    sql.push(" GROUP BY outcome");
    let rows = fetched(connection, sql).await?;
    rows.iter().map(|row| Reading { table: "occurrences", row }.outcome_count()).collect()
}

async fn fetched(connection: &mut SqliteConnection, mut sql: QueryBuilder<Sqlite>) -> Result<Vec<SqliteRow>> {
    sql.build().fetch_all(connection).await.map_err(|error| from_sqlx(&error))
}

#[cfg(test)]
mod tests {
    use crate::domain::change::{Change, End, Opening};
    use crate::domain::id::{Occurrence, SourceKey, Trigger};
    use crate::domain::time::Time;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{Became, HistoryEntry, HistoryQuery, Store as _};

    fn key(source: &str) -> SourceKey {
        SourceKey { account: "default".into(), source: source.into() }
    }

    /// Five occurrences of each of two sources at 1 to 5 s; of each the last is open, and the first was asked for by hand.
    async fn filled(folder: &std::path::Path) -> SqliteStore {
        let mut store = SqliteStore::open(&folder.join("state.db"), Time::ZERO).await.unwrap();
        let mut changes = Vec::new();
        for (source, policy) in [("fs-a", "one"), ("fs-b", "two")] {
            let source = key(source);
            changes.push(Change::Watched {
                source: source.clone(),
                region: "us-east-1".into(),
                policy: policy.into(),
                destinations: Vec::new(),
                since: Time::ZERO,
            });
            for second in 1..=5 {
                let at = Time::from_secs(second);
                let trigger = if second == 1 { Trigger::Manual } else { Trigger::Schedule };
                let occurrence = Occurrence { at, trigger };
                let opening = Opening { policy: policy.into(), opened_at: at, caught_up: false, adopted: false };
                let end = if second % 2 == 0 { End::Completed } else { End::Failed };
                let reason = "so it is".to_owned();
                changes.push(match second {
                    5 => Change::Opened { source: source.clone(), occurrence, opening },
                    _ => Change::Closed { source: source.clone(), occurrence, opening, end, reason, at, earlier: 0 },
                });
            }
        }
        store.commit(&changes).await.unwrap();
        store
    }

    fn brief(entries: &[HistoryEntry]) -> String {
        let one = |entry: &HistoryEntry| format!("{}{}", entry.source.source, entry.occurrence.at.millis() / 1000);
        entries.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[tokio::test]
    async fn each_filter_leaves_what_it_names_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = filled(folder.path()).await;
        let all = HistoryQuery { limit: 100, ..HistoryQuery::default() };
        let policy = Some("two".into());
        let failed = Some(Became::Ended(End::Failed));
        for (query, expected) in [
            (all.clone(), "fs-a5 fs-b5 fs-a4 fs-b4 fs-a3 fs-b3 fs-a2 fs-b2 fs-a1 fs-b1"),
            (HistoryQuery { since: Some(Time::from_secs(4)), ..all.clone() }, "fs-a5 fs-b5 fs-a4 fs-b4"),
            (HistoryQuery { until: Some(Time::from_secs(2)), ..all.clone() }, "fs-a1 fs-b1"),
            (HistoryQuery { policy, ..all.clone() }, "fs-b5 fs-b4 fs-b3 fs-b2 fs-b1"),
            (HistoryQuery { source: Some("fs-a".into()), ..all.clone() }, "fs-a5 fs-a4 fs-a3 fs-a2 fs-a1"),
            (HistoryQuery { became: Some(Became::Open), ..all.clone() }, "fs-a5 fs-b5"),
            (HistoryQuery { became: failed, ..all.clone() }, "fs-a3 fs-b3 fs-a1 fs-b1"),
            (HistoryQuery { limit: 3, ..all.clone() }, "fs-a5 fs-b5 fs-a4"),
            (HistoryQuery { policy: Some("' OR 1 = 1 --".into()), ..all.clone() }, ""),
        ] {
            assert_eq!(brief(&store.history(&query).await.unwrap()), expected, "{query:?}");
        }
    }

    #[tokio::test]
    async fn pages_show_each_line_once_though_new_ones_come_in_between() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = filled(folder.path()).await;
        for limit in 1..=11 {
            let mut query = HistoryQuery { limit, ..HistoryQuery::default() };
            let mut shown = Vec::new();
            loop {
                let page = store.history(&query).await.unwrap();
                let Some(last) = page.last() else { break };
                query.after = Some(last.mark());
                shown.extend(page);
                let at = Time::from_secs(100 + i64::from(limit) * 20 + i64::try_from(shown.len()).unwrap());
                let occurrence = Occurrence { at, trigger: Trigger::Schedule };
                let opening = Opening { policy: "new".into(), opened_at: at, caught_up: false, adopted: false };
                store.commit(&[Change::Opened { source: key("fs-a"), occurrence, opening }]).await.unwrap();
            }
            shown.retain(|entry| entry.policy.as_str() != "new");
            let expected = "fs-a5 fs-b5 fs-a4 fs-b4 fs-a3 fs-b3 fs-a2 fs-b2 fs-a1 fs-b1";
            assert_eq!(brief(&shown), expected, "{limit} a page");
        }
    }
}
