//! What AWS reports about sources.

use super::*;
use crate::domain::action::SourceFacts;
use crate::domain::change::IllegalChange;
use crate::domain::id::SourceId;

impl State {
    pub(super) fn source_lookup_sent(
        &mut self,
        account: &AccountId,
        ids: &[SourceId],
        until: Time,
    ) -> Result<(), IllegalChange> {
        for id in ids {
            let key = SourceKey { account: account.clone(), source: id.clone() };
            let lookup = &mut self.source_mut(&key)?.lookup;
            (lookup.not_before, lookup.under_way) = (until, true);
        }
        Ok(())
    }

    /// Repeats lookups after another account responded for this one.
    pub(super) fn repeat_source_lookup(&mut self, account: &AccountId, now: Time) {
        let of_account = self.sources.iter_mut().filter(|(key, _)| key.account == *account);
        of_account.for_each(|(_, source)| std::sync::Arc::make_mut(source).lookup.forgive(now));
    }

    pub(super) fn source_looked_up(
        &mut self,
        account: &AccountId,
        facts: &SourceFacts,
        at: Time,
    ) -> Result<(), IllegalChange> {
        let key = SourceKey { account: account.clone(), source: facts.source.clone() };
        let mut facts = facts.clone();
        // Share names that are already held, since every response brings its own copies of them.
        if let Some((known, _)) = self.sources.get_key_value(&key) {
            facts.source = known.source.clone();
        }
        let on_record = self.accounts.get(account).map(|account| account.id.clone());
        if facts.account == on_record {
            facts.account = on_record;
        }
        self.source_mut(&key)?.lookup = SourceLookup { facts: Some((at, facts)), ..SourceLookup::default() };
        Ok(())
    }

    pub(super) fn source_lookup_failed(
        &mut self,
        key: &SourceKey,
        fault: &Fault,
        at: Time,
        not_before: Time,
        batch: Option<usize>,
    ) -> Result<(), IllegalChange> {
        let lookup = &mut self.source_mut(key)?.lookup;
        lookup.batch = batch;
        lookup.under_way = false;
        lookup.not_before = not_before;
        // A refused batch says nothing about any single source in it.
        if batch.is_none() {
            lookup.failures = lookup.failures_with(fault);
            lookup.fault = Some((at, fault.clone()));
        }
        Ok(())
    }
}
