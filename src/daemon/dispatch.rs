//! Calls under way.
//!
//! A call may take half a minute or never be answered, so the loop never waits for one. Each runs in a task of its own;
//! the planner limits how many run per account and Region. Every call returns, successful or not.

use crate::domain::action::{Action, Outcome};
use crate::domain::fault::{Fault, FaultClass};
use crate::engine::{Answer, Engine};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A call that returned.
pub struct Done {
    /// The action that was called.
    pub action: Action,
    /// The result.
    pub answer: Answer,
}

/// Starts calls and collects their results.
pub struct Dispatch<E> {
    engine: Arc<E>,
    running: JoinSet<()>,
    back: mpsc::UnboundedSender<Done>,
}

impl<E: Engine> Dispatch<E> {
    /// Starts with no calls. The receiver yields exactly one result per call.
    #[must_use]
    pub fn new(engine: E) -> (Self, mpsc::UnboundedReceiver<Done>) {
        let (back, answers) = mpsc::unbounded_channel();
        (Self { engine: Arc::new(engine), running: JoinSet::new(), back }, answers)
    }

    /// Uses another engine for calls from now on.
    pub fn replace_engine(&mut self, engine: E) {
        self.engine = Arc::new(engine);
    }

    /// The engine that calls use.
    #[must_use]
    pub fn engine(&self) -> &E {
        &self.engine
    }

    /// Starts a call.
    pub fn start(&mut self, action: Action) {
        while self.running.try_join_next().is_some() {}
        let (engine, back) = (self.engine.clone(), self.back.clone());
        self.running.spawn(async move {
            let call = {
                let action = action.clone();
                tokio::spawn(async move { engine.call(&action).await })
            };
            // Even a bug in the engine must not leave a call under way forever.
            let answer = call.await.unwrap_or_else(|error| {
                let fault = Fault::new(FaultClass::Unanswered, "Internal", &error.to_string());
                Answer { outcome: Outcome::Failed(fault), requests: Vec::new(), dated: None }
            });
            let _ = back.send(Done { action, answer });
        });
    }

    /// The number of calls under way.
    #[must_use]
    pub fn under_way(&mut self) -> usize {
        while self.running.try_join_next().is_some() {}
        self.running.len()
    }
}
