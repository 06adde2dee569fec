//! Reloading the policy.
//!
//! The file may be on a file system that hangs. So it is read outside the loop, one read at a time, and takes effect
//! between two rounds once it is read and valid.

use super::Reconciler;
use crate::daemon::Reread;
use crate::daemon::command::Reloaded;
use crate::domain::id::BackupId;
use crate::domain::policy::Settings;
use crate::driver::Driver;
use crate::engine::Engines;
use crate::planner::orders;
use crate::report::snapshot::Reload;
use std::collections::{BTreeSet, VecDeque};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Maximum number of waiting reloads.
const WAITING_MAX: usize = 16;

/// The result of reading the files.
pub(super) type Reading = Result<Reread, String>;

/// A requested reload.
struct Asked {
    confirm_deletions: bool,
    /// The deletions that the brake held at that time.
    looked_at: BTreeSet<BackupId>,
    reply: Option<oneshot::Sender<Reloaded>>,
}

/// Reloads, in the order in which they were requested.
#[derive(Default)]
pub(super) struct Reloads {
    waiting: VecDeque<Asked>,
    /// The read for the first of them.
    reading: Option<JoinHandle<Reading>>,
}

impl Reloads {
    /// The result of the current read; never ready if there is none.
    pub(super) async fn read(&mut self) -> Reading {
        let Some(reading) = &mut self.reading else { return std::future::pending().await };
        let read = reading.await;
        self.reading = None;
        read.unwrap_or_else(|_| Err("the policy could not be read; the log says more".to_owned()))
    }
}

impl Reconciler {
    /// Starts or queues a reload. Deletions are confirmed as they were shown before, under the policy that is then in
    /// force.
    pub(super) fn reload(&mut self, confirm_deletions: bool, reply: Option<oneshot::Sender<Reloaded>>) {
        let waiting = &mut self.reloads.waiting;
        // A signal adds nothing to a waiting one. The first in line does not count: it may have been read before this
        // signal.
        let signal = |asked: &Asked| asked.reply.is_none() && !asked.confirm_deletions;
        if reply.is_none() && !confirm_deletions && waiting.iter().skip(1).any(signal) {
            return;
        }
        if waiting.len() >= WAITING_MAX {
            tracing::warn!(event = "reload", "a reload was not taken: too many wait already");
            if let Some(reply) = reply {
                let _ = reply.send(Reloaded::Refused("too many reloads wait already; try again later".to_owned()));
            }
            return;
        }
        waiting.push_back(Asked { confirm_deletions, looked_at: orders::braked(&self.driver.state), reply });
        self.read_next();
    }

    fn read_next(&mut self) {
        if self.reloads.reading.is_some() || self.reloads.waiting.is_empty() {
            return;
        }
        self.shell.systemd.reloading();
        // Use zone data that a package update may have installed.
        jiff::tz::db().reset();
        let reload = self.reload.clone();
        self.reloads.reading = Some(tokio::task::spawn_blocking(move || reload()));
    }

    /// The files were read: puts the new policy in force or reports its problems.
    pub(super) async fn was_read(&mut self, read: Reading) {
        let Some(Asked { confirm_deletions, looked_at, reply }) = self.reloads.waiting.pop_front() else { return };
        let reloaded = match read {
            Ok(reread) => {
                let warnings = self.take_over(reread).await;
                let policies = self.driver.settings.policies.len();
                let sources = self.driver.settings.policies.values().map(|policy| policy.sources.len()).sum();
                let confirmed = if confirm_deletions {
                    let confirm = |driver: &Driver, now| {
                        Ok(orders::confirm_deletions(&driver.settings, &driver.state, &looked_at, now))
                    };
                    let granted = self.carry(confirm).await;
                    Some(granted.map(|granted| granted.says))
                } else {
                    None
                };
                tracing::info!(event = "reload", policies, "the policy took over");
                Reloaded::TookOver { policies, sources, warnings, confirmed }
            }
            Err(problem) => {
                tracing::error!(event = "reload", "the policy was refused and changes nothing:\n{problem}");
                self.reloaded.successful = false;
                self.reloaded.problem = Some(problem.clone());
                self.notify_reload_refused(&problem);
                Reloaded::Refused(problem)
            }
        };
        self.shell.systemd.ready(&self.status_line());
        self.show_at_once();
        if let Some(reply) = reply {
            // The client may have disconnected.
            let _ = reply.send(reloaded);
        }
        self.read_next();
    }

    async fn take_over(&mut self, reread: Reread) -> Vec<String> {
        let Reread { settings, mut warnings } = reread;
        for warning in &warnings {
            tracing::warn!(event = "policy", "{warning}");
        }
        for what in needs_restart(&self.driver.settings, &settings) {
            let warning = format!("{what} takes effect at the next restart");
            tracing::warn!(event = "reload", "{warning}");
            warnings.push(warning);
        }
        let in_force = &self.driver.settings;
        if settings.aws != in_force.aws || settings.accounts != in_force.accounts {
            let own = self.driver.state.own_account.as_ref();
            let engine = Engines::new(&settings.aws, &settings.accounts, own, self.credentials.clone()).await;
            self.shell.dispatch.replace_engine(engine);
        }
        self.driver.take_over(settings);
        self.shell.queue_stale = true;
        self.publish_queue();
        self.reloaded = Reload { successful: true, succeeded_at: self.shell.clock.now(), problem: None };
        self.shell.warned.clear();
        warnings
    }
}

fn needs_restart(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let (old, new) = (&old.daemon, &new.daemon);
    [
        (old.state != new.state, "[daemon] state"),
        (old.listen != new.listen, "[daemon] listen"),
        (old.hosts != new.hosts, "[daemon] hosts"),
        (old.control != new.control, "[daemon] control"),
    ]
    .into_iter()
    .filter_map(|(changed, what)| changed.then_some(what))
    .collect()
}
