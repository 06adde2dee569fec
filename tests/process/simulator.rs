//! The simulator, tried through its public door: the facts about FSx that it must keep to (the table in `facts.rs` says
//! which tests hold which clause of the notes' table (b)), what is not established about FSx, the faults, and the protocol.

// clippy.toml allows these in tests, but does not see that the functions beside them are tests' own.

mod bench;
mod copying;
mod creating;
mod deleting;
mod facts;
mod faults;
mod knobs;
mod listing;
mod model_fuzz;
mod protocol;
mod time;
