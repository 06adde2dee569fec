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

/// The RPO of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRpo {
    /// By which policy.
    pub policy: PolicyName,
    /// Where its recovery points are.
    pub region: Region,
    /// The RPO; `None` if the policy sets none.
    pub rpo: Option<Duration>,
}

/// A notification that has not been delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The same for the same event, whichever host sends it and however often.
    pub id: String,
    /// When the event was found.
    pub at: Time,
    /// The JSON object that is sent.
    pub body: String,
}

/// One record for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The RPO of a route is set from now on.
    RpoSet {
        /// Which.
        route: RouteKey,
        /// What.
        route_rpo: RouteRpo,
        /// From when on.
        at: Time,
    },
    /// The route left the policy.
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
        /// How long it is recent enough to rely on.
        good_until: Time,
    },
    /// A notification that the route is late was sent.
    Late {
        /// Which.
        route: RouteKey,
        /// Since when it is late.
        since: Time,
    },
    /// A notification that the route recovered was sent, or the route left the policy.
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

/// The part of the notes that later notes depend on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notes {
    /// The RPOs in force.
    pub rpos: BTreeMap<RouteKey, RouteRpo>,
    /// Routes that were reported late, with the time since when.
    pub late: BTreeMap<RouteKey, Time>,
    /// Notifications that were not delivered yet, by when their event was found.
    pub queued: BTreeMap<(Time, String), Notification>,
}

impl Notes {
    /// Applies one. No note contradicts another.
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
