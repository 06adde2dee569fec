//! What can happen to a call and to its response.

use super::super::cloud::error::ApiError;

/// The faults of one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// How it is delivered.
    pub delivery: CallDelivery,
    /// The delay of the response, ms.
    pub latency_ms: u64,
    /// The error of the header `Date`, s.
    pub date_skew_seconds: i64,
    /// The error of every CreationTime of a backup, s.
    pub creation_time_skew_seconds: i64,
}

/// How a call is delivered.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CallDelivery {
    /// Normally.
    #[default]
    Served,
    /// The request is not applied.
    Before(InjectedFault),
    /// The request is applied.
    After(InjectedFault),
}

/// What a caller gets instead of the response.
#[derive(Clone, Debug, PartialEq)]
pub enum InjectedFault {
    /// An error.
    Refused(ApiError),
    /// A 502 with a page of HTML.
    Html,
    /// A 403 with an empty body.
    Forbidden,
    /// A 200 with an empty body.
    Empty,
    /// A 200 with the first half of the response.
    Truncated,
    /// A closed connection.
    Closed,
    /// Nothing, ever.
    Silence,
}

impl InjectedFault {
    /// The name in counts: the error's code, or what came in place of one.
    #[must_use]
    pub fn name(&self) -> std::borrow::Cow<'static, str> {
        match self {
            Self::Refused(error) => error.code.clone(),
            Self::Html => "html".into(),
            Self::Forbidden => "forbidden".into(),
            Self::Empty => "empty".into(),
            Self::Truncated => "truncated".into(),
            Self::Closed => "closed".into(),
            Self::Silence => "silence".into(),
        }
    }
}
