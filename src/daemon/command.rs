//! What the loop is told from outside, and what it responds.

use crate::domain::plan::Plan;
use crate::domain::policy::Settings;
use crate::domain::state::State;
use crate::planner::orders::{Granted, Order, Refusal};
use crate::report::http::listener::Caller;
use crate::store::StoreError;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Commands to the loop.
pub enum Command {
    /// Check whether something is due.
    Nudge,
    /// Read the policy file anew.
    Reload {
        /// Confirm the deletions that the brake holds back, if the file is valid.
        confirm_deletions: bool,
        /// Where to send the result.
        reply: Option<oneshot::Sender<Reloaded>>,
    },
    /// Carry out an order.
    Order {
        /// The order.
        order: Order,
        /// The client.
        caller: Caller,
        /// Where to send the result.
        reply: oneshot::Sender<Answered>,
    },
    /// Return everything that decisions depend on, for a forecast.
    StateDump(oneshot::Sender<Box<StateDump>>),
    /// A notification was delivered or given up.
    NotificationDone {
        /// Its id.
        id: String,
        /// What became of it.
        delivery: Delivery,
    },
    /// A check of the whole database found it damaged.
    Damaged(StoreError),
    /// End.
    Stop,
}

/// Everything that decisions depend on.
pub struct StateDump {
    /// The policy file.
    pub settings: Arc<Settings>,
    /// The state; sources and recovery points are shared with the loop until they move, and copied one by one then.
    pub state: State,
    /// The last full plan.
    pub plan: Arc<Plan>,
}

/// What came of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The policy took over.
    TookOver {
        /// How many policies it has.
        policies: usize,
        /// How many sources they name.
        sources: usize,
        /// Warnings, and settings that take effect only at the next restart.
        warnings: Vec<String>,
        /// What was confirmed, if that was asked for.
        confirmed: Option<Result<String, OrderError>>,
    },
    /// It was rejected and changes nothing: every problem, as `check` prints them.
    Refused(String),
}

/// What came of an order.
pub type Answered = Result<Granted, OrderError>;

/// Why an order was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// It is refused; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database cannot be written.
    #[error("the order is not on record: {0}; give it again once the database can be written")]
    NotRecorded(String),
    /// It contradicts the state: a bug.
    #[error("the order contradicts the recorded state and does not stand; the log says more")]
    Contradicts,
}

/// The result of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// The receiver accepted it.
    Delivered,
    /// The receiver refused it again and again, or was gone for too long.
    GivenUp,
}

impl Delivery {
    /// The label in the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }
}
