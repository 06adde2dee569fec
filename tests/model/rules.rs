//! Rules of the planner one by one: tables of cases, and what counts over a stretch of time. What is told step by step is a
//! conversation, in `tests/scripts`.

mod answers;
mod brakes;
mod capacity;
mod changes;
mod clock;
mod copy_selection;
mod disputes;
mod doubts;
mod durations;
mod evidence;
mod lanes;
mod orders;
mod pauses;
mod prunings;
mod rounds;
mod seeds;
mod stuck;

use crate::talk::*;
