//! Whether and when to retry: the only retries in the program.
//!
//! AWS throttles, loses responses, and refuses for transient or permanent reasons. The backoff grows with each
//! consecutive failure up to a bound (promise 8). Its jitter is derived from the key of the work, so a fleet spreads
//! out and the same state always gives the same plan.

use crate::domain::fault::FaultClass;
use crate::domain::id::WorkKey;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// The longest backoff after AWS created something that ended FAILED.
pub const LONGEST_AFTER_FAILED: Duration = Duration::from_secs(6 * 3600);
/// The longest backoff of a request without a clear answer. A Region that serves nobody is closed as a whole (see
/// [`PLACE_OUT_OF_ORDER`]), so a shorter one costs few calls in an outage, and ends the wait sooner after it. Where only
/// such requests fail, each may want a listing to be repeated after.
const LONGEST_WITHOUT_ANSWER: Duration = Duration::from_secs(15 * 60);
/// The longest backoff of an account and Region that do not respond: one call a minute finds the end of an outage.
const LONGEST_FOR_PLACE: Duration = MINUTE;
/// The same if the cause is not the Region but our credentials.
const LONGEST_FOR_CREDENTIALS: Duration = Duration::from_secs(5 * 60);
/// The code with which AWS refuses a backup while another one of the source is under way (fsx-facts 3.3).
pub const BACKUP_IN_PROGRESS: &str = "BackupInProgress";
/// The longest backoff while another backup of the source is under way: that ends by itself, and the time in which an
/// occurrence may begin (`start_within`) goes on meanwhile.
const LONGEST_FOR_ANOTHER_BACKUP: Duration = Duration::from_secs(10 * 60);
/// After this many consecutive failures an account and Region count as out of order: then only one call at a time.
pub const PLACE_OUT_OF_ORDER: u32 = 3;

/// The backoff after `failures` (from 1) consecutive failures of this class. `poll` is the policy's: waiting for
/// something to change at AWS needs no calls more often than that.
#[must_use]
pub fn pause(class: FaultClass, failures: u32, poll: Duration, jitter: f64) -> Duration {
    let (first, longest) = match class {
        FaultClass::Unanswered | FaultClass::Throttled | FaultClass::TokenConflict => (SECOND, LONGEST_WITHOUT_ANSWER),
        // For a lane (see [`super::lane_limits`]): no longer, so that a free slot is used within two polls.
        FaultClass::NoSlot => (poll / 2, poll * 7 / 4),
        FaultClass::TransientState => (poll, HOUR),
        FaultClass::Quota => (5 * MINUTE, HOUR),
        FaultClass::Credentials => (10 * SECOND, HOUR),
        FaultClass::Missing | FaultClass::Denied | FaultClass::Permanent => (HOUR, HOUR),
    };
    growing(first, longest, failures, jitter)
}

/// The backoff after `failures` consecutive refusals because another backup of the source is under way.
#[must_use]
pub fn pause_for_another_backup(failures: u32, poll: Duration, jitter: f64) -> Duration {
    growing(poll, LONGEST_FOR_ANOTHER_BACKUP.max(poll), failures, jitter)
}

/// The backoff of a pending request of an attempt after others, when it got no response or a transient refusal: the
/// backoff of the earlier attempts continues to grow. If each attempt began at seconds again, work that alternates
/// between both kinds of failure would cause a storm of calls.
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
    pause_after_failed(key, attempts.saturating_add(failures), poll).min(LONGEST_WITHOUT_ANSWER)
}

/// The backoff before the attempt after `attempts` (from 1) that ended FAILED or were deleted.
#[must_use]
pub fn pause_after_failed(key: &WorkKey, attempts: u32, poll: Duration) -> Duration {
    growing(poll, LONGEST_AFTER_FAILED, attempts, key.jitter(attempts))
}

/// The maximum of [`pause_after_failed`] for any work, without computing its jitter.
#[must_use]
pub fn longest_after_failed(attempts: u32, poll: Duration) -> Duration {
    growing(poll, LONGEST_AFTER_FAILED, attempts, 1.0)
}

/// The backoff of an account and Region after `failures` consecutive calls that found it out of order.
#[must_use]
pub fn pause_for_place(class: FaultClass, failures: u32, jitter: f64) -> Duration {
    let longest = if class == FaultClass::Credentials { LONGEST_FOR_CREDENTIALS } else { LONGEST_FOR_PLACE };
    growing(SECOND, longest, failures, jitter)
}

/// The backoff after `failures` consecutive refusals to list or describe. Waiting rarely helps, but only a response
/// shows when the refusal has ended.
#[must_use]
pub fn pause_for_refused_read(failures: u32, jitter: f64) -> Duration {
    growing(SECOND, HOUR, failures, jitter)
}

/// Doubles from `first` with each failure, with jitter of ± 25 %, at most `longest`.
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
