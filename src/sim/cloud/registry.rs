//! Adds and removes backups: the only code that keeps lists, quota and chains consistent.

use super::{ApiError, Backup, BackupIx, BackupType, Cloud, FileSystemType, Lifecycle, RegionIx};

impl Cloud {
    pub(super) fn push(&mut self, mut backup: Backup) -> BackupIx {
        let at = BackupIx(self.backups.0.len());
        let fault_rates = self.fault_rates(backup.place, "DescribeBackups", backup.created_ms);
        let lag_seconds = self.settings.list_lag_seconds.max(fault_rates.list_lag_seconds);
        backup.visible_ms = backup.created_ms + self.span_ms(lag_seconds);
        let place = &mut self.places[backup.place];
        place.backups.insert(backup.id.clone(), at);
        if backup.kind != BackupType::Automatic {
            *place.quota_used.entry(backup.file_system.kind).or_default() += 1;
            if let Some(volume) = &backup.volume {
                *place.quota_used_by_volume.entry(volume.id.clone()).or_default() += 1;
            }
        }
        self.backups.0.push(backup);
        at
    }

    /// Removes a backup, whoever requested it.
    pub(super) fn remove_backup(&mut self, at: BackupIx, now_ms: i64) {
        let backup = &self.backups[at];
        if backup.lifecycle == Lifecycle::Deleted {
            return;
        }
        let (place, before, failed) = (backup.place, backup.lifecycle, backup.lifecycle == Lifecycle::Failed);
        if backup.is_copy() && before == Lifecycle::Copying {
            self.release_slot(at, now_ms);
        }
        if !failed || self.settings.failed_count_to_quota {
            self.release_quota(at);
        }
        let backup = &mut self.backups[at];
        backup.lifecycle = Lifecycle::Deleted;
        backup.deleted_ms = Some(now_ms);
        self.deleted.push(at);
        let backup = &self.backups[at];
        let place = &mut self.places[place];
        place.backups.remove(&backup.id);
        if let Some(known) = place.resources.get_mut(backup.resource()) {
            if known.running == Some(at) {
                known.running = None;
            }
            known.backups.remove(&(backup.taken_ms, at));
            if let Some(chain) = known.copies.get_mut(&backup.kms_key) {
                chain.good.remove(&(backup.taken_ms, at));
            }
        }
    }

    /// Whether one more backup, of this ONTAP volume if it is one, fits the quota here.
    pub(super) fn check_backup_quota(
        &self,
        place: RegionIx,
        kind: FileSystemType,
        volume: Option<&str>,
    ) -> Result<(), ApiError> {
        let quota = match kind {
            FileSystemType::Windows => self.settings.windows_backups,
            FileSystemType::Lustre => self.settings.lustre_backups,
            FileSystemType::OpenZfs => self.settings.openzfs_backups,
            FileSystemType::Ontap => self.settings.ontap_backups,
        };
        let place = &self.places[place];
        let full = |whose: &str, quota: u32| {
            let message =
                format!("You have reached the limit of {quota} user-initiated backups{whose} in this Region.");
            Err(ApiError::limit("TOTAL_USER_INITIATED_BACKUPS", message))
        };
        if place.quota_used.get(&kind).copied().unwrap_or(0) >= quota {
            return full("", quota);
        }
        let (quota, used) =
            (self.settings.ontap_backups_per_volume, volume.map(|id| place.quota_used_by_volume.get(id)));
        match used {
            Some(used) if quota > 0 && used.copied().unwrap_or(0) >= quota => full(" of this volume", quota),
            _ => Ok(()),
        }
    }

    /// Releases the quota of FAILED backups at once if they do not count (a setting).
    pub(super) fn release_quota_of_failed(&mut self, at: BackupIx) {
        if !self.settings.failed_count_to_quota {
            self.release_quota(at);
        }
    }

    pub(super) fn release_quota(&mut self, at: BackupIx) {
        let Backup { place, kind, ref file_system, ref volume, .. } = self.backups[at];
        if kind == BackupType::Automatic {
            return;
        }
        let place = &mut self.places[place];
        let of_volume = volume.as_ref().and_then(|volume| place.quota_used_by_volume.get_mut(&volume.id));
        for used in [place.quota_used.get_mut(&file_system.kind), of_volume].into_iter().flatten() {
            *used = used.saturating_sub(1);
        }
    }
}
