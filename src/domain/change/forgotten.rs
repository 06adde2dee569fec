//! What is removed from memory and database because nothing needs it any more.

use super::*;

/// An entry that nothing needs any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// A source that no policy names, and of which AWS has nothing of ours.
    Source(SourceKey),
    /// A place that no policy names and where nothing of ours is.
    AccountRegion(AccountRegion),
    /// A counter of a policy that is no more.
    Counter(Counter),
}
