//! Orders from people, and their results.

use super::*;

/// An order from a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Start an occurrence now.
    Backup(BackupOrder),
    /// The schedule starts nothing until resumed, or for a limited time.
    Pause(PauseOrder),
    /// The schedule continues.
    Resume(ResumeOrder),
    /// Keep a recovery point until it is released.
    Hold(HoldOrder),
    /// Release a held recovery point.
    Release(ReleaseOrder),
    /// Give up open orders.
    Cancel(CancelOrder),
}

impl Order {
    /// The name of the command.
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

/// Start an occurrence now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupOrder {
    /// Of which policy.
    pub policy: PolicyName,
    /// One of its sources; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    /// The time of the order in ms. It names the occurrence and stays the same when the order is repeated.
    pub at: Time,
}

/// Pause a policy's schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseOrder {
    /// Of which policy.
    pub policy: PolicyName,
    /// The end of the pause; `None`: until it is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// The reason, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Resume a policy's schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeOrder {
    /// Of which policy.
    pub policy: PolicyName,
}

/// Hold a recovery point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldOrder {
    /// The backup or copy.
    pub backup: BackupId,
    /// The reason, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Release a held recovery point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseOrder {
    /// The backup or copy.
    pub backup: BackupId,
}

/// Give up open on-demand backups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelOrder {
    /// Of which policy.
    pub policy: PolicyName,
    /// One of its sources; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    /// Only the one ordered at this time; `None`: all open ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// An order that is accepted once its changes are committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// The changes to apply and commit; empty if nothing changes.
    pub changes: Vec<Change>,
    /// The result, in words.
    pub says: String,
    /// The sources whose occurrence was ordered, now or before.
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
    /// What was refused, on which object, and what to do.
    pub what: String,
}

/// The kind of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The object does not exist.
    Unknown,
    /// The order is invalid.
    Invalid,
    /// Conflict: the same order may be accepted later.
    NotNow,
}
