//! What the loop has to tell people: it goes into the log and, if there is a webhook, into the books until delivered.

use super::Reconciler;
use crate::daemon::journal;
use crate::daemon::notify::{Fate, Outbox, QUEUED_MAX};
use crate::domain::change::{Change, OccurrenceOutcome};
use crate::domain::note::Note;
use crate::report::announce::{self, Event, News};
use crate::report::snapshot::Snapshot;
use std::sync::Arc;

impl Reconciler {
    /// Notes and tells what is new in a picture.
    pub(super) fn tell(&mut self, picture: &Snapshot) {
        let news = announce::news(&self.state.notes, picture);
        self.take_in(news.notes.into_iter().map(Change::Noted).collect());
        self.owe(&news.events);
        self.unsaid.events.extend(news.events);
        self.unsaid.let_go.extend(news.let_go);
    }

    /// Says in the log what is in the books by now, so that no restart repeats it; or, with a disk that takes nothing,
    /// what will be.
    pub(super) fn say(&mut self) {
        let News { events, let_go, .. } = std::mem::take(&mut self.unsaid);
        events.iter().for_each(journal::told);
        let_go.iter().for_each(journal::let_go);
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
    pub(super) fn tell_refused(&mut self, problem: &str) {
        let event = Event::reload_refused(problem, self.reloaded.succeeded_at, self.clock.now());
        self.owe(&[event]);
    }

    /// Keeps events until the webhook took them.
    pub(super) fn owe(&mut self, events: &[Event]) {
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
                        "too much to tell; the oldest is dropped"
                    );
                    self.overflowed = true;
                }
                self.told(id, Fate::GivenUp);
            }
            self.take_in(vec![Change::Noted(Note::NotificationQueued(Box::new(event.notice())))]);
        }
        self.show_outbox();
    }

    /// A notification was delivered or given up.
    pub(super) fn told(&mut self, id: String, fate: Fate) {
        if self.state.notes.queued.keys().any(|(_, queued)| *queued == id) {
            *self.counts.notifications.entry(fate.as_str()).or_default() += 1;
            self.take_in(vec![Change::Noted(Note::NotificationDone { id })]);
            self.overflowed &= fate != Fate::Delivered;
            self.show_outbox();
        }
    }

    /// Lets those who tell see what there is; without a webhook nothing is owed to anybody.
    pub(super) fn show_outbox(&mut self) {
        if self.settings.notify.webhook.is_none() && !self.state.notes.queued.is_empty() {
            let ids: Vec<String> = self.state.notes.queued.keys().map(|(_, id)| id.clone()).collect();
            self.take_in(ids.into_iter().map(|id| Change::Noted(Note::NotificationDone { id })).collect());
        }
        let queued = self.state.notes.queued.values().cloned().collect();
        let outbox = Outbox { notify: self.settings.notify.clone(), queued };
        self.outbox.send_if_modified(|shown| {
            let changed = **shown != outbox;
            *shown = Arc::new(outbox);
            changed
        });
    }
}
