//! Queries of the history as SQL, with pages that stay correct while rows are inserted between them.

use super::{Reading, Result, from_sqlx};
use crate::domain::id::{AccountRegion, Region, SourceKey, Target};
use crate::domain::time::Time;
use crate::store::{
    Held, HistoryQuery, Mark, OccurrenceStatus, ReadSpan, RouteQuery, RouteRecord, RpoSpan, StoreProblem,
};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection as _, QueryBuilder, Sqlite};
use std::collections::BTreeMap;

/// One kind of line: its columns, tables and filters.
struct Arm {
    columns: &'static str,
    lies_at: &'static str,
    account: &'static str,
    source: &'static str,
    policy: &'static str,
    outcome: &'static str,
    /// The Region and id of the backup or copy.
    point: [&'static str; 2],
    occurrence: [&'static str; 2],
}

/// Single occurrences, occurrences aggregated per day, and removed points. Removals that nobody planned were made by
/// someone else.
const ARMS: [Arm; 3] = [
    Arm {
        columns: r#"SELECT at AS lies_at, account, source, at, "trigger", '' AS region, '' AS id, policy, opened_at, outcome,
            reason, closed_at, earlier FROM occurrences"#,
        lies_at: "at",
        account: "account",
        source: "source",
        policy: "policy",
        outcome: "outcome",
        point: ["''", "''"],
        occurrence: ["at", r#""trigger""#],
    },
    Arm {
        columns: r#"SELECT o.last_at AS lies_at, o.account AS account, o.source AS source, o.last_at AS at,
            o."trigger" AS "trigger", '' AS region, '' AS id, t.text AS policy, o.last_at AS opened_at, o.outcome AS outcome,
            NULL AS reason, o.closed_at AS closed_at, o.count - 1 AS earlier
            FROM past_occurrences AS o JOIN texts AS t ON t.number = o.policy"#,
        lies_at: "o.last_at",
        account: "o.account",
        source: "o.source",
        policy: "t.text",
        outcome: "o.outcome",
        point: ["''", "''"],
        occurrence: ["o.last_at", r#"o."trigger""#],
    },
    Arm {
        columns: r#"SELECT g.gone_at AS lies_at, r.account AS account, r.source AS source, g.at AS at,
            g."trigger" AS "trigger", r.region AS region, g.id AS id, coalesce(p.text, '-') AS policy,
            coalesce(g.decided_at, g.gone_at) AS opened_at, 'deleted' AS outcome,
            coalesce(w.text, 'not deleted by Lifeboat') AS reason, g.gone_at AS closed_at, 0 AS earlier
            FROM removals AS g JOIN routes AS r ON r.number = g.route LEFT JOIN texts AS p ON p.number = g.policy
            LEFT JOIN texts AS w ON w.number = g.reason"#,
        lies_at: "g.gone_at",
        account: "r.account",
        source: "r.source",
        policy: "coalesce(p.text, '-')",
        outcome: "'deleted'",
        point: ["r.region", "g.id"],
        occurrence: ["g.at", r#"g."trigger""#],
    },
];

/// The order of [`Mark`].
const ORDER: &str = r#" ORDER BY lies_at DESC, account, source, at, "trigger", region, id LIMIT "#;

/// The requested lines of history, in the order of [`Mark`]. Each kind of line is read backwards by its time index, no
/// further than requested; then the three are merged.
pub(super) fn history(query: &HistoryQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT * FROM (");
    for (nth, arm) in ARMS.iter().enumerate() {
        sql.push(if nth == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        sql.push(arm.columns);
        push_filters(&mut sql, arm, query);
        sql.push(ORDER).push_bind(i64::from(query.limit)).push(")");
    }
    sql.push(")").push(ORDER).push_bind(i64::from(query.limit));
    sql
}

fn push_filters(sql: &mut QueryBuilder<Sqlite>, arm: &Arm, query: &HistoryQuery) {
    let HistoryQuery { since, until, policy, source, became, after, limit: _ } = query;
    sql.push(" WHERE ").push(arm.lies_at).push(" >= ").push_bind(since.map_or(i64::MIN, Time::millis));
    if let Some(until) = until {
        sql.push(" AND ").push(arm.lies_at).push(" < ").push_bind(until.millis());
    }
    if let Some(policy) = policy {
        sql.push(" AND ").push(arm.policy).push(" = ").push_bind(policy.as_str().to_owned());
    }
    if let Some(source) = source {
        sql.push(" AND ").push(arm.source).push(" = ").push_bind(source.as_str().to_owned());
    }
    match became {
        None => {}
        Some(OccurrenceStatus::Open) => {
            sql.push(" AND ").push(arm.outcome).push(" IS NULL");
        }
        Some(became) => {
            sql.push(" AND ").push(arm.outcome).push(" = ").push_bind(became.as_str());
        }
    }
    if let Some(Mark { lies_at, source, occurrence, point }) = after {
        let (region, id) = point.as_ref().map_or(("", ""), |(region, id)| (region.as_str(), id.as_str()));
        // The first condition follows from the second, and is the one that an index can serve.
        sql.push(" AND ").push(arm.lies_at).push(" <= ").push_bind(lies_at.millis());
        sql.push(" AND (-").push(arm.lies_at);
        for column in [arm.account, arm.source, arm.occurrence[0], arm.occurrence[1], arm.point[0], arm.point[1]] {
            sql.push(", ").push(column);
        }
        sql.push(") > (").push_bind(lies_at.millis().saturating_neg());
        sql.push(", ").push_bind(source.account.as_str().to_owned());
        sql.push(", ").push_bind(source.source.as_str().to_owned());
        sql.push(", ").push_bind(occurrence.at.millis());
        sql.push(", ").push_bind(occurrence.trigger.as_str());
        sql.push(", ").push_bind(region.to_owned());
        sql.push(", ").push_bind(id.to_owned()).push(")");
    }
}

/// The records of each route, all as of one moment.
pub(super) async fn routes(
    connection: &mut SqliteConnection,
    query: &RouteQuery,
    visit: &mut (dyn FnMut(RouteRecord) + Send),
) -> Result<()> {
    let mut reading = connection.begin().await.map_err(|error| from_sqlx(&error))?;
    let readings = readings(&mut reading).await?;
    let occurrences = count_occurrences(&mut reading, query).await?;
    let mut of_source: Option<OfSource> = None;
    for mut record in routes_with_rpo(&mut reading, query).await? {
        let known = match of_source.take().filter(|known| known.source == record.source) {
            Some(known) => known,
            None => {
                OfSource { source: record.source.clone(), points: held(&mut reading, query, &record.source).await? }
            }
        };
        let place = AccountRegion { account: record.source.account.clone(), region: record.region.clone() };
        record.readings = readings.get(&place).cloned().unwrap_or_default();
        let of_route = (record.region.clone(), record.target != Target::Backup);
        record.points = known.points.get(&of_route).cloned().unwrap_or_default();
        record.occurrences = occurrences.get(&record.source).cloned().unwrap_or_default();
        of_source = Some(known);
        visit(record);
    }
    reading.rollback().await.map_err(|error| from_sqlx(&error))
}

/// The routes that had an RPO in the period, with their RPOs only.
async fn routes_with_rpo(connection: &mut SqliteConnection, query: &RouteQuery) -> Result<Vec<RouteRecord>> {
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
        let ((source, target), route_rpo) = row.route_rpo()?;
        let (since, until) = row.period()?;
        let span = RpoSpan { policy: route_rpo.policy, rpo: route_rpo.rpo, since, until };
        match routes.last_mut() {
            Some(last) if last.source == source && last.target == target => {
                last.region = route_rpo.region;
                last.rpos.push(span);
            }
            _ => routes.push(RouteRecord {
                source,
                target,
                region: route_rpo.region,
                rpos: vec![span],
                readings: Vec::new(),
                points: Vec::new(),
                occurrences: BTreeMap::new(),
            }),
        }
    }
    Ok(routes)
}

async fn readings(connection: &mut SqliteConnection) -> Result<BTreeMap<AccountRegion, Vec<ReadSpan>>> {
    let sql = QueryBuilder::new("SELECT * FROM readings ORDER BY account, region, since");
    let mut readings: BTreeMap<AccountRegion, Vec<ReadSpan>> = BTreeMap::new();
    for row in fetched(connection, sql).await? {
        let row = Reading { table: "readings", row: &row };
        readings.entry(row.place()?).or_default().push(row.read_span()?);
    }
    Ok(readings)
}

/// What is read of a source once for all its routes.
struct OfSource {
    source: SourceKey,
    /// By Region, and whether they are copies.
    points: BTreeMap<(Region, bool), Vec<Held>>,
}

/// The points that were, or may have been, recovery points of the source's routes in the period: present and removed ones.
async fn held(
    connection: &mut SqliteConnection,
    query: &RouteQuery,
    source: &SourceKey,
) -> Result<BTreeMap<(Region, bool), Vec<Held>>> {
    // As one text for a route, since hundreds of rows for each of thousands of routes would take most of a report's time.
    let mut sql = QueryBuilder::new(
        "SELECT region, is_copy, json_group_array(json_array(taken_at, created_at, seen_at, gone_at)) FROM (
         SELECT region, origin_id IS NOT NULL AS is_copy, taken_at, created_at,
         CASE lifecycle WHEN 'AVAILABLE' THEN coalesce(settled_at, created_at) END AS seen_at,
         NULL AS gone_at FROM points WHERE account = ",
    );
    sql.push_bind(source.account.as_str().to_owned());
    sql.push(" AND source = ").push_bind(source.source.as_str().to_owned());
    sql.push(" AND lifecycle NOT IN ('FAILED', 'DELETED') AND created_at < ").push_bind(query.until.millis());
    sql.push(
        " UNION ALL SELECT r.region, r.is_copy, p.taken_at, p.created_at, p.seen_at, p.gone_at
         FROM routes AS r CROSS JOIN past_points AS p ON p.route = r.number WHERE r.account = ",
    );
    sql.push_bind(source.account.as_str().to_owned());
    sql.push(" AND r.source = ").push_bind(source.source.as_str().to_owned());
    sql.push(" AND p.gone_at > ").push_bind(query.since.millis());
    sql.push(" AND p.created_at < ").push_bind(query.until.millis()).push(") GROUP BY region, is_copy");
    let rows: Vec<(String, bool, String)> =
        sql.build_query_as().fetch_all(connection).await.map_err(|error| from_sqlx(&error))?;
    let mut by_route = BTreeMap::new();
    for (region, is_copy, text) in rows {
        by_route.insert((Region::from(region), is_copy), read_held(&text)?);
    }
    Ok(by_route)
}

fn read_held(text: &str) -> Result<Vec<Held>> {
    let points: Vec<(i64, i64, Option<i64>, Option<i64>)> =
        serde_json::from_str(text).map_err(|error| StoreProblem::Row { table: "points", what: error.to_string() })?;
    let time = Time::from_millis;
    let held = points.into_iter().map(|(taken_at, created_at, seen_at, gone_at)| Held {
        taken_at: time(taken_at),
        created_at: time(created_at),
        seen_at: seen_at.map(time),
        gone_at: gone_at.map(time),
    });
    Ok(held.collect())
}

/// Counts the occurrences of the period by source and outcome, in one query: one for each of thousands of sources would take
/// most of a report's time. Aggregated ones count at the last time of their day.
async fn count_occurrences(
    connection: &mut SqliteConnection,
    query: &RouteQuery,
) -> Result<BTreeMap<SourceKey, BTreeMap<OccurrenceStatus, u64>>> {
    let mut sql = QueryBuilder::new(
        "SELECT account, source, outcome, sum(value) AS value FROM
         (SELECT account, source, outcome, 1 + earlier AS value FROM occurrences WHERE ",
    );
    push_source_and_period(&mut sql, query, "at");
    if let Some(policy) = &query.policy {
        sql.push(" AND policy = ").push_bind(policy.as_str().to_owned());
    }
    sql.push(" UNION ALL SELECT account, source, outcome, count FROM past_occurrences WHERE ");
    push_source_and_period(&mut sql, query, "last_at");
    if let Some(policy) = &query.policy {
        sql.push(" AND policy = (SELECT number FROM texts WHERE text = ")
            .push_bind(policy.as_str().to_owned())
            .push(")");
    }
    sql.push(") GROUP BY account, source, outcome");
    let mut counted: BTreeMap<SourceKey, BTreeMap<OccurrenceStatus, u64>> = BTreeMap::new();
    for row in &fetched(connection, sql).await? {
        let row = Reading { table: "occurrences", row };
        let (outcome, count) = row.outcome_count()?;
        counted.entry(row.source_key()?).or_default().insert(outcome, count);
    }
    Ok(counted)
}

fn push_source_and_period(sql: &mut QueryBuilder<Sqlite>, query: &RouteQuery, at: &'static str) {
    sql.push(at).push(" >= ").push_bind(query.since.millis());
    sql.push(" AND ").push(at).push(" < ").push_bind(query.until.millis());
    if let Some(source) = &query.source {
        sql.push(" AND source = ").push_bind(source.as_str().to_owned());
    }
}

async fn fetched(connection: &mut SqliteConnection, mut sql: QueryBuilder<Sqlite>) -> Result<Vec<SqliteRow>> {
    sql.build().fetch_all(connection).await.map_err(|error| from_sqlx(&error))
}

#[cfg(test)]
mod tests {
    use crate::domain::change::{Change, OccurrenceOutcome, OccurrenceRecord};
    use crate::domain::id::{AccountRegion, Occurrence, SourceKey, Target, Trigger};
    use crate::domain::lane::FileSystemKind;
    use crate::domain::note::{Note, Notes, Notification, RouteRpo};
    use crate::domain::point::{Lifecycle, Provenance, RecoveryPoint};
    use crate::domain::remarks::Remarked;
    use crate::domain::tags::Origin;
    use crate::domain::time::Time;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{Held, HistoryEntry, HistoryQuery, Horizon, OccurrenceStatus, RouteQuery, Store as _};
    use std::sync::Arc;
    use std::time::Duration;

    fn key(source: &str) -> SourceKey {
        SourceKey { account: "default".into(), source: source.into() }
    }

    /// Five occurrences of each of two sources at 1 to 5 s; the last is open, and the first is on-demand.
    async fn filled(folder: &std::path::Path) -> SqliteStore {
        let mut store = SqliteStore::open(&folder.join("state.db"), Time::ZERO).await.unwrap();
        let mut changes = Vec::new();
        for (source, policy) in [("fs-a", "one"), ("fs-b", "two")] {
            let source = key(source);
            changes.push(Change::MembershipUpdated {
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
                let record =
                    OccurrenceRecord { policy: policy.into(), opened_at: at, caught_up: false, adopted: false };
                let end = if second % 2 == 0 { OccurrenceOutcome::Completed } else { OccurrenceOutcome::Failed };
                let reason = "so it is".to_owned();
                changes.push(match second {
                    5 => Change::Opened { source: source.clone(), occurrence, record },
                    _ => Change::Closed { source: source.clone(), occurrence, record, end, reason, at, earlier: 0 },
                });
            }
        }
        store.commit(&changes).await.unwrap();
        store
    }

    /// A copy for the occurrence of second 2 of `fs-a`, made at second 10 from a backup of second 3.
    fn copy(lifecycle: Lifecycle, settled: Option<i64>) -> RecoveryPoint {
        RecoveryPoint {
            provenance: Provenance {
                place: AccountRegion { account: "default".into(), region: "us-west-2".into() },
                source: "fs-a".into(),
                policy: Some("one".into()),
                kms_key: None,
                kind: FileSystemKind::Windows,
                carried: Arc::default(),
                asked_key: None,
            }
            .into(),
            id: "backup-c".into(),
            occurrence: Occurrence { at: Time::from_secs(2), trigger: Trigger::Schedule },
            attempt: 1,
            origin: Some(Origin {
                region: "us-east-1".into(),
                backup: "backup-b".into(),
                taken_at: Time::from_secs(3),
            }),
            lifecycle,
            created_at: Time::from_secs(10),
            settled_at: settled.map(Time::from_secs),
            progress_percent: None,
            size_bytes: None,
            remarks: Remarked::default(),
        }
    }

    fn seen(lifecycle: Lifecycle, settled: Option<i64>) -> Change {
        Change::BackupObserved { point: Box::new(copy(lifecycle, settled)) }
    }

    fn gone(at: i64) -> Change {
        let copied = copy(Lifecycle::Available, None);
        let (place, id) = (copied.place.clone(), copied.id);
        Change::BackupRemoved { place, id, at: Time::from_secs(at) }
    }

    #[tokio::test]
    async fn what_was_deleted_is_in_the_history_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = filled(folder.path()).await;
        let copied = copy(Lifecycle::Available, None);
        let (place, id) = (copied.place.clone(), copied.id);
        let deletion_planned = Change::DeletionPlanned {
            place: place.clone(),
            id: id.clone(),
            reason: "given up by last 3".to_owned(),
            confirmed: false,
            at: Time::from_secs(50),
        };
        store.commit(&[seen(Lifecycle::Available, Some(20)), deletion_planned, gone(60)]).await.unwrap();
        let mut query = HistoryQuery {
            became: Some(OccurrenceStatus::Deleted),
            policy: Some("one".into()),
            limit: 9,
            ..HistoryQuery::default()
        };
        let lines = store.history(&query).await.unwrap();
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line.point, Some(("us-west-2".into(), "backup-c".into())));
        assert_eq!((line.reason.as_deref(), line.closed_at), (Some("given up by last 3"), Some(Time::from_secs(60))));
        assert_eq!((line.occurrence.at, line.lies_at()), (Time::from_secs(2), Time::from_secs(60)));
        query.became = None;
        assert_eq!(brief(&store.history(&query).await.unwrap()), "fs-a2 fs-a5 fs-a4 fs-a3 fs-a2 fs-a1");
        query.after = Some(line.mark());
        assert_eq!(brief(&store.history(&query).await.unwrap()), "fs-a5 fs-a4 fs-a3 fs-a2 fs-a1");
    }

    #[tokio::test]
    async fn what_is_on_record_of_a_route_outlives_its_points() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = filled(folder.path()).await;
        let route = (key("fs-a"), Target::Copy("us-west-2".into()));
        let rpo_set = |rpo: u64, at: i64| {
            let rpo = Some(Duration::from_secs(rpo));
            let route_rpo = RouteRpo { policy: "one".into(), region: "us-west-2".into(), rpo };
            Change::Noted(Note::RpoSet { route: route.clone(), route_rpo, at: Time::from_secs(at) })
        };
        let read = |at: i64| {
            let (at, good_until) = (Time::from_secs(at), Time::from_secs(at + 10));
            Change::Noted(Note::Read { place: copy(Lifecycle::Available, None).place.clone(), at, good_until })
        };
        let changes = [rpo_set(60, 0), read(1), read(9), read(30), read(35), rpo_set(90, 40)];
        store.commit(&changes).await.unwrap();
        store.commit(&[seen(Lifecycle::Copying, None), seen(Lifecycle::Available, Some(20))]).await.unwrap();
        // The same observation next to another change: nothing moves.
        store.commit(&[seen(Lifecycle::Available, Some(20)), gone(60), rpo_set(90, 70)]).await.unwrap();
        store
            .commit(&[Change::Noted(Note::RpoRemoved { route: route.clone(), at: Time::from_secs(80) })])
            .await
            .unwrap();
        let (query, mut records) = (period(0, 100), Vec::new());
        store.routes(&query, &mut |record| records.push(record)).await.unwrap();
        let [record] = records.as_slice() else { panic!("{records:?}") };
        let seconds = |time: Time| time.millis() / 1000;
        let spans: Vec<_> = record.rpos.iter().map(|p| (seconds(p.since), p.until.map(seconds))).collect();
        assert_eq!(spans, [(0, Some(40)), (40, Some(70)), (70, Some(80))]);
        let readings: Vec<_> =
            record.readings.iter().map(|r| [r.since, r.through, r.good_until].map(seconds)).collect();
        assert_eq!(readings, [[1, 9, 19], [30, 35, 45]]);
        let held = Held {
            taken_at: Time::from_secs(3),
            created_at: Time::from_secs(10),
            seen_at: Some(Time::from_secs(20)),
            gone_at: Some(Time::from_secs(60)),
        };
        assert_eq!(record.points, [held]);
        assert_eq!(record.occurrences[&OccurrenceStatus::Ended(OccurrenceOutcome::Completed)], 2);
        assert_eq!(record.occurrences[&OccurrenceStatus::Open], 1);
        for (query, count) in [
            (period(80, 100), 0),
            (RouteQuery { policy: Some("two".into()), ..period(0, 100) }, 0),
            (RouteQuery { source: Some("fs-a".into()), ..period(0, 100) }, 1),
        ] {
            let mut found = 0;
            store.routes(&query, &mut |_| found += 1).await.unwrap();
            assert_eq!(found, count, "{query:?}");
        }
        let forgotten_before = Time::from_secs(1000);
        let horizon = Horizon { coarse_before: forgotten_before, forgotten_before };
        while store.forget(&horizon).await.unwrap() {}
        store.routes(&query, &mut |record| panic!("{record:?} is forgotten")).await.unwrap();
    }

    #[tokio::test]
    async fn what_failed_was_never_held() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = filled(folder.path()).await;
        let route = (key("fs-a"), Target::Copy("us-west-2".into()));
        let route_rpo = RouteRpo { policy: "one".into(), region: "us-west-2".into(), rpo: None };
        let rpo_set = Change::Noted(Note::RpoSet { route, route_rpo, at: Time::ZERO });
        store.commit(&[rpo_set, seen(Lifecycle::Copying, None), seen(Lifecycle::Failed, Some(20))]).await.unwrap();
        let mut held = Vec::new();
        store.routes(&period(0, 100), &mut |record| held.extend(record.points)).await.unwrap();
        assert_eq!(held, []);
    }

    #[tokio::test]
    async fn what_was_told_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = filled(folder.path()).await;
        let route = |source| (key(source), Target::Backup);
        let notice = |id: &str| Notification { id: id.to_owned(), at: Time::from_secs(7), body: "{}".to_owned() };
        let notes = [
            Note::Late { route: route("fs-a"), since: Time::from_secs(5) },
            Note::Late { route: route("fs-b"), since: Time::from_secs(6) },
            Note::LateCleared { route: route("fs-b") },
            Note::NotificationQueued(Box::new(notice("one"))),
            Note::NotificationQueued(Box::new(notice("two"))),
            Note::NotificationQueued(Box::new(notice("two"))),
            Note::NotificationDone { id: "one".to_owned() },
        ];
        let mut known = Notes::default();
        notes.iter().for_each(|note| known.apply(note));
        store.commit(&notes.map(Change::Noted)).await.unwrap();
        let loaded = store.load(Time::from_secs(9)).await.unwrap();
        assert_eq!(loaded.notes, known);
        assert_eq!((known.late.len(), known.queued.len()), (1, 1));
    }

    fn period(since: i64, until: i64) -> RouteQuery {
        RouteQuery { since: Time::from_secs(since), until: Time::from_secs(until), policy: None, source: None }
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
        let failed = Some(OccurrenceStatus::Ended(OccurrenceOutcome::Failed));
        for (query, expected) in [
            (all.clone(), "fs-a5 fs-b5 fs-a4 fs-b4 fs-a3 fs-b3 fs-a2 fs-b2 fs-a1 fs-b1"),
            (HistoryQuery { since: Some(Time::from_secs(4)), ..all.clone() }, "fs-a5 fs-b5 fs-a4 fs-b4"),
            (HistoryQuery { until: Some(Time::from_secs(2)), ..all.clone() }, "fs-a1 fs-b1"),
            (HistoryQuery { policy, ..all.clone() }, "fs-b5 fs-b4 fs-b3 fs-b2 fs-b1"),
            (HistoryQuery { source: Some("fs-a".into()), ..all.clone() }, "fs-a5 fs-a4 fs-a3 fs-a2 fs-a1"),
            (HistoryQuery { became: Some(OccurrenceStatus::Open), ..all.clone() }, "fs-a5 fs-b5"),
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
                let record = OccurrenceRecord { policy: "new".into(), opened_at: at, caught_up: false, adopted: false };
                store.commit(&[Change::Opened { source: key("fs-a"), occurrence, record }]).await.unwrap();
            }
            shown.retain(|entry| entry.policy.as_str() != "new");
            let expected = "fs-a5 fs-b5 fs-a4 fs-b4 fs-a3 fs-b3 fs-a2 fs-b2 fs-a1 fs-b1";
            assert_eq!(brief(&shown), expected, "{limit} a page");
        }
    }
}
