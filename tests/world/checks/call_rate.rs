//! Promise 8: failing calls are repeated with growing backoff, and nothing becomes a storm of calls.

use super::armed::Check;
use super::{Broken, View};
use lifeboat::domain::action::{Action, Call, Outcome};
use lifeboat::domain::fault::FaultClass;
use lifeboat::domain::id::{AccountRegion, BackupId, SourceId, Target, WorkKey};
use lifeboat::sim::cloud::{Backup, Lifecycle};
use std::collections::{BTreeMap, VecDeque};

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// Refusals for want of a slot that a lane may bring in a minute, whatever waits.
const NO_SLOT_PER_MINUTE: usize = 2;
/// Pauses double from a second to an hour, so a dozen asks fit into the first hour; as many again for a second cause.
const ASKS_PER_HOUR: usize = 24;
/// Reads that a place may cost in one poll, for each deletion asked for, and in one hour whatever the rest.
const READS_PER_POLL: i64 = 5;
const READS_PER_DELETION: i64 = 2;
const READS_PER_HOUR: i64 = 400;

#[derive(Default)]
pub(super) struct CallRate {
    asks: BTreeMap<WorkKey, VecDeque<i64>>,
    deletes: BTreeMap<(AccountRegion, BackupId), VecDeque<i64>>,
    deletions: BTreeMap<AccountRegion, VecDeque<i64>>,
    reads: BTreeMap<AccountRegion, VecDeque<i64>>,
    /// Refusals for want of a slot, by place, and volume for ONTAP.
    no_slot: BTreeMap<(AccountRegion, Option<SourceId>), VecDeque<i64>>,
}

impl CallRate {
    /// A restart or a reload tries anew what was blocked.
    pub(super) fn died(&mut self) {
        self.asks.clear();
        self.deletes.clear();
        self.deletions.clear();
        self.reads.clear();
        self.no_slot.clear();
    }

    /// The clock by which the process spaces its calls was set.
    pub(super) fn clock_set(&mut self) {
        self.no_slot.clear();
    }

    pub(super) fn delivered(&mut self, action: &Action, outcome: &Outcome, view: &View<'_>) -> Result<(), Broken> {
        let now_ms = view.now_ms;
        let (Call::Make { key, .. }, Outcome::Failed(fault)) = (&action.call, outcome) else { return Ok(()) };
        if fault.class != FaultClass::NoSlot || key.target == Target::Backup {
            return Ok(());
        }
        // These are the lane's, not the route's.
        self.asks.get_mut(key).map(VecDeque::pop_back);
        let volume = key.source.source.is_volume().then(|| key.source.source.clone());
        let refused = self.no_slot.entry((action.place.clone(), volume)).or_default();
        refused.push_back(now_ms);
        while refused.front().is_some_and(|at_ms| *at_ms <= now_ms - MINUTE_MS) {
            refused.pop_front();
        }
        view.armed.count(Check::LaneClosed);
        if refused.len() > NO_SLOT_PER_MINUTE {
            let what =
                format!("{} copies were refused in {} for want of a slot in a minute", refused.len(), action.place);
            return Err(Check::LaneClosed.broken(what));
        }
        Ok(())
    }

    pub(super) fn sent(&mut self, action: &Action, view: &View<'_>) -> Result<(), Broken> {
        let recent = |times: &mut VecDeque<i64>| {
            times.push_back(view.now_ms);
            while times.front().is_some_and(|at_ms| *at_ms < view.now_ms - HOUR_MS) {
                times.pop_front();
            }
            times.len()
        };
        if let Call::Make { key, .. } = &action.call {
            let count = recent(self.asks.entry(key.clone()).or_default());
            if count > 1 {
                view.armed.count(Check::AskedSeldom);
            }
            if count > ASKS_PER_HOUR {
                return Err(Check::AskedSeldom.broken(format!("{key} was asked for {count} times in an hour")));
            }
            return Ok(());
        }
        if let Call::Delete { id, .. } = &action.call {
            recent(self.deletions.entry(action.place.clone()).or_default());
            let count = recent(self.deletes.entry((action.place.clone(), id.clone())).or_default());
            if count > 1 {
                view.armed.count(Check::DeletedSeldom);
            }
            let again =
                || Check::DeletedSeldom.broken(format!("{id} was asked to be deleted {count} times in an hour"));
            return if count > ASKS_PER_HOUR { Err(again()) } else { Ok(()) };
        }
        let poll_ms = i64::try_from(view.settings.daemon.poll.as_millis()).unwrap_or(i64::MAX).max(1);
        let pages = view.state.place(&action.place).and_then(|known| known.listed).map_or(1, |listed| listed.pages);
        // Whether it is gone shows in a look at it alone, once the others asked for together have gone as well.
        let deletions = self.deletions.get(&action.place).map_or(0, |at_ms| {
            at_ms.iter().filter(|at_ms| **at_ms >= view.now_ms - HOUR_MS).count() as i64 * READS_PER_DELETION
        });
        let most = |pages: i64| READS_PER_HOUR + deletions + (HOUR_MS / poll_ms) * READS_PER_POLL + 4 * pages;
        let count = recent(self.reads.entry(action.place.clone()).or_default()) as i64;
        view.armed.count(Check::ReadSeldom);
        // What a listing costs that is the first of its database, nobody knows before it is over.
        if count > most(pages.into()) && count > most(pages_of(view, &action.place)) {
            return Err(Check::ReadSeldom.broken(format!("{} was read {count} times in an hour", action.place)));
        }
        Ok(())
    }
}

/// How many pages a listing of a place takes, by FSx's inventory: some are short.
fn pages_of(view: &View<'_>, place: &AccountRegion) -> i64 {
    let (account, region) = (place.account.as_str(), place.region.as_str());
    let there = |backup: &Backup| backup.account == account && backup.region == region;
    let held = view.cloud.backups().filter(|(_, backup)| there(backup) && backup.lifecycle != Lifecycle::Deleted);
    held.count() as i64 / i64::from(view.cloud.settings().page_size.max(1)) + 1
}
