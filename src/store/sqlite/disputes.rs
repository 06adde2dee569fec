//! Disputed backups and copies as SQL: see `0009_disputes.sql`.

use super::Result;
use super::Written;
use super::each::each;
use super::point_rows::{claim_of, row_of};
use crate::domain::change::Change;
use crate::domain::evidence::Objection;
use crate::domain::id::{AccountRegion, BackupId};
use crate::domain::state::{Dispute, State};
use crate::domain::time::Time;
use sqlx::Executor as _;
use sqlx::sqlite::SqliteConnection;

/// What an older release reads as disputed, as people do.
const MISDATED: &str = "misdated";

pub(super) async fn disputed(
    to: &mut SqliteConnection,
    place: &AccountRegion,
    id: &BackupId,
    dispute: &Dispute,
) -> Written {
    let claim = dispute.claim.as_deref().map(row_of).transpose();
    let claim = claim.map_err(|error| sqlx::Error::Encode(error.into()))?;
    let sql = "INSERT INTO disputes (account, region, id, objection, what, since, claim) VALUES (?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET objection = excluded.objection, what = excluded.what, since = excluded.since,
               claim = excluded.claim";
    let query = sqlx::query(sql).bind(place.account.as_str()).bind(place.region.as_str()).bind(id.as_str());
    let objection = match dispute.objection {
        Objection::Misdated(_) => MISDATED,
        Objection::Disputed(_) | Objection::Unconfirmed(_) => dispute.objection.as_str(),
    };
    let query = query.bind(objection).bind(dispute.objection.what());
    to.execute(query.bind(dispute.since.millis()).bind(claim)).await.map(drop)
}

pub(super) async fn undisputed(to: &mut SqliteConnection, place: &AccountRegion, id: &BackupId) -> Written {
    let sql = "DELETE FROM disputes WHERE account = ? AND region = ? AND id = ?";
    let query = sqlx::query(sql).bind(place.account.as_str()).bind(place.region.as_str()).bind(id.as_str());
    to.execute(query).await.map(drop)
}

pub(super) async fn forgotten(to: &mut SqliteConnection, place: &AccountRegion) -> Written {
    let sql = "DELETE FROM disputes WHERE account = ? AND region = ?";
    to.execute(sqlx::query(sql).bind(place.account.as_str()).bind(place.region.as_str())).await.map(drop)
}

pub(super) async fn clock_went_back(to: &mut SqliteConnection, now: Time) -> Written {
    let sql = "UPDATE disputes SET since = ?1 WHERE since > ?1";
    to.execute(sqlx::query(sql).bind(now.millis())).await.map(drop)
}

/// Loads the disputes; the points must be loaded already.
pub(super) async fn load(from: &mut SqliteConnection, state: &mut State) -> Result<()> {
    each(from, "disputes", "SELECT * FROM disputes", |row| {
        let (place, id, what) = (row.place()?, row.id()?, row.text("what")?.to_owned());
        let objection = match row.text("objection")?.as_str() {
            "unconfirmed" => Objection::Unconfirmed(what),
            MISDATED => Objection::Misdated(what),
            _ => Objection::Disputed(what),
        };
        let claim = match row.optional_text("claim")? {
            Some(text) => Some(Box::new(claim_of(&place.account, &text).ok_or_else(|| row.wrong("claim"))?)),
            None => None,
        };
        let dispute = Some(Box::new(Dispute { objection, since: row.time("since")?, claim }));
        // Cannot be illegal: a dispute contradicts nothing else.
        let _ = state.apply(&Change::Disputed { place, id, dispute });
        Ok(())
    })
    .await
}
