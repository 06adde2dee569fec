//! The process and its environment: the clock, systemd, and the listener's view of the daemon.

use super::command::Command;
use crate::domain::time::Time;
use crate::domain::timekeeper::{Heard, Timekeeper, Timekeeping};
use crate::report::forecast::Forecast;
use crate::report::http::{BoxFuture, StatusProvider};
use crate::report::rpo_report::{self, RpoReport};
use crate::report::snapshot::Snapshot;
use crate::store::{self};
use crate::store::{HistoryEntry, HistoryQuery, RouteQuery, Store as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};

/// The source of time.
pub trait Clock: Send + Sync {
    /// The current time, as far as known.
    fn now(&self) -> Time;
    /// What is known about the clock.
    fn known(&self) -> Timekeeping;
    /// Takes in the time of a response from AWS. Returns whether it is the first with which AWS agrees.
    fn heard(&self, heard: &Heard) -> bool;
    /// How long the process has been running.
    fn runs_for(&self) -> Duration;
}

/// The time of the host's clock.
#[must_use]
pub fn host_time() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Time::from_millis(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// The host's clock as far as AWS confirms it. It may be set at any moment, so the loop reads it every second instead
/// of relying on one long sleep.
pub struct SystemClock {
    began: Instant,
    keeper: Mutex<Timekeeper>,
}

impl SystemClock {
    /// The clock of a new process.
    #[must_use]
    pub fn begin() -> Self {
        Self { began: Instant::now(), keeper: Mutex::new(Timekeeper::new(host_time(), Duration::ZERO)) }
    }

    fn keeper(&self) -> MutexGuard<'_, Timekeeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let mut keeper = self.keeper();
        keeper.read(host_time(), self.began.elapsed())
    }

    fn known(&self) -> Timekeeping {
        self.keeper().known()
    }

    fn heard(&self, heard: &Heard) -> bool {
        let mut keeper = self.keeper();
        keeper.heard(host_time(), self.began.elapsed(), heard)
    }

    fn runs_for(&self) -> Duration {
        self.keeper().runs_for(self.began.elapsed())
    }
}

/// When the loop last completed a cycle; readable from any thread.
#[derive(Clone, Default)]
pub struct Liveness(Arc<AtomicI64>);

impl Liveness {
    /// The loop completed a cycle.
    pub fn beat(&self, now: Time) {
        self.0.store(now.millis(), Ordering::Relaxed);
    }

    fn last(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A loop without a cycle for this long is stuck.
const LOOP_STUCK_AFTER: Duration = Duration::from_secs(60);

/// What the listener can see of a daemon.
pub struct DaemonView {
    /// The snapshots.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The liveness of the loop.
    pub liveness: Liveness,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The database, for history.
    pub database: PathBuf,
    /// The channel to the loop, for forecasts.
    pub commands: mpsc::Sender<Command>,
}

impl StatusProvider for DaemonView {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    fn healthy(&self) -> Result<(), String> {
        let silent = self.clock.now().since(self.liveness.last());
        if silent <= LOOP_STUCK_AFTER { Ok(()) } else { Err(format!("no round for {} s", silent.as_secs())) }
    }

    fn ready(&self) -> Result<(), String> {
        let snapshot = self.snapshot();
        if let Some(problem) = &snapshot.store_problem {
            return Err(problem.clone());
        }
        if let Some(problem) = &snapshot.credentials_problem {
            return Err(problem.clone());
        }
        if snapshot.last_round_at.is_none() {
            return Err("the first round has not ended".to_owned());
        }
        match &snapshot.reload.problem {
            Some(_) => Err("the last reload of the policy was refused".to_owned()),
            None => self.healthy(),
        }
    }

    fn history(&self, query: HistoryQuery) -> BoxFuture<'_, Result<Vec<HistoryEntry>, String>> {
        Box::pin(async move {
            let mut store = store::read(&self.database).await.map_err(|error| error.to_string())?;
            let entries = store.history(&query).await.map_err(|error| error.to_string());
            store.close().await;
            entries
        })
    }

    fn forecast(&self, kept: bool) -> BoxFuture<'_, Result<Forecast, String>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let gone = "the daemon is stopping";
            self.commands.send(Command::StateDump(reply)).await.map_err(|_| gone)?;
            let state_dump = answer.await.map_err(|_| gone)?;
            let now = self.clock.now();
            let draw = move || Forecast::of(&state_dump.settings, &state_dump.state, &state_dump.plan, true, kept, now);
            tokio::task::spawn_blocking(draw).await.map_err(|error| error.to_string())
        })
    }

    fn report(&self, query: RouteQuery) -> BoxFuture<'_, Result<RpoReport, String>> {
        Box::pin(async move {
            let mut store = store::read(&self.database).await.map_err(|error| error.to_string())?;
            let report = rpo_report::read(&mut store, query).await.map_err(|error| error.to_string());
            store.close().await;
            report
        })
    }
}

/// Notifies systemd; does nothing without it.
pub struct Systemd {
    enabled: bool,
    watchdog: Option<Duration>,
    last_ping: Option<std::time::Instant>,
}

impl Systemd {
    /// Reads what systemd requested through the environment.
    #[must_use]
    pub fn new(enabled: bool) -> Self {
        let watchdog = if enabled { sd_notify::watchdog_enabled() } else { None };
        Self { enabled, watchdog, last_ping: None }
    }

    fn tell(&self, states: &[sd_notify::NotifyState<'_>]) {
        if self.enabled
            && let Err(error) = sd_notify::notify(states)
        {
            tracing::debug!(%error, "systemd does not listen");
        }
    }

    /// Reports readiness, with a line for `systemctl status`.
    pub fn ready(&self, status: &str) {
        self.tell(&[sd_notify::NotifyState::Ready, sd_notify::NotifyState::Status(status)]);
    }

    /// Reports that a reload begins.
    pub fn reloading(&self) {
        match sd_notify::NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[sd_notify::NotifyState::Reloading, now]),
            Err(_) => self.tell(&[sd_notify::NotifyState::Reloading]),
        }
    }

    /// Reports that the shutdown begins.
    pub fn stopping(&self) {
        self.tell(&[sd_notify::NotifyState::Stopping]);
    }

    /// Sets the line for `systemctl status`.
    pub fn status(&self, status: &str) {
        self.tell(&[sd_notify::NotifyState::Status(status)]);
    }

    /// Reports that the loop completed a cycle; sent at most twice per watchdog interval.
    pub fn alive(&mut self) {
        let Some(watchdog) = self.watchdog else { return };
        if self.last_ping.is_none_or(|last| last.elapsed() >= watchdog / 3) {
            self.tell(&[sd_notify::NotifyState::Watchdog]);
            self.last_ping = Some(std::time::Instant::now());
        }
    }
}
