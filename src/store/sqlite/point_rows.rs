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
use std::borrow::Cow;
use std::sync::Arc;

/// In the order of the primary key, so that no sorting is needed.
const BY_SOURCE: &str = r#"SELECT account, source, json_group_array(json_array(region, id, "trigger", at, attempt, policy,
    origin_region, origin_id, taken_at, hold, lifecycle, created_at, settled_at, failure, progress_percent, size_bytes,
    kms_key, kind, json(carried), asked_key)) AS points FROM points GROUP BY account, source ORDER BY account, source"#;

/// A text of a row. It is borrowed from the row, but for a text with escapes; in an `Option` serde would copy it.
#[derive(Deserialize, Serialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Text<'a> {
    fn of(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

/// One row in the format of [`BY_SOURCE`].
#[derive(Deserialize, Serialize)]
struct PointRow<'a>(
    #[serde(borrow)] Text<'a>,
    #[serde(borrow)] Text<'a>,
    #[serde(borrow)] Text<'a>,
    i64,
    u32,
    #[serde(borrow)] Option<Text<'a>>,
    #[serde(borrow)] Option<Text<'a>>,
    #[serde(borrow)] Option<Text<'a>>,
    i64,
    #[serde(borrow)] Option<Text<'a>>,
    #[serde(borrow)] Text<'a>,
    i64,
    Option<i64>,
    #[serde(borrow)] Option<Text<'a>>,
    Option<u8>,
    Option<u64>,
    #[serde(borrow)] Option<Text<'a>>,
    #[serde(borrow)] Text<'a>,
    Tags,
    #[serde(borrow)] Option<Text<'a>>,
);

impl PointRow<'_> {
    fn into_point(self, account: &AccountId, source: &SourceId) -> Option<RecoveryPoint> {
        let Self(region, id, trigger, at, attempt, policy, origin_region, origin_id, taken_at, hold, lifecycle, ..) =
            self;
        let Self(.., created_at, settled_at, failure, progress_percent, size_bytes, kms_key, kind, carried, asked_key) =
            self;
        let origin = origin_region.zip(origin_id).map(|(region, backup)| Origin {
            region: region.0.as_ref().into(),
            backup: backup.0.as_ref().into(),
            taken_at: Time::from_millis(taken_at),
        });
        Some(RecoveryPoint {
            provenance: Provenance {
                place: AccountRegion { account: account.clone(), region: region.0.as_ref().into() },
                source: source.clone(),
                policy: policy.map(|policy| policy.0.as_ref().into()),
                kms_key: kms_key.map(|key| key.0.as_ref().into()),
                asked_key: asked_key.map(|key| key.0.as_ref().into()),
                kind: FileSystemKind::parse(&kind.0),
                carried: Arc::new(carried),
            }
            .into(),
            id: id.0.as_ref().into(),
            occurrence: Occurrence { at: Time::from_millis(at), trigger: Trigger::parse(&trigger.0)? },
            attempt: (attempt >= 1).then_some(attempt)?,
            origin,
            lifecycle: Lifecycle::parse(&lifecycle.0),
            created_at: Time::from_millis(created_at),
            settled_at: settled_at.map(Time::from_millis),
            progress_percent,
            size_bytes: size_bytes.map(Into::into),
            remarks: Remarks {
                hold: hold.map(|hold| hold.0.as_ref().into()),
                failure: failure.map(|failure| failure.0.as_ref().into()),
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
        Text::of(point.place.region.as_str()),
        Text::of(point.id.as_str()),
        Text::of(point.occurrence.trigger.as_str()),
        point.occurrence.at.millis(),
        point.attempt,
        point.policy.as_ref().map(|policy| Text::of(policy.as_str())),
        origin.map(|origin| Text::of(origin.region.as_str())),
        origin.map(|origin| Text::of(origin.backup.as_str())),
        point.taken_at().millis(),
        point.remarks.hold.as_deref().map(Text::of),
        Text::of(point.lifecycle.as_str()),
        point.created_at.millis(),
        point.settled_at.map(Time::millis),
        point.remarks.failure.as_deref().map(Text::of),
        point.progress_percent,
        point.size_bytes.map(u64::from),
        point.kms_key.as_deref().map(Text::of),
        Text::of(point.kind.as_str()),
        (*point.carried).clone(),
        point.asked_key.as_deref().map(Text::of),
    );
    serde_json::to_string(&(point.source.as_str(), row))
}

/// Parses the text of [`row_of`].
pub(super) fn claim_of(account: &AccountId, text: &str) -> Option<RecoveryPoint> {
    let (source, row): (String, PointRow<'_>) = serde_json::from_str(text).ok()?;
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
        let points: Vec<PointRow<'_>> = serde_json::from_str(row.try_get::<&str, _>(2).ok()?).ok()?;
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
