//! Account ids and cancelled orders as SQL: see the tables of `0008_accounts.sql`.

use super::Result;
use super::Written;
use super::each::each;
use crate::domain::id::{AccountAlias, AccountId, Occurrence, SourceId, SourceKey, Trigger};
use crate::domain::state::{AccountState, State};
use crate::domain::time::Time;
use sqlx::Executor as _;
use sqlx::sqlite::SqliteConnection;

pub(super) async fn account_recorded(
    to: &mut SqliteConnection,
    account: &AccountAlias,
    id: &AccountId,
    at: &Time,
) -> Written {
    let sql = "INSERT INTO accounts (account, id, recorded_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    to.execute(sqlx::query(sql).bind(account.as_str()).bind(id.as_str()).bind(at.millis())).await.map(drop)
}

pub(super) async fn cancelled(
    to: &mut SqliteConnection,
    source: &SourceKey,
    occurrence: &Occurrence,
    at: &Time,
) -> Written {
    let sql = "INSERT INTO cancelled (account, source, at, cancelled_at) VALUES (?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET cancelled_at = excluded.cancelled_at";
    let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
    to.execute(query.bind(occurrence.at.millis()).bind(at.millis())).await.map(drop)
}

/// An ended occurrence is no longer cancelled.
pub(super) async fn ended(to: &mut SqliteConnection, source: &SourceKey, occurrence: Occurrence) -> Written {
    if occurrence.trigger != Trigger::Manual {
        return Ok(());
    }
    let sql = "DELETE FROM cancelled WHERE account = ? AND source = ? AND at = ?";
    let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
    to.execute(query.bind(occurrence.at.millis())).await.map(drop)
}

/// Loads recorded accounts and cancelled orders.
pub(super) async fn load(from: &mut SqliteConnection, state: &mut State) -> Result<()> {
    each(from, "accounts", "SELECT * FROM accounts", |row| {
        let account = AccountAlias::from(row.text("account")?);
        state.accounts.insert(account, AccountState::recorded(row.text("id")?.into()));
        Ok(())
    })
    .await?;
    each(from, "cancelled", "SELECT * FROM cancelled", |row| {
        let (account, source) = (AccountAlias::from(row.text("account")?), SourceId::from(row.text("source")?));
        let occurrence = Occurrence { at: row.time("at")?, trigger: Trigger::Manual };
        let at = row.time("cancelled_at")?;
        let source = state.source_to_restore(&SourceKey { account, source });
        if let Some(source) = source.filter(|source| source.open.contains_key(&occurrence)) {
            source.cancelled.insert(occurrence, at);
        }
        Ok(())
    })
    .await
}
