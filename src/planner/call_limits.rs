//! Which calls are allowed now: limits on concurrent calls per account and Region, and what must be known first.
//!
//! An account and Region take only a few calls at a time, and fewer while calls are failing. Nothing new is requested
//! there before its inventory was read, because it may contain what a lost database no longer knows.

use super::retry::{PLACE_OUT_OF_ORDER, pause_for_place};
use crate::domain::action::CallKey;
use crate::domain::id::{AccountRegion, SourceKey, WorkKey};
use crate::domain::limits::{LISTING_LAG, PEER_REMEMBERED_FOR, TOKEN_TRUSTED_FOR};
use crate::domain::plan::{Plan, Reason, Waiting};
use crate::domain::state::{AccountRegionState, PendingRequest, SourceState, State};
use crate::domain::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// Concurrent create calls per account and Region.
const MAKES_AT_ONCE: usize = 12;
/// Concurrent read calls per account and Region.
const READS_AT_ONCE: usize = 4;
/// Concurrent calls that delete or hold, per account and Region.
const DELETES_AT_ONCE: usize = 4;
/// For how long after its end a listing that took longer than AWS remembers tokens counts as young.
const USED_AFTER_SLOW_LISTING: Duration = Duration::from_secs(60);
/// The error code with which AWS may answer a token whose object was deleted (fsx-facts 3.1: UNVERIFIED).
pub(super) const WHAT_IT_MADE_IS_GONE: &str = "BackupNotFound";

/// Counts the calls of a round per account and Region.
pub struct CallLimits<'a> {
    /// The state.
    pub state: &'a State,
    /// The time of the round.
    pub now: Time,
    makes: BTreeMap<AccountRegion, usize>,
    reads: BTreeMap<AccountRegion, usize>,
    deletes: BTreeMap<AccountRegion, usize>,
}

/// Why a call is blocked, and until when, if known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The reason.
    pub reason: Reason,
    /// When it may be retried, if known.
    pub until: Option<Time>,
    /// The reason in words.
    pub detail: String,
}

impl Blocked {
    /// Converts it to an entry of the plan.
    #[must_use]
    pub fn waiting(self, policy: &crate::domain::id::PolicyName, key: &WorkKey) -> Waiting {
        let destination = match &key.target {
            crate::domain::id::Target::Backup => None,
            crate::domain::id::Target::Copy(region) => Some(region.clone()),
        };
        Waiting {
            policy: policy.clone(),
            source: key.source.clone(),
            destination,
            reason: self.reason,
            until: self.until,
            detail: self.detail,
        }
    }
}

impl<'a> CallLimits<'a> {
    /// No calls in this round yet.
    #[must_use]
    pub fn new(state: &'a State, now: Time) -> Self {
        let nothing = BTreeMap::new;
        let mut call_limits = Self { state, now, makes: nothing(), reads: nothing(), deletes: nothing() };
        for (place, known) in &state.places {
            for call in &known.calls {
                let count = match call {
                    CallKey::Make(_) => &mut call_limits.makes,
                    CallKey::List | CallKey::Poll(_) | CallKey::DescribeSources(_) | CallKey::Search => {
                        &mut call_limits.reads
                    }
                    CallKey::Delete(_) | CallKey::Hold(_) => &mut call_limits.deletes,
                };
                *count.entry(place.clone()).or_default() += 1;
            }
        }
        call_limits
    }

    fn sent(&self, place: &AccountRegion) -> usize {
        [&self.makes, &self.reads, &self.deletes].iter().map(|count| count.get(place).unwrap_or(&0)).sum()
    }

    /// Whether any call to this account and Region is allowed.
    fn place_open(&self, place: &AccountRegion) -> Result<(), Blocked> {
        let Some(known) = self.state.place(place) else { return Ok(()) };
        let Some((fault, at)) = known.trouble.as_ref().filter(|_| known.failures >= PLACE_OUT_OF_ORDER) else {
            return Ok(());
        };
        let again = at.plus(pause_for_place(fault.class, known.failures, 0.5));
        let detail = format!("{} does not serve us: {fault}", place.region);
        if self.now < again {
            return Err(Blocked { reason: Reason::Region, until: Some(again), detail });
        }
        if self.sent(place) > 0 {
            return Err(Blocked { reason: Reason::Region, until: None, detail });
        }
        Ok(())
    }

    /// Whether the account on record responds; only reads can show when it does again.
    fn ours(&self, place: &AccountRegion) -> Result<(), Blocked> {
        match self.state.foreign_at(place) {
            Some(foreign) => {
                Err(Blocked { reason: Reason::NeedsPerson, until: None, detail: foreign.fault.to_string() })
            }
            None => Ok(()),
        }
    }

    /// Reserves a read call.
    ///
    /// # Errors
    /// Why it is blocked.
    pub fn read(&mut self, place: &AccountRegion) -> Result<(), Blocked> {
        self.place_open(place)?;
        let reads = self.reads.entry(place.clone()).or_default();
        if *reads >= READS_AT_ONCE {
            return Err(Blocked { reason: Reason::CallLimit, until: None, detail: format!("{reads} calls under way") });
        }
        *reads += 1;
        Ok(())
    }

    /// Reserves a create call.
    ///
    /// # Errors
    /// Why it is blocked.
    pub fn make(&mut self, place: &AccountRegion) -> Result<(), Blocked> {
        self.ours(place)?;
        self.place_open(place)?;
        let makes = self.makes.entry(place.clone()).or_default();
        if *makes >= MAKES_AT_ONCE {
            return Err(Blocked { reason: Reason::CallLimit, until: None, detail: format!("{makes} calls under way") });
        }
        *makes += 1;
        Ok(())
    }

    /// Reserves a call that deletes or holds.
    ///
    /// # Errors
    /// Why it is blocked.
    pub fn delete(&mut self, place: &AccountRegion) -> Result<(), Blocked> {
        self.ours(place)?;
        self.place_open(place)?;
        let deletes = self.deletes.entry(place.clone()).or_default();
        if *deletes >= DELETES_AT_ONCE {
            return Err(Blocked {
                reason: Reason::CallLimit,
                until: None,
                detail: format!("{deletes} calls under way"),
            });
        }
        *deletes += 1;
        Ok(())
    }

    /// Whether the inventory is known well enough to request something new for this source.
    ///
    /// A listing that began two minutes after this database was created shows everything that a lost database
    /// requested. A source without anything older than this database need not wait for it: for ten minutes the token is
    /// proof enough. A source that was protected before must wait: the token contains the attempt, the first attempt
    /// may be deleted, and a listing may not show the second yet.
    ///
    /// # Errors
    /// What has to be read first.
    pub fn inventory_known_for(&self, place: &AccountRegion, source: &SourceState) -> Result<(), Blocked> {
        self.listed(place)?;
        let database_created_at = self.state.created_at;
        let token_catches = self.now < database_created_at.plus(TOKEN_TRUSTED_FOR);
        if token_catches && source.points.iter().all(|point| point.created_at >= database_created_at) {
            return Ok(());
        }
        self.inventory_known(place)
    }

    /// The same for a source by key; an unknown source needs the full proof.
    ///
    /// # Errors
    /// What has to be read first.
    pub fn inventory_known_of(&self, place: &AccountRegion, key: &SourceKey) -> Result<(), Blocked> {
        match self.state.sources.get(key) {
            Some(source) => self.inventory_known_for(place, source),
            None => self.inventory_known(place),
        }
    }

    /// Whether the inventory is known for certain, whatever a lost database requested.
    ///
    /// # Errors
    /// What has to be read first.
    pub fn inventory_known(&self, place: &AccountRegion) -> Result<(), Blocked> {
        self.listed(place)?;
        let settled = self.state.created_at.plus(LISTING_LAG);
        if self.state.place(place).is_some_and(|known| known.listed_since(settled)) {
            return Ok(());
        }
        let detail = format!("the database is new: {} is listed once more before anything is asked", place.region);
        Err(Blocked { reason: Reason::Listing, until: None, detail })
    }

    /// Whether another daemon with the same policy cannot have asked for this longer ago than AWS remembers tokens, unseen.
    /// It may have since `possible_since`; the first attempt is then caught by its token. Else a complete listing has to be
    /// as young, which this returns the time of.
    ///
    /// Where a listing takes longer than AWS remembers tokens, none can be that young. The newest is then good for a
    /// moment after its last page: a copy that may be made twice is better than one that is never made.
    #[must_use]
    pub fn peer_may_have_asked(&self, place: &AccountRegion, possible_since: Time, attempt: u32) -> Option<Time> {
        let peer = self.state.peer_seen_at.is_some_and(|at| at.plus(PEER_REMEMBERED_FOR) > self.now);
        let token_catches = attempt == 1 && self.now < possible_since.plus(TOKEN_TRUSTED_FOR);
        if !peer || token_catches {
            return None;
        }
        let Some(known) = self.state.place(place) else { return Some(self.now) };
        let took = known.listed.map_or(Duration::ZERO, |listed| listed.took);
        let slow = took.saturating_add(USED_AFTER_SLOW_LISTING);
        let since = self.now.minus(if took < TOKEN_TRUSTED_FOR { TOKEN_TRUSTED_FOR } else { slow });
        let begun = known.listing.as_ref().map(|listing| listing.began_at);
        let under_way = begun.max(known.listing_wanted).filter(|from| *from >= since);
        (!known.listed_since(since)).then(|| under_way.unwrap_or(self.now))
    }

    /// Whether it is known which backup of a source is the newest: since this database was created, the source's own
    /// Region was listed completely, late enough to show what a lost database began. Copying an older backup would
    /// waste a slot for hours.
    ///
    /// # Errors
    /// What has to be read first.
    pub fn newest_known(&self, home: &AccountRegion, source: &SourceState) -> Result<(), Blocked> {
        let database_created_at = self.state.created_at;
        let read = self.state.place(home).and_then(|known| known.listed);
        match read {
            Some(read) if read.began_at >= database_created_at.plus(LISTING_LAG) => Ok(()),
            Some(_) if source.points.iter().all(|point| point.created_at >= database_created_at) => Ok(()),
            Some(_) => self.inventory_known(home),
            None => self.listed(home),
        }
    }

    /// Whether this process has completed a listing of this account and Region.
    fn listed(&self, place: &AccountRegion) -> Result<(), Blocked> {
        let known = self.state.place(place);
        if known.is_some_and(|place| place.known()) {
            return Ok(());
        }
        Err(match known.and_then(AccountRegionState::unread_because) {
            Some(fault) => Blocked {
                reason: Reason::Region,
                until: None,
                detail: format!("{} could not be listed yet: {fault}", place.region),
            },
            None => Blocked {
                reason: Reason::Listing,
                until: None,
                detail: format!("{} is being listed for the first time", place.region),
            },
        })
    }
}

impl CallLimits<'_> {
    /// The attempt to request next: one above the highest that is known to have created something.
    ///
    /// An object requested by a lost database may have been deleted while AWS still knows its token: then that token is
    /// answered with BackupNotFound forever. Such a response counts as a deleted attempt, once later listings show that
    /// the source backup exists and that no object made with the token exists.
    #[must_use]
    pub fn next_attempt(&self, place: &AccountRegion, key: &WorkKey, source: &SourceState) -> u32 {
        let made = source.highest_attempt(key.occurrence, &key.target);
        let since = |place: &AccountRegion, time| self.state.place(place).is_some_and(|known| known.listed_since(time));
        let home = AccountRegion { account: key.source.account.clone(), region: source.region.clone() };
        let gone = source.pending_requests.get(&(key.occurrence, key.target.clone())).filter(|pending| {
            let answered =
                !pending.open && pending.fault.as_ref().is_some_and(|fault| fault.code == WHAT_IT_MADE_IS_GONE);
            let asked_at = pending.last_asked_at;
            answered && since(place, asked_at.plus(LISTING_LAG)) && since(&home, asked_at)
        });
        made.max(gone.map_or(0, |pending| pending.attempt)).saturating_add(1)
    }
}

/// What to do with a pending request whose response is outstanding, was lost, or proved nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum PendingDecision {
    /// Repeat it, word for word.
    Repeat,
    /// AWS's inventory proves that it created nothing.
    NeverApplied,
    /// A listing that begins at or after this is needed first.
    NeedsListing(Time),
    /// Wait.
    Wait(Blocked),
}

impl CallLimits<'_> {
    /// Decides about an open request (product.md, “Unknown answers”).
    #[must_use]
    pub fn decide_pending(&self, place: &AccountRegion, key: &WorkKey, pending: &PendingRequest) -> PendingDecision {
        if self.state.under_way(place, &CallKey::Make(key.clone())) {
            let detail = "asked; the answer is outstanding".to_owned();
            return PendingDecision::Wait(Blocked { reason: Reason::AwaitingResponse, until: None, detail });
        }
        let proof_from = pending.last_asked_at.plus(LISTING_LAG);
        if self.state.place(place).is_some_and(|known| known.listed_since(proof_from)) {
            return PendingDecision::NeverApplied;
        }
        if self.now < pending.not_before {
            return PendingDecision::Wait(backoff(pending));
        }
        if self.now.since(pending.first_asked_at) < TOKEN_TRUSTED_FOR {
            return PendingDecision::Repeat;
        }
        PendingDecision::NeedsListing(proof_from)
    }
}

/// Why a request that backs off is blocked.
#[must_use]
pub fn backoff(pending: &PendingRequest) -> Blocked {
    let reason = if pending.needs_person().is_some() { Reason::NeedsPerson } else { Reason::Backoff };
    let detail = pending.fault.as_ref().map_or_else(|| "waiting".to_owned(), ToString::to_string);
    Blocked { reason, until: Some(pending.not_before), detail }
}

/// Records blocked work in the plan.
pub fn wait(plan: &mut Plan, policy: &crate::domain::id::PolicyName, key: &WorkKey, blocked: Blocked) {
    if let Some(until) = blocked.until {
        plan.wake.earlier(until, "a pause ends");
    }
    plan.waiting.push(blocked.waiting(policy, key));
}
