//! Promises 7, 8 and 9: whatever can go on goes on, nearest deadline first, and all heals once nothing breaks.

use super::super::super::cloud::{Backup, Lifecycle};
use super::super::super::faults::Fault;
use super::super::setup::{HOUR_MS, Happening, Setup};
use super::armed::Check;
use super::shelf::Shelf;
use super::{Broken, View, good};
use crate::domain::action::{Call, Request};
use crate::domain::id::{Place, SourceKey, Target, Trigger};
use crate::domain::plan::{Plan, Reason};
use crate::domain::policy::{Destination, Policy};
use crate::domain::time::Time;
use std::collections::BTreeMap;

/// A copy that is COPYING for longer bars no newer one (promise 8).
const STUCK_MS: i64 = 48 * HOUR_MS;
/// The longest pause after a FAILED attempt.
const AFTER_FAILED_MS: i64 = 6 * HOUR_MS + HOUR_MS / 2;

/// A bad spell: the accounts and Regions that it covers (none: all), and when.
struct Spell {
    accounts: Vec<String>,
    regions: Vec<String>,
    from_ms: i64,
    until_ms: i64,
}

pub(super) struct Flow {
    spells: Vec<Spell>,
    disturbed_ms: i64,
    /// The database was lost last, or never; what is older, no process saw begin that goes by this one.
    born_ms: i64,
    calm_ms: Option<i64>,
    /// When a lane was last seen full, by account, Region and volume.
    full_ms: BTreeMap<(String, String, Option<String>), i64>,
}

impl Spell {
    fn covers(&self, place: &Place) -> bool {
        let names = |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
        names(&self.accounts, place.account.as_str()) && names(&self.regions, place.region.as_str())
    }
}

/// Whether a fault is more than noise.
fn is_spell(fault: &Fault) -> bool {
    let shares = [
        fault.black_hole_percent,
        fault.silent_percent,
        fault.close_before_percent,
        fault.close_after_percent,
        fault.throttle_percent,
        fault.error_before_percent,
        fault.error_after_percent,
        fault.fail_copy_percent,
        fault.fail_backup_percent,
        fault.stuck_copy_percent,
        fault.stuck_backup_percent,
    ];
    fault.refuse.is_some()
        || fault.creation_time_skew_seconds != 0
        || fault.unseen_copies > 0
        || fault.latency_ms > 5000
        || fault.slow_factor > 1.0
        || shares.iter().any(|percent| *percent > 8.0)
}

/// The times in which all answers are those of another account: nothing goes on in them, and nothing is learned.
fn strangers(setup: &Setup) -> impl Iterator<Item = Spell> + '_ {
    let times = |other: bool| {
        let of_it = move |what: &Happening| matches!(what, Happening::OtherAccount(begins) if *begins == other);
        setup.timetable.iter().filter(move |(_, what)| of_it(what)).map(|(at_ms, _)| setup.start_ms + at_ms)
    };
    times(true).map(move |from_ms| {
        let until_ms = times(false).filter(|until_ms| *until_ms >= from_ms).min().unwrap_or(i64::MAX);
        Spell { accounts: Vec::new(), regions: Vec::new(), from_ms, until_ms }
    })
}

impl Flow {
    pub(super) fn new(setup: &Setup) -> Self {
        let ms = |seconds: f64| setup.start_ms + (seconds * 1000.0) as i64;
        let spell = |fault: &Fault| Spell {
            accounts: fault.accounts.clone(),
            regions: fault.regions.clone(),
            from_ms: ms(fault.from_seconds),
            until_ms: fault.until_seconds.map_or(i64::MAX, ms),
        };
        let faults = setup.faults.fault.iter().filter(|fault| is_spell(fault)).map(spell);
        Self {
            spells: faults.chain(strangers(setup)).collect(),
            disturbed_ms: setup.start_ms,
            born_ms: setup.start_ms,
            calm_ms: None,
            full_ms: BTreeMap::new(),
        }
    }

    pub(super) fn disturbed(&mut self, now_ms: i64) {
        self.disturbed_ms = now_ms;
    }

    pub(super) fn database_lost(&mut self, now_ms: i64) {
        self.born_ms = now_ms;
    }

    /// Whether a call that leaves now may be the answer to something that has changed since.
    pub(super) fn just_disturbed(&self, now_ms: i64) -> bool {
        now_ms - self.disturbed_ms < 120_000
    }

    pub(super) fn calm(&mut self, now_ms: i64) {
        self.disturbed_ms = now_ms;
        self.calm_ms = Some(now_ms);
    }

    /// How long whatever can go on may take to go on: the longest pause after a refusal, and two full listings.
    pub(super) fn patience_ms(&self, view: &View<'_>) -> i64 {
        let poll_ms = view.settings.daemon.poll.as_millis() as i64;
        let pages = view.state.places.values().filter_map(|known| known.listed).map(|listed| listed.pages).max();
        let beat_ms = poll_ms * i64::from(pages.unwrap_or(1).saturating_mul(4).max(20));
        HOUR_MS + HOUR_MS / 4 + beat_ms * 5 / 2
    }

    /// Whether nothing out of the ordinary happened at these places for so long that all must be as it should.
    pub(super) fn undisturbed(&self, view: &View<'_>, places: &[&Place]) -> bool {
        self.undisturbed_for(view, places, self.patience_ms(view))
    }

    fn undisturbed_for(&self, view: &View<'_>, places: &[&Place], for_ms: i64) -> bool {
        let since_ms = view.now_ms - for_ms;
        let bad = |place: &&Place| self.spells_since(view.now_ms, since_ms).any(|spell| spell.covers(place));
        self.disturbed_ms < since_ms && !places.iter().any(bad)
    }

    fn spells_since(&self, now_ms: i64, since_ms: i64) -> impl Iterator<Item = &Spell> {
        let calm_ms = self.calm_ms.unwrap_or(i64::MAX);
        self.spells.iter().filter(move |spell| spell.from_ms <= now_ms && spell.until_ms.min(calm_ms) > since_ms)
    }

    /// The check that something here goes on: one of two, by whether there is a bad spell elsewhere.
    fn armed(&self, view: &View<'_>, beside_trouble: Check, otherwise: Check) -> Check {
        let since_ms = view.now_ms - self.patience_ms(view);
        let trouble = self.spells_since(view.now_ms, since_ms).next().is_some();
        let check = if trouble { beside_trouble } else { otherwise };
        view.armed.count(check);
        check
    }

    pub(super) fn inspected(&mut self, view: &View<'_>, shelf: &Shelf) -> Result<(), Broken> {
        self.look_at_lanes(view);
        for policy in view.settings.policies.values() {
            for key in policy.source_keys() {
                self.backup_goes_on(view, shelf, policy, &key)?;
                for destination in &policy.destinations {
                    self.copy_goes_on(view, shelf, policy, destination, &key)?;
                }
            }
        }
        Ok(())
    }

    /// Notes which lanes are full, asks of which nothing is known counted.
    fn look_at_lanes(&mut self, view: &View<'_>) {
        let limits = view.settings.limits;
        let mut held: BTreeMap<(String, String, Option<String>), u32> = BTreeMap::new();
        for (lane, used) in view.cloud.lanes() {
            let volume = lane.ontap.as_ref().map(|(volume, _)| volume.clone());
            *held.entry((lane.account.clone(), lane.region.clone(), volume)).or_default() += used.in_flight;
        }
        for (lane, held) in held {
            let limit = if lane.2.is_some() { limits.ontap_copies_in_flight } else { limits.copies_in_flight };
            if held >= limit {
                self.full_ms.insert(lane, view.now_ms);
            }
        }
    }

    /// An open occurrence whose file system is free gets its backup begun.
    fn backup_goes_on(&self, view: &View<'_>, shelf: &Shelf, policy: &Policy, key: &SourceKey) -> Result<(), Broken> {
        let home = Place { account: policy.account.clone(), region: policy.region.clone() };
        let Some(source) = view.state.sources.get(key) else { return Ok(()) };
        let Some(newest) = source.open.keys().next_back() else { return Ok(()) };
        let patience_ms = self.patience_ms(view);
        let waits_ms =
            source.open.get(newest).map_or(0, |opening| view.host_now.since(opening.opened_at).as_millis() as i64);
        if waits_ms < patience_ms || !self.undisturbed(view, &[&home]) {
            return Ok(());
        }
        let check = self.armed(view, Check::BackupBesideTrouble, Check::BackupGoesOn);
        let since_ms = view.now_ms - patience_ms;
        let text = newest.at.to_string();
        // What a person mistyped is there, and waits for a person or for the next.
        let made = source.points_of(*newest, &Target::Backup).any(|point| point.remarks.disputed && point.good());
        if made {
            return Ok(());
        }
        // One that was taken in after a loss of the database may be older than all that is looked at below.
        if shelf
            .backups(view.cloud, key)
            .any(|backup| backup.tags.get("lifeboat:occurrence") == Some(&text) && good(backup))
        {
            return Ok(());
        }
        let mut failed = false;
        let recent = view.cloud.backups().filter(|(_, backup)| backup.created_ms > since_ms - 10 * 24 * HOUR_MS);
        let of_it = recent.filter(|(_, backup)| !backup.is_copy() && backup.resource() == key.source.as_str());
        for (_, backup) in of_it {
            let ours = backup.tags.get("lifeboat:occurrence") == Some(&text);
            // Somebody's running backup is in the way, or was a moment ago.
            let over_ms = backup.ended_ms.or(backup.deleted_ms);
            let in_the_way = backup.lifecycle.in_flight() || over_ms.is_some_and(|at_ms| at_ms > since_ms);
            if in_the_way || (ours && good(backup)) {
                return Ok(());
            }
            failed |= ours;
        }
        let longer_ms = patience_ms + AFTER_FAILED_MS;
        if failed && (waits_ms < longer_ms || !self.undisturbed_for(view, &[&home], longer_ms)) {
            return Ok(());
        }
        Err(check.broken(format!("{key}: the backup of {} could begin for long and does not", newest.at)))
    }

    /// A route that lacks the newest backup gets its copy begun while a slot is free.
    fn copy_goes_on(
        &self,
        view: &View<'_>,
        shelf: &Shelf,
        policy: &Policy,
        destination: &Destination,
        key: &SourceKey,
    ) -> Result<(), Broken> {
        let home = Place { account: policy.account.clone(), region: policy.region.clone() };
        let there = Place { account: policy.account.clone(), region: destination.region.clone() };
        if !self.undisturbed(view, &[&home, &there]) {
            return Ok(());
        }
        let patience_ms = self.patience_ms(view);
        let since_ms = view.now_ms - patience_ms;
        let volume = key.source.is_volume().then(|| key.source.to_string());
        let lane = (there.account.to_string(), there.region.to_string(), volume);
        if self.full_ms.get(&lane).is_some_and(|at_ms| *at_ms >= since_ms) {
            return Ok(());
        }
        let Some(backup) = shelf.newest_backup(view.cloud, key, i64::MAX) else { return Ok(()) };
        if backup.ended_ms.is_none_or(|at_ms| at_ms > since_ms) {
            return Ok(());
        }
        if shelf.mistyped_copy(view.cloud, key, there.region.as_str(), backup) {
            return Ok(());
        }
        let check = self.armed(view, Check::CopyBesideTrouble, Check::CopyGoesOn);
        let mut failed_ms = i64::MIN;
        // What is older neither flies nor bars anything.
        let oldest_ms = view.now_ms.min(backup.created_ms) - STUCK_MS - patience_ms - AFTER_FAILED_MS;
        let made = shelf.copies(view.cloud, key, there.region.as_str());
        for copy in made.take_while(|copy| copy.created_ms > oldest_ms) {
            let flying = copy.lifecycle == Lifecycle::Copying && copy.created_ms > view.now_ms - STUCK_MS - patience_ms;
            let newer = copy.lifecycle == Lifecycle::Available && serves(copy, backup);
            let recent = copy.ended_ms.is_some_and(|at_ms| at_ms > since_ms);
            if flying || newer || recent {
                return Ok(());
            }
            if copy.source_id.as_ref() == Some(&backup.id) {
                failed_ms = failed_ms.max(copy.ended_ms.unwrap_or(copy.created_ms));
                if copy.lifecycle == Lifecycle::Copying {
                    return Ok(());
                }
            }
        }
        // A copy for the same occurrence may be older than all of these, if its backup was deleted and made anew.
        let mut copies = shelf.copies(view.cloud, key, there.region.as_str());
        let mut served = || copies.any(|copy| copy.lifecycle == Lifecycle::Available && serves(copy, backup));
        if failed_ms > since_ms - AFTER_FAILED_MS || served() {
            return Ok(());
        }
        Err(check.broken(format!("{key}: {} could be copied to {} for long and is not", backup.id, there.region)))
    }

    /// No route gets a slot while another waits that is clearly nearer to breaking its promise, and would gain by it.
    pub(super) fn planned(&self, plan: &Plan, view: &View<'_>, shelf: &Shelf) -> Result<(), Broken> {
        let waiting = || plan.waiting.iter().filter(|waiting| waiting.reason == Reason::Slot);
        if waiting().next().is_none() {
            return Ok(());
        }
        for action in &plan.actions {
            let Call::Make { key, request } = &action.call else { continue };
            let again = view.state.ask(key).is_some_and(|ask| ask.open);
            let ordered = key.occurrence.trigger == Trigger::Manual || key.source.source.is_volume();
            if again || ordered || !matches!(**request, Request::CopyBackup { .. }) {
                continue;
            }
            let standing = |of: &SourceKey| Standing::of(view, shelf, of, &action.place, self.born_ms);
            let Some(mine) = standing(&key.source) else { continue };
            let waits = waiting().filter(|other| {
                other.source.account == action.place.account
                    && other.destination.as_ref() == Some(&action.place.region)
                    && !other.source.source.is_volume()
            });
            let others: Vec<_> = waits.map(|other| (&other.source, standing(&other.source))).collect();
            let policies = view.settings.policies.values().filter(|policy| policy.account == action.place.account);
            let routes = policies.filter(|policy| policy.destination(&action.place.region).is_some());
            let took_ms = routes.flat_map(Policy::source_keys).filter_map(|key| Some(standing(&key)?.took_ms)).sum();
            let roomy = roomy(view.now_ms, mine, &others, took_ms);
            for (other, theirs) in others {
                let Some(theirs) = theirs.filter(|_| self.undisturbed(view, &[&action.place])) else { continue };
                view.armed.count(Check::NearestFirst);
                if theirs.goes_before(mine, roomy) {
                    let (source, place) = (&key.source, &action.place);
                    let what =
                        format!("{source} gets a slot in {place} before {other}, which is nearer to its deadline");
                    return Err(Check::NearestFirst.broken(what));
                }
            }
        }
        Ok(())
    }

    /// The end of act two: every source has a fresh backup, every route has what could be copied.
    pub(super) fn healed(&self, view: &View<'_>, shelf: &Shelf) -> Result<(), Broken> {
        let Some(calm_ms) = self.calm_ms else { return Ok(()) };
        let patience_ms = self.patience_ms(view) + AFTER_FAILED_MS;
        for policy in view.settings.policies.values() {
            let gap_ms = policy.schedule.longest_gap(Time::from_millis(calm_ms), 100).as_millis() as i64;
            for key in policy.source_keys() {
                let newest = shelf.newest_backup(view.cloud, &key, i64::MAX);
                let taken_ms = newest.map_or(0, |backup| backup.created_ms);
                let slowest_ms = 12 * HOUR_MS;
                if view.now_ms - calm_ms > gap_ms + patience_ms + slowest_ms {
                    view.armed.count(Check::BackupHeals);
                    if taken_ms < view.now_ms - gap_ms - patience_ms - slowest_ms {
                        return Err(Check::BackupHeals.broken(format!("{key} has not healed: no new backup")));
                    }
                }
                for destination in &policy.destinations {
                    let there = Place { account: policy.account.clone(), region: destination.region.clone() };
                    let before_ms = view.now_ms - patience_ms - 36 * HOUR_MS;
                    let Some(wanted) = shelf.newest_backup(view.cloud, &key, before_ms) else { continue };
                    view.armed.count(Check::CopyHeals);
                    let reached = shelf
                        .copies(view.cloud, &key, there.region.as_str())
                        .any(|copy| copy.lifecycle == Lifecycle::Available && serves(copy, wanted));
                    let mistyped = shelf.mistyped_copy(view.cloud, &key, there.region.as_str(), wanted);
                    if !reached && !mistyped {
                        let what = format!("{key} has not healed: {} is not in {}", wanted.id, there.region);
                        return Err(Check::CopyHeals.broken(what));
                    }
                }
            }
        }
        Ok(())
    }

    /// The very end: every route meets, nothing is asked, nothing waits.
    pub(super) fn rested(&self, view: &View<'_>, shelf: &Shelf) -> Result<(), Broken> {
        for policy in view.settings.policies.values() {
            for key in policy.source_keys() {
                for destination in &policy.destinations {
                    let there = Place { account: policy.account.clone(), region: destination.region.clone() };
                    let Some(newest) = shelf.newest_backup(view.cloud, &key, i64::MAX) else { continue };
                    view.armed.count(Check::CopiedInTheEnd);
                    let met = shelf
                        .copies(view.cloud, &key, there.region.as_str())
                        .any(|copy| copy.lifecycle == Lifecycle::Available && serves(copy, newest));
                    if !met && !shelf.mistyped_copy(view.cloud, &key, there.region.as_str(), newest) {
                        let what = format!("{key}: in the end {} is not in {}", newest.id, there.region);
                        return Err(Check::CopiedInTheEnd.broken(what));
                    }
                }
            }
        }
        view.armed.count(Check::NothingAskedInTheEnd);
        let asked = view.state.sources.iter().find(|(_, source)| source.asks.values().any(|ask| ask.open));
        match asked {
            Some((key, source)) => {
                let what = format!("{key}: in the end asks are open: {:?}", source.asks);
                Err(Check::NothingAskedInTheEnd.broken(what))
            }
            None => Ok(()),
        }
    }
}

/// Whether a backup needs no copy where there is this one: of data as new, or of the same occurrence, of which there is
/// one good copy at most, though it be of a backup that was deleted and made anew.
fn serves(copy: &Backup, backup: &Backup) -> bool {
    let of = |backup: &Backup, tag: &str| backup.tags.get(tag).cloned();
    let same = |tag: &str| of(copy, tag) == of(backup, tag);
    copy.taken_ms >= backup.taken_ms || (same("lifeboat:occurrence") && same("lifeboat:trigger"))
}

/// How a route stands that made a promise and has copies already.
#[derive(Clone, Copy)]
struct Standing {
    /// When it breaks its promise.
    deadline_ms: i64,
    /// How long its last copy took, or seemed to take: the end of one that ended while no process ran is seen late, and
    /// nothing at AWS tells when that was.
    took_ms: i64,
    /// One of them began in the life of this database. Of older ones nothing at AWS tells how long they took.
    told: bool,
    /// For how much longer the next one keeps the promise.
    buys_ms: i64,
}

impl Standing {
    fn of(view: &View<'_>, shelf: &Shelf, key: &SourceKey, there: &Place, born_ms: i64) -> Option<Self> {
        let policy = view.settings.policies.values().find(|policy| policy.source_keys().any(|of| of == *key))?;
        let rpo_ms = policy.destination(&there.region)?.rpo.or(policy.rpo)?.as_millis() as i64;
        let backup = shelf.newest_backup(view.cloud, key, i64::MAX)?;
        let made = || shelf.copies(view.cloud, key, there.region.as_str()).take(50);
        let newest = || made().filter(|copy| copy.lifecycle == Lifecycle::Available);
        // Age counts from the creation of the backup, which the copy's tag tells.
        let taken = newest().filter_map(|copy| Time::parse_rfc3339(copy.tags.get("lifeboat:taken")?));
        let deadline_ms = taken.max()?.millis() + rpo_ms;
        let took_ms = newest().find_map(|copy| Some(copy.ended_ms? - copy.created_ms))?;
        let took_ms = took_ms.max(seemed_to_take_ms(view, key, there));
        let buys_ms = backup.created_ms + rpo_ms - deadline_ms.max(view.now_ms + took_ms);
        let told = newest().any(|copy| copy.created_ms >= born_ms);
        Some(Self { deadline_ms, took_ms, told, buys_ms })
    }

    /// Whether it goes first by any sound rule: it is nearer to its deadline by more than both copies can take, and either
    /// all promises can be kept (`roomy`) or it gains much more by the slot.
    fn goes_before(self, other: Self, roomy: bool) -> bool {
        let both_ms = self.took_ms + other.took_ms;
        let gains_more = self.took_ms <= 2 * other.took_ms && self.buys_ms > 0 && self.buys_ms >= 4 * other.buys_ms;
        let told = self.told && other.told;
        told && self.deadline_ms + 2 * both_ms < other.deadline_ms && (roomy || gains_more)
    }
}

/// The longest that a copy of a route seemed to take, by when its end was first seen.
fn seemed_to_take_ms(view: &View<'_>, key: &SourceKey, there: &Place) -> i64 {
    let Some(source) = view.state.sources.get(key) else { return 0 };
    let seen = source.points.iter().filter(|copy| copy.place == *there && copy.available() && copy.origin.is_some());
    let took = seen.filter_map(|copy| Some(copy.settled_at?.since(copy.created_at).as_millis() as i64));
    took.max().unwrap_or(0)
}

/// Whether all that wait for a lane keep their promise in whatever order they go, even behind all that may be under way:
/// copies of all its routes take so long.
fn roomy(now_ms: i64, mine: Standing, others: &[(&SourceKey, Option<Standing>)], took_ms: i64) -> bool {
    let mut earliest_ms = mine.deadline_ms;
    for (_, theirs) in others {
        let Some(theirs) = theirs else { return false };
        earliest_ms = earliest_ms.min(theirs.deadline_ms);
    }
    now_ms + 3 * took_ms < earliest_ms
}
