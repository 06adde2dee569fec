//! Aggregates old history, then deletes it, in small steps.
//!
//! Years of history must not delay the loop or load the disk. So each step handles at most [`ROWS`] rows, finds them by
//! an index, and reports whether there is more. When the work of a day is done, a cycle ends.

use super::Result;
use super::problems::from_sqlx;
use crate::store::Horizon;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Executor as _};

/// Maximum number of rows in one step.
const ROWS: i64 = 1000;
/// Maximum number of routes or sources that one step examines.
const GROUPS: usize = 200;

/// The progress of a cycle.
#[derive(Debug, Default)]
pub(super) enum Forgetting {
    /// Aggregating occurrences into one line per day, source by source: continue after this account and source.
    #[default]
    Begin,
    Occurrences(String, String),
    Removals,
    PastOccurrences,
    /// Deleting removed recovery points, route by route: continue after this number.
    PastPoints(i64),
    Rest,
}

impl Forgetting {
    /// One step of a cycle; returns whether there is more to do in it.
    pub(super) async fn slice(&mut self, connection: &mut SqliteConnection, horizon: &Horizon) -> Result<bool> {
        let begun = connection.begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = begun.map_err(|error| from_sqlx(&error))?;
        let next = self.step(&mut transaction, horizon).await.map_err(|error| from_sqlx(&error))?;
        transaction.commit().await.map_err(|error| from_sqlx(&error))?;
        *self = next;
        Ok(!matches!(self, Self::Begin))
    }

    async fn step(&self, to: &mut SqliteConnection, horizon: &Horizon) -> sqlx::Result<Self> {
        let (coarse, before) = (horizon.coarse_before.millis(), horizon.forgotten_before.millis());
        Ok(match self {
            Self::Begin => fold_occurrences(to, ("", ""), coarse).await?,
            Self::Occurrences(account, source) => fold_occurrences(to, (account, source), coarse).await?,
            Self::Removals => {
                let sql = "DELETE FROM removals WHERE (gone_at, route, id) IN
                           (SELECT gone_at, route, id FROM removals WHERE gone_at < ? ORDER BY gone_at LIMIT ?)";
                if delete(to, sql, coarse).await? { Self::Removals } else { Self::PastOccurrences }
            }
            Self::PastOccurrences => {
                let sql = r#"DELETE FROM past_occurrences WHERE (last_at, account, source, "trigger", policy, outcome) IN
                             (SELECT last_at, account, source, "trigger", policy, outcome FROM past_occurrences
                              WHERE last_at < ? ORDER BY last_at LIMIT ?)"#;
                if delete(to, sql, before).await? { Self::PastOccurrences } else { Self::PastPoints(0) }
            }
            Self::PastPoints(after) => forget_points(to, *after, before).await?,
            Self::Rest => {
                forget_rest(to, before).await?;
                Self::Begin
            }
        })
    }
}

/// Deletes some old rows; returns whether there may be more.
async fn delete(to: &mut SqliteConnection, sql: &'static str, before: i64) -> sqlx::Result<bool> {
    let deleted = to.execute(sqlx::query(sql).bind(before).bind(ROWS)).await?.rows_affected();
    Ok(i64::try_from(deleted).is_ok_and(|deleted| deleted >= ROWS))
}

/// Aggregates ended occurrences into one line per day, source, policy and outcome, for the sources after this one.
async fn fold_occurrences(to: &mut SqliteConnection, after: (&str, &str), before: i64) -> sqlx::Result<Forgetting> {
    let mut at = (after.0.to_owned(), after.1.to_owned());
    let mut folded = 0;
    for _ in 0..GROUPS {
        let sql = "SELECT account, source FROM occurrences WHERE (account, source) > (?, ?)
                   ORDER BY account, source LIMIT 1";
        let next = sqlx::query_as::<_, (String, String)>(sql).bind(&at.0).bind(&at.1).fetch_optional(&mut *to).await?;
        let Some(next) = next else { return Ok(Forgetting::Removals) };
        let rows = fold_source(to, &next, before).await?;
        folded += rows;
        if rows >= ROWS {
            // There may be more of this source.
            break;
        }
        at = next;
        if folded >= ROWS {
            break;
        }
    }
    Ok(Forgetting::Occurrences(at.0, at.1))
}

async fn fold_source(
    to: &mut SqliteConnection,
    (account, source): &(String, String),
    before: i64,
) -> sqlx::Result<i64> {
    // Whole days only, so that a day is one line.
    let before = before.div_euclid(86_400_000).saturating_mul(86_400_000);
    let mut folded = 0;
    for trigger in ["schedule", "manual"] {
        let sql = r#"SELECT at FROM occurrences WHERE account = ? AND source = ? AND "trigger" = ? AND at < ?
                     AND outcome IS NOT NULL ORDER BY at LIMIT 1 OFFSET ?"#;
        let query = sqlx::query_scalar::<_, i64>(sql).bind(account).bind(source).bind(trigger);
        let bound = query.bind(before).bind(ROWS - 1).fetch_optional(&mut *to).await?;
        let until = bound.map_or(before, |last| last.saturating_add(1).min(before));
        let sql = r#"INSERT INTO texts (text, used_at) SELECT policy, max(at) FROM occurrences WHERE account = ?1
                     AND source = ?2 AND "trigger" = ?3 AND at < ?4 AND outcome IS NOT NULL GROUP BY policy
                     ON CONFLICT DO UPDATE SET used_at = max(used_at, excluded.used_at)"#;
        to.execute(sqlx::query(sql).bind(account).bind(source).bind(trigger).bind(until)).await?;
        let sql = r#"INSERT OR REPLACE INTO past_occurrences (last_at, account, source, "trigger", policy, outcome,
                     closed_at, count)
                     SELECT max(at), account, source, "trigger", (SELECT number FROM texts WHERE text = policy), outcome,
                     max(closed_at), sum(1 + earlier) FROM occurrences WHERE account = ?1 AND source = ?2
                     AND "trigger" = ?3 AND at < ?4 AND outcome IS NOT NULL GROUP BY at / 86400000, policy, outcome"#;
        to.execute(sqlx::query(sql).bind(account).bind(source).bind(trigger).bind(until)).await?;
        let sql = r#"DELETE FROM occurrences WHERE account = ? AND source = ? AND "trigger" = ? AND at < ?
                     AND outcome IS NOT NULL"#;
        let query = sqlx::query(sql).bind(account).bind(source).bind(trigger).bind(until);
        folded += i64::try_from(to.execute(query).await?.rows_affected()).unwrap_or(i64::MAX);
    }
    Ok(folded)
}

async fn forget_points(to: &mut SqliteConnection, after: i64, before: i64) -> sqlx::Result<Forgetting> {
    let mut at = after;
    let mut forgotten = 0;
    for _ in 0..GROUPS {
        let sql = "SELECT number FROM routes WHERE number > ? ORDER BY number LIMIT 1";
        let next = sqlx::query_scalar::<_, i64>(sql).bind(at).fetch_optional(&mut *to).await?;
        let Some(route) = next else { return Ok(Forgetting::Rest) };
        let sql = "DELETE FROM past_points WHERE (route, gone_at, taken_at, created_at) IN
                   (SELECT route, gone_at, taken_at, created_at FROM past_points WHERE route = ? AND gone_at < ?
                    ORDER BY gone_at LIMIT ?)";
        let deleted = to.execute(sqlx::query(sql).bind(route).bind(before).bind(ROWS)).await?.rows_affected();
        let deleted = i64::try_from(deleted).unwrap_or(i64::MAX);
        if deleted >= ROWS {
            break;
        }
        // The history of removals is kept for less time than this.
        let sql = "DELETE FROM routes WHERE number = ?1 AND used_at < ?2
                   AND NOT EXISTS (SELECT 1 FROM past_points WHERE route = ?1)";
        to.execute(sqlx::query(sql).bind(route).bind(before)).await?;
        at = route;
        forgotten += deleted;
        if forgotten >= ROWS {
            break;
        }
    }
    Ok(Forgetting::PastPoints(at))
}

/// Small tables, completely.
async fn forget_rest(to: &mut SqliteConnection, before: i64) -> sqlx::Result<()> {
    for sql in [
        "DELETE FROM promises WHERE until < ?",
        // The oldest one says since when anything is known.
        "DELETE FROM readings WHERE good_until < ? AND since > (SELECT min(since) FROM readings AS r
         WHERE r.account = readings.account AND r.region = readings.region)",
        // Deleted points left by a killed process or an ended occurrence. Nothing loads them.
        r#"DELETE FROM points WHERE lifecycle = 'DELETED' AND settled_at < ?
           AND NOT EXISTS (SELECT 1 FROM points AS b WHERE b.account = points.account AND b.source = points.source
                           AND b.at = points.at AND b."trigger" = points."trigger" AND b.origin_id IS NULL
                           AND b.lifecycle <> 'DELETED')
           AND NOT EXISTS (SELECT 1 FROM occurrences AS o WHERE o.account = points.account AND o.source = points.source
                           AND o."trigger" = points."trigger" AND o.at = points.at AND o.outcome IS NULL)"#,
        // Too old for any remaining row to refer to it.
        "DELETE FROM texts WHERE used_at < ?",
    ] {
        to.execute(sqlx::query(sql).bind(before)).await?;
    }
    Ok(())
}
