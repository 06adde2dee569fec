//! The simulator, tried through its public door: the facts about FSx that it must keep to (the table in `facts.rs` says
//! which tests hold which clause of the notes' table (b)), what is not established about FSx, the faults, and the protocol.

// clippy.toml allows these in tests, but does not see that the functions beside them are tests' own.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "simulator/bench.rs"]
mod bench;
#[path = "simulator/copying.rs"]
mod copying;
#[path = "simulator/creating.rs"]
mod creating;
#[path = "simulator/deleting.rs"]
mod deleting;
#[path = "simulator/facts.rs"]
mod facts;
#[path = "simulator/faults.rs"]
mod faults;
#[path = "simulator/knobs.rs"]
mod knobs;
#[path = "simulator/listing.rs"]
mod listing;
#[path = "simulator/protocol.rs"]
mod protocol;
#[path = "simulator/storm.rs"]
mod storm;
#[path = "simulator/time.rs"]
mod time;
