//! Times and numbers that several modules depend on, each defined once, next to those it must be consistent with.

use std::time::Duration;

// What FSx does.

/// Listings lag no more than this (promise 2).
pub const LISTING_LAG: Duration = Duration::from_secs(2 * 60);
/// How long listings may still show a deleted backup, because they lag or because their pages were read before.
pub const SHOWN_AFTER_GONE: Duration = Duration::from_secs(4 * 60);
/// After this long a token may be forgotten, so a repeat needs proof first (product.md, “Unknown answers”).
pub const TOKEN_TRUSTED_FOR: Duration = Duration::from_secs(5 * 60);
/// Ids in one DescribeBackups, DescribeFileSystems or DescribeVolumes (fsx-facts 3.5).
pub const IDS_PER_CALL: usize = 50;
/// A clear refusal counts as no later than this failure in a row: by then its own pause hardly grows, and AWS did
/// answer, so that a lost answer after it waits for minutes.
pub const FAILURES_AFTER_AN_ANSWER: u32 = 8;
/// A copy that is COPYING for longer is reported and no longer blocks a newer one (promise 8).
pub const COPY_STUCK_AFTER: Duration = Duration::from_secs(48 * 3600);

// How long a call takes, from the inside out.

/// One request from end to end; without an answer by then it is given up.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The same with what the SDK does around it.
pub const CALL_WITHIN: Duration = Duration::from_secs(45);
/// An account is proven for a moment by an answer that came so much later: one that came sooner may have been on its way
/// already.
pub const PROOF_AFTER: Duration = Duration::from_secs(60);
/// A call is over after this, one way or the other; until then its ids are not looked at again.
pub const CALL_ENDS_WITHIN: Duration = Duration::from_secs(120);

const _: () = {
    assert!(ANSWER_WITHIN.as_secs() < CALL_WITHIN.as_secs(), "the SDK says more of what went wrong than we could");
    assert!(CALL_WITHIN.as_secs() < PROOF_AFTER.as_secs(), "no call takes longer");
    assert!(CALL_WITHIN.as_secs() < CALL_ENDS_WITHIN.as_secs(), "no call takes longer");
};

// Clocks that are wrong.

/// When the clock goes back, what is on record up to this far ahead stays done, so that a small step makes nothing fire
/// twice. What is further ahead was never due: the clock was wrong.
pub const AHEAD_TOLERATED: Duration = Duration::from_secs(3600);
/// When the clock goes back, what waits for its next try waits no longer than this.
pub const PUT_OFF_AT_MOST: Duration = Duration::from_secs(3600);
/// A recovery point from further in the future says nothing about how old its data is.
pub const TAKEN_AHEAD_TOLERATED: Duration = Duration::from_secs(3600);
