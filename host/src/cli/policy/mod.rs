//! `berth policy …`: what policy authors use.

mod bench;
mod build;
mod check;
mod inspect;
mod new;
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
    New(new::New),
    /// Make a component of a policy's source.
    ///
    /// What lies in the folder tells the language: `Cargo.toml` Rust, `package.json` JavaScript or TypeScript,
    /// `pyproject.toml` Python, `policy.c` C, `go.mod` Go. Rust needs cargo; Go Go 1.24; JavaScript Node 20 with npm; Python
    /// and C Python 3.10 with pip. What else a language needs is fetched once, in fixed versions, into a private folder
    /// (BERTH_CACHE_DIR). The commands that try a policy build it first, unless nothing has changed since; this one always builds.
    ///
    /// A Rust policy is a crate with a library of type `cdylib`. Where Rust's standard library for WebAssembly is missing, it
    /// is fetched: by rustup, or from Debian's packages into a private folder. BERTH_GUEST_TOOLCHAIN (active, rustup or debian)
    /// allows one of these ways only.
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
            Self::New(new) => new.run(),
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
