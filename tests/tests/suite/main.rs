//! The black-box suite: one binary, one module for each behaviour. How a test is written is in the crate's library.
#![forbid(unsafe_code)]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests stop at what they did not expect, as tests do"
)]

mod admin_access;
mod admin_api;
mod architecture;
mod author;
mod author_builds;
mod author_checks;
mod author_errors;
mod author_seal;
mod bad_answers;
mod bad_bodies;
mod bad_senders;
mod behind;
mod benchmarks;
mod bounds;
mod broken_at_start;
mod broken_files;
mod damage;
mod decisions;
mod demo;
mod devices;
mod dps_commands;
mod dps_malformed;
mod dps_mqtt;
mod dps_replays;
mod dps_service;
mod drain;
mod fallbacks;
mod full_disk;
mod fuzzing;
mod half_changes;
mod isolation;
mod kept_versions;
mod keys;
mod limits;
mod memory;
mod metrics;
mod openapi;
mod pushes;
mod quotas;
mod readme;
mod reference;
mod refusals;
mod remote;
mod secrets;
mod siege;
mod slow_at_start;
mod soak;
mod startup;
mod swaps;
mod swaps_under_load;
mod threat_model;
mod tightened_limits;
mod tls;
mod unsafe_code;
mod unwatched;
mod verification;
mod what_a_policy_sees;

use berth_tests::{
    Catalogue,
    bodies::TOASTERS,
    guests::{Guest, Reply},
};

/// A catalogue with the policy `contoso/toasters`, which sends every device to the toasters' hub.
fn toasters() -> Catalogue {
    Catalogue::new().tenant("contoso").policy("toasters", Guest::answering(Reply::hub(TOASTERS)))
}

/// A policy that says in its payload which version of it answered.
fn version(number: u32) -> Guest {
    Guest::answering(Reply::hub(TOASTERS).payload(&format!(r#"{{"version":{number}}}"#)))
}
