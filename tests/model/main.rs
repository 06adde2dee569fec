//! The planner and the store under test without a process: spoken to by hand, in worlds of trouble, with faults planted.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]

mod calls;
mod conversations;
mod fixture;
mod fleets;
mod mutants;
mod own_account;
mod proof;
mod rules;
mod slot_orders;
mod slots;
mod store;
mod talk;
mod two_hosts;
mod world;
