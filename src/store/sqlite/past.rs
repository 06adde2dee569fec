//! History rows: small and numbered, in the order in which they are read and deleted.

use super::Written;
use crate::domain::id::{AccountRegion, BackupId};
use crate::domain::time::Time;
use sqlx::Executor as _;
use sqlx::sqlite::SqliteConnection;

/// `used_at` of routes and texts is updated at this resolution, so that it is rarely written.
const USED_COARSELY_MILLIS: i64 = 86_400_000;

/// Records that a recovery point ceased to be one; nothing if it was none.
pub(super) async fn no_longer_available(
    to: &mut SqliteConnection,
    place: &AccountRegion,
    id: &BackupId,
    at: Time,
) -> Written {
    let (account, region, id, at) = (place.account.as_str(), place.region.as_str(), id.as_str(), at.millis());
    number_route(to, account, region, id, at).await?;
    let sql = "INSERT OR IGNORE INTO past_points (route, gone_at, taken_at, created_at, seen_at)
               SELECT r.number, ?4, p.taken_at, p.created_at, coalesce(p.settled_at, p.created_at)
               FROM points AS p JOIN routes AS r ON r.account = p.account AND r.source = p.source
               AND r.region = p.region AND r.is_copy = (p.origin_id IS NOT NULL)
               WHERE p.account = ?1 AND p.region = ?2 AND p.id = ?3 AND p.lifecycle = 'AVAILABLE'";
    to.execute(sqlx::query(sql).bind(account).bind(region).bind(id).bind(at)).await.map(drop)
}

/// Records that a backup or copy was removed, and the reason if its deletion was planned.
pub(super) async fn removed(to: &mut SqliteConnection, place: &AccountRegion, id: &BackupId, at: Time) -> Written {
    no_longer_available(to, place, id, at).await?;
    let (account, region, id, at) = (place.account.as_str(), place.region.as_str(), id.as_str(), at.millis());
    let sql = "INSERT INTO texts (text, used_at)
               SELECT t.text, ?4 FROM (
                   SELECT policy AS text FROM points WHERE account = ?1 AND region = ?2 AND id = ?3
                   UNION ALL SELECT reason FROM deletions WHERE account = ?1 AND region = ?2 AND id = ?3
               ) AS t WHERE t.text IS NOT NULL
               ON CONFLICT DO UPDATE SET used_at = excluded.used_at WHERE used_at + ?5 < excluded.used_at";
    let query = sqlx::query(sql).bind(account).bind(region).bind(id).bind(at).bind(USED_COARSELY_MILLIS);
    to.execute(query).await?;
    let sql = r#"INSERT OR IGNORE INTO removals (gone_at, route, id, at, "trigger", policy, reason, decided_at)
                 SELECT ?4, r.number, p.id, p.at, p."trigger", (SELECT number FROM texts WHERE text = p.policy),
                 (SELECT number FROM texts WHERE text = d.reason), d.condemned_at
                 FROM points AS p JOIN routes AS r ON r.account = p.account AND r.source = p.source
                 AND r.region = p.region AND r.is_copy = (p.origin_id IS NOT NULL)
                 LEFT JOIN deletions AS d ON d.account = p.account AND d.region = p.region AND d.id = p.id
                 WHERE p.account = ?1 AND p.region = ?2 AND p.id = ?3 AND p.lifecycle <> 'DELETED'"#;
    to.execute(sqlx::query(sql).bind(account).bind(region).bind(id).bind(at)).await.map(drop)
}

async fn number_route(to: &mut SqliteConnection, account: &str, region: &str, id: &str, at: i64) -> Written {
    let sql = "INSERT INTO routes (account, source, region, is_copy, used_at)
               SELECT account, source, region, origin_id IS NOT NULL, ?4 FROM points
               WHERE account = ?1 AND region = ?2 AND id = ?3
               ON CONFLICT DO UPDATE SET used_at = excluded.used_at WHERE used_at + ?5 < excluded.used_at";
    to.execute(sqlx::query(sql).bind(account).bind(region).bind(id).bind(at).bind(USED_COARSELY_MILLIS)).await.map(drop)
}
