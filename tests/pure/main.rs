//! What follows from the input alone: words, policies, calendars, and the rules of the house.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on ends")]

mod calendar;
mod config;
mod domain_types;
mod tidy;
