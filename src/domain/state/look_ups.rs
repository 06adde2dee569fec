//! What AWS says of sources, as it comes in.

use super::*;
use crate::domain::change::IllegalChange;

impl State {
    pub(super) fn apply_look_up(&mut self, change: &Change) -> Result<(), IllegalChange> {
        match change {
            Change::LookUpSent { account, ids, until } => {
                for id in ids {
                    let key = SourceKey { account: account.clone(), source: id.clone() };
                    let look_up = &mut self.source_mut(&key)?.look_up;
                    (look_up.not_before, look_up.under_way) = (*until, true);
                }
            }
            Change::LookedUp { account, facts, at } => {
                let key = SourceKey { account: account.clone(), source: facts.source.clone() };
                let source = self.source_mut(&key)?;
                source.look_up = LookUp { facts: Some((*at, (**facts).clone())), ..LookUp::default() };
            }
            Change::LookUpFailed { source: key, fault, at, not_before, batch } => {
                let look_up = &mut self.source_mut(key)?.look_up;
                look_up.batch = *batch;
                look_up.under_way = false;
                look_up.not_before = *not_before;
                // A refused batch says nothing about any one source in it.
                if batch.is_none() {
                    look_up.fault = Some((*at, fault.clone()));
                    look_up.failures = look_up.failures.saturating_add(1);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
