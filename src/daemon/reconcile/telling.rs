//! What the loop has to tell people: it goes into the log and, if there is a webhook, into the books until delivered.

use super::Reconciler;
use crate::daemon::journal;
use crate::daemon::notify::{Fate, Outbox};
use crate::domain::change::Change;
use crate::domain::note::Note;
use crate::report::announce::{self, Event, News};
use crate::report::snapshot::Snapshot;
use std::sync::Arc;

impl Reconciler {
    /// Notes and tells what is new in a picture.
    pub(super) fn tell(&mut self, picture: &Snapshot) {
        let news = announce::news(&self.driver.state.notes, picture);
        self.shell.owed.extend(news.events.iter().cloned());
        self.take_in(news.notes.into_iter().map(Change::Noted).collect());
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

    /// A reload was refused.
    pub(super) fn tell_refused(&mut self, problem: &str) {
        let event = Event::reload_refused(problem, self.reloaded.succeeded_at, self.shell.clock.now());
        self.shell.owed.push(event);
        self.take_in(Vec::new());
    }

    /// A notification was delivered or given up.
    pub(super) fn told(&mut self, id: String, fate: Fate) {
        if self.driver.state.notes.owed.keys().any(|(_, owed)| *owed == id) {
            *self.shell.counts.notifications.entry(fate.as_str()).or_default() += 1;
            self.take_in(vec![Change::Noted(Note::Settled { id })]);
            self.shell.overflowed &= fate != Fate::Delivered;
            self.shell.outbox_stale = true;
        }
    }

    /// Lets those who tell see what there is; without a webhook nothing is owed to anybody.
    pub(super) fn show_outbox(&mut self) {
        if !std::mem::take(&mut self.shell.outbox_stale) {
            return;
        }
        if self.driver.settings.notify.webhook.is_none() && !self.driver.state.notes.owed.is_empty() {
            let ids: Vec<String> = self.driver.state.notes.owed.keys().map(|(_, id)| id.clone()).collect();
            self.take_in(ids.into_iter().map(|id| Change::Noted(Note::Settled { id })).collect());
        }
        let owed = self.driver.state.notes.owed.values().cloned().collect();
        let outbox = Outbox { notify: self.driver.settings.notify.clone(), owed };
        self.outbox.send_if_modified(|shown| {
            let changed = **shown != outbox;
            *shown = Arc::new(outbox);
            changed
        });
    }
}
