//! `berth policy …`: what policy authors use.

mod bench;
mod build;
mod check;
mod inspect;
mod report;
mod run;
mod seal;
mod subject;
mod test;

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
    /// Have a policy decide about one body, and show what DPS would do with the answer.
    Run(run::Run),
    Check(check::Check),
    Test(test::Test),
    Bench(bench::Bench),
    Inspect(inspect::Inspect),
    Seal(seal::Seal),
}

impl Policy {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Build(build) => build.run(),
            Self::Run(run) => run.run(),
            Self::Check(check) => check.run(),
            Self::Test(test) => test.run(),
            Self::Bench(bench) => bench.run(),
            Self::Inspect(inspect) => inspect.run(),
            Self::Seal(seal) => seal.run(),
        }
    }
}
