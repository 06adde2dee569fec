//! Publishes the snapshots that everything else reads.
//!
//! The cost of a snapshot grows with the fleet, and the loop may run hundreds of rounds a second. So snapshots are
//! limited in frequency, and none is taken when nothing changed.

use super::{Reconciler, SNAPSHOT_AT_MOST, SNAPSHOT_SHARE};
use crate::domain::counted::counted;
use crate::planner::audit::credentials_problem;
use crate::report::snapshot::{DaemonStatus, Snapshot};
use crate::report::triage::{self, Tally};
use std::sync::Arc;
use std::time::Instant;

impl Reconciler {
    /// Takes a snapshot if something changed and the last one is not too recent.
    pub(super) fn publish_snapshot(&mut self) {
        let quiet = self.shell.store_problem.is_some() == self.snapshots.borrow().store_problem.is_some()
            && self.last_round_at == self.snapshots.borrow().last_round_at;
        let pause = SNAPSHOT_AT_MOST.max(self.snapshot_took.saturating_mul(SNAPSHOT_SHARE));
        if self.snapshot_at.elapsed() < pause || quiet {
            return;
        }
        let began = Instant::now();
        let around = DaemonStatus {
            live: true,
            reload: self.reloaded.clone(),
            store_problem: self.shell.store_problem.clone(),
            credentials_problem: credentials_problem(&self.driver.settings, &self.driver.state),
            last_round_at: self.last_round_at,
            counts: self.shell.counts.clone(),
        };
        let snapshot = Snapshot::take(
            &self.driver.settings,
            &self.driver.state,
            &self.shell.last_plan,
            around,
            self.shell.clock.now(),
        );
        let standing = Tally::of(&triage::lines(&snapshot, snapshot.at)).sentence();
        if standing != self.standing {
            self.shell.systemd.status(&standing);
            self.standing = standing;
        }
        self.notify(&snapshot);
        self.snapshots.send_replace(Arc::new(snapshot));
        self.snapshot_at = Instant::now();
        self.snapshot_took = self.snapshot_at.saturating_duration_since(began);
    }

    /// The amount of work as one line for systemd.
    pub(super) fn status_line(&self) -> String {
        let sources: usize = self.driver.settings.policies.values().map(|policy| policy.sources.len()).sum();
        format!("{}, {}", counted(self.driver.settings.policies.len(), "policy"), counted(sources, "source"))
    }
}
