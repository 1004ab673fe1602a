//! `berth policy …`: what policy authors use.

mod build;

use std::process::ExitCode;

use clap::Subcommand;

pub(crate) use build::interrupted;

#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Make a component of a policy's source.
    ///
    /// The source is a Rust crate with a library of type `cdylib`. Where Rust's standard library for WebAssembly is
    /// missing, it is fetched: by rustup, or from Debian's packages into a private folder. BERTH_GUEST_TOOLCHAIN (active,
    /// rustup or debian) allows one of these ways only.
    Build(build::Build),
}

impl Policy {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Build(build) => build.run(),
        }
    }
}
