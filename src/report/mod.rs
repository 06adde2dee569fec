//! What people and their monitoring see.
//!
//! Everything shown, be it metrics, page, API or text, is drawn from one [`Snapshot`], so that no two of them ever
//! disagree, and so that drawing never touches what the daemon works on.

pub mod announce;
pub mod compliance;
pub mod difference;
pub mod forecast;
pub mod http;
pub mod metrics;
pub mod page;
pub mod promises;
pub mod query;
#[cfg(test)]
mod samples;
pub mod setting_texts;
pub mod snapshot;
pub mod text;
pub mod triage;
pub mod view;

pub use snapshot::Snapshot;
