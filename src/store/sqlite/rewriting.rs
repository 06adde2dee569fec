//! Writes the whole state to a new file: everything that `loading` reads.
//!
//! History is not in memory, so it is not written: it starts again with the new file.

use super::super::rows::total_columns;
use super::Written;
use super::disputes;
use super::writing::{bind_work, clamp, peer_seen};
use crate::domain::fault::Fault;
use crate::domain::id::{SourceKey, WorkKey};
use crate::domain::point::RecoveryPoint;
use crate::domain::state::{SourceState, State};
use crate::domain::time::Time;
use serde::Serialize;
use sqlx::Executor as _;
use sqlx::sqlite::SqliteConnection;

/// Points passed to SQLite as one text: there may be a million.
const POINTS_AT_ONCE: usize = 500;
/// The reason of an order that ended before the file was written.
const REASON_LOST: &str = "its record was lost with the database of that time";

/// Binds the columns of a fault: class, code, message.
macro_rules! bind_fault {
    ($query:expr, $fault:expr) => {{
        let fault: Option<&Fault> = $fault;
        $query
            .bind(fault.map(|fault| fault.class.as_str()))
            .bind(fault.map(|fault| fault.code.as_str()))
            .bind(fault.map(|fault| fault.message.as_str()))
    }};
}

/// Writes the state into empty tables.
pub(super) async fn write_all(to: &mut SqliteConnection, state: &State, now: Time) -> Written {
    let sql = "UPDATE meta SET value = ? WHERE key = 'created_at'";
    to.execute(sqlx::query(sql).bind(state.created_at.millis())).await?;
    if let Some(at) = &state.peer_seen_at {
        peer_seen(to, at).await?;
    }
    for (key, source) in &state.sources {
        write_source(to, key, source).await?;
        write_occurrences(to, key, source).await?;
        write_asks(to, key, source).await?;
        write_losses(to, key, source).await?;
    }
    let mut batch = Vec::with_capacity(POINTS_AT_ONCE);
    for source in state.sources.values() {
        for point in source.points.iter() {
            batch.push(PointRow::of(point));
            if batch.len() == POINTS_AT_ONCE {
                write_points(to, &batch).await?;
                batch.clear();
            }
        }
    }
    write_points(to, &batch).await?;
    write_places(to, state, now).await?;
    for (place, id, dispute) in state.disputes() {
        disputes::disputed(to, place, id, dispute).await?;
    }
    write_deletions(to, state).await?;
    write_notes(to, state, now).await
}

async fn write_source(to: &mut SqliteConnection, key: &SourceKey, source: &SourceState) -> Written {
    let membership = source.membership.as_ref();
    let destinations = membership.map(|membership| serde_json::to_string(&membership.destinations)).transpose();
    let destinations = destinations.map_err(|error| sqlx::Error::Encode(error.into()))?;
    let sql = "INSERT INTO sources (account, source, region, policy, destinations, since, returned, has_left, cursor)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let query = sqlx::query(sql)
        .bind(key.account.as_str())
        .bind(key.source.as_str())
        .bind(source.region.as_str())
        .bind(membership.map(|membership| membership.policy.as_str()))
        .bind(destinations)
        .bind(membership.map(|membership| membership.since.millis()))
        .bind(membership.is_some_and(|membership| membership.returned))
        .bind(source.departed)
        .bind(source.cursor.map(Time::millis));
    to.execute(query).await?;
    for (number, line) in (0_i64..).zip(membership.map(|membership| membership.lines.as_slice()).unwrap_or_default()) {
        let sql = "INSERT INTO schedules (account, source, number, line, zone, since) VALUES (?, ?, ?, ?, ?, ?)";
        let query = sqlx::query(sql).bind(key.account.as_str()).bind(key.source.as_str()).bind(number);
        let query = query.bind(&*line.text).bind(&*line.zone).bind(line.since.map(Time::millis));
        to.execute(query).await?;
    }
    Ok(())
}

/// The open ones, and the ended ones needed to recognise a repeated order.
async fn write_occurrences(to: &mut SqliteConnection, key: &SourceKey, source: &SourceState) -> Written {
    for (occurrence, record) in &source.open {
        let sql = r#"INSERT INTO occurrences (account, source, "trigger", at, policy, opened_at, caught_up, adopted)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?)"#;
        let query = sqlx::query(sql)
            .bind(key.account.as_str())
            .bind(key.source.as_str())
            .bind(occurrence.trigger.as_str())
            .bind(occurrence.at.millis())
            .bind(record.policy.as_str())
            .bind(record.opened_at.millis())
            .bind(record.caught_up)
            .bind(record.adopted);
        to.execute(query).await?;
    }
    let policy = source.membership.as_ref().map_or("-", |membership| membership.policy.as_str());
    for (at, end) in &source.orders_ended {
        let sql = r#"INSERT INTO occurrences (account, source, "trigger", at, policy, opened_at, caught_up, adopted, outcome,
                     reason, closed_at) VALUES (?1, ?2, 'manual', ?3, ?4, ?3, 0, 0, ?5, ?6, ?3) ON CONFLICT DO NOTHING"#;
        let query = sqlx::query(sql).bind(key.account.as_str()).bind(key.source.as_str()).bind(at.millis());
        to.execute(query.bind(policy).bind(end.as_str()).bind(REASON_LOST)).await?;
    }
    for (occurrence, at) in &source.cancelled {
        let sql = "INSERT INTO cancelled (account, source, at, cancelled_at) VALUES (?, ?, ?, ?)";
        let query = sqlx::query(sql).bind(key.account.as_str()).bind(key.source.as_str());
        to.execute(query.bind(occurrence.at.millis()).bind(at.millis())).await?;
    }
    Ok(())
}

/// Their ids are not in memory: each gets a number instead.
async fn write_losses(to: &mut SqliteConnection, key: &SourceKey, source: &SourceState) -> Written {
    for (target, losses) in &source.losses {
        for (number, loss) in losses.iter().enumerate() {
            let sql =
                "INSERT INTO losses (account, source, destination, lost_at, came_at, id) VALUES (?, ?, ?, ?, ?, ?)";
            let query = sqlx::query(sql).bind(key.account.as_str()).bind(key.source.as_str());
            let query = query.bind(target.destination()).bind(loss.lost_at.millis()).bind(loss.came_at.millis());
            to.execute(query.bind(number.to_string())).await?;
        }
    }
    Ok(())
}

async fn write_asks(to: &mut SqliteConnection, source: &SourceKey, known: &SourceState) -> Written {
    for ((occurrence, target), pending) in &known.pending_requests {
        let key = WorkKey { source: source.clone(), occurrence: *occurrence, target: target.clone() };
        let request = serde_json::to_string(&*pending.request).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let sql = r#"INSERT INTO asks (account, source, "trigger", at, destination, attempt, request, open,
                     first_asked_at, last_asked_at, asks, failures, not_before, fault_class, fault_code, fault_message)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"#;
        let query = bind_work!(sqlx::query(sql), &key)
            .bind(i64::from(pending.attempt))
            .bind(request)
            .bind(pending.open)
            .bind(pending.first_asked_at.millis())
            .bind(pending.last_asked_at.millis())
            .bind(i64::from(pending.sent))
            .bind(i64::from(pending.failures))
            .bind(pending.not_before.millis());
        to.execute(bind_fault!(query, pending.fault.as_ref())).await?;
    }
    Ok(())
}

/// A row of `points` in the format of [`write_points`].
#[derive(Serialize)]
struct PointRow<'a> {
    account: &'a str,
    region: &'a str,
    id: &'a str,
    source: &'a str,
    trigger: &'static str,
    at: i64,
    attempt: u32,
    policy: Option<&'a str>,
    origin_region: Option<&'a str>,
    origin_id: Option<&'a str>,
    taken_at: i64,
    hold: Option<&'a str>,
    lifecycle: &'a str,
    created_at: i64,
    settled_at: Option<i64>,
    failure: Option<&'a str>,
    progress_percent: Option<u8>,
    size_bytes: Option<i64>,
    kms_key: Option<&'a str>,
    kind: &'a str,
    carried: &'a crate::domain::policy::Tags,
    asked_key: Option<&'a str>,
}

impl<'a> PointRow<'a> {
    fn of(point: &'a RecoveryPoint) -> Self {
        Self {
            account: point.place.account.as_str(),
            region: point.place.region.as_str(),
            id: point.id.as_str(),
            source: point.source.as_str(),
            trigger: point.occurrence.trigger.as_str(),
            at: point.occurrence.at.millis(),
            attempt: point.attempt,
            policy: point.policy.as_ref().map(|policy| policy.as_str()),
            origin_region: point.origin.as_ref().map(|origin| origin.region.as_str()),
            origin_id: point.origin.as_ref().map(|origin| origin.backup.as_str()),
            taken_at: point.taken_at().millis(),
            hold: point.remarks.hold.as_deref(),
            lifecycle: point.lifecycle.as_str(),
            created_at: point.created_at.millis(),
            settled_at: point.settled_at.map(Time::millis),
            failure: point.remarks.failure.as_deref(),
            progress_percent: point.progress_percent,
            size_bytes: point.size_bytes.map(|size| clamp(size.into())),
            kms_key: point.kms_key.as_deref(),
            kind: point.kind.as_str(),
            carried: &point.carried,
            asked_key: point.asked_key.as_deref(),
        }
    }
}

async fn write_points(to: &mut SqliteConnection, rows: &[PointRow<'_>]) -> Written {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = r#"INSERT INTO points (account, region, id, source, "trigger", at, attempt, policy, origin_region, origin_id,
                 taken_at, hold, lifecycle, created_at, settled_at, failure, progress_percent, size_bytes, kms_key, kind,
                 carried, asked_key)
                 SELECT value ->> 'account', value ->> 'region', value ->> 'id', value ->> 'source', value ->> 'trigger',
                 value ->> 'at', value ->> 'attempt', value ->> 'policy', value ->> 'origin_region', value ->> 'origin_id',
                 value ->> 'taken_at', value ->> 'hold', value ->> 'lifecycle', value ->> 'created_at',
                 value ->> 'settled_at', value ->> 'failure', value ->> 'progress_percent', value ->> 'size_bytes',
                 value ->> 'kms_key', value ->> 'kind', value -> 'carried', value ->> 'asked_key' FROM json_each(?)"#;
    let rows = serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
    to.execute(sqlx::query(sql).bind(rows)).await.map(drop)
}

async fn write_places(to: &mut SqliteConnection, state: &State, now: Time) -> Written {
    for (place, known) in &state.places {
        let Some(listed) = known.listed else { continue };
        let sql = "INSERT INTO places (account, region, listed_at, pages, user_backups) VALUES (?, ?, ?, ?, ?)";
        let query = sqlx::query(sql).bind(place.account.as_str()).bind(place.region.as_str());
        let query = query.bind(listed.began_at.millis()).bind(i64::from(listed.pages)).bind(clamp(known.user_backups));
        to.execute(query).await?;
    }
    let own = state.own_account.as_ref().map(|id| (String::new(), id.clone()));
    let named = state.accounts.iter().map(|(account, known)| (account.to_string(), known.id.clone()));
    for (account, id) in named.chain(own) {
        let sql = "INSERT INTO accounts (account, id, recorded_at) VALUES (?, ?, ?)";
        let query = sqlx::query(sql).bind(account).bind(id.to_string()).bind(now.millis());
        to.execute(query).await?;
    }
    for (total, value) in &state.counters {
        let (kind, policy, region, result) = total_columns(total);
        let sql = "INSERT INTO totals (kind, policy, region, result, value) VALUES (?, ?, ?, ?, ?)";
        let query = sqlx::query(sql).bind(kind).bind(policy).bind(region).bind(result).bind(clamp(*value));
        to.execute(query).await?;
    }
    for (policy, pauses) in &state.pauses {
        for pause in pauses {
            let sql = "INSERT INTO pauses (policy, since, until, reason, resumed) VALUES (?, ?, ?, ?, ?)";
            let query = sqlx::query(sql).bind(policy.as_str()).bind(pause.since.millis());
            let query = query.bind(pause.until.map(Time::millis)).bind(pause.reason.as_deref()).bind(pause.resumed);
            to.execute(query).await?;
        }
    }
    Ok(())
}

async fn write_deletions(to: &mut SqliteConnection, state: &State) -> Written {
    for ((place, id), deletion) in &state.deletions {
        let sql = "INSERT INTO deletions (account, region, id, reason, confirmed, condemned_at, asked_at, failures, not_before,
                   fault_class, fault_code, fault_message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let query = sqlx::query(sql)
            .bind(place.account.as_str())
            .bind(place.region.as_str())
            .bind(id.as_str())
            .bind(deletion.reason.as_str())
            .bind(deletion.confirmed)
            .bind(deletion.planned_at.millis())
            .bind(deletion.asked_at.map(Time::millis))
            .bind(i64::from(deletion.failures))
            .bind(deletion.not_before.millis());
        to.execute(bind_fault!(query, deletion.fault.as_ref())).await?;
    }
    for ((place, id), hold_request) in &state.hold_requests {
        let sql = "INSERT INTO wishes (account, region, id, hold, wished_at, failures, not_before,
                   fault_class, fault_code, fault_message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let query = sqlx::query(sql)
            .bind(place.account.as_str())
            .bind(place.region.as_str())
            .bind(id.as_str())
            .bind(hold_request.hold.as_deref())
            .bind(hold_request.requested_at.millis())
            .bind(i64::from(hold_request.failures))
            .bind(hold_request.not_before.millis());
        to.execute(bind_fault!(query, hold_request.fault.as_ref())).await?;
    }
    Ok(())
}

async fn write_notes(to: &mut SqliteConnection, state: &State, now: Time) -> Written {
    for ((source, target), route_rpo) in &state.notes.rpos {
        // When the RPO began to apply is unknown, but it was before now.
        let sql = "INSERT INTO promises (account, source, destination, since, region, policy, rpo)
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        let rpo = route_rpo.rpo.map(|rpo| i64::try_from(rpo.as_millis()).unwrap_or(i64::MAX));
        let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
        let query = query.bind(target.destination()).bind(now.millis()).bind(route_rpo.region.as_str());
        to.execute(query.bind(route_rpo.policy.as_str()).bind(rpo)).await?;
    }
    for ((source, target), since) in &state.notes.late {
        let sql = "INSERT INTO late (account, source, destination, since) VALUES (?, ?, ?, ?)";
        let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
        to.execute(query.bind(target.destination()).bind(since.millis())).await?;
    }
    for notice in state.notes.queued.values() {
        let sql = "INSERT INTO notices (id, at, body) VALUES (?, ?, ?)";
        let query = sqlx::query(sql).bind(&notice.id).bind(notice.at.millis()).bind(&notice.body);
        to.execute(query).await?;
    }
    Ok(())
}
