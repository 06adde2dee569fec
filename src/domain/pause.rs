//! A policy paused by a person.
//!
//! Maintenance may need hours without new backups, and a forgotten pause must be visible. So a pause is recorded as a
//! period rather than as a switch: an occurrence that came due in it can still be explained after the pause or a
//! restart.

use super::time::Time;

/// A period in which a policy's schedule starts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it was ordered; unique within a policy.
    pub since: Time,
    /// When it ends, exclusive; `None`: when a person resumes it.
    pub until: Option<Time>,
    /// The reason given by the person.
    pub reason: Option<String>,
    /// A person ended it. It is kept until the occurrences that came due in it are recorded.
    pub resumed: bool,
}

impl Pause {
    /// Whether an occurrence at this time falls into it.
    #[must_use]
    pub fn covers(&self, at: Time) -> bool {
        self.since <= at && !self.over(at)
    }

    /// Whether it has ended by `now`.
    #[must_use]
    pub fn over(&self, now: Time) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// `paused since … until …: reason`, as shown in the record of an occurrence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let until = self.until.map_or(String::new(), |until| format!(" until {until}"));
        let reason = self.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        format!("paused since {}{until}{reason}", self.since)
    }
}
