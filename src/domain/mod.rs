//! The types of Lifeboat. This module makes no decisions.
//!
//! All other modules use these types: what a policy says ([`policy`]), what is known ([`state`]), what happened
//! ([`change`]), what is recorded for people ([`note`]), what to call ([`action`]) and how a call can fail ([`fault`]).
//! Nothing here reads a clock, draws a random number or does IO: time is passed in as [`time::Time`] and all maps are
//! ordered, so the same input always gives the same output.

pub mod action;
pub mod calendar;
pub mod catalogue;
pub mod change;
pub mod counted;
pub mod deletion;
pub mod dispute;
pub mod duration;
pub mod evidence;
pub mod fault;
mod file_system_kind;
pub mod id;
pub mod intent;
pub mod lane;
pub mod limits;
pub mod listing_page;
pub mod note;
pub mod occurrence_record;
pub mod pause;
pub mod plan;
pub mod point;
pub mod policy;
pub mod regions;
pub mod remarks;
pub mod schedule;
pub mod schedule_line;
pub mod selection;
pub mod state;
mod tagged;
pub mod tags;
pub mod time;
pub mod timekeeper;
