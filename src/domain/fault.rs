//! Why a call failed, grouped by what Lifeboat does next.
//!
//! AWS has dozens of error codes; some have several meanings and some are undocumented. The engine maps all of them to
//! a [`FaultClass`]. Nothing above the engine looks at an error code, except to show it to a person.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a failed call means for what happens next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// No response, or one that proves nothing: the request may have been applied. Repeat it with the same token.
    Unanswered,
    /// Too many calls: retry later.
    Throttled,
    /// The copies in flight fill the lane: wait until one ends.
    NoSlot,
    /// The quota of user backups is used up: wait, and tell a person.
    Quota,
    /// A resource is in a transient state: wait.
    #[serde(rename = "state")]
    TransientState,
    /// The thing named does not exist.
    Missing,
    /// The credentials are missing, wrong or expired.
    Credentials,
    /// The credentials are good but may not do this.
    Denied,
    /// This token was already used with other parameters: list and adopt what exists.
    #[serde(rename = "contested")]
    TokenConflict,
    /// Permanent until a person changes something.
    #[serde(rename = "lasting")]
    Permanent,
}

impl FaultClass {
    /// Every class, for tables and tests.
    pub const ALL: [Self; 10] = [
        Self::Unanswered,
        Self::Throttled,
        Self::NoSlot,
        Self::Quota,
        Self::TransientState,
        Self::Missing,
        Self::Credentials,
        Self::Denied,
        Self::TokenConflict,
        Self::Permanent,
    ];

    /// The name used in the database, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::Throttled => "throttled",
            Self::NoSlot => "no_slot",
            Self::Quota => "quota",
            Self::TransientState => "state",
            Self::Missing => "missing",
            Self::Credentials => "credentials",
            Self::Denied => "denied",
            Self::TokenConflict => "contested",
            Self::Permanent => "lasting",
        }
    }

    /// Whether the failure is unrelated to the request itself: the same call may succeed a moment later.
    #[must_use]
    pub fn passes_by_itself(self) -> bool {
        matches!(self, Self::Unanswered | Self::Throttled | Self::TokenConflict)
    }

    /// Reads [`FaultClass::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }

    /// Whether a person has to act: reported once, then retried only hourly or after a reload (promise 8).
    #[must_use]
    pub fn needs_a_person(self) -> bool {
        matches!(self, Self::Missing | Self::Credentials | Self::Denied | Self::Permanent)
    }
}

/// One failed call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// What happens next.
    pub class: FaultClass,
    /// AWS's error code, or our own word for a failure without one (`Timeout`, `Dispatch`).
    pub code: String,
    /// AWS's message, cut to a bounded length.
    pub message: String,
}

/// Maximum length of a stored message, in characters: a hostile endpoint must not fill the database.
pub const MESSAGE_MAX_CHARS: usize = 500;

impl Fault {
    /// A fault whose message is cut to [`MESSAGE_MAX_CHARS`] and has no control characters.
    #[must_use]
    pub fn new(class: FaultClass, code: impl Into<String>, message: &str) -> Self {
        Self { class, code: clean(&code.into(), 80), message: clean(message, MESSAGE_MAX_CHARS) }
    }
}

/// `text` on one line and cut to `max_chars`: external text must not break a log line or flood a table.
#[must_use]
pub fn clean(text: &str, max_chars: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(max_chars).collect()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() { f.write_str(&self.code) } else { write!(f, "{}: {}", self.code, self.message) }
    }
}
