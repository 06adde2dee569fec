//! Lifeboat keeps Amazon FSx file systems recoverable in another AWS Region.

pub mod config;
pub mod domain;
pub mod sim;
