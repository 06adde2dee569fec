//! The host's clock, which may be wrong, and AWS's clock, which is right.

use super::*;
use lifeboat::domain::timekeeper::Heard;
use std::time::Duration;

/// What an answer says of the time.
#[derive(Clone, Copy)]
pub(super) struct Dated {
    pub(super) date: Time,
    pub(super) asked_ms: i64,
}

impl Host {
    /// The time that it goes by.
    pub(super) fn now(&self, now_ms: i64) -> Time {
        self.keeper.at(steady(now_ms))
    }
}

/// A clock that only counts: it is of no matter from where.
pub(super) fn steady(now_ms: i64) -> Duration {
    Duration::from_millis(now_ms.unsigned_abs())
}

impl World {
    /// What the host's clock shows.
    pub(super) fn host_time(&self) -> Time {
        Time::from_millis(self.now_ms + self.ahead_ms)
    }

    /// The time that Lifeboat goes by.
    pub(super) fn host_now(&self) -> Time {
        self.host.as_ref().map_or(self.host_time(), |host| host.now(self.now_ms))
    }

    pub(super) fn true_ms(&self, host_time: Time) -> i64 {
        let ahead_ms = self.host_now().millis() - self.now_ms;
        host_time.millis().saturating_sub(ahead_ms)
    }

    pub(super) fn keeper_of_a_start(&self) -> Timekeeper {
        Timekeeper::new(self.host_time(), steady(self.now_ms))
    }

    /// The host's clock was set.
    pub(super) fn clock_set(&mut self) {
        let (shown, counted) = (self.host_time(), steady(self.now_ms));
        if let Some(host) = &mut self.host {
            host.keeper.read(shown, counted);
            let known = self.planner.time_known(&mut host.keeper, shown, counted);
            self.driver.iter_mut().for_each(|driver| driver.state.timekeeping = known);
        }
        self.time_moved();
    }

    /// Tells the checks, and wakes the host, if the time that it goes by moved.
    pub(super) fn time_moved(&mut self) {
        let now = self.host_now();
        let ahead_ms = now.millis() - self.now_ms;
        if ahead_ms != self.told_ahead_ms {
            self.told_ahead_ms = ahead_ms;
            self.checks.clock_set(self.now_ms, now);
        }
        if let Some(driver) = &mut self.driver {
            driver.wake = driver.wake.min(now);
        }
    }

    /// As the daemon takes in what an answer says of the time.
    pub(super) fn hear(&mut self, dated: Dated) -> Result<(), Broken> {
        let (shown, counted) = (self.host_time(), steady(self.now_ms));
        let asked_ago = Duration::from_millis((self.now_ms - dated.asked_ms).unsigned_abs());
        let Some(host) = &mut self.host else { return Ok(()) };
        let before = host.keeper.known().trust;
        let heard = Heard { date: dated.date, asked_ago, answered_ago: Duration::ZERO };
        let first_word = host.keeper.heard(shown, counted, &heard);
        let known = self.planner.time_known(&mut host.keeper, shown, counted);
        self.driver.iter_mut().for_each(|driver| driver.state.timekeeping = known);
        let (now, runs_for) = (host.now(self.now_ms), host.keeper.runs_for(counted));
        if before != host.keeper.known().trust {
            let known = host.keeper.known();
            self.note(format_args!("  the time is {now}: {known:?}"));
            self.time_moved();
        }
        if first_word {
            self.drive(|driver, world| driver.time_confirmed(now, runs_for, world))?;
        }
        Ok(())
    }
}
