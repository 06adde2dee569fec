//! Records kept for people only: the RPO of each route, when AWS's inventory was read, and which notifications were
//! sent.
//!
//! No decision depends on them. But an auditor asks for them a year later, and a restart must not send a notification
//! twice. So they are [`Change`](super::change::Change)s like all others, committed with the rest of their round.

use super::id::{AccountRegion, PolicyName, Region, SourceKey, Target};
use super::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// A route: a source, and its own Region or a destination.
pub type RouteKey = (SourceKey, Target);

/// What is promised of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRpo {
    /// By which policy.
    pub policy: PolicyName,
    /// Where its recovery points are.
    pub region: Region,
    /// The largest age of the newest; `None` if nothing is promised of it.
    pub rpo: Option<Duration>,
}

/// A notification that has not been delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The same for the same event, whoever tells of it and however often.
    pub id: String,
    /// When the event was found.
    pub at: Time,
    /// The JSON object that is sent.
    pub body: String,
}

/// One thing that is kept for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// From now on this is promised of a route.
    RpoSet {
        /// Which.
        route: RouteKey,
        /// What.
        route_rpo: RouteRpo,
        /// From when on.
        at: Time,
    },
    /// Nothing is said of this route any more.
    RpoRemoved {
        /// Which.
        route: RouteKey,
        /// From when on.
        at: Time,
    },
    /// AWS's inventory at a place was read whole.
    Read {
        /// Where.
        place: AccountRegion,
        /// When the last page came.
        at: Time,
        /// Until then that is recent enough to rely on.
        good_until: Time,
    },
    /// It was told that a route is late.
    Late {
        /// Which.
        route: RouteKey,
        /// Since when it is late.
        since: Time,
    },
    /// It was told that the route is not late any more, or it left and there is nothing more to tell.
    LateCleared {
        /// Which.
        route: RouteKey,
    },
    /// A notification is to be delivered.
    NotificationQueued(Box<Notification>),
    /// A notification was delivered, or given up.
    NotificationDone {
        /// Which.
        id: String,
    },
}

/// What of the notes matters to what is noted next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notes {
    /// What is promised now.
    pub rpos: BTreeMap<RouteKey, RouteRpo>,
    /// Routes of which it was told that they are late, with since when they are.
    pub late: BTreeMap<RouteKey, Time>,
    /// Notifications that were not delivered yet, by when their event was found.
    pub queued: BTreeMap<(Time, String), Notification>,
}

impl Notes {
    /// Takes one in. None contradicts another.
    pub fn apply(&mut self, note: &Note) {
        match note {
            Note::RpoSet { route, route_rpo, .. } => {
                self.rpos.insert(route.clone(), route_rpo.clone());
            }
            Note::RpoRemoved { route, .. } => {
                self.rpos.remove(route);
            }
            Note::Read { .. } => {}
            Note::Late { route, since } => {
                self.late.insert(route.clone(), *since);
            }
            Note::LateCleared { route } => {
                self.late.remove(route);
            }
            Note::NotificationQueued(notice) => {
                if !self.queued.keys().any(|(_, queued)| *queued == notice.id) {
                    self.queued.insert((notice.at, notice.id.clone()), (**notice).clone());
                }
            }
            Note::NotificationDone { id } => self.queued.retain(|(_, queued), _| queued != id),
        }
    }

    /// Times in the future mean nothing any more.
    pub(super) fn clock_went_back(&mut self, to: Time) {
        for since in self.late.values_mut() {
            *since = (*since).min(to);
        }
    }
}
