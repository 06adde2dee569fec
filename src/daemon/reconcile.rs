//! The reconcile loop.
//!
//! The loop waits for a response, a nudge, a command or the next due time. Then the planner decides, the loop commits
//! what is to be recorded, and only then sends the calls. It has no memory of its own: it can be killed at any point,
//! and the next process continues from the recorded state.

use super::command::{Command, StateDump};
use super::dispatch::{Dispatch, Done};
use super::notify::NotificationQueue;
use super::system::{Clock, Liveness, Systemd};
use super::{Reloader, Startup};
use crate::domain::change::Change;
use crate::domain::plan::Plan;
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::driver::Driver;
use crate::engine::Engines;
use crate::engine::Sent;
use crate::report::notifications::NewEvents;
use crate::report::snapshot::{Counts, DaemonStatus, Reload, Snapshot};
use crate::store::Database;
use aws_credential_types::Credentials;
use reloading::Reloads;
use shell::{Shell, StoreHealth};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

mod notifications;
mod orders;
mod reloading;
mod shell;
mod snapshots;
mod store_health;
mod upkeep;

/// The maximum interval between two readings of the clock, which may be set, or the host may sleep.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(1);
/// The maximum interval between two rounds, even if nothing is due.
const ROUND_AT_LEAST: Duration = Duration::from_secs(15);
/// The minimum interval between two snapshots.
const SNAPSHOT_AT_MOST: Duration = Duration::from_millis(500);
/// Snapshots take at most one part in this many of the time, so a large fleet gets fewer.
const SNAPSHOT_SHARE: u32 = 50;
/// Deciding for longer than this is followed by a rest of [`ROUND_REST`] times as long, in which responses accumulate.
/// The cost of a decision grows with the open work; without rests, so would the cost per backup or copy in a storm over
/// a large fleet. Time spent writing to disk does not count.
const ROUND_WITHOUT_REST: Duration = Duration::from_millis(4);
/// See [`ROUND_WITHOUT_REST`]. Decisions that take 10 to 50 ms then use five to eight percent of a core.
const ROUND_REST: u32 = 19;
/// The maximum rest: free slots are still used soon enough, since copies take minutes.
const ROUND_REST_AT_MOST: Duration = Duration::from_secs(1);
/// How long the shutdown waits for outstanding responses.
const END_WAITS: Duration = Duration::from_secs(2);
/// How often to check for new zone data: several times a day.
const ZONES_EVERY: Duration = Duration::from_secs(6 * 3600);

/// The loop and its data.
pub struct Reconciler {
    driver: Driver,
    shell: Shell,
    answers: mpsc::UnboundedReceiver<Done>,
    inbox: mpsc::Receiver<Command>,
    reload: Reloader,
    reloads: Reloads,
    credentials: Option<Credentials>,
    reloaded: Reload,
    last_round_at: Option<Time>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    snapshot_at: Instant,
    /// How long the last snapshot took.
    snapshot_took: Duration,
    /// No round before this, because the last one was long.
    rest_until: Instant,
    /// The status line last sent to systemd.
    standing: String,
    /// When the last step of deleting history was done, and whether it completed the day's work.
    forgotten: Option<(Instant, bool)>,
    /// When the zone data were last read.
    zones_read: Instant,
    notification_queue: watch::Sender<Arc<NotificationQueue>>,
    /// Recorded, but not logged yet.
    unlogged: NewEvents,
}

impl Reconciler {
    /// Everything is ready, nothing has started. The first snapshot is already correct.
    #[must_use]
    pub fn new(
        startup: Startup,
        mut state: State,
        store: Database,
        engine: Engines,
        clock: Arc<dyn Clock>,
        inbox: mpsc::Receiver<Command>,
    ) -> (Self, watch::Receiver<Arc<Snapshot>>, Liveness) {
        let now = clock.now();
        state.timekeeping = clock.known();
        let (dispatch, answers) = Dispatch::new(engine);
        let reloaded = Reload { successful: true, succeeded_at: now, problem: None };
        let driver = Driver::new(startup.settings, state, now);
        let around = DaemonStatus {
            live: true,
            reload: reloaded.clone(),
            store_problem: None,
            credentials_problem: None,
            last_round_at: None,
            counts: Counts::default(),
        };
        let first = Snapshot::take(&driver.settings, &driver.state, &Plan::default(), around, now);
        let (snapshots, receiver) = watch::channel(Arc::new(first));
        let liveness = Liveness::default();
        liveness.beat(now);
        let listed_before = driver.state.places.iter().filter(|(_, known)| known.listed.is_some());
        let learned = listed_before.map(|(place, _)| place.clone()).collect();
        let shell = Shell {
            store,
            dispatch,
            clock,
            store_health: StoreHealth::default(),
            store_problem: None,
            counts: Counts::default(),
            liveness: liveness.clone(),
            systemd: Systemd::new(startup.systemd),
            warned: BTreeSet::new(),
            learned,
            last_plan: Arc::default(),
            queued: Vec::new(),
            queue_stale: true,
            overflowed: false,
            woken: false,
            deciding: Duration::ZERO,
        };
        let reconciler = Self {
            driver,
            shell,
            answers,
            inbox,
            reload: startup.reload,
            reloads: Reloads::default(),
            credentials: startup.credentials,
            reloaded,
            last_round_at: None,
            snapshots,
            snapshot_at: Instant::now(),
            snapshot_took: Duration::ZERO,
            rest_until: Instant::now(),
            standing: String::new(),
            forgotten: None,
            zones_read: Instant::now(),
            notification_queue: watch::Sender::new(Arc::default()),
            unlogged: NewEvents::default(),
        };
        (reconciler, receiver, liveness)
    }

    /// The notification queue, now and whenever it changes.
    #[must_use]
    pub fn notification_queue(&self) -> watch::Receiver<Arc<NotificationQueue>> {
        self.notification_queue.subscribe()
    }

    /// Runs until told to stop.
    pub async fn run(mut self) {
        let now = self.keep_time();
        self.shell.systemd.ready(&self.status_line());
        self.publish_queue();
        let mut round_at = now;
        loop {
            let now = self.keep_time();
            self.shell.liveness.beat(now);
            self.shell.systemd.alive();
            self.commit().await;
            let idle_for = now.since(round_at);
            let rested = Instant::now() >= self.rest_until;
            let due = self.driver.changed || now >= self.driver.wake;
            if self.shell.store_problem.is_none() && rested && (due || now < round_at || idle_for >= ROUND_AT_LEAST) {
                self.round().await;
                round_at = self.shell.clock.now();
            }
            self.forget(now).await;
            self.renew_zones();
            self.publish_snapshot();
            self.commit().await;
            self.log_events();
            self.publish_queue();
            if self.wait().await {
                break;
            }
        }
        self.end().await;
    }

    fn keep_time(&mut self) -> Time {
        let now = self.shell.keep_time(&mut self.driver.state);
        self.wake_up();
        now
    }

    /// Requests a round for a change that is not in the state.
    fn wake_up(&mut self) {
        self.driver.changed |= std::mem::take(&mut self.shell.woken);
    }

    /// Plans until nothing is left to record at once.
    async fn round(&mut self) {
        let began = Instant::now();
        self.shell.deciding = Duration::ZERO;
        goes_on(self.driver.round(&mut self.shell).await);
        self.wake_up();
        self.last_round_at = Some(self.shell.clock.now());
        self.shell.counts.rounds.observe(began.elapsed());
        let rest = self.shell.deciding.saturating_sub(ROUND_WITHOUT_REST).saturating_mul(ROUND_REST);
        self.rest_until = Instant::now() + rest.min(ROUND_REST_AT_MOST);
    }

    /// Commits applied changes.
    async fn commit(&mut self) {
        goes_on(self.driver.commit(&mut self.shell).await);
        self.wake_up();
    }

    /// Applies changes and queues them for commit.
    fn take_in(&mut self, changes: Vec<Change>) {
        goes_on(self.driver.take_in(changes, &mut self.shell));
    }

    /// Waits for something to do. Returns whether to stop.
    async fn wait(&mut self) -> bool {
        let pause = self.driver.wake.since(self.shell.clock.now()).min(LOOK_AT_CLOCK);
        let pause = if self.driver.changed { Duration::ZERO } else { pause };
        let pause = pause.max(self.rest_until.saturating_duration_since(Instant::now()));
        let pause = if self.shell.store_problem.is_some() { LOOK_AT_CLOCK } else { pause };
        tokio::select! {
            biased;
            command = self.inbox.recv() => match command {
                None | Some(Command::Stop) => return true,
                Some(Command::Nudge) => {}
                Some(Command::Reload { confirm_deletions, reply }) => self.reload(confirm_deletions, reply),
                Some(Command::StateDump(reply)) => {
                    let (settings, plan) = (Arc::clone(&self.driver.settings), Arc::clone(&self.shell.last_plan));
                    let _ = reply.send(Box::new(StateDump { settings, state: self.driver.state.clone(), plan }));
                }
                Some(Command::Order { order, caller, reply }) => {
                    let _ = reply.send(self.order(&order, caller).await);
                }
                Some(Command::NotificationDone { id, delivery }) => self.notification_done(id, delivery),
                Some(Command::Damaged(problem)) => self.shell.lose(&problem),
            },
            done = self.answers.recv() => {
                if let Some(done) = done {
                    self.answered(done);
                }
                while let Ok(done) = self.answers.try_recv() {
                    self.answered(done);
                }
            }
            read = self.reloads.read() => self.was_read(read).await,
            () = tokio::time::sleep(pause) => {}
        }
        false
    }

    fn answered(&mut self, done: Done) {
        let Done { action, answer } = done;
        let first_word = answer.dated.is_some_and(|dated| self.shell.clock.heard(&dated.heard()));
        let now = self.keep_time();
        if first_word {
            let runs_for = self.shell.clock.runs_for();
            goes_on(self.driver.time_confirmed(now, runs_for, &mut self.shell));
        }
        for Sent { operation, code, took } in answer.requests {
            let region = action.place.region.clone();
            let counts = &mut self.shell.counts;
            *counts.requests.entry((operation, region.clone(), code)).or_default() += 1;
            counts.request_durations.entry((operation, region)).or_default().observe(took);
        }
        goes_on(self.driver.answered(&action, answer.outcome, now, &mut self.shell));
    }

    /// Processes the responses that are about to arrive, then closes the store. The next process repeats requests
    /// without a response, with the same token.
    async fn end(mut self) {
        self.shell.systemd.stopping();
        tracing::info!(
            event = "stopping",
            under_way = self.shell.dispatch.under_way(),
            "stopping; work at AWS goes on"
        );
        let deadline = tokio::time::Instant::now() + END_WAITS;
        while self.shell.dispatch.under_way() > 0 {
            match tokio::time::timeout_at(deadline, self.answers.recv()).await {
                Ok(Some(done)) => self.answered(done),
                _ => break,
            }
        }
        while let Ok(done) = self.answers.try_recv() {
            self.answered(done);
        }
        self.shell.store_health.hurry();
        self.commit().await;
        self.shell.store.close().await;
    }
}

/// The daemon's surroundings never stop the driver.
fn goes_on<T>(done: Result<T, Infallible>) -> T {
    match done {
        Ok(done) => done,
    }
}
