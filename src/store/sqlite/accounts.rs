//! Account ids and cancelled orders as SQL: see the tables of `0008_accounts.sql`.

use super::Result;
use super::Written;
use super::each::each;
use crate::domain::id::{AccountId, Occurrence, SourceId, SourceKey, Trigger};
use crate::domain::state::{AccountState, State};
use crate::domain::time::Time;
use sqlx::AssertSqlSafe;
use sqlx::Executor as _;
use sqlx::sqlite::SqliteConnection;

pub(super) async fn account_recorded(
    to: &mut SqliteConnection,
    account: &AccountId,
    id: &AccountId,
    at: &Time,
) -> Written {
    let sql = "INSERT INTO accounts (account, id, recorded_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    to.execute(sqlx::query(sql).bind(account.as_str()).bind(id.as_str()).bind(at.millis())).await.map(drop)
}

/// The row that says which account is the daemon's own.
const OWN: &str = "";

/// The tables whose rows belong to an account, as of `0012_account_ids.sql`.
const OF_ACCOUNTS: [&str; 16] = [
    "sources",
    "schedules",
    "occurrences",
    "cancelled",
    "asks",
    "points",
    "disputes",
    "losses",
    "deletions",
    "wishes",
    "places",
    "promises",
    "readings",
    "late",
    "routes",
    "past_occurrences",
];

/// Moves everything of the unnamed own account to its id.
pub(super) async fn own_account_named(to: &mut SqliteConnection, id: &AccountId, at: &Time) -> Written {
    let own = AccountId::own();
    for table in OF_ACCOUNTS {
        let sql = format!("UPDATE OR REPLACE {table} SET account = ?1 WHERE account = ?2");
        // The name of the table is one of this file's.
        to.execute(sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).bind(own.as_str())).await?;
    }
    to.execute(sqlx::query("DELETE FROM accounts WHERE account = ?").bind(own.as_str())).await?;
    account_recorded(to, &AccountId::from(OWN), id, at).await?;
    account_recorded(to, id, id, at).await
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
        let (account, id) = (AccountId::from(row.text("account")?), AccountId::from(row.text("id")?));
        if account.as_str() == OWN {
            state.own_account = Some(id);
        } else {
            state.accounts.insert(account, AccountState::recorded(id));
        }
        Ok(())
    })
    .await?;
    each(from, "cancelled", "SELECT * FROM cancelled", |row| {
        let (account, source) = (AccountId::from(row.text("account")?), SourceId::from(row.text("source")?));
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
