//! Copies: their lanes, full or incremental, and their results (facts 15–23).

use super::backups::Work;
use super::events::Event;
use super::tokens::Made;
use super::{
    ApiError, Backup, BackupIx, BackupType, Call, Cloud, FileSystemType, Lane, Lifecycle, Principal, RefusalCode,
    RegionIx, Tags, regions, tags, text,
};

const IN_PROGRESS: &str = "TOTAL_IN_PROGRESS_COPY_BACKUPS";

impl Cloud {
    pub(super) fn copy_backup(&mut self, call: &Call<'_>) -> Result<Made, ApiError> {
        let source = self.copy_source(call)?;
        if self.settings.limits_first
            && let Ok(kms_key) = self.copy_key(call, source)
        {
            self.check_copy_limits(call, source, &kms_key)?;
        }
        self.check_can_be_copied(call, source)?;
        let kms_key = self.copy_key(call, source)?;
        let tags = self.copy_tags(call, source)?;
        self.check_copy_limits(call, source, &kms_key)?;
        Ok(Made::Backup(self.start_copy(call.place, source, kms_key, tags, Principal::Caller, call.now_ms)))
    }

    fn check_copy_limits(&mut self, call: &Call<'_>, source: BackupIx, kms_key: &str) -> Result<(), ApiError> {
        let place = call.place;
        let (backup, here) = (&self.backups[source], &self.places[place]);
        let kind = backup.file_system.kind;
        let takes_slot = self.takes_slot(place, backup);
        let volume = backup.volume.as_ref().map(|volume| volume.id.clone());
        let ontap = volume.clone().map(|volume| (volume, kms_key.to_owned()));
        let lane = Lane { account: here.account.clone(), region: here.region.clone(), ontap };
        if takes_slot {
            self.check_slot(place, &lane, kind, call.now_ms)?;
        }
        self.check_backup_quota(place, kind, volume.as_deref())
    }

    fn copy_source(&self, call: &Call<'_>) -> Result<BackupIx, ApiError> {
        let here = &self.places[call.place];
        let region = text(call.body, "SourceRegion").unwrap_or(&here.region);
        let partition = |name: &str| regions::partition(name, &self.settings.further_regions);
        let invalid = || format!("The source Region '{region}' is not valid or is in a different partition.");
        if partition(region).is_none() || partition(region) != partition(&here.region) {
            return Err(ApiError::client("InvalidRegion", invalid()));
        }
        if self.settings.disabled_regions.iter().any(|name| name == region) {
            self.settings.disabled_source_region.refuse(IN_PROGRESS, invalid)?;
        }
        let barred = |name: &str| self.settings.regions_without_copies.iter().any(|other| other == name);
        if region != here.region && (barred(region) || barred(&here.region)) {
            self.settings.region_without_copies.refuse(IN_PROGRESS, || {
                format!("Cross-Region backup copies are not supported from {region} to {}.", here.region)
            })?;
        }
        let id = text(call.body, "SourceBackupId").unwrap_or_default();
        self.place_at
            .get(&here.account)
            .and_then(|places| places.get(region))
            .and_then(|place| self.places[*place].backups.get(id))
            .copied()
            .ok_or_else(|| ApiError::no_backup(id))
    }

    fn check_can_be_copied(&self, call: &Call<'_>, source: BackupIx) -> Result<(), ApiError> {
        let backup = &self.backups[source];
        if backup.lifecycle != Lifecycle::Available {
            return Err(ApiError::client(
                "SourceBackupUnavailable",
                format!("Backup '{}' is not available: its lifecycle is {}.", backup.id, backup.lifecycle.as_str()),
            )
            .with("BackupId", backup.id.clone()));
        }
        let by_type = match backup.kind {
            BackupType::UserInitiated => None,
            BackupType::Automatic => Some(self.settings.automatic_copy),
            BackupType::AwsBackup => Some(self.settings.aws_backup_copy),
        };
        if let Some(refusal) = by_type {
            refusal.refuse(IN_PROGRESS, || format!("Backups of type {} cannot be copied.", backup.kind.as_str()))?;
        }
        if backup.file_system.storage_type == "INTELLIGENT_TIERING" {
            self.settings.intelligent_tiering_copy.refuse(IN_PROGRESS, || {
                "Backups of file systems using the Intelligent-Tiering storage class do not support backup copies."
                    .into()
            })?;
        }
        if backup.volume.as_ref().is_some_and(|volume| volume.style == "FLEXGROUP") {
            let words = || "Copying backups of FlexGroup volumes is not supported.".into();
            self.settings.flexgroup_copy.refuse(IN_PROGRESS, words)?;
        }
        let region = &self.places[call.place].region;
        if backup.file_system.kind == FileSystemType::Windows
            && backup.file_system.deployment_type.starts_with("MULTI_AZ")
            && self.settings.regions_without_multi_az.contains(region)
        {
            return Err(ApiError::client(
                "IncompatibleRegionForMultiAZ",
                format!(
                    "Amazon FSx does not support Multi-AZ file systems in {region}, so the copied backup could not be restored."
                ),
            ));
        }
        Ok(())
    }

    /// The key of the copy, after checks at both ends (fact 19).
    fn copy_key(&self, call: &Call<'_>, source: BackupIx) -> Result<String, ApiError> {
        let backup = &self.backups[source];
        if !self.key_usable(backup.place, &backup.kms_key, call.now_ms) {
            return Err(ApiError::client(
                "InvalidSourceKmsKey",
                format!("The KMS key {} of the source backup is not valid.", backup.kms_key),
            ));
        }
        let Some(asked) = text(call.body, "KmsKeyId") else {
            return Ok(self.default_key(call.place));
        };
        self.key_arn(call.place, asked).filter(|arn| self.key_usable(call.place, arn, call.now_ms)).ok_or_else(|| {
            ApiError::client(
                "InvalidDestinationKmsKey",
                format!("The KMS key {asked} of the destination backup is not valid."),
            )
        })
    }

    /// The source's tags if requested, overridden by those of the request (fact 21: the sum counts, not the union).
    fn copy_tags(&self, call: &Call<'_>, source: BackupIx) -> Result<Tags, ApiError> {
        let new = tags::given(call.body, "Tags")?.unwrap_or_default();
        let copies = call.body.get("CopyTags").and_then(serde_json::Value::as_bool).unwrap_or(false);
        let mut merged = if copies { (*self.backups[source].tags).clone() } else { Tags::new() };
        self.check_tags(&new, merged.len() + new.len())?;
        merged.extend(new);
        Ok(merged)
    }

    /// Refuses the copy if its lane is full, and counts the refusal.
    fn check_slot(&mut self, place: RegionIx, lane: &Lane, kind: FileSystemType, now_ms: i64) -> Result<(), ApiError> {
        let free = self.slot_free(place, lane, kind, now_ms);
        let used = self.lanes.entry(lane.clone()).or_default();
        if free {
            return Ok(());
        }
        used.refused += 1;
        let words = |limit| format!("You have reached the limit of {limit} backup copies in progress to this Region.");
        let (settings, ontap) = (&self.settings, lane.ontap.is_some());
        let (refusal, limit, most) = match ontap {
            true => (settings.ontap_copy_refusal, settings.ontap_copy_limit.as_str(), settings.ontap_copies_in_flight),
            false => (RefusalCode::ServiceLimitExceeded, IN_PROGRESS, settings.copies_in_flight),
        };
        refusal.refuse(limit, || words(most))
    }

    /// Whether one more copy fits into a lane.
    pub(super) fn slot_free(&self, place: RegionIx, lane: &Lane, kind: FileSystemType, now_ms: i64) -> bool {
        let settings = &self.settings;
        let unseen = self.fault_rates(place, "CopyBackup", now_ms).unseen_copies;
        let in_flight = self.lanes.get(lane).map_or(0, |used| used.in_flight).saturating_add(unseen);
        if lane.ontap.is_some() {
            let total = self.ontap_copies.get(&lane.account).copied().unwrap_or(0);
            return in_flight < settings.ontap_copies_in_flight && total < settings.ontap_copies_per_account;
        }
        if in_flight < settings.copies_in_flight {
            return true;
        }
        let of_this_kind = |at: &&BackupIx| {
            let copy = &self.backups[**at];
            copy.lifecycle == Lifecycle::Copying && copy.takes_slot && copy.file_system.kind == kind
        };
        settings.slots_by_type
            && self.places[place].backups.values().filter(of_this_kind).count() < settings.copies_in_flight as usize
    }

    pub(super) fn start_copy(
        &mut self,
        place: RegionIx,
        source: BackupIx,
        kms_key: String,
        tags: Tags,
        by: Principal,
        now_ms: i64,
    ) -> BackupIx {
        let original = self.backups[source].clone();
        let (moved_bytes, full) = self.bytes_to_copy(place, &original, &kms_key);
        let takes_slot = self.takes_slot(place, &original);
        let work = Work {
            floor_seconds: self.settings.copy_floor_seconds,
            bytes: moved_bytes,
            bytes_per_second: self.settings.copy_bytes_per_second,
        };
        let fault_rates = self.fault_rates(place, "CopyBackup", now_ms);
        let fails = self.outcomes.percent(fault_rates.fail_copy_percent);
        let stuck = self.outcomes.percent(fault_rates.stuck_copy_percent);
        let failure = fails.then_some("Backup copy failed. Please delete the backup and try again.");
        let outlook =
            self.outlook(&work, fault_rates.slow_factor, failure, stuck.then_some(fault_rates.stuck_hours), now_ms);
        let id = format!("backup-{}", self.ids.hex17());
        let region = self.places[place].region.clone();
        let Backup { file_system, volume, .. } = original;
        let at = self.push(Backup {
            region,
            lifecycle: Lifecycle::Copying,
            by,
            taken_ms: original.taken_ms,
            kms_key,
            tags: tags.into(),
            source_id: Some(original.id),
            source_region: Some(original.region),
            size_bytes: original.size_bytes,
            moved_bytes,
            full,
            ends_ms: outlook.ends_ms,
            source: Some(source),
            takes_slot,
            will_fail: outlook.will_fail,
            ..Backup::blank(id, place, file_system, volume, now_ms)
        });
        self.backups[source].copies_from_it += 1;
        self.take_slot(at);
        self.schedule(outlook.ends_ms, Event::Ends(at));
        at
    }

    fn takes_slot(&self, place: RegionIx, source: &Backup) -> bool {
        self.settings.in_region_copies_take_slots || source.region != self.places[place].region
    }

    fn take_slot(&mut self, at: BackupIx) {
        if !self.backups[at].takes_slot {
            return;
        }
        let lane = self.backups[at].lane();
        if lane.ontap.is_some() {
            *self.ontap_copies.entry(lane.account.clone()).or_default() += 1;
        }
        let used = self.lanes.entry(lane).or_default();
        used.in_flight += 1;
        used.peak = used.peak.max(used.in_flight);
    }

    /// Frees the slot of a copy that ended or was deleted, and makes its source deletable (after a delay).
    pub(super) fn release_slot(&mut self, at: BackupIx, now_ms: i64) {
        let lane = self.backups[at].lane();
        let held = u32::from(self.backups[at].takes_slot);
        if lane.ontap.is_some()
            && let Some(total) = self.ontap_copies.get_mut(&lane.account)
        {
            *total = total.saturating_sub(held);
        }
        if let Some(used) = self.lanes.get_mut(&lane) {
            used.in_flight = used.in_flight.saturating_sub(held);
        }
        if let Some(source) = self.backups[at].source {
            let source = &mut self.backups[source];
            source.copies_from_it = source.copies_from_it.saturating_sub(1);
            source.copied_ms = source.copied_ms.max(now_ms);
        }
    }

    /// How many bytes a copy moves, and whether it is a full copy (fact 20).
    fn bytes_to_copy(&self, place: RegionIx, source: &Backup, kms_key: &str) -> (u64, bool) {
        let known = self.places[place].resources.get(source.resource());
        let Some(chain) = known.and_then(|known| known.copies.get(kms_key)) else {
            return (source.size_bytes, true);
        };
        let newest_gone = || chain.newest.is_some_and(|at| self.backups[at].lifecycle == Lifecycle::Deleted);
        if self.settings.full_after_newest_deleted && newest_gone() {
            return (source.size_bytes, true);
        }
        let older = chain.good.range(..=(source.taken_ms, BackupIx(usize::MAX))).next_back();
        let Some((base_ms, _)) = older.or_else(|| chain.good.first()) else {
            return (source.size_bytes, true);
        };
        let daily = source.volume.as_ref().map_or(source.file_system.daily_change_bytes, |v| v.daily_change_bytes);
        (self.changed_bytes(daily, *base_ms, source.taken_ms).min(source.size_bytes), false)
    }

    pub(super) fn end_copy(&mut self, at: BackupIx, at_ms: i64) {
        let backup = &self.backups[at];
        let source_key = backup.source.map(|source| &self.backups[source]);
        let keys_good = self.key_usable(backup.place, &backup.kms_key, at_ms)
            && source_key.is_none_or(|source| self.key_usable(source.place, &source.kms_key, at_ms));
        let lost = (!keys_good).then(|| "Amazon FSx could not access the KMS key of the backup.".to_owned());
        let backup = &mut self.backups[at];
        backup.ended_ms = Some(at_ms);
        backup.failure = backup.will_fail.take().or(lost);
        let good = backup.failure.is_none();
        backup.lifecycle = if good { Lifecycle::Available } else { Lifecycle::Failed };
        let (place, taken_ms) = (backup.place, backup.taken_ms);
        let (resource, key) = (backup.resource().to_owned(), backup.kms_key.clone());
        self.release_slot(at, at_ms);
        if good {
            let known = self.places[place].resources.entry(resource).or_default();
            let chain = known.copies.entry(key).or_default();
            chain.good.insert((taken_ms, at));
            chain.newest = Some(at);
        } else {
            self.release_quota_of_failed(at);
            if !self.settings.failed_copies_stay {
                self.remove_backup(at, at_ms);
            }
        }
        self.expire_other_backups(at, at_ms);
    }
}
