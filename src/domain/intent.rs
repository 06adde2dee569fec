//! Intents: recorded before the call, and retried until a response or AWS's inventory shows the result.
//!
//! An intent is a backup or copy to create, a recovery point to delete, or a hold to set. All of them can be refused or
//! lost and are then retried. This module contains what they share: consecutive failures, the earliest next try, and
//! the last error. The request is frozen in the intent or follows from its key, and so does the token that makes a
//! repeat harmless ([`super::id`]).

use super::action::Request;
use super::fault::{Fault, FaultClass};
use super::limits::FAILURES_AFTER_AN_ANSWER;
use super::time::Time;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// An intent and its failures. It dereferences to `what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent<W> {
    /// The intent itself.
    pub what: W,
    /// Failures in a row, for the backoff.
    pub failures: u32,
    /// Earliest time of the next try.
    pub not_before: Time,
    /// The last error.
    pub fault: Option<Fault>,
}

/// A recorded request to AWS that has not succeeded yet.
pub type PendingRequest = Intent<Creation>;
/// A planned deletion and its progress.
pub type Deletion = Intent<Removal>;
/// A person's request to hold or release a point, kept until AWS's inventory shows it.
pub type HoldRequest = Intent<HoldChange>;

/// A backup or copy to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// The attempt, counted from 1.
    pub attempt: u32,
    /// The frozen request.
    pub request: Arc<Request>,
    /// AWS may have applied it: the response is outstanding, was lost, or proved nothing. `false`: AWS certainly did
    /// not apply it.
    pub open: bool,
    /// The first request since it was last known not to exist.
    pub first_asked_at: Time,
    /// The last request.
    pub last_asked_at: Time,
    /// Requests since it was last known not to exist.
    pub sent: u32,
}

/// A recovery point to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The reason, in words.
    pub reason: String,
    /// A person confirmed it, so the brake does not count it.
    pub confirmed: bool,
    /// When that was decided.
    pub planned_at: Time,
    /// When DeleteBackup was last called; `None` before the first time.
    pub asked_at: Option<Time>,
    /// When this process last saw it by id.
    pub inspected_at: Option<Time>,
}

/// A hold to be set or lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldChange {
    /// The reason of the hold, which may be empty; `None` lifts it.
    pub hold: Option<String>,
    /// When it was requested.
    pub requested_at: Time,
    /// The object's ARN, as reported to this process.
    pub arn: Option<String>,
}

impl<W> Intent<W> {
    /// A new intent, not started.
    #[must_use]
    pub const fn of(what: W) -> Self {
        Self { what, failures: 0, not_before: Time::ZERO, fault: None }
    }

    /// The number of consecutive failures after one more of this class. A definite refusal counts at most as the
    /// eighth: its own backoff hardly grows after that, and a lost response after it must not wait for hours. Refusals
    /// for lack of a slot are counted by the lane, because they say nothing about the route.
    #[must_use]
    pub fn failures_with(&self, class: FaultClass) -> u32 {
        let more = self.failures.saturating_add(u32::from(class != FaultClass::NoSlot));
        if class.passes_by_itself() { more } else { more.min(FAILURES_AFTER_AN_ANSWER) }
    }

    /// Records a refusal or a missing response.
    pub(super) fn failed(&mut self, fault: &Fault, not_before: Time) {
        self.failures = self.failures_with(fault.class);
        self.fault = Some(fault.clone());
        self.not_before = not_before;
    }

    /// Records that AWS accepted the request; the result has to show by this time.
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
