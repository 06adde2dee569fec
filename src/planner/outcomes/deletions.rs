//! Outcomes of DeleteBackup, of changing a hold's tag, and of the poll before them.

use super::polls::UNPROVEN_LOOK;
use super::*;
use crate::domain::change::AccountEvidence;
use crate::domain::limits::{LISTING_LAG, PROOF_AFTER};

impl OutcomeProcessor<'_> {
    pub(super) fn deleted(&mut self, id: &BackupId) {
        if let Some(total) = self.deletion_total(id, true) {
            self.push(Change::Counted(total));
        }
        self.gone(id);
    }

    fn gone(&mut self, id: &BackupId) {
        if self.state.point(self.place, id).is_some() {
            self.push(Change::BackupRemoved { place: self.place.clone(), id: id.clone(), at: self.now });
        }
    }

    fn deletion_total(&self, id: &BackupId, done: bool) -> Option<Counter> {
        let point = self.state.point(self.place, id)?;
        Some(Counter::Deletions(self.policy_of(point), self.place.region.clone(), done))
    }

    pub(super) fn deletion_failed(&mut self, id: &BackupId, fault: Fault) {
        let key = (self.place.clone(), id.clone());
        let Some(deletion) = self.state.deletions.get(&key) else { return };
        if fault.class == FaultClass::Missing {
            // That was the goal, whoever deleted it.
            let asked_at = deletion.asked_at.unwrap_or(deletion.planned_at);
            return self.absent_as_asked(id, asked_at);
        }
        let said = deletion.fault.as_ref().is_some_and(|before| before.class == fault.class);
        if fault.class.needs_a_person() && !said {
            let total = self.deletion_total(id, false);
            self.changes.extend(total.map(Change::Counted));
        }
        let failures = deletion.failures_with(fault.class);
        let pause = retry::pause(fault.class, failures, self.poll(), jitter_of(self.place));
        let (place, id) = key;
        self.push(Change::DeletionFailed { place, id, fault, not_before: self.now.plus(pause) });
    }

    /// A response to an earlier request says nothing about a request that replaced it; that one is tried at once.
    pub(super) fn hold_answered(&mut self, id: &BackupId, hold: Option<&str>, fault: Option<Fault>) {
        let hold_request = self.state.hold_requests.get(&(self.place.clone(), id.clone()));
        if hold_request.is_some_and(|hold_request| hold_request.hold.as_deref() == hold) {
            self.hold_tried(id, fault);
        }
    }

    fn hold_tried(&mut self, id: &BackupId, fault: Option<Fault>) {
        let key = (self.place.clone(), id.clone());
        let Some(hold_request) = self.state.hold_requests.get(&key) else { return };
        let pause = match &fault {
            // The request stays until AWS's inventory shows it, which may lag; the tag is not written again before
            // then.
            None => LISTING_LAG,
            Some(fault) => {
                retry::pause(fault.class, hold_request.failures_with(fault.class), self.poll(), jitter_of(self.place))
            }
        };
        let (place, id) = key;
        self.push(Change::HoldTried { place, id, fault, not_before: self.now.plus(pause) });
    }

    /// A poll showed an object of ours that is to be deleted or held.
    pub(super) fn inspected(&mut self, id: &BackupId, arn: Option<arcstr::ArcStr>, hold: Option<&str>) {
        let key = (self.place.clone(), id.clone());
        let hold_request = self.state.hold_requests.get(&key);
        if hold_request.is_none() && !self.state.deletions.contains_key(&key) {
            return;
        }
        // A call under way may still change what this poll showed.
        if self.state.under_way(self.place, &CallKey::Delete(id.clone())) {
            return;
        }
        let settled = !self.state.under_way(self.place, &CallKey::Hold(id.clone()));
        let stands = hold_request.is_some_and(|hold_request| hold_request.hold.as_deref() == hold) && settled;
        let nameless = hold_request.is_some() && !stands && settled && arn.is_none();
        let (place, id) = key;
        if stands {
            self.push(Change::HoldConfirmed { place: place.clone(), id: id.clone() });
        }
        if nameless {
            let fault =
                Fault::new(FaultClass::Permanent, "NoArn", "the answer names no ARN, by which tags are changed");
            self.hold_tried(&id, Some(fault));
        }
        let arn = arn.as_deref().map(str::to_owned);
        self.push(Change::Inspected { place, id, arn, at: self.now });
    }

    /// When we requested its deletion, if we did.
    pub(super) fn deletion_asked(&self, id: &BackupId) -> Option<Time> {
        self.state.deletions.get(&(self.place.clone(), id.clone()))?.asked_at
    }

    /// A response does not show an object whose deletion we requested: the response to the request was lost. This
    /// counts once the account on record has responded since, because another account would not show it either.
    pub(super) fn absent_as_asked(&mut self, id: &BackupId, asked_at: Time) {
        let account = &self.place.account;
        if self.state.proven_after(account, asked_at) || self.state.doubted_in_vain(account) {
            return self.gone(id);
        }
        let (account, place) = (account.clone(), self.place.clone());
        self.push(Change::Account(AccountEvidence::Doubted { account, since: asked_at, at: self.now }));
        let proven = asked_at.plus(PROOF_AFTER + PROOF_AFTER);
        let at = if self.now < proven { proven } else { self.now.plus(UNPROVEN_LOOK).max(self.next_look()) };
        self.push(Change::PollScheduled { place, ids: vec![id.clone()], at, batch: Some(1) });
    }
}
