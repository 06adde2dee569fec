//! The types of the model: file systems, volumes, backups, and the lanes that copies share.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod kinds;
pub use kinds::{BackupType, FileSystemType, Lifecycle, Principal};

/// Tags by key, in a fixed order.
pub type Tags = BTreeMap<String, String>;

/// An account and Region: an index into the cloud's list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RegionIx(pub(crate) usize);

/// An index into the cloud's list of all backups ever made; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackupIx(pub(crate) usize);

/// A file system, or the snapshot of one in the backups taken from it.
#[derive(Clone, Debug)]
pub struct FileSystem {
    /// `fs-…`
    pub id: String,
    /// Owner's account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Type.
    pub kind: FileSystemType,
    /// AVAILABLE, CREATING, UPDATING, DELETING, FAILED, MISCONFIGURED…
    pub lifecycle: &'static str,
    /// When it was created, epoch ms.
    pub created_ms: i64,
    /// Storage capacity, GiB.
    pub capacity_gib: u64,
    /// SSD, HDD or INTELLIGENT_TIERING.
    pub storage_type: String,
    /// `subnet-…`
    pub subnet_ids: Vec<String>,
    /// ARN of the key that it is encrypted with.
    pub kms_key: String,
    /// Tags.
    pub tags: Tags,
    /// SINGLE_AZ_1, PERSISTENT_2 and so on; empty if the type has none.
    pub deployment_type: String,
    /// The type-specific configuration in the API's form.
    pub configuration: Value,
    /// Retention of automatic backups in days; 0: none are made.
    pub automatic_backup_retention_days: u32,
    /// Start of the daily window, minute of the UTC day.
    pub automatic_backup_minute: u32,
    /// Start of the weekly maintenance window, minute of the UTC week, which begins on Monday.
    pub maintenance_minute: u32,
    /// Whether backups requested without tags inherit the file system's.
    pub copy_tags_to_backups: bool,
    /// Bytes that hold data.
    pub used_bytes: u64,
    /// Bytes that change per day.
    pub daily_change_bytes: u64,
    /// Lustre: linked to a data repository, so it cannot be backed up.
    pub linked: bool,
    pub(crate) seq: u64,
    /// Until when it is CREATING, UPDATING or DELETING.
    pub(crate) busy_until_ms: i64,
}

impl FileSystem {
    /// An AVAILABLE file system with defaults for everything else.
    pub(super) fn blank(id: String, account: &str, region: &str, kind: FileSystemType) -> Self {
        Self {
            id,
            account: account.to_owned(),
            region: region.to_owned(),
            kind,
            lifecycle: "AVAILABLE",
            created_ms: 0,
            capacity_gib: 0,
            storage_type: "SSD".to_owned(),
            subnet_ids: Vec::new(),
            kms_key: String::new(),
            tags: Tags::new(),
            deployment_type: String::new(),
            configuration: serde_json::json!({}),
            automatic_backup_retention_days: 0,
            automatic_backup_minute: 0,
            maintenance_minute: 0,
            copy_tags_to_backups: false,
            used_bytes: 0,
            daily_change_bytes: 0,
            linked: false,
            seq: 0,
            busy_until_ms: 0,
        }
    }
}

/// A volume of ONTAP or OpenZFS.
#[derive(Clone, Debug)]
pub struct Volume {
    /// `fsvol-…`
    pub id: String,
    /// The file system that contains it.
    pub file_system_id: String,
    /// Name.
    pub name: String,
    /// ONTAP or OPENZFS.
    pub kind: FileSystemType,
    /// CREATING, CREATED, AVAILABLE, DELETING, FAILED…
    pub lifecycle: &'static str,
    /// When it was created, epoch ms.
    pub created_ms: i64,
    /// Tags.
    pub tags: Tags,
    /// ONTAP: RW, DP or LS.
    pub ontap_type: String,
    /// ONTAP: FLEXVOL or FLEXGROUP.
    pub style: String,
    /// ONTAP: `svm-…`
    pub svm_id: String,
    /// Size, bytes.
    pub size_bytes: u64,
    /// Bytes that hold data.
    pub used_bytes: u64,
    /// Bytes that change per day.
    pub daily_change_bytes: u64,
    /// Whether backups requested without tags inherit the volume's.
    pub copy_tags_to_backups: bool,
    /// Every backup of it fails, as when its SSD tier is nearly full (fact 11).
    pub backups_fail: bool,
    /// Further members of its configuration, as given.
    pub configuration: Value,
    pub(crate) arn: String,
    pub(crate) seq: u64,
    pub(crate) busy_until_ms: i64,
}

/// A backup or copy, including what the API hides.
#[derive(Clone, Debug)]
pub struct Backup {
    /// `backup-…`
    pub id: String,
    /// Owner's account.
    pub account: String,
    /// The Region that holds it.
    pub region: String,
    /// Current lifecycle.
    pub lifecycle: Lifecycle,
    /// AUTOMATIC, USER_INITIATED or AWS_BACKUP.
    pub kind: BackupType,
    /// Who requested it.
    pub by: Principal,
    /// When it was requested, epoch ms: the API's CreationTime.
    pub created_ms: i64,
    /// The time of its data, epoch ms; a copy has its source's.
    pub taken_ms: i64,
    /// The file system at that time.
    pub file_system: Arc<FileSystem>,
    /// ONTAP: the volume at that time.
    pub volume: Option<Arc<Volume>>,
    /// ARN of the key.
    pub kms_key: String,
    /// Tags.
    pub tags: Arc<Tags>,
    /// Copies: the source's id.
    pub source_id: Option<String>,
    /// Copies: the source's Region.
    pub source_region: Option<String>,
    /// Why it is FAILED.
    pub failure: Option<String>,
    /// Bytes in a restore.
    pub size_bytes: u64,
    /// Bytes transferred: all of them for a full backup or copy, otherwise what had changed.
    pub moved_bytes: u64,
    /// Whether it is full rather than incremental (fact 20). The API does not show it.
    pub full: bool,
    /// When work on it begins (after the request, if maintenance queued it), epoch ms.
    pub begins_ms: i64,
    /// When it will end, epoch ms; `i64::MAX` if it is stuck.
    pub ends_ms: i64,
    /// When it became AVAILABLE or FAILED, epoch ms.
    pub ended_ms: Option<i64>,
    /// When it was deleted, epoch ms.
    pub deleted_ms: Option<i64>,
    pub(crate) place: RegionIx,
    pub(crate) source: Option<BackupIx>,
    /// Copies: it occupies a slot of its lane while it is COPYING.
    pub(crate) takes_slot: bool,
    pub(crate) will_fail: Option<String>,
    /// Final backups: the file system or volume is deleted once this is AVAILABLE.
    pub(crate) last_of_its_kind: bool,
    pub(crate) visible_ms: i64,
    pub(crate) copies_from_it: u32,
    pub(crate) copied_ms: i64,
    pub(crate) restoring: Option<(String, i64)>,
}

impl Backup {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("{}:backup/{}", super::fleet::arn_prefix(&self.account, &self.region), self.id)
    }

    /// A backup requested by a caller at this time in the Region of its file system, with defaults for everything else.
    pub(super) fn blank(
        id: String,
        place: RegionIx,
        file_system: Arc<FileSystem>,
        volume: Option<Arc<Volume>>,
        now_ms: i64,
    ) -> Self {
        let size_bytes = volume.as_ref().map_or(file_system.used_bytes, |volume| volume.used_bytes);
        Self {
            id,
            account: file_system.account.clone(),
            region: file_system.region.clone(),
            lifecycle: Lifecycle::Creating,
            kind: BackupType::UserInitiated,
            by: Principal::Caller,
            created_ms: now_ms,
            taken_ms: now_ms,
            kms_key: file_system.kms_key.clone(),
            tags: Arc::default(),
            source_id: None,
            source_region: None,
            failure: None,
            size_bytes,
            moved_bytes: size_bytes,
            full: true,
            begins_ms: now_ms,
            ends_ms: now_ms,
            ended_ms: None,
            deleted_ms: None,
            place,
            source: None,
            takes_slot: false,
            will_fail: None,
            last_of_its_kind: false,
            visible_ms: now_ms,
            copies_from_it: 0,
            copied_ms: i64::MIN,
            restoring: None,
            file_system,
            volume,
        }
    }

    /// The source: the file system's id, or the volume's for ONTAP.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.volume.as_ref().map_or(self.file_system.id.as_str(), |volume| volume.id.as_str())
    }

    /// Whether CopyBackup created it.
    #[must_use]
    pub const fn is_copy(&self) -> bool {
        self.source_id.is_some()
    }

    /// The lane in which it counts while it is COPYING.
    #[must_use]
    pub fn lane(&self) -> Lane {
        Lane {
            account: self.account.clone(),
            region: self.region.clone(),
            ontap: self.volume.as_ref().map(|volume| (volume.id.clone(), self.kms_key.clone())),
        }
    }
}

/// The scope of one limit on copies in flight (facts, section 3.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    /// Account.
    pub account: String,
    /// Destination Region.
    pub region: String,
    /// ONTAP: volume and key, each pair a lane of its own; the other types share one.
    pub ontap: Option<(String, String)>,
}

/// The usage of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LaneUse {
    /// Copies in flight now.
    pub in_flight: u32,
    /// Maximum number of copies ever in flight at once.
    pub peak: u32,
    /// Copies refused because the lane was full.
    pub refused: u64,
}
