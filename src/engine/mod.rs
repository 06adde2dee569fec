//! The interface to AWS.
//!
//! An engine turns one [`Action`] into one request, rate-limited and with a deadline, and every result, good, bad or
//! missing, into an [`Outcome`]. It decides nothing and retries nothing: a create call is sent exactly once per action.

mod accounts;
mod credentials;
pub mod faults;
mod fsx;
mod measure;
pub mod pacing;
mod reading;

use crate::domain::action::{Action, Outcome};
use crate::domain::fault::Fault;
use crate::domain::id::AccountId;
use crate::domain::policy::{Account, Aws};
use crate::domain::time::Time;
use crate::domain::timekeeper::Heard;
use aws_credential_types::Credentials;
use fsx::FsxEngine;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

/// The outcome of an action and the requests sent for it.
#[derive(Debug)]
pub struct Answer {
    /// The result of the action.
    pub outcome: Outcome,
    /// Each request that was sent, in order.
    pub requests: Vec<Sent>,
    /// The time at AWS, if a response contained it.
    pub dated: Option<Dated>,
}

/// The `Date` of a response, with local times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dated {
    /// The date.
    pub date: Time,
    /// When the request was sent.
    pub asked: Instant,
    /// When the response arrived.
    pub answered: Instant,
}

impl Dated {
    /// Converts the instants to durations before now.
    #[must_use]
    pub fn heard(&self) -> Heard {
        Heard { date: self.date, asked_ago: self.asked.elapsed(), answered_ago: self.answered.elapsed() }
    }
}

/// One request, for the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The API operation.
    pub operation: &'static str,
    /// `OK`, AWS's error code, or our own word for a failure without one.
    pub code: String,
    /// Time from sending to the end of the response.
    pub took: Duration,
}

/// Carries out actions.
pub trait Engine: Send + Sync + 'static {
    /// Carries out one action. Always returns within a bounded time, and never panics.
    fn call(&self, action: &Action) -> impl Future<Output = Answer> + Send;
}

/// All engines that policies can name. A call goes to its policy's engine; today there is one.
pub struct Engines {
    fsx: FsxEngine,
}

impl Engines {
    /// Reads credentials and settings like every AWS tool: environment, profile, container, instance. `credentials`
    /// replace them if the program brings its own.
    ///
    /// Calls to one of the `accounts` assume its role. `own_account` is the daemon's own, as far as it is known.
    pub async fn new(
        aws: &Aws,
        accounts: &BTreeMap<AccountId, Account>,
        own_account: Option<&AccountId>,
        credentials: Option<Credentials>,
    ) -> Self {
        Self { fsx: FsxEngine::new(aws, accounts, own_account, credentials).await }
    }

    /// A response has named the daemon's own account: its credentials serve that id from now on, and no other.
    pub fn own_account_is(&self, id: &AccountId) {
        self.fsx.own_account_is(id);
    }

    /// Checks whether credentials are available.
    ///
    /// # Errors
    /// Why they are not.
    pub async fn credentials(&self) -> Result<(), Fault> {
        self.fsx.credentials().await
    }
}

impl Engine for Engines {
    async fn call(&self, action: &Action) -> Answer {
        self.fsx.call(action).await
    }
}
