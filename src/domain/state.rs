//! Everything that is known: recorded intents, AWS's inventory as last seen, and calls under way.
//!
//! The store keeps the durable part; each process finds out the rest again. Everything that a round looks up is
//! indexed, so the cost of a round depends on what is in flight or due, not on how much is held.

use super::action::{CallKey, SourceFacts};
use super::change::{Change, Counter, IllegalChange, OccurrenceRecord};
use super::deletion::{Brake, Deletion, HoldRequest};
use super::fault::Fault;
use super::id::{
    AccountId, AccountRegion, BackupId, Occurrence, PolicyName, Region, SourceKey, Target, Trigger, WorkKey,
};
use super::lane::Lane;
use super::note::Notes;
use super::pause::Pause;
use super::point::{Lifecycle, RecoveryPoint};
use super::time::Time;
use super::timekeeper::Timekeeping;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

mod account_region;
mod accounts;
mod apply;
mod closed_lanes;
mod deletions;
mod disputes;
mod durable;
mod index;
mod own_account;
mod pauses;
mod pending_requests;
mod points;
mod searches;
mod source;
mod source_lookups;

pub use super::dispute::Dispute;
pub use super::intent::PendingRequest;
pub use super::listing_page::ListingPage;
pub use super::schedule_line::Line;
pub use account_region::{AccountRegionState, Listed, Listing, ReadRefusal, Whereabouts};
pub use accounts::{AccountState, Foreign};
pub use closed_lanes::ClosedLane;
pub use index::Index;
pub use pauses::{ORDER_REMEMBERED_FOR, ORDER_REPEATED_WITHIN};
pub use points::RecoveryPoints;
pub use source::{Membership, SourceLookup, SourceState};

/// Upper bounds of the duration histograms, in seconds: a minute to two days.
pub const DURATION_BUCKETS_SECONDS: [f64; 14] = [
    10.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0, 43_200.0, 86_400.0, 172_800.0,
];

/// How long operations of one kind took since this process began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durations {
    /// The number in each of [`DURATION_BUCKETS_SECONDS`] (not cumulative), and one more for those above all.
    pub buckets: [u64; DURATION_BUCKETS_SECONDS.len() + 1],
    /// Their sum.
    pub sum_seconds: f64,
}

/// Up to when the occurrences of a policy are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The end of the recorded period.
    pub through: Time,
    /// When the next one comes due, if any.
    pub next: Option<Time>,
}

/// All that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// By account and id. A source that no policy selects any more stays while it has points. Each is shared with
    /// readers of the state until it changes.
    pub sources: BTreeMap<SourceKey, Arc<SourceState>>,
    /// By account and Region.
    pub places: BTreeMap<AccountRegion, AccountRegionState>,
    /// The daemon's own account, once a response has named it. Until then its key is [`AccountId::own`].
    pub own_account: Option<AccountId>,
    /// When another daemon with the same policy was last noticed: something of ours was found that this database did not
    /// ask for.
    pub peer_seen_at: Option<Time>,
    /// The account that AWS's responses name, for each account that a response has named.
    pub accounts: BTreeMap<AccountId, AccountState>,
    /// Pauses by policy, in the order they began; an ended pause stays until the occurrences that came due in it are
    /// recorded.
    pub pauses: BTreeMap<PolicyName, Vec<Pause>>,
    /// Counters that survive restarts.
    pub counters: BTreeMap<Counter, u64>,
    /// How long backups and copies took.
    pub durations: BTreeMap<Target, Durations>,
    /// Records for people.
    pub notes: Notes,
    /// When the database was created.
    pub created_at: Time,
    /// When this process began.
    pub started_at: Time,
    /// The latest time that a round has seen.
    pub clock: Time,
    /// Which clock is believed, and how far.
    pub timekeeping: Timekeeping,
    /// When this process last removed entries that nothing needs any more.
    pub swept_at: Option<Time>,
    /// The number of searches for sources that were completed: what policies select by tag may have changed.
    pub searches_completed: u64,
    /// The generation of the settings that every source's `membership` reflects.
    pub generation: Option<u64>,
    /// Up to when all occurrences of each policy are recorded.
    pub checked: BTreeMap<PolicyName, Checked>,
    /// Sources with work: something open, requested or in flight, or a route that lacks the newest backup.
    pub active: BTreeSet<SourceKey>,
    /// Planned deletions.
    pub deletions: BTreeMap<(AccountRegion, BackupId), Deletion>,
    /// Requested holds and releases that AWS's inventory does not show yet.
    pub hold_requests: BTreeMap<(AccountRegion, BackupId), HoldRequest>,
    /// When retention reviews each source next.
    pub reviews: BTreeSet<(Time, SourceKey)>,
    /// Deletions held back by the brake until a person confirms, by source and target.
    pub braked: BTreeMap<(SourceKey, Target), Brake>,
    /// Lanes in which AWS refused this process a copy because no slot was free.
    pub closed_lanes: BTreeMap<Lane, ClosedLane>,
    /// Sources quarantined because a change to them was illegal, with the reason.
    pub quarantined: BTreeMap<SourceKey, String>,
}

impl State {
    /// An empty state, as with an empty database.
    #[must_use]
    pub fn new(created_at: Time, started_at: Time) -> Self {
        Self {
            sources: BTreeMap::new(),
            places: BTreeMap::new(),
            own_account: None,
            peer_seen_at: None,
            accounts: BTreeMap::new(),
            pauses: BTreeMap::new(),
            counters: BTreeMap::new(),
            durations: BTreeMap::new(),
            notes: Notes::default(),
            created_at,
            started_at,
            clock: started_at,
            timekeeping: Timekeeping::default(),
            swept_at: None,
            searches_completed: 0,
            generation: None,
            checked: BTreeMap::new(),
            active: BTreeSet::new(),
            deletions: BTreeMap::new(),
            hold_requests: BTreeMap::new(),
            reviews: BTreeSet::new(),
            braked: BTreeMap::new(),
            closed_lanes: BTreeMap::new(),
            quarantined: BTreeMap::new(),
        }
    }

    /// The state of an account and Region.
    #[must_use]
    pub fn place(&self, place: &AccountRegion) -> Option<&AccountRegionState> {
        self.places.get(place)
    }

    /// The point with this id in an account and Region.
    #[must_use]
    pub fn point(&self, place: &AccountRegion, id: &BackupId) -> Option<&RecoveryPoint> {
        self.point_among(place, self.places.get(place)?, id)
    }

    /// The same, given the state of the account and Region.
    #[must_use]
    pub fn point_among(
        &self,
        place: &AccountRegion,
        known: &AccountRegionState,
        id: &BackupId,
    ) -> Option<&RecoveryPoint> {
        let key = known.points.get(id)?.work(place);
        self.sources.get(&key.source)?.points_of(key.occurrence, &key.target).find(|point| point.id == *id)
    }

    /// The intent for this work, if one is open.
    #[must_use]
    pub fn pending_request(&self, key: &WorkKey) -> Option<&PendingRequest> {
        self.sources.get(&key.source)?.pending_requests.get(&(key.occurrence, key.target.clone()))
    }

    /// Whether this call is under way.
    #[must_use]
    pub fn under_way(&self, place: &AccountRegion, call: &CallKey) -> bool {
        self.places.get(place).is_some_and(|known| known.calls.contains(call))
    }

    /// The number of copies in each lane: requested, in flight, and others'.
    #[must_use]
    pub fn lanes_held(&self) -> BTreeMap<Lane, u32> {
        let mut held: BTreeMap<Lane, u32> = BTreeMap::new();
        let mut hold = |lanes: Vec<Lane>| {
            for lane in lanes {
                *held.entry(lane).or_default() += 1;
            }
        };
        for (place, known) in &self.places {
            for lanes in known.others.values() {
                hold(lanes.clone());
            }
            for id in known.poll_schedule.keys() {
                if let Some(point) = self.point(place, id) {
                    hold(point.lanes());
                }
            }
        }
        for (key, source) in self.active_sources() {
            for ((occurrence, target), pending) in &source.pending_requests {
                let Target::Copy(destination) = target else { continue };
                // A request whose copy is in flight must not count twice. `BackupObserved` withdraws the request in the
                // same change.
                if pending.open && !source.points_of(*occurrence, target).any(|point| point.lifecycle.in_flight()) {
                    let kind = source.kind_of_backup(*occurrence);
                    let volume = key.source.is_volume().then_some(&key.source);
                    hold(Lane::of_copy(kind, &key.account, destination, volume));
                }
            }
        }
        held
    }

    /// The sources that a round visits: those that [`State::active`] names.
    pub fn active_sources(&self) -> impl Iterator<Item = (&SourceKey, &SourceState)> {
        self.active.iter().filter_map(|key| Some((key, self.sources.get(key)?.as_ref())))
    }

    /// The number of sources with points of ours that no policy names any more, by the location of the points.
    #[must_use]
    pub fn orphans(&self) -> BTreeMap<AccountRegion, u64> {
        let mut orphans = BTreeMap::new();
        for source in self.sources.values().filter(|source| source.membership.is_none()) {
            let points = source.points.iter().filter(|point| point.lifecycle != Lifecycle::Deleted);
            for place in points.map(|point| &point.place).collect::<BTreeSet<_>>() {
                *orphans.entry(place.clone()).or_default() += 1;
            }
        }
        orphans
    }
}

/// An illegal change, with the contradiction in words.
fn illegal(what: String) -> IllegalChange {
    IllegalChange { what }
}
