//! Help text for each setting of a fault.

/// Every setting, with its default and meaning; printed by `lifeboat simulator --help`.
pub const HELP: &str = include_str!("help.txt");
