//! Whether and when to retry: the only retries in the program.
//!
//! AWS throttles, loses responses, and refuses for transient or permanent reasons. The backoff grows with each
//! consecutive failure up to a bound (promise 8); its jitter is derived from what is repeated, so a fleet spreads out
//! and the same state always gives the same plan.

use crate::domain::fault::FaultClass;
use crate::domain::id::WorkKey;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// The longest pause after AWS made something that ended FAILED.
pub const LONGEST_AFTER_FAILED: Duration = Duration::from_secs(6 * 3600);
/// How often a place that does not answer is tried: with one call, so that the end of an outage is found within a minute.
const LONGEST_FOR_PLACE: Duration = MINUTE;
/// The same where it is not the place that is unwell, but who asks.
const LONGEST_FOR_CREDENTIALS: Duration = Duration::from_secs(5 * 60);
/// Failures in a row from which a place counts as out of order: then one call at a time finds out.
pub const PLACE_OUT_OF_ORDER: u32 = 3;

/// How long to wait after `failures` (from 1) failed calls of this class in a row. `poll` is the policy's: what waits
/// for something at AWS to move need not ask more often than things are looked at.
#[must_use]
pub fn pause(class: FaultClass, failures: u32, poll: Duration, jitter: f64) -> Duration {
    let (first, longest) = match class {
        FaultClass::Unanswered | FaultClass::Throttled | FaultClass::TokenConflict => (SECOND, HOUR),
        // Of a lane (see [`super::lane_limits`]): no longer, since a slot that is free is used within two polls.
        FaultClass::NoSlot => (poll / 2, poll * 7 / 4),
        FaultClass::TransientState => (poll, HOUR),
        FaultClass::Quota => (5 * MINUTE, HOUR),
        FaultClass::Credentials => (10 * SECOND, HOUR),
        FaultClass::Missing | FaultClass::Denied | FaultClass::Permanent => (HOUR, HOUR),
    };
    growing(first, longest, failures, jitter)
}

/// How long to wait with a pending request of an attempt that comes after others, when it got no answer or was refused for a moment:
/// the pauses after those others go on growing. Each attempt that began with seconds anew would make a storm of a work that
/// fails one way and the other.
#[must_use]
pub fn pause_after_attempts(
    class: FaultClass,
    attempts: u32,
    failures: u32,
    key: &WorkKey,
    poll: Duration,
) -> Duration {
    if attempts == 0 || !class.passes_by_itself() {
        return Duration::ZERO;
    }
    pause_after_failed(key, attempts.saturating_add(failures), poll).min(HOUR)
}

/// How long to wait with the attempt after `attempts` (from 1) that ended FAILED or were deleted.
#[must_use]
pub fn pause_after_failed(key: &WorkKey, attempts: u32, poll: Duration) -> Duration {
    growing(poll, LONGEST_AFTER_FAILED, attempts, key.jitter(attempts))
}

/// The longest that [`pause_after_failed`] can be for any work, told without the cost of its jitter.
#[must_use]
pub fn longest_after_failed(attempts: u32, poll: Duration) -> Duration {
    growing(poll, LONGEST_AFTER_FAILED, attempts, 1.0)
}

/// How long to leave a place alone after `failures` calls in a row that found it out of order.
#[must_use]
pub fn pause_for_place(class: FaultClass, failures: u32, jitter: f64) -> Duration {
    let longest = if class == FaultClass::Credentials { LONGEST_FOR_CREDENTIALS } else { LONGEST_FOR_PLACE };
    growing(SECOND, longest, failures, jitter)
}

/// How long to wait after `failures` times in a row that AWS refused to be read. It is rarely a matter of patience, but
/// only an answer tells when it is over.
#[must_use]
pub fn pause_for_refused_read(failures: u32, jitter: f64) -> Duration {
    growing(SECOND, HOUR, failures, jitter)
}

/// Doubles from `first` with each failure, spread by a quarter up and down, never over `longest`.
fn growing(first: Duration, longest: Duration, failures: u32, jitter: f64) -> Duration {
    let doubled = first.saturating_mul(1u32 << failures.saturating_sub(1).min(20)).min(longest);
    doubled.mul_f64(0.75 + 0.5 * jitter.clamp(0.0, 1.0)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        for class in FaultClass::ALL {
            let pauses: Vec<Duration> = (1..60).map(|n| pause(class, n, 30 * SECOND, 0.5)).collect();
            assert!(pauses.is_sorted(), "{class:?}");
            assert!(pauses.iter().all(|pause| *pause <= HOUR && !pause.is_zero()), "{class:?}");
            assert!(pause(class, u32::MAX, 30 * SECOND, 1.0) <= HOUR, "{class:?}");
        }
        assert_eq!(pause(FaultClass::Permanent, 1, SECOND, 0.5), HOUR);
        assert_eq!(growing(SECOND, LONGEST_AFTER_FAILED, 40, 1.0), LONGEST_AFTER_FAILED);
    }
}
