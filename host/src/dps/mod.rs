//! The local DPS: devices register here, enrollments say how, and a webhook may decide where to.
//!
//! A neighbour of the server and no part of it: it has its own words (enrollment, registration, attestation, hub), its own
//! data file, and reaches a webhook over HTTP only, as the real service does. It imitates the service towards devices and
//! webhooks; there is no hub behind it, so a device that is assigned can go no further than its assignment.
//!
//! - [`registrar`]: the transport-free core. One request of a device in, status and JSON body out.
//! - [`attestation`]: whether a device is who it says. [`allocation`]: which hub it gets.
//! - [`enrollment`], [`device`], [`twin`]: what is known of them, kept by [`store`]. [`mod@file`]: enrollments from a file.
//! - [`tls`] and [`listener`]: how devices connect. [`https`] and [`mqtt`]: what they say there.
//! - [`service`]: the service API. [`control`]: what `berth dps` asks, with [`trace`] and [`fault`].
//! - [`certificates`]: certificates for tests. [`config`] and [`server`]: all of it put together.

pub mod allocation;
pub mod attestation;
pub mod certificates;
pub mod clock;
pub mod config;
pub mod control;
pub mod device;
pub mod enrollment;
pub mod fault;
pub mod file;
pub mod https;
pub mod listener;
pub mod mqtt;
mod objects;
pub mod registrar;
pub mod server;
pub mod service;
pub mod store;
pub mod tls;
pub mod trace;
pub mod twin;
