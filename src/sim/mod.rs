//! A simulated FSx: AWS's protocol, lifecycles, limits and refusals, and every way to fail.
//!
//! **The problem.** A scheduler of backups proves itself in cases that cannot be produced at AWS on demand: a response
//! lost after the request was applied, a copy that hangs for two days, slots taken by others, a forgotten token. And it
//! proves itself over years, which no test can wait for.
//!
//! **Properties.**
//! - [`cloud`] is a pure model. Its behaviour is determined by its seed, the calls, and the times passed with them.
//! - It follows what is known about FSx; where AWS does not say, there is a setting with a benign default.
//! - [`faults`] decides what fails, the same with sockets and without.
//! - [`endpoint`] serves the model over HTTP in AWS's protocol; the AWS CLI and every SDK work against it unchanged.
//! - [`rehearse`] runs the real planner through a policy's next weeks in virtual time and measures the result. Its
//!   calls go through [`wire`], as do those of the simulated world of the tests, which checks the planner's promises.
//!
//! Only these two use other parts of this program: a mistake there cannot be hidden by the same mistake here.

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
