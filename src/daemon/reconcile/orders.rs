//! Orders from people, passed to the loop.
//!
//! A person who gives an order wants to know that it is recorded. So the response is sent only after the changes are
//! committed; a kill before that loses the order, and its sender gets no response.

use super::{Reconciler, SNAPSHOT_AT_MOST, ZONES_EVERY};
use crate::daemon::command::{Answered, OrderError};
use crate::driver::Driver;
use crate::planner::orders::{self, Granted, Order, Refusal};
use crate::report::http::listener::Caller;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

impl Reconciler {
    /// Decides an order, commits its changes, and only then responds.
    pub(super) async fn order(&mut self, order: &Order, caller: Caller) -> Answered {
        let answered = self.carry(|driver, now| orders::decide(&driver.settings, &driver.state, order, now)).await;
        let (what, uid) = (order.word(), caller.uid.map_or_else(|| "-".to_owned(), |uid| uid.to_string()));
        match &answered {
            Ok(granted) if granted.changes.is_empty() => {
                tracing::debug!(event = "order", order = what, %uid, "{}", granted.says);
            }
            Ok(granted) => tracing::info!(event = "order", order = what, %uid, "{}", granted.says),
            Err(why) => tracing::info!(event = "order_refused", order = what, %uid, "{why}"),
        }
        answered
    }

    pub(super) async fn carry(
        &mut self,
        decide: impl FnOnce(&Driver, crate::domain::time::Time) -> Result<Granted, Refusal>,
    ) -> Answered {
        // While changes are not on disk, or the file is unusable, no order can be acknowledged.
        self.make_sure().await;
        if let Some(problem) = &self.shell.store_problem {
            return Err(OrderError::NotRecorded(problem.clone()));
        }
        let granted = decide(&self.driver, self.shell.clock.now())?;
        let aside = self.driver.state.quarantined.len();
        self.take_in(granted.changes.clone());
        self.commit().await;
        self.make_sure().await;
        self.show_at_once();
        match &self.shell.store_problem {
            None if self.driver.state.quarantined.len() > aside => Err(OrderError::Contradicts),
            None => Ok(granted),
            Some(problem) => Err(OrderError::NotRecorded(problem.clone())),
        }
    }

    /// Ensures that the database file is the one at its path and, as far as is known, intact.
    async fn make_sure(&mut self) {
        // A file that is still being checked must not count as good only because it can be written.
        if self.shell.make_sure_of_file().await && self.shell.store_problem.is_some() {
            self.commit().await;
        }
    }

    /// Adopts zone data that changed on disk: the policy is the same, but fires according to them.
    pub(super) fn renew_zones(&mut self) {
        if self.zones_read.elapsed() < ZONES_EVERY {
            return;
        }
        self.zones_read = Instant::now();
        jiff::tz::db().reset();
        let mut zones = BTreeSet::new();
        for policy in Arc::make_mut(&mut self.driver.settings).policies.values_mut() {
            if let Some(schedule) = policy.schedule.by_new_zone_data() {
                zones.insert(schedule.zone_name().to_owned());
                policy.schedule = schedule;
            }
        }
        if zones.is_empty() {
            return;
        }
        tracing::info!(event = "zones", ?zones, "new zone data");
        let settings = Arc::make_mut(&mut self.driver.settings);
        settings.generation = settings.generation.wrapping_add(1);
        self.show_at_once();
    }

    /// Runs a round and takes a snapshot at once, since a person is waiting for them.
    pub(super) fn show_at_once(&mut self) {
        self.driver.changed = true;
        self.rest_until = Instant::now();
        self.snapshot_at = Instant::now().checked_sub(SNAPSHOT_AT_MOST).unwrap_or(self.snapshot_at);
    }
}
