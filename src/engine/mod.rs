//! The interface to AWS.
//!
//! An engine turns one [`Action`] into one request, rate-limited and with a deadline, and every result, good, bad or
//! missing, into an [`Outcome`]. It decides nothing and retries nothing: a call that creates something is sent exactly
//! once per action.

mod credentials;
pub mod faults;
mod fsx;
mod measure;
pub mod pacing;
mod reading;

use crate::domain::action::{Action, Outcome};
use crate::domain::fault::Fault;
use crate::domain::policy::Aws;
use crate::domain::time::Time;
use crate::domain::timekeeper::Heard;
use aws_credential_types::Credentials;
use fsx::FsxEngine;
use std::future::Future;
use std::time::{Duration, Instant};

/// A result and its requests.
#[derive(Debug)]
pub struct Answer {
    /// The result of the action.
    pub outcome: Outcome,
    /// Each request that was sent for it, in order.
    pub requests: Vec<Sent>,
    /// What time it was at AWS, if an answer said so.
    pub dated: Option<Dated>,
}

/// The `Date` of an answer, and when that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dated {
    /// The date.
    pub date: Time,
    /// The request left.
    pub asked: Instant,
    /// The answer came.
    pub answered: Instant,
}

impl Dated {
    /// What it says by now.
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
    /// `OK`, AWS's error code, or our word for a failure without one.
    pub code: String,
    /// From sending to the end of the answer.
    pub took: Duration,
}

/// Something that can carry out actions.
pub trait Engine: Send + Sync + 'static {
    /// Carries out one action. Always returns within a bounded time, and never panics.
    fn call(&self, action: &Action) -> impl Future<Output = Answer> + Send;
}

/// Every engine that policies can name. A call goes to its own; today there is one.
pub struct Engines {
    fsx: FsxEngine,
}

impl Engines {
    /// Reads credentials and settings as every AWS tool does: environment, profile, container, instance. `credentials`
    /// stand in for them where a program brings its own.
    pub async fn new(aws: &Aws, credentials: Option<Credentials>) -> Self {
        Self { fsx: FsxEngine::new(aws, credentials).await }
    }

    /// Whether credentials can be had now.
    ///
    /// # Errors
    /// Why not.
    pub async fn credentials(&self) -> Result<(), Fault> {
        self.fsx.credentials().await
    }
}

impl Engine for Engines {
    async fn call(&self, action: &Action) -> Answer {
        self.fsx.call(action).await
    }
}
