//! The simulator, tried through its public door: the facts about FSx that it must keep to (one test for each number of
//! the notes' table (b)), the faults, and the protocol.

// clippy.toml allows these in tests, but does not see that the functions beside them are tests' own.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "simulator/bench.rs"]
mod bench;
#[path = "simulator/copying.rs"]
mod copying;
#[path = "simulator/creating.rs"]
mod creating;
#[path = "simulator/faults.rs"]
mod faults;
#[path = "simulator/listing.rs"]
mod listing;
#[path = "simulator/protocol.rs"]
mod protocol;
#[path = "simulator/storm.rs"]
mod storm;
#[path = "simulator/time.rs"]
mod time;
