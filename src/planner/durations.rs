//! How long the next backup or copy of a route will take, learned from AWS's inventory.
//!
//! A route must get its slot while there is still time to copy, so the planner has to know how long its copies take,
//! and they differ by hours: the first copy to a Region transfers everything, later ones only the changes (fsx-facts
//! 4). AWS reports neither duration, so both are computed from the recovery points held: from AWS's creation time to
//! the moment at which we saw it AVAILABLE. Nothing else is stored, so a restart loses nothing, and a lost database
//! loses it only until the next copy.
//!
//! An outlier must not count for long: a daemon that was down while a copy ended saw its end late. So the second
//! longest of the last few counts, which is also cautious.

use super::full_copy;
use crate::domain::id::Target;
use crate::domain::limits::COPY_STUCK_AFTER;
use crate::domain::point::RecoveryPoint;
use crate::domain::policy::Destination;
use crate::domain::remarks::Bytes;
use crate::domain::state::SourceState;
use std::time::Duration;

/// The number of a route's last points to use.
const LOOKED_AT: usize = 6;
/// An incremental copy is expected to take this fraction of the first copy, until one was seen.
const SHARE_OF_FIRST: u32 = 10;
/// The fraction of its duration by which something is looked at before it is expected to end.
const LOOKED_EARLIER: u32 = 32;
/// The minimum duration of even an empty backup or copy (fsx-facts 2.1).
pub const LEAST: Duration = Duration::from_secs(7 * 60);
/// The expected duration if neither durations nor sizes are known.
const UNKNOWN: Duration = Duration::from_secs(3600);
/// The expected throughput of a first copy, until one was seen, in bytes per second.
const FIRST_BYTES_PER_SECOND: u64 = 100_000_000;

/// Durations learned from a route's points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Duration of a full copy or backup.
    pub full: Option<Duration>,
    /// Duration of an incremental copy or backup.
    pub incremental: Option<Duration>,
}

/// How long the next one is expected to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The duration.
    pub takes: Duration,
    /// It is a full copy or backup.
    pub full: bool,
    /// It was learned from this route, not assumed.
    pub learned: bool,
}

/// The durations of a target's points; the cost does not depend on how many are held.
#[must_use]
pub fn learned(source: &SourceState, target: &Target) -> Learned {
    let mut times: Vec<Duration> = Vec::with_capacity(LOOKED_AT);
    // The first copy under a key is full, unless an earlier one was deleted: then it is like the others.
    let mut oldest = None;
    let mut key = None;
    let mut reached_first = true;
    for (nth, point) in source.points.available(target).rev().enumerate() {
        if nth == LOOKED_AT {
            reached_first = false;
            break;
        }
        if key.get_or_insert(&point.kms_key) != &&point.kms_key {
            break;
        }
        if let Some(took) = took(point) {
            oldest = Some((times.len(), point));
            times.push(took);
        }
    }
    let first = oldest.filter(|_| reached_first).and_then(|(at, _)| times.get(at).copied());
    if first.is_some() {
        times.pop();
    }
    match (first, second_longest(&mut times)) {
        (Some(first), Some(later)) if first >= later.saturating_mul(2) => {
            Learned { full: Some(first), incremental: Some(later) }
        }
        // Not clearly longer than the later ones: it was incremental.
        (Some(first), Some(later)) => Learned { full: None, incremental: Some(later.max(first)) },
        (first, incremental) => Learned { full: first, incremental },
    }
}

/// When to look whether a backup or copy has ended, after this time in flight; `None` while nothing was learned of its route.
///
/// A little before most have ended: an end is seen no sooner than somebody looks, so looking when they were last *seen* to
/// end would come ever later.
#[must_use]
pub fn look_after(source: &SourceState, target: &Target) -> Option<Duration> {
    let takes = learned(source, target).incremental?;
    Some(takes.saturating_sub(takes / LOOKED_EARLIER))
}

/// How long the next copy of a route is expected to take; `size_bytes` is the size of the backup.
#[must_use]
pub fn next_copy(source: &SourceState, destination: &Destination, size_bytes: Option<Bytes>) -> Expected {
    let target = Target::Copy(destination.region.clone());
    // Examining all copies is only worth it if the newest copy is not usable.
    let of_use = source.newest(&target).is_some_and(|newest| full_copy::may_go_on_from(newest, destination));
    let full = !of_use && full_copy::next_is_full(source, destination).is_some();
    expected(source, &target, full, size_bytes)
}

/// How long a full or incremental one takes.
#[must_use]
pub fn expected(source: &SourceState, target: &Target, full: bool, size_bytes: Option<Bytes>) -> Expected {
    let learned = learned(source, target);
    let (known, assumed) = if full {
        (learned.full, first_of(size_bytes))
    } else {
        // A single copy may or may not be a first one; most are.
        let share = learned.full.map(|first| first.min(LEAST.saturating_add(first / SHARE_OF_FIRST)));
        (learned.incremental, share.unwrap_or_else(|| first_of(size_bytes).min(UNKNOWN)))
    };
    Expected { takes: known.unwrap_or(assumed), full, learned: known.is_some() }
}

fn first_of(size_bytes: Option<Bytes>) -> Duration {
    match size_bytes {
        Some(bytes) => {
            LEAST.saturating_add(Duration::from_secs(u64::from(bytes) / FIRST_BYTES_PER_SECOND)).min(COPY_STUCK_AFTER)
        }
        None => UNKNOWN,
    }
}

/// From AWS's creation time to the moment at which it was seen AVAILABLE, if known.
fn took(point: &RecoveryPoint) -> Option<Duration> {
    let took = point.settled_at?.since(point.created_at);
    (point.available() && !took.is_zero() && took <= COPY_STUCK_AFTER).then_some(took)
}

fn second_longest(times: &mut [Duration]) -> Option<Duration> {
    times.sort_unstable();
    match times {
        [.., second, _] => Some(*second),
        [only] => Some(*only),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::Change;
    use crate::domain::id::{AccountId, AccountRegion, Occurrence, SourceKey, Trigger};
    use crate::domain::lane::FileSystemKind;
    use crate::domain::point::{Lifecycle, Provenance};
    use crate::domain::remarks::Remarked;
    use crate::domain::state::State;
    use crate::domain::tags::Origin;
    use crate::domain::time::Time;
    use std::sync::Arc;

    const MINUTE: Duration = Duration::from_secs(60);

    fn copy(nth: u32, minutes: Option<u32>, key: &str) -> RecoveryPoint {
        let at = Time::from_secs(1_795_248_000).plus(3600 * Duration::from_secs(u64::from(nth)));
        RecoveryPoint {
            provenance: Provenance {
                place: AccountRegion { account: AccountId::own(), region: "us-west-2".into() },
                source: "fs-0123456789abcdef0".into(),
                policy: None,
                kms_key: Some(key.into()),
                kind: FileSystemKind::Windows,
                carried: Arc::default(),
                asked_key: None,
            }
            .into(),
            id: format!("backup-{nth:017x}").into(),
            occurrence: Occurrence { at, trigger: Trigger::Schedule },
            attempt: 1,
            origin: Some(Origin { region: "us-east-1".into(), backup: "backup-0".into(), taken_at: at }),
            lifecycle: Lifecycle::Available,
            created_at: at,
            settled_at: minutes.map(|minutes| at.plus(MINUTE * minutes)),
            progress_percent: None,
            size_bytes: Some(3_600_000_000_000_u64.into()),
            remarks: Remarked::default(),
        }
    }

    fn after(copies: &[RecoveryPoint], kms_key: Option<&str>) -> Expected {
        let mut state = State::new(Time::ZERO, Time::ZERO);
        for copy in copies {
            state.apply(&Change::BackupObserved { point: Box::new(copy.clone()) }).unwrap();
        }
        let key = SourceKey { account: AccountId::own(), source: "fs-0123456789abcdef0".into() };
        let source = state.sources.get(&key).cloned().unwrap_or_else(|| SourceState::new("us-east-1".into()).into());
        let destination = Destination {
            region: "us-west-2".into(),
            rpo: None,
            kms_key: kms_key.map(str::to_owned),
            copy_tags: false,
            tags: crate::domain::policy::Tags::new(),
            retain: None,
        };
        next_copy(&source, &destination, Some(3_600_000_000_000_u64.into()))
    }

    #[test]
    fn a_first_copy_is_judged_by_size_and_later_ones_by_what_they_took() {
        let first = after(&[], None);
        assert!(first.full && !first.learned && first.takes > 9 * 60 * MINUTE, "{first:?}");
        let second = after(&[copy(0, Some(600), "a")], None);
        assert!(!second.full && !second.learned && second.takes == 67 * MINUTE, "{second:?}");
        let third = after(&[copy(0, Some(600), "a"), copy(1, Some(12), "a")], None);
        assert_eq!(third, Expected { takes: 12 * MINUTE, full: false, learned: true });
    }

    #[test]
    fn one_accident_does_not_count_and_old_ones_are_forgotten() {
        let mut copies: Vec<RecoveryPoint> =
            (0..20).map(|nth| copy(nth, Some(if nth < 10 { 50 } else { 10 }), "a")).collect();
        assert_eq!(after(&copies, None).takes, 10 * MINUTE);
        copies[17].settled_at = Some(copies[17].created_at.plus(600 * MINUTE));
        assert_eq!(after(&copies, None).takes, 10 * MINUTE);
    }

    #[test]
    fn what_was_not_seen_to_end_teaches_nothing() {
        let adopted: Vec<RecoveryPoint> = (0..5).map(|nth| copy(nth, None, "a")).collect();
        assert!(!after(&adopted, None).learned);
        let held = [copy(0, None, "a"), copy(1, Some(9), "a"), copy(2, Some(11), "a")];
        assert_eq!(after(&held, None).takes, 11 * MINUTE);
    }

    #[test]
    fn another_key_means_another_first_copy() {
        let key = "arn:aws:kms:us-west-2:111122223333:key/a";
        let copies = [copy(0, Some(600), key), copy(1, Some(12), key), copy(2, Some(12), key)];
        assert!(!after(&copies, Some(key)).full);
        assert!(!after(&copies, Some("a")).full);
        assert!(!after(&copies, Some("alias/what")).full);
        let changed = after(&copies, Some("b"));
        assert_eq!(changed, Expected { takes: 600 * MINUTE, full: true, learned: true });
    }
}
