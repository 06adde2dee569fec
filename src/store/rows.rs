//! Database rows converted to the domain's types, with validation.
//!
//! A database is input like any other: an older version, a failing disk or a curious person may have written it. An
//! unreadable row gives an error that names it.

use super::{OccurrenceStatus, ReadSpan, StoreProblem};
use crate::domain::change::{Counter, Line, OccurrenceOutcome, OccurrenceRecord};
use crate::domain::deletion::{Deletion, HoldRequest, Loss};
use crate::domain::fault::{Fault, FaultClass, clean};

/// Maximum length of an SQLite error message, which may quote content of a broken file.
pub(super) const SAID_MAX_CHARS: usize = 300;
use crate::domain::id::{
    AccountId, AccountRegion, BackupId, Occurrence, PolicyName, SourceKey, Target, Trigger, WorkKey,
};
use crate::domain::intent::{Creation, HoldChange, Intent, Removal};
use crate::domain::lane::FileSystemKind;
use crate::domain::note::{Notification, RouteKey, RouteRpo};
use crate::domain::pause::Pause;
use crate::domain::point::{Lifecycle, Provenance, RecoveryPoint};
use crate::domain::remarks::Remarks;
use crate::domain::state::{Membership, PendingRequest};
use crate::domain::tags::Origin;
use crate::domain::time::Time;
use arcstr::ArcStr;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::sync::Arc;
use std::time::Duration;

/// A row and its table.
pub(super) struct Reading<'a> {
    pub(super) table: &'static str,
    pub(super) row: &'a SqliteRow,
}

impl Reading<'_> {
    pub(super) fn wrong(&self, what: impl Into<String>) -> StoreProblem {
        StoreProblem::Row { table: self.table, what: clean(&what.into(), SAID_MAX_CHARS) }
    }

    fn get<'r, T>(&'r self, column: &str) -> Result<T, StoreProblem>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        self.row.try_get(column).map_err(|error| self.wrong(error.to_string()))
    }

    pub(super) fn text(&self, column: &str) -> Result<String, StoreProblem> {
        self.get(column)
    }

    pub(super) fn optional_text(&self, column: &str) -> Result<Option<String>, StoreProblem> {
        self.get(column)
    }

    fn shared_text(&self, column: &str) -> Result<Option<ArcStr>, StoreProblem> {
        Ok(self.get::<Option<&str>>(column)?.map(ArcStr::from))
    }

    pub(super) fn time(&self, column: &str) -> Result<Time, StoreProblem> {
        self.get::<i64>(column).map(Time::from_millis)
    }

    fn optional_time(&self, column: &str) -> Result<Option<Time>, StoreProblem> {
        Ok(self.get::<Option<i64>>(column)?.map(Time::from_millis))
    }

    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreProblem> {
        T::try_from(self.get::<i64>(column)?).map_err(|_| self.wrong(format!("{column} is out of range")))
    }

    fn optional_number<T: TryFrom<i64>>(&self, column: &str) -> Result<Option<T>, StoreProblem> {
        let number = self.get::<Option<i64>>(column)?;
        number.map(|n| T::try_from(n).map_err(|_| self.wrong(format!("{column} is out of range")))).transpose()
    }

    pub(super) fn source_key(&self) -> Result<SourceKey, StoreProblem> {
        Ok(SourceKey { account: self.text("account")?.into(), source: self.text("source")?.into() })
    }

    pub(super) fn place(&self) -> Result<AccountRegion, StoreProblem> {
        Ok(AccountRegion { account: AccountId::from(self.text("account")?), region: self.text("region")?.into() })
    }

    pub(super) fn occurrence(&self) -> Result<Occurrence, StoreProblem> {
        let trigger = Trigger::parse(&self.text("trigger")?).ok_or_else(|| self.wrong("trigger"))?;
        Ok(Occurrence { at: self.time("at")?, trigger })
    }

    pub(super) fn work_key(&self) -> Result<WorkKey, StoreProblem> {
        let target = Target::from_destination(&self.text("destination")?);
        Ok(WorkKey { source: self.source_key()?, occurrence: self.occurrence()?, target })
    }

    pub(super) fn record(&self) -> Result<OccurrenceRecord, StoreProblem> {
        Ok(OccurrenceRecord {
            policy: self.text("policy")?.into(),
            opened_at: self.time("opened_at")?,
            caught_up: self.get("caught_up")?,
            adopted: self.get("adopted")?,
        })
    }

    pub(super) fn membership(&self) -> Result<Option<Membership>, StoreProblem> {
        let Some(policy) = self.get::<Option<String>>("policy")? else { return Ok(None) };
        let destinations = serde_json::from_str(&self.text("destinations")?);
        Ok(Some(Membership {
            policy: policy.into(),
            destinations: destinations.map_err(|error| self.wrong(format!("destinations: {error}")))?,
            since: self.time("since")?,
            returned: self.get("returned")?,
            lines: Vec::new(),
        }))
    }

    pub(super) fn line(&self) -> Result<Line, StoreProblem> {
        let (text, zone) = (self.text("line")?.into(), self.text("zone")?.into());
        Ok(Line { text, zone, since: self.optional_time("since")? })
    }

    pub(super) fn region(&self) -> Result<String, StoreProblem> {
        self.text("region")
    }

    pub(super) fn cursor(&self) -> Result<Option<Time>, StoreProblem> {
        self.optional_time("cursor")
    }

    pub(super) fn has_departed(&self) -> Result<bool, StoreProblem> {
        self.get("has_left")
    }

    pub(super) fn pending(&self) -> Result<PendingRequest, StoreProblem> {
        let request = serde_json::from_str(&self.text("request")?);
        self.intent(Creation {
            attempt: self.number("attempt")?,
            request: Arc::new(request.map_err(|error| self.wrong(format!("request: {error}")))?),
            open: self.get("open")?,
            first_asked_at: self.time("first_asked_at")?,
            last_asked_at: self.time("last_asked_at")?,
            sent: self.number("asks")?,
        })
    }

    fn intent<W>(&self, what: W) -> Result<Intent<W>, StoreProblem> {
        let (failures, not_before) = (self.number("failures")?, self.time("not_before")?);
        Ok(Intent { what, failures, not_before, fault: self.fault()? })
    }

    fn fault(&self) -> Result<Option<Fault>, StoreProblem> {
        let Some(class) = self.get::<Option<String>>("fault_class")? else { return Ok(None) };
        let class = FaultClass::parse(&class).ok_or_else(|| self.wrong(format!("fault_class {class}")))?;
        Ok(Some(Fault::new(class, self.text("fault_code")?, &self.text("fault_message")?)))
    }

    pub(super) fn id(&self) -> Result<BackupId, StoreProblem> {
        Ok(self.text("id")?.into())
    }

    pub(super) fn deletion(&self) -> Result<Deletion, StoreProblem> {
        self.intent(Removal {
            reason: self.text("reason")?,
            confirmed: self.get("confirmed")?,
            planned_at: self.time("condemned_at")?,
            asked_at: self.get::<Option<i64>>("asked_at")?.map(Time::from_millis),
            inspected_at: None,
        })
    }

    pub(super) fn loss(&self) -> Result<(SourceKey, Target, Loss), StoreProblem> {
        let target = Target::from_destination(&self.text("destination")?);
        Ok((self.source_key()?, target, Loss { lost_at: self.time("lost_at")?, came_at: self.time("came_at")? }))
    }

    pub(super) fn hold_request(&self) -> Result<HoldRequest, StoreProblem> {
        self.intent(HoldChange { hold: self.get("hold")?, requested_at: self.time("wished_at")?, arn: None })
    }

    pub(super) fn point(&self) -> Result<RecoveryPoint, StoreProblem> {
        let carried = serde_json::from_str(&self.text("carried")?);
        let origin = match (self.get::<Option<String>>("origin_region")?, self.get::<Option<String>>("origin_id")?) {
            (Some(region), Some(id)) => {
                Some(Origin { region: region.into(), backup: id.into(), taken_at: self.time("taken_at")? })
            }
            _ => None,
        };
        let occurrence = self.occurrence()?;
        let provenance = Provenance {
            place: self.place()?,
            source: self.text("source")?.into(),
            policy: self.get::<Option<String>>("policy")?.map(Into::into),
            kind: FileSystemKind::parse(&self.text("kind")?),
            kms_key: self.shared_text("kms_key")?,
            asked_key: self.shared_text("asked_key")?,
            carried: Arc::new(carried.map_err(|error| self.wrong(format!("carried: {error}")))?),
        };
        let remarks = Remarks {
            hold: self.shared_text("hold")?,
            failure: self.shared_text("failure")?,
            missing_since: None,
            disputed: false,
        };
        Ok(RecoveryPoint {
            id: self.text("id")?.into(),
            provenance: Arc::new(provenance),
            occurrence,
            attempt: self.number("attempt")?,
            origin,
            lifecycle: Lifecycle::parse(&self.text("lifecycle")?),
            created_at: self.time("created_at")?,
            settled_at: self.optional_time("settled_at")?,
            progress_percent: self.optional_number("progress_percent")?,
            size_bytes: self.optional_number::<u64>("size_bytes")?.map(Into::into),
            remarks: remarks.into(),
        })
    }

    pub(super) fn pause(&self) -> Result<(PolicyName, Pause), StoreProblem> {
        let pause = Pause {
            since: self.time("since")?,
            until: self.get::<Option<i64>>("until")?.map(Time::from_millis),
            reason: self.get("reason")?,
            resumed: self.get("resumed")?,
        };
        Ok((self.text("policy")?.into(), pause))
    }

    pub(super) fn end(&self) -> Result<OccurrenceOutcome, StoreProblem> {
        let outcome = self.text("outcome")?;
        OccurrenceOutcome::parse(&outcome).ok_or_else(|| self.wrong(format!("outcome {outcome}")))
    }

    pub(super) fn total(&self) -> Result<(Counter, u64), StoreProblem> {
        let (policy, region, result) = (self.text("policy")?.into(), self.text("region")?, self.text("result")?);
        let total = match self.text("kind")?.as_str() {
            "occurrences" => {
                let end = OccurrenceOutcome::parse(&result).ok_or_else(|| self.wrong(format!("result {result}")))?;
                Counter::Occurrences(policy, end)
            }
            "backups" => Counter::Backups(policy, result == RESULT_AVAILABLE),
            "deletions" => Counter::Deletions(policy, region.into(), result == RESULT_DELETED),
            _ => Counter::Copies(policy, region.into(), result == RESULT_AVAILABLE),
        };
        Ok((total, self.number("value")?))
    }

    pub(super) fn listed(&self) -> Result<(Time, u32, u64), StoreProblem> {
        Ok((self.time("listed_at")?, self.number("pages")?, self.number("user_backups")?))
    }

    fn became(&self) -> Result<OccurrenceStatus, StoreProblem> {
        let Some(outcome) = self.get::<Option<String>>("outcome")? else { return Ok(OccurrenceStatus::Open) };
        OccurrenceStatus::parse(&outcome).ok_or_else(|| self.wrong(format!("outcome {outcome}")))
    }

    pub(super) fn outcome_count(&self) -> Result<(OccurrenceStatus, u64), StoreProblem> {
        Ok((self.became()?, self.number("value")?))
    }

    pub(super) fn route(&self) -> Result<RouteKey, StoreProblem> {
        Ok((self.source_key()?, Target::from_destination(&self.text("destination")?)))
    }

    pub(super) fn route_rpo(&self) -> Result<(RouteKey, RouteRpo), StoreProblem> {
        let rpo = self.optional_number("rpo")?.map(Duration::from_millis);
        let route_rpo = RouteRpo { policy: self.text("policy")?.into(), region: self.text("region")?.into(), rpo };
        Ok((self.route()?, route_rpo))
    }

    /// The beginning and end of a period.
    pub(super) fn period(&self) -> Result<(Time, Option<Time>), StoreProblem> {
        Ok((self.time("since")?, self.optional_time("until")?))
    }

    pub(super) fn read_span(&self) -> Result<ReadSpan, StoreProblem> {
        let (since, through) = (self.time("since")?, self.time("through")?);
        Ok(ReadSpan { since, through, good_until: self.time("good_until")? })
    }

    pub(super) fn since(&self) -> Result<Time, StoreProblem> {
        self.time("since")
    }

    pub(super) fn notice(&self) -> Result<Notification, StoreProblem> {
        Ok(Notification { id: self.text("id")?, at: self.time("at")?, body: self.text("body")? })
    }

    pub(super) fn history(&self) -> Result<super::HistoryEntry, StoreProblem> {
        Ok(super::HistoryEntry {
            source: self.source_key()?,
            occurrence: self.occurrence()?,
            policy: self.text("policy")?.into(),
            opened_at: self.time("opened_at")?,
            became: self.became()?,
            point: match self.text("id")? {
                id if id.is_empty() => None,
                id => Some((self.text("region")?.into(), id.into())),
            },
            reason: self.get("reason")?,
            closed_at: self.optional_time("closed_at")?,
            earlier: self.number("earlier")?,
        })
    }
}

/// The `result` of a counter of objects that became AVAILABLE.
pub(super) const RESULT_AVAILABLE: &str = "available";
/// The `result` of a counter of objects that became FAILED.
pub(super) const RESULT_FAILED: &str = "failed";

/// The `result` of a counter of completed deletions.
pub(super) const RESULT_DELETED: &str = "deleted";
/// The `result` of a counter of deletions that AWS refused permanently.
pub(super) const RESULT_REFUSED: &str = "refused";

/// The columns of a counter's key: kind, policy, region, result.
pub(super) fn total_columns(total: &Counter) -> (&'static str, &str, &str, &'static str) {
    let word = |available: &bool| if *available { RESULT_AVAILABLE } else { RESULT_FAILED };
    match total {
        Counter::Occurrences(policy, end) => ("occurrences", policy.as_str(), "", end.as_str()),
        Counter::Backups(policy, available) => ("backups", policy.as_str(), "", word(available)),
        Counter::Copies(policy, region, available) => ("copies", policy.as_str(), region.as_str(), word(available)),
        Counter::Deletions(policy, region, done) => {
            let result = if *done { RESULT_DELETED } else { RESULT_REFUSED };
            ("deletions", policy.as_str(), region.as_str(), result)
        }
    }
}
