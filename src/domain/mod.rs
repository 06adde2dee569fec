//! The nouns of Lifeboat, with no verbs that decide.
//!
//! Every other room speaks in these words: what a policy says ([`policy`]), what is known ([`state`]), what happened
//! ([`change`]), what is kept for people ([`note`]), what to call ([`action`]) and what came of it ([`fault`]). Nothing here reads a clock, draws a
//! number or touches the outside: time comes in as [`time::Time`], and maps are ordered, so that the same input
//! always gives the same output.

pub mod action;
pub mod calendar;
pub mod change;
pub mod deletion;
pub mod duration;
pub mod evidence;
pub mod fault;
pub mod id;
pub mod lane;
pub mod limits;
pub mod note;
pub mod occurrence_record;
pub mod pause;
pub mod plan;
pub mod point;
pub mod policy;
pub mod regions;
pub mod remarks;
pub mod schedule;
pub mod state;
pub mod tags;
pub mod time;
pub mod timekeeper;
