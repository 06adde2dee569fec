//! Lifeboat keeps Amazon FSx file systems recoverable in another AWS Region.

pub mod cli;
pub mod config;
pub mod daemon;
pub mod domain;
pub mod engine;
pub mod planner;
pub mod report;
pub mod sim;
pub mod store;
