//! An FSx to be had on one's own machine: the same protocol, lifecycles, limits and refusals, and every way to go wrong.
//!
//! **The problem.** A scheduler of backups proves itself in the cases that one cannot order from AWS: the answer lost
//! after the deed, the copy that hangs for two days, the slots that others took, the token that was forgotten; and it
//! proves itself over years, which nobody waits for.
//!
//! **The promises.**
//! - [`cloud`] is a pure model. What happens follows from its seed, the calls, and the times given with them.
//! - It keeps to what is known of FSx, and where AWS does not say, there is a knob with a benign default.
//! - [`faults`] decides what goes wrong, the same with sockets and without.
//! - [`endpoint`] serves the model over HTTP in AWS's protocol; the AWS CLI and every SDK work against it unchanged.
//! - [`rehearse`] lets the real planner live through a policy's next weeks in virtual time and measures what comes of it;
//!   its calls go by [`wire`], as do those of the world of the tests, which holds the planner to its promises.
//!
//! Nothing but these two uses any other part of this program: a mistake there cannot be hidden by the same mistake here.

pub mod cloud;
pub mod endpoint;
pub mod faults;
pub mod fleet;
pub mod rehearse;
pub mod rng;
pub mod wire;

pub use cloud::{ApiError, Cloud, Settings};
pub use endpoint::Endpoint;
pub use faults::{Fault, Faults};
pub use fleet::Fleet;
pub use rng::Rng;
