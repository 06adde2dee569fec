//! Lifeboat keeps Amazon FSx file systems recoverable in another AWS Region.

pub mod config;
pub mod domain;
pub mod engine;
pub mod planner;
pub mod report;
pub mod sim;
pub mod store;
