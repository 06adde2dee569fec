//! Lifeboat keeps Amazon FSx file systems recoverable in another AWS Region.
//!
//! # How it works
//!
//! Jobs are few, long and remote, compete for shared slots, and must survive anything. So there is no queue, no state
//! machine per job, and no recovery code: in each round a reconcile loop derives what to do from the recorded state and
//! from what AWS reports.
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
//! A [`domain::change::Change`] is the only way to modify a [`domain::state::State`], in memory and in the store alike.
//! A change that contradicts the state is rejected, and its source is quarantined; other sources continue.
//!
//! # The modules
//!
//! A module uses only modules on layers below its own; `tests/pure/tidy.rs` checks this.
//!
//! | layer | module | contents |
//! |---|---|---|
//! | 6 | [`cli`] | one file per command |
//! | 5 | [`daemon`] | the surroundings of the loop: calls under way, control socket, clock, signals, systemd, event log, notifications |
//! | 4 | [`report`] | the snapshot, and metrics, HTTP, page and text rendered from it |
//! | 4 | [`sim`] | FSx as a pure model, the same over HTTP, injected faults, and rehearsals of a policy |
//! | 3 | [`driver`] | plan, commit, dispatch, process outcomes: the one loop of the daemon, a rehearsal and the simulated world of the tests |
//! | 2 | [`planner`] | every decision |
//! | 2 | [`engine`] | the interface to AWS: rate limits, errors as data |
//! | 2 | [`store`] | persistence of the state |
//! | 2 | [`config`] | the policy file: parsing and checks that report all problems at once |
//! | 1 | [`domain`] | the types |
//!
//! The simulated world that runs the planner through years of faults is a test, not a module of the program:
//! `tests/world`.
//!
//! # Three examples
//!
//! **A nightly backup.** At 03:00 [`planner::schedule`] finds an occurrence between the last recorded one and now, and
//! records it. [`planner::backups`] requests a lookup of the source for its tags, then records the intent with the
//! whole request and its token, and the call is sent. The response adds a point in flight, which is polled by id every
//! `poll`. Once it is AVAILABLE, each route needs a copy; [`planner::copies`] gives the slots of the lane to the routes
//! nearest to missing their RPO. When every copy is AVAILABLE, [`planner::ending`] records the outcome.
//!
//! **A lost response.** The connection drops after AWS accepted CopyBackup. The pending request stays open, holds its
//! slot, and is repeated word for word with the same token: AWS returns the copy it made. AWS may forget a token after
//! five minutes, so from then on a repeat needs a listing, begun at least two minutes after the last request, that does
//! not show the copy ([`planner::call_limits`]).
//!
//! **A lost database.** The first plan lists every Region. Backups and copies with our tags are adopted; the newest
//! occurrence at AWS shows how far the schedule has come; copies in flight are followed, missing ones requested.
//! Nothing is made twice, because nothing new is requested in a Region whose inventory was not read.
//!
//! # The promises
//!
//! Each promise is an invariant. The simulated world checks it after every step against the inventory of the simulated
//! FSx, by code that shares nothing with the planner. `tests/model/proof.rs` lists for each promise its checks, and for
//! each check a mutant that it was seen to catch.
//!
//! | promise | kept by | checked in `tests/world/checks` |
//! |---|---|---|
//! | 1: no copy is requested while the known copies fill the lane | [`planner::slots`], [`planner::lane_limits`] | `lanes.rs` |
//! | 2: one good backup per occurrence, one good copy for each of its routes | [`domain::id`] (tokens), [`domain::evidence`] | `created.rs`, `making.rs` |
//! | 3: nothing that AWS accepted is forgotten | [`driver`] (intent before the call), [`store`] | `making.rs`, `consistency.rs` |
//! | 4: nothing still needed is deleted, and nothing only because of a tag or a clock | [`planner::retain`], [`planner::deletions`], [`planner::brake`] | `retention.rs`, `brake.rs`, `clock.rs` |
//! | 5: every occurrence ends in a recorded outcome with a reason | [`planner::schedule`], [`planner::ending`] | `outcomes.rs`, `lines.rs` |
//! | 6: what is shown is what AWS held when last seen | [`report::snapshot`] | `consistency.rs` |
//! | 7: trouble in one place delays nothing elsewhere | [`planner::call_limits`] | `flow.rs`, `kept_points.rs` |
//! | 8: a failing call is retried with growing backoff | [`planner::retry`] | `flow.rs`, `call_rate.rs` |
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
