//! Unit tests for policies, without WebAssembly.
//!
//! [`request`] builds a request step by step, [`request_from_dps`] reads one that DPS has sent, and [`Host`] plays the
//! part of Berth: it has settings and tables, and keeps what the policy logs.
//!
//! Not for checks: those are files beside the policy, which Berth runs against the component itself.
//!
//! ```
//! use berth_sdk::{Decision, Refusal, Request, json, log, tables, testing, Value};
//!
//! fn allocate(request: &Request) -> Result<Decision, Refusal> {
//!     let row: Option<Value> = tables::lookup("models", request.model_id()?)?;
//!     if row.is_none() {
//!         log::warn("nobody told me about this model");
//!     }
//!     Ok(Decision::to(request.hubs().first()?))
//! }
//!
//! let host = testing::Host::new()
//!     .settings(json!({"tier": "gold"}))
//!     .table("models", [("dtmi:com:example:Thermostat;1", json!({"hub": "north"}))]);
//! let request = testing::request("sensor-7").payload(json!({"modelId": "dtmi:other;1"})).build();
//!
//! let decision = host.run(|| allocate(&request)).expect("a decision");
//! assert_eq!(decision.hub(), "hub-a.azure-devices.net");
//! assert_eq!(host.log()[0].message, "nobody told me about this model");
//! ```

mod body;
mod builder;
pub(crate) mod host;

pub use body::request_from_dps;
pub use builder::{RequestBuilder, request};
pub use host::{Host, Line};
