//! Deletions and holds as SQL, with the same transitions as `State::apply`.

use super::Written;
use crate::domain::deletion::LOSSES_COUNT_FOR;
use crate::domain::fault::Fault;
use crate::domain::id::{AccountRegion, BackupId};
use crate::domain::limits::FAILURES_AFTER_AN_ANSWER;
use crate::domain::time::Time;
use sqlx::Executor as _;
use sqlx::sqlite::SqliteConnection;

/// Binds the columns that name an object: account, region, id.
macro_rules! bind_object {
    ($query:expr, $place:expr, $id:expr) => {{
        let (place, id): (&AccountRegion, &BackupId) = ($place, $id);
        $query.bind(place.account.as_str()).bind(place.region.as_str()).bind(id.as_str())
    }};
}

pub(super) async fn deletion_planned(
    to: &mut SqliteConnection,
    place: &AccountRegion,
    id: &BackupId,
    reason: &str,
    confirmed: bool,
    at: &Time,
) -> Written {
    let sql = "INSERT INTO deletions (account, region, id, reason, confirmed, condemned_at) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET reason = excluded.reason, confirmed = excluded.confirmed,
               condemned_at = excluded.condemned_at,
               asked_at = NULL, failures = 0, not_before = 0, fault_class = NULL, fault_code = NULL,
               fault_message = NULL";
    let query = bind_object!(sqlx::query(sql), place, id).bind(reason).bind(confirmed).bind(at.millis());
    to.execute(query).await.map(drop)
}

pub(super) async fn deletion_cancelled(to: &mut SqliteConnection, place: &AccountRegion, id: &BackupId) -> Written {
    let sql = "DELETE FROM deletions WHERE account = ? AND region = ? AND id = ?";
    to.execute(bind_object!(sqlx::query(sql), place, id)).await.map(drop)
}

pub(super) async fn deletion_requested(
    to: &mut SqliteConnection,
    place: &AccountRegion,
    id: &BackupId,
    at: &Time,
) -> Written {
    let sql = "UPDATE deletions SET asked_at = ? WHERE account = ? AND region = ? AND id = ?";
    to.execute(bind_object!(sqlx::query(sql).bind(at.millis()), place, id)).await.map(drop)
}

pub(super) async fn deletion_failed(
    to: &mut SqliteConnection,
    place: &AccountRegion,
    id: &BackupId,
    fault: &Fault,
    not_before: &Time,
) -> Written {
    let sql = "UPDATE deletions SET failures = CASE
                 WHEN ?8 THEN failures + 1
                 ELSE min(failures + (?1 <> 'no_slot'), ?9) END,
               fault_class = ?1, fault_code = ?2, fault_message = ?3, not_before = ?4
               WHERE account = ?5 AND region = ?6 AND id = ?7";
    let query = sqlx::query(sql).bind(fault.class.as_str()).bind(&fault.code).bind(&fault.message);
    let query = bind_object!(query.bind(not_before.millis()), place, id);
    to.execute(query.bind(fault.class.passes_by_itself()).bind(FAILURES_AFTER_AN_ANSWER)).await.map(drop)
}

pub(super) async fn hold_requested(
    to: &mut SqliteConnection,
    place: &AccountRegion,
    id: &BackupId,
    hold: &Option<String>,
    at: &Time,
) -> Written {
    let sql = "INSERT INTO wishes (account, region, id, hold, wished_at) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET hold = excluded.hold, wished_at = excluded.wished_at, failures = 0,
               not_before = 0, fault_class = NULL, fault_code = NULL, fault_message = NULL";
    let query = bind_object!(sqlx::query(sql), place, id).bind(hold.as_deref()).bind(at.millis());
    to.execute(query).await.map(drop)
}

pub(super) async fn hold_tried(
    to: &mut SqliteConnection,
    place: &AccountRegion,
    id: &BackupId,
    fault: &Option<Fault>,
    not_before: &Time,
) -> Written {
    let sql = "UPDATE wishes SET failures = CASE
                 WHEN ?1 IS NULL THEN 0
                 WHEN ?8 THEN failures + 1
                 ELSE min(failures + (?1 <> 'no_slot'), ?9) END,
               fault_class = ?1, fault_code = ?2, fault_message = ?3, not_before = ?4
               WHERE account = ?5 AND region = ?6 AND id = ?7";
    let fault = fault.as_ref();
    let query = sqlx::query(sql)
        .bind(fault.map(|fault| fault.class.as_str()))
        .bind(fault.map(|fault| fault.code.as_str()))
        .bind(fault.map(|fault| fault.message.as_str()))
        .bind(not_before.millis());
    let passes = fault.is_some_and(|fault| fault.class.passes_by_itself());
    to.execute(bind_object!(query, place, id).bind(passes).bind(FAILURES_AFTER_AN_ANSWER)).await.map(drop)
}

pub(super) async fn hold_confirmed(to: &mut SqliteConnection, place: &AccountRegion, id: &BackupId) -> Written {
    let sql = "DELETE FROM wishes WHERE account = ? AND region = ? AND id = ?";
    to.execute(bind_object!(sqlx::query(sql), place, id)).await.map(drop)
}

/// A planned deletion was carried out: the brake counts it for a while, as in `State`.
pub(super) async fn lost(to: &mut SqliteConnection, place: &AccountRegion, id: &BackupId, at: Time) -> Written {
    let from = at.minus(LOSSES_COUNT_FOR).millis();
    let sql = "INSERT OR IGNORE INTO losses (account, source, destination, lost_at, came_at, id)
               SELECT p.account, p.source, CASE WHEN p.origin_id IS NULL THEN '' ELSE p.region END, d.condemned_at,
                      coalesce(p.settled_at, p.created_at), p.id
               FROM deletions AS d JOIN points AS p USING (account, region, id)
               WHERE d.account = ? AND d.region = ? AND d.id = ? AND NOT d.confirmed AND d.condemned_at > ?
               AND p.lifecycle = 'AVAILABLE' RETURNING source, destination";
    let query = bind_object!(sqlx::query_as::<_, (String, String)>(sql), place, id).bind(from);
    let Some((source, destination)) = query.fetch_optional(&mut *to).await? else { return Ok(()) };
    let sql = "DELETE FROM losses WHERE account = ? AND source = ? AND destination = ? AND lost_at <= ?";
    let query = sqlx::query(sql).bind(place.account.as_str()).bind(source).bind(destination).bind(from);
    to.execute(query).await.map(drop)
}

/// An object was removed: its deletion and hold request end.
pub(super) async fn gone(to: &mut SqliteConnection, place: &AccountRegion, id: &BackupId) -> Written {
    let sql = "DELETE FROM deletions WHERE account = ? AND region = ? AND id = ?";
    to.execute(bind_object!(sqlx::query(sql), place, id)).await?;
    let sql = "DELETE FROM wishes WHERE account = ? AND region = ? AND id = ?";
    to.execute(bind_object!(sqlx::query(sql), place, id)).await.map(drop)
}
