//! Commands to the loop, and its responses.

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
    /// Check whether anything is due.
    Nudge,
    /// Read the policy file again.
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
        /// The result of the delivery.
        delivery: Delivery,
    },
    /// A check of the whole database found it damaged.
    Damaged(StoreError),
    /// Shut down.
    Stop,
}

/// Everything that decisions depend on.
pub struct StateDump {
    /// The policy file.
    pub settings: Arc<Settings>,
    /// The state. Sources and recovery points are shared with the loop and copied one by one when they change.
    pub state: State,
    /// The last full plan.
    pub plan: Arc<Plan>,
}

/// The result of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The new policy is in force.
    TookOver {
        /// The number of policies.
        policies: usize,
        /// The number of sources that they name.
        sources: usize,
        /// Warnings, and settings that take effect only at the next restart.
        warnings: Vec<String>,
        /// What was confirmed, if requested.
        confirmed: Option<Result<String, OrderError>>,
    },
    /// The file was rejected and changes nothing: all problems, as printed by `check`.
    Refused(String),
}

/// The result of an order.
pub type Answered = Result<Granted, OrderError>;

/// Why an order was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The order is refused; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database cannot be written.
    #[error("the order is not on record: {0}; give it again once the database can be written")]
    NotRecorded(String),
    /// The order contradicts the state: a bug.
    #[error("the order contradicts the recorded state and does not stand; the log says more")]
    Contradicts,
}

/// The result of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// The receiver accepted it.
    Delivered,
    /// The receiver refused it repeatedly, or was unreachable for too long.
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
