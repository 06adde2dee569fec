//! What people and their monitoring see.
//!
//! Metrics, page, API and text are all rendered from one [`Snapshot`], so they never disagree, and rendering never
//! touches the daemon's working data.

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
