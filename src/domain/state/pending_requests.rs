//! Requests to AWS that have not succeeded yet.

use super::*;
use crate::domain::action::Request;
use crate::domain::intent::{Creation, Intent};

impl State {
    pub(super) fn request_recorded(
        &mut self,
        key: &WorkKey,
        attempt: u32,
        request: &Arc<Request>,
        at: Time,
    ) -> Result<(), IllegalChange> {
        let source = self.source_mut(&key.source)?;
        let slot = (key.occurrence, key.target.clone());
        if let Some(pending) = source.pending_requests.get_mut(&slot).filter(|pending| pending.open) {
            if pending.attempt != attempt || pending.request != *request {
                return Err(illegal(format!("{key}: asked again in other words while the first request may stand")));
            }
            pending.last_asked_at = at;
            pending.sent = pending.sent.saturating_add(1);
            return Ok(());
        }
        if source.good_point(key.occurrence, &key.target).is_some() {
            return Err(illegal(format!("{key}: asked for although it exists")));
        }
        if attempt <= source.highest_attempt(key.occurrence, &key.target) {
            return Err(illegal(format!("{key}: attempt {attempt} was made before")));
        }
        let from_available = source.good_point(key.occurrence, &Target::Backup).is_some_and(RecoveryPoint::available);
        if key.target != Target::Backup && !from_available {
            return Err(illegal(format!("{key}: a copy of a backup that is not AVAILABLE")));
        }
        let failures = source.pending_requests.get(&slot).map_or(0, |pending| pending.failures);
        let creation =
            Creation { attempt, request: request.clone(), open: true, first_asked_at: at, last_asked_at: at, sent: 1 };
        let pending = Intent { failures, not_before: at, ..Intent::of(creation) };
        source.pending_requests.insert(slot, pending);
        self.reindex(&key.source);
        Ok(())
    }

    /// A pending request was refused, or got no response.
    pub(super) fn request_failed(
        &mut self,
        key: &WorkKey,
        fault: &Fault,
        definite: bool,
        not_before: Time,
    ) -> Result<(), IllegalChange> {
        self.with_pending(key, |blocked, pending| {
            pending.failed(fault, not_before);
            if definite {
                pending.withdraw();
            }
            if fault.class.needs_a_person() {
                blocked.insert(key.target.clone(), (fault.clone(), not_before));
            } else if definite {
                blocked.remove(&key.target);
            }
        })
    }

    pub(super) fn request_never_applied(&mut self, key: &WorkKey) -> Result<(), IllegalChange> {
        self.with_pending(key, |_, pending| {
            pending.withdraw();
            pending.not_before = Time::ZERO;
        })
    }

    pub(super) fn request_retry_allowed(&mut self, key: &WorkKey) -> Result<(), IllegalChange> {
        self.with_pending(key, |_, pending| {
            pending.not_before = Time::ZERO;
            pending.failures = 0;
        })
    }

    /// Modifies a pending request and the blocked targets of its source.
    fn with_pending(
        &mut self,
        key: &WorkKey,
        change: impl FnOnce(&mut BTreeMap<Target, (Fault, Time)>, &mut PendingRequest),
    ) -> Result<(), IllegalChange> {
        let source = self.source_mut(&key.source)?;
        let Some(pending) = source.pending_requests.get_mut(&(key.occurrence, key.target.clone())) else {
            return Err(illegal(format!("{key}: nothing was asked")));
        };
        change(&mut source.blocked, pending);
        self.reindex(&key.source);
        Ok(())
    }
}

impl PendingRequest {
    /// AWS created nothing for it.
    fn withdraw(&mut self) {
        self.open = false;
        self.sent = 0;
    }
}
