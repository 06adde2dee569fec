//! Notifications of the loop: written to the log and, if there is a webhook, queued in the database until delivered.

use super::Reconciler;
use crate::daemon::event_log;
use crate::daemon::notify::{Delivery, NotificationQueue, QUEUED_MAX};
use crate::domain::change::{Change, OccurrenceOutcome};
use crate::domain::note::Note;
use crate::report::notifications::{self, Event, NewEvents};
use crate::report::snapshot::Snapshot;
use std::sync::Arc;

impl Reconciler {
    /// Records what is new in a snapshot and queues notifications.
    pub(super) fn notify(&mut self, snapshot: &Snapshot) {
        let new_events = notifications::new_events(&self.state.notes, snapshot);
        self.take_in(new_events.notes.into_iter().map(Change::Noted).collect());
        self.enqueue(&new_events.events);
        self.unlogged.events.extend(new_events.events);
        self.unlogged.let_go.extend(new_events.let_go);
    }

    /// Logs the events that are recorded by now, so that no restart repeats them; or, if the disk rejects writes, those
    /// that will be.
    pub(super) fn log_events(&mut self) {
        let NewEvents { events, let_go, .. } = std::mem::take(&mut self.unlogged);
        events.iter().for_each(event_log::log_event);
        let_go.iter().for_each(event_log::rpo_removed);
    }

    /// The event in a change that was just taken in, if it is one.
    pub(super) fn event_in(&self, change: &Change) -> Option<Event> {
        match change {
            Change::Closed { source, occurrence, record, end: OccurrenceOutcome::Failed, reason, at, .. } => {
                Some(Event::job_failed(&record.policy, source, *occurrence, reason, *at))
            }
            _ => None,
        }
    }

    /// A reload was refused.
    pub(super) fn notify_reload_refused(&mut self, problem: &str) {
        let event = Event::reload_refused(problem, self.reloaded.succeeded_at, self.clock.now());
        self.enqueue(&[event]);
    }

    /// Queues events until the webhook accepted them.
    pub(super) fn enqueue(&mut self, events: &[Event]) {
        if self.settings.notify.webhook.is_none() {
            return;
        }
        for event in events {
            let full = self.state.notes.queued.len() >= QUEUED_MAX;
            let oldest = self.state.notes.queued.keys().next().filter(|_| full).map(|(_, id)| id.clone());
            if let Some(id) = oldest {
                if !self.overflowed {
                    tracing::warn!(
                        event = "notify_dropped",
                        kept = QUEUED_MAX,
                        "too many notifications; the oldest is dropped"
                    );
                    self.overflowed = true;
                }
                self.notification_done(id, Delivery::GivenUp);
            }
            self.take_in(vec![Change::Noted(Note::NotificationQueued(Box::new(event.notice())))]);
        }
        self.publish_queue();
    }

    /// A notification was delivered or given up.
    pub(super) fn notification_done(&mut self, id: String, delivery: Delivery) {
        if self.state.notes.queued.keys().any(|(_, queued)| *queued == id) {
            *self.counts.notifications.entry(delivery.as_str()).or_default() += 1;
            self.take_in(vec![Change::Noted(Note::NotificationDone { id })]);
            self.overflowed &= delivery != Delivery::Delivered;
            self.publish_queue();
        }
    }

    /// Publishes the queue to the notification tasks; without a webhook it is empty.
    pub(super) fn publish_queue(&mut self) {
        if self.settings.notify.webhook.is_none() && !self.state.notes.queued.is_empty() {
            let ids: Vec<String> = self.state.notes.queued.keys().map(|(_, id)| id.clone()).collect();
            self.take_in(ids.into_iter().map(|id| Change::Noted(Note::NotificationDone { id })).collect());
        }
        let queued = self.state.notes.queued.values().cloned().collect();
        let notification_queue = NotificationQueue { notify: self.settings.notify.clone(), queued };
        self.notification_queue.send_if_modified(|shown| {
            let changed = **shown != notification_queue;
            *shown = Arc::new(notification_queue);
            changed
        });
    }
}
