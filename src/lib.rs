//! Lifeboat keeps Amazon FSx file systems recoverable in another AWS Region.

pub mod domain;
pub mod planner;
pub mod sim;
pub mod store;
