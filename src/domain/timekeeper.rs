//! Which clock to believe.
//!
//! **The problem.** A host boots with a wrong hardware clock, wakes from suspend, or has its clock set wrong for six
//! seconds. A scheduler that believes that clock starts the wrong backup, records the right one as missed, and deletes
//! what is not old.
//!
//! **The solution.** The host's time is used as long as AWS's `Date` header agrees within [`TOLERATED`]. A jump
//! relative to the monotonic clock is not followed until AWS confirms it; until then time continues as before. Code
//! that makes decisions based on the time checks [`Timekeeping::confirmed`] first.

use super::time::Time;
use std::time::Duration;

/// The largest difference between the host's clock and AWS's at which the host's is believed.
pub const TOLERATED: Duration = Duration::from_secs(5 * 60);
/// A difference of this much or more is reported.
pub const TOLD_FROM: Duration = Duration::from_secs(60);
/// A step of the host's clock up to this size (ms) is followed at once: time services make such steps.
const STEP_FOLLOWED_MS: i64 = 30_000;
/// The resolution of `Date`.
const DATE_COUNTS: Duration = Duration::from_secs(1);

/// The time in a response from AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its `Date`.
    pub date: Time,
    /// How long ago the request was sent.
    pub asked_ago: Duration,
    /// How long ago the response arrived.
    pub answered_ago: Duration,
}

impl Heard {
    /// The minimum by which the host's clock is ahead of AWS's, in ms; negative if it is behind. The round-trip time is
    /// allowed for.
    #[must_use]
    pub fn offset_ms(&self, host: Time) -> i64 {
        let earliest = self.date.plus(self.answered_ago);
        let latest = self.date.plus(self.asked_ago.max(self.answered_ago)).plus(DATE_COUNTS);
        if host < earliest {
            host.millis().saturating_sub(earliest.millis())
        } else {
            host.millis().saturating_sub(latest.millis()).max(0)
        }
    }
}

/// How far the clock is trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The host's clock and AWS's agree. Commands without a daemon, which ask nobody, also use this.
    #[default]
    Confirmed,
    /// AWS has not agreed since this process began, or since the host's clock jumped before AWS first agreed.
    Unproven {
        /// Responses from before this time do not count.
        since: Time,
    },
    /// AWS agreed, but the host's clock has jumped since.
    Doubted {
        /// Responses from before this time do not count.
        since: Time,
    },
    /// AWS agreed before, but no longer does.
    Off,
}

/// What is known about the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timekeeping {
    /// How far it is trusted.
    pub trust: Trust,
    /// The host's clock minus AWS's, ms, as last heard.
    pub offset_ms: Option<i64>,
}

impl Timekeeping {
    /// Whether decisions based on the time are allowed.
    #[must_use]
    pub fn confirmed(&self) -> bool {
        self.trust == Trust::Confirmed
    }

    /// Whether the elapsed time is known, so that open work may continue.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        !matches!(self.trust, Trust::Unproven { .. })
    }

    /// Responses from before this time do not confirm the clock.
    #[must_use]
    pub fn wants_word_since(&self) -> Option<Time> {
        match self.trust {
            Trust::Unproven { since } | Trust::Doubted { since } => Some(since),
            Trust::Confirmed | Trust::Off => None,
        }
    }

    /// By how much the host's clock is off if that exceeds the tolerance, in ms: a person has to set it.
    #[must_use]
    pub fn off_ms(&self) -> Option<i64> {
        self.offset_ms.filter(|offset| offset.unsigned_abs() > TOLERATED.as_millis() as u64 && !self.confirmed())
    }
}

/// The clock of one process.
#[derive(Clone, Copy, Debug)]
pub struct Timekeeper {
    /// The host's clock minus the monotonic clock, ms, as last read.
    host_ms: i64,
    /// Lifeboat's time minus the monotonic clock, ms.
    own_ms: i64,
    /// When the process began, by the monotonic clock.
    began: Duration,
    known: Timekeeping,
}

impl Timekeeper {
    /// The clock of a process that begins: nothing is confirmed.
    #[must_use]
    pub fn new(host: Time, steady: Duration) -> Self {
        let host_ms = host.millis().saturating_sub(millis(steady));
        let known = Timekeeping { trust: Trust::Unproven { since: host }, offset_ms: None };
        Self { host_ms, own_ms: host_ms, began: steady, known }
    }

    /// How long the process has been running.
    #[must_use]
    pub fn runs_for(&self, steady: Duration) -> Duration {
        steady.saturating_sub(self.began)
    }

    /// What is known about the clock.
    #[must_use]
    pub fn known(&self) -> Timekeeping {
        self.known
    }

    /// The time now, if nobody has set the host's clock since it was last read.
    #[must_use]
    pub fn at(&self, steady: Duration) -> Time {
        Time::from_millis(self.own_ms.saturating_add(millis(steady)))
    }

    /// The time now. `host` is the reading of the host's clock, `steady` that of a monotonic clock.
    pub fn read(&mut self, host: Time, steady: Duration) -> Time {
        let host_ms = host.millis().saturating_sub(millis(steady));
        let step = host_ms.saturating_sub(self.host_ms);
        self.host_ms = host_ms;
        if step.abs() <= STEP_FOLLOWED_MS {
            self.own_ms = self.own_ms.saturating_add(step);
        }
        let now = self.at(steady);
        if step.abs() > STEP_FOLLOWED_MS {
            self.known.trust = match self.known.trust {
                Trust::Unproven { .. } => Trust::Unproven { since: now },
                _ => Trust::Doubted { since: now },
            };
        }
        now
    }

    /// Takes in a response's time. Returns whether it is the first with which AWS agrees.
    pub fn heard(&mut self, host: Time, steady: Duration, heard: &Heard) -> bool {
        let now = self.read(host, steady);
        let offset_ms = heard.offset_ms(host);
        // A response to a request from before the jump tells about the clock of that time.
        if self.known.wants_word_since().is_some_and(|since| now.minus(heard.answered_ago) < since) {
            return false;
        }
        self.known.offset_ms = Some(offset_ms);
        let unproven = matches!(self.known.trust, Trust::Unproven { .. });
        if offset_ms.unsigned_abs() <= TOLERATED.as_millis() as u64 {
            self.own_ms = self.host_ms;
            self.known.trust = Trust::Confirmed;
            return unproven;
        }
        if !unproven {
            self.known.trust = Trust::Off;
        }
        false
    }
}

fn millis(steady: Duration) -> i64 {
    i64::try_from(steady.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Time = Time::from_secs(1_795_248_000);
    const SECOND: Duration = Duration::from_secs(1);
    const DAY: Duration = Duration::from_secs(86_400);

    fn at(seconds: u32) -> (Time, Duration) {
        (NOON.plus(SECOND * seconds), SECOND * seconds)
    }

    fn says(date: Time) -> Heard {
        Heard { date, asked_ago: SECOND, answered_ago: Duration::ZERO }
    }

    fn confirmed() -> Timekeeper {
        let mut keeper = Timekeeper::new(NOON, Duration::ZERO);
        assert!(keeper.heard(NOON, Duration::ZERO, &says(NOON)));
        keeper
    }

    #[test]
    fn nothing_is_confirmed_until_aws_agrees() {
        let mut keeper = Timekeeper::new(NOON, Duration::ZERO);
        assert!(!keeper.known().confirmed() && !keeper.known().goes_on());
        assert!(!keeper.heard(NOON, Duration::ZERO, &says(NOON.minus(DAY))));
        assert_eq!(keeper.known().offset_ms, Some(86_400_000 - 2_000));
        assert!(!keeper.known().goes_on(), "whose clock is wrong is not known");
        // The host's clock is corrected: AWS agrees, and time follows it.
        let right = NOON.minus(DAY).plus(SECOND * 5);
        assert_eq!(keeper.read(right, SECOND * 5), NOON.plus(SECOND * 5), "not followed on its own word");
        assert!(keeper.heard(right, SECOND * 5, &says(right)));
        assert_eq!(keeper.read(right, SECOND * 5), right);
    }

    #[test]
    fn a_jump_is_not_followed_and_time_goes_on() {
        let mut keeper = confirmed();
        let (host, steady) = at(10);
        assert_eq!(keeper.read(host.plus(DAY), steady), host);
        assert!(!keeper.known().confirmed() && keeper.known().goes_on());
        // A response that was already on its way proves nothing.
        let before = Heard { date: host, asked_ago: SECOND * 6, answered_ago: SECOND * 5 };
        let (host, steady) = at(12);
        keeper.heard(host.plus(DAY), steady, &before);
        assert!(matches!(keeper.known().trust, Trust::Doubted { .. }));
        keeper.heard(host.plus(DAY), steady, &says(host));
        assert_eq!(keeper.known().trust, Trust::Off);
        assert_eq!(keeper.read(host.plus(DAY), steady), host);
        // Set back: another jump, until AWS agrees.
        let (host, steady) = at(20);
        assert_eq!(keeper.read(host, steady), host);
        assert!(!keeper.known().confirmed());
        assert!(!keeper.heard(host, steady, &says(host)), "it is not the first time");
        assert!(keeper.known().confirmed());
    }

    #[test]
    fn a_host_that_slept_takes_its_own_clock_once_aws_agrees() {
        let mut keeper = confirmed();
        let (slept, steady) = (NOON.plus(DAY), SECOND * 3);
        assert_eq!(keeper.read(slept, steady), NOON.plus(SECOND * 3));
        keeper.heard(slept, steady, &says(slept));
        assert_eq!((keeper.read(slept, steady), keeper.known().trust), (slept, Trust::Confirmed));
    }

    #[test]
    fn small_steps_are_followed_and_small_differences_borne() {
        let mut keeper = confirmed();
        let (host, steady) = at(10);
        assert_eq!(keeper.read(host.minus(SECOND * 20), steady), host.minus(SECOND * 20));
        keeper.heard(host.minus(SECOND * 20), steady, &says(host.plus(SECOND * 200)));
        assert!(keeper.known().confirmed());
        assert_eq!(keeper.known().offset_ms, Some(-220_000));
        assert_eq!(keeper.known().off_ms(), None);
    }

    #[test]
    fn an_answer_that_was_long_on_its_way_is_borne_with() {
        let mut keeper = confirmed();
        let (host, steady) = at(30);
        let late = Heard { date: NOON.plus(SECOND * 5), asked_ago: SECOND * 28, answered_ago: SECOND };
        keeper.heard(host, steady, &late);
        assert_eq!(keeper.known().offset_ms, Some(0));
    }

    #[test]
    fn what_an_answer_was_under_way_for_is_no_difference() {
        let heard = Heard { date: NOON, asked_ago: SECOND * 3, answered_ago: SECOND };
        // `Date` may be any moment within its second, set at any moment between request and response.
        let off = |ms: i64| heard.offset_ms(Time::from_millis(NOON.millis() + ms));
        assert_eq!(
            [off(-1_000), off(999), off(1_000), off(4_000), off(4_001), off(9_000)],
            [-2_000, -1, 0, 0, 1, 5_000]
        );
        let backwards = Heard { asked_ago: SECOND, answered_ago: SECOND * 3, ..heard };
        assert_eq!(backwards.offset_ms(NOON.plus(SECOND * 4)), 0, "what was answered was asked before");
    }

    #[test]
    fn a_person_sets_the_clock_only_where_it_is_off_by_more_than_is_tolerated() {
        let off = |trust, offset_ms| Timekeeping { trust, offset_ms }.off_ms();
        for trust in [Trust::Unproven { since: NOON }, Trust::Doubted { since: NOON }, Trust::Off] {
            assert_eq!([off(trust, None), off(trust, Some(300_000)), off(trust, Some(-300_000))], [None; 3]);
            assert_eq!([off(trust, Some(300_001)), off(trust, Some(-300_001))], [Some(300_001), Some(-300_001)]);
        }
        assert_eq!(off(Trust::Confirmed, Some(300_001)), None, "AWS agrees");
    }

    #[test]
    fn a_process_counts_from_where_the_counting_clock_stood() {
        let mut keeper = Timekeeper::new(NOON, DAY);
        assert_eq!((keeper.at(DAY), keeper.runs_for(DAY)), (NOON, Duration::ZERO));
        let (host, steady) = (NOON.plus(SECOND * 7), DAY + SECOND * 7);
        assert_eq!((keeper.read(host, steady), keeper.runs_for(steady)), (host, SECOND * 7));
        assert!(keeper.heard(host, steady, &says(host)), "the host's clock did not jump");
    }

    #[test]
    fn half_a_minute_is_a_small_step_and_anything_longer_is_a_jump_either_way() {
        let ms = Duration::from_millis(1);
        let (host, steady) = at(60);
        for small in [host.plus(SECOND * 30), host.minus(SECOND * 30)] {
            let mut keeper = confirmed();
            assert_eq!((keeper.read(small, steady), keeper.known().trust), (small, Trust::Confirmed));
        }
        for jump in [host.plus(SECOND * 30 + ms), host.minus(SECOND * 30 + ms)] {
            let mut keeper = confirmed();
            assert_eq!((keeper.read(jump, steady), keeper.known().trust), (host, Trust::Doubted { since: host }));
        }
    }

    #[test]
    fn five_minutes_are_tolerated_and_no_more() {
        let ms = Duration::from_millis(1);
        let (ahead, behind) = (TOLERATED + SECOND * 2, TOLERATED);
        for (date, trust) in [
            (NOON.minus(ahead), Trust::Confirmed),
            (NOON.minus(ahead + ms), Trust::Off),
            (NOON.plus(behind), Trust::Confirmed),
            (NOON.plus(behind + ms), Trust::Off),
        ] {
            let mut keeper = confirmed();
            keeper.heard(NOON, Duration::ZERO, &says(date));
            assert_eq!(keeper.known().trust, trust, "{date}");
        }
    }
}
