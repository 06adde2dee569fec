//! The embedded FSx simulator.
