//! The real binary and the simulator's endpoint, over sockets, signals and files. These tests mostly wait, so they run
//! many at a time (`RUST_TEST_THREADS` in `.cargo/config.toml`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]

mod accounts;
mod asking;
mod chaos;
mod control;
mod daemon;
mod hostile;
mod lanes;
mod notify;
mod outside;
mod rehearse;
mod retention;
mod selection;
mod simulator;
mod support;
mod two_hosts;
mod years;
