//! Which account a response comes from.

use super::*;
use crate::domain::change::AccountEvidence;
use crate::domain::id::{AccountId, account_of_arn};
use crate::domain::limits::PROOF_AFTER;

/// The code of a fault for a response from another account.
pub(super) const OTHER_ACCOUNT: &str = "OtherAccount";
/// The delay before an empty listing is repeated, once another response has named the account.
const LIST_AGAIN: Duration = Duration::from_secs(90);

impl OutcomeProcessor<'_> {
    /// Checks which account a response names. A response from an account that is not on record becomes a failure, and
    /// nothing in it is used.
    pub(super) fn of_whom(&mut self, outcome: Outcome) -> Outcome {
        let account = &self.place.account;
        let expected = self.state.expected_account(account);
        let (mut named, mut other) = (false, None);
        each_name(&outcome, &mut |id: &str| match expected {
            Some(expected) if expected.as_str() == id => named = true,
            _ => drop(other.get_or_insert_with(|| AccountId::from(id))),
        });
        let at = self.now;
        match (expected, other) {
            (Some(expected), _) if named => {
                self.named = true;
                if !self.state.accounts.contains_key(account) {
                    self.push(Change::AccountRecorded { account: account.clone(), id: expected.clone(), at });
                }
                self.look_where_another_answered();
                self.push(Change::Account(AccountEvidence::Proven { place: self.place.clone(), at }));
            }
            (None, Some(id)) => {
                self.named = true;
                self.push(Change::AccountRecorded { account: account.clone(), id, at });
            }
            (Some(expected), Some(id)) => {
                let fault = foreign(expected, &id);
                self.push(Change::Account(AccountEvidence::Foreign {
                    place: self.place.clone(),
                    id,
                    fault: fault.clone(),
                    at,
                }));
                return Outcome::Failed(fault);
            }
            _ => {}
        }
        outcome
    }

    /// The credentials are right again: Regions that responded for another account are read again soon, before their
    /// next listing.
    fn look_where_another_answered(&mut self) {
        let of_account = |(place, known): &(&AccountRegion, &AccountRegionState)| {
            place.account == self.place.account && *place != self.place && known.foreign.is_some()
        };
        let places: Vec<AccountRegion> =
            self.state.places.iter().filter(of_account).map(|(place, _)| place.clone()).collect();
        let at = self.now.plus(PROOF_AFTER);
        places.into_iter().for_each(|place| self.push(Change::ListingWanted { place, at }));
    }

    /// Whether a complete listing that names no account is believed: it does not contradict the record, or an earlier
    /// listing did and another response has named the account since. Otherwise another response has to name the
    /// account, and the listing is repeated.
    pub(super) fn nobody_there(&mut self, began_at: Time) -> bool {
        let account = &self.place.account;
        let foreign = self.here.and_then(|known| known.foreign.as_ref());
        if foreign.is_some_and(|foreign| self.state.proven_since(account, foreign)) {
            self.push(Change::Account(AccountEvidence::Cleared { place: self.place.clone(), at: self.now }));
        }
        let proven = self.state.named_between(self.place, began_at) || self.state.doubted_in_vain(account);
        if proven || !self.contradicted() {
            return true;
        }
        let (account, place, at) = (account.clone(), self.place.clone(), self.now);
        self.push(Change::Account(AccountEvidence::Silent { place: place.clone(), at }));
        self.push(Change::Account(AccountEvidence::Doubted { account, since: at, at }));
        let not_before = self.now.plus(LIST_AGAIN);
        self.push(Change::ListingStalled { place, not_before, restart: true });
        false
    }

    /// Whether an empty listing would remove anything from the record.
    fn contradicted(&self) -> bool {
        let held = self.here.is_some_and(|known| !known.points.is_empty() || !known.others.is_empty());
        let asked = || {
            let keys = self.state.active.iter().filter(|key| key.account == self.place.account);
            keys.filter_map(|key| self.state.sources.get(key)).any(|source| {
                let here = |target: &Target| match target {
                    Target::Backup => source.region == self.place.region,
                    Target::Copy(region) => *region == self.place.region,
                };
                source.pending_requests.iter().any(|((_, target), pending)| pending.open && here(target))
            })
        };
        held || asked()
    }
}

/// The account that a response names first.
#[must_use]
pub fn account_named_by(outcome: &Outcome) -> Option<AccountId> {
    let mut first = None;
    each_name(outcome, &mut |id: &str| {
        if first.is_none() {
            first = Some(AccountId::from(id));
        }
    });
    first
}

fn each_name(outcome: &Outcome, name: &mut impl FnMut(&str)) {
    match outcome {
        Outcome::Made(observed) => names(std::slice::from_ref(observed.as_ref()), name),
        Outcome::Page { observed_backups, .. } | Outcome::Polled(observed_backups) => names(observed_backups, name),
        Outcome::SourcesDescribed(facts) | Outcome::SourcesFound { facts, .. } => {
            facts.iter().filter_map(|facts| facts.account.as_ref()).for_each(|id| name(id.as_str()));
        }
        Outcome::Deleted | Outcome::HoldSet | Outcome::Failed(_) => {}
    }
}

/// The accounts in the ARNs of observations; thousands in a row name the same one.
fn names(observed_backups: &[ObservedBackup], name: &mut impl FnMut(&str)) {
    let mut before = None;
    for account in observed_backups.iter().filter_map(|observed| account_of_arn(observed.arn.as_deref()?)) {
        if before != Some(account) {
            name(account);
            before = Some(account);
        }
    }
}

fn foreign(expected: &AccountId, other: &AccountId) -> Fault {
    let what = format!(
        "the answers come from account {other}, not from {expected}: nothing is believed, asked for or deleted \
         there until they come from {expected} again; correct the profile, role, key or endpoint, or, to change \
         accounts on purpose, name a new `[daemon] state` and restart"
    );
    Fault::new(FaultClass::Credentials, OTHER_ACCOUNT, &what)
}
