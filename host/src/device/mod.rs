//! Simulated devices: each registers with a DPS over HTTPS as a real one does, and says what came of it.
//!
//! A client of any DPS, the real one as well as the local one, of which it knows nothing. It goes no further than its
//! registration: there is no hub that it would talk to.
//!
//! - [`Device`] and [`Identity`]: who registers, and how it proves that. [`payload`]: what it says of itself.
//! - [`Dps`]: where it registers, and whom it trusts there.
//! - [`Registration`]: one registration, from the first request to the assignment, through challenges, throttling and
//!   restarts. It ends as [`Assigned`], or as a [`Failure`] that says what to do next.
//! - [`edge`]: devices as IoT Edge configures them.
//! - [`fleet`]: thousands of registrations, a bounded number at a time, and where they went.

mod answer;
mod connection;
mod credential;
pub mod edge;
mod failure;
pub mod fleet;
mod habits;
mod identity;
pub mod payload;
mod registration;
mod retry;

pub use answer::Assigned;
pub use connection::{Dps, DpsError};
pub use failure::Failure;
pub use habits::{EDGE, Habits, PLAIN};
pub use identity::{ClientCertificate, Identity, IdentityError, Key};
pub use registration::Registration;
pub use retry::Patience;

use serde_json::value::RawValue;

/// A device that is to register.
#[derive(Debug)]
pub struct Device {
    /// Its registration id.
    pub registration_id: String,
    /// How it proves that it is the one.
    pub identity: Identity,
    /// What it says of itself: JSON as it is sent. DPS takes an object.
    pub payload: Option<Box<RawValue>>,
}

/// What happens during a registration that somebody may want to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// The TPM has taken a key out of the DPS's challenge.
    Activated,
    /// The DPS is choosing a hub.
    Assigning,
    /// Something did not work and is tried again.
    Again {
        /// What did not work.
        why: &'a str,
        /// After how long.
        after: std::time::Duration,
    },
}

/// Hears of steps. Called from the task that registers; to be quick.
pub type Watch<'a> = &'a (dyn Fn(Step<'_>) + Sync);
