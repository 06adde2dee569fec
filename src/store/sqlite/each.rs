//! Reading a table row by row.

use super::problems::from_sqlx;
use super::{Reading, Result};
use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteConnection;

/// Reads a table row by row.
pub(super) async fn each(
    connection: &mut SqliteConnection,
    table: &'static str,
    sql: &'static str,
    mut take: impl FnMut(Reading<'_>) -> Result<()>,
) -> Result<()> {
    let mut rows = sqlx::query(sql).fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(|error| from_sqlx(&error))? {
        take(Reading { table, row: &row })?;
    }
    Ok(())
}
