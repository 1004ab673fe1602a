//! Builds a Rust policy into a component, on whatever machine its author sits at.
//!
//! [`build`] takes the folder of a policy's crate and gives back a validated component. A guest needs Rust's standard
//! library for `wasm32-unknown-unknown`, which many machines lack; [`Toolchain::find`] gets it by the first of three
//! routes that works:
//!
//! 1. **active**: the toolchain that applies in the policy's folder already has it;
//! 2. **rustup**: `rustup target add` fetches it;
//! 3. **debian**: Debian's packages hold a compiler and the library's source, which are unpacked into a private folder
//!    and compiled there once. Neither root nor a change to the system's Rust is needed.
//!
//! Two variables steer it. `BERTH_GUEST_TOOLCHAIN` (`active`, `rustup` or `debian`) allows one route only, for those
//! whose rustup hangs and for tests. `BERTH_CACHE_DIR` says where the private folder lies; without it that is
//! `berth/` in `$XDG_CACHE_HOME` or in `~/.cache`.
//!
//! Builds are reproducible: the same source with the same tools has the same digest wherever its folder lies, and no
//! path of the machine ends up in the component. One exception is cargo's: a crate that is depended on by a path that
//! leads out of the workspace lends its place to the names of its functions, and so to the digest.
//!
//! Not here: policies in other languages, which bring their own tools; whether a component is a policy Berth would
//! serve (the engine's business); where the component is then stored. Nothing here is async, and a build takes
//! seconds to minutes: call it from a thread that may block. It needs Unix.

mod apt;
mod cargo;
mod cargo_config;
mod component;
mod debian;
mod environment;
mod error;
mod find;
mod messages;
mod process;
mod progress;
mod remap;
mod sysroot;

use std::path::{Path, PathBuf};

pub use component::{ComponentError, Summary, inspect};
pub use environment::Environment;
pub use error::{Attempt, BuildError, RouteError, ToolchainError};
pub use find::{Limits, Route, Toolchain, ToolchainOptions};
pub use process::ProcessError;
pub use progress::{Event, Progress, Silent, Terminal};

/// The target every Rust guest is compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// How a policy is built. The default suits an author's machine: see each field.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// Where the compiler comes from, and how long anything may take.
    pub toolchain: ToolchainOptions,
    /// Cargo's target directory. `None` leaves it to cargo, which shares it within a workspace.
    pub target_dir: Option<PathBuf>,
    /// Features of the policy's crate to switch on.
    pub features: Vec<String>,
    /// Insists on `Cargo.lock` as it is: an error if it is missing or would change.
    pub locked: bool,
    /// Whether compiler messages carry terminal colours.
    pub color: bool,
}

/// A policy that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Name of the crate.
    pub package: String,
    /// The component's bytes.
    pub component: Vec<u8>,
    /// What the component is, in short.
    pub summary: Summary,
    /// The compiler that made it.
    pub toolchain: Toolchain,
}

/// Builds the policy whose `Cargo.toml` lies in `source`.
///
/// That folder holds a crate with a library of type `cdylib`, or a workspace with exactly one such member. Cargo's
/// `release` profile is used with Berth's own settings on top, so that a policy's bytes do not hang on its author's
/// habits: see `cargo.rs`. Compiler warnings go to `progress`, compiler errors into [`BuildError::Compile`].
///
/// # Errors
/// Whatever kept the component from being made, with what its author can do about it.
pub fn build(source: &Path, options: &BuildOptions, progress: &dyn Progress) -> Result<Built, BuildError> {
    let policy = cargo::Policy::locate(source, options, progress)?;
    let toolchain = Toolchain::find(policy.folder(), &options.toolchain, progress)?;
    build_with(&policy, toolchain, options, progress)
}

/// As [`build`], with a compiler found before: for a caller that builds several policies in one go.
///
/// # Errors
/// As [`build`].
pub fn build_using(
    toolchain: &Toolchain,
    source: &Path,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Built, BuildError> {
    let policy = cargo::Policy::locate(source, options, progress)?;
    build_with(&policy, toolchain.clone(), options, progress)
}

fn build_with(
    policy: &cargo::Policy,
    toolchain: Toolchain,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Built, BuildError> {
    let core_module = policy.compile(&toolchain, options, progress)?;
    progress.report(Event::Step("Making the component"));
    let component = component::encode(&core_module)?;
    let summary = inspect(&component)?;
    Ok(Built { package: policy.name().to_owned(), component, summary, toolchain })
}

#[cfg(test)]
mod tests;
