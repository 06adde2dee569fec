//! Adds resources to the cloud directly, for tests and demonstrations.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::events::Event;
use super::fleet::{minute, minute_of_week, share};
use super::{
    ApiError, Backup, BackupIx, BackupType, Cloud, FileSystem, FileSystemType, Lifecycle, Principal, Tags, patterns,
};

const GIB: u64 = 1 << 30;

/// An initial file system. Every member but `type` has a default, so `FileSystemSeed::new` is enough.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSystemSeed {
    /// `fs-…`; derived from the seed of the cloud if absent.
    #[serde(default)]
    pub id: Option<String>,
    /// Type: `WINDOWS`, `LUSTRE`, `OPENZFS` or `ONTAP`.
    #[serde(rename = "type")]
    pub kind: FileSystemType,
    /// Lifecycle; default AVAILABLE.
    #[serde(default = "available")]
    pub lifecycle: String,
    /// Storage capacity, GiB.
    #[serde(default = "capacity")]
    pub capacity_gib: u64,
    /// Bytes that hold data; default: the percentage in the settings.
    #[serde(default)]
    pub used_bytes: Option<u64>,
    /// Bytes that change per day; default: the percentage in the settings.
    #[serde(default)]
    pub daily_change_bytes: Option<u64>,
    /// SSD, HDD or INTELLIGENT_TIERING.
    #[serde(default = "ssd")]
    pub storage_type: String,
    /// Such as `MULTI_AZ_1`; default: one that can be backed up and copied.
    #[serde(default)]
    pub deployment_type: Option<String>,
    /// KMS key: ARN, id or alias; default: the account's `aws/fsx`.
    #[serde(default)]
    pub kms_key: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Whether backups requested without tags inherit these.
    #[serde(default)]
    pub copy_tags_to_backups: bool,
    /// Retention of automatic backups in days; 0: none are made.
    #[serde(default)]
    pub automatic_backup_retention_days: u32,
    /// Start of the daily window, `HH:MM`, UTC.
    #[serde(default = "daily")]
    pub daily_automatic_backup_start_time: String,
    /// Start of the weekly maintenance window, `d:HH:MM`, UTC; day 1 is Monday.
    #[serde(default = "weekly")]
    pub weekly_maintenance_start_time: String,
    /// Lustre: linked to a data repository.
    #[serde(default)]
    pub linked: bool,
    /// ONTAP: its volumes.
    #[serde(default, rename = "volume")]
    pub volumes: Vec<VolumeSeed>,
}

fn available() -> String {
    "AVAILABLE".into()
}

fn created() -> String {
    "CREATED".into()
}

fn ssd() -> String {
    "SSD".into()
}

const fn capacity() -> u64 {
    1_200
}

fn daily() -> String {
    "05:00".into()
}

fn weekly() -> String {
    "7:06:00".into()
}

impl FileSystemSeed {
    /// An AVAILABLE file system of 1,200 GiB without automatic backups.
    #[must_use]
    pub fn new(kind: FileSystemType) -> Self {
        Self {
            id: None,
            kind,
            lifecycle: available(),
            capacity_gib: capacity(),
            used_bytes: None,
            daily_change_bytes: None,
            storage_type: ssd(),
            deployment_type: None,
            kms_key: None,
            tags: Tags::new(),
            copy_tags_to_backups: false,
            automatic_backup_retention_days: 0,
            daily_automatic_backup_start_time: daily(),
            weekly_maintenance_start_time: weekly(),
            linked: false,
            volumes: Vec::new(),
        }
    }
}

/// An initial ONTAP volume.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VolumeSeed {
    /// `fsvol-…`; derived from the seed of the cloud if absent.
    pub id: Option<String>,
    /// Name.
    pub name: String,
    /// Lifecycle; default CREATED.
    pub lifecycle: String,
    /// RW, DP or LS.
    pub ontap_type: String,
    /// FLEXVOL or FLEXGROUP.
    pub style: String,
    /// Size, bytes; default: 100 GiB, or twice its data if that is more.
    pub size_bytes: Option<u64>,
    /// Bytes that hold data; default: the percentage in the settings.
    pub used_bytes: Option<u64>,
    /// Bytes that change per day; default: the percentage in the settings.
    pub daily_change_bytes: Option<u64>,
    /// Tags.
    pub tags: Tags,
    /// Whether backups requested without tags inherit these.
    pub copy_tags_to_backups: bool,
    /// Every backup of it is accepted and then fails (fact 11).
    pub backups_fail: bool,
}

impl Default for VolumeSeed {
    fn default() -> Self {
        Self {
            id: None,
            name: "vol1".into(),
            lifecycle: created(),
            ontap_type: "RW".into(),
            style: "FLEXVOL".into(),
            size_bytes: None,
            used_bytes: None,
            daily_change_bytes: None,
            tags: Tags::new(),
            copy_tags_to_backups: false,
            backups_fail: false,
        }
    }
}

impl Cloud {
    /// Adds a file system and its ONTAP volumes to a Region; returns their ids.
    ///
    /// # Errors
    /// A given id, time, lifecycle or key is not one that AWS would show.
    pub fn add_file_system_seed(
        &mut self,
        now_ms: i64,
        account: &str,
        region: &str,
        seed: &FileSystemSeed,
    ) -> Result<(String, Vec<String>), ApiError> {
        let now_ms = self.advance(now_ms);
        let place = self.place(account, region);
        let bad = |what: &str| ApiError::bad_request(format!("The seed's {what} is not one that AWS would show."));
        let lifecycle = file_system_lifecycle(&seed.lifecycle).ok_or_else(|| bad("lifecycle"))?;
        let daily = &seed.daily_automatic_backup_start_time;
        let weekly = &seed.weekly_maintenance_start_time;
        if !patterns::daily(daily) || !patterns::weekly(weekly) {
            return Err(bad("window"));
        }
        let kms_key = match &seed.kms_key {
            None => self.default_key(place),
            Some(key) => self.key_arn(place, key).ok_or_else(|| bad("kms_key"))?,
        };
        let id = self.seeded_id("fs-", 8..=18, seed.id.as_deref()).ok_or_else(|| bad("id"))?;
        let used_bytes =
            seed.used_bytes.unwrap_or_else(|| share(seed.capacity_gib.saturating_mul(GIB), self.settings.used_percent));
        let deployment_type = seed.deployment_type.as_deref().unwrap_or(usual_deployment(seed.kind));
        let file_system = FileSystem {
            lifecycle,
            created_ms: now_ms,
            capacity_gib: seed.capacity_gib,
            storage_type: seed.storage_type.clone(),
            subnet_ids: vec!["subnet-0a1b2c3d".into()],
            kms_key,
            tags: seed.tags.clone(),
            deployment_type: deployment_type.to_owned(),
            configuration: configuration(seed, deployment_type),
            automatic_backup_retention_days: seed.automatic_backup_retention_days,
            automatic_backup_minute: minute(daily),
            maintenance_minute: minute_of_week(weekly),
            copy_tags_to_backups: seed.copy_tags_to_backups,
            used_bytes,
            daily_change_bytes: seed
                .daily_change_bytes
                .unwrap_or_else(|| share(used_bytes, self.settings.daily_change_percent)),
            linked: seed.linked,
            busy_until_ms: match lifecycle {
                "CREATING" | "UPDATING" | "DELETING" => now_ms + self.span_ms(self.settings.file_system_seconds),
                _ => 0,
            },
            seq: self.next_seq(),
            ..FileSystem::blank(id.clone(), account, region, seed.kind)
        };
        let volumes: Result<Vec<String>, ApiError> =
            seed.volumes.iter().map(|volume| self.add_volume_seed(&file_system, volume)).collect();
        let volumes = volumes?;
        self.add_file_system(place, file_system);
        Ok((id, volumes))
    }

    fn add_volume_seed(&mut self, file_system: &FileSystem, seed: &VolumeSeed) -> Result<String, ApiError> {
        let bad =
            |what: &str| ApiError::bad_request(format!("The seed's volume {what} is not one that AWS would show."));
        let place = self.place(&file_system.account, &file_system.region);
        let id = self.seeded_id("fsvol-", 17..=17, seed.id.as_deref()).ok_or_else(|| bad("id"))?;
        let mut volume = self.blank_volume(place, file_system, &seed.name);
        volume.lifecycle = volume_lifecycle(&seed.lifecycle).ok_or_else(|| bad("lifecycle"))?;
        volume.arn = volume.arn.replace(&volume.id, &id);
        volume.id.clone_from(&id);
        volume.busy_until_ms = file_system.created_ms + self.span_ms(self.settings.volume_seconds);
        volume.tags = seed.tags.clone();
        volume.ontap_type.clone_from(&seed.ontap_type);
        volume.style.clone_from(&seed.style);
        volume.svm_id = format!("svm-{}", file_system.id.trim_start_matches("fs-"));
        let roomy = (100 * GIB).max(seed.used_bytes.unwrap_or_default().saturating_mul(2));
        volume.size_bytes = seed.size_bytes.unwrap_or(roomy);
        volume.used_bytes = seed.used_bytes.unwrap_or_else(|| share(volume.size_bytes, self.settings.used_percent));
        volume.daily_change_bytes =
            seed.daily_change_bytes.unwrap_or_else(|| share(volume.used_bytes, self.settings.daily_change_percent));
        volume.copy_tags_to_backups = seed.copy_tags_to_backups;
        volume.backups_fail = seed.backups_fail;
        volume.configuration = json!({ "JunctionPath": format!("/{}", seed.name), "SecurityStyle": "UNIX" });
        self.add_volume(place, volume);
        Ok(id)
    }

    fn seeded_id(
        &mut self,
        prefix: &str,
        digits: std::ops::RangeInclusive<usize>,
        given: Option<&str>,
    ) -> Option<String> {
        let Some(given) = given else {
            return Some(format!("{prefix}{}", self.ids.hex17()));
        };
        let rest = given.strip_prefix(prefix)?;
        let hex = rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (hex && digits.contains(&rest.len())).then(|| given.to_owned())
    }

    /// Puts a file system into UPDATING until `until_ms`; backups requested meanwhile wait (fact 9).
    pub fn begin_update(&mut self, account: &str, region: &str, file_system: &str, until_ms: i64) {
        let place = self.place(account, region);
        self.mark(place, file_system, "UPDATING", until_ms);
        self.schedule(until_ms, Event::FileSystemEnds(place, file_system.to_owned()));
    }

    /// Changes the retention of automatic backups; those that exceed it are deleted at once (fact 27).
    pub fn set_automatic_retention(&mut self, now_ms: i64, account: &str, region: &str, file_system: &str, days: u32) {
        let now_ms = self.advance(now_ms);
        let place = self.place(account, region);
        if let Some(known) = self.places[place].file_systems.get_mut(file_system) {
            let known = Arc::make_mut(known);
            known.automatic_backup_retention_days = days;
            if known.configuration.is_object() {
                known.configuration["AutomaticBackupRetentionDays"] = days.into();
            }
        }
        self.remove_automatic_backups(place, file_system, days, now_ms);
    }

    /// Adds a finished backup of a seeded file system to its Region, for example one made by AWS Backup.
    ///
    /// # Errors
    /// There is no such file system.
    pub fn add_backup(
        &mut self,
        now_ms: i64,
        account: &str,
        region: &str,
        file_system: &str,
        kind: BackupType,
        tags: Tags,
    ) -> Result<String, ApiError> {
        let now_ms = self.advance(now_ms);
        let place = self.place(account, region);
        let known = self.places[place].file_systems.get(file_system).map(Arc::clone);
        let known = known.ok_or_else(|| ApiError::no_file_system(file_system))?;
        let id = format!("backup-{}", self.ids.hex17());
        let at = self.push(Backup {
            lifecycle: Lifecycle::Available,
            kind,
            by: Principal::Other,
            tags: tags.into(),
            ended_ms: Some(now_ms),
            ..Backup::blank(id.clone(), place, known, None, now_ms)
        });
        let resource = self.places[place].resources.entry(file_system.to_owned()).or_default();
        resource.backups.insert((now_ms, at));
        Ok(id)
    }

    /// Marks a backup as being restored until `until_ms`: it cannot be deleted before (fact 26).
    pub fn begin_restore(&mut self, backup: BackupIx, file_system: &str, until_ms: i64) {
        self.backups[backup].restoring = Some((file_system.to_owned(), until_ms));
    }
}

/// A deployment type that can be backed up and copied everywhere.
const fn usual_deployment(kind: FileSystemType) -> &'static str {
    match kind {
        FileSystemType::Windows => "SINGLE_AZ_2",
        FileSystemType::Lustre => "PERSISTENT_2",
        FileSystemType::OpenZfs | FileSystemType::Ontap => "SINGLE_AZ_1",
    }
}

fn file_system_lifecycle(name: &str) -> Option<&'static str> {
    ["AVAILABLE", "CREATING", "FAILED", "DELETING", "MISCONFIGURED", "UPDATING", "MISCONFIGURED_UNAVAILABLE"]
        .into_iter()
        .find(|known| *known == name)
}

fn volume_lifecycle(name: &str) -> Option<&'static str> {
    ["CREATING", "CREATED", "DELETING", "FAILED", "MISCONFIGURED", "PENDING", "AVAILABLE"]
        .into_iter()
        .find(|known| *known == name)
}

fn configuration(seed: &FileSystemSeed, deployment_type: &str) -> Value {
    let mut shown = json!({
        "DeploymentType": deployment_type,
        "AutomaticBackupRetentionDays": seed.automatic_backup_retention_days,
        "DailyAutomaticBackupStartTime": seed.daily_automatic_backup_start_time,
        "WeeklyMaintenanceStartTime": seed.weekly_maintenance_start_time,
    });
    match seed.kind {
        FileSystemType::Lustre => shown["PerUnitStorageThroughput"] = 125.into(),
        _ => shown["ThroughputCapacity"] = 128.into(),
    }
    if seed.kind != FileSystemType::Ontap {
        shown["CopyTagsToBackups"] = seed.copy_tags_to_backups.into();
    }
    shown
}
