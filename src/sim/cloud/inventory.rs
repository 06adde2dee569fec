//! The model's complete inventory, including what the API does not show, for external checkers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Backup, BackupIx, BackupType, Cloud, FileSystem, FileSystemType, Lane, LaneUse, Lifecycle, Principal, RegionIx,
    Tags,
};

/// The whole inventory, serialisable.
#[derive(Clone, Debug, Serialize)]
pub struct Inventory {
    /// When it was taken, epoch ms.
    pub now_ms: i64,
    /// The factor by which durations are divided.
    pub speed: f64,
    /// Every backup and copy ever made, in order of creation, including deleted and failed ones.
    pub backups: Vec<BackupFacts>,
    /// Every lane that a copy ever used or was refused in.
    pub lanes: Vec<LaneFacts>,
    /// Calls by account, Region, operation and outcome.
    pub calls: Vec<CallCount>,
}

/// One backup or copy.
#[derive(Clone, Debug, Serialize)]
pub struct BackupFacts {
    /// `backup-…`
    pub id: String,
    /// Account.
    pub account: String,
    /// The Region that holds it.
    pub region: String,
    /// Lifecycle; includes DELETED.
    pub lifecycle: Lifecycle,
    /// AUTOMATIC, USER_INITIATED or AWS_BACKUP.
    #[serde(rename = "type")]
    pub kind: BackupType,
    /// Who requested it: `caller`, `other`, `service`.
    pub by: Principal,
    /// WINDOWS, LUSTRE, OPENZFS, ONTAP.
    pub file_system_type: &'static str,
    /// `fs-…`, or `fsvol-…` for ONTAP.
    pub resource: String,
    /// Copies: the id of the source backup.
    pub source_id: Option<String>,
    /// Copies: the Region of the source backup.
    pub source_region: Option<String>,
    /// Key ARN.
    pub kms_key: String,
    /// Tags.
    pub tags: Tags,
    /// When it was requested, epoch ms.
    pub created_ms: i64,
    /// The time of its data, epoch ms.
    pub taken_ms: i64,
    /// When it became AVAILABLE or FAILED, epoch ms.
    pub ended_ms: Option<i64>,
    /// When it was deleted, epoch ms.
    pub deleted_ms: Option<i64>,
    /// Why it failed.
    pub failure: Option<String>,
    /// Whether it was full rather than incremental.
    pub full: bool,
    /// Bytes that were transferred.
    pub moved_bytes: u64,
}

/// One lane.
#[derive(Clone, Debug, Serialize)]
pub struct LaneFacts {
    /// Account.
    pub account: String,
    /// Destination Region.
    pub region: String,
    /// ONTAP: the volume.
    pub volume: Option<String>,
    /// ONTAP: the key.
    pub kms_key: Option<String>,
    /// Its use.
    #[serde(flatten)]
    pub used: LaneUse,
}

/// How often an operation had one result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallCount {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Operation.
    pub operation: &'static str,
    /// `OK`, or the error's code; faults without a response have names in lower case.
    pub code: String,
    /// The number of calls.
    pub count: u64,
}

impl Cloud {
    /// Every backup and copy ever made, in order of creation, except the sources of other principals' copies.
    pub fn backups(&self) -> impl Iterator<Item = (BackupIx, &Backup)> {
        self.backups
            .0
            .iter()
            .enumerate()
            .map(|(at, backup)| (BackupIx(at), backup))
            .filter(|(_, b)| b.visible_ms < i64::MAX)
    }

    /// The number ever made, including those that [`Cloud::backups`] omits.
    #[must_use]
    pub fn backups_made(&self) -> usize {
        self.backups.0.len()
    }

    /// Those of [`Cloud::backups`] that were made after the first `made`.
    pub fn backups_since(&self, made: usize) -> impl Iterator<Item = (BackupIx, &Backup)> {
        let recent = self.backups.0.get(made..).unwrap_or_default();
        recent
            .iter()
            .zip(made..)
            .map(|(backup, at)| (BackupIx(at), backup))
            .filter(|(_, backup)| backup.visible_ms < i64::MAX)
    }

    /// All deletions in order, whoever requested them.
    #[must_use]
    pub fn deletions(&self) -> &[BackupIx] {
        &self.deleted
    }

    /// One backup. The index must belong to this cloud: another's may be out of range, which panics.
    #[must_use]
    pub fn backup(&self, at: BackupIx) -> &Backup {
        &self.backups[at]
    }

    /// A backup that is not deleted, by id.
    #[must_use]
    pub fn find_backup(&self, account: &str, region: &str, id: &str) -> Option<(BackupIx, &Backup)> {
        let at = *self.places[self.find_place(account, region)?].backups.get(id)?;
        Some((at, &self.backups[at]))
    }

    /// Whether the quota of user backups of an account and Region has room for one more of a file system, or of a volume.
    #[must_use]
    pub fn has_room_for(&self, account: &str, region: &str, kind: FileSystemType, volume: Option<&str>) -> bool {
        self.find_place(account, region).is_none_or(|place| self.check_backup_quota(place, kind, volume).is_ok())
    }

    /// A file system in its present form.
    #[must_use]
    pub fn find_file_system(&self, account: &str, region: &str, id: &str) -> Option<&FileSystem> {
        let place = self.find_place(account, region)?;
        self.places[place].file_systems.get(id).map(std::convert::AsRef::as_ref)
    }

    /// Every lane and its usage.
    #[must_use]
    pub const fn lanes(&self) -> &BTreeMap<Lane, LaneUse> {
        &self.lanes
    }

    /// The number of calls of each operation by result.
    #[must_use]
    pub fn calls(&self) -> Vec<CallCount> {
        let one = |place: &super::SimRegion| {
            let (account, region) = (place.account.clone(), place.region.clone());
            place
                .calls
                .iter()
                .map(move |((operation, code), count)| CallCount {
                    account: account.clone(),
                    region: region.clone(),
                    operation,
                    code: code.clone().into_owned(),
                    count: *count,
                })
                .collect::<Vec<_>>()
        };
        self.places.0.iter().flat_map(one).collect()
    }

    /// The inventory, after running all events due up to `now_ms`.
    pub fn inventory(&mut self, now_ms: i64) -> Inventory {
        let now_ms = self.advance(now_ms);
        Inventory {
            now_ms,
            speed: self.speed,
            backups: self.backups().map(|(_, backup)| facts(backup)).collect(),
            lanes: self.lanes.iter().map(|(lane, used)| lane_facts(lane, *used)).collect(),
            calls: self.calls(),
        }
    }

    fn find_place(&self, account: &str, region: &str) -> Option<RegionIx> {
        self.place_at.get(account)?.get(region).copied()
    }
}

fn facts(backup: &Backup) -> BackupFacts {
    BackupFacts {
        id: backup.id.clone(),
        account: backup.account.clone(),
        region: backup.region.clone(),
        lifecycle: backup.lifecycle,
        kind: backup.kind,
        by: backup.by,
        file_system_type: backup.file_system.kind.as_str(),
        resource: backup.resource().to_owned(),
        source_id: backup.source_id.clone(),
        source_region: backup.source_region.clone(),
        kms_key: backup.kms_key.clone(),
        tags: (*backup.tags).clone(),
        created_ms: backup.created_ms,
        taken_ms: backup.taken_ms,
        ended_ms: backup.ended_ms,
        deleted_ms: backup.deleted_ms,
        failure: backup.failure.clone(),
        full: backup.full,
        moved_bytes: backup.moved_bytes,
    }
}

fn lane_facts(lane: &Lane, used: LaneUse) -> LaneFacts {
    let (volume, kms_key) = lane.ontap.clone().unzip();
    LaneFacts { account: lane.account.clone(), region: lane.region.clone(), volume, kms_key, used }
}
