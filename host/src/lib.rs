//! Berth: a host for Azure DPS custom-allocation webhooks whose rules are WebAssembly components.
//!
//! The modules stand in layers; each uses only those above it in this list.
//!
//! - [`contract`]: the vocabulary. Plain data, no I/O.
//! - [`wire`]: DPS's JSON to the vocabulary and back.
//! - [`heap`]: how the process holds memory.
//! - [`metrics`]: what is counted and timed, and under which names.
//! - [`engine`]: the only module that names wasmtime.
//! - [`admission`]: what keeps tenants from one another.
//! - [`catalogue`]: tenants and their releases, as one immutable snapshot, and the files it is read from.
//! - [`decide`]: one decision.
//! - [`behind`]: long decisions, in a process of their own.
//! - [`store`]: Berth's own memory on disk.
//! - [`reload`]: owns the catalogue, turns changes into the next snapshot.
//! - [`http`]: the accept loop of a listener.
//! - [`webhook`] and [`admin`]: the two listeners.
//! - [`toolchain`]: builds policies from source.
//! - [`author`]: what policy authors use, without a server.
//! - [`tpm`]: what a TPM seals and opens, in software.
//! - [`device`]: simulated devices, clients of any DPS.
//! - [`dps`]: the local DPS, a neighbour that knows nothing of the rest.
//! - [`telemetry`], [`config`], [`runtime`], [`app`]: the wiring.
//! - [`demo`]: all of it on one machine.
//! - [`cli`]: the command line.

pub mod admin;
pub mod admission;
pub mod app;
pub mod author;
pub mod behind;
pub mod catalogue;
pub mod cli;
pub mod config;
pub mod contract;
pub mod decide;
pub mod demo;
pub mod device;
pub mod dps;
pub mod engine;
pub mod heap;
pub mod http;
pub mod metrics;
pub mod reload;
pub mod runtime;
pub mod store;
pub mod telemetry;
pub mod toolchain;
pub mod tpm;
pub mod webhook;
pub mod wire;
