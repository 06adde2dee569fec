//! How the simulated FSx behaves where AWS does not say, and the durations of its work.

use serde::{Deserialize, Serialize};

/// The error code of a refusal whose code on AWS is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusalCode {
    /// `BadRequest`
    BadRequest,
    /// `UnsupportedOperation`
    UnsupportedOperation,
    /// `ServiceLimitExceeded`, with the appropriate `Limit`
    ServiceLimitExceeded,
    /// `InvalidRegion`
    InvalidRegion,
    /// No refusal: the request is accepted.
    Allowed,
}

/// How DeleteBackup refuses a backup that is being copied (facts, section 0, point 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeingCopied {
    /// `BackupBeingCopied`, as in the API model.
    Modelled,
    /// `BadRequest … is being copied, can't be deleted`, as seen on AWS for ONTAP.
    BadRequest,
    /// As seen for ONTAP, as modelled for the other types.
    ByType,
    /// Either, at random.
    Either,
}

/// The response to a remembered token whose backup was deleted or ended FAILED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletedToken {
    /// The backup, with lifecycle DELETED or FAILED.
    Returned,
    /// The token is free again and creates a new backup.
    Forgotten,
    /// `BackupNotFound`.
    NotFound,
}

/// The file system or volume that a copy shows as its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopySubject {
    /// That of its source backup.
    Kept,
    /// None.
    Absent,
    /// One of its own.
    Other,
}

/// The model's own behaviour. Each value that the facts mark UNVERIFIED is a setting here.
///
/// Durations are those of AWS; [`Cloud::with_speed`](super::Cloud::with_speed) divides them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Minimum duration of a backup, s (section 2.1: minutes even for an empty file system).
    pub backup_floor_seconds: f64,
    /// Backup throughput in bytes per second (section 2.1: 750 MB/s of large files).
    pub backup_bytes_per_second: f64,
    /// Minimum duration of a copy, s (fact 23: 6–7 min for 10 MiB).
    pub copy_floor_seconds: f64,
    /// Copy throughput in bytes per second.
    pub copy_bytes_per_second: f64,
    /// Random variation of durations, ± %.
    pub duration_jitter_percent: f64,
    /// How long a Lustre backup stays PENDING before it is CREATING, s; 0: it begins CREATING.
    pub lustre_pending_seconds: f64,
    /// How long a backup or copy that will end FAILED takes to fail, s (fact 11: 30 s seen).
    pub failure_seconds: f64,
    /// How long a new file system is CREATING, s.
    pub file_system_seconds: f64,
    /// How long a new volume is CREATING, s.
    pub volume_seconds: f64,
    /// How long a file system or volume is DELETING, s.
    pub deletion_seconds: f64,
    /// Used part of a new file system's capacity, %.
    pub used_percent: f64,
    /// Part of its data that a new file system changes per day, %.
    pub daily_change_percent: f64,
    /// An ONTAP volume that is fuller than this fails its backups, %; 100: never.
    pub full_volume_percent: f64,
    /// Length of the weekly maintenance window in which backups are queued, min; 0: no maintenance.
    pub maintenance_minutes: f64,

    /// User-initiated backups of Windows per account and Region (section 3.2).
    pub windows_backups: u32,
    /// User-initiated backups of Lustre per account and Region.
    pub lustre_backups: u32,
    /// User-initiated backups of OpenZFS per account and Region.
    pub openzfs_backups: u32,
    /// User-initiated backups of ONTAP per account and Region.
    pub ontap_backups: u32,
    /// User-initiated backups of one ONTAP volume in a Region, including copies there; 0: no quota. AWS mentions one
    /// without its value: UNVERIFIED.
    pub ontap_backups_per_volume: u32,
    /// Whether FAILED backups count towards those quotas. UNVERIFIED.
    pub failed_count_to_quota: bool,
    /// Copies in flight per account and destination Region of Windows, Lustre and OpenZFS together.
    pub copies_in_flight: u32,
    /// Copies in flight per ONTAP volume, destination Region and KMS key.
    pub ontap_copies_in_flight: u32,
    /// Copies in flight of ONTAP per account.
    pub ontap_copies_per_account: u32,
    /// How an ONTAP copy beyond those limits is refused. UNVERIFIED, presumably like the others.
    pub ontap_copy_refusal: RefusalCode,
    /// The `Limit` of that refusal; empty: none in the response. UNVERIFIED.
    pub ontap_copy_limit: String,
    /// Whether Windows, Lustre and OpenZFS have `copies_in_flight` slots each rather than together. UNVERIFIED,
    /// probably not.
    pub slots_by_type: bool,
    /// Whether copies within a Region occupy its slots. UNVERIFIED, probably so.
    pub in_region_copies_take_slots: bool,
    /// Whether limits are checked before the state of the resource, which decides between two applicable refusals.
    /// UNVERIFIED.
    pub limits_first: bool,

    /// How long a ClientRequestToken is remembered, s of the caller's clock (not divided by speed, since callers repeat
    /// in their own time). UNVERIFIED.
    pub token_memory_seconds: f64,
    /// The response to a token whose backup was deleted. UNVERIFIED.
    pub deleted_token: DeletedToken,
    /// The response to a token whose backup ended FAILED. UNVERIFIED.
    pub failed_token: DeletedToken,
    /// Whether a repeated request with other tags is another request (`IncompatibleParameterError`). UNVERIFIED.
    pub token_compares_tags: bool,

    /// Maximum number of items on a page of a listing. UNVERIFIED; the API model's lists hold at most 50.
    pub page_size: u32,
    /// Whether listings are in random order (section 3.5).
    pub shuffle: bool,
    /// Percentage of pages with fewer items than possible and a NextToken.
    pub short_page_percent: f64,
    /// Percentage of pages with only a NextToken; never two in a row.
    pub empty_page_percent: f64,
    /// How long a NextToken is valid, s of the caller's clock; 0: forever.
    pub next_token_seconds: f64,
    /// How long a new backup is missing from listings, s. UNVERIFIED.
    pub list_lag_seconds: f64,
    /// Whether such a backup is also missing (`BackupNotFound`) when requested by id.
    pub lag_hides_ids: bool,
    /// Whether a `file-system-id` or `volume-id` filter that matches nothing known is an error (`FileSystemNotFound`,
    /// `VolumeNotFound`) or an empty list. UNVERIFIED.
    pub unknown_filter_is_error: bool,
    /// Whether filters by file system or volume find copies in their destination Regions. UNVERIFIED.
    pub filters_find_copies: bool,
    /// Whether a COPYING backup shows ProgressPercent (AWS's sample does not).
    pub copy_progress: bool,

    /// What a copy shows as its FileSystemId, and its VolumeId if it has one. UNVERIFIED, probably that of its source
    /// backup.
    pub copies_file_system: CopySubject,
    /// Whether a copy that ended FAILED keeps its record until that is deleted. UNVERIFIED, probably so.
    pub failed_copies_stay: bool,
    /// How long after the end of a copy its source cannot be deleted, s (fact 26: 0–300).
    pub delete_delay_seconds: f64,
    /// The error of that refusal.
    pub being_copied: BeingCopied,
    /// Whether a copy can be deleted while it is COPYING (otherwise `BackupInProgress`). UNVERIFIED.
    pub delete_while_copying: bool,
    /// How deleting a backup of type AWS_BACKUP is refused. UNVERIFIED.
    pub aws_backup_deletion: RefusalCode,

    /// How a backup request with both FileSystemId and VolumeId, or with neither, is refused (`Allowed`: with both, the
    /// volume counts). UNVERIFIED.
    pub both_or_no_target: RefusalCode,
    /// How a backup of a Lustre scratch or linked file system is refused. UNVERIFIED.
    pub lustre_refusal: RefusalCode,
    /// How a copy of an Intelligent-Tiering backup is refused. UNVERIFIED.
    pub intelligent_tiering_copy: RefusalCode,
    /// How a copy of a FlexGroup backup is refused. UNVERIFIED.
    pub flexgroup_copy: RefusalCode,
    /// How CopyBackup of an AUTOMATIC backup is refused. UNVERIFIED, probably not at all.
    pub automatic_copy: RefusalCode,
    /// How CopyBackup of an AWS_BACKUP backup is refused. UNVERIFIED.
    pub aws_backup_copy: RefusalCode,
    /// How a tag with the reserved prefix `aws:` is refused. UNVERIFIED.
    pub aws_tag: RefusalCode,
    /// How more than 50 tags on one resource are refused. UNVERIFIED.
    pub too_many_tags: RefusalCode,

    /// Whether the next copy is full after the newest copy was deleted, although older ones are left. UNVERIFIED.
    pub full_after_newest_deleted: bool,
    /// Whether only keys declared to the simulator exist; otherwise every well-formed key of the right Region is an
    /// enabled symmetric one.
    pub only_declared_keys: bool,

    /// Regions of partition `aws` in addition to the simulator's list.
    pub further_regions: Vec<String>,
    /// Opt-in Regions that the account has not enabled: calls there, and copies from there, are refused.
    pub disabled_regions: Vec<String>,
    /// How calls to a disabled Region are refused: `OptInRequired`, `UnrecognizedClientException` or `InvalidClientTokenId`.
    pub disabled_region_code: String,
    /// How a copy from a disabled Region is refused. UNVERIFIED.
    pub disabled_source_region: RefusalCode,
    /// Regions without copies to or from other Regions.
    pub regions_without_copies: Vec<String>,
    /// How a copy to or from one of those is refused. UNVERIFIED.
    pub region_without_copies: RefusalCode,
    /// Regions without Windows Multi-AZ: a Multi-AZ backup copied there is `IncompatibleRegionForMultiAZ`.
    pub regions_without_multi_az: Vec<String>,
    /// How long other principals keep the backups and copies that they make, h.
    pub others_keep_hours: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backup_floor_seconds: 240.0,
            backup_bytes_per_second: 750e6,
            copy_floor_seconds: 390.0,
            copy_bytes_per_second: 250e6,
            duration_jitter_percent: 10.0,
            lustre_pending_seconds: 0.0,
            failure_seconds: 30.0,
            file_system_seconds: 900.0,
            volume_seconds: 60.0,
            deletion_seconds: 300.0,
            used_percent: 30.0,
            daily_change_percent: 2.0,
            full_volume_percent: 98.0,
            maintenance_minutes: 0.0,
            windows_backups: 500,
            lustre_backups: 500,
            openzfs_backups: 10_000,
            ontap_backups: 10_000,
            ontap_backups_per_volume: 0,
            failed_count_to_quota: true,
            copies_in_flight: 5,
            ontap_copies_in_flight: 5,
            ontap_copies_per_account: 1_000,
            ontap_copy_refusal: RefusalCode::ServiceLimitExceeded,
            ontap_copy_limit: "TOTAL_IN_PROGRESS_COPY_BACKUPS".into(),
            slots_by_type: false,
            in_region_copies_take_slots: true,
            limits_first: false,
            token_memory_seconds: 86_400.0,
            deleted_token: DeletedToken::Returned,
            failed_token: DeletedToken::Returned,
            token_compares_tags: true,
            page_size: 50,
            shuffle: true,
            short_page_percent: 0.0,
            empty_page_percent: 0.0,
            next_token_seconds: 0.0,
            list_lag_seconds: 0.0,
            lag_hides_ids: false,
            unknown_filter_is_error: true,
            filters_find_copies: true,
            copy_progress: false,
            copies_file_system: CopySubject::Kept,
            failed_copies_stay: true,
            delete_delay_seconds: 60.0,
            being_copied: BeingCopied::ByType,
            delete_while_copying: false,
            aws_backup_deletion: RefusalCode::BadRequest,
            both_or_no_target: RefusalCode::BadRequest,
            lustre_refusal: RefusalCode::BadRequest,
            intelligent_tiering_copy: RefusalCode::UnsupportedOperation,
            flexgroup_copy: RefusalCode::UnsupportedOperation,
            automatic_copy: RefusalCode::Allowed,
            aws_backup_copy: RefusalCode::BadRequest,
            aws_tag: RefusalCode::BadRequest,
            too_many_tags: RefusalCode::BadRequest,
            full_after_newest_deleted: false,
            only_declared_keys: false,
            further_regions: Vec::new(),
            disabled_regions: Vec::new(),
            disabled_source_region: RefusalCode::InvalidRegion,
            disabled_region_code: "OptInRequired".into(),
            regions_without_copies: Vec::new(),
            region_without_copies: RefusalCode::UnsupportedOperation,
            regions_without_multi_az: vec!["cn-north-1".into()],
            others_keep_hours: 24.0,
        }
    }
}

impl RefusalCode {
    /// Returns the error, unless this is [`RefusalCode::Allowed`].
    pub(crate) fn refuse(self, limit: &str, message: impl FnOnce() -> String) -> Result<(), super::ApiError> {
        use super::ApiError;
        match self {
            Self::Allowed => Ok(()),
            Self::BadRequest => Err(ApiError::bad_request(message())),
            Self::UnsupportedOperation => Err(ApiError::unsupported(message())),
            Self::ServiceLimitExceeded => Err(ApiError::limit(limit, message())),
            Self::InvalidRegion => Err(ApiError::client("InvalidRegion", message())),
        }
    }
}
