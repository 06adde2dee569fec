//! JSON representations of the types in the API's form.

use serde_json::{Value, json};

use super::super::rng::fingerprint;
use super::{
    Backup, BackupIx, Cloud, CopySubject, FileSystem, FileSystemType, Lifecycle, Volume, fleet, tags, timestamp,
};

impl Backup {
    /// The id that it shows as the file system or volume that it was made from.
    #[must_use]
    pub fn shown_subject(&self, id: &str, copies: CopySubject) -> Option<String> {
        match copies {
            CopySubject::Absent if self.source_id.is_some() => None,
            CopySubject::Other if self.source_id.is_some() => {
                let (kind, _) = id.split_once('-').unwrap_or((id, ""));
                Some(format!("{kind}-{:017x}", fingerprint(&self.id)))
            }
            _ => Some(id.to_owned()),
        }
    }
}

impl Cloud {
    /// A backup in the API's form.
    pub(super) fn render_backup(&self, at: BackupIx, now_ms: i64) -> Value {
        let backup = &self.backups[at];
        let arn = backup.arn();
        let resource_type = if backup.volume.is_some() { "VOLUME" } else { "FILE_SYSTEM" };
        let mut shown = object([
            ("BackupId", backup.id.as_str().into()),
            ("Lifecycle", backup.lifecycle.as_str().into()),
            ("Type", backup.kind.as_str().into()),
            ("CreationTime", timestamp(backup.created_ms)),
            ("KmsKeyId", backup.kms_key.as_str().into()),
            ("ResourceARN", arn.into()),
            ("Tags", tags::render(&backup.tags)),
            ("FileSystem", file_system(&backup.file_system)),
            ("OwnerId", backup.account.as_str().into()),
            ("ResourceType", resource_type.into()),
        ]);
        if backup.lifecycle != Lifecycle::Copying || self.settings.copy_progress {
            shown["ProgressPercent"] = Self::progress(backup, now_ms).into();
        }
        if backup.lifecycle == Lifecycle::Available {
            shown["SizeInBytes"] = backup.size_bytes.into();
        }
        if let (Some(id), Some(region)) = (&backup.source_id, &backup.source_region) {
            shown["SourceBackupId"] = id.as_str().into();
            shown["SourceBackupRegion"] = region.as_str().into();
        }
        if let Some(snapshot) = &backup.volume {
            shown["Volume"] = volume(snapshot);
            // Everything is as at the time of the backup, except that a deleted volume is shown as such.
            if !self.volume_exists(backup.source_region.as_deref().unwrap_or(&backup.region), snapshot, &backup.account)
            {
                shown["Volume"]["Lifecycle"] = "DELETED".into();
            }
        }
        let copies = self.settings.copies_file_system;
        if copies != CopySubject::Kept && backup.source_id.is_some() {
            let of = backup.shown_subject(&backup.file_system.id, copies);
            set_or_remove(&mut shown["FileSystem"], "FileSystemId", of);
            if let Some(snapshot) = &backup.volume {
                set_or_remove(&mut shown["Volume"], "VolumeId", backup.shown_subject(&snapshot.id, copies));
            }
        }
        if let Some(message) = &backup.failure {
            shown["FailureDetails"] = json!({ "Message": message });
        }
        if let Some(directory) = backup.file_system.configuration.get("ActiveDirectoryId") {
            shown["DirectoryInformation"] = json!({ "ActiveDirectoryId": directory });
        }
        shown
    }

    fn volume_exists(&self, region: &str, volume: &Volume, account: &str) -> bool {
        let place = self.place_at.get(account).and_then(|places| places.get(region));
        place.is_some_and(|place| self.places[*place].volumes.contains_key(&volume.id))
    }
}

fn set_or_remove(object: &mut Value, name: &str, value: Option<String>) {
    match (value, object.as_object_mut()) {
        (Some(value), Some(members)) => drop(members.insert(name.to_owned(), value.into())),
        (None, Some(members)) => drop(members.remove(name)),
        _ => {}
    }
}

/// An object with these members. Unlike the macro `json!` it does not serialise the values again.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A file system in the API's form.
pub(super) fn file_system(known: &FileSystem) -> Value {
    let arn = format!("{}:file-system/{}", fleet::arn_prefix(&known.account, &known.region), known.id);
    let mut shown = object([
        ("OwnerId", known.account.as_str().into()),
        ("CreationTime", timestamp(known.created_ms)),
        ("FileSystemId", known.id.as_str().into()),
        ("FileSystemType", known.kind.as_str().into()),
        ("Lifecycle", known.lifecycle.into()),
        ("StorageCapacity", known.capacity_gib.into()),
        ("StorageType", known.storage_type.as_str().into()),
        ("VpcId", format!("vpc-{:08x}", fingerprint(&known.account) >> 32).into()),
        ("SubnetIds", known.subnet_ids.iter().map(String::as_str).collect()),
        ("DNSName", format!("{}.fsx.{}.amazonaws.com", known.id, known.region).into()),
        ("KmsKeyId", known.kms_key.as_str().into()),
        ("ResourceARN", arn.into()),
        ("Tags", tags::render(&known.tags)),
    ]);
    shown[known.kind.configuration()] = known.configuration.clone();
    if known.linked {
        shown[known.kind.configuration()]["DataRepositoryConfiguration"] = json!({ "Lifecycle": "AVAILABLE" });
    }
    shown
}

/// A volume in the API's form.
pub(super) fn volume(known: &Volume) -> Value {
    let ontap = known.kind == FileSystemType::Ontap;
    let mut configuration = known.configuration.clone();
    if ontap && configuration.is_object() {
        configuration["StorageVirtualMachineId"] = known.svm_id.as_str().into();
        configuration["OntapVolumeType"] = known.ontap_type.as_str().into();
        configuration["VolumeStyle"] = known.style.as_str().into();
        configuration["SizeInBytes"] = known.size_bytes.into();
        configuration["SizeInMegabytes"] = (known.size_bytes >> 20).min(i32::MAX as u64).into();
        configuration["CopyTagsToBackups"] = known.copy_tags_to_backups.into();
        configuration["StorageVirtualMachineRoot"] = false.into();
        configuration["FlexCacheEndpointType"] = "NONE".into();
    }
    let mut shown = json!({
        "CreationTime": timestamp(known.created_ms),
        "FileSystemId": known.file_system_id,
        "Lifecycle": known.lifecycle,
        "Name": known.name,
        "ResourceARN": known.arn,
        "Tags": tags::render(&known.tags),
        "VolumeId": known.id,
        "VolumeType": known.kind.as_str(),
    });
    shown[if ontap { "OntapConfiguration" } else { "OpenZFSConfiguration" }] = configuration;
    shown
}
