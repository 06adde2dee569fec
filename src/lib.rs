//! Lifeboat keeps Amazon FSx file systems recoverable in another AWS Region.
//!
//! # How it works
//!
//! Jobs are few, long, remote, coupled by shared slots, and must survive anything. So there is no queue, no state machine
//! per job, and no recovery code: a reconcile loop derives what to do from the recorded state and from what AWS says, anew
//! in each round.
//!
//! ```text
//! policy.toml ──config──▶ Settings (immutable, swapped whole on reload)
//!                            │
//! State ──▶ planner::plan(&Settings, &State, now) -> Plan       pure: what to record, what to call, what waits and why
//!   ▲                        │
//!   │      apply, commit to SQLite (the intent before the call)
//!   │                        ▼
//!   │      engine: one request per action, paced per account and Region, never awaited by the loop
//!   │                        │ Outcome
//!   └── planner::process_outcome(&Settings, &State, &Action, Outcome, now) -> changes   pure
//!                            │
//!                            ▼
//!                 report::Snapshot ──▶ /metrics, status page, API, CLI, systemd
//! ```
//!
//! A [`domain::change::Change`] is the only thing that moves a [`domain::state::State`], in memory and in the store
//! alike. A change that contradicts the state is rejected, and its source is quarantined; the others go on.
//!
//! # The modules
//!
//! A module uses only modules on layers below its own; `tests/pure/tidy.rs` checks this.
//!
//! | layer | module | contents |
//! |---|---|---|
//! | 6 | [`cli`] | one file a command |
//! | 5 | [`daemon`] | the surroundings of the loop: calls under way, control socket, clock, signals, systemd, event log, notifications |
//! | 4 | [`report`] | the snapshot, and metrics, HTTP, page and text rendered from it |
//! | 4 | [`sim`] | FSx as a pure model, the same over HTTP, injected faults, and a rehearsal of a policy's next weeks |
//! | 3 | [`driver`] | plan, commit, dispatch, process the outcome: the one loop that the daemon, a rehearsal and the world of the tests run |
//! | 2 | [`planner`] | every decision |
//! | 2 | [`engine`] | the interface to AWS: rate limits, errors as data |
//! | 2 | [`store`] | persistence of the state |
//! | 2 | [`config`] | the policy file, checked, with all its problems at once |
//! | 1 | [`domain`] | the types |
//!
//! The world that drives the planner through years of faults is a test, not a module of the program: `tests/world`.
//!
//! # Three examples
//!
//! **A nightly backup.** At 03:00 [`planner::schedule`] finds an occurrence between the last one dealt with and now, and
//! records it. [`planner::backups`] has the source looked up for its tags, then records the intent with the whole request
//! and its token, and the call leaves. The answer becomes a point in flight, looked at by id every `poll`. Once it is
//! AVAILABLE, each route wants a copy; [`planner::copies`] gives the slots of the lane to the routes nearest to missing
//! their RPO. When every copy is AVAILABLE, [`planner::ending`] records the outcome.
//!
//! **The answer is lost.** The connection drops after AWS took CopyBackup. The pending request stays open, holds its slot, and is
//! repeated word for word with the same token: AWS gives back the copy it made. After five minutes a token may be
//! forgotten, so then a listing that began two minutes after the last request has to show that there is nothing before
//! anything is asked anew ([`planner::call_limits`]).
//!
//! **The database is gone.** The first plan lists every Region. What carries our tags is taken in; the newest occurrence
//! at AWS tells where the schedule stands; copies in flight are followed, missing ones asked for. Nothing is made twice,
//! because nothing new is asked of a Region whose inventory was not read.
//!
//! # The promises
//!
//! Each is an invariant. The world of the tests checks it after every step against the inventory of the simulated FSx, by
//! code that shares nothing with the planner; `tests/model/proof.rs` is the table promise → check → mutant that the check
//! was seen to catch.
//!
//! | promise | kept by | checked in `tests/world/checks` |
//! |---|---|---|
//! | 1: no copy is requested while the copies known fill the lane | [`planner::slots`], [`planner::lane_limits`] | `lanes.rs` |
//! | 2: one good backup for an occurrence, one good copy for each of its routes | [`domain::id`] (tokens), [`domain::evidence`] | `created.rs`, `making.rs` |
//! | 3: nothing that AWS accepted is forgotten | [`driver`] (intent before the call), [`store`] | `making.rs`, `consistency.rs` |
//! | 4: nothing is deleted that is still needed, or on a tag's or a clock's word | [`planner::retain`], [`planner::deletions`], [`planner::brake`] | `retention.rs`, `brake.rs`, `clock.rs` |
//! | 5: every occurrence ends in a recorded outcome with a reason | [`planner::schedule`], [`planner::ending`] | `outcomes.rs`, `lines.rs` |
//! | 6: what is shown is what AWS held when last seen | [`report::snapshot`] | `consistency.rs` |
//! | 7: what is in trouble delays nothing else | [`planner::call_limits`] | `flow.rs`, `kept_points.rs` |
//! | 8: a failing call is repeated with growing pauses | [`planner::retry`] | `flow.rs`, `call_rate.rs` |
//! | 9: when faults stop, every route meets its RPO again, the most urgent first | [`planner::slot_priority`] | `flow.rs`, `urgency.rs` |
//! | 10: a policy that cannot be loaded changes nothing | [`config`] | `checks.rs` |

pub mod cli;
pub mod config;
pub mod daemon;
pub mod domain;
pub mod driver;
pub mod engine;
pub mod planner;
pub mod report;
pub mod sim;
pub mod store;
