//! Other principals of the account, which use slots, quota and file systems on their own.

use std::sync::Arc;

use super::backups::NewBackup;
use super::events::Event;
use super::{
    Backup, BackupIx, BackupType, Cloud, FileSystem, FileSystemType, Lane, Lifecycle, Principal, RegionIx, Tags,
};

/// Maximum time between two of their requests, since their rate may change with the faults' timetable.
const LOOK_AGAIN_MS: i64 = 900_000;

impl Cloud {
    /// Makes the other principals of all Regions apply the faults' current rates.
    pub(super) fn call_other_principals(&mut self, now_ms: i64) {
        self.due.retain(|_, event| !matches!(event, Event::Strangers(_)));
        for at in (0..self.places.0.len()).map(RegionIx) {
            self.schedule(now_ms, Event::Strangers(at));
        }
    }

    /// Makes their random requests, and schedules the next time.
    ///
    /// If no rate is set now or later in the timetable, nothing is scheduled, so that a quiet cloud costs nothing.
    pub(super) fn other_principals_request(&mut self, place: RegionIx, at_ms: i64) {
        let copies = self.fault_rates(place, "CopyBackup", at_ms).other_copies_per_hour * self.speed;
        let backups = self.fault_rates(place, "CreateBackup", at_ms).other_backups_per_hour * self.speed;
        let rate = copies + backups;
        let change_ms = self.faults.next_change_ms(self.faults_age_ms(at_ms));
        if rate <= 0.0 {
            if let Some(in_ms) = change_ms {
                self.schedule(at_ms + in_ms, Event::Strangers(place));
            }
            return;
        }
        // These intervals are memoryless: one that is cut off can be drawn again without changing the rate.
        let horizon_ms = change_ms.map_or(LOOK_AGAIN_MS, |in_ms| in_ms.min(LOOK_AGAIN_MS));
        let pause_ms = self.other_principals.pause_ms(rate).max(1);
        if pause_ms > horizon_ms {
            self.schedule(at_ms + horizon_ms, Event::Strangers(place));
            return;
        }
        self.schedule(at_ms + pause_ms, Event::Strangers(place));
        if self.other_principals.unit() * rate < copies {
            self.stranger_copies(place, at_ms);
        } else {
            self.stranger_backs_up(place, at_ms);
        }
    }

    /// Another principal copies a Windows backup of its own from an otherwise unused Region, if a slot is free.
    fn stranger_copies(&mut self, place: RegionIx, now_ms: i64) {
        let (account, region) = (self.places[place].account.clone(), self.places[place].region.clone());
        let lane = Lane { account: account.clone(), region: region.clone(), ontap: None };
        let free = self.slot_free(place, &lane, FileSystemType::Windows, now_ms);
        if !free || self.check_backup_quota(place, FileSystemType::Windows, None).is_err() {
            return;
        }
        let file_system = self.stranger_file_system(&account, &region);
        let kms_key = self.default_key(place);
        let source = BackupIx(self.backups.0.len());
        // This source is in no account and Region; it only exists for the copy to refer to.
        let id = format!("backup-{}", self.other_principals.hex17());
        self.backups.0.push(Backup {
            region: "eu-west-1".into(),
            lifecycle: Lifecycle::Available,
            by: Principal::Other,
            kms_key: kms_key.clone(),
            ended_ms: Some(now_ms),
            visible_ms: i64::MAX,
            ..Backup::blank(id, place, Arc::new(file_system), None, now_ms)
        });
        let tags = Tags::from([("Name".to_owned(), "nightly".to_owned())]);
        self.start_copy(place, source, kms_key, tags, Principal::Other, now_ms);
    }

    fn stranger_file_system(&mut self, account: &str, region: &str) -> FileSystem {
        let id = format!("fs-{}", self.other_principals.hex17());
        FileSystem {
            capacity_gib: 1_024,
            deployment_type: "SINGLE_AZ_2".into(),
            configuration: serde_json::json!({ "DeploymentType": "SINGLE_AZ_2" }),
            used_bytes: self.other_principals.next_u64() % (300 << 30),
            ..FileSystem::blank(id, account, region, FileSystemType::Windows)
        }
    }

    /// Another principal backs up a file system or ONTAP volume here, if none of its backups is in progress.
    fn stranger_backs_up(&mut self, place: RegionIx, now_ms: i64) {
        let here = &self.places[place];
        let volumes = here.volumes.values().filter(|volume| volume.ontap_type == "RW" && volume.lifecycle == "CREATED");
        let mut targets: Vec<_> = here
            .file_systems
            .values()
            .filter(|known| known.kind != FileSystemType::Ontap && known.lifecycle == "AVAILABLE")
            .map(|known| (Arc::clone(known), None))
            .collect();
        targets.extend(volumes.filter_map(|volume| {
            let owner = here.file_systems.get(&volume.file_system_id)?;
            Some((Arc::clone(owner), Some(Arc::clone(volume))))
        }));
        if targets.is_empty() {
            return;
        }
        let chosen = (self.other_principals.next_u64() % targets.len() as u64) as usize;
        let (file_system, volume) = targets.swap_remove(chosen);
        let resource = volume.as_ref().map_or(&file_system.id, |volume| &volume.id);
        let by_volume = volume.as_ref().map(|volume| volume.id.as_str());
        let quota_left = self.check_backup_quota(place, file_system.kind, by_volume).is_ok();
        if self.running_backup(place, resource).is_some() || !quota_left {
            return;
        }
        let at = self.start_backup(
            NewBackup {
                place,
                file_system,
                volume,
                kind: BackupType::UserInitiated,
                by: Principal::Other,
                tags: Tags::from([("Name".to_owned(), "by hand".to_owned())]),
                last_of_its_kind: false,
            },
            now_ms,
        );
        self.expire_other_backups(at, now_ms);
    }

    /// Schedules the deletion of other principals' backups.
    pub(super) fn expire_other_backups(&mut self, at: BackupIx, now_ms: i64) {
        if self.backups[at].by == Principal::Other {
            let keep_ms = self.span_ms(self.settings.others_keep_hours * 3_600.0);
            self.schedule(now_ms + keep_ms, Event::Expires(at));
        }
    }
}
