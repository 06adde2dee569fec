//! Changes that are rejected.

/// An impossible change: a bug, or an inconsistency in the database or in AWS's responses. It is rejected and reported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct IllegalChange {
    /// What is wrong, naming the object.
    pub what: String,
}
