//! Backups: requested, made, failed (facts 7–14).

use std::sync::Arc;

use super::events::Event;
use super::tokens::Made;
use super::{
    ApiError, Backup, BackupIx, BackupType, Call, Cloud, FileSystem, FileSystemType, Lifecycle, Principal, RegionIx,
    Tags, Volume, tags, text,
};

/// FSx's message for a failed backup (facts, section 1.1).
pub(super) const BACKUP_FAILED: &str = "Backup failed. Please delete the backup and try again.";
const DAY_MS: f64 = 86_400_000.0;

/// A backup to be started.
pub(super) struct NewBackup {
    pub place: RegionIx,
    pub file_system: Arc<FileSystem>,
    pub volume: Option<Arc<Volume>>,
    pub kind: BackupType,
    pub by: Principal,
    pub tags: Tags,
    pub last_of_its_kind: bool,
}

/// How work will proceed.
pub(super) struct Outlook {
    pub ends_ms: i64,
    pub will_fail: Option<String>,
}

/// The duration and result of work.
pub(super) struct Work {
    pub floor_seconds: f64,
    pub bytes: u64,
    pub bytes_per_second: f64,
}

impl Cloud {
    pub(super) fn create_backup(&mut self, call: &Call<'_>) -> Result<Made, ApiError> {
        let (file_system, volume) = self.backup_target(call)?;
        let of_volume = volume.as_ref().map(|volume| volume.id.as_str());
        if self.settings.limits_first {
            self.check_backup_quota(call.place, file_system.kind, of_volume)?;
        }
        self.check_can_be_backed_up(&file_system, volume.as_deref())?;
        if self.running_backup(call.place, of_volume.unwrap_or(&file_system.id)).is_some() {
            return Err(ApiError::client(
                "BackupInProgress",
                "Another backup is already under way. Wait for completion before initiating additional backups of this file system.",
            ));
        }
        self.check_backup_quota(call.place, file_system.kind, of_volume)?;
        let tags = match tags::given(call.body, "Tags")? {
            Some(tags) => {
                self.check_tags(&tags, tags.len())?;
                tags
            }
            None => inherited_tags(&file_system, volume.as_deref()),
        };
        let order = NewBackup {
            place: call.place,
            file_system,
            volume,
            kind: BackupType::UserInitiated,
            by: Principal::Caller,
            tags,
            last_of_its_kind: false,
        };
        Ok(Made::Backup(self.start_backup(order, call.now_ms)))
    }

    fn backup_target(&self, call: &Call<'_>) -> Result<(Arc<FileSystem>, Option<Arc<Volume>>), ApiError> {
        let place = &self.places[call.place];
        let targets = (text(call.body, "FileSystemId"), text(call.body, "VolumeId"));
        if targets.0.is_some() == targets.1.is_some() {
            let words = || "Exactly one of FileSystemId and VolumeId must be specified.".into();
            self.settings.both_or_no_target.refuse("", words)?;
        }
        match targets {
            (Some(id), None) => {
                let file_system = place.file_systems.get(id).ok_or_else(|| ApiError::no_file_system(id))?;
                if file_system.kind == FileSystemType::Ontap {
                    return Err(ApiError::unsupported("ONTAP file system backup is unsupported."));
                }
                Ok((Arc::clone(file_system), None))
            }
            (_, Some(id)) => {
                let volume = place.volumes.get(id).ok_or_else(|| ApiError::no_volume(id))?;
                if volume.kind != FileSystemType::Ontap {
                    return Err(ApiError::bad_request(format!(
                        "Volume with type {} is not backupable.",
                        volume.kind.as_str()
                    )));
                }
                let owner = &volume.file_system_id;
                let file_system = place.file_systems.get(owner).ok_or_else(|| ApiError::no_file_system(owner))?;
                Ok((Arc::clone(file_system), Some(Arc::clone(volume))))
            }
            (None, None) => Err(ApiError::bad_request("One of FileSystemId and VolumeId must be specified.")),
        }
    }

    fn check_can_be_backed_up(&self, file_system: &FileSystem, volume: Option<&Volume>) -> Result<(), ApiError> {
        let while_in = |id: &str, lifecycle: &str, more: &str| {
            Err(ApiError::bad_request(format!("Cannot take backup while {id} is in {lifecycle}{more}")))
        };
        match file_system.lifecycle {
            "AVAILABLE" | "UPDATING" | "MISCONFIGURED" => {}
            "FAILED" => {
                return while_in(&file_system.id, "FAILED", " and the file system storage is unhealthy");
            }
            other => return while_in(&file_system.id, other, ""),
        }
        if let Some(volume) = volume {
            if volume.ontap_type != "RW" {
                return Err(ApiError::bad_request(format!(
                    "Volume with type {} is not backupable.",
                    volume.ontap_type
                )));
            }
            if !matches!(volume.lifecycle, "CREATED" | "AVAILABLE" | "MISCONFIGURED") {
                return while_in(&volume.id, volume.lifecycle, "");
            }
        }
        if file_system.kind == FileSystemType::Lustre
            && (file_system.linked || file_system.deployment_type.starts_with("SCRATCH"))
        {
            let why = if file_system.linked { "linked to a data repository" } else { "of a scratch deployment type" };
            return self.settings.lustre_refusal.refuse("TOTAL_USER_INITIATED_BACKUPS", || {
                format!("Backups are not supported for file system {} because it is {why}.", file_system.id)
            });
        }
        Ok(())
    }

    pub(super) fn running_backup(&self, place: RegionIx, resource: &str) -> Option<BackupIx> {
        self.places[place].resources.get(resource).and_then(|resource| resource.running)
    }

    pub(super) fn start_backup(&mut self, order: NewBackup, now_ms: i64) -> BackupIx {
        let NewBackup { place, file_system, volume, kind, by, tags, last_of_its_kind } = order;
        let resource = volume.as_ref().map_or(&file_system.id, |volume| &volume.id).clone();
        let (used, daily_change) = match &volume {
            Some(volume) => (volume.used_bytes, volume.daily_change_bytes),
            None => (file_system.used_bytes, file_system.daily_change_bytes),
        };
        let pending_ms = match file_system.kind {
            FileSystemType::Lustre => self.span_ms(self.settings.lustre_pending_seconds),
            _ => 0,
        };
        let begins_ms = self.begins_ms(&file_system, now_ms) + pending_ms;
        let known = self.places[place].resources.get(&resource);
        let last = known.and_then(|known| known.backups.last().copied());
        let moved_bytes =
            last.map_or(used, |(taken_ms, _)| self.changed_bytes(daily_change, taken_ms, begins_ms).min(used));
        let work = Work {
            floor_seconds: self.settings.backup_floor_seconds,
            bytes: moved_bytes,
            bytes_per_second: self.settings.backup_bytes_per_second,
        };
        let will_fail = volume.as_ref().is_some_and(|volume| volume.backups_fail || self.is_full(volume))
            || file_system.lifecycle == "MISCONFIGURED";
        let outlook = self.backup_outlook(place, &work, will_fail, begins_ms, now_ms);
        let id = format!("backup-{}", self.ids.hex17());
        let pending = pending_ms > 0;
        let at = self.push(Backup {
            lifecycle: if pending { Lifecycle::Pending } else { Lifecycle::Creating },
            kind,
            by,
            taken_ms: begins_ms,
            tags: Arc::new(tags),
            moved_bytes,
            full: last.is_none(),
            begins_ms,
            ends_ms: outlook.ends_ms,
            will_fail: outlook.will_fail,
            last_of_its_kind,
            ..Backup::blank(id, place, file_system, volume, now_ms)
        });
        self.places[place].resources.entry(resource).or_default().running = Some(at);
        self.schedule_steps(at, pending);
        at
    }

    fn schedule_steps(&mut self, at: BackupIx, pending: bool) {
        let Backup { begins_ms, ends_ms, .. } = self.backups[at];
        if pending {
            self.schedule(begins_ms, Event::Begins(at));
        }
        if self.backups[at].file_system.kind == FileSystemType::Lustre && ends_ms < i64::MAX {
            self.schedule(begins_ms + (ends_ms - begins_ms) / 2, Event::Transfers(at));
        }
        self.schedule(ends_ms, Event::Ends(at));
    }

    /// Whether a volume has no space for the snapshot that its backup needs (fact 11).
    fn is_full(&self, volume: &Volume) -> bool {
        let most_percent = self.settings.full_volume_percent;
        most_percent < 100.0 && volume.used_bytes as f64 * 100.0 > volume.size_bytes as f64 * most_percent
    }

    fn backup_outlook(
        &mut self,
        place: RegionIx,
        work: &Work,
        will_fail: bool,
        begins_ms: i64,
        now_ms: i64,
    ) -> Outlook {
        let fault_rates = self.fault_rates(place, "CreateBackup", now_ms);
        let fails = self.outcomes.percent(fault_rates.fail_backup_percent) || will_fail;
        let stuck = self.outcomes.percent(fault_rates.stuck_backup_percent);
        self.outlook(
            work,
            fault_rates.slow_factor,
            fails.then_some(BACKUP_FAILED),
            stuck.then_some(fault_rates.stuck_hours),
            begins_ms,
        )
    }

    /// How work that begins at `begins_ms` proceeds: `fails` is the error with which it fails, `stuck_hours` how long
    /// it hangs (0: forever).
    pub(super) fn outlook(
        &mut self,
        work: &Work,
        slow_factor: f64,
        fails: Option<&str>,
        stuck_hours: Option<f64>,
        begins_ms: i64,
    ) -> Outlook {
        let jitter = 1.0 + (self.outcomes.unit() * 2.0 - 1.0) * self.settings.duration_jitter_percent / 100.0;
        if let Some(hours) = stuck_hours {
            let ends_ms = if hours > 0.0 { begins_ms + self.span_ms(hours * 3_600.0) } else { i64::MAX };
            return Outlook { ends_ms, will_fail: Some("The operation timed out.".into()) };
        }
        let seconds = if fails.is_some() {
            self.settings.failure_seconds
        } else {
            work.floor_seconds + work.bytes as f64 / work.bytes_per_second.max(1.0)
        };
        let ends_ms = begins_ms + self.span_ms(seconds * jitter * slow_factor).max(1);
        Outlook { ends_ms, will_fail: fails.map(str::to_owned) }
    }

    /// The bytes that change between two times at `daily` bytes per day of FSx's own time.
    pub(super) fn changed_bytes(&self, daily: u64, from_ms: i64, to_ms: i64) -> u64 {
        let days = (to_ms.abs_diff(from_ms) as f64) * self.speed / DAY_MS;
        (daily as f64 * days) as u64
    }

    pub(super) fn end_backup(&mut self, at: BackupIx, at_ms: i64) {
        let backup = &mut self.backups[at];
        backup.ended_ms = Some(at_ms);
        backup.failure = backup.will_fail.take();
        let good = backup.failure.is_none();
        backup.lifecycle = if good { Lifecycle::Available } else { Lifecycle::Failed };
        let (place, taken_ms, kind) = (backup.place, backup.taken_ms, backup.kind);
        let retention_days = backup.file_system.automatic_backup_retention_days;
        let known = self.places[place].resources.entry(self.backups[at].resource().to_owned()).or_default();
        known.running = None;
        if good {
            known.backups.insert((taken_ms, at));
        } else {
            self.release_quota_of_failed(at);
        }
        if kind == BackupType::Automatic {
            let keep_ms = i64::from(retention_days) * DAY_MS as i64;
            self.schedule(taken_ms + keep_ms, Event::Expires(at));
        }
        if self.backups[at].last_of_its_kind {
            self.final_backup_ended(at, at_ms);
        }
    }
}

/// The tags of a backup whose request has none (fact 12).
pub(super) fn inherited_tags(file_system: &FileSystem, volume: Option<&Volume>) -> Tags {
    let (copies, tags) = match volume {
        Some(volume) => (volume.copy_tags_to_backups, &volume.tags),
        None => (file_system.copy_tags_to_backups, &file_system.tags),
    };
    if copies { tags.clone() } else { Tags::new() }
}
