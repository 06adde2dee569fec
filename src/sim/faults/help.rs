//! Help text for each knob.

/// Every knob, with its default and what it does, for people: `lifeboat simulator --help` prints it.
pub const HELP: &str = include_str!("help.txt");
