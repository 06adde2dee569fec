//! The schedules that a source had.

use super::time::Time;
use std::sync::Arc;

/// A schedule as it was written, and from when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line.
    pub text: Arc<str>,
    /// Its time zone.
    pub zone: Arc<str>,
    /// Occurrences after this are its own. `None`: it was there when the source was first seen, and may have been for long.
    pub since: Option<Time>,
}
