//! What people and their monitoring see.
//!
//! Metrics, page, API and text are all rendered from one [`Snapshot`], so no two of them ever disagree, and rendering
//! never touches what the daemon works on.

pub mod compliance;
pub mod difference;
pub mod forecast;
pub mod http;
pub mod metrics;
pub mod notifications;
pub mod page;
pub mod query;
pub mod rpo_report;
#[cfg(test)]
mod samples;
pub mod setting_texts;
pub mod snapshot;
pub mod text;
pub mod triage;
pub mod view;

pub use snapshot::Snapshot;
