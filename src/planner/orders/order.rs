//! What a person can order, and the result.

use super::*;

/// What a person orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// An occurrence now.
    Backup(BackupOrder),
    /// The schedule begins nothing until further notice, or for a while.
    Pause(PauseOrder),
    /// The schedule goes on.
    Resume(ResumeOrder),
    /// A recovery point is kept until released.
    Hold(HoldOrder),
    /// It may go again.
    Release(ReleaseOrder),
    /// What was ordered and is not done is given up.
    Cancel(CancelOrder),
}

impl Order {
    /// The word for it, as the command has it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Backup(_) => "backup",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Hold(_) => "hold",
            Self::Release(_) => "release",
            Self::Cancel(_) => "cancel",
        }
    }
}

/// An occurrence now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupOrder {
    /// Of which policy.
    pub policy: PolicyName,
    /// Of which of its sources; `None`: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    /// The time of asking, to the millisecond: the name of the occurrence, and the same when the order is repeated.
    pub at: Time,
}

/// The schedule begins nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseOrder {
    /// Of which policy.
    pub policy: PolicyName,
    /// Until then; `None`: until it is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The schedule goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeOrder {
    /// Of which policy.
    pub policy: PolicyName,
}

/// A recovery point is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldOrder {
    /// The backup or copy.
    pub backup: BackupId,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A recovery point may go again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseOrder {
    /// The backup or copy.
    pub backup: BackupId,
}

/// Backups that a person ordered, and that are not done, are given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelOrder {
    /// Of which policy.
    pub policy: PolicyName,
    /// Of which of its sources; `None`: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    /// Only the one that was ordered at this time; `None`: all that are open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// An order that is accepted once its changes are committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// To be applied and committed; empty if it stood already.
    pub changes: Vec<Change>,
    /// The result, for people.
    pub says: String,
    /// The sources that an occurrence was ordered for, new or not.
    pub sources: Vec<SourceId>,
    /// Whether AWS shows the hold as requested.
    pub stands: bool,
    /// If AWS does not show the hold: the refusal that only a person can resolve.
    pub barred: Option<String>,
}

/// Why an order is not carried out; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refusal {
    /// What kind of reason.
    pub kind: RefusalKind,
    /// What, on what, and what to do.
    pub what: String,
}

/// What kind of reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// Not found.
    Unknown,
    /// Invalid.
    Invalid,
    /// Conflict: the same order may be accepted later.
    NotNow,
}
