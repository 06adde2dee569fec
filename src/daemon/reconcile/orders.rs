//! Orders carried into the loop: the policy read anew, and what a person asks for.
//!
//! Whoever gives an order wants to know that it stands. So the answer leaves only after the changes are committed; a
//! kill before that loses the order, and the one who asks knows it.

use super::{PICTURE_AT_MOST, Reconciler, ZONES_EVERY};
use crate::daemon::Reread;
use crate::domain::policy::Settings;
use crate::engine::fsx::FsxEngine;
use crate::planner::orders::{self, Granted, Order, Refusal};
use crate::report::http::door::Caller;
use crate::report::snapshot::Reload;
use std::collections::BTreeSet;
use std::time::Instant;
use tokio::sync::oneshot;

/// What came of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The policy took over.
    TookOver {
        /// How many policies it has.
        policies: usize,
        /// How many sources they name.
        sources: usize,
        /// What hardly means what its author wanted, and what takes effect at the next restart only.
        warnings: Vec<String>,
        /// What was confirmed, if that was asked for.
        confirmed: Option<Result<String, Unanswered>>,
    },
    /// It was refused and changes nothing: every problem, as `check` prints them.
    Refused(String),
}

/// What came of an order.
pub type Answered = Result<Granted, Unanswered>;

/// Why an order does not stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It is refused; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database does not take it.
    #[error("the order is not on record: {0}; give it again once the database can be written")]
    NotRecorded(String),
    /// It contradicts the books: a fault of this program.
    #[error("the order contradicts the books and does not stand; the log says more")]
    Contradicts,
}

impl Reconciler {
    /// Decides an order, commits what it changes, and only then says so.
    pub(super) async fn order(&mut self, order: &Order, caller: Caller) -> Answered {
        let answered = self.carry(|this, now| orders::decide(&this.settings, &this.state, order, now)).await;
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

    async fn carry(
        &mut self,
        decide: impl FnOnce(&Self, crate::domain::time::Time) -> Result<Granted, Refusal>,
    ) -> Answered {
        // With changes that are not on disk yet nothing could be promised, nor with a file that is none.
        self.make_sure().await;
        if let Some(problem) = &self.store_problem {
            return Err(Unanswered::NotRecorded(problem.clone()));
        }
        let granted = decide(self, self.clock.now())?;
        let aside = self.state.quarantined.len();
        self.take_in(granted.changes.clone());
        self.commit().await;
        self.make_sure().await;
        self.show_at_once();
        match &self.store_problem {
            None if self.state.quarantined.len() > aside => Err(Unanswered::Contradicts),
            None => Ok(granted),
            Some(problem) => Err(Unanswered::NotRecorded(problem.clone())),
        }
    }

    /// Reads the policy file anew. Deletions are confirmed as they were shown before, by the policy that is in force then.
    pub(super) async fn reload(&mut self, confirm_deletions: bool, reply: Option<oneshot::Sender<Reloaded>>) {
        self.systemd.reloading();
        // Zone data that a package brought count from now on.
        jiff::tz::db().reset();
        let looked_at = orders::braked(&self.state);
        let reloaded = match (self.reload)() {
            Ok(reread) => {
                let warnings = self.take_over(reread).await;
                let policies = self.settings.policies.len();
                let sources = self.settings.policies.values().map(|policy| policy.sources.len()).sum();
                let confirmed = if confirm_deletions {
                    let confirm =
                        |this: &Self, now| Ok(orders::confirm_deletions(&this.settings, &this.state, &looked_at, now));
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
                self.tell_refused(&problem);
                Reloaded::Refused(problem)
            }
        };
        self.systemd.ready(&self.status_line());
        self.show_at_once();
        if let Some(reply) = reply {
            // Who asked may be gone.
            let _ = reply.send(reloaded);
        }
    }

    async fn take_over(&mut self, reread: Reread) -> Vec<String> {
        let Reread { mut settings, mut warnings } = reread;
        for warning in &warnings {
            tracing::warn!(event = "policy", "{warning}");
        }
        settings.generation = self.settings.generation.wrapping_add(1);
        for what in needs_restart(&self.settings, &settings) {
            let warning = format!("{what} takes effect at the next restart");
            tracing::warn!(event = "reload", "{warning}");
            warnings.push(warning);
        }
        if settings.aws != self.settings.aws {
            let engine = FsxEngine::new(&settings.aws, self.credentials.clone()).await;
            self.dispatch.replace_engine(engine);
        }
        self.settings = settings;
        self.show_outbox();
        self.reloaded = Reload { successful: true, succeeded_at: self.clock.now(), problem: None };
        self.warned.clear();
        warnings
    }

    /// Takes up zone data that changed on disk: the policy is the same, and fires by them from now on.
    pub(super) fn renew_zones(&mut self) {
        if self.zones_read.elapsed() < ZONES_EVERY {
            return;
        }
        self.zones_read = Instant::now();
        jiff::tz::db().reset();
        let mut zones = BTreeSet::new();
        for policy in self.settings.policies.values_mut() {
            if let Some(schedule) = policy.schedule.by_new_zone_data() {
                zones.insert(schedule.zone_name().to_owned());
                policy.schedule = schedule;
            }
        }
        if zones.is_empty() {
            return;
        }
        tracing::info!(event = "zones", ?zones, "new zone data");
        self.settings.generation = self.settings.generation.wrapping_add(1);
        self.show_at_once();
    }

    /// A round and a picture without waiting for their time: a person waits for them.
    fn show_at_once(&mut self) {
        self.changed = true;
        self.rest_until = Instant::now();
        self.pictured = Instant::now().checked_sub(PICTURE_AT_MOST).unwrap_or(self.pictured);
    }
}

fn needs_restart(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let (old, new) = (&old.daemon, &new.daemon);
    [
        (old.state != new.state, "[daemon] state"),
        (old.listen != new.listen, "[daemon] listen"),
        (old.control != new.control, "[daemon] control"),
    ]
    .into_iter()
    .filter_map(|(changed, what)| changed.then_some(what))
    .collect()
}
