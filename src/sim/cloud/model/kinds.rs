//! Enumerations of the API, and who requested a backup.

use super::*;

/// The types of file systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FileSystemType {
    /// FSx for Windows File Server
    Windows,
    /// FSx for Lustre
    Lustre,
    /// FSx for OpenZFS
    OpenZfs,
    /// FSx for NetApp ONTAP
    Ontap,
}

impl FileSystemType {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Windows => "WINDOWS",
            Self::Lustre => "LUSTRE",
            Self::OpenZfs => "OPENZFS",
            Self::Ontap => "ONTAP",
        }
    }

    /// The member of requests and responses with the type-specific configuration.
    pub(crate) const fn configuration(self) -> &'static str {
        match self {
            Self::Windows => "WindowsConfiguration",
            Self::Lustre => "LustreConfiguration",
            Self::OpenZfs => "OpenZFSConfiguration",
            Self::Ontap => "OntapConfiguration",
        }
    }
}

/// Lifecycle of a backup (facts, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Lifecycle {
    /// Lustre: requested, not started
    Pending,
    /// In progress
    Creating,
    /// Lustre: being transferred to storage
    Transferring,
    /// A copy in progress
    Copying,
    /// Good
    Available,
    /// Failed; stays until deleted
    Failed,
    /// Deleted: only seen in the response to DeleteBackup, and in the inventory
    Deleted,
}

impl Lifecycle {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Creating => "CREATING",
            Self::Transferring => "TRANSFERRING",
            Self::Copying => "COPYING",
            Self::Available => "AVAILABLE",
            Self::Failed => "FAILED",
            Self::Deleted => "DELETED",
        }
    }

    /// Whether work on it is in progress.
    #[must_use]
    pub const fn in_flight(self) -> bool {
        matches!(self, Self::Pending | Self::Creating | Self::Transferring | Self::Copying)
    }
}

/// Who made a backup, in the API's sense (facts, section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum BackupType {
    /// By the daily window
    #[serde(rename = "AUTOMATIC")]
    Automatic,
    /// By CreateBackup, CopyBackup, or as a final backup
    #[serde(rename = "USER_INITIATED")]
    UserInitiated,
    /// By the service AWS Backup
    #[serde(rename = "AWS_BACKUP")]
    AwsBackup,
}

impl BackupType {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "AUTOMATIC",
            Self::UserInitiated => "USER_INITIATED",
            Self::AwsBackup => "AWS_BACKUP",
        }
    }
}

/// Who requested a backup, which the API does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// A call of the API
    Caller,
    /// Another principal of the account, played by the simulator
    Other,
    /// FSx itself: automatic and final backups
    Service,
}
