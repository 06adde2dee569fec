//! What was asked of AWS, and what came of it.

use super::apply::illegal;
use super::*;
use crate::domain::action::Request;
use crate::domain::fault::FaultClass;
use crate::domain::limits::FAILURES_AFTER_AN_ANSWER;

impl State {
    pub(super) fn asked(
        &mut self,
        key: &WorkKey,
        attempt: u32,
        request: &Arc<Request>,
        at: Time,
    ) -> Result<(), IllegalChange> {
        let source = self.source_mut(&key.source)?;
        let slot = (key.occurrence, key.target.clone());
        if let Some(ask) = source.asks.get_mut(&slot).filter(|ask| ask.open) {
            if ask.attempt != attempt || ask.request != *request {
                return Err(illegal(format!("{key}: asked again in other words while the first ask may stand")));
            }
            ask.last_asked_at = at;
            ask.asks = ask.asks.saturating_add(1);
            return Ok(());
        }
        if source.good_point(key.occurrence, &key.target).is_some() {
            return Err(illegal(format!("{key}: asked for although it exists")));
        }
        if attempt <= source.highest_attempt(key.occurrence, &key.target) {
            return Err(illegal(format!("{key}: attempt {attempt} was made before")));
        }
        let from_available = source.good_point(key.occurrence, &Target::Backup).is_some_and(Point::available);
        if key.target != Target::Backup && !from_available {
            return Err(illegal(format!("{key}: a copy of a backup that is not AVAILABLE")));
        }
        let failures = source.asks.get(&slot).map_or(0, |ask| ask.failures);
        let ask = Ask {
            attempt,
            request: request.clone(),
            open: true,
            first_asked_at: at,
            last_asked_at: at,
            asks: 1,
            failures,
            not_before: at,
            fault: None,
        };
        source.asks.insert(slot, ask);
        self.reindex(&key.source);
        Ok(())
    }

    /// An ask was refused, or got no answer.
    pub(super) fn unfulfilled(
        &mut self,
        key: &WorkKey,
        fault: &Fault,
        definite: bool,
        not_before: Time,
    ) -> Result<(), IllegalChange> {
        self.with_ask(key, |aside, ask| {
            ask.failures = ask.failures_with(fault.class);
            ask.fault = Some(fault.clone());
            ask.not_before = not_before;
            if definite {
                ask.withdraw();
            }
            if fault.class.needs_a_person() {
                aside.insert(key.target.clone(), (fault.clone(), not_before));
            } else if definite {
                aside.remove(&key.target);
            }
        })
    }

    pub(super) fn disproved(&mut self, key: &WorkKey) -> Result<(), IllegalChange> {
        self.with_ask(key, |_, ask| {
            ask.withdraw();
            ask.not_before = Time::ZERO;
        })
    }

    pub(super) fn retriable(&mut self, key: &WorkKey) -> Result<(), IllegalChange> {
        self.with_ask(key, |_, ask| {
            ask.not_before = Time::ZERO;
            ask.failures = 0;
        })
    }

    /// Changes an ask, and what of its source is set aside.
    fn with_ask(
        &mut self,
        key: &WorkKey,
        change: impl FnOnce(&mut BTreeMap<Target, (Fault, Time)>, &mut Ask),
    ) -> Result<(), IllegalChange> {
        let source = self.source_mut(&key.source)?;
        let Some(ask) = source.asks.get_mut(&(key.occurrence, key.target.clone())) else {
            return Err(illegal(format!("{key}: nothing was asked")));
        };
        change(&mut source.aside, ask);
        self.reindex(&key.source);
        Ok(())
    }
}

impl Ask {
    /// How many failures in a row this one makes. Of refusals for want of a slot the lane keeps count: how often a route was
    /// its probe says nothing of the route.
    #[must_use]
    pub fn failures_with(&self, class: FaultClass) -> u32 {
        let more = self.failures.saturating_add(u32::from(class != FaultClass::NoSlot));
        if class.passes_by_itself() { more } else { more.min(FAILURES_AFTER_AN_ANSWER) }
    }

    /// AWS made nothing of it.
    fn withdraw(&mut self) {
        self.open = false;
        self.asks = 0;
    }
}
