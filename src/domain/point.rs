//! Backups and copies as AWS lists them.

use super::id::{
    AccountId, AccountRegion, BackupId, Occurrence, PolicyName, Region, SourceId, SourceKey, Target, WorkKey,
};
use super::lane::{FileSystemKind, Lane};
use super::policy::Tags;
use super::remarks::{Bytes, Remarked, Remarks};
use super::tags::{LifeboatTags, LifeboatTagsRef, Origin};
use super::time::Time;
use crate::domain::limits::COPY_STUCK_AFTER;
use arcstr::ArcStr;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The lifecycle state of a backup or copy (fsx-facts 2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Lifecycle {
    /// Lustre only: not yet started.
    Pending,
    /// A backup in progress.
    Creating,
    /// Lustre only: being transferred to storage.
    Transferring,
    /// A copy in progress.
    Copying,
    /// Can be restored and copied: a recovery point.
    Available,
    /// AWS could not finish it. The record stays until it is deleted.
    Failed,
    /// No longer in AWS's inventory.
    Deleted,
    /// A value that this version does not know; treated as in progress (fsx-facts 9.2).
    Unknown,
}

impl Lifecycle {
    /// AWS's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Creating => "CREATING",
            Self::Transferring => "TRANSFERRING",
            Self::Copying => "COPYING",
            Self::Available => "AVAILABLE",
            Self::Failed => "FAILED",
            Self::Deleted => "DELETED",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Parses AWS's name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "PENDING" => Self::Pending,
            "CREATING" => Self::Creating,
            "TRANSFERRING" => Self::Transferring,
            "COPYING" => Self::Copying,
            "AVAILABLE" => Self::Available,
            "FAILED" => Self::Failed,
            "DELETED" => Self::Deleted,
            _ => Self::Unknown,
        }
    }

    /// Whether it is still in progress.
    #[must_use]
    pub fn in_flight(self) -> bool {
        !matches!(self, Self::Available | Self::Failed | Self::Deleted)
    }
}

/// How a backup was created: AWS's `Type` (fsx-facts 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MadeAs {
    /// Created on request, as ours are.
    UserInitiated,
    /// Created automatically, by the file system's settings.
    Automatic,
    /// Created by AWS Backup.
    AwsBackup,
    /// The response has no type, or one that this version does not know.
    Untold,
}

/// One backup or copy as AWS reports it, ours or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedBackup {
    /// Its id.
    pub id: BackupId,
    /// Its lifecycle state.
    pub lifecycle: Lifecycle,
    /// AWS's CreationTime.
    pub created_at: Time,
    /// `FailureDetails.Message`, if it failed.
    pub failure: Option<String>,
    /// Progress, 0 to 100, if AWS reports it.
    pub progress_percent: Option<u8>,
    /// The amount of data that a restore would contain.
    pub size_bytes: Option<u64>,
    /// The key that encrypts it.
    pub kms_key: Option<String>,
    /// The type of its file system.
    pub kind: FileSystemKind,
    /// The file system it was made from. Whether a copy reports that of its source backup is not known (fsx-facts 2.1).
    pub file_system: Option<SourceId>,
    /// The ONTAP volume it was made from.
    pub volume: Option<SourceId>,
    /// On a copy, AWS's own link to the source backup.
    pub copied_from: Option<BackupId>,
    /// On a copy, the Region of the source backup, as AWS names it.
    pub copied_from_region: Option<Region>,
    /// Its ARN, needed to change tags.
    pub arn: Option<ArcStr>,
    /// How it was created.
    pub made_as: MadeAs,
    /// Its tags.
    pub tags: Arc<Tags>,
}

impl ObservedBackup {
    /// Whether it counts towards the quota of user backups (fsx-facts 3.2).
    #[must_use]
    pub fn counts_to_quota(&self) -> bool {
        matches!(self.made_as, MadeAs::UserInitiated | MadeAs::AwsBackup)
    }

    /// Converts it to a point of ours.
    ///
    /// If a person copied one of ours using the API's CopyTags, the copy carries our tags, but AWS's own link to its
    /// origin differs from `lifeboat:origin`: that copy is not ours.
    ///
    /// # Errors
    /// It is not one of ours; returns the observation unchanged.
    pub fn into_point(self, place: &AccountRegion, seen_at: Time) -> Result<RecoveryPoint, Box<Self>> {
        let link = self.copied_from.clone();
        let shown = self.clone();
        let point = self.claimed(place, seen_at)?;
        let origin = point.origin.as_ref().map(|origin| &origin.backup);
        if link.is_some() && link.as_ref() != origin { Err(Box::new(shown)) } else { Ok(point) }
    }

    /// Converts it to the point that its tags describe, whatever AWS's own fields say.
    pub(super) fn claimed(self, place: &AccountRegion, seen_at: Time) -> Result<RecoveryPoint, Box<Self>> {
        let Some(lifeboat_tags) = LifeboatTags::read(&self.tags) else { return Err(Box::new(self)) };
        let carried = match lifeboat_tags.origin {
            // Only a backup is copied onward, so only its tags are needed later.
            None => Arc::new(carried(&self.tags).map(|(key, value)| (key.clone(), value.clone())).collect()),
            Some(_) => Arc::default(),
        };
        let provenance = Provenance {
            place: place.clone(),
            source: lifeboat_tags.source,
            policy: lifeboat_tags.policy,
            kind: self.kind,
            kms_key: self.kms_key.map(Into::into),
            asked_key: None,
            carried,
        };
        let remarks = Remarks {
            hold: lifeboat_tags.hold.map(Into::into),
            failure: self.failure.map(Into::into),
            missing_since: None,
            disputed: false,
        };
        Ok(RecoveryPoint {
            id: self.id,
            provenance: Arc::new(provenance),
            occurrence: lifeboat_tags.occurrence,
            attempt: lifeboat_tags.attempt,
            origin: lifeboat_tags.origin,
            lifecycle: self.lifecycle,
            created_at: self.created_at,
            settled_at: (!self.lifecycle.in_flight()).then_some(seen_at),
            progress_percent: self.progress_percent,
            size_bytes: self.size_bytes.map(Into::into),
            remarks: remarks.into(),
        })
    }
}

/// The tags of a backup that a copy of it may carry on.
fn carried(tags: &Tags) -> impl Iterator<Item = (&String, &String)> {
    tags.iter().filter(|(key, _)| super::tags::may_be_carried(key) && *key != super::tags::NAME)
}

/// Where a backup or copy is, its source, and how it was made. Most points of a route have the same provenance and
/// share one allocation: a million of them must fit on a small host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The account and Region that hold it.
    pub place: AccountRegion,
    /// The source.
    pub source: SourceId,
    /// The policy that requested it; informative only.
    pub policy: Option<PolicyName>,
    /// The type of its file system.
    pub kind: FileSystemKind,
    /// The key that encrypts it.
    pub kms_key: Option<ArcStr>,
    /// The key that it was requested with, as the policy names it (empty: none named, or it is a backup); `None` if
    /// Lifeboat is not known to have requested it: another host did, or the database was lost.
    pub asked_key: Option<ArcStr>,
    /// For a backup: its tags that a copy may carry on.
    pub carried: Arc<Tags>,
}

/// A backup or copy of ours. It dereferences to its [`Provenance`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryPoint {
    /// AWS's id.
    pub id: BackupId,
    /// Where it is, its source, and how it was made.
    pub provenance: Arc<Provenance>,
    /// The occurrence it was made for.
    pub occurrence: Occurrence,
    /// The attempt, counted from 1.
    pub attempt: u32,
    /// For a copy: its source backup.
    pub origin: Option<Origin>,
    /// Its lifecycle state.
    pub lifecycle: Lifecycle,
    /// AWS's CreationTime.
    pub created_at: Time,
    /// When we first saw that it had ended, well or badly; `None` if it was AVAILABLE when first seen.
    pub settled_at: Option<Time>,
    /// Progress, 0 to 100, if AWS reports it.
    pub progress_percent: Option<u8>,
    /// The amount of data that a restore would contain.
    pub size_bytes: Option<Bytes>,
    /// Attributes that few points have: a hold, a failure, a dispute.
    pub remarks: Remarked,
}

impl std::ops::Deref for RecoveryPoint {
    type Target = Provenance;

    fn deref(&self) -> &Provenance {
        &self.provenance
    }
}

impl RecoveryPoint {
    /// Returns it with a modified provenance.
    #[must_use]
    pub fn with_provenance(mut self, change: impl FnOnce(&mut Provenance)) -> Self {
        change(Arc::make_mut(&mut self.provenance));
        self
    }

    /// Returns it with modified remarks.
    #[must_use]
    pub fn with_remarks(mut self, change: impl FnOnce(&mut Remarks)) -> Self {
        self.remarks.change(change);
        self
    }

    /// The unnamed own account gets its id.
    pub(super) fn name_own(&mut self, id: &AccountId) {
        if !self.place.account.is_named() {
            Arc::make_mut(&mut self.provenance).place.account.clone_from(id);
        }
    }

    /// The account that holds it.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.place.account
    }

    /// Backup or copy.
    #[must_use]
    pub fn target(&self) -> Target {
        match self.origin {
            None => Target::Backup,
            Some(_) => Target::Copy(self.place.region.clone()),
        }
    }

    /// The destination of a copy; `None` for a backup.
    #[must_use]
    pub fn destination(&self) -> Option<&Region> {
        self.origin.as_ref().map(|_| &self.place.region)
    }

    /// Whether it was made for this target.
    #[must_use]
    pub fn is_for(&self, target: &Target) -> bool {
        self.destination() == target.region()
    }

    /// The source in its account.
    #[must_use]
    pub fn source_key(&self) -> SourceKey {
        SourceKey { account: self.place.account.clone(), source: self.source.clone() }
    }

    /// The work that created it.
    #[must_use]
    pub fn work_key(&self) -> WorkKey {
        WorkKey { source: self.source_key(), occurrence: self.occurrence, target: self.target() }
    }

    /// When the data was taken: the creation time of the source backup, never of the copy.
    #[must_use]
    pub fn taken_at(&self) -> Time {
        self.origin.as_ref().map_or(self.created_at, |origin| origin.taken_at)
    }

    /// Whether it is a recovery point now.
    #[must_use]
    pub fn available(&self) -> bool {
        self.lifecycle == Lifecycle::Available && !self.remarks.disputed
    }

    /// Whether it is on record that Lifeboat requested it, with its key.
    #[must_use]
    pub fn asked_by_us(&self) -> bool {
        self.asked_key.is_some()
    }

    /// Returns it updated from AWS's fields, regardless of its tags.
    #[must_use]
    pub fn as_fields_say(&self, observed: &ObservedBackup, seen_at: Time) -> Self {
        let mut point = self.clone();
        point.lifecycle = observed.lifecycle;
        (point.progress_percent, point.size_bytes) = (observed.progress_percent, observed.size_bytes.map(Into::into));
        if point.created_at == Time::ZERO {
            point.created_at = observed.created_at;
        }
        if !point.lifecycle.in_flight() && point.settled_at.is_none() {
            point.settled_at = Some(seen_at);
        }
        point.remarks.change(|remarks| {
            remarks.failure = observed.failure.as_deref().map(Into::into);
            remarks.missing_since = None;
        });
        point
    }

    /// Whether it is good or may become good: another attempt would be wrong.
    #[must_use]
    pub fn good(&self) -> bool {
        !matches!(self.lifecycle, Lifecycle::Failed | Lifecycle::Deleted)
    }

    /// Whether a response from its account and Region shows it unchanged, so that nothing needs to be taken in. What
    /// [`ObservedBackup::into_point`] would return differs at most in [`RecoveryPoint::settled_at`] and
    /// [`RecoveryPoint::asked_key`], which no response contains. Listings mostly show known points, by the thousand.
    #[must_use]
    pub fn shown_unchanged(&self, observed: &ObservedBackup) -> bool {
        let settled = self.settled_at.is_some();
        let size = observed.size_bytes.map(Bytes::from);
        let known = (self.lifecycle, self.created_at, self.progress_percent, self.size_bytes, self.kind);
        let shown = (observed.lifecycle, observed.created_at, observed.progress_percent, size, observed.kind);
        let may_be = known == shown
            && !self.remarks.disputed
            && self.id == observed.id
            && self.remarks.failure.as_deref() == observed.failure.as_deref()
            && self.kms_key.as_deref() == observed.kms_key.as_deref()
            && self.remarks.missing_since.is_none()
            && self.lifecycle != Lifecycle::Deleted
            && !(self.lifecycle.in_flight() && settled);
        let origin = self.origin.as_ref().map(|origin| &origin.backup);
        may_be
            && LifeboatTagsRef::read(&observed.tags).is_some_and(|lifeboat_tags| lifeboat_tags.is_of(self))
            && (observed.copied_from.is_none() || observed.copied_from.as_ref() == origin)
            && match self.origin {
                None => carried(&observed.tags).eq(self.carried.iter()),
                Some(_) => self.carried.is_empty(),
            }
    }

    /// Whether it is in flight for so long that it no longer blocks a newer one.
    #[must_use]
    pub fn stuck(&self, now: Time) -> bool {
        self.lifecycle.in_flight() && now.since(self.created_at) >= COPY_STUCK_AFTER
    }

    /// The Region of the source's file system, as far as this point shows.
    #[must_use]
    pub fn home(&self) -> &Region {
        self.origin.as_ref().map_or(&self.place.region, |origin| &origin.region)
    }

    /// The lanes in which it occupies a slot while it is being copied; none for a backup.
    #[must_use]
    pub fn lanes(&self) -> Vec<Lane> {
        if self.origin.is_none() || !self.lifecycle.in_flight() {
            return Vec::new();
        }
        let volume = self.source.is_volume().then_some(&self.source);
        Lane::of_copy(self.kind, &self.place.account, &self.place.region, volume)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(origin: Option<&str>, copied_from: Option<&str>) -> ObservedBackup {
        let lifeboat_tags = LifeboatTags {
            policy: None,
            source: "fs-0123456789abcdef0".into(),
            occurrence: Occurrence { at: Time::from_secs(1), trigger: crate::domain::id::Trigger::Schedule },
            attempt: 1,
            origin: origin.map(|backup| Origin {
                region: "us-east-1".into(),
                backup: backup.into(),
                taken_at: Time::from_secs(1),
            }),
            hold: None,
        };
        ObservedBackup {
            id: "backup-3".into(),
            lifecycle: Lifecycle::Available,
            created_at: Time::from_secs(2),
            failure: None,
            progress_percent: None,
            size_bytes: None,
            kms_key: None,
            kind: FileSystemKind::Windows,
            file_system: None,
            volume: None,
            copied_from: copied_from.map(Into::into),
            copied_from_region: None,
            arn: None,
            made_as: MadeAs::UserInitiated,
            tags: lifeboat_tags.write().into(),
        }
    }

    /// A million are held: the size of one must not grow unnoticed, and it must match a size class of the allocator.
    #[test]
    fn a_point_takes_no_more_than_128_bytes() {
        assert_eq!(size_of::<RecoveryPoint>(), 128);
    }

    #[test]
    fn a_persons_copy_of_ours_is_not_ours() {
        let place = AccountRegion { account: AccountId::own(), region: "us-west-2".into() };
        let ours = |origin, from| observed(origin, from).into_point(&place, Time::from_secs(3)).is_ok();
        assert!(ours(None, None), "a backup");
        assert!(ours(Some("backup-1"), Some("backup-1")), "a copy");
        assert!(ours(Some("backup-1"), None), "a copy whose link the endpoint does not tell");
        assert!(!ours(None, Some("backup-1")), "a person's copy of a backup");
        assert!(!ours(Some("backup-1"), Some("backup-2")), "a person's copy of a copy");
    }

    /// Every difference in a field of a point must be detected, and no other difference must count.
    #[test]
    fn what_is_shown_unchanged_is_what_would_be_the_same_point() {
        type Twist = fn(&mut ObservedBackup);
        let twists: [Twist; 24] = [
            |_| {},
            |shown| shown.id = "backup-4".into(),
            |shown| shown.lifecycle = Lifecycle::Failed,
            |shown| shown.lifecycle = Lifecycle::Copying,
            |shown| shown.created_at = Time::from_secs(7),
            |shown| shown.failure = Some("why".to_owned()),
            |shown| shown.progress_percent = Some(3),
            |shown| shown.size_bytes = Some(7),
            |shown| shown.kms_key = Some("key".into()),
            |shown| shown.kind = FileSystemKind::Ontap,
            |shown| shown.volume = Some("fsvol-1".into()),
            |shown| shown.copied_from = Some("backup-9".into()),
            |shown| shown.arn = Some("arn".into()),
            |shown| shown.made_as = MadeAs::Automatic,
            |shown| tag(shown, super::super::tags::POLICY, "other"),
            |shown| tag(shown, super::super::tags::SOURCE, "fs-1"),
            |shown| tag(shown, super::super::tags::OCCURRENCE, "2026-11-21T08:00:00Z"),
            |shown| tag(shown, super::super::tags::TRIGGER, "manual"),
            |shown| tag(shown, super::super::tags::ATTEMPT, "2"),
            |shown| tag(shown, super::super::tags::ORIGIN, "us-east-2/backup-1"),
            |shown| tag(shown, super::super::tags::TAKEN, "2026-11-21T08:00:00Z"),
            |shown| tag(shown, super::super::tags::HOLD, "audit"),
            |shown| tag(shown, super::super::tags::NAME, "what a person calls it"),
            |shown| tag(shown, "team", "it"),
        ];
        let place = AccountRegion { account: AccountId::own(), region: "us-west-2".into() };
        for origin in [None, Some("backup-1")] {
            for lifecycle in [Lifecycle::Available, Lifecycle::Copying, Lifecycle::Failed] {
                let first = ObservedBackup { lifecycle, ..observed(origin, None) };
                let known = first.clone().into_point(&place, Time::from_secs(3)).unwrap();
                for (nth, twist) in twists.iter().enumerate() {
                    let mut shown = first.clone();
                    twist(&mut shown);
                    let unchanged = known.shown_unchanged(&shown);
                    let would_be = shown.into_point(&place, Time::from_secs(9)).ok();
                    let same = would_be.map(|point| RecoveryPoint { settled_at: known.settled_at, ..point } == known);
                    assert_eq!(unchanged, same.unwrap_or(false), "twist {nth} of {lifecycle:?} {origin:?}");
                }
                let doubted = known.clone().with_remarks(|remarks| remarks.missing_since = Some(Time::ZERO));
                assert!(!doubted.shown_unchanged(&first), "whose existence is in doubt");
            }
        }
        let gone = ObservedBackup { lifecycle: Lifecycle::Deleted, ..observed(None, None) };
        let known = gone.clone().into_point(&place, Time::from_secs(3)).unwrap();
        assert!(!known.shown_unchanged(&gone), "what is gone is for its reader to judge");
    }

    fn tag(shown: &mut ObservedBackup, key: &str, value: &str) {
        Arc::make_mut(&mut shown.tags).insert(key.to_owned(), value.to_owned());
    }
}
