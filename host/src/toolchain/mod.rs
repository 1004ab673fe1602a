//! Builds a policy into a component, on whatever machine its author sits at.
//!
//! [`build`] takes the folder of a policy and gives back a validated component. What lies in the folder tells the
//! [`Language`]. The tools for each are pinned, and kept in a private folder; what an author has to bring is an
//! interpreter or compiler that fetches them.
//!
//! [`Start`] begins a policy that can then be built.
//!
//! A guest in Rust needs Rust's standard library for `wasm32-unknown-unknown`, which many machines lack;
//! [`Toolchain::find`] gets it by the first of three routes that works:
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
//! Builds from Rust, C and Go are reproducible: the same source with the same tools has the same digest wherever its folder
//! lies, and no path of the machine ends up in the component. One exception is cargo's: a crate that is depended on by a
//! path that leads out of the workspace lends its place to the names of its functions, and so to the digest.
//!
//! Not here: whether a component is a policy Berth would serve (the engine's business); where the component is then
//! stored. Nothing here is async, and a build takes seconds to minutes: call it from a thread that may block. It needs
//! Unix.

mod apt;
mod begin;
mod c;
mod cargo;
mod cargo_config;
mod component;
mod debian;
mod environment;
mod error;
mod find;
mod go;
mod javascript;
mod job;
mod kept;
mod language;
mod messages;
mod pip;
mod process;
mod progress;
mod python;
mod remap;
mod sdk;
mod shelf;
mod sysroot;
mod vendored;

use std::path::{Path, PathBuf};

pub use begin::{BeginError, FIRST_CHECK, Start};
pub use component::{ComponentError, Summary, inspect};
pub use environment::Environment;
pub use error::{Attempt, BuildError, RouteError, ToolchainError};
pub use find::{Limits, Route, Toolchain, ToolchainOptions};
pub use language::Language;
pub use process::ProcessError;
pub use progress::{Event, Progress, Silent, Terminal};
pub use shelf::bound;

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
    /// Takes a component that was built before of the same source with the same tools, where a build takes long.
    pub reuse: bool,
    /// Insists on `Cargo.lock` as it is: an error if it is missing or would change.
    pub locked: bool,
    /// Whether compiler messages carry terminal colours.
    pub color: bool,
}

/// A policy that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Name of the crate or package.
    pub package: String,
    /// The language it is written in.
    pub language: Language,
    /// The component's bytes.
    pub component: Vec<u8>,
    /// What the component is, in short.
    pub summary: Summary,
    /// The tools that made it, for people: `rustc 1.95.0 (…) (active)`.
    pub tools: String,
}

/// Bytes of a component above which its first compilation keeps a processor busy for seconds.
const LARGE: usize = 8 << 20;

impl Built {
    /// What its author should know before it is served: what will be refused, and what will be slow.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let foreign = self.summary.imports.iter().filter(|import| !import.starts_with("berth:allocation/"));
        let seal = |import: &str| match import.starts_with("wasi:") {
            true => "; `berth policy seal` answers it inside",
            false => "",
        };
        let refused =
            |import: &String| format!("it imports {import}, which no policy has: Berth will refuse it{}", seal(import));
        let mut warnings: Vec<String> = foreign.map(refused).collect();
        if memchr::memmem::find(&self.component, b".debug_info").is_some() {
            warnings.push("it carries what debuggers read, which Berth does not: build it without".to_owned());
        }
        if self.is_large() {
            let size = self.component.len() >> 20;
            warnings.push(format!("it has {size} MB: a server compiles it for some seconds before it first serves"));
        }
        warnings
    }

    /// Whether its first compilation takes long.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.component.len() > LARGE
    }
}

/// Builds the policy in the folder `source`, in whatever language it is.
///
/// For Rust, that folder holds a crate with a library of type `cdylib`, or a workspace with exactly one such member.
/// Cargo's `release` profile is used with Berth's own settings on top, so that a policy's bytes do not hang on its
/// author's habits: see `cargo.rs`. Compiler warnings go to `progress`, compiler errors into [`BuildError::Compile`].
///
/// # Errors
/// Whatever kept the component from being made, with what its author can do about it.
pub fn build(source: &Path, options: &BuildOptions, progress: &dyn Progress) -> Result<Built, BuildError> {
    let no_manifest = || BuildError::NoManifest { folder: source.to_owned() };
    let language = Language::of(source).ok_or_else(no_manifest)?;
    let builder = match language {
        Language::Rust => {
            let policy = cargo::Policy::locate(source, options, progress)?;
            let toolchain = Toolchain::find(policy.folder(), &options.toolchain, progress)?;
            return build_with(&policy, toolchain, options, progress);
        }
        Language::JavaScript => javascript::build,
        Language::Python => python::build,
        Language::C => c::build,
        Language::Go => go::build,
    };
    let folder = std::fs::canonicalize(source).map_err(|_| no_manifest())?;
    let made = builder(&job::Job { language, folder, options, progress })?;
    let summary = inspect(&made.component)?;
    Ok(Built { package: made.package, language, component: made.component, summary, tools: made.tools })
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

/// Compiles a guest in Rust that is no policy, such as another host's plug-in: the core module, as the compiler leaves it.
///
/// # Errors
/// As [`build`].
pub fn compile(source: &Path, options: &BuildOptions, progress: &dyn Progress) -> Result<Vec<u8>, BuildError> {
    let guest = cargo::Policy::locate(source, options, progress)?;
    let toolchain = Toolchain::find(guest.folder(), &options.toolchain, progress)?;
    guest.compile(&toolchain, options, progress)
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
    let tools = format!("{} ({})", toolchain.version(), toolchain.route());
    Ok(Built { package: policy.name().to_owned(), language: Language::Rust, component, summary, tools })
}

#[cfg(test)]
mod tests;
