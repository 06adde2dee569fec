//! The deletion safeguard (the brake): what would cost a route too many points waits for a person.
//!
//! A mistake in the policy file, a wrong clock or a wrong adoption deletes what never comes back, and not necessarily
//! at once: nine reloads that delete two points each are as bad as one that deletes eighteen. So a round is not judged
//! alone. What would be left is compared with the most that the route held at any moment of the last 24 hours: the
//! difference is what it has lost since that moment, beyond the points that were added.
//!
//! Steady retention, where one point is added and one is deleted, never makes the difference large. Deletions that a
//! person confirmed do not count, as if the points had never existed; nor does what somebody else deleted, or what was
//! lost before the database was created.

use crate::domain::deletion::{LOSSES_COUNT_FOR, Loss};
use crate::domain::id::{SourceKey, Target};
use crate::domain::point::RecoveryPoint;
use crate::domain::state::State;
use crate::domain::time::Time;
use std::cmp::Reverse;

/// The brake engages above this many points of a route, if they are also more than one in [`BRAKE_SHARE`].
pub const BRAKE_POINTS: usize = 2;
/// See [`BRAKE_POINTS`].
pub const BRAKE_SHARE: usize = 5;

/// What one route held and lost within the last 24 hours.
pub struct Recent {
    from: Time,
    /// When what is there came, as far as it stays or is yet to be decided.
    present: Vec<Time>,
    lost: Vec<Loss>,
}

impl Recent {
    /// Nothing is there, and what was lost is as the state has it.
    #[must_use]
    pub fn of(state: &State, key: &SourceKey, target: &Target, now: Time) -> Self {
        let from = now.minus(LOSSES_COUNT_FOR);
        let of_target = state.sources.get(key).and_then(|source| source.losses.get(target));
        let lost = of_target.into_iter().flatten().filter(|loss| loss.lost_at > from).copied().collect();
        Self { from, present: Vec::new(), lost }
    }

    /// This one is there. Returns whether it is decided already that it goes.
    pub fn add(&mut self, state: &State, point: &RecoveryPoint) -> bool {
        let decided = || state.deletions.get(&(point.place.clone(), point.id.clone()));
        let decided = if state.deletions.is_empty() { None } else { decided() };
        let Some(deletion) = decided else {
            // What may be gone is not counted on.
            if point.remarks.missing_since.is_none() {
                self.present.push(Loss::came_at(point));
            }
            return false;
        };
        if !deletion.confirmed && deletion.planned_at > self.from {
            self.lost.push(Loss { came_at: Loss::came_at(point), lost_at: deletion.planned_at });
        }
        true
    }

    /// How many points are held, without those with a planned deletion.
    #[must_use]
    pub fn held(&self) -> usize {
        self.present.len()
    }

    /// The most that it held at one moment since the start of the window.
    #[must_use]
    pub fn most(&self) -> usize {
        let came = || self.present.iter().copied().chain(self.lost.iter().map(|loss| loss.came_at));
        let mut held = came().filter(|at| *at <= self.from).count();
        let mut most = held;
        // Of two at the same time the arrival is first: it may have been there for a moment.
        let arrivals = came().filter(|at| *at > self.from).map(|at| (at, Reverse(true)));
        let mut events: Vec<(Time, Reverse<bool>)> =
            arrivals.chain(self.lost.iter().map(|loss| (loss.lost_at.max(loss.came_at), Reverse(false)))).collect();
        events.sort_unstable();
        for (_, Reverse(came)) in events {
            held = if came { held.saturating_add(1) } else { held.saturating_sub(1) };
            most = most.max(held);
        }
        most
    }

    /// Whether this many further deletions wait for a person.
    #[must_use]
    pub fn holds(&self, going: usize) -> bool {
        if going == 0 {
            return false;
        }
        let most = self.most();
        let fewer = most.saturating_sub(self.held().saturating_sub(going));
        fewer > BRAKE_POINTS && fewer.saturating_mul(BRAKE_SHARE) > most
    }
}
