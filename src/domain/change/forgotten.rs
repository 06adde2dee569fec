//! What is removed from memory and database because nothing needs it any more.

use super::*;

/// An entry that nothing needs any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// A source that no policy names and of which AWS has nothing of ours.
    Source(SourceKey),
    /// An account and Region that no policy names and that holds nothing of ours.
    AccountRegion(AccountRegion),
    /// A counter of a policy that no longer exists.
    Counter(Counter),
}
