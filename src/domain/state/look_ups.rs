//! What AWS says of sources, as it comes in.

use super::*;
use crate::domain::action::SourceFacts;
use crate::domain::change::IllegalChange;
use crate::domain::id::SourceId;

impl State {
    pub(super) fn look_up_sent(
        &mut self,
        account: &AccountName,
        ids: &[SourceId],
        until: Time,
    ) -> Result<(), IllegalChange> {
        for id in ids {
            let key = SourceKey { account: account.clone(), source: id.clone() };
            let look_up = &mut self.source_mut(&key)?.look_up;
            (look_up.not_before, look_up.under_way) = (until, true);
        }
        Ok(())
    }

    /// After another account answered for this one.
    pub(super) fn look_up_again(&mut self, account: &AccountName, now: Time) {
        let of_account = self.sources.iter_mut().filter(|(key, _)| key.account == *account);
        of_account.for_each(|(_, source)| std::sync::Arc::make_mut(source).look_up.forgive(now));
    }

    pub(super) fn looked_up(
        &mut self,
        account: &AccountName,
        facts: &SourceFacts,
        at: Time,
    ) -> Result<(), IllegalChange> {
        let key = SourceKey { account: account.clone(), source: facts.source.clone() };
        let mut facts = facts.clone();
        // Names that are held already, since every answer brings its own copies of the same few.
        if let Some((known, _)) = self.sources.get_key_value(&key) {
            facts.source = known.source.clone();
        }
        let on_record = self.accounts.get(account).map(|account| account.id.clone());
        if facts.account == on_record {
            facts.account = on_record;
        }
        self.source_mut(&key)?.look_up = LookUp { facts: Some((at, facts)), ..LookUp::default() };
        Ok(())
    }

    pub(super) fn look_up_failed(
        &mut self,
        key: &SourceKey,
        fault: &Fault,
        at: Time,
        not_before: Time,
        batch: Option<usize>,
    ) -> Result<(), IllegalChange> {
        let look_up = &mut self.source_mut(key)?.look_up;
        look_up.batch = batch;
        look_up.under_way = false;
        look_up.not_before = not_before;
        // A refused batch says nothing about any one source in it.
        if batch.is_none() {
            look_up.failures = look_up.failures_with(fault);
            look_up.fault = Some((at, fault.clone()));
        }
        Ok(())
    }
}
