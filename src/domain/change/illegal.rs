//! Changes that are rejected.

/// A change that cannot be: a fault of the program, of the database or of AWS's inventory. It is refused and shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct IllegalChange {
    /// What is wrong with it, naming the object.
    pub what: String,
}
