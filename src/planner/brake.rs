//! The deletion safeguard (the brake): deletions that would cost a route too many points wait for a person.
//!
//! A mistake in the policy file, a wrong clock or a wrong adoption deletes points that cannot be recovered, and not
//! necessarily at once: nine reloads that delete two points each are as bad as one that deletes eighteen. So rounds are
//! not judged one by one. The number that would be left is compared with the most that the route held at any moment of
//! the last 24 hours: the difference is what it has lost since that moment, beyond the points that were added.
//!
//! Steady retention, where one point is added and one is deleted, never makes the difference large. Deletions that a
//! person confirmed do not count, as if the points had never existed; nor do deletions by others, or losses from before
//! the database was created.

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
    /// When each present point arrived, unless it is already planned for deletion.
    present: Vec<Time>,
    lost: Vec<Loss>,
}

impl Recent {
    /// Losses as recorded in the state; no present points yet.
    #[must_use]
    pub fn of(state: &State, key: &SourceKey, target: &Target, now: Time) -> Self {
        let from = now.minus(LOSSES_COUNT_FOR);
        let of_target = state.sources.get(key).and_then(|source| source.losses.get(target));
        let lost = of_target.into_iter().flatten().filter(|loss| loss.lost_at > from).copied().collect();
        Self { from, present: Vec::new(), lost }
    }

    /// Adds a present point. Returns whether its deletion is already planned.
    pub fn add(&mut self, state: &State, point: &RecoveryPoint) -> bool {
        let decided = || state.deletions.get(&(point.place.clone(), point.id.clone()));
        let decided = if state.deletions.is_empty() { None } else { decided() };
        let Some(deletion) = decided else {
            // A point in doubt does not count.
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

    /// The number of points without a planned deletion.
    #[must_use]
    pub fn held(&self) -> usize {
        self.present.len()
    }

    /// The highest number held at any moment of the window.
    #[must_use]
    pub fn most(&self) -> usize {
        let came = || self.present.iter().copied().chain(self.lost.iter().map(|loss| loss.came_at));
        let mut held = came().filter(|at| *at <= self.from).count();
        let mut most = held;
        // Arrivals before losses at the same time: the point may have been present for a moment.
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

    /// Whether this many further deletions have to wait for a person.
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
