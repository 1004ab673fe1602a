//! `berth device register`: real devices at a real local DPS, with a real webhook.

mod edge;
mod errors;
mod fleets;
mod payloads;
mod retries;
mod seed;
mod stub;
pub(crate) mod world;
