//! The brake looks back: what a route loses in a day waits for a person, however small the steps.
//! `tests/scripts/brake.txt` has more of it.

use super::*;
use crate::fixture::*;
use crate::world::disk::reloaded;
use lifeboat::domain::policy::Retain;
use lifeboat::planner::brake::Recent;
use lifeboat::planner::deletions;

const DAY: Duration = Duration::from_secs(86_400);

fn start() -> Time {
    at("2026-11-16T00:00:00Z")
}

fn last(count: u32) -> Retain {
    Retain { last: Some(count), ..Retain::default() }
}

/// One source whose backups come and go, weighed as a review does.
struct Route {
    fixture: Fixture,
    now: Time,
    gone: usize,
}

impl Route {
    /// `count` backups, one each hour from the start on; it is `later` after the last.
    fn hourly(count: u32, later: Duration) -> Self {
        let mut route = Self { fixture: Fixture::new(), now: start(), gone: 0 };
        for _ in 0..count {
            route.comes();
            route.now = route.now.plus(HOUR);
        }
        route.now = route.now.plus(later);
        route
    }

    fn comes(&mut self) {
        let made_for = Occurrence { at: self.now, trigger: Trigger::Schedule };
        let mut point = backup(&format!("backup-{}", self.now.millis()), made_for, Lifecycle::Available);
        (point.created_at, point.settled_at) = (self.now, Some(self.now));
        self.fixture.see(&point);
    }

    fn keeps(&mut self, retain: Retain) {
        self.fixture.settings.policies.values_mut().next().unwrap().retain = Some(retain);
    }

    /// Retention decides; what goes is gone at once if `done`. Returns what the brake holds, of how many, and the most
    /// that was held.
    fn review(&mut self, done: bool) -> Option<(usize, usize, usize)> {
        let policy = self.fixture.settings.policies.values().next().unwrap().clone();
        let letting = deletions::weigh(&policy, &self.fixture.state, &key(0), &Target::Backup, self.now);
        let (at, place) = (self.now, place(HOME));
        let going: Vec<_> = letting.go.iter().map(|(point, reason)| (point.id.clone(), reason.clone())).collect();
        let braked = letting.braked.map(|brake| (brake.points.len(), brake.held, brake.most));
        for (id, reason) in going {
            self.gone += 1;
            let deletion_planned =
                Change::DeletionPlanned { place: place.clone(), id: id.clone(), reason, confirmed: false, at };
            self.fixture.apply(deletion_planned);
            if done {
                self.fixture.apply(Change::BackupRemoved { place: place.clone(), id, at });
            }
        }
        braked
    }

    fn restart(&mut self) {
        self.fixture.state = reloaded(&self.fixture.state, self.now);
    }
}

/// Nine reloads, each of two points fewer, would delete eighteen of twenty. Four are a fifth, and no more go.
#[test]
fn small_steps_count_together_across_restarts_and_whether_done_or_decided() {
    // Long ago, and all within the hour before: as young as a route can be.
    for later in [2 * DAY, Duration::ZERO] {
        for (restarts, done) in [(false, true), (true, true), (true, false), (false, false)] {
            let mut route = Route::hourly(20, later);
            let mut braked = Vec::new();
            for step in 1..10 {
                route.keeps(last(20 - 2 * step));
                braked.extend(route.review(done));
                if restarts {
                    route.restart();
                }
                route.now = route.now.plus(3 * SECOND);
            }
            assert_eq!((route.gone, braked.len()), (4, 7), "{later:?} {restarts} {done}");
            assert_eq!((braked[0], braked[6]), ((2, 16, 20), (14, 16, 20)), "{later:?} {restarts} {done}");
            // A day after, what went before is over; what goes at once is not.
            route.now = route.now.plus(DAY);
            assert_eq!(route.review(done), Some((14, 16, 16)));
            route.keeps(last(14));
            assert_eq!((route.review(done), route.gone), (None, 6));
        }
    }
}

/// Hourly backups for weeks under rules by hour, day, week: days and weeks close, and nothing waits for a person.
#[test]
fn steady_retention_never_engages_it() {
    for retain in [
        last(1),
        last(3),
        last(24),
        Retain { hourly: Some(24), daily: Some(7), weekly: Some(4), ..Retain::default() },
        Retain { last: Some(3), daily: Some(14), weekly: Some(8), monthly: Some(12), ..Retain::default() },
        Retain { last: Some(2), daily: Some(7), ..Retain::default() },
        Retain { within: Some(36 * HOUR), daily: Some(10), ..Retain::default() },
    ] {
        let mut route = Route::hourly(0, Duration::ZERO);
        route.keeps(retain.clone());
        for hour in 0..24 * 24 {
            route.comes();
            assert_eq!(route.review(true), None, "{retain:?} {hour}");
            route.now = route.now.plus(HOUR);
        }
        assert!(route.gone > 400, "{}", route.gone);
        // An outage of two days: the next backup lets go no more than it would have.
        route.now = route.now.plus(2 * DAY);
        route.comes();
        let fewer = route.review(true).map_or(0, |(points, ..)| points);
        assert!(fewer == 0 || retain.within.is_some(), "{retain:?}: {fewer}");
    }
}

/// A clock that went back leaves points behind that came after they were let go.
#[test]
fn what_came_after_it_was_lost_was_there_for_a_moment() {
    let mut route = Route::hourly(5, 2 * DAY);
    route.now = route.now.plus(HOUR);
    route.comes();
    let point = route.fixture.state.sources[&key(0)].newest(&Target::Backup).unwrap().clone();
    let (place, id, reason, at) = (place(HOME), point.id, String::new(), route.now.minus(HOUR));
    route.fixture.apply(Change::DeletionPlanned { place, id, reason, confirmed: false, at });
    let mut recent = Recent::of(&route.fixture.state, &key(0), &Target::Backup, route.now);
    let points = route.fixture.state.sources[&key(0)].points.iter();
    let decided = points.filter(|point| recent.add(&route.fixture.state, point)).count();
    assert_eq!((decided, recent.held(), recent.most()), (1, 5, 6));
}
