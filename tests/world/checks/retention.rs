//! Promise 4: what Lifeboat never deletes, checked against FSx's own log of deletions.
//!
//! Only deletions by Lifeboat's calls are checked here; a person may delete anything.

use super::super::setup::DAY_MS;
use super::armed::{Armed, Check};
use super::brake::Brake;
use super::created::Created;
use super::{Broken, View, Work, work_of};
use lifeboat::domain::action::Call;
use lifeboat::domain::change::Change;
use lifeboat::domain::id::{AccountRegion, BackupId, SourceKey};
use lifeboat::domain::plan::Plan;
use lifeboat::domain::policy::{Retain, Settings};
use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::{Backup, BackupIx, Cloud, Lifecycle};
use std::collections::{BTreeMap, BTreeSet};

/// Between the look at a point and its deletion a person may do what nobody could have seen.
const UNSEEN_MS: i64 = 120_000;
/// AWS and the tag of a copy tell when data was taken to the second.
const TOLD_WITHIN_MS: i64 = 2_000;
/// What a person took away may be unknown for as long as its Region is out of reach.
const UNKNOWN_MS: i64 = 5 * DAY_MS;

fn key_of(work: &Work<&str>) -> SourceKey {
    SourceKey { account: work.account.into(), source: work.source.into() }
}

/// When the backup behind it was created, from which its age counts: of a copy its tag tells.
fn told_ms(backup: &Backup) -> i64 {
    let told = backup.tags.get("lifeboat:taken").and_then(|told| Time::parse_rfc3339(told));
    told.map_or(backup.created_ms, Time::millis)
}

/// What the policy keeps of a source, at home or in a Region.
fn retain_of<'a>(settings: &'a Settings, key: &SourceKey, copy_to: Option<&str>) -> Option<&'a Retain> {
    let policy = settings.policies.values().find(|policy| policy.source_keys().any(|named| named == *key))?;
    match copy_to {
        Some(region) => policy.destination(&region.into())?.retain.as_ref(),
        None => policy.retain.as_ref(),
    }
}

/// Where another host prunes, nothing is let go, and nothing that was is deleted.
pub(super) fn planned(plan: &Plan, view: &View<'_>) -> Result<(), Broken> {
    if view.settings.daemon.prune {
        return Ok(());
    }
    let reviewed = |change: &&Change| matches!(change, Change::Reviewed { .. } | Change::DeletionPlanned { .. });
    plan.record.iter().filter(reviewed).for_each(|_| view.armed.count(Check::LeftToAnotherHost));
    let let_go = plan.record.iter().any(|change| matches!(change, Change::DeletionPlanned { .. }));
    let deletes = plan.actions.iter().any(|action| matches!(action.call, Call::Delete { .. }));
    if let_go || deletes {
        let what = "the policy leaves deletions to another host, and some are planned".to_owned();
        return Err(Check::LeftToAnotherHost.broken(what));
    }
    Ok(())
}

#[derive(Default)]
pub(super) struct Retention {
    person_ms: Option<i64>,
    /// What Lifeboat deleted.
    deleted: BTreeSet<BackupIx>,
    /// And what of it in the life of this database.
    let_go: BTreeSet<BackupIx>,
    /// What a person told Lifeboat to hold, and since when, ms.
    held: BTreeMap<(AccountRegion, BackupId), i64>,
    /// A person just confirmed what the brake held.
    pub(super) confirmed: bool,
    brake: Brake,
}

impl Retention {
    pub(super) fn person(&mut self, now_ms: i64) {
        self.person_ms = Some(now_ms);
    }

    /// What Lifeboat deleted in the life of this database.
    pub(super) const fn let_go(&self) -> &BTreeSet<BackupIx> {
        &self.let_go
    }

    /// Whether a call of Lifeboat's deleted it, in whichever life.
    pub(super) fn deleted_by_lifeboat(&self, at: BackupIx) -> bool {
        self.deleted.contains(&at)
    }

    pub(super) fn database_lost(&mut self) {
        self.held.clear();
        self.let_go.clear();
        self.brake.database_lost();
    }

    /// The clock by which the process looks back was set.
    pub(super) fn clock_set(&mut self) {
        self.brake.clock_set();
    }

    pub(super) fn committed(&mut self, changes: &[Change], view: &View<'_>, created: &Created) -> Result<(), Broken> {
        for change in changes {
            match change {
                Change::HoldRequested { place, id, hold: Some(_), .. } => {
                    self.held.entry((place.clone(), id.clone())).or_insert(view.now_ms);
                }
                Change::HoldRequested { place, id, hold: None, .. } => {
                    self.held.remove(&(place.clone(), id.clone()));
                }
                _ => {}
            }
        }
        let by_lifeboat = &self.deleted;
        let gone_unseen = |backup: &Backup, at: BackupIx| {
            let deleted_ms = backup.deleted_ms.filter(|_| !by_lifeboat.contains(&at));
            deleted_ms.is_some_and(|deleted_ms| view.now_ms - deleted_ms < UNKNOWN_MS)
        };
        self.brake.committed(changes, view, created, self.confirmed, gone_unseen)
    }

    /// What a person told Lifeboat to hold carries the tag at AWS, without which the loss of the database would undo it.
    pub(super) fn rested(&self, view: &View<'_>) -> Result<(), Broken> {
        for (place, id) in self.held.keys() {
            let found = view.cloud.find_backup(place.account.as_str(), place.region.as_str(), id.as_str());
            let Some((_, backup)) = found.filter(|(_, backup)| work_of(backup).is_some()) else { continue };
            view.armed.count(Check::HoldAtAws);
            if !backup.tags.contains_key("lifeboat:hold") {
                return Err(Check::HoldAtAws.broken(format!("the hold of {id} in {} never reached AWS", place.region)));
            }
        }
        Ok(())
    }

    /// `read`: a copy of it was asked for, and may be under way.
    pub(super) fn deleted(
        &mut self,
        at: BackupIx,
        cloud: &Cloud,
        created: &Created,
        settings: Option<&Settings>,
        read: bool,
        armed: &Armed,
    ) -> Result<(), Broken> {
        self.deleted.insert(at);
        self.let_go.insert(at);
        let gone = cloud.backup(at);
        let wrong =
            |check: Check, what: &str| Err(check.broken(format!("{} in {} is deleted: {what}", gone.id, gone.region)));
        let now_ms = gone.deleted_ms.unwrap_or(i64::MAX);
        let unseen = self.person_ms.is_some_and(|person_ms| now_ms - person_ms < UNSEEN_MS);
        if !unseen {
            armed.count(Check::Ours);
        }
        let Some(work) = work_of(gone) else {
            return if unseen { Ok(()) } else { wrong(Check::Ours, "it does not carry Lifeboat's tags") };
        };
        let place = AccountRegion { account: gone.account.as_str().into(), region: gone.region.as_str().into() };
        let held_ms = self.held.get(&(place, gone.id.as_str().into()));
        // An order that came while the deletion was on its way has no power over it, though its tag may still get there.
        let held_late = held_ms.is_some_and(|held_ms| now_ms - held_ms <= UNSEEN_MS);
        if !self.held.is_empty() && !unseen && !held_late {
            armed.count(Check::NotHeld);
        }
        if gone.tags.contains_key("lifeboat:hold") && !unseen && !held_late {
            return wrong(Check::NotHeld, "a person holds it");
        }
        if held_ms.is_some() && !held_late {
            return wrong(Check::NotHeld, "a person told Lifeboat to hold it");
        }
        if read {
            return wrong(Check::NotRead, "a copy of it was asked for");
        }
        let key = key_of(&work);
        if let Some(settings) = settings {
            let named = |key: &SourceKey| {
                settings.policies.values().any(|policy| policy.source_keys().any(|named| named == *key))
            };
            if created.sources().any(|source| !named(source)) {
                armed.count(Check::SourceNamed);
            }
            if !named(&key) {
                return wrong(Check::SourceNamed, "no policy names its source any more");
            }
        }
        if gone.failure.is_some() || gone.ended_ms.is_none() {
            return Ok(());
        }
        // It was a recovery point: one as new is left at its place, so it was neither the newest nor the last.
        let stays = |other: &Backup| {
            // Two copies of one backup, made under different tags, are as new as one another.
            let newer = || other.taken_ms >= gone.taken_ms || work_of(other).as_ref() == Some(&work);
            other.lifecycle == Lifecycle::Available && other.id != gone.id && newer()
        };
        let all = || created.all(&key).filter(|(_, to)| *to == work.copy_to);
        let taken_by_a_person = |other: BackupIx| {
            let backup = cloud.backup(other);
            let recent = backup.deleted_ms.is_some_and(|deleted_ms| now_ms - deleted_ms < UNKNOWN_MS);
            recent && backup.taken_ms > gone.taken_ms && !self.deleted.contains(&other)
        };
        let counts = |other: BackupIx| stays(cloud.backup(other)) || taken_by_a_person(other);
        armed.count(Check::NotTheNewest);
        if !all().any(|(other, _)| counts(other)) {
            return wrong(Check::NotTheNewest, "no other recovery point of its source there is as new");
        }
        if let Some(retain) = settings.and_then(|settings| retain_of(settings, &key, work.copy_to))
            && !created.misdates()
        {
            armed.count(Check::NotKeptByRule);
            let newer = || all().filter(|(other, _)| counts(*other)).map(|(other, _)| cloud.backup(other));
            // One of the newest N, each occurrence counted once; or of the span before the newest.
            let works: BTreeSet<_> = newer().map(|other| work_of(other).ok_or(&other.id)).collect();
            let second = newer().any(|other| work_of(other).as_ref() == Some(&work));
            let newest_ms = newer().map(told_ms).max().unwrap_or(told_ms(gone));
            let by_number = retain.last.is_some_and(|last| works.len() < last as usize);
            let span_ms = retain.within.map_or(0, |within| within.as_millis() as i64);
            let by_span = newest_ms - told_ms(gone) < span_ms - TOLD_WITHIN_MS;
            if !second && (by_number || by_span) {
                return wrong(Check::NotKeptByRule, "its policy keeps it, counted from the newest");
            }
        }
        if work.copy_to.is_some() {
            armed.count(Check::NotTheLastOfItsKey);
            let under_its_key = |other: BackupIx| cloud.backup(other).kms_key == gone.kms_key;
            if !all().any(|(other, _)| under_its_key(other) && counts(other)) {
                return wrong(Check::NotTheLastOfItsKey, "no other copy under its key is as new: the next one is full");
            }
        }
        Ok(())
    }
}
