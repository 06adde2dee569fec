//! What Lifeboat is to do at AWS: recorded before the call, and repeated until a response or AWS's inventory settles it.
//!
//! A backup or copy to be made, a recovery point to be deleted, a hold to be set: each is asked for, refused, lost on the way
//! and asked for again. What they have in common is here, so that it is the same for all of them: how failures in a row
//! count, until when it waits, and what came back last. The request itself is frozen in it or follows from its key, and so
//! does the token that makes repeating it harmless ([`super::id`]).

use super::action::Request;
use super::fault::{Fault, FaultClass};
use super::limits::FAILURES_AFTER_AN_ANSWER;
use super::time::Time;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Something that is to be done at AWS, and how often that failed. It reads like what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent<W> {
    /// What.
    pub what: W,
    /// Failures in a row, for the pause.
    pub failures: u32,
    /// Not again before.
    pub not_before: Time,
    /// What came back last.
    pub fault: Option<Fault>,
}

/// A recorded request to AWS that has not succeeded yet.
pub type PendingRequest = Intent<Creation>;
/// A planned deletion and its progress.
pub type Deletion = Intent<Removal>;
/// A person's request to hold a point or to release it, until AWS's inventory shows it.
pub type HoldRequest = Intent<HoldChange>;

/// A backup or copy that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Which attempt.
    pub attempt: u32,
    /// The frozen request.
    pub request: Arc<Request>,
    /// It may have been applied at AWS: the response is outstanding, was lost, or proved nothing. `false`: certainly
    /// not applied.
    pub open: bool,
    /// The first request since it was last known not to exist.
    pub first_asked_at: Time,
    /// The last request.
    pub last_asked_at: Time,
    /// Requests since it was last known not to exist.
    pub sent: u32,
}

/// A recovery point that is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Why, for people.
    pub reason: String,
    /// A person confirmed it, so the brake does not count it.
    pub confirmed: bool,
    /// When that was decided.
    pub planned_at: Time,
    /// When DeleteBackup was last called; `None` before the first time.
    pub asked_at: Option<Time>,
    /// When a look by id last showed it, in this process.
    pub inspected_at: Option<Time>,
}

/// A hold that is to be set or lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldChange {
    /// The reason of the hold, which may be empty; `None` lifts it.
    pub hold: Option<String>,
    /// When it was requested.
    pub requested_at: Time,
    /// The object's ARN, as AWS tells it, in this process.
    pub arn: Option<String>,
}

impl<W> Intent<W> {
    /// Decided, and nothing done about it yet.
    #[must_use]
    pub const fn of(what: W) -> Self {
        Self { what, failures: 0, not_before: Time::ZERO, fault: None }
    }

    /// How many failures in a row one of this class makes. A clear refusal counts as no later than the eighth: its own pause
    /// hardly grows after that, and a lost response after it waits for minutes. Of refusals for want of a slot the lane
    /// keeps count: how often a route was its probe says nothing of the route.
    #[must_use]
    pub fn failures_with(&self, class: FaultClass) -> u32 {
        let more = self.failures.saturating_add(u32::from(class != FaultClass::NoSlot));
        if class.passes_by_itself() { more } else { more.min(FAILURES_AFTER_AN_ANSWER) }
    }

    /// It was refused, or got no response.
    pub(super) fn failed(&mut self, fault: &Fault, not_before: Time) {
        self.failures = self.failures_with(fault.class);
        self.fault = Some(fault.clone());
        self.not_before = not_before;
    }

    /// It was accepted, and has to show by this time.
    pub(super) fn accepted(&mut self, not_before: Time) {
        self.failures = 0;
        self.fault = None;
        self.not_before = not_before;
    }

    /// A refusal that only a person can resolve.
    #[must_use]
    pub fn needs_person(&self) -> Option<&Fault> {
        self.fault.as_ref().filter(|fault| fault.class.needs_a_person())
    }
}

impl<W> Deref for Intent<W> {
    type Target = W;

    fn deref(&self) -> &W {
        &self.what
    }
}

impl<W> DerefMut for Intent<W> {
    fn deref_mut(&mut self) -> &mut W {
        &mut self.what
    }
}

impl Deletion {
    /// A new plan, not started.
    #[must_use]
    pub const fn new(reason: String, confirmed: bool, planned_at: Time) -> Self {
        Self::of(Removal { reason, confirmed, planned_at, asked_at: None, inspected_at: None })
    }
}

impl HoldRequest {
    /// A new request, not started.
    #[must_use]
    pub const fn new(hold: Option<String>, requested_at: Time) -> Self {
        Self::of(HoldChange { hold, requested_at, arn: None })
    }
}
