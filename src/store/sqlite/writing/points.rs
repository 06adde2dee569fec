//! Writing recovery points.

use super::*;

pub(super) async fn write_point(to: &mut SqliteConnection, point: &RecoveryPoint) -> Written {
    // A source known only by its points, as after the loss of the database, gets its row with them.
    let sql = "INSERT INTO sources (account, source, region) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    let query = sqlx::query(sql).bind(point.place.account.as_str()).bind(point.source.as_str());
    to.execute(query.bind(point.home().as_str())).await?;
    write_change_of_standing(to, point).await?;
    let sql = r#"INSERT INTO points (account, region, id, source, "trigger", at, attempt, policy, origin_region, origin_id,
                 taken_at, hold, lifecycle, created_at, settled_at, failure, progress_percent, size_bytes, kms_key, kind,
                 carried, asked_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (account, region, id) DO UPDATE SET source = excluded.source, "trigger" = excluded."trigger", at = excluded.at,
                 attempt = excluded.attempt, policy = excluded.policy, origin_region = excluded.origin_region,
                 origin_id = excluded.origin_id, taken_at = excluded.taken_at, hold = excluded.hold,
                 lifecycle = excluded.lifecycle, created_at = excluded.created_at, settled_at = excluded.settled_at,
                 failure = excluded.failure, progress_percent = excluded.progress_percent,
                 size_bytes = excluded.size_bytes, kms_key = excluded.kms_key, kind = excluded.kind,
                 carried = excluded.carried, asked_key = excluded.asked_key"#;
    let carried = serde_json::to_string(&*point.carried).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let query = sqlx::query(sql)
        .bind(point.place.account.as_str())
        .bind(point.place.region.as_str())
        .bind(point.id.as_str())
        .bind(point.source.as_str())
        .bind(point.occurrence.trigger.as_str())
        .bind(point.occurrence.at.millis())
        .bind(i64::from(point.attempt))
        .bind(point.policy.as_ref().map(|policy| policy.as_str()))
        .bind(point.origin.as_ref().map(|origin| origin.region.as_str()))
        .bind(point.origin.as_ref().map(|origin| origin.backup.as_str()))
        .bind(point.taken_at().millis())
        .bind(point.remarks.hold.as_deref())
        .bind(point.lifecycle.as_str())
        .bind(point.created_at.millis())
        .bind(point.settled_at.map(Time::millis))
        .bind(point.remarks.failure.as_deref())
        .bind(point.progress_percent.map(i64::from))
        .bind(point.size_bytes.map(|size| clamp(size.into())))
        .bind(point.kms_key.as_deref())
        .bind(point.kind.as_str())
        .bind(carried)
        .bind(point.asked_key.as_deref());
    to.execute(query).await?;
    let sql = r#"DELETE FROM asks WHERE account = ? AND source = ? AND "trigger" = ? AND at = ? AND destination = ?
                 AND attempt <= ?"#;
    let key = point.work_key();
    to.execute(bind_work!(sqlx::query(sql), &key).bind(i64::from(point.attempt))).await.map(drop)
}

/// Updates what depends on a changed lifecycle: a new object counts towards the quota, and a recovery point that ceased
/// to be one becomes history.
pub(super) async fn write_change_of_standing(to: &mut SqliteConnection, point: &RecoveryPoint) -> Written {
    let (account, region) = (point.place.account.as_str(), point.place.region.as_str());
    let sql = "SELECT lifecycle FROM points WHERE account = ? AND region = ? AND id = ?";
    let query = sqlx::query_scalar::<_, String>(sql).bind(account).bind(region).bind(point.id.as_str());
    let before = query.fetch_optional(&mut *to).await?;
    let exists = point.lifecycle != Lifecycle::Deleted;
    if exists && before.as_deref().is_none_or(|before| before == Lifecycle::Deleted.as_str()) {
        let sql = "UPDATE places SET user_backups = user_backups + 1 WHERE account = ? AND region = ?";
        to.execute(sqlx::query(sql).bind(account).bind(region)).await?;
    }
    if matches!(point.lifecycle, Lifecycle::Failed | Lifecycle::Deleted) && before.is_some() {
        let at = point.settled_at.unwrap_or(point.created_at);
        past::no_longer_available(to, &point.place, &point.id, at).await?;
    }
    Ok(())
}

pub(super) async fn write_gone(to: &mut SqliteConnection, place: &AccountRegion, id: &BackupId, at: Time) -> Written {
    past::removed(to, place, id, at).await?;
    deleting::lost(to, place, id, at).await?;
    deleting::gone(to, place, id).await?;
    disputes::undisputed(to, place, id).await?;
    let (account, region) = (place.account.as_str(), place.region.as_str());
    let sql = "UPDATE places SET user_backups = max(user_backups - 1, 0) WHERE account = ? AND region = ?";
    to.execute(sqlx::query(sql).bind(account).bind(region)).await?;
    let sql = r#"UPDATE points SET lifecycle = 'DELETED', settled_at = ? WHERE account = ? AND region = ? AND id = ?
                 RETURNING source, "trigger", at"#;
    let query = sqlx::query_as::<_, (String, String, i64)>(sql).bind(at.millis()).bind(account).bind(region);
    let Some((source, trigger, at)) = query.bind(id.as_str()).fetch_optional(&mut *to).await? else { return Ok(()) };
    forget_deleted_of(to, account, &source, &trigger, at).await
}

/// Keeps deleted points only while another attempt is possible or their occurrence may yet come due, as in `State`.
pub(super) async fn forget_deleted_of(
    to: &mut SqliteConnection,
    account: &str,
    source: &str,
    trigger: &str,
    at: i64,
) -> Written {
    let sql = r#"DELETE FROM points WHERE (account, region, id) IN (
                     SELECT account, region, id FROM points
                     WHERE account = ?1 AND source = ?2 AND at = ?3 AND "trigger" = ?4 AND lifecycle = 'DELETED')
                 AND NOT EXISTS (SELECT 1 FROM points
                     WHERE account = ?1 AND source = ?2 AND at = ?3 AND "trigger" = ?4 AND origin_id IS NULL
                     AND lifecycle <> 'DELETED')
                 AND NOT EXISTS (SELECT 1 FROM points
                     WHERE account = ?1 AND source = ?2 AND at = ?3 AND "trigger" = ?4 AND "trigger" = 'schedule'
                     AND created_at + ?5 < at)
                 AND NOT EXISTS (SELECT 1 FROM occurrences WHERE account = ?1 AND source = ?2 AND "trigger" = ?4
                     AND at = ?3 AND outcome IS NULL)"#;
    let ahead = i64::try_from(AHEAD_TOLERATED.as_millis()).unwrap_or(i64::MAX);
    to.execute(sqlx::query(sql).bind(account).bind(source).bind(at).bind(trigger).bind(ahead)).await.map(drop)
}
