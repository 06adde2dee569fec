//! Notifications: the webhook and the heartbeat.
//!
//! A receiver may be slow, broken or down for days, and must not delay any recovery point. So the loop only records and
//! publishes the queued notifications ([`NotificationQueue`]); two separate tasks read the queue and the snapshots, and
//! report deliveries. They hold no important state: after a restart the queue is still in the database, with the same
//! ids.

use super::command::{Command, Delivery};
use super::system::Clock;
use crate::domain::note::Notification;
use crate::domain::policy::{Notify, SecretUrl};
use crate::domain::time::Time;
use crate::report::snapshot::{RpoStatus, Snapshot};
use client::{Client, SendError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

mod client;

/// Maximum number of queued notifications; beyond it the oldest are dropped.
pub const QUEUED_MAX: usize = 1000;
/// Older notifications are given up.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// How often a notification is sent if the receiver refuses it but accepts others.
const REFUSALS_MAX: u32 = 5;
/// The first backoff after a failure; it doubles …
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// … up to this.
const PAUSE_LONGEST: Duration = Duration::from_secs(300);
/// The interval of heartbeat pings.
const BEAT: Duration = Duration::from_secs(60);
/// The interval after a failed ping.
const BEAT_AGAIN: Duration = Duration::from_secs(15);
/// How often the snapshot is checked while an RPO is not met.
const LOOK: Duration = Duration::from_secs(1);
/// An older snapshot comes from a hung loop and must not be trusted.
const SNAPSHOT_GOOD_FOR: Duration = Duration::from_secs(120);

/// The receivers, and the notifications not delivered yet, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotificationQueue {
    /// The receivers.
    pub notify: Notify,
    /// The notifications.
    pub queued: Vec<Notification>,
}

/// The tasks that send notifications; they end when this is dropped.
pub struct NotificationTasks(Vec<JoinHandle<()>>);

impl Drop for NotificationTasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Starts the tasks.
#[must_use]
pub fn begin(
    snapshots: watch::Receiver<Arc<Snapshot>>,
    notification_queue: watch::Receiver<Arc<NotificationQueue>>,
    commands: mpsc::Sender<Command>,
    clock: Arc<dyn Clock>,
) -> NotificationTasks {
    let sender = WebhookSender {
        notification_queue: notification_queue.clone(),
        commands,
        clock: clock.clone(),
        tries: BTreeMap::new(),
    };
    NotificationTasks(vec![tokio::spawn(sender.run()), tokio::spawn(beat(snapshots, notification_queue, clock))])
}

/// Doubles with every consecutive failure.
fn pause(failures: u32) -> Duration {
    let doubled = 2_u32.checked_pow(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    PAUSE_FIRST.saturating_mul(doubled).min(PAUSE_LONGEST)
}

/// The recent health of a receiver.
#[derive(Default)]
struct Health {
    failures: u32,
    not_before: Option<Instant>,
}

impl Health {
    /// The receiver could not be reached or is broken. Logged once.
    fn failed(&mut self, what: &str, url: &SecretUrl, why: &str, again: Duration) {
        if self.failures == 0 {
            tracing::warn!(event = "notify_failed", what, %url, why, "notifications are not delivered; retried until it works");
        } else {
            tracing::debug!(event = "notify_failed", what, %url, why, "again");
        }
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(Instant::now() + again);
    }

    fn worked(&mut self, what: &str, url: &SecretUrl) {
        if self.failures > 0 {
            tracing::info!(event = "notify_works", what, %url, failures = self.failures, "it works again");
        }
        *self = Self::default();
    }
}

/// How often a notification was refused, and its earliest next try.
#[derive(Clone, Copy)]
struct Tried {
    refusals: u32,
    not_before: Instant,
    over: bool,
}

/// Delivers the queue to the webhook, in order as far as the receiver accepts it.
struct WebhookSender {
    notification_queue: watch::Receiver<Arc<NotificationQueue>>,
    commands: mpsc::Sender<Command>,
    clock: Arc<dyn Clock>,
    /// Only for queued notifications, so the queue bounds it.
    tries: BTreeMap<String, Tried>,
}

impl WebhookSender {
    async fn run(mut self) {
        let client = Client::default();
        let mut health = Health::default();
        let mut addressed = None;
        loop {
            let notification_queue = self.notification_queue.borrow_and_update().clone();
            if addressed != notification_queue.notify.webhook {
                addressed.clone_from(&notification_queue.notify.webhook);
                (health, self.tries) = (Health::default(), BTreeMap::new());
            }
            self.tries.retain(|id, _| notification_queue.queued.iter().any(|notice| notice.id == *id));
            let now = Instant::now();
            let ready = notification_queue.notify.webhook.as_ref().zip(self.next(&notification_queue, now));
            match ready.filter(|_| health.not_before.is_none_or(|at| at <= now)) {
                Some((url, notice)) => {
                    if self.deliver(&client, url, notice, &mut health).await.is_err() {
                        return;
                    }
                }
                None => {
                    let tried = self.tries.values().filter(|tried| !tried.over).map(|tried| tried.not_before);
                    let wake = tried.chain(health.not_before).filter(|at| *at > now).min();
                    let wake = wake.unwrap_or(now + PAUSE_LONGEST);
                    tokio::select! {
                        changed = self.notification_queue.changed() => if changed.is_err() { return },
                        () = tokio::time::sleep_until(wake) => {}
                    }
                }
            }
        }
    }

    /// The oldest notification that may be tried now.
    fn next<'a>(&self, notification_queue: &'a NotificationQueue, now: Instant) -> Option<&'a Notification> {
        let may = |notice: &&Notification| {
            self.tries.get(&notice.id).is_none_or(|tried| !tried.over && tried.not_before <= now)
        };
        notification_queue.queued.iter().find(may)
    }

    /// An error means that nobody receives the results any more.
    async fn deliver(
        &mut self,
        client: &Client,
        url: &SecretUrl,
        notice: &Notification,
        health: &mut Health,
    ) -> Result<(), ()> {
        const WHAT: &str = "webhook";
        let old = self.clock.now().since(notice.at) > KEPT_FOR;
        let mut refusals = self.tries.get(&notice.id).map_or(0, |tried| tried.refusals);
        let delivery = match client.post(url, notice).await {
            Ok(()) => {
                health.worked(WHAT, url);
                Some(Delivery::Delivered)
            }
            Err(SendError::Broken(why)) => {
                health.failed(WHAT, url, &why, pause(health.failures.saturating_add(1)));
                old.then_some(Delivery::GivenUp)
            }
            Err(SendError::NotThis(why)) => {
                health.worked(WHAT, url);
                refusals += 1;
                let over = old || refusals >= REFUSALS_MAX;
                tracing::warn!(event = "notify_refused", %url, id = notice.id, why, over, "a notification was refused");
                over.then_some(Delivery::GivenUp)
            }
        };
        let not_before = Instant::now() + pause(refusals.max(1));
        self.tries.insert(notice.id.clone(), Tried { refusals, not_before, over: delivery.is_some() });
        let Some(delivery) = delivery else { return Ok(()) };
        self.commands.send(Command::NotificationDone { id: notice.id.clone(), delivery }).await.map_err(drop)
    }
}

/// Pings the heartbeat while all is well.
async fn beat(
    snapshots: watch::Receiver<Arc<Snapshot>>,
    mut notification_queue: watch::Receiver<Arc<NotificationQueue>>,
    clock: Arc<dyn Clock>,
) {
    let client = Client::default();
    let mut health = Health::default();
    let mut due = Instant::now();
    let mut addressed = None;
    loop {
        let url = notification_queue.borrow_and_update().notify.heartbeat.clone();
        if addressed != url {
            addressed.clone_from(&url);
            (health, due) = (Health::default(), Instant::now());
        }
        let wake = match &url {
            None => Instant::now() + BEAT,
            Some(_) if due > Instant::now() => due,
            Some(_) if !well(&snapshots.borrow().clone(), clock.now()) => Instant::now() + LOOK,
            Some(url) => {
                let sent = Instant::now();
                due = match client.get(url).await {
                    Ok(()) => {
                        health.worked("heartbeat", url);
                        sent + BEAT
                    }
                    Err(SendError::Broken(why) | SendError::NotThis(why)) => {
                        health.failed("heartbeat", url, &why, BEAT_AGAIN);
                        Instant::now() + BEAT_AGAIN
                    }
                };
                due
            }
        };
        tokio::select! {
            changed = notification_queue.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(wake) => {}
        }
    }
}

/// Whether every route meets its RPO and the daemon can work. Unknown does not count as met.
fn well(snapshot: &Snapshot, now: Time) -> bool {
    let kept = |standing| matches!(standing, RpoStatus::Met | RpoStatus::NoRpo);
    let snapshot = snapshot.judged_at(now);
    now.since(snapshot.at) <= SNAPSHOT_GOOD_FOR
        && snapshot.last_round_at.is_some()
        && snapshot.store_problem.is_none()
        && snapshot.routes.iter().all(|route| kept(route.standing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Change;

    #[test]
    fn pauses_grow_and_end() {
        let seconds: Vec<u64> = (1..12).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(pause(u32::MAX), PAUSE_LONGEST);
    }

    #[test]
    fn only_what_is_known_to_be_well_is_well() {
        use crate::domain::policy::Settings;
        use crate::domain::state::State;
        use crate::report::snapshot::{Counts, DaemonStatus, Reload};
        let now = Time::parse_rfc3339("2026-11-21T08:00:00Z").unwrap();
        let files = [("x.toml".to_owned(), include_str!("../../config/minimal.toml").to_owned())];
        let settings: Settings = crate::config::parse(&files, now).unwrap().settings;
        let mut state = State::new(now, now);
        let policy = settings.policies.values().next().unwrap();
        for key in policy.source_keys() {
            let (region, destinations) = (policy.region.clone(), Vec::new());
            let watched = Change::MembershipUpdated {
                source: key,
                region,
                policy: policy.name.clone(),
                destinations,
                since: now,
            };
            state.apply(&watched).unwrap();
        }
        let around = DaemonStatus {
            live: true,
            reload: Reload { successful: true, succeeded_at: now, problem: None },
            store_problem: None,
            credentials_problem: None,
            last_round_at: Some(now),
            counts: Counts::default(),
        };
        let snapshot = Snapshot::take(&settings, &state, &crate::domain::plan::Plan::default(), around, now);
        assert!(!well(&snapshot, now), "nothing was read yet");
        let stands = |standing| {
            let mut snapshot = snapshot.clone();
            for route in &mut snapshot.routes {
                (route.standing, route.newest_taken_at) = (standing, Some(now));
            }
            snapshot
        };
        assert!(well(&stands(RpoStatus::Met), now) && well(&stands(RpoStatus::NoRpo), now));
        assert!(!well(&stands(RpoStatus::Unknown), now) && !well(&stands(RpoStatus::Late), now));
        assert!(!well(&stands(RpoStatus::Met), now.plus(Duration::from_secs(121))), "the loop hangs");
        let full = Snapshot { store_problem: Some("the disk is full".to_owned()), ..stands(RpoStatus::Met) };
        assert!(!well(&full, now));
        let mut young = stands(RpoStatus::Met);
        young.routes[0].newest_taken_at = Some(now.minus(Duration::from_secs(26 * 3600 - 30)));
        assert!(well(&young, now) && !well(&young, now.plus(Duration::from_secs(31))), "it grew too old since");
    }
}
