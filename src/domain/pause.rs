//! A policy paused by a person.
//!
//! Maintenance may need hours without new backups, and a forgotten pause must be visible. So a pause is recorded as a
//! period of time rather than as a switch: what came due during it can still be explained after it ended or after a
//! restart.

use super::time::Time;

/// A period in which a policy's schedule starts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it was ordered; within one policy no two begin at one time.
    pub since: Time,
    /// When it ends, exclusive; `None`: when a person ends it.
    pub until: Option<Time>,
    /// Why, in the words of who ordered it.
    pub reason: Option<String>,
    /// A person ended it. It is kept until what came due in it is on record.
    pub resumed: bool,
}

impl Pause {
    /// Whether an occurrence of this time falls into it.
    #[must_use]
    pub fn covers(&self, at: Time) -> bool {
        self.since <= at && !self.over(at)
    }

    /// Whether it has ended by `now`.
    #[must_use]
    pub fn over(&self, now: Time) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// `paused since … until …: reason`, as it reads in the record of an occurrence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let until = self.until.map_or(String::new(), |until| format!(" until {until}"));
        let reason = self.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        format!("paused since {}{until}{reason}", self.since)
    }
}
