//! Which events to notify about, each once.
//!
//! A snapshot is a state; people want to know when it changes, and must not be notified again because of a restart.
//! Sent notifications are recorded in the database ([`Notes`]), so new events are the difference between these records
//! and the snapshot. There is no memory to lose, and a route that was late only between two snapshots is never
//! reported.

use super::snapshot::{AccountRegionView, RouteView, RpoStatus, Snapshot};
use crate::domain::duration::age_text;
use crate::domain::id::{AccountId, Occurrence, PolicyName, Region, SourceId, SourceKey, Target, Trigger};
use crate::domain::note::{Note, Notes, Notification, RouteKey, RouteRpo};
use crate::domain::time::Time;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The version of the layout of [`Event`]; it increases when a field is removed or changes its meaning, not when one is
/// added.
pub const SCHEMA: u32 = 1;
/// Events about records from before a restart wait until the inventory was read again, or this time has passed.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);
/// Maximum length of a text in an event.
const DETAIL_MAX_CHARS: usize = 4000;

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The newest recovery point of a route became older than its RPO.
    RouteLate,
    /// The route meets its RPO again.
    RouteRecovered,
    /// A backup or copy was given up.
    JobFailed,
    /// A policy file was rejected.
    ReloadRefused,
}

/// An event as sent to the webhook. Every field is always present; fields that do not apply are null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Identical for the same event, however often it is sent, and also after the database was lost.
    pub id: String,
    /// What happened.
    pub event: EventKind,
    /// When it was found.
    pub at: Time,
    /// The version of Lifeboat.
    pub version: &'static str,
    /// The policy.
    pub policy: Option<PolicyName>,
    /// The account's name in the policy file.
    pub account: Option<AccountId>,
    /// The source.
    pub source: Option<SourceId>,
    /// The Region of the route's recovery points.
    pub region: Option<Region>,
    /// The RPO of the route.
    pub rpo_seconds: Option<u64>,
    /// The age of its newest recovery point; null if there is none.
    pub age_seconds: Option<u64>,
    /// Since when it is, or was, late.
    pub late_since: Option<Time>,
    /// The scheduled time of the occurrence that failed.
    pub occurrence: Option<Time>,
    /// What made that due: `schedule` or `manual`.
    pub trigger: Option<Trigger>,
    /// One sentence.
    pub message: String,
    /// Details: what is wrong with a policy file.
    pub detail: Option<String>,
}

impl Event {
    fn new(event: EventKind, at: Time, of: &[&str], message: String) -> Self {
        let mut hash = Sha256::new();
        // The serialised kind, so that two events of different kinds about one thing differ.
        hash.update(serde_json::to_string(&event).unwrap_or_default());
        for part in of {
            hash.update([0]);
            hash.update(part);
        }
        let id = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self {
            schema: SCHEMA,
            id,
            event,
            at,
            version: env!("CARGO_PKG_VERSION"),
            policy: None,
            account: None,
            source: None,
            region: None,
            rpo_seconds: None,
            age_seconds: None,
            late_since: None,
            occurrence: None,
            trigger: None,
            message,
            detail: None,
        }
    }

    fn of_route(kind: EventKind, route: &RouteView, since: Time, at: Time, message: String) -> Self {
        let destination = if route.copy { route.region.as_str() } else { "" };
        let since_text = since.millis().to_string();
        let of = [route.account.as_str(), route.source.as_str(), destination, &since_text];
        Self {
            policy: Some(route.policy.clone()),
            account: Some(route.account.clone()),
            source: Some(route.source.clone()),
            region: Some(route.region.clone()),
            rpo_seconds: route.rpo_seconds,
            age_seconds: route.age(at).map(|age| age.as_secs()),
            late_since: Some(since),
            ..Self::new(kind, at, &of, message)
        }
    }

    fn late(route: &RouteView, since: Time, at: Time) -> Self {
        let rpo = age_text(Duration::from_secs(route.rpo_seconds.unwrap_or_default()));
        let has = match route.age(at) {
            Some(age) => format!("the newest recovery point is {} old", age_text(age)),
            None => "there is no recovery point".to_owned(),
        };
        let message = format!("{} is late: {has}, its RPO is {rpo}", route_text(route));
        Self::of_route(EventKind::RouteLate, route, since, at, message)
    }

    fn recovered(route: &RouteView, since: Time, at: Time) -> Self {
        let age = route.age(at).map(age_text).unwrap_or_default();
        let late = age_text(at.since(since));
        let message =
            format!("{} meets its RPO again after {late}: the newest recovery point is {age} old", route_text(route));
        Self::of_route(EventKind::RouteRecovered, route, since, at, message)
    }

    /// An occurrence whose backup or copy was given up.
    #[must_use]
    pub fn job_failed(policy: &PolicyName, key: &SourceKey, of: Occurrence, reason: &str, at: Time) -> Self {
        let message = format!("the occurrence of {} of {} failed for good: {reason}", of.at, key.source);
        let scheduled = of.at.millis().to_string();
        let parts = [key.account.as_str(), key.source.as_str(), of.trigger.as_str(), &scheduled];
        Self {
            policy: Some(policy.clone()),
            account: Some(key.account.clone()),
            source: Some(key.source.clone()),
            occurrence: Some(of.at),
            trigger: Some(of.trigger),
            ..Self::new(EventKind::JobFailed, at, &parts, cut(&message))
        }
    }

    /// A policy file was rejected; the one from `in_force_since` stays in force.
    #[must_use]
    pub fn reload_refused(problem: &str, in_force_since: Time, at: Time) -> Self {
        let first = problem.lines().next().unwrap_or_default();
        let message = format!("the policy file was refused and the one loaded at {in_force_since} stays: {first}");
        let since = in_force_since.millis().to_string();
        Self {
            detail: Some(cut(problem)),
            ..Self::new(EventKind::ReloadRefused, at, &[problem, &since], cut(&message))
        }
    }

    /// The form in which it is queued until delivered.
    #[must_use]
    pub fn notice(&self) -> Notification {
        // A plain struct: serialising it to memory cannot fail.
        let body = serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned());
        Notification { id: self.id.clone(), at: self.at, body }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(DETAIL_MAX_CHARS).collect()
}

fn route_text(route: &RouteView) -> String {
    format!("{} in {}", route.source, route.region)
}

/// New notes, and the events to notify about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewEvents {
    /// To be recorded in the state.
    pub notes: Vec<Note>,
    /// To notify people about.
    pub events: Vec<Event>,
    /// Routes that were reported late and no longer have an RPO.
    pub let_go: Vec<RouteKey>,
}

/// What is in this snapshot but not in the state yet.
#[must_use]
pub fn new_events(known: &Notes, snapshot: &Snapshot) -> NewEvents {
    let mut new_events = NewEvents::default();
    let places: BTreeMap<(&AccountId, &Region), &AccountRegionView> =
        snapshot.places.iter().map(|place| ((&place.account, &place.region), place)).collect();
    let mut shown = BTreeSet::new();
    for route in &snapshot.routes {
        let key = key_of(route);
        note_rpo(known, &key, route, snapshot.at, &mut new_events);
        let place = places.get(&(&route.account, &route.region));
        let news_of_old =
            !place.is_some_and(|place| place.read_whole) && snapshot.at.since(snapshot.started_at) < SETTLED_WITHIN;
        match (route.standing, known.late.get(&key)) {
            (RpoStatus::NoRpo, Some(_)) => new_events.let_go.push(key.clone()),
            (RpoStatus::Late, None) if !news_of_old => late(&key, route, snapshot.at, &mut new_events),
            (RpoStatus::Met, Some(since)) if !news_of_old => {
                new_events.notes.push(Note::LateCleared { route: key.clone() });
                new_events.events.push(Event::recovered(route, *since, snapshot.at));
            }
            _ => {}
        }
        shown.insert(key);
    }
    for key in known.rpos.keys().filter(|key| !shown.contains(*key)) {
        new_events.notes.push(Note::RpoRemoved { route: key.clone(), at: snapshot.at });
    }
    new_events.let_go.extend(known.late.keys().filter(|key| !shown.contains(*key)).cloned());
    new_events.notes.extend(new_events.let_go.iter().map(|route| Note::LateCleared { route: route.clone() }));
    new_events
}

fn key_of(route: &RouteView) -> RouteKey {
    let source = SourceKey { account: route.account.clone(), source: route.source.clone() };
    (source, if route.copy { Target::Copy(route.region.clone()) } else { Target::Backup })
}

fn note_rpo(known: &Notes, key: &RouteKey, route: &RouteView, at: Time, new_events: &mut NewEvents) {
    let rpo = route.rpo_seconds.map(Duration::from_secs);
    let same = |route_rpo: &RouteRpo| {
        route_rpo.rpo == rpo && route_rpo.policy == route.policy && route_rpo.region == route.region
    };
    if !known.rpos.get(key).is_some_and(same) {
        let route_rpo = RouteRpo { policy: route.policy.clone(), region: route.region.clone(), rpo };
        new_events.notes.push(Note::RpoSet { route: key.clone(), route_rpo, at });
    }
}

fn late(key: &RouteKey, route: &RouteView, at: Time, new_events: &mut NewEvents) {
    let Some(since) = route.late_since else { return };
    // A new source has no points yet: its RPO could not be met before its first backup was due.
    let rpo = Duration::from_secs(route.rpo_seconds.unwrap_or_default());
    if route.newest.is_none() && at.since(since) <= rpo {
        return;
    }
    new_events.notes.push(Note::Late { route: key.clone(), since });
    new_events.events.push(Event::late(route, since, at));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{NOW, ago, ahead, bad_day, good_day, route};

    /// Records the new events, and returns them in short form.
    fn told(known: &mut Notes, snapshot: &Snapshot) -> Vec<String> {
        let new_events = new_events(known, snapshot);
        new_events.notes.iter().for_each(|note| known.apply(note));
        let of = |event: &Event| {
            let word = serde_json::to_value(event.event).unwrap().as_str().unwrap().to_owned();
            format!("{word} {} {}", event.source.as_ref().unwrap(), event.region.as_ref().unwrap())
        };
        new_events.events.iter().map(of).collect()
    }

    fn one(age: Option<u64>) -> Snapshot {
        let mut snapshot = good_day();
        snapshot.routes = vec![route("finance", "fs-1", "us-west-2", age, Some(30))];
        snapshot
    }

    const OLD: Option<u64> = Some(31 * 3600);
    const YOUNG: Option<u64> = Some(3600);

    #[test]
    fn late_is_told_once_and_recovery_is_told_once() {
        let mut known = Notes::default();
        assert_eq!(told(&mut known, &one(YOUNG)), [""; 0]);
        assert_eq!(told(&mut known, &one(OLD)), ["route_late fs-1 us-west-2"]);
        for _ in 0..3 {
            assert_eq!(told(&mut known, &one(OLD)), [""; 0], "also after a restart: the notes are in the database");
        }
        assert_eq!(told(&mut known, &one(YOUNG)), ["route_recovered fs-1 us-west-2"]);
        assert_eq!(told(&mut known, &one(YOUNG)), [""; 0]);
        assert_eq!(known.late.len(), 0);
    }

    #[test]
    fn what_is_unknown_is_no_recovery() {
        let mut known = Notes::default();
        told(&mut known, &one(OLD));
        let mut unknown = one(YOUNG);
        unknown.routes[0].standing = RpoStatus::Unknown;
        assert_eq!(told(&mut known, &unknown), [""; 0]);
        assert_eq!(told(&mut known, &one(OLD)), [""; 0], "still the same breach");
    }

    #[test]
    fn memory_is_not_told_until_the_books_were_read_again() {
        let mut known = Notes::default();
        let fresh = |age, since_start: u64| {
            let mut snapshot = one(age);
            snapshot.started_at = ago(since_start);
            snapshot.places.iter_mut().for_each(|place| place.read_whole = false);
            snapshot
        };
        assert_eq!(told(&mut known, &fresh(OLD, 5)), [""; 0]);
        assert_eq!(told(&mut known, &fresh(OLD, 301)), ["route_late fs-1 us-west-2"], "nobody answers there");
        assert_eq!(told(&mut known, &fresh(YOUNG, 5)), [""; 0]);
        assert_eq!(told(&mut known, &one(YOUNG)), ["route_recovered fs-1 us-west-2"]);
    }

    #[test]
    fn a_new_source_has_until_its_rpo() {
        let mut known = Notes::default();
        let mut snapshot = one(None);
        snapshot.routes[0].late_since = Some(ago(30 * 3600));
        assert_eq!(told(&mut known, &snapshot), [""; 0]);
        snapshot.at = ahead(1);
        assert_eq!(told(&mut known, &snapshot), ["route_late fs-1 us-west-2"]);
    }

    #[test]
    fn a_route_that_leaves_is_let_go() {
        let mut known = Notes::default();
        told(&mut known, &one(OLD));
        let mut without = one(OLD);
        without.routes[0].standing = RpoStatus::NoRpo;
        without.routes[0].rpo_seconds = None;
        let mut left = one(OLD);
        left.routes.clear();
        for snapshot in [&without, &left] {
            let mut known = known.clone();
            let new_events = new_events(&known, snapshot);
            assert_eq!((new_events.events.len(), new_events.let_go.len()), (0, 1));
            assert_eq!(told(&mut known, snapshot), [""; 0]);
            assert_eq!(known.late.len(), 0);
        }
    }

    #[test]
    fn rpos_are_noted_as_they_change() {
        let mut known = Notes::default();
        let noted = |known: &mut Notes, snapshot: &Snapshot| {
            let notes = new_events(known, snapshot).notes;
            notes.iter().for_each(|note| known.apply(note));
            notes.iter().filter(|note| matches!(note, Note::RpoSet { .. } | Note::RpoRemoved { .. })).count()
        };
        assert_eq!(noted(&mut known, &good_day()), good_day().routes.len());
        assert_eq!(noted(&mut known, &good_day()), 0);
        let mut changed = good_day();
        changed.routes[0].rpo_seconds = Some(1);
        changed.routes[1].policy = "renamed".into();
        changed.routes.pop();
        assert_eq!(noted(&mut known, &changed), 3);
        assert_eq!(known.rpos.len(), good_day().routes.len() - 1);
    }

    #[test]
    fn an_event_is_known_by_what_happened() {
        let event = |snapshot: &Snapshot| new_events(&Notes::default(), snapshot).events.remove(0);
        let mut later = one(OLD);
        later.at = ahead(60);
        assert_eq!(event(&one(OLD)).id, event(&later).id, "found again, as after the loss of the database");
        assert_ne!(event(&one(OLD)).id, event(&one(Some(32 * 3600))).id, "another breach");
        let recovered = Event::recovered(&one(YOUNG).routes[0], event(&later).late_since.unwrap(), NOW);
        assert_ne!(recovered.id, event(&later).id);
        let of = |trigger| Occurrence { at: NOW, trigger };
        let key = SourceKey { account: "prod".into(), source: "fs-1".into() };
        let failed = |trigger| Event::job_failed(&"finance".into(), &key, of(trigger), "no such key", ahead(5));
        assert_ne!(failed(Trigger::Manual).id, failed(Trigger::Schedule).id);
        assert_eq!(failed(Trigger::Manual).message.lines().count(), 1);
        let refused = Event::reload_refused(&"a\nb".repeat(4000), ago(60), NOW);
        assert_eq!(refused.detail.unwrap().chars().count(), DETAIL_MAX_CHARS);
        assert!(refused.message.ends_with(": a"));
    }

    #[test]
    fn every_field_is_there() {
        let new_events = new_events(&Notes::default(), &bad_day());
        assert!(new_events.events.iter().any(|event| event.age_seconds.is_none()));
        for event in new_events.events {
            let body: serde_json::Value = serde_json::from_str(&event.notice().body).unwrap();
            let keys = body.as_object().unwrap();
            assert_eq!((keys.len(), &keys["event"], &keys["schema"]), (16, &"route_late".into(), &1.into()));
            assert!(keys["message"].as_str().unwrap().contains(" is late: "), "{body}");
        }
    }
}
