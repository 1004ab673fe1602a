//! Allocation policies for Berth, in Rust.
//!
//! A policy is one function: it gets the [`Request`] of one device and answers with a [`Decision`] or a [`Refusal`].
//! The [`policy!`] macro makes a WebAssembly component's exports of it.
//!
//! ```
//! use berth_sdk::{Decision, Refusal, Request, Twin, log};
//!
//! berth_sdk::policy!(allocate);
//!
//! fn allocate(request: &Request) -> Result<Decision, Refusal> {
//!     let model = request.payload().str("modelId")?;
//!     if !model.starts_with("dtmi:com:example:") {
//!         return Err(Refusal::reject(format!("{model} is not one of our models")));
//!     }
//!     let hub = match request.keep_current_hub() {
//!         Some(hub) => hub,
//!         None => request.hubs().spread(request.registration_id())?,
//!     };
//!     log::info(format_args!("{model} goes to {hub}"));
//!     Ok(Decision::to(hub)
//!         .twin(Twin::new().tag("model", model).desired("interval", 60))
//!         .because("model-known"))
//! }
//!
//! // A unit test: no WebAssembly, no server.
//! # fn main() {
//! use berth_sdk::{json, testing};
//!
//! let request = testing::request("sensor-7")
//!     .hubs(["north.azure-devices.net"])
//!     .payload(json!({"modelId": "dtmi:com:example:Thermostat;1"}))
//!     .build();
//! let decision = allocate(&request).expect("a known model");
//! assert_eq!(decision.hub(), "north.azure-devices.net");
//! # }
//! ```
//!
//! # What a policy can reach
//!
//! Besides the request: its own [settings](settings()), its own [tables], and its [log]. There is no clock, no
//! randomness, no file and no network, so the same request always gets the same decision.
//!
//! # What goes wrong, and who is to blame
//!
//! The SDK's [`Error`] turns into a [`Refusal`] with `?`. What is wrong with the request (a payload without its model,
//! a hub that is not linked) rejects the device. What is wrong with the policy's own settings or tables asks DPS to
//! come again later, because a device should not pay for a mistake that its owner can still correct.
//!
//! A panic ends the decision as a fault of the policy. Its message and place are written to the policy's log first.
//!
//! # Building
//!
//! A policy is a library crate with this in its `Cargo.toml`; it needs neither `wit-bindgen` nor build scripts:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! berth-sdk = "0.1"
//! serde = { version = "1", features = ["derive"] } # for types of your own
//! ```
//!
//! It is compiled for `wasm32-unknown-unknown` and imports nothing but what it uses of the above. With the feature `arena` (on by default) the SDK brings a
//! global allocator for WebAssembly that suits an instance living for one decision; switch it off to choose another.

// The exported macro and the generated bindings name this crate from outside and from inside alike.
extern crate self as berth_sdk;

#[cfg(any(test, all(target_arch = "wasm32", feature = "arena")))]
#[expect(unsafe_code, reason = "a global allocator is an unsafe trait; each block argues its case")]
mod arena;
#[doc(hidden)]
pub mod bindings;
pub mod contract;
mod decision;
mod entry;
mod error;
mod hubs;
mod imports;
pub mod log;
mod payload;
mod refusal;
mod rendezvous;
mod request;
mod settings;
pub mod tables;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use decision::{Decision, Twin};
pub use error::Error;
pub use hubs::{Hubs, hub_matches};
pub use payload::Payload;
pub use refusal::Refusal;
pub use rendezvous::hub_score;
pub use request::Request;
pub use serde_json::{Map, Value, json};
pub use settings::settings;

/// What [`policy!`] expands to. No part of the SDK's interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    pub use crate::bindings::{Guest, export};
    pub use crate::entry::{accept_settings, allocate, validate_settings};
    pub use wit_bindgen;
}
