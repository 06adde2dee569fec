//! Commits applied changes, and checks that the database file is the one at its path.
//!
//! While the disk rejects writes, or the file is not the one that was opened, nothing new is requested from AWS and no
//! order is accepted. Both are retried automatically; a lost file is replaced by a new one with everything that is in
//! memory.

use super::shell::Shell;
use crate::domain::change::Change;
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::store::{FileStanding, Store as _, StoreError, StoreProblem, check_integrity};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The retry interval.
const AGAIN: Duration = Duration::from_secs(2);
/// If a file is lost again sooner than this after it was replaced, the next replacement waits, with a growing pause:
/// each time one more file is moved aside.
const CALM: Duration = Duration::from_secs(600);
/// The longest pause.
const RENEW_PAUSE_MAX: Duration = Duration::from_secs(3600);
/// The interval between checks of a file that another program wrote to.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// How long an order waits for such a check.
const CHECK_WITHIN: Duration = Duration::from_secs(20);

/// How often a long replacement reports that it is alive.
const ALIVE_EVERY: Duration = Duration::from_secs(1);

impl Shell {
    /// Commits applied changes, or writes the whole state to a new file. If that fails, retries periodically.
    pub(super) async fn keep(&mut self, state: &State, changes: &[Change]) {
        if !self.look_at_file().await || (changes.is_empty() && self.store_problem.is_none()) {
            return;
        }
        if self.store_problem.is_some() && self.store_health.tried.is_some_and(|tried| tried.elapsed() < AGAIN) {
            return;
        }
        self.store_health.tried = Some(Instant::now());
        if !self.store_health.lost {
            match self.store.commit(changes).await {
                Ok(()) => return self.committed(),
                Err(error) if error.problem.loses_the_file() => self.lose(&error),
                Err(error) => return self.failed(&error),
            }
        }
        if !self.store_health.renewal_waits() {
            self.renew(state).await;
        }
    }

    /// Called before an order is answered: ensures that the file is the one at its path and, as far as is known,
    /// intact. Returns `false` while that is still being checked.
    pub(super) async fn make_sure_of_file(&mut self) -> bool {
        self.store_health.checked = None;
        self.look_at_file().await;
        if let Some(check) = &mut self.store_health.check {
            match timeout(CHECK_WITHIN, check).await {
                Ok(checked) => {
                    self.store_health.check = None;
                    self.take_check(checked.unwrap_or(Ok(())));
                }
                Err(_) => {
                    self.store_problem = Some(self.says("another program wrote to it, and it is still being checked"));
                    return false;
                }
            }
        }
        true
    }

    /// Compares the open file with the one at the path. Returns whether there is anything to retry.
    async fn look_at_file(&mut self) -> bool {
        if let Some(check) = self.store_health.check.take_if(|check| check.is_finished()) {
            let checked = check.await.unwrap_or(Ok(()));
            self.take_check(checked);
        }
        if self.store_health.lost {
            return true;
        }
        let path = || self.store.path().to_owned();
        match self.store.standing() {
            FileStanding::Sound => {}
            FileStanding::Lost(problem) => self.lose(&StoreError { path: path(), problem }),
            FileStanding::Unknown(problem) => {
                self.failed(&StoreError { path: path(), problem });
                return false;
            }
            FileStanding::Touched => {
                let soon = self.store_health.checked.is_some_and(|at| at.elapsed() < CHECK_EVERY);
                if self.store_health.check.is_none() && !soon {
                    let path = path();
                    self.store.believe();
                    self.store_health.checked = Some(Instant::now());
                    self.store_health.check = Some(tokio::spawn(async move { check_integrity(&path).await }));
                }
            }
        }
        true
    }

    fn take_check(&mut self, checked: Result<(), StoreProblem>) {
        let path = self.store.path().to_owned();
        match checked {
            Ok(()) => tracing::debug!(event = "store_checked", "another program wrote to the database; it is whole"),
            Err(problem) if problem.loses_the_file() => self.lose(&StoreError { path, problem }),
            Err(problem) => tracing::warn!(event = "store_checked", "the database could not be checked: {problem}"),
        }
    }

    /// Marks the file as lost.
    pub(super) fn lose(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.store_health.lost, true) {
            tracing::error!(event = "store_lost", %error, "nothing new is asked of AWS until a new one is written");
            self.store_health.hurry();
        }
        self.store_problem = Some(self.says(&error.to_string()));
    }

    fn failed(&mut self, error: &StoreError) {
        if self.store_problem.is_none() {
            tracing::error!(event = "store_unwritable", %error, "nothing new is asked of AWS until this is mended");
        }
        tracing::debug!(event = "store_unwritable", %error, "still");
        self.store_problem = Some(self.says(&error.to_string()));
    }

    fn says(&self, problem: &str) -> String {
        let path = self.store.path().display().to_string();
        let named = if problem.starts_with(&path) { problem.to_owned() } else { format!("{path}: {problem}") };
        format!("{named}: lifeboat goes on by itself")
    }

    fn committed(&mut self) {
        if self.store_problem.take().is_some() {
            tracing::info!(event = "store_writable", "the database can be written again");
            self.woken = true;
        }
    }

    /// Writes the state in memory to a new file.
    async fn renew(&mut self, state: &State) {
        let now = self.clock.now();
        let done = {
            let renewing = self.store.renew(state, now);
            tokio::pin!(renewing);
            loop {
                tokio::select! {
                    done = &mut renewing => break done,
                    // A million rows take a while.
                    () = tokio::time::sleep(ALIVE_EVERY) => {
                        self.liveness.beat(self.clock.now());
                        self.systemd.alive();
                    }
                }
            }
        };
        match done {
            Ok(renewed) => self.renewed(renewed.aside.as_deref(), now),
            Err(error) => {
                tracing::debug!(event = "store_lost", %error, "no new one yet");
                self.store_problem = Some(self.says(&error.to_string()));
            }
        }
    }

    fn renewed(&mut self, aside: Option<&std::path::Path>, now: Time) {
        self.store_problem = None;
        self.store_health.lost = false;
        let again = self.store_health.renewed.filter(|(at, pause)| at.elapsed() < CALM.max(*pause * 2));
        let pause = again.map_or(AGAIN, |(_, pause)| (pause * 2).min(RENEW_PAUSE_MAX));
        self.store_health.renewed = Some((Instant::now(), pause));
        self.woken = true;
        match aside {
            Some(aside) => tracing::warn!(event = "store_renewed", aside = %aside.display(),
                "a new database holds all that was in memory; the old one, with the history before {now}, was moved aside"),
            None => tracing::warn!(
                event = "store_renewed",
                "a new database holds all that was in memory; the history before {now} is lost with the old one"
            ),
        }
    }
}
