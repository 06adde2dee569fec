//! What comes from outside: policy files, schedules, answers of AWS, databases, requests. All of it may be wrong, some
//! of it on purpose; none of it may bring the program down, hold it up or fill its memory.
//!
//! Each case follows from its seed. A failure names it: `LIFEBOAT_SEED=17 cargo test --test hostile NAME` plays that one
//! alone, `LIFEBOAT_SEEDS=5000` plays so many instead of the modest share of every test run, from `LIFEBOAT_FROM` on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]

#[path = "hostile/answers.rs"]
mod answers;
#[path = "hostile/control.rs"]
mod control;
#[path = "hostile/database.rs"]
mod database;
#[path = "hostile/desk.rs"]
mod desk;
#[path = "hostile/dice.rs"]
mod dice;
#[path = "hostile/endpoint.rs"]
mod endpoint;
#[path = "hostile/listener.rs"]
mod listener;
#[path = "hostile/policy.rs"]
mod policy;
#[path = "hostile/schedule.rs"]
mod schedule;
mod support;
