//! Promises 7, 8 and 9: whatever can proceed proceeds, nearest deadline first, and everything recovers once the faults
//! end.

use super::super::setup::{DAY_MS, HOUR_MS, Incident, Setup};
use super::armed::Check;
use super::created::{Created, kept_busy, serves};
use super::lanes::held_for_good;
use super::quotas::Quotas;
use super::{Broken, View, good};
use lifeboat::domain::id::{AccountRegion, PolicyName, SourceKey, Target, WorkKey};
use lifeboat::domain::policy::{Destination, Policy};
use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::{Backup, Lifecycle};
use lifeboat::sim::faults::Fault;
use std::collections::BTreeMap;

/// A copy that is COPYING for longer bars no newer one (promise 8).
const STUCK_MS: i64 = 48 * HOUR_MS;
/// The longest pause after a FAILED attempt.
const AFTER_FAILED_MS: i64 = 6 * HOUR_MS + HOUR_MS / 2;

/// A bad spell: the accounts and Regions that it covers (none: all), and when.
struct FaultWindow {
    accounts: Vec<String>,
    regions: Vec<String>,
    from_ms: i64,
    until_ms: i64,
    /// What it leaves behind only a full listing mends.
    listing_mends: bool,
}

pub(super) struct Flow {
    windows: Vec<FaultWindow>,
    disturbed_ms: i64,
    /// A person last did something at AWS, which only a full listing may show.
    person_ms: i64,
    /// The database was lost last, or never; what is older, no process saw begin that goes by this one.
    pub(super) database_created_ms: i64,
    /// The process began last: what came due before may have been missed.
    pub(super) started_ms: i64,
    faults_ended_ms: Option<i64>,
    /// When a lane was last seen full, by account, Region and volume.
    full_ms: BTreeMap<(String, String, Option<String>), i64>,
    /// When a policy was last seen paused.
    paused_ms: BTreeMap<PolicyName, i64>,
    pub(super) quotas: Quotas,
}

impl FaultWindow {
    fn covers(&self, place: &AccountRegion) -> bool {
        let names = |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
        names(&self.accounts, place.account.as_str()) && names(&self.regions, place.region.as_str())
    }
}

/// Whether a fault is more than noise.
fn is_window(fault: &Fault) -> bool {
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
        || !fault.disabled_keys.is_empty()
        || fault.latency_ms > 5000
        || fault.slow_factor > 1.0
        || shares.iter().any(|percent| *percent > 8.0)
}

/// The times in which all answers are those of another account: nothing goes on in them, and nothing is learned.
fn other_principals(setup: &Setup) -> impl Iterator<Item = FaultWindow> + '_ {
    let times = |other: bool| {
        let of_it = move |what: &Incident| matches!(what, Incident::OtherAccount(begins) if *begins == other);
        setup.timetable.iter().filter(move |(_, what)| of_it(what)).map(|(at_ms, _)| setup.start_ms + at_ms)
    };
    times(true).map(move |from_ms| {
        let until_ms = times(false).filter(|until_ms| *until_ms >= from_ms).min().unwrap_or(i64::MAX);
        FaultWindow { accounts: Vec::new(), regions: Vec::new(), from_ms, until_ms, listing_mends: true }
    })
}

impl Flow {
    pub(super) fn new(setup: &Setup) -> Self {
        let ms = |seconds: f64| setup.start_ms + (seconds * 1000.0) as i64;
        let window = |fault: &Fault| FaultWindow {
            accounts: fault.accounts.clone(),
            regions: fault.regions.clone(),
            from_ms: ms(fault.from_seconds),
            until_ms: fault.until_seconds.map_or(i64::MAX, ms),
            listing_mends: fault.creation_time_skew_seconds != 0,
        };
        let faults = setup.faults.fault.iter().filter(|fault| is_window(fault)).map(window);
        Self {
            windows: faults.chain(other_principals(setup)).collect(),
            disturbed_ms: setup.start_ms,
            person_ms: i64::MIN / 2,
            database_created_ms: setup.start_ms,
            started_ms: setup.start_ms,
            faults_ended_ms: None,
            full_ms: BTreeMap::new(),
            paused_ms: BTreeMap::new(),
            quotas: Quotas::default(),
        }
    }

    pub(super) fn disturbed(&mut self, now_ms: i64) {
        self.disturbed_ms = now_ms;
    }

    pub(super) fn person(&mut self, now_ms: i64) {
        self.disturbed_ms = now_ms;
        self.person_ms = now_ms;
    }

    pub(super) fn database_lost(&mut self, now_ms: i64) {
        self.database_created_ms = now_ms;
    }

    /// Whether a call that leaves now may be the answer to something that has changed since.
    pub(super) fn just_disturbed(&self, now_ms: i64) -> bool {
        now_ms - self.disturbed_ms < 120_000
    }

    pub(super) fn faults_ended(&mut self, now_ms: i64) {
        self.disturbed_ms = now_ms;
        self.faults_ended_ms = Some(now_ms);
    }

    /// How long whatever can go on may take to go on: the longest pause after a refusal, a few looks at what is in flight,
    /// and two listings that were asked for because an answer was lost, which are spaced by their pages.
    pub(super) fn grace_period_ms(&self, view: &View<'_>) -> i64 {
        let (poll_ms, pages) = poll_and_pages(view);
        HOUR_MS + HOUR_MS / 4 + poll_ms * (5 + pages / 4)
    }

    /// The same where only listings that nobody asked for tell: two of them.
    pub(super) fn listed_within_ms(&self, view: &View<'_>) -> i64 {
        let (poll_ms, pages) = poll_and_pages(view);
        HOUR_MS + HOUR_MS / 4 + poll_ms * (pages * 4).max(20) * 5 / 2
    }

    /// Whether nothing out of the ordinary happened at these places for so long that all must be as it should.
    pub(super) fn undisturbed(&self, view: &View<'_>, places: &[&AccountRegion]) -> bool {
        self.undisturbed_for(view, places, self.grace_period_ms(view))
    }

    fn undisturbed_for(&self, view: &View<'_>, places: &[&AccountRegion], for_ms: i64) -> bool {
        let since_ms = view.now_ms - for_ms;
        let listed_ms = view.now_ms - self.listed_within_ms(view).max(for_ms);
        let mut windows = self.windows_since(view.now_ms, listed_ms).filter(|window| {
            let until_ms = window.until_ms.min(self.faults_ended_ms.unwrap_or(i64::MAX));
            window.listing_mends || until_ms > since_ms
        });
        self.disturbed_ms < since_ms
            && self.person_ms < listed_ms
            && !windows.any(|window| places.iter().any(|place| window.covers(place)))
    }

    fn windows_since(&self, now_ms: i64, since_ms: i64) -> impl Iterator<Item = &FaultWindow> {
        let faults_ended_ms = self.faults_ended_ms.unwrap_or(i64::MAX);
        self.windows
            .iter()
            .filter(move |window| window.from_ms <= now_ms && window.until_ms.min(faults_ended_ms) > since_ms)
    }

    /// The check that something here goes on: one of two, by whether there is a bad spell elsewhere.
    fn armed(&self, view: &View<'_>, beside_trouble: Check, otherwise: Check) -> Check {
        let since_ms = view.now_ms - self.grace_period_ms(view);
        let injected = self.windows_since(view.now_ms, since_ms).next().is_some();
        let check = if injected { beside_trouble } else { otherwise };
        view.armed.count(check);
        check
    }

    pub(super) fn inspected(&mut self, view: &View<'_>, created: &Created) -> Result<(), Broken> {
        self.look_at_lanes(view);
        self.quotas.inspected(view);
        for policy in view.settings.policies.keys() {
            if view.state.pause_at(policy, view.host_now).is_some() {
                self.paused_ms.insert(policy.clone(), view.now_ms);
            }
        }
        for policy in view.settings.policies.values() {
            for key in policy.source_keys() {
                self.backup_goes_on(view, created, policy, &key)?;
                for destination in &policy.destinations {
                    self.copy_goes_on(view, created, policy, destination, &key)?;
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
    fn backup_goes_on(
        &self,
        view: &View<'_>,
        created: &Created,
        policy: &Policy,
        key: &SourceKey,
    ) -> Result<(), Broken> {
        let home = AccountRegion { account: policy.account.clone(), region: policy.region.clone() };
        let Some(source) = view.state.sources.get(key) else { return Ok(()) };
        let Some(newest) = source.open.keys().next_back() else { return Ok(()) };
        let grace_period_ms = self.grace_period_ms(view);
        let waits_ms =
            source.open.get(newest).map_or(0, |record| view.host_now.since(record.opened_at).as_millis() as i64);
        // A pause bars what failed before it from being tried again.
        let paused_ms = self.paused_ms.get(&policy.name).copied().unwrap_or(i64::MIN);
        if waits_ms < grace_period_ms || !self.undisturbed(view, &[&home]) || paused_ms > view.now_ms - grace_period_ms
        {
            return Ok(());
        }
        let since_ms = view.now_ms - grace_period_ms;
        if self.quotas.full_since(&home, key, since_ms) {
            return Ok(());
        }
        let check = self.armed(view, Check::BackupBesideTrouble, Check::BackupGoesOn);
        let text = newest.at.to_string();
        // What a person mistyped is there, and waits for a person or for the next; only its token may tell what it was made for.
        let mistyped = source.points_of(*newest, &Target::Backup).any(|point| point.remarks.disputed && point.good());
        let work = WorkKey { source: key.clone(), occurrence: *newest, target: Target::Backup };
        let mistyped = mistyped || created.made_for(&work).any(|at| created.mistyped_for_good(view.cloud, at));
        // One that was taken in after a loss of the database may be older than all that is looked at below.
        if mistyped
            || created
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
        let longer_ms = grace_period_ms + AFTER_FAILED_MS;
        if failed && (waits_ms < longer_ms || !self.undisturbed_for(view, &[&home], longer_ms)) {
            return Ok(());
        }
        Err(check.broken(format!("{key}: the backup of {} could begin for long and does not", newest.at)))
    }

    /// A route that lacks the newest backup gets its copy begun while a slot is free.
    fn copy_goes_on(
        &self,
        view: &View<'_>,
        created: &Created,
        policy: &Policy,
        destination: &Destination,
        key: &SourceKey,
    ) -> Result<(), Broken> {
        let home = AccountRegion { account: policy.account.clone(), region: policy.region.clone() };
        let there = AccountRegion { account: policy.account.clone(), region: destination.region.clone() };
        if !self.undisturbed(view, &[&home, &there]) {
            return Ok(());
        }
        let since_ms = view.now_ms - self.grace_period_ms(view);
        let volume = key.source.is_volume().then(|| key.source.to_string());
        let lane = (there.account.to_string(), there.region.to_string(), volume);
        if self.full_ms.get(&lane).is_some_and(|at_ms| *at_ms >= since_ms) {
            return Ok(());
        }
        let Some(backup) = self.to_copy(view, created, key, &there) else { return Ok(()) };
        let check = self.armed(view, Check::CopyBesideTrouble, Check::CopyGoesOn);
        if !self.lacks(view, created, key, &there, backup) {
            return Ok(());
        }
        Err(check.broken(format!("{key}: {} could be copied to {} for long and is not", backup.id, there.region)))
    }

    /// The backup that a route must have, if it has been there for long.
    fn to_copy<'a>(
        &self,
        view: &View<'a>,
        created: &'a Created,
        key: &SourceKey,
        there: &AccountRegion,
    ) -> Option<&'a Backup> {
        let since_ms = view.now_ms - self.grace_period_ms(view);
        let newest = created.newest_backup(view.cloud, key, i64::MAX)?;
        let backup = Some(newest).filter(|backup| backup.ended_ms.is_some_and(|at_ms| at_ms <= since_ms))?;
        let barred = created.mistyped_copy(view.cloud, key, there.region.as_str(), backup)
            || created.token_spent(view.cloud, key, there.region.as_str(), backup)
            || self.quotas.full_since(there, key, since_ms);
        (!barred).then_some(backup)
    }

    /// Whether a route has no copy of it, nor one under way, and nothing bars it for a while.
    fn lacks(
        &self,
        view: &View<'_>,
        created: &Created,
        key: &SourceKey,
        there: &AccountRegion,
        backup: &Backup,
    ) -> bool {
        let grace_period_ms = self.grace_period_ms(view);
        let since_ms = view.now_ms - grace_period_ms;
        let mut failed_ms = i64::MIN;
        // What is older neither flies nor bars anything.
        let oldest_ms = view.now_ms.min(backup.created_ms) - STUCK_MS - grace_period_ms - AFTER_FAILED_MS;
        let made = created.copies(view.cloud, key, there.region.as_str());
        for copy in made.take_while(|copy| copy.created_ms > oldest_ms) {
            let in_flight =
                copy.lifecycle == Lifecycle::Copying && copy.created_ms > view.now_ms - STUCK_MS - grace_period_ms;
            let newer = copy.lifecycle == Lifecycle::Available && serves(copy, backup);
            let recent = copy.ended_ms.is_some_and(|at_ms| at_ms > since_ms);
            if in_flight || newer || recent {
                return false;
            }
            if copy.source_id.as_ref() == Some(&backup.id) {
                failed_ms = failed_ms.max(copy.ended_ms.unwrap_or(copy.created_ms));
                if copy.lifecycle == Lifecycle::Copying {
                    return false;
                }
            }
        }
        // A copy for the same occurrence may be older than all of these, if its backup was deleted and made anew.
        let mut copies = created.copies(view.cloud, key, there.region.as_str());
        let mut served = || copies.any(|copy| copy.lifecycle == Lifecycle::Available && serves(copy, backup));
        failed_ms <= since_ms - AFTER_FAILED_MS && !served()
    }

    /// The routes to a place, other than of volumes, that by FSx's inventory lacks what could be copied, and could for long but
    /// for a slot.
    pub(super) fn waiting<'a>(&self, view: &View<'a>, created: &Created, there: &AccountRegion) -> Vec<SourceKey> {
        let policies = view.settings.policies.values().filter(|policy| policy.account == there.account);
        let routes = policies.filter(|policy| policy.destination(&there.region).is_some()).flat_map(|policy| {
            let home = AccountRegion { account: policy.account.clone(), region: policy.region.clone() };
            policy.source_keys().map(move |key| (home.clone(), key))
        });
        let waits = |(home, key): &(AccountRegion, SourceKey)| {
            !key.source.is_volume()
                && self.undisturbed(view, &[home, there])
                && self.to_copy(view, created, key, there).is_some_and(|of| self.lacks(view, created, key, there, of))
        };
        routes.filter(waits).map(|(_, key)| key).collect()
    }

    /// The end of act two: every source has a fresh backup, every route has what could be copied.
    pub(super) fn healed(&self, view: &View<'_>, created: &Created) -> Result<(), Broken> {
        let Some(faults_ended_ms) = self.faults_ended_ms else { return Ok(()) };
        let grace_period_ms = self.grace_period_ms(view) + AFTER_FAILED_MS;
        for policy in view.settings.policies.values() {
            let gap_ms = policy.schedule.longest_gap(Time::from_millis(faults_ended_ms), 100).as_millis() as i64;
            let slowest_ms = 12 * HOUR_MS;
            for key in policy.source_keys() {
                let newest = created.newest_backup(view.cloud, &key, i64::MAX);
                let wanted_ms = view.now_ms - gap_ms - grace_period_ms - slowest_ms;
                if wanted_ms > faults_ended_ms.max(self.started_ms) && !kept_busy(view, &key, policy) {
                    view.armed.count(Check::BackupHeals);
                    if newest.is_none_or(|backup| backup.created_ms < wanted_ms) {
                        return Err(Check::BackupHeals.broken(format!("{key} has not healed: no new backup")));
                    }
                }
                for destination in &policy.destinations {
                    let there = AccountRegion { account: policy.account.clone(), region: destination.region.clone() };
                    // One that had just begun is in its way, and it takes as long itself.
                    let made = created.copies(view.cloud, &key, there.region.as_str());
                    let took_ms = made.filter_map(|copy| Some(copy.ended_ms? - copy.created_ms)).max().unwrap_or(0);
                    let before_ms = view.now_ms - grace_period_ms - (36 * HOUR_MS).max(2 * took_ms + 2 * slowest_ms);
                    let Some(wanted) = created.newest_backup(view.cloud, &key, before_ms) else { continue };
                    view.armed.count(Check::CopyHeals);
                    let reached = created
                        .copies(view.cloud, &key, there.region.as_str())
                        .any(|copy| copy.lifecycle == Lifecycle::Available && serves(copy, wanted));
                    let mistyped = created.mistyped_copy(view.cloud, &key, there.region.as_str(), wanted);
                    if !reached && !mistyped && !held_for_good(view, &there, &key, before_ms) {
                        let what = format!("{key} has not healed: {} is not in {}", wanted.id, there.region);
                        return Err(Check::CopyHeals.broken(what));
                    }
                }
            }
        }
        Ok(())
    }

    /// The very end: every route meets, nothing is asked, nothing waits.
    pub(super) fn rested(&self, view: &View<'_>, created: &Created) -> Result<(), Broken> {
        // The copy of a large one takes its time.
        let slow = |copy: &Backup| copy.lifecycle.in_flight() && view.now_ms - copy.created_ms < 2 * DAY_MS;
        for policy in view.settings.policies.values() {
            for key in policy.source_keys() {
                for destination in &policy.destinations {
                    let there = AccountRegion { account: policy.account.clone(), region: destination.region.clone() };
                    let Some(newest) = created.newest_backup(view.cloud, &key, i64::MAX) else { continue };
                    view.armed.count(Check::CopiedInTheEnd);
                    let met = created
                        .copies(view.cloud, &key, there.region.as_str())
                        .any(|copy| (copy.lifecycle == Lifecycle::Available || slow(copy)) && serves(copy, newest));
                    let mistyped = created.mistyped_copy(view.cloud, &key, there.region.as_str(), newest);
                    if !met && !mistyped && !held_for_good(view, &there, &key, view.now_ms - 2 * DAY_MS) {
                        let what = format!("{key}: in the end {} is not in {}", newest.id, there.region);
                        return Err(Check::CopiedInTheEnd.broken(what));
                    }
                }
            }
        }
        view.armed.count(Check::NothingAskedInTheEnd);
        let asked =
            view.state.sources.iter().find(|(_, source)| source.pending_requests.values().any(|pending| pending.open));
        asked.map_or(Ok(()), |(key, source)| {
            let what = format!("{key}: in the end asks are open: {:?}", source.pending_requests);
            Err(Check::NothingAskedInTheEnd.broken(what))
        })
    }
}

fn poll_and_pages(view: &View<'_>) -> (i64, i64) {
    let pages = view.state.places.values().filter_map(|known| known.listed).map(|listed| listed.pages).max();
    (view.settings.daemon.poll.as_millis() as i64, pages.unwrap_or(1).into())
}
