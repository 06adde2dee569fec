//! The reconcile loop.
//!
//! It waits for a response, a nudge, a command or the next time that something is due. Then the planner decides, the
//! loop commits what is to be recorded, and only then sends the calls. It has no memory of its own: kill it anywhere,
//! and the next process continues from the recorded state.

use super::dispatch::{Dispatch, Done};
use super::notify::{Delivery, NotificationQueue};
use super::system::{Clock, Liveness, Systemd};
use super::{Reloader, Startup, event_log};
use crate::domain::action::{Action, CallKey};
use crate::domain::change::Change;
use crate::domain::id::{AccountRegion, WorkKey};
use crate::domain::plan::Plan;
use crate::domain::policy::Settings;
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::engine::Sent;
use crate::engine::fsx::FsxEngine;
use crate::planner;
use crate::planner::orders::Order;
use crate::report::http::listener::Caller;
use crate::report::notifications::NewEvents;
use crate::report::snapshot::{Counts, DaemonStatus, Reload, Snapshot};
use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;
use aws_credential_types::Credentials;
use reloading::Reloads;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store_health::StoreHealth;
use tokio::sync::{mpsc, oneshot, watch};

mod notifications;
mod orders;
mod reloading;
mod snapshots;
mod store_health;
mod upkeep;

pub use orders::{Answered, OrderError, Reloaded};

/// Commands to the loop.
pub enum Command {
    /// Check whether something is due.
    Nudge,
    /// Read the policy file anew.
    Reload {
        /// Confirm the deletions that the brake holds back, if the file is valid.
        confirm_deletions: bool,
        /// Where to send the result.
        reply: Option<oneshot::Sender<Reloaded>>,
    },
    /// Carry out an order.
    Order {
        /// What.
        order: Order,
        /// The client.
        caller: Caller,
        /// Where to send the result.
        reply: oneshot::Sender<Answered>,
    },
    /// Return everything that decisions depend on, for a forecast.
    StateDump(oneshot::Sender<Box<StateDump>>),
    /// A notification was delivered or given up.
    Told {
        /// Which.
        id: String,
        /// What became of it.
        delivery: Delivery,
    },
    /// A check of the whole database found it damaged.
    Damaged(StoreError),
    /// End.
    Stop,
}

/// Everything that decisions depend on.
pub struct StateDump {
    /// The policy file.
    pub settings: Arc<Settings>,
    /// The state; sources and recovery points are shared with the loop until they move, and copied one by one then.
    pub state: State,
    /// The last full plan.
    pub plan: Arc<Plan>,
}

/// The loop looks at the clock at least this often, since the clock may be set and the host may sleep.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(1);
/// A round at least this often, even if nothing is due.
const ROUND_AT_LEAST: Duration = Duration::from_secs(15);
/// A new snapshot at most this often.
const SNAPSHOT_AT_MOST: Duration = Duration::from_millis(500);
/// Snapshots take at most this share of the time, so a large fleet gets fewer.
const SNAPSHOT_SHARE: u32 = 50;
/// What deciding takes longer than this is followed by a rest of [`ROUND_REST`] times as long, in which answers gather:
/// deciding costs what is open, so that in a storm over a large fleet what a backup or copy costs would grow with it.
/// Writing to the disk is no reason to rest.
const ROUND_WITHOUT_REST: Duration = Duration::from_millis(4);
/// See [`ROUND_WITHOUT_REST`]. Deciding that takes 10 to 50 ms then takes five to eight percent of a core.
const ROUND_REST: u32 = 19;
/// No rest is longer: a slot that is free is used soon enough, since copies take minutes.
const ROUND_REST_AT_MOST: Duration = Duration::from_secs(1);
/// Plans in a row before the loop looks up.
const PLANS_IN_A_ROW: usize = 50;
/// How long the shutdown waits for outstanding responses.
const END_WAITS: Duration = Duration::from_secs(2);
/// How often it is looked whether a package brought new zone data: well within a day.
const ZONES_EVERY: Duration = Duration::from_secs(6 * 3600);

/// The loop and what it holds.
pub struct Reconciler {
    settings: Arc<Settings>,
    state: State,
    store: SqliteStore,
    dispatch: Dispatch<FsxEngine>,
    answers: mpsc::UnboundedReceiver<Done>,
    inbox: mpsc::Receiver<Command>,
    clock: Arc<dyn Clock>,
    reload: Reloader,
    reloads: Reloads,
    credentials: Option<Credentials>,
    systemd: Systemd,
    /// Applied, and not committed because the disk would not take it.
    uncommitted: Vec<Change>,
    store_problem: Option<String>,
    store_health: StoreHealth,
    reloaded: Reload,
    last_plan: Arc<Plan>,
    last_round_at: Option<Time>,
    counts: Counts,
    warned: BTreeSet<String>,
    /// Places whose first listing is not news any more.
    learned: BTreeSet<AccountRegion>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    pictured: Instant,
    /// How long the last snapshot took.
    picture_took: Duration,
    /// No round before this, since the last one was long.
    rest_until: Instant,
    changed: bool,
    liveness: Liveness,
    /// How the routes stand, as systemd was told.
    standing: String,
    /// When the last step of forgetting was done, and whether it ended the day's work.
    forgotten: Option<(Instant, bool)>,
    /// When the zone data were last looked at.
    zones_read: Instant,
    notification_queue: watch::Sender<Arc<NotificationQueue>>,
    /// Recorded, but not logged yet.
    unlogged: NewEvents,
    /// Notifications were dropped since the last one was delivered.
    overflowed: bool,
}

impl Reconciler {
    /// Everything in place, nothing begun. The first snapshot is right at once.
    #[must_use]
    pub fn new(
        startup: Startup,
        mut state: State,
        store: SqliteStore,
        engine: FsxEngine,
        clock: Arc<dyn Clock>,
        inbox: mpsc::Receiver<Command>,
    ) -> (Self, watch::Receiver<Arc<Snapshot>>, Liveness) {
        let now = clock.now();
        state.timekeeping = clock.known();
        let (dispatch, answers) = Dispatch::new(engine);
        let reloaded = Reload { successful: true, succeeded_at: now, problem: None };
        let mut settings = startup.settings;
        settings.generation = 1;
        let around = DaemonStatus {
            live: true,
            reload: reloaded.clone(),
            store_problem: None,
            credentials_problem: None,
            last_round_at: None,
            counts: Counts::default(),
        };
        let first = Snapshot::take(&settings, &state, &Plan::default(), around, now);
        let (snapshots, receiver) = watch::channel(Arc::new(first));
        let liveness = Liveness::default();
        liveness.beat(now);
        let listed_before = state.places.iter().filter(|(_, known)| known.listed.is_some());
        let learned = listed_before.map(|(place, _)| place.clone()).collect();
        let reconciler = Self {
            settings: Arc::new(settings),
            state,
            store,
            dispatch,
            answers,
            inbox,
            clock,
            reload: startup.reload,
            reloads: Reloads::default(),
            credentials: startup.credentials,
            systemd: Systemd::new(startup.systemd),
            uncommitted: Vec::new(),
            store_problem: None,
            store_health: StoreHealth::default(),
            reloaded,
            last_plan: Arc::default(),
            last_round_at: None,
            counts: Counts::default(),
            warned: BTreeSet::new(),
            learned,
            snapshots,
            pictured: Instant::now(),
            picture_took: Duration::ZERO,
            rest_until: Instant::now(),
            changed: true,
            liveness: liveness.clone(),
            standing: String::new(),
            forgotten: None,
            zones_read: Instant::now(),
            notification_queue: watch::Sender::new(Arc::default()),
            unlogged: NewEvents::default(),
            overflowed: false,
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
        self.systemd.ready(&self.status_line());
        self.publish_queue();
        let mut due = now;
        let mut round_at = now;
        loop {
            let now = self.keep_time();
            self.liveness.beat(now);
            self.systemd.alive();
            self.commit().await;
            let idle_for = now.since(round_at);
            let rested = Instant::now() >= self.rest_until;
            if self.store_problem.is_none()
                && rested
                && (self.changed || now >= due || now < round_at || idle_for >= ROUND_AT_LEAST)
            {
                due = self.round().await;
                round_at = self.clock.now();
            }
            self.forget(now).await;
            self.renew_zones();
            self.publish_snapshot();
            self.commit().await;
            self.log_events();
            if self.wait(due).await {
                break;
            }
        }
        self.end().await;
    }

    /// The time, and what is known of it put where decisions are made.
    fn keep_time(&mut self) -> Time {
        let now = self.clock.now();
        let known = self.clock.known();
        if known != self.state.timekeeping {
            event_log::clock(&self.state.timekeeping, &known);
            self.changed |= known.trust != self.state.timekeeping.trust;
            self.state.timekeeping = known;
        }
        now
    }

    /// Plans until there is nothing left to record at once. Returns when something is due next.
    async fn round(&mut self) -> Time {
        let began = Instant::now();
        self.changed = false;
        let (mut wake, mut deciding) = (Time::NEVER, Duration::ZERO);
        for _ in 0..PLANS_IN_A_ROW {
            let now = self.keep_time();
            let asked = Instant::now();
            let plan = planner::plan(&self.settings, &self.state, now);
            deciding += asked.elapsed();
            let again = plan.wake.at <= now;
            wake = plan.wake.at;
            self.carry_out(plan, now).await;
            self.liveness.beat(now);
            if !again || self.store_problem.is_some() {
                break;
            }
        }
        self.last_round_at = Some(self.clock.now());
        self.counts.rounds.observe(began.elapsed());
        let rest = deciding.saturating_sub(ROUND_WITHOUT_REST).saturating_mul(ROUND_REST);
        self.rest_until = Instant::now() + rest.min(ROUND_REST_AT_MOST);
        wake
    }

    async fn carry_out(&mut self, mut plan: Plan, now: Time) {
        self.state.clock = self.state.clock.max(now);
        for warning in std::mem::take(&mut plan.warnings) {
            if self.warned.len() < 10_000 && self.warned.insert(warning.clone()) {
                tracing::warn!(event = "warning", "{warning}");
            }
        }
        let refused = self.take_in(std::mem::take(&mut plan.record));
        self.commit().await;
        for action in std::mem::take(&mut plan.actions) {
            let illegal =
                matches!(&action.call, crate::domain::action::Call::Make { key, .. } if refused.contains(key));
            if illegal || self.store_problem.is_some() {
                // Nothing leaves without its intent on disk. The pending request stands as one without an answer.
                self.withdraw(&action);
            } else {
                self.dispatch.start(action);
            }
        }
        // A plan that only records changes has not looked at what waits.
        if !plan.record_only {
            event_log::learning(&self.state, &mut self.learned);
            self.last_plan = Arc::new(plan);
        }
    }

    fn withdraw(&mut self, action: &Action) {
        if let Some(call) = action.call.key() {
            self.take_in(vec![Change::Withdrawn { place: action.place.clone(), call }]);
        }
    }

    /// Applies changes and queues them for the commit. Returns the requests that were rejected as illegal.
    fn take_in(&mut self, changes: Vec<Change>) -> BTreeSet<WorkKey> {
        let mut refused = BTreeSet::new();
        let mut events = Vec::new();
        for change in changes {
            if let Change::Sent { call: CallKey::Make(key), .. } = &change
                && refused.contains(key)
            {
                continue;
            }
            event_log::before(&self.state, &change);
            match self.state.apply(&change) {
                Ok(()) => {
                    events.extend(self.event_in(&change));
                    // A note leads to no decision, so there is no round for its sake.
                    self.changed |= change.durable() && !matches!(change, Change::Noted(_));
                    if change.durable() {
                        self.uncommitted.push(change);
                    }
                }
                Err(error) => {
                    tracing::error!(event = "illegal_change", %error, "refused a change that contradicts the recorded state; the source is quarantined until a restart");
                    if let Change::RequestRecorded { key, .. } = &change {
                        refused.insert(key.clone());
                    }
                    if let Some(source) = change.source() {
                        self.state.quarantined.insert(source, error.to_string());
                    }
                }
            }
        }
        if !events.is_empty() {
            self.enqueue(&events);
        }
        refused
    }

    /// Waits for something to do. Returns whether to end.
    async fn wait(&mut self, due: Time) -> bool {
        let pause = due.since(self.clock.now()).min(LOOK_AT_CLOCK);
        let pause = if self.changed { Duration::ZERO } else { pause };
        let pause = pause.max(self.rest_until.saturating_duration_since(Instant::now()));
        let pause = if self.store_problem.is_some() { LOOK_AT_CLOCK } else { pause };
        tokio::select! {
            biased;
            command = self.inbox.recv() => match command {
                None | Some(Command::Stop) => return true,
                Some(Command::Nudge) => {}
                Some(Command::Reload { confirm_deletions, reply }) => self.reload(confirm_deletions, reply),
                Some(Command::StateDump(reply)) => {
                    let (settings, plan) = (Arc::clone(&self.settings), Arc::clone(&self.last_plan));
                    let _ = reply.send(Box::new(StateDump { settings, state: self.state.clone(), plan }));
                }
                Some(Command::Order { order, caller, reply }) => {
                    let _ = reply.send(self.order(&order, caller).await);
                }
                Some(Command::Told { id, delivery }) => self.notification_done(id, delivery),
                Some(Command::Damaged(problem)) => self.lose(&problem),
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
        let first_word = answer.dated.is_some_and(|dated| self.clock.heard(&dated.heard()));
        let now = self.keep_time();
        if first_word {
            self.state.clock_confirmed(now, self.clock.runs_for());
            // Times in the state that lie in the future come from a clock that was wrong.
            if self.state.clock > now || self.state.lies_ahead_of(now) {
                self.take_in(vec![Change::ClockWentBack { to: now }]);
            }
        }
        for Sent { operation, code, took } in answer.requests {
            let region = action.place.region.clone();
            *self.counts.requests.entry((operation, region.clone(), code)).or_default() += 1;
            self.counts.request_durations.entry((operation, region)).or_default().observe(took);
        }
        let changes = planner::process_outcome(&self.settings, &self.state, &action, answer.outcome, now);
        self.take_in(changes);
        // Even a response that changes nothing frees a place for the next call.
        self.changed = true;
    }

    /// Takes in the responses that are about to arrive, then closes the store. The next process repeats requests
    /// without a response, with the same token.
    async fn end(mut self) {
        self.systemd.stopping();
        tracing::info!(event = "stopping", under_way = self.dispatch.under_way(), "stopping; work at AWS goes on");
        let deadline = tokio::time::Instant::now() + END_WAITS;
        while self.dispatch.under_way() > 0 {
            match tokio::time::timeout_at(deadline, self.answers.recv()).await {
                Ok(Some(done)) => self.answered(done),
                _ => break,
            }
        }
        while let Ok(done) = self.answers.try_recv() {
            self.answered(done);
        }
        self.store_health.hurry();
        self.commit().await;
        self.store.close().await;
    }
}
