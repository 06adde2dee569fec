//! The rows of `points`, one source at a time.
//!
//! There may be a million rows of twenty-two columns each, and passing every column from SQLite's thread to ours would
//! take most of the start. So SQLite aggregates the rows of a source into one JSON text, which is parsed here. If
//! parsing fails, the rows are read one by one to name the row and column.

use super::problems::from_sqlx;
use super::{Reading, Result};
use crate::domain::change::{Change, IllegalChange};
use crate::domain::id::{AccountId, AccountRegion, Occurrence, SourceId, SourceKey, Trigger};
use crate::domain::lane::FileSystemKind;
use crate::domain::point::{Lifecycle, Provenance, RecoveryPoint};
use crate::domain::policy::Tags;
use crate::domain::remarks::Remarks;
use crate::domain::state::State;
use crate::domain::tags::Origin;
use crate::domain::time::Time;
use crate::store::StoreProblem;
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;
use std::sync::Arc;

/// In the order of the primary key, so that no sorting is needed.
const BY_SOURCE: &str = r#"SELECT account, source, json_group_array(json_array(region, id, "trigger", at, attempt, policy,
    origin_region, origin_id, taken_at, hold, lifecycle, created_at, settled_at, failure, progress_percent, size_bytes,
    kms_key, kind, json(carried), asked_key)) AS points FROM points GROUP BY account, source ORDER BY account, source"#;

/// One row in the format of [`BY_SOURCE`].
#[derive(Deserialize, Serialize)]
struct PointRow(
    String,
    String,
    String,
    i64,
    u32,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    Option<String>,
    String,
    i64,
    Option<i64>,
    Option<String>,
    Option<u8>,
    Option<u64>,
    Option<String>,
    String,
    Tags,
    Option<String>,
);

impl PointRow {
    fn into_point(self, account: &AccountId, source: &SourceId) -> Option<RecoveryPoint> {
        let Self(region, id, trigger, at, attempt, policy, origin_region, origin_id, taken_at, hold, lifecycle, ..) =
            self;
        let Self(.., created_at, settled_at, failure, progress_percent, size_bytes, kms_key, kind, carried, asked_key) =
            self;
        let origin = origin_region.zip(origin_id).map(|(region, backup)| Origin {
            region: region.into(),
            backup: backup.into(),
            taken_at: Time::from_millis(taken_at),
        });
        Some(RecoveryPoint {
            provenance: Provenance {
                place: AccountRegion { account: account.clone(), region: region.into() },
                source: source.clone(),
                policy: policy.map(Into::into),
                kms_key: kms_key.map(Into::into),
                asked_key: asked_key.map(Into::into),
                kind: FileSystemKind::parse(&kind),
                carried: Arc::new(carried),
            }
            .into(),
            id: id.into(),
            occurrence: Occurrence { at: Time::from_millis(at), trigger: Trigger::parse(&trigger)? },
            attempt: (attempt >= 1).then_some(attempt)?,
            origin,
            lifecycle: Lifecycle::parse(&lifecycle),
            created_at: Time::from_millis(created_at),
            settled_at: settled_at.map(Time::from_millis),
            progress_percent,
            size_bytes: size_bytes.map(Into::into),
            remarks: Remarks {
                hold: hold.map(Into::into),
                failure: failure.map(Into::into),
                missing_since: None,
                disputed: false,
            }
            .into(),
        })
    }
}

/// A point as text, with the source that its tags name.
pub(super) fn row_of(point: &RecoveryPoint) -> std::result::Result<String, serde_json::Error> {
    let origin = point.origin.as_ref();
    let row = PointRow(
        point.place.region.to_string(),
        point.id.to_string(),
        point.occurrence.trigger.as_str().to_owned(),
        point.occurrence.at.millis(),
        point.attempt,
        point.policy.as_ref().map(ToString::to_string),
        origin.map(|origin| origin.region.to_string()),
        origin.map(|origin| origin.backup.to_string()),
        point.taken_at().millis(),
        point.remarks.hold.as_deref().map(str::to_owned),
        point.lifecycle.as_str().to_owned(),
        point.created_at.millis(),
        point.settled_at.map(Time::millis),
        point.remarks.failure.as_deref().map(str::to_owned),
        point.progress_percent,
        point.size_bytes.map(u64::from),
        point.kms_key.as_deref().map(str::to_owned),
        point.kind.as_str().to_owned(),
        (*point.carried).clone(),
        point.asked_key.as_deref().map(str::to_owned),
    );
    serde_json::to_string(&(point.source.as_str(), row))
}

/// Parses the text of [`row_of`].
pub(super) fn claim_of(account: &AccountId, text: &str) -> Option<RecoveryPoint> {
    let (source, row): (String, PointRow) = serde_json::from_str(text).ok()?;
    row.into_point(account, &source.into())
}

/// Loads all points.
pub(super) async fn load(from: &mut SqliteConnection, state: &mut State) -> Result<()> {
    if read_by_source(from, state).await.is_some() {
        return Ok(());
    }
    let mut rows = sqlx::query("SELECT * FROM points").fetch(from);
    while let Some(row) = rows.try_next().await.map_err(|error| from_sqlx(&error))? {
        take(state, Reading { table: "points", row: &row }.point()?)?;
    }
    Ok(())
}

/// `None` if anything is not as this program writes it. Reading again what was loaded until then is harmless.
async fn read_by_source(from: &mut SqliteConnection, state: &mut State) -> Option<()> {
    let mut rows = sqlx::query(BY_SOURCE).fetch(from);
    while let Some(row) = rows.try_next().await.ok()? {
        let account = AccountId::from(row.try_get::<&str, _>(0).ok()?);
        let source = SourceId::from(row.try_get::<&str, _>(1).ok()?);
        let points: Vec<PointRow> = serde_json::from_str(row.try_get::<&str, _>(2).ok()?).ok()?;
        let key = SourceKey { account, source };
        let count = points.len();
        for (nth, point) in points.into_iter().enumerate() {
            take(state, point.into_point(&key.account, &key.source)?).ok()?;
            if nth == 0 {
                state.expect_points(&key, count);
            }
        }
    }
    Some(())
}

fn take(state: &mut State, point: RecoveryPoint) -> Result<()> {
    let id = point.id.clone();
    let refused = |error: IllegalChange| StoreProblem::Row { table: "points", what: format!("{id}: {error}") };
    state.apply(&Change::BackupObserved { point: Box::new(point) }).map_err(refused)
}
