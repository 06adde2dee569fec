//! What comes from outside: policy files, schedules, answers of AWS, databases, requests. All of it may be wrong, some
//! of it on purpose; none of it may bring the program down, hold it up or fill its memory.
//!
//! Each case follows from its seed. A failure names it: `LIFEBOAT_SEED=17 cargo test --test process NAME` plays that one
//! alone, `LIFEBOAT_SEEDS=5000` plays five thousand instead of the modest share of every test run, from `LIFEBOAT_FROM` on.

mod answers;
mod control;
mod database;
mod endpoint;
mod fuzz_rng;
mod listener;
mod offline;
mod policy;
mod schedule;
