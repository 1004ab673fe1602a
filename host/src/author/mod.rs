//! What policy authors use before anything serves: decisions, checks, measurements, without a server.
//!
//! Everything runs through [`decide`](crate::decide), the engine and the verification that the server has, under the limits
//! that the server has, so that what an author sees is what will happen. A [`Subject`] is the policy at hand, a [`Rig`] what
//! it is tried in.
//!
//! Not here: how a policy is built ([`toolchain`](crate::toolchain)); what a terminal shows (the command line).

pub mod bench;
pub mod checks;
pub mod inspect;
mod json;
mod outlook;
mod rig;
pub mod seal;
mod subject;
mod trial;
pub mod unit_tests;
mod warnings;
mod watch;

pub use outlook::{Outlook, TwinFate};
pub use rig::Rig;
pub use subject::{Place, Replaced, Subject};
pub use trial::{Trial, Used};
pub use warnings::warnings;
pub use watch::Watch;
