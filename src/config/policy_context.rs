//! What the check of a destination needs to know about its policy.

use super::check_retain::TagSet;
use super::check_schedule::ParsedSchedule;
use super::reader::Spanned;

/// What a destination needs to know about its policy, as far as it could be read.
pub(super) struct PolicyContext<'a> {
    /// The source Region.
    pub region: Option<&'a Spanned<&'a str>>,
    /// The schedule.
    pub timed: Option<&'a Spanned<ParsedSchedule>>,
    /// The policy's tags.
    pub tags: &'a TagSet,
}
