//! What FSx created for Lifeboat, by its purpose; and promise 2: nothing good is created twice.
//!
//! FSx's inventory only grows, and reading all of it after every step would cost more than the steps. So each entry is
//! read once, when it is created; its lifecycle is read from FSx each time.

use super::super::setup::{HOUR_MS, Setup};
use super::armed::{Armed, Check};
use super::retention::Retention;
use super::{Broken, View, Work, good, work_of};
use lifeboat::domain::id::{AccountRegion, BackupId, Occurrence, SourceKey, Target, WorkKey};
use lifeboat::domain::policy::Policy;
use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::{Backup, BackupIx, Cloud, Lifecycle, Principal, Tags};
use lifeboat::sim::faults::Fault;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The tags that each was made with.
type AsMade = BTreeMap<BackupIx, Arc<Tags>>;

/// What was made for Lifeboat.
#[derive(Default)]
pub(super) struct Created {
    seen: usize,
    made: u64,
    by_work: BTreeMap<Work, Vec<BackupIx>>,
    /// The tags that each was made with.
    as_made: AsMade,
    /// When answers misdated what was new, so that it was not counted, and until when that may last.
    misdated: Vec<(i64, i64)>,
    /// Oldest first.
    by_source: BTreeMap<SourceKey, Vec<Made>>,
    /// What our tags were mistyped on, or on its backup, and when they were put right.
    mistyped: BTreeMap<BackupIx, Option<i64>>,
}

/// One backup or copy.
struct Made {
    at: BackupIx,
    /// Of a copy, to where.
    to: Option<String>,
    place: AccountRegion,
    id: BackupId,
    /// As it was made. They are replaced, never changed, when a person tags it.
    tags: Arc<Tags>,
}

impl Made {
    fn if_ours<'a>(&self, cloud: &'a Cloud) -> Option<&'a Backup> {
        let backup = cloud.backup(self.at);
        // Most carry the very tags that they were made with.
        ours(backup, &self.tags).then_some(backup)
    }
}

/// Whether a backup that somebody else took of the source filled the time in which ours may begin: an occurrence then ends
/// as missed.
pub(super) fn kept_busy(view: &View<'_>, key: &SourceKey, policy: &Policy) -> bool {
    let Some(within) = policy.start_within else { return false };
    // The next try may come so much later.
    let filled_ms = (within.as_millis() as i64 - HOUR_MS / 2).max(0);
    let of_others = |backup: &Backup| {
        let of_source = backup.account == key.account.as_str() && backup.resource() == key.source.as_str();
        of_source && backup.source_id.is_none() && backup.by != Principal::Caller
    };
    let lasted_ms = |backup: &Backup| backup.ended_ms.unwrap_or(view.now_ms) - backup.created_ms;
    view.cloud.backups().any(|(_, backup)| of_others(backup) && lasted_ms(backup) >= filled_ms)
}

/// What was misdated or mistyped may be known as such for so much longer.
const DATED_WITHIN_MS: i64 = 24 * HOUR_MS;

impl Created {
    pub(super) fn new(setup: &Setup) -> Self {
        let misdates = setup.faults.fault.iter().filter(|fault| fault.creation_time_skew_seconds != 0);
        let ms = |seconds: f64| setup.start_ms + (seconds * 1000.0) as i64;
        let window = |fault: &Fault| {
            let until_ms = fault.until_seconds.map_or(i64::MAX, |until| ms(until) + DATED_WITHIN_MS);
            (ms(fault.from_seconds), until_ms)
        };
        Self { misdated: misdates.map(window).collect(), ..Self::default() }
    }

    /// A person did something at AWS.
    pub(super) fn person(&mut self, cloud: &Cloud, now_ms: i64) {
        let all: Vec<BackupIx> = self.by_source.values().flatten().map(|made| made.at).collect();
        for at in all {
            if !self.ours(cloud, at) {
                self.mistyped.insert(at, None);
            } else if let Some(until_ms) = self.mistyped.get_mut(&at) {
                until_ms.get_or_insert(now_ms);
            }
        }
    }

    /// Whether it may still be known as contradicted, which counts as nothing.
    fn may_be_disputed(&self, at: BackupIx, now_ms: i64) -> bool {
        let mistyped = self.mistyped.get(&at);
        mistyped.is_some_and(|until_ms| until_ms.is_none_or(|until_ms| now_ms - until_ms < DATED_WITHIN_MS))
    }

    pub(super) const fn made(&self) -> u64 {
        self.made
    }

    /// Of one work there is never a second while the first is good and still carries our tags; nor once Lifeboat itself
    /// let a good one go, but for a copy of what became the newest once more.
    pub(super) fn stepped(&mut self, cloud: &Cloud, retention: &Retention, armed: &Armed) -> Result<(), Broken> {
        if cloud.backups_made() == self.seen {
            return Ok(());
        }
        let mut broken = Ok(());
        for (at, backup) in cloud.backups_since(self.seen).filter(|(_, backup)| backup.by == Principal::Caller) {
            let Some(work) = work_of(backup).map(Work::owned) else { continue };
            self.made += 1;
            let key = SourceKey { account: work.account.as_str().into(), source: work.source.as_str().into() };
            let siblings = self.by_work.get(&work).map_or(&[][..], Vec::as_slice);
            if !siblings.is_empty() {
                armed.count(Check::MadeOnce);
            }
            let now_ms = backup.created_ms;
            let counts = |at: &&BackupIx| self.ours(cloud, **at) && !self.may_be_disputed(**at, now_ms);
            let ours = siblings.iter().filter(counts).map(|at| cloud.backup(*at));
            let twin = ours.into_iter().find(|twin| good(twin));
            if let Some(twin) = twin {
                let stands = twin.lifecycle.as_str();
                let what = format!("{} is {stands} and {} is made as well, for {work:?}", twin.id, backup.id);
                broken = Err(Check::MadeOnce.broken(what));
            }
            if !retention.let_go().is_empty() {
                armed.count(Check::NotMadeAgain);
            }
            // Where a person deleted the backup of an order, it is made again, and its copies are of newer data.
            let same = |at: &&BackupIx| cloud.backup(**at).source_id == backup.source_id;
            let let_go =
                |at: &&BackupIx| retention.let_go().contains(at) && cloud.backup(**at).failure.is_none() && same(at);
            let before = siblings.iter().find(let_go).map(|at| &cloud.backup(*at).id);
            if let Some(before) = before.filter(|_| !self.newest_again(cloud, retention, &key, &work, backup)) {
                let what =
                    format!("{before} was made, deleted by Lifeboat, and made again as {}, for {work:?}", backup.id);
                broken = Err(Check::NotMadeAgain.broken(what));
            }
            let place = AccountRegion { account: key.account.clone(), region: backup.region.as_str().into() };
            let (to, id, tags) = (work.copy_to.clone(), backup.id.as_str().into(), backup.tags.clone());
            self.by_source.entry(key).or_default().push(Made { at, to, place, id, tags });
            self.by_work.entry(work).or_default().push(at);
            self.as_made.insert(at, backup.tags.clone());
        }
        self.seen = cloud.backups_made();
        broken
    }

    /// Whether persons took away what was newer than the backup of a copy: then it may be the newest once more, and the
    /// newest is copied as long as it is (promise 8).
    fn newest_again(&self, cloud: &Cloud, retention: &Retention, key: &SourceKey, work: &Work, copy: &Backup) -> bool {
        let misdated = self.misdated.iter().any(|(from, until)| (*from..*until).contains(&copy.created_ms));
        let taken = |at: BackupIx| {
            let newer = cloud.backup(at);
            newer.taken_ms > copy.taken_ms
                && !retention.deleted_by_lifeboat(at)
                && (!good(newer) || !self.ours(cloud, at) || misdated)
        };
        work.copy_to.is_some() && self.all(key).any(|(at, _)| taken(at))
    }

    /// Whether answers misdate what is there now and then, so that its order is not known.
    pub(super) fn misdates(&self) -> bool {
        !self.misdated.is_empty()
    }

    /// All that was made for a work.
    pub(super) fn made_for(&self, key: &WorkKey) -> impl Iterator<Item = BackupIx> {
        let copy_to = match &key.target {
            Target::Backup => None,
            Target::Copy(region) => Some(region.to_string()),
        };
        let work = Work {
            account: key.source.account.to_string(),
            source: key.source.source.to_string(),
            trigger: key.occurrence.trigger.as_str().to_owned(),
            occurrence: key.occurrence.at.to_string(),
            copy_to,
        };
        self.by_work.get(&work).into_iter().flatten().copied()
    }

    /// The backups and copies of an occurrence.
    pub(super) fn made_in(&self, source: &SourceKey, occurrence: Occurrence) -> impl Iterator<Item = BackupIx> {
        let (trigger, at) = (occurrence.trigger.as_str(), occurrence.at.to_string());
        let of_it = move |work: &Work| {
            work.account == source.account.as_str()
                && work.source == source.source.as_str()
                && work.trigger == trigger
                && work.occurrence == at
        };
        self.by_work.iter().filter(move |(work, _)| of_it(work)).flat_map(|(_, made)| made).copied()
    }

    /// Whether a person mistyped our tags on this and left it so.
    pub(super) fn mistyped_for_good(&self, cloud: &Cloud, at: BackupIx) -> bool {
        let backup = cloud.backup(at);
        let mistyped = self.as_made.get(&at).is_some_and(|made| !ours(backup, made));
        mistyped && good(backup) && backup.tags.contains_key("lifeboat:source")
    }

    /// Whether a work was ever done well, though it may have been deleted since.
    pub(super) fn ended_well(&self, cloud: &Cloud, work: &Work) -> bool {
        let made = self.by_work.get(work).into_iter().flatten().map(|at| cloud.backup(*at));
        made.into_iter().any(|backup| backup.failure.is_none() && backup.ended_ms.is_some())
    }

    /// Whether FSx's inventory shows that a work was begun, however it ended.
    pub(super) fn begun(&self, cloud: &Cloud, work: &Work) -> bool {
        let ours = self.by_work.get(work).into_iter().flatten().filter(|at| self.ours(cloud, **at));
        ours.into_iter().any(|at| cloud.backup(*at).lifecycle != Lifecycle::Deleted)
    }

    /// Whether a person has left our tags on it as they were.
    pub(super) fn ours(&self, cloud: &Cloud, at: BackupIx) -> bool {
        let backup = cloud.backup(at);
        self.as_made.get(&at).is_some_and(|made| ours(backup, made)) && of_ours(cloud, &self.as_made, backup)
    }

    /// The sources of which anything was made.
    pub(super) fn sources(&self) -> impl Iterator<Item = &SourceKey> {
        self.by_source.keys()
    }

    /// All that was made of a source, oldest first; of a copy, to where.
    pub(super) fn all(&self, key: &SourceKey) -> impl Iterator<Item = (BackupIx, Option<&str>)> {
        self.by_source.get(key).into_iter().flatten().map(|made| (made.at, made.to.as_deref()))
    }

    /// The backups of a source that are still ours, newest first.
    pub(super) fn backups<'a>(
        &'a self,
        cloud: &'a Cloud,
        key: &SourceKey,
    ) -> impl Iterator<Item = &'a Backup> + use<'a> {
        let all = self.by_source.get(key).into_iter().flat_map(|all| all.iter().rev());
        all.filter(|made| made.to.is_none()).filter_map(|made| made.if_ours(cloud))
    }

    /// The copies of a source in a Region that are still ours, newest first, failed ones too.
    pub(super) fn copies<'a>(
        &'a self,
        cloud: &'a Cloud,
        key: &SourceKey,
        region: &str,
    ) -> impl Iterator<Item = &'a Backup> + use<'a> {
        let all = self.by_source.get(key).into_iter().flat_map(|all| all.iter().rev());
        let region = region.to_owned();
        let there = all.filter(move |made| made.to.as_ref() == Some(&region));
        there.filter_map(|made| made.if_ours(cloud))
    }

    /// Whether a good copy of a backup is in a Region on which a person mistyped our tags, or that was asked for while AWS
    /// misdated its backup: it is not counted, and not made again.
    pub(super) fn mistyped_copy(&self, cloud: &Cloud, key: &SourceKey, region: &str, of: &Backup) -> bool {
        let made = self.by_source.get(key).into_iter().flatten().filter(|made| made.to.as_deref() == Some(region));
        made.map(|made| (made, cloud.backup(made.at))).any(|(made, copy)| {
            let of_it = copy.source_id.as_ref() == Some(&of.id) && good(copy);
            let contradicted = !ours(copy, &made.tags) || !taken_as_created(copy, of);
            of_it && copy.tags.contains_key("lifeboat:source") && contradicted
        })
    }

    /// Whether AWS may remember the token of a copy for a deleted copy of another backup of the same occurrence, which was
    /// made anew since. IncompatibleParameterError is never a reason for another attempt, so the copy waits.
    pub(super) fn token_spent(&self, cloud: &Cloud, key: &SourceKey, region: &str, of: &Backup) -> bool {
        let made = self.by_source.get(key).into_iter().flatten().filter(|made| made.to.as_deref() == Some(region));
        made.map(|made| cloud.backup(made.at)).any(|copy| {
            copy.lifecycle == Lifecycle::Deleted && copy.source_id.as_ref() != Some(&of.id) && agree(copy, of)
        })
    }

    /// Whether a person mistyped our tags on anything of a source, or put them right only lately.
    pub(super) fn mistyped(&self, cloud: &Cloud, key: &SourceKey, now_ms: i64) -> bool {
        let mut made = self.by_source.get(key).into_iter().flatten();
        made.any(|made| !ours(cloud.backup(made.at), &made.tags) || self.may_be_disputed(made.at, now_ms))
    }

    /// The newest AVAILABLE backup of a source that ended before a moment.
    pub(super) fn newest_backup<'a>(&'a self, cloud: &'a Cloud, key: &SourceKey, before_ms: i64) -> Option<&'a Backup> {
        self.backups(cloud, key).find(|backup| {
            backup.lifecycle == Lifecycle::Available && backup.ended_ms.is_some_and(|at_ms| at_ms < before_ms)
        })
    }

    /// Everything made since a moment, newest first within each source, with where it is and its name; ours or not by now.
    pub(super) fn since<'a>(
        &'a self,
        cloud: &'a Cloud,
        since_ms: i64,
    ) -> impl Iterator<Item = (&'a Backup, &'a AccountRegion, &'a BackupId)> {
        self.by_source.values().flat_map(move |all| {
            let made = all.iter().rev().take_while(move |made| cloud.backup(made.at).created_ms >= since_ms);
            made.map(|made| (cloud.backup(made.at), &made.place, &made.id))
        })
    }

    /// Whether one of these is ours, and nothing mistyped contradicted it since a moment.
    pub(super) fn undisputed(&self, cloud: &Cloud, backup: &Backup, since_ms: i64, settled_ms: i64) -> bool {
        let of = |all: &&Vec<Made>| all.iter().any(|made| made.id.as_str() == backup.id);
        let Some(all) = self.by_source.values().find(of) else { return false };
        let made = all.iter().find(|made| made.id.as_str() == backup.id && made.place.region.as_str() == backup.region);
        if !made.is_some_and(|made| self.ours(cloud, made.at) && made.if_ours(cloud).is_some()) {
            return false;
        }
        let gone = gone_lately(cloud, all, since_ms, settled_ms);
        let origin = backup.source_id.as_ref().and_then(|of| gone.get(of.as_str()));
        origin.is_none_or(|(origin, as_made)| agree(backup, origin) && ours(origin, as_made))
    }
}

/// A copy is made within so long of its backup.
const COPIED_WITHIN_MS: i64 = 7 * 24 * HOUR_MS;

/// Backups that are gone since a moment, with the tags they were made with: the next look learns that nothing speaks against
/// their copies any more.
fn gone_lately<'a>(
    cloud: &'a Cloud,
    all: &'a [Made],
    since_ms: i64,
    gone_since_ms: i64,
) -> BTreeMap<&'a str, (&'a Backup, &'a Arc<Tags>)> {
    let origins = all.iter().rev().take_while(|made| cloud.backup(made.at).created_ms >= since_ms - COPIED_WITHIN_MS);
    let gone = origins.map(|made| (made, cloud.backup(made.at))).filter(|(made, origin)| {
        made.to.is_none() && origin.deleted_ms.is_some_and(|deleted_ms| deleted_ms >= gone_since_ms)
    });
    gone.map(|(made, origin)| (made.id.as_str(), (origin, &made.tags))).collect()
}

/// Whether a copy and its backup carry tags of the same occurrence.
fn agree(copy: &Backup, origin: &Backup) -> bool {
    ["lifeboat:occurrence", "lifeboat:trigger"].iter().all(|tag| copy.tags.get(*tag) == origin.tags.get(*tag))
}

/// What says what a thing is.
const IDENTITY: [&str; 6] = [
    "lifeboat:source",
    "lifeboat:occurrence",
    "lifeboat:trigger",
    "lifeboat:attempt",
    "lifeboat:origin",
    "lifeboat:taken",
];

/// Whether it carries our tags as it was made with them. Tags are replaced, never changed.
fn ours(backup: &Backup, made: &Arc<Tags>) -> bool {
    Arc::ptr_eq(made, &backup.tags) || IDENTITY.iter().all(|tag| backup.tags.get(*tag) == made.get(*tag))
}

/// Whether, of a copy, the backup that it was made of, if it is there, carries our tags as it was made with them: the two
/// must agree.
fn of_ours(cloud: &Cloud, as_made: &AsMade, copy: &Backup) -> bool {
    let (Some(region), Some(id)) = (&copy.source_region, &copy.source_id) else { return true };
    let Some((at, origin)) = cloud.find_backup(&copy.account, region, id) else { return true };
    let there = origin.tags.contains_key("lifeboat:source");
    let agrees = agree(copy, origin) && taken_as_created(copy, origin);
    !there || (agrees && as_made.get(&at).is_none_or(|made| ours(origin, made)))
}

/// Whether the age that a copy's tag says is that of its backup. It is not where AWS misdated the backup to a host that had
/// just lost its database.
fn taken_as_created(copy: &Backup, origin: &Backup) -> bool {
    let taken = copy.tags.get("lifeboat:taken").and_then(|taken| Time::parse_rfc3339(taken));
    taken.is_none_or(|taken| (taken.millis() - origin.created_ms).abs() <= 1000)
}

/// Whether a backup needs no copy where there is this one: of data as new, or of the same occurrence, of which there is
/// one good copy at most, though it be of a backup that was deleted and made anew.
pub(super) fn serves(copy: &Backup, backup: &Backup) -> bool {
    let of = |backup: &Backup, tag: &str| backup.tags.get(tag).cloned();
    let same = |tag: &str| of(copy, tag) == of(backup, tag);
    copy.taken_ms >= backup.taken_ms || (same("lifeboat:occurrence") && same("lifeboat:trigger"))
}
