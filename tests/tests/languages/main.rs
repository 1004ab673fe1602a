//! Policies in languages other than Rust, built from source by `berth policy build`, whose tools come from package registries.
//!
//! `cargo xtask test --clients` runs this.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stop at what they did not expect, as tests do"
)]

mod asker;
mod begun;
mod certificate;
mod page;
mod parity;
mod reuse;
mod sdks;
mod system;

use std::{path::Path, process::Command};

use berth_tests::binary;

/// Runs a command to its end, and returns what it prints.
fn run(folder: &Path, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{command:?} ended with {}\n{said}\n{complained}", output.status);
    said
}

/// Runs `berth`.
fn berth(folder: &Path, arguments: &[&str]) -> String {
    run(folder, binary(), arguments)
}

/// Berth's patience with components of this size, on a machine where several are compiled at once.
const PATIENT: &str = "[catalogue]\nstart_timeout_ms = 300000\n";
