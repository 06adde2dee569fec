//! Deleting backups, volumes and file systems (facts 25–27).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::rng::fingerprint;
use super::backups::NewBackup;
use super::events::Event;
use super::tokens::Made;
use super::{
    ApiError, Backup, BackupIx, BackupType, BeingCopied, Call, Cloud, FileSystem, FileSystemType, Lifecycle, Principal,
    RegionIx, Tags, Volume, tags, text,
};

impl Cloud {
    pub(super) fn delete_backup(&mut self, call: &Call<'_>) -> Result<Made, ApiError> {
        let id = text(call.body, "BackupId").unwrap_or_default();
        let at = *self.places[call.place].backups.get(id).ok_or_else(|| ApiError::no_backup(id))?;
        self.check_can_be_deleted(at, call.now_ms)?;
        self.remove_backup(at, call.now_ms);
        Ok(Made::Answer(json!({ "BackupId": id, "Lifecycle": "DELETED" })))
    }

    fn check_can_be_deleted(&mut self, at: BackupIx, now_ms: i64) -> Result<(), ApiError> {
        let delay_ms = self.span_ms(self.settings.delete_delay_seconds);
        let backup = &self.backups[at];
        let in_progress = match backup.lifecycle {
            Lifecycle::Copying => !self.settings.delete_while_copying,
            other => other.in_flight(),
        };
        if in_progress {
            return Err(ApiError::client(
                "BackupInProgress",
                format!("Backup '{}' is {}, can't be deleted.", backup.id, backup.lifecycle.as_str()),
            ));
        }
        if backup.kind == BackupType::AwsBackup {
            self.settings.aws_backup_deletion.refuse("TOTAL_USER_INITIATED_BACKUPS", || {
                format!("Backup '{}' was created by AWS Backup and can only be deleted there.", backup.id)
            })?;
        }
        if let Some(file_system) = self.restored_as(backup, now_ms) {
            return Err(ApiError::client(
                "BackupRestoring",
                format!("Backup '{}' is being used to restore {file_system}, can't be deleted.", backup.id),
            )
            .with("FileSystemId", file_system));
        }
        if backup.copies_from_it > 0 || now_ms < backup.copied_ms.saturating_add(delay_ms) {
            return Err(self.being_copied(at));
        }
        Ok(())
    }

    /// The file system that is being restored from this backup at this time, if any.
    ///
    /// Restores are not operations here: they are declared for one backup, or by a fault for a percentage of all
    /// backups, which is always the same ones.
    fn restored_as(&self, backup: &Backup, now_ms: i64) -> Option<String> {
        if backup.lifecycle != Lifecycle::Available {
            return None;
        }
        let said = backup.restoring.as_ref().filter(|(_, until_ms)| now_ms < *until_ms);
        let share = self.fault_rates(backup.place, "DeleteBackup", now_ms).restoring_percent;
        let drawn = fingerprint(&backup.id);
        let struck = ((drawn % 10_000) as f64) < share * 100.0;
        said.map(|(file_system, _)| file_system.clone()).or_else(|| struck.then(|| format!("fs-{drawn:017x}")))
    }

    fn being_copied(&mut self, at: BackupIx) -> ApiError {
        let coin = self.orders.percent(50.0);
        let backup = &self.backups[at];
        let modelled = match self.settings.being_copied {
            BeingCopied::Modelled => true,
            BeingCopied::BadRequest => false,
            BeingCopied::ByType => backup.file_system.kind != FileSystemType::Ontap,
            BeingCopied::Either => coin,
        };
        let message = format!("Backup {} is being copied, can't be deleted", backup.id);
        if modelled {
            ApiError::client("BackupBeingCopied", message).with("BackupId", backup.id.clone())
        } else {
            ApiError::bad_request(message)
        }
    }

    /// Deletes an expired backup, or a little later if it is being copied.
    pub(super) fn expire(&mut self, at: BackupIx, at_ms: i64) {
        if self.backups[at].copies_from_it > 0 {
            self.schedule(at_ms + 3_600_000, Event::Expires(at));
        } else {
            self.remove_backup(at, at_ms);
        }
    }

    pub(super) fn delete_file_system(&mut self, call: &Call<'_>) -> Result<Made, ApiError> {
        let id = text(call.body, "FileSystemId").unwrap_or_default();
        let place = call.place;
        let file_system =
            Arc::clone(self.places[place].file_systems.get(id).ok_or_else(|| ApiError::no_file_system(id))?);
        if file_system.lifecycle == "DELETING" {
            return Ok(Made::Answer(json!({ "FileSystemId": id, "Lifecycle": "DELETING" })));
        }
        if self.user_backup_runs(place, id) {
            return Err(ApiError::bad_request(
                "Cannot delete file system while there is a user initiated backup in progress.",
            ));
        }
        let configuration = call.body.get(file_system.kind.configuration()).unwrap_or(&Value::Null);
        self.check_has_no_volumes(place, &file_system, configuration)?;
        // An ONTAP file system holds no data outside its volumes, whose deletion took their backups.
        let skips = file_system.kind == FileSystemType::Ontap || final_backup_skipped(configuration, file_system.kind);
        let mut answer = Map::new();
        answer.insert("FileSystemId".into(), id.into());
        answer.insert("Lifecycle".into(), "DELETING".into());
        if skips {
            self.begin_deletion(place, id, call.now_ms);
        } else {
            self.check_backup_quota(place, file_system.kind, None)?;
            let tags = tags::given(configuration, "FinalBackupTags")?.unwrap_or_default();
            let member = match file_system.kind {
                FileSystemType::Windows => "WindowsResponse",
                FileSystemType::Lustre => "LustreResponse",
                _ => "OpenZFSResponse",
            };
            let response = self.begin_final_backup(place, file_system, None, tags, call.now_ms);
            self.mark(place, id, "DELETING", i64::MAX);
            answer.insert(member.into(), response);
        }
        Ok(Made::Answer(Value::Object(answer)))
    }

    fn check_has_no_volumes(
        &self,
        place: RegionIx,
        file_system: &FileSystem,
        configuration: &Value,
    ) -> Result<(), ApiError> {
        let root = file_system.configuration.get("RootVolumeId").and_then(Value::as_str);
        let mut children = self.places[place]
            .volumes
            .values()
            .filter(|volume| volume.file_system_id == file_system.id && Some(volume.id.as_str()) != root);
        let takes_them = configuration
            .get("Options")
            .and_then(Value::as_array)
            .is_some_and(|options| options.iter().any(|option| option == "DELETE_CHILD_VOLUMES_AND_SNAPSHOTS"));
        if takes_them || children.next().is_none() {
            return Ok(());
        }
        Err(ApiError::bad_request(format!("Cannot delete file system {} while it has volumes.", file_system.id)))
    }

    fn user_backup_runs(&self, place: RegionIx, file_system: &str) -> bool {
        self.places[place].resources.values().filter_map(|known| known.running).any(|at| {
            self.backups[at].file_system.id == file_system && self.backups[at].kind == BackupType::UserInitiated
        })
    }

    fn begin_final_backup(
        &mut self,
        place: RegionIx,
        file_system: Arc<FileSystem>,
        volume: Option<Arc<Volume>>,
        tags: Tags,
        now_ms: i64,
    ) -> Value {
        let shown = tags::render(&tags);
        let at = self.start_backup(
            NewBackup {
                place,
                file_system,
                volume,
                kind: BackupType::UserInitiated,
                by: Principal::Service,
                tags,
                last_of_its_kind: true,
            },
            now_ms,
        );
        json!({ "FinalBackupId": self.backups[at].id, "FinalBackupTags": shown })
    }

    /// After a final backup: a good one continues the deletion, a failed one stops it (facts, section 7).
    pub(super) fn final_backup_ended(&mut self, at: BackupIx, at_ms: i64) {
        let backup = &self.backups[at];
        let (place, good) = (backup.place, backup.lifecycle == Lifecycle::Available);
        let file_system = backup.file_system.id.clone();
        match backup.volume.as_ref().map(|volume| volume.id.clone()) {
            Some(volume) if good => self.begin_volume_deletion(place, &volume, at_ms),
            Some(volume) => {
                if let Some(volume) = self.places[place].volumes.get_mut(&volume) {
                    Arc::make_mut(volume).lifecycle = "CREATED";
                }
            }
            None if good => self.begin_deletion(place, &file_system, at_ms),
            None => self.mark(place, &file_system, "AVAILABLE", 0),
        }
    }

    fn begin_deletion(&mut self, place: RegionIx, id: &str, now_ms: i64) {
        let until_ms = now_ms + self.span_ms(self.settings.deletion_seconds);
        self.mark(place, id, "DELETING", until_ms);
        self.schedule(until_ms, Event::FileSystemEnds(place, id.to_owned()));
    }

    fn begin_volume_deletion(&mut self, place: RegionIx, id: &str, now_ms: i64) {
        let until_ms = now_ms + self.span_ms(self.settings.deletion_seconds);
        if let Some(volume) = self.places[place].volumes.get_mut(id) {
            let volume = Arc::make_mut(volume);
            volume.lifecycle = "DELETING";
            volume.busy_until_ms = until_ms;
        }
        self.schedule(until_ms, Event::VolumeEnds(place, id.to_owned()));
    }

    pub(super) fn mark(&mut self, place: RegionIx, id: &str, lifecycle: &'static str, until_ms: i64) {
        if let Some(file_system) = self.places[place].file_systems.get_mut(id) {
            let file_system = Arc::make_mut(file_system);
            file_system.lifecycle = lifecycle;
            file_system.busy_until_ms = until_ms;
        }
    }

    pub(super) fn delete_volume(&mut self, call: &Call<'_>) -> Result<Made, ApiError> {
        let id = text(call.body, "VolumeId").unwrap_or_default();
        let place = call.place;
        let volume = Arc::clone(self.places[place].volumes.get(id).ok_or_else(|| ApiError::no_volume(id))?);
        if volume.lifecycle == "DELETING" {
            return Ok(Made::Answer(json!({ "VolumeId": id, "Lifecycle": "DELETING" })));
        }
        if self.running_backup(place, id).is_some() {
            return Err(ApiError::bad_request(format!(
                "Cannot delete volume {id} while there is a backup in progress."
            )));
        }
        let configuration = call.body.get("OntapConfiguration").unwrap_or(&Value::Null);
        let skips = volume.ontap_type != "RW" || final_backup_skipped(configuration, volume.kind);
        let owner = self.places[place].file_systems.get(&volume.file_system_id).map(Arc::clone);
        let mut answer = json!({ "VolumeId": id, "Lifecycle": "DELETING" });
        match owner.filter(|_| volume.kind == FileSystemType::Ontap && !skips) {
            None => self.begin_volume_deletion(place, id, call.now_ms),
            Some(owner) => {
                self.check_backup_quota(place, FileSystemType::Ontap, Some(id))?;
                let tags = tags::given(configuration, "FinalBackupTags")?.unwrap_or_default();
                answer["OntapResponse"] = self.begin_final_backup(place, owner, Some(volume), tags, call.now_ms);
                if let Some(volume) = self.places[place].volumes.get_mut(id) {
                    Arc::make_mut(volume).lifecycle = "DELETING";
                }
            }
        }
        Ok(Made::Answer(answer))
    }
}

/// Whether a deletion skips the final backup: by default Lustre's does, the others' do not (facts, section 7).
fn final_backup_skipped(configuration: &Value, kind: FileSystemType) -> bool {
    let by_default = kind == FileSystemType::Lustre;
    configuration.get("SkipFinalBackup").and_then(Value::as_bool).unwrap_or(by_default)
}
