//! Lifeboat keeps Amazon FSx file systems recoverable in another AWS Region.

pub mod domain;
pub mod sim;
