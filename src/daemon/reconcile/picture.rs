//! The picture that everybody else sees of the loop.
//!
//! Drawing one costs what the fleet is large, and the loop may come round hundreds of times a second; so there is one at
//! most every so often, and none where nothing moved.

use super::{PICTURE_AT_MOST, PICTURE_SHARE, Reconciler};
use crate::planner::audit::credentials_problem;
use crate::report::snapshot::{Circumstances, Snapshot};
use crate::report::triage::{self, Tally, counted};
use std::sync::Arc;
use std::time::Instant;

impl Reconciler {
    /// Takes a picture, if there is something new and the last one is not too young.
    pub(super) fn picture(&mut self) {
        let quiet = self.shell.store_problem.is_some() == self.pictures.borrow().store_problem.is_some()
            && self.last_round_at == self.pictures.borrow().last_round_at;
        let pause = PICTURE_AT_MOST.max(self.picture_took.saturating_mul(PICTURE_SHARE));
        if self.pictured.elapsed() < pause || quiet {
            return;
        }
        let began = Instant::now();
        let around = Circumstances {
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
        self.tell(&snapshot);
        self.pictures.send_replace(Arc::new(snapshot));
        self.pictured = Instant::now();
        self.picture_took = self.pictured.saturating_duration_since(began);
    }

    /// How much there is to do, in a line for systemd.
    pub(super) fn status_line(&self) -> String {
        let sources: usize = self.driver.settings.policies.values().map(|policy| policy.sources.len()).sum();
        format!("{}, {}", counted(self.driver.settings.policies.len(), "policy"), counted(sources, "source"))
    }
}
