//! The schedules that a source has had.

use super::time::Time;
use std::sync::Arc;

/// A schedule as written, and since when it applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The schedule line.
    pub text: Arc<str>,
    /// Its time zone.
    pub zone: Arc<str>,
    /// It applies to occurrences after this time. `None`: it applied when the source was first seen, perhaps for long.
    pub since: Option<Time>,
}
