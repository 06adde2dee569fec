//! Times and numbers that several modules depend on, each defined once, next to those it must be consistent with.

use std::time::Duration;

// Behaviour of FSx.

/// The longest time by which a listing may lag (promise 2).
pub const LISTING_LAG: Duration = Duration::from_secs(2 * 60);
/// A recovery point that a listing missed, and of which nothing else has been learned for this long, is in doubt: that it
/// exists is unknown. Usually a second look decides within this time.
pub const IN_DOUBT_AFTER: Duration = Duration::from_secs(6 * 60);
/// How long listings may still show a deleted backup, because they lag or their pages were read earlier.
pub const SHOWN_AFTER_GONE: Duration = Duration::from_secs(4 * 60);
/// After this long a token may be forgotten, so a repeat needs proof first (product.md, “Unknown answers”).
pub const TOKEN_TRUSTED_FOR: Duration = Duration::from_secs(5 * 60);
/// Another daemon with the same policy counts as there for this long after something that it asked for was found.
pub const PEER_REMEMBERED_FOR: Duration = Duration::from_secs(7 * 86_400);
/// Maximum number of ids in one DescribeBackups, DescribeFileSystems or DescribeVolumes (fsx-facts 3.5).
pub const IDS_PER_CALL: usize = 50;
/// A definite refusal counts at most as this failure in a row: its own backoff hardly grows after that, and a lost
/// response after it must wait for minutes, not hours.
pub const FAILURES_AFTER_AN_ANSWER: u32 = 8;
/// A copy that is COPYING for longer than this is reported and no longer blocks a newer one (promise 8).
pub const COPY_STUCK_AFTER: Duration = Duration::from_secs(48 * 3600);

// Durations of a call, from the inside out.

/// Timeout of one request from end to end.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The same, including the SDK's own work.
pub const CALL_WITHIN: Duration = Duration::from_secs(45);
/// A response proves the account for a given moment only if it came at least this much later; an earlier one may
/// already have been on its way.
pub const PROOF_AFTER: Duration = Duration::from_secs(60);
/// Every call has ended by then, one way or the other; until then its ids are not polled again.
pub const CALL_ENDS_WITHIN: Duration = Duration::from_secs(120);

const _: () = {
    assert!(ANSWER_WITHIN.as_secs() < CALL_WITHIN.as_secs(), "the SDK says more of what went wrong than we could");
    assert!(CALL_WITHIN.as_secs() < PROOF_AFTER.as_secs(), "no call takes longer");
    assert!(CALL_WITHIN.as_secs() < CALL_ENDS_WITHIN.as_secs(), "no call takes longer");
};

// Wrong clocks.

/// When the clock goes back, records up to this far ahead stay done, so that a small step makes nothing fire twice.
/// Anything further ahead was never due: the clock was wrong.
pub const AHEAD_TOLERATED: Duration = Duration::from_secs(3600);
/// When the clock goes back, retries wait no longer than this.
pub const PUT_OFF_AT_MOST: Duration = Duration::from_secs(3600);
/// A recovery point from further in the future says nothing about the age of its data.
pub const TAKEN_AHEAD_TOLERATED: Duration = Duration::from_secs(3600);
