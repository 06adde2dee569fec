//! Records for people: the RPO of each route, when AWS's inventory was read, and which notifications were sent.
//!
//! No decision depends on them. But an auditor asks for them a year later, and a restart must not repeat a
//! notification. So they are [`Change`](super::change::Change)s like all others, committed with the rest of their
//! round.

use super::id::{AccountRegion, PolicyName, Region, SourceKey, Target};
use super::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// A route: a source and a destination, or the source's own Region.
pub type RouteKey = (SourceKey, Target);

/// The RPO of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRpo {
    /// The policy.
    pub policy: PolicyName,
    /// The Region of its recovery points.
    pub region: Region,
    /// The RPO; `None` if the policy sets none.
    pub rpo: Option<Duration>,
}

/// A notification that has not been delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Identical for the same event, whichever host sends it and however often.
    pub id: String,
    /// When the event was found.
    pub at: Time,
    /// The JSON object that is sent.
    pub body: String,
}

/// One record for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The RPO of a route is set from this time on.
    RpoSet {
        /// The route.
        route: RouteKey,
        /// The RPO.
        route_rpo: RouteRpo,
        /// When this took effect.
        at: Time,
    },
    /// The route left the policy.
    RpoRemoved {
        /// The route.
        route: RouteKey,
        /// When this took effect.
        at: Time,
    },
    /// AWS's inventory of an account and Region was read completely.
    Read {
        /// The account and Region.
        place: AccountRegion,
        /// When the last page arrived.
        at: Time,
        /// How long it counts as current.
        good_until: Time,
    },
    /// A notification that the route is late was sent.
    Late {
        /// The route.
        route: RouteKey,
        /// Since when it is late.
        since: Time,
    },
    /// A notification that the route recovered was sent, or the route left the policy.
    LateCleared {
        /// The route.
        route: RouteKey,
    },
    /// A notification is to be delivered.
    NotificationQueued(Box<Notification>),
    /// A notification was delivered or given up.
    NotificationDone {
        /// Its id.
        id: String,
    },
}

/// The part of the notes that later notes depend on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notes {
    /// The RPOs in force.
    pub rpos: BTreeMap<RouteKey, RouteRpo>,
    /// Routes that were reported late, each with the time since when it is late.
    pub late: BTreeMap<RouteKey, Time>,
    /// Notifications that are not delivered yet, by the time of their event.
    pub queued: BTreeMap<(Time, String), Notification>,
}

impl Notes {
    /// Applies one note. Notes never contradict each other.
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

    /// Removes times in the future after the clock went back.
    pub(super) fn clock_went_back(&mut self, to: Time) {
        for since in self.late.values_mut() {
            *since = (*since).min(to);
        }
    }
}
