//! Notifications: logged and, if there is a webhook, queued in the database until delivered.

use super::Reconciler;
use crate::daemon::command::Delivery;
use crate::daemon::event_log;
use crate::daemon::notify::NotificationQueue;
use crate::domain::change::Change;
use crate::domain::note::Note;
use crate::report::notifications::{self, Event, NewEvents};
use crate::report::snapshot::Snapshot;
use std::sync::Arc;

impl Reconciler {
    /// Records new events of a snapshot and queues their notifications.
    pub(super) fn notify(&mut self, snapshot: &Snapshot) {
        let new_events = notifications::new_events(&self.driver.state.notes, snapshot);
        self.shell.queued.extend(new_events.events.iter().cloned());
        self.take_in(new_events.notes.into_iter().map(Change::Noted).collect());
        self.unlogged.events.extend(new_events.events);
        self.unlogged.let_go.extend(new_events.let_go);
    }

    /// Logs the events that are committed, so that a restart does not repeat them; if the disk rejects writes, also
    /// those not committed yet.
    pub(super) fn log_events(&mut self) {
        let NewEvents { events, let_go, .. } = std::mem::take(&mut self.unlogged);
        events.iter().for_each(event_log::log_event);
        let_go.iter().for_each(event_log::rpo_removed);
    }

    /// A reload was rejected.
    pub(super) fn notify_reload_refused(&mut self, problem: &str) {
        let event = Event::reload_refused(problem, self.reloaded.succeeded_at, self.shell.clock.now());
        self.shell.queued.push(event);
        self.take_in(Vec::new());
    }

    /// A notification was delivered or given up.
    pub(super) fn notification_done(&mut self, id: String, delivery: Delivery) {
        if self.driver.state.notes.queued.keys().any(|(_, queued)| *queued == id) {
            *self.shell.counts.notifications.entry(delivery.as_str()).or_default() += 1;
            self.take_in(vec![Change::Noted(Note::NotificationDone { id })]);
            self.shell.overflowed &= delivery != Delivery::Delivered;
            self.shell.queue_stale = true;
        }
    }

    /// Publishes the queue to the notification tasks; without a webhook it is empty.
    pub(super) fn publish_queue(&mut self) {
        if !std::mem::take(&mut self.shell.queue_stale) {
            return;
        }
        if self.driver.settings.notify.webhook.is_none() && !self.driver.state.notes.queued.is_empty() {
            let ids: Vec<String> = self.driver.state.notes.queued.keys().map(|(_, id)| id.clone()).collect();
            self.take_in(ids.into_iter().map(|id| Change::Noted(Note::NotificationDone { id })).collect());
        }
        let queued = self.driver.state.notes.queued.values().cloned().collect();
        let notification_queue = NotificationQueue { notify: self.driver.settings.notify.clone(), queued };
        self.notification_queue.send_if_modified(|shown| {
            let changed = **shown != notification_queue;
            *shown = Arc::new(notification_queue);
            changed
        });
    }
}
