//! Which account AWS's responses come from.
//!
//! A profile, a key or an endpoint can be changed under the same name. Lifeboat would then compare its records with
//! another account's inventory, find nothing of its own there, and conclude that every recovery point is lost. So it
//! records the first account that a response names. A response that names another account is not believed, and one that
//! names no account does not outweigh the record.

use super::*;
use crate::domain::change::AccountEvidence;
use crate::domain::limits::PROOF_AFTER;

/// An account proven at most this long ago is assumed to be the one that responds.
const PROOF_LASTS: Duration = Duration::from_secs(2 * 60);

/// A silent account is believed after this long: an account in which nothing is left cannot prove itself.
const DOUBT_ENDS_AFTER: Duration = Duration::from_secs(3 * 86_400);
/// The longest time that counts between two silent responses, so that a clock jump is not taken for days of silence.
const SILENCE_AT_ONCE: Duration = Duration::from_secs(3600);

/// An account that AWS has named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// The account that the first response named.
    pub id: AccountId,
    /// When a response to this process last named it.
    pub proven_at: Option<Time>,
    /// Since when a response that names no account contradicts the record, so that another response has to name it.
    pub proof_wanted: Option<Time>,
    /// When the last such response came, and for how long all responses were of this kind.
    pub silent: Option<(Time, Duration)>,
}

/// Responses come from an account that is not the one on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The account that they name.
    pub id: AccountId,
    /// Since when.
    pub since: Time,
    /// When the last of them came.
    pub seen_at: Time,
    /// The error in words.
    pub fault: Fault,
}

impl AccountState {
    /// An account on record that no response has named yet.
    #[must_use]
    pub fn recorded(id: AccountId) -> Self {
        Self { id, proven_at: None, proof_wanted: None, silent: None }
    }
}

impl State {
    /// The account whose responses are believed, if it is known: the one on record, else the one of that id.
    #[must_use]
    pub fn expected_account<'a>(&'a self, account: &'a AccountId) -> Option<&'a AccountId> {
        let recorded = self.accounts.get(account).map(|known| &known.id);
        recorded.or_else(|| account.is_named().then_some(account))
    }

    /// Why no response of an account is believed: one of its Regions names another account. A Region that has become
    /// unreachable is ignored once the account has proven itself elsewhere; otherwise it would block all others.
    #[must_use]
    pub fn foreign(&self, account: &AccountId) -> Option<&Foreign> {
        self.expected_account(account)?;
        let of_account = self.places.iter().filter(|(place, _)| place.account == *account);
        let mut foreign = of_account.filter_map(|(_, known)| Some((known, known.foreign.as_ref()?)));
        let silent = |known: &AccountRegionState, foreign: &Foreign| {
            known.silent_after(foreign.seen_at) && self.proven_since(account, foreign)
        };
        foreign.find(|(known, foreign)| !silent(known, foreign)).map(|(_, foreign)| foreign)
    }

    /// The same for one account and Region, which is also not believed until it names its account.
    #[must_use]
    pub fn foreign_at(&self, place: &AccountRegion) -> Option<&Foreign> {
        let expected = self.expected_account(&place.account).is_some();
        let here = self.places.get(place).and_then(|known| known.foreign.as_ref()).filter(|_| expected);
        here.or_else(|| self.foreign(&place.account))
    }

    /// Whether something missing from a response at `since` really is missing: a later response names the account on
    /// record. An account without a record proves itself.
    #[must_use]
    pub fn proven_after(&self, account: &AccountId, since: Time) -> bool {
        let Some(known) = self.accounts.get(account) else { return true };
        self.foreign(account).is_none() && known.proven_at.is_some_and(|at| at >= since.plus(PROOF_AFTER))
    }

    /// Whether a complete listing that began at `began_at` and names no account comes from the account on record: an
    /// earlier listing named none either, and another response has named the account since. A response before that
    /// proves nothing, since credentials can change between two responses.
    #[must_use]
    pub fn named_between(&self, place: &AccountRegion, began_at: Time) -> bool {
        let Some(known) = self.accounts.get(&place.account) else { return true };
        let silent_since = self.places.get(place).and_then(|known| known.silent_since);
        let since = silent_since.map(|since| since.plus(PROOF_AFTER).max(began_at.minus(PROOF_LASTS)));
        self.foreign(&place.account).is_none() && since.is_some_and(|since| known.proven_at >= Some(since))
    }

    /// Whether an account has proven itself since this account and Region last responded for another: the credentials
    /// are right again, and an empty Region can only show that by naming no account.
    #[must_use]
    pub fn proven_since(&self, account: &AccountId, foreign: &Foreign) -> bool {
        let proven_at = self.accounts.get(account).and_then(|known| known.proven_at);
        proven_at.is_some_and(|at| at >= foreign.seen_at.plus(PROOF_AFTER))
    }

    /// Whether an account has been silent for so long that its responses are believed.
    #[must_use]
    pub fn doubted_in_vain(&self, account: &AccountId) -> bool {
        let silent = self.accounts.get(account).and_then(|known| known.silent);
        self.foreign(account).is_none() && silent.is_some_and(|(_, lasted)| lasted >= DOUBT_ENDS_AFTER)
    }

    pub(super) fn account_recorded(&mut self, account: &AccountId, id: &AccountId, at: Time) {
        let known = self.accounts.entry(account.clone()).or_insert_with(|| AccountState::recorded(id.clone()));
        known.proven_at = known.proven_at.max(Some(at));
    }

    pub(super) fn account_shown(&mut self, evidence: &AccountEvidence) {
        match evidence {
            AccountEvidence::Proven { place, at } => {
                if let Some(known) = self.accounts.get_mut(&place.account) {
                    known.proven_at = known.proven_at.max(Some(*at));
                    if known.proof_wanted.is_some_and(|wanted| wanted.plus(PROOF_AFTER) <= *at) {
                        (known.proof_wanted, known.silent) = (None, None);
                    }
                }
                self.answers_for_itself(place, *at);
            }
            AccountEvidence::Foreign { place, id, fault, at } => {
                let known = self.places.entry(place.clone()).or_default();
                let since = known.foreign.as_ref().map_or(*at, |before| before.since);
                known.foreign = Some(Foreign { id: id.clone(), since, seen_at: *at, fault: fault.clone() });
            }
            AccountEvidence::Cleared { place, at } => self.answers_for_itself(place, *at),
            AccountEvidence::Silent { place, at } => {
                let known = self.places.entry(place.clone()).or_default();
                known.silent_since = known.silent_since.or(Some(*at));
            }
            AccountEvidence::Doubted { account, since, at } => {
                if let Some(known) = self.accounts.get_mut(account) {
                    known.proof_wanted = known.proof_wanted.or(Some(*since));
                    let (before, lasted) = known.silent.unwrap_or((*at, Duration::ZERO));
                    known.silent = Some((*at, lasted.saturating_add(at.since(before).min(SILENCE_AT_ONCE))));
                }
            }
        }
    }

    fn answers_for_itself(&mut self, place: &AccountRegion, now: Time) {
        let foreign = self.places.get_mut(place).and_then(|known| known.foreign.take());
        if foreign.is_some() {
            self.repeat_source_lookup(&place.account, now);
        }
    }

    pub(super) fn accounts_clock_went_back(&mut self, to: Time) {
        for known in self.accounts.values_mut() {
            known.proven_at = known.proven_at.map(|at| at.min(to));
            known.proof_wanted = known.proof_wanted.map(|at| at.min(to));
            known.silent = known.silent.map(|(at, lasted)| (at.min(to), lasted));
        }
        for foreign in self.places.values_mut().filter_map(|known| known.foreign.as_mut()) {
            (foreign.since, foreign.seen_at) = (foreign.since.min(to), foreign.seen_at.min(to));
        }
    }
}
