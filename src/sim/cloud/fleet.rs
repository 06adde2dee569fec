//! File systems, storage virtual machines and volumes: created by calls, changed by events (fact 28).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::events::Event;
use super::tokens::Made;
use super::{
    ApiError, Call, Cloud, FileSystem, FileSystemType, RegionIx, Tags, Volume, regions, tags, text, timestamp,
};

const GIB: u64 = 1 << 30;

/// A storage virtual machine, modelled only as the parent of ONTAP volumes.
#[derive(Clone, Debug)]
pub(super) struct Svm {
    pub name: String,
    pub file_system_id: String,
    pub created_ms: i64,
    pub tags: Tags,
    pub seq: u64,
}

impl Cloud {
    pub(super) fn create_file_system(&mut self, call: &Call<'_>) -> Result<Made, ApiError> {
        let kind = match text(call.body, "FileSystemType") {
            Some("WINDOWS") => FileSystemType::Windows,
            Some("LUSTRE") => FileSystemType::Lustre,
            Some("OPENZFS") => FileSystemType::OpenZfs,
            _ => FileSystemType::Ontap,
        };
        let mut configuration = match call.body.get(kind.configuration()) {
            Some(Value::Object(given)) => given.clone(),
            _ if kind == FileSystemType::Lustre => Map::new(),
            _ => {
                return Err(ApiError::client(
                    "MissingFileSystemConfiguration",
                    format!("A {} is required for file systems of type {}.", kind.configuration(), kind.as_str()),
                ));
            }
        };
        let tags = tags::given(call.body, "Tags")?.unwrap_or_default();
        self.check_tags(&tags, tags.len())?;
        let kms_key = self.new_key(call, "KmsKeyId")?;
        let capacity_gib = call.body.get("StorageCapacity").and_then(Value::as_u64).unwrap_or(0);
        let linked = configuration.contains_key("ImportPath") || configuration.contains_key("ExportPath");
        complete(&mut configuration, kind);
        let id = format!("fs-{}", self.ids.hex17());
        let ready_ms = call.now_ms + self.span_ms(self.settings.file_system_seconds);
        let used_bytes = share(capacity_gib * GIB, self.settings.used_percent);
        let (account, region) = (self.places[call.place].account.clone(), self.places[call.place].region.clone());
        let file_system = FileSystem {
            lifecycle: "CREATING",
            created_ms: call.now_ms,
            capacity_gib,
            storage_type: text(call.body, "StorageType").unwrap_or("SSD").to_owned(),
            subnet_ids: texts(call.body, "SubnetIds"),
            kms_key,
            tags,
            deployment_type: member(&configuration, "DeploymentType").unwrap_or_default().to_owned(),
            automatic_backup_retention_days: number(&configuration, "AutomaticBackupRetentionDays") as u32,
            automatic_backup_minute: member(&configuration, "DailyAutomaticBackupStartTime").map_or(0, minute),
            maintenance_minute: member(&configuration, "WeeklyMaintenanceStartTime").map_or(0, minute_of_week),
            copy_tags_to_backups: flag(&configuration, "CopyTagsToBackups"),
            used_bytes,
            daily_change_bytes: share(used_bytes, self.settings.daily_change_percent),
            linked,
            seq: self.next_seq(),
            busy_until_ms: ready_ms,
            configuration: Value::Object(configuration),
            ..FileSystem::blank(id.clone(), &account, &region, kind)
        };
        self.add_file_system(call.place, file_system);
        Ok(Made::FileSystem(id))
    }

    /// Adds a file system, with the root volume in case of OpenZFS, and schedules its events.
    pub(super) fn add_file_system(&mut self, place: RegionIx, mut file_system: FileSystem) {
        let (id, ready_ms) = (file_system.id.clone(), file_system.busy_until_ms);
        if file_system.kind == FileSystemType::OpenZfs {
            let mut root = self.blank_volume(place, &file_system, "fsx");
            root.used_bytes = file_system.used_bytes;
            root.busy_until_ms = ready_ms;
            if file_system.lifecycle == "AVAILABLE" {
                root.lifecycle = "AVAILABLE";
            }
            if let Value::Object(configuration) = &mut file_system.configuration {
                configuration.insert("RootVolumeId".into(), root.id.as_str().into());
            }
            self.add_volume(place, root);
        }
        if matches!(file_system.lifecycle, "CREATING" | "UPDATING" | "DELETING") {
            self.schedule(ready_ms, Event::FileSystemEnds(place, id.clone()));
        }
        self.schedule_daily_window(place, &file_system, ready_ms.max(file_system.created_ms));
        self.places[place].file_systems.insert(id, Arc::new(file_system));
    }

    pub(super) fn blank_volume(&mut self, place: RegionIx, file_system: &FileSystem, name: &str) -> Volume {
        let id = format!("fsvol-{}", self.ids.hex17());
        let here = &self.places[place];
        let arn = format!("{}:volume/{}/{id}", arn_prefix(&here.account, &here.region), file_system.id);
        Volume {
            arn,
            id,
            file_system_id: file_system.id.clone(),
            name: name.to_owned(),
            kind: file_system.kind,
            lifecycle: "CREATING",
            created_ms: file_system.created_ms,
            tags: Tags::new(),
            ontap_type: String::new(),
            style: String::new(),
            svm_id: String::new(),
            size_bytes: 0,
            used_bytes: 0,
            daily_change_bytes: 0,
            copy_tags_to_backups: false,
            backups_fail: false,
            configuration: json!({}),
            seq: self.next_seq(),
            busy_until_ms: 0,
        }
    }

    pub(super) fn add_volume(&mut self, place: RegionIx, volume: Volume) {
        if volume.lifecycle == "CREATING" {
            self.schedule(volume.busy_until_ms, Event::VolumeEnds(place, volume.id.clone()));
        }
        self.places[place].volumes.insert(volume.id.clone(), Arc::new(volume));
    }

    fn new_key(&self, call: &Call<'_>, member: &str) -> Result<String, ApiError> {
        let Some(asked) = text(call.body, member) else {
            return Ok(self.default_key(call.place));
        };
        self.key_arn(call.place, asked)
            .filter(|arn| self.key_usable(call.place, arn, call.now_ms))
            .ok_or_else(|| ApiError::bad_request(format!("The KMS key {asked} is not valid.")))
    }

    pub(super) fn create_svm(&mut self, call: &Call<'_>) -> Result<Made, ApiError> {
        let owner = text(call.body, "FileSystemId").unwrap_or_default();
        if !self.places[call.place].file_systems.contains_key(owner) {
            return Err(ApiError::no_file_system(owner));
        }
        let id = format!("svm-{}", self.ids.hex17());
        let svm = Svm {
            name: text(call.body, "Name").unwrap_or_default().to_owned(),
            file_system_id: owner.to_owned(),
            created_ms: call.now_ms,
            tags: tags::given(call.body, "Tags")?.unwrap_or_default(),
            seq: self.next_seq(),
        };
        self.places[call.place].svms.insert(id.clone(), svm);
        Ok(Made::Svm(id))
    }

    pub(super) fn create_volume(&mut self, call: &Call<'_>) -> Result<Made, ApiError> {
        let ontap = text(call.body, "VolumeType") == Some("ONTAP");
        let member_name = if ontap { "OntapConfiguration" } else { "OpenZFSConfiguration" };
        let Some(configuration) = call.body.get(member_name).filter(|given| given.is_object()) else {
            return Err(ApiError::client("MissingVolumeConfiguration", format!("{member_name} is required.")));
        };
        let owner = if ontap {
            self.owner_of_svm(call.place, text(configuration, "StorageVirtualMachineId").unwrap_or_default())?
        } else {
            let parent = text(configuration, "ParentVolumeId").unwrap_or_default();
            let parent = self.places[call.place].volumes.get(parent).ok_or_else(|| ApiError::no_volume(parent))?;
            parent.file_system_id.clone()
        };
        let file_system = self.places[call.place].file_systems.get(&owner).map(Arc::clone);
        let file_system = file_system.ok_or_else(|| ApiError::no_file_system(&owner))?;
        let tags = tags::given(call.body, "Tags")?.unwrap_or_default();
        self.check_tags(&tags, tags.len())?;
        let size_bytes = volume_size(configuration);
        let used_bytes = share(size_bytes, self.settings.used_percent);
        let mut volume = self.blank_volume(call.place, &file_system, text(call.body, "Name").unwrap_or_default());
        volume.created_ms = call.now_ms;
        volume.tags = tags;
        volume.size_bytes = size_bytes;
        volume.used_bytes = used_bytes;
        volume.daily_change_bytes = share(used_bytes, self.settings.daily_change_percent);
        volume.busy_until_ms = call.now_ms + self.span_ms(self.settings.volume_seconds);
        if ontap {
            volume.ontap_type = text(configuration, "OntapVolumeType").unwrap_or("RW").to_owned();
            volume.style = text(configuration, "VolumeStyle").unwrap_or("FLEXVOL").to_owned();
            volume.svm_id = text(configuration, "StorageVirtualMachineId").unwrap_or_default().to_owned();
            volume.copy_tags_to_backups =
                configuration.get("CopyTagsToBackups").and_then(Value::as_bool).unwrap_or(false);
        }
        volume.configuration = configuration.clone();
        let id = volume.id.clone();
        self.add_volume(call.place, volume);
        Ok(Made::Volume(id))
    }

    /// The file system of an SVM. An SVM that was never created counts as belonging to the first ONTAP file system
    /// here, so that a volume can be created without one.
    fn owner_of_svm(&self, place: RegionIx, svm: &str) -> Result<String, ApiError> {
        let place = &self.places[place];
        if let Some(known) = place.svms.get(svm) {
            return Ok(known.file_system_id.clone());
        }
        let first = place.file_systems.values().find(|file_system| file_system.kind == FileSystemType::Ontap);
        first.map(|file_system| file_system.id.clone()).ok_or_else(|| {
            ApiError::client(
                "StorageVirtualMachineNotFound",
                format!("Storage virtual machine '{svm}' does not exist."),
            )
        })
    }

    pub(super) fn file_system_ends(&mut self, place: RegionIx, id: &str, at_ms: i64) {
        let Some(file_system) = self.places[place].file_systems.get(id) else {
            return;
        };
        if file_system.busy_until_ms != at_ms {
            return; // Something else began meanwhile, with an end of its own.
        }
        match file_system.lifecycle {
            "CREATING" | "UPDATING" => self.mark(place, id, "AVAILABLE", 0),
            "DELETING" => {
                self.remove_automatic_backups(place, id, 0, at_ms);
                let place = &mut self.places[place];
                place.file_systems.remove(id);
                place.volumes.retain(|_, volume| volume.file_system_id != id);
                place.svms.retain(|_, svm| svm.file_system_id != id);
            }
            _ => {}
        }
    }

    pub(super) fn volume_ends(&mut self, place: RegionIx, id: &str, at_ms: i64) {
        let Some(volume) = self.places[place].volumes.get_mut(id) else {
            return;
        };
        if volume.busy_until_ms != at_ms {
            return;
        }
        if volume.lifecycle == "DELETING" {
            self.remove_automatic_backups(place, id, 0, at_ms);
            self.places[place].volumes.remove(id);
        } else {
            let rests = if volume.kind == FileSystemType::Ontap { "CREATED" } else { "AVAILABLE" };
            Arc::make_mut(volume).lifecycle = rests;
        }
    }

    pub(super) fn show_svm(&self, place: RegionIx, id: &str) -> Result<Value, ApiError> {
        let here = &self.places[place];
        let svm = here.svms.get(id).ok_or_else(ApiError::internal)?;
        Ok(json!({ "StorageVirtualMachine": render_svm(&here.account, &here.region, id, svm) }))
    }
}

/// An SVM in the API's form.
pub(super) fn render_svm(account: &str, region: &str, id: &str, svm: &Svm) -> Value {
    json!({
        "StorageVirtualMachineId": id,
        "FileSystemId": svm.file_system_id,
        "Name": svm.name,
        "Lifecycle": "CREATED",
        "CreationTime": timestamp(svm.created_ms),
        "ResourceARN": format!("{}:storage-virtual-machine/{}/{id}", arn_prefix(account, region), svm.file_system_id),
        "Subtype": "DEFAULT",
        "Tags": tags::render(&svm.tags),
    })
}

/// The requested size in bytes, from either of the two members that can state it.
fn volume_size(configuration: &Value) -> u64 {
    let size = |name: &str| configuration.get(name).and_then(Value::as_u64);
    size("SizeInBytes").or_else(|| size("SizeInMegabytes").map(|mebibytes| mebibytes << 20)).unwrap_or(0)
}

/// `arn:<partition>:fsx:<region>:<account>`
pub(super) fn arn_prefix(account: &str, region: &str) -> String {
    format!("arn:{}:fsx:{region}:{account}", regions::arn_partition(region))
}

/// Fills in FSx's own defaults.
fn complete(configuration: &mut Map<String, Value>, kind: FileSystemType) {
    let mut default = |name: &str, value: Value| {
        configuration.entry(name.to_owned()).or_insert(value);
    };
    let (deployment_type, retention_days) = match kind {
        FileSystemType::Windows => ("SINGLE_AZ_1", 30),
        FileSystemType::Lustre => ("SCRATCH_1", 0),
        FileSystemType::OpenZfs => ("SINGLE_AZ_1", 30),
        FileSystemType::Ontap => ("MULTI_AZ_1", 30),
    };
    default("DeploymentType", deployment_type.into());
    default("AutomaticBackupRetentionDays", retention_days.into());
    default("WeeklyMaintenanceStartTime", "7:06:00".into());
    default("DailyAutomaticBackupStartTime", "05:00".into());
    if kind != FileSystemType::Ontap {
        default("CopyTagsToBackups", false.into());
    }
    // Members of requests that responses lack: secrets, and members that appear in another form.
    for asked in [
        "FsxAdminPassword",
        "ImportPath",
        "ExportPath",
        "ImportedFileChunkSize",
        "AutoImportPolicy",
        "RootVolumeConfiguration",
    ] {
        configuration.remove(asked);
    }
    if let Some(Value::Object(directory)) = configuration.get_mut("SelfManagedActiveDirectoryConfiguration") {
        directory.remove("Password");
    }
    if let Some(Value::Array(aliases)) = configuration.get_mut("Aliases") {
        for alias in aliases {
            *alias = json!({ "Name": alias.clone(), "Lifecycle": "AVAILABLE" });
        }
    }
}

fn texts(body: &Value, name: &str) -> Vec<String> {
    let given = body.get(name).and_then(Value::as_array);
    given.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn share(of: u64, percent: f64) -> u64 {
    (of as f64 * percent / 100.0) as u64
}

fn member<'a>(configuration: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    configuration.get(name).and_then(Value::as_str)
}

fn number(configuration: &Map<String, Value>, name: &str) -> u64 {
    configuration.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn flag(configuration: &Map<String, Value>, name: &str) -> bool {
    configuration.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// `HH:MM`, already validated, as a minute of the day.
pub(super) fn minute(time: &str) -> u32 {
    let digits: String = time.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<u32>().map_or(0, |time| time / 100 * 60 + time % 100)
}

/// `d:HH:MM`, already validated, with day 1 on Monday, as a minute of the week.
pub(super) fn minute_of_week(time: &str) -> u32 {
    let (day, time) = time.split_once(':').unwrap_or(("1", "00:00"));
    day.parse::<u32>().map_or(0, |day| day.saturating_sub(1) * 1_440) + minute(time)
}
