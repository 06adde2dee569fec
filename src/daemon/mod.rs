//! The process: it waits, plans, records and calls.
//!
//! All decisions are in `planner`. This module has only what cannot be pure: the loop ([`reconcile`]), the calls under
//! way ([`dispatch`]), the clock, signals and systemd ([`system`]), the control socket ([`control`]), notifications
//! ([`notify`]), and the event log ([`event_log`]).

pub mod command;
pub mod control;
pub mod dispatch;
pub mod event_log;
pub mod notify;
pub mod reconcile;
pub mod system;

use crate::domain::policy::Settings;
use crate::engine::Engines;
use crate::report::http::hosts::Hosts;
use crate::report::snapshot::Snapshot;
use crate::store::{self, Opened, Renewed};
use crate::store::{StoreError, StoreProblem};
use aws_credential_types::Credentials;
use command::Command;
use futures_util::FutureExt as _;
use reconcile::Reconciler;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use system::{Clock, SystemClock};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_cron_scheduler::{Job, JobScheduler};

/// Reads the policy file again; returns it, or every problem as text.
pub type Reloader = Arc<dyn Fn() -> Result<Reread, String> + Send + Sync>;

/// A policy file that was read again and is valid.
#[derive(Clone)]
pub struct Reread {
    /// The policy.
    pub settings: Settings,
    /// Its warnings, as text.
    pub warnings: Vec<String>,
}

/// The input of a daemon.
pub struct Startup {
    /// The policy, already checked.
    pub settings: Settings,
    /// Reads the policy file again.
    pub reload: Reloader,
    /// Credentials that replace the SDK's own chain.
    pub credentials: Option<Credentials>,
    /// Whether to notify systemd.
    pub systemd: bool,
}

/// Why a daemon could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A problem with the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address for metrics and status cannot be used.
    #[error("cannot listen on {address}: {source}; free the address or set another `listen` in [daemon]")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The path of the control socket is in use.
    #[error(transparent)]
    Control(#[from] control::SocketError),
    /// An essential part of the process ended.
    #[error("internal: {0}")]
    Internal(String),
}

/// A running daemon.
pub struct Daemon {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    commands: mpsc::Sender<Command>,
    address: SocketAddr,
    reconciler: Reconciler,
    /// Dropping it stops the listeners.
    open: watch::Sender<()>,
    listeners: JoinSet<()>,
    // Dropping it stops the heartbeat.
    _heartbeat: Option<JobScheduler>,
    // Dropping it stops the notification tasks.
    _telling: notify::NotificationTasks,
}

/// Time limit for the listeners to stop.
const LISTENERS_END_WITHIN: Duration = Duration::from_secs(3);

impl Daemon {
    /// Opens the database and binds the listener; [`Daemon::run`] starts the rounds.
    ///
    /// # Errors
    /// The database or the address cannot be used.
    pub async fn start(startup: Startup) -> Result<Self, DaemonError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::begin());
        let started_at = clock.now();
        let daemon = startup.settings.daemon.clone();
        let Opened { store, state, replaced } = store::open(&daemon.state, started_at).await?;
        if let Some(Renewed { problem: Some(error), aside: Some(aside) }) = replaced {
            tracing::error!(event = "store_replaced", %error, aside = %aside.display(),
                "the database was moved aside; a new one is filled from the tags at AWS, and pauses, orders, the history and \
                 holds that AWS does not show yet are lost with it");
        }
        let unclean = store.ended_uncleanly();
        let listener = tokio::net::TcpListener::bind(daemon.listen)
            .await
            .map_err(|source| DaemonError::Listen { address: daemon.listen, source })?;
        let address = listener.local_addr().unwrap_or(daemon.listen);
        let socket = control_socket(&daemon.control).await?;
        let Settings { aws, accounts, .. } = &startup.settings;
        let engine = Engines::new(aws, accounts, state.own_account.as_ref(), startup.credentials.clone()).await;
        let (commands, inbox) = mpsc::channel(64);
        let (reconciler, snapshots, liveness) = Reconciler::new(startup, state, store, engine, clock.clone(), inbox);
        let telling =
            notify::begin(snapshots.clone(), reconciler.notification_queue(), commands.clone(), clock.clone());
        let view = Arc::new(system::DaemonView {
            snapshots: snapshots.clone(),
            liveness,
            clock,
            database: daemon.state.clone(),
            commands: commands.clone(),
        });
        let (open, closed) = watch::channel(());
        // The value never changes; the channel closes when the daemon stops.
        let ended = |mut closed: watch::Receiver<()>| async move { while closed.changed().await.is_ok() {} };
        let mut listeners = JoinSet::new();
        if let Some((socket, file)) = socket {
            listeners.spawn(control::serve(socket, file, view.clone(), commands.clone(), ended(closed.clone())));
        }
        let hosts = Hosts::new(address.ip(), &daemon.hosts);
        listeners.spawn(crate::report::http::serve(listener, view, hosts, ended(closed)));
        if unclean {
            tokio::spawn(check_database(daemon.state, commands.clone()));
        }
        let heartbeat = heartbeat(commands.clone()).await;
        Ok(Self { snapshots, commands, address, reconciler, open, listeners, _heartbeat: heartbeat, _telling: telling })
    }

    /// The newest snapshot and all later ones.
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// The address on which metrics and status are served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The channel for commands.
    #[must_use]
    pub fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// Runs the loop in the caller's task until told to stop. On the main thread, the loop's long-lived data uses one
    /// allocator arena, and short-lived responses use others: mixed, they would leave gaps as large as the state.
    ///
    /// # Errors
    /// The loop ended unexpectedly.
    pub async fn run(mut self) -> Result<(), DaemonError> {
        let ended = AssertUnwindSafe(self.reconciler.run()).catch_unwind().await;
        drop(self.open);
        let all = async { while self.listeners.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LISTENERS_END_WITHIN, all).await;
        // A panic message is in the log already.
        ended.map_err(|_| DaemonError::Internal("the loop ended".to_owned()))
    }
}

/// Checks the whole database in the background: a host that crashed may have left it damaged.
async fn check_database(path: PathBuf, commands: mpsc::Sender<Command>) {
    match store::check_integrity(&path).await {
        Ok(()) => tracing::debug!(event = "store_checked", "the database is whole"),
        Err(problem @ StoreProblem::Corrupt(_)) => {
            // A closed queue means that the daemon is stopping, and the next one checks again.
            let _ = commands.send(Command::Damaged(StoreError { path, problem })).await;
        }
        Err(problem) => tracing::warn!(event = "store_checked", "the database could not be checked: {problem}"),
    }
}

/// Binds the control socket. A path used by another process is an error, since orders would go to the wrong daemon. If
/// it cannot be created, backups continue and a message is logged.
async fn control_socket(path: &Path) -> Result<Option<(UnixListener, control::SocketFile)>, DaemonError> {
    match control::bind(path).await {
        Ok(bound) => Ok(Some(bound)),
        Err(why @ control::SocketError::Unusable { .. }) => {
            tracing::warn!(event = "control", "{why}; until the next start there are no orders but signals");
            Ok(None)
        }
        Err(taken) => Err(taken.into()),
    }
}

/// Nudges the loop every second, on the second. Nothing depends on it: the loop has its own timer, and the state shows
/// what is due (crates.md, section 2).
async fn heartbeat(commands: mpsc::Sender<Command>) -> Option<JobScheduler> {
    let begin = async || {
        let scheduler = JobScheduler::new().await?;
        let nudge = Job::new("* * * * * *", move |_, _| {
            // A full queue means that the loop is awake anyway.
            let _ = commands.try_send(Command::Nudge);
        })?;
        scheduler.add(nudge).await?;
        scheduler.start().await?;
        Ok::<_, tokio_cron_scheduler::JobSchedulerError>(scheduler)
    };
    match begin().await {
        Ok(scheduler) => Some(scheduler),
        Err(error) => {
            tracing::warn!(%error, "no heartbeat; the loop goes by its own second hand");
            None
        }
    }
}
