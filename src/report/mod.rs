//! What people and their monitoring see.
//!
//! Everything shown, be it metrics, page, API or text, is drawn from one [`Snapshot`], so that no two of them ever
//! disagree, and so that drawing never touches what the daemon works on.

pub mod snapshot;

pub use snapshot::Snapshot;
