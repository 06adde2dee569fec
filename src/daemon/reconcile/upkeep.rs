//! Maintenance of the database: old history is deleted in small steps.

use super::Reconciler;
use crate::domain::time::Time;
use crate::store::{Horizon, Store as _};
use std::time::{Duration, Instant};

/// How long history is kept.
const REMEMBERED: Duration = Duration::from_secs(400 * 86_400);
/// How long occurrences and deletions are kept individually.
const REMEMBERED_SINGLY: Duration = Duration::from_secs(90 * 86_400);
/// How often old history is deleted.
const FORGET_EVERY: Duration = Duration::from_secs(86_400);
/// The pause between two steps, each of which takes some milliseconds.
const FORGET_PAUSE: Duration = Duration::from_millis(250);

impl Reconciler {
    /// Deletes the next part of the old history if nothing else is to be done.
    pub(super) async fn forget(&mut self, now: Time) {
        let pause = |ended: bool| if ended { FORGET_EVERY } else { FORGET_PAUSE };
        let too_soon = self.forgotten.is_some_and(|(at, ended)| at.elapsed() < pause(ended));
        if too_soon
            || self.driver.changed
            || self.shell.store_problem.is_some()
            || !self.driver.state.timekeeping.confirmed()
        {
            return;
        }
        let horizon = Horizon { coarse_before: now.minus(REMEMBERED_SINGLY), forgotten_before: now.minus(REMEMBERED) };
        let more = self.shell.store.forget(&horizon).await.unwrap_or_else(|error| {
            tracing::warn!(event = "forget", %error, "old history could not be removed");
            false
        });
        self.forgotten = Some((Instant::now(), !more));
    }
}
