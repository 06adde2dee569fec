//! Loading the state of a new process from the tables.
//!
//! Rows are converted one by one as they are read, so nothing is in memory twice, and identifiers are shared as in
//! AWS's responses. Only live rows are read: history is in tables of its own.

use super::each::each;
use super::problems::from_sqlx;
use super::{Reading, Result, accounts, disputes, point_rows};
use crate::domain::change::Change;
use crate::domain::state::{ORDER_REMEMBERED_FOR, SourceState, State};
use crate::domain::time::Time;
use sqlx::sqlite::SqliteConnection;
use std::sync::Arc;

/// Loads the whole state.
pub(super) async fn load(from: &mut SqliteConnection, started_at: Time) -> Result<State> {
    let sql = "SELECT value FROM meta WHERE key = 'created_at'";
    let created_at = sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *from).await;
    let created_at = Time::from_millis(created_at.map_err(|error| from_sqlx(&error))?);
    let mut state = State::new(created_at, started_at);
    let sql = "SELECT value FROM meta WHERE key = 'peer_seen_at'";
    let seen = sqlx::query_scalar::<_, i64>(sql).fetch_optional(&mut *from).await.map_err(|error| from_sqlx(&error))?;
    state.peer_seen_at = seen.map(Time::from_millis);
    load_sources(from, &mut state).await?;
    point_rows::load(from, &mut state).await?;
    disputes::load(from, &mut state).await?;
    load_intents(from, &mut state).await?;
    accounts::load(from, &mut state).await?;
    load_notes(from, &mut state).await?;
    each(from, "totals", "SELECT * FROM totals", |row| {
        let (total, value) = row.total()?;
        state.counters.insert(total, value);
        Ok(())
    })
    .await?;
    each(from, "places", "SELECT * FROM places", |row| {
        let (began_at, pages, user_backups) = row.listed()?;
        state.restore_listed(row.place()?, began_at, pages, user_backups);
        Ok(())
    })
    .await?;
    state.all_restored();
    Ok(state)
}

async fn load_sources(from: &mut SqliteConnection, state: &mut State) -> Result<()> {
    each(from, "sources", "SELECT * FROM sources", |row| {
        let mut source = SourceState::new(row.region()?.into());
        source.membership = row.membership()?;
        source.cursor = row.cursor()?;
        source.departed = row.has_departed()?;
        state.sources.insert(row.source_key()?, Arc::new(source));
        Ok(())
    })
    .await?;
    each(from, "schedules", "SELECT * FROM schedules ORDER BY account, source, number", |row| {
        let source = state.source_to_restore(&row.source_key()?);
        if let Some(membership) = source.and_then(|source| source.membership.as_mut()) {
            membership.lines.push(row.line()?);
        }
        Ok(())
    })
    .await?;
    each(from, "occurrences", "SELECT * FROM occurrences WHERE outcome IS NULL", |row| {
        if let Some(source) = state.source_to_restore(&row.source_key()?) {
            source.open.insert(row.occurrence()?, row.record()?);
        }
        Ok(())
    })
    .await?;
    let sql = r#"SELECT * FROM occurrences INDEXED BY orders_ended WHERE "trigger" = 'manual' AND outcome IS NOT NULL AND at > ? ORDER BY at"#;
    let after = state.started_at.minus(ORDER_REMEMBERED_FOR);
    let ended = sqlx::query(sql).bind(after.millis()).fetch_all(from).await;
    for row in ended.map_err(|error| from_sqlx(&error))? {
        let row = Reading { table: "occurrences", row: &row };
        if let Some(source) = state.source_to_restore(&row.source_key()?) {
            source.order_ended(row.occurrence()?, row.end()?);
        }
    }
    Ok(())
}

/// Loads intents.
async fn load_intents(from: &mut SqliteConnection, state: &mut State) -> Result<()> {
    each(from, "asks", "SELECT * FROM asks", |row| {
        let key = row.work_key()?;
        if let Some(source) = state.source_to_restore(&key.source) {
            source.pending_requests.insert((key.occurrence, key.target.clone()), row.pending()?);
        }
        Ok(())
    })
    .await?;
    each(from, "pauses", "SELECT * FROM pauses", |row| {
        let (policy, pause) = row.pause()?;
        // Pauses are independent of everything else, so none can be illegal.
        let _ = state.apply(&Change::Paused { policy, pause });
        Ok(())
    })
    .await?;
    each(from, "deletions", "SELECT * FROM deletions", |row| {
        let (place, id) = (row.place()?, row.id()?);
        if state.point(&place, &id).is_some() {
            state.restore_deletion(place, id, row.deletion()?);
        }
        Ok(())
    })
    .await?;
    each(from, "losses", "SELECT * FROM losses ORDER BY account, source, destination, lost_at, came_at", |row| {
        let (key, target, loss) = row.loss()?;
        if let Some(source) = state.source_to_restore(&key) {
            source.losses.entry(target).or_default().push(loss);
        }
        Ok(())
    })
    .await?;
    each(from, "wishes", "SELECT * FROM wishes", |row| {
        let (place, id) = (row.place()?, row.id()?);
        if state.point(&place, &id).is_some() {
            state.restore_hold_request(place, id, row.hold_request()?);
        }
        Ok(())
    })
    .await
}

async fn load_notes(from: &mut SqliteConnection, state: &mut State) -> Result<()> {
    let sql = "SELECT * FROM promises INDEXED BY promises_standing WHERE until IS NULL";
    each(from, "promises", sql, |row| {
        let (route, route_rpo) = row.route_rpo()?;
        state.notes.rpos.insert(route, route_rpo);
        Ok(())
    })
    .await?;
    each(from, "late", "SELECT * FROM late", |row| {
        state.notes.late.insert(row.route()?, row.since()?);
        Ok(())
    })
    .await?;
    each(from, "notices", "SELECT * FROM notices", |row| {
        let notice = row.notice()?;
        state.notes.queued.insert((notice.at, notice.id.clone()), notice);
        Ok(())
    })
    .await
}
