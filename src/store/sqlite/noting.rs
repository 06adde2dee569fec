//! Records for people as SQL: see `domain::note` and the tables of `0004_notes.sql`.

use super::Written;
use crate::domain::id::AccountRegion;
use crate::domain::note::{Note, RouteKey};
use crate::domain::time::Time;
use sqlx::Executor as _;
use sqlx::sqlite::SqliteConnection;

/// Binds the columns that name a route: account, source, destination.
macro_rules! bind_route {
    ($query:expr, $route:expr) => {{
        let (source, target): &RouteKey = $route;
        $query.bind(source.account.as_str()).bind(source.source.as_str()).bind(target.destination())
    }};
}

/// Writes one note.
pub(super) async fn write_note(to: &mut SqliteConnection, note: &Note) -> Written {
    match note {
        Note::RpoSet { route, route_rpo, at } => {
            end_rpo(to, route, *at).await?;
            let sql = "INSERT INTO promises (account, source, destination, since, region, policy, rpo)
                       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET until = NULL, region = excluded.region,
                       policy = excluded.policy, rpo = excluded.rpo";
            let rpo = route_rpo.rpo.map(|rpo| i64::try_from(rpo.as_millis()).unwrap_or(i64::MAX));
            let query = bind_route!(sqlx::query(sql), route).bind(at.millis()).bind(route_rpo.region.as_str());
            to.execute(query.bind(route_rpo.policy.as_str()).bind(rpo)).await.map(drop)
        }
        Note::RpoRemoved { route, at } => end_rpo(to, route, *at).await,
        Note::Read { place, at, good_until } => write_reading(to, place, *at, *good_until).await,
        Note::Late { route, since } => {
            let sql = "INSERT INTO late (account, source, destination, since) VALUES (?, ?, ?, ?)
                       ON CONFLICT DO UPDATE SET since = excluded.since";
            to.execute(bind_route!(sqlx::query(sql), route).bind(since.millis())).await.map(drop)
        }
        Note::LateCleared { route } => {
            let sql = "DELETE FROM late WHERE account = ? AND source = ? AND destination = ?";
            to.execute(bind_route!(sqlx::query(sql), route)).await.map(drop)
        }
        Note::NotificationQueued(notice) => {
            let sql = "INSERT INTO notices (id, at, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
            let query = sqlx::query(sql).bind(&notice.id).bind(notice.at.millis()).bind(&notice.body);
            to.execute(query).await.map(drop)
        }
        Note::NotificationDone { id } => {
            to.execute(sqlx::query("DELETE FROM notices WHERE id = ?").bind(id)).await.map(drop)
        }
    }
}

async fn end_rpo(to: &mut SqliteConnection, route: &RouteKey, at: Time) -> Written {
    let sql = "UPDATE promises SET until = ? WHERE account = ? AND source = ? AND destination = ? AND until IS NULL";
    to.execute(bind_route!(sqlx::query(sql).bind(at.millis()), route)).await.map(drop)
}

/// A reading that begins while the last one still counts as current extends it.
async fn write_reading(to: &mut SqliteConnection, place: &AccountRegion, at: Time, good_until: Time) -> Written {
    let sql = "UPDATE readings SET through = max(through, ?3), good_until = max(good_until, ?4)
               WHERE account = ?1 AND region = ?2 AND good_until >= ?3 AND since <= ?3";
    let (account, region) = (place.account.as_str(), place.region.as_str());
    let query = sqlx::query(sql).bind(account).bind(region).bind(at.millis()).bind(good_until.millis());
    if to.execute(query).await?.rows_affected() > 0 {
        return Ok(());
    }
    let sql = "INSERT INTO readings (account, region, since, through, good_until) VALUES (?1, ?2, ?3, ?3, ?4)
               ON CONFLICT DO NOTHING";
    let query = sqlx::query(sql).bind(account).bind(region).bind(at.millis()).bind(good_until.millis());
    to.execute(query).await.map(drop)
}

/// Limits recorded times to the present after the clock went back.
pub(super) async fn clock_went_back(to: &mut SqliteConnection, now: Time) -> Written {
    for sql in [
        "UPDATE OR REPLACE promises SET since = ?1 WHERE since > ?1",
        "UPDATE promises SET until = ?1 WHERE until > ?1",
        "UPDATE OR REPLACE readings SET since = ?1 WHERE since > ?1",
        "UPDATE readings SET through = ?1, good_until = ?1 WHERE through > ?1",
        // Route by route, since the latest removals are at the end of each.
        "UPDATE OR REPLACE past_points SET seen_at = min(seen_at, ?1), gone_at = min(gone_at, ?1)
         WHERE route IN (SELECT number FROM routes) AND gone_at > ?1",
        "UPDATE OR REPLACE removals SET gone_at = ?1 WHERE gone_at > ?1",
        "UPDATE late SET since = ?1 WHERE since > ?1",
    ] {
        to.execute(sqlx::query(sql).bind(now.millis())).await?;
    }
    Ok(())
}
