//! What can go wrong between a policy's folder and its component.

use std::error::Error;
use std::fmt::{self, Write};
use std::io;
use std::path::PathBuf;

use super::TARGET;
use super::component::ComponentError;
use super::find::Route;
use super::language::Language;
use super::process::ProcessError;

/// Why a policy could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The folder holds nothing that tells a language.
    #[error(
        "{} is not the folder of a policy: it holds no {}; `berth policy new NAME` makes a policy",
        folder.display(),
        Language::ALL.map(|language| format!("{} ({language})", language.mark())).join(", ")
    )]
    NoManifest {
        /// The folder.
        folder: PathBuf,
    },
    /// Cargo is not installed.
    #[error("cargo is not installed, or not on the PATH: install Rust (https://rustup.rs)")]
    CargoMissing,
    /// Cargo cannot make sense of the crate, its dependencies or its lock file.
    #[error("cargo could not read the crate in {}", folder.display())]
    Metadata {
        /// The folder.
        folder: PathBuf,
        /// What cargo says.
        source: ProcessError,
    },
    /// Cargo described the crate in a way that could not be understood.
    #[error("could not understand cargo's description of the crate in {}", folder.display())]
    Description {
        /// The folder.
        folder: PathBuf,
        /// Where the description is odd.
        source: cargo_metadata::Error,
    },
    /// Nothing there is compiled to a policy.
    #[error(
        "no crate in {} has a library of type `cdylib`; a policy's Cargo.toml says\n\n    [lib]\n    crate-type = [\"cdylib\"]\n",
        folder.display()
    )]
    NoCdylib {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder is a workspace with several policies.
    #[error("{} is a workspace with several policies: name the folder of one ({})", folder.display(), packages.join(", "))]
    SeveralCdylibs {
        /// The folder.
        folder: PathBuf,
        /// Names of the crates with a `cdylib`.
        packages: Vec<String>,
    },
    /// No compiler for guests could be had.
    #[error(transparent)]
    Toolchain(ToolchainError),
    /// Berth's settings for cargo could not be written to a temporary file.
    #[error("could not write a temporary file for cargo")]
    Settings(#[source] io::Error),
    /// The policy's code, or that of a crate it depends on, does not compile.
    #[error("the policy does not compile\n\n{diagnostics}")]
    Compile {
        /// The compiler's errors, ready to be shown.
        diagnostics: String,
    },
    /// Cargo failed for another reason than the compiler's errors: a build script, a lock file, a full disk.
    #[error("cargo could not build the policy")]
    Cargo(#[source] ProcessError),
    /// Cargo succeeded without saying where the module is.
    #[error("cargo built crate `{package}` but named no .wasm file among what it made")]
    NoArtifact {
        /// Name of the crate.
        package: String,
    },
    /// The compiled module could not be read.
    #[error("could not read the compiled module {}", path.display())]
    ReadArtifact {
        /// Where it lies.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A program that the author has to install is missing, or does not work.
    #[error("a policy in {language} cannot be built here. {hint}")]
    MissingTool {
        /// The policy's language.
        language: Language,
        /// What is needed, and how to get it.
        hint: &'static str,
        /// What happened to the one that was tried.
        source: ProcessError,
    },
    /// A program that the author has to install is too old.
    #[error("a policy in {language} cannot be built here: {found}. {hint}")]
    OldTool {
        /// The policy's language.
        language: Language,
        /// What is there.
        found: String,
        /// What is needed, and how to get it.
        hint: &'static str,
    },
    /// The private tools for a language could not be set up.
    #[error("the tools that build policies in {language} could not be set up")]
    Tools {
        /// The policy's language.
        language: Language,
        /// What was in the way.
        source: RouteError,
    },
    /// A tool failed without a word about the policy.
    #[error("the policy could not be built: a tool for {language} failed")]
    Tool {
        /// The policy's language.
        language: Language,
        /// How it ended.
        source: ProcessError,
    },
    /// A file of the policy is not as it has to be.
    #[error("{}: {problem}", path.display())]
    Project {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A file or folder could not be made or read.
    #[error("could not {action} {}", path.display())]
    File {
        /// What was being done: "create", "read".
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The compiled module is no component and cannot be made one.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The caller gave up: see [`super::Progress::cancelled`].
    #[error("interrupted")]
    Cancelled,
}

impl From<ToolchainError> for BuildError {
    fn from(error: ToolchainError) -> Self {
        match error {
            ToolchainError::Cancelled => Self::Cancelled,
            other => Self::Toolchain(other),
        }
    }
}

/// Why no compiler for guests could be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolchainError {
    /// `BERTH_GUEST_TOOLCHAIN` holds something else than a route.
    #[error("BERTH_GUEST_TOOLCHAIN is `{value}`; it may be `active`, `rustup` or `debian`")]
    UnknownRoute {
        /// What it holds.
        value: String,
    },
    /// Every route that was allowed was tried, and none led anywhere.
    #[error("{}", no_route(attempts))]
    NoRoute {
        /// What was tried, in order.
        attempts: Vec<Attempt>,
    },
    /// The caller gave up: see [`super::Progress::cancelled`].
    #[error("interrupted")]
    Cancelled,
}

/// A route to a compiler that led nowhere.
#[derive(Debug)]
pub struct Attempt {
    /// Which one.
    pub route: Route,
    /// Why it led nowhere.
    pub why: RouteError,
}

/// Why one route to a compiler led nowhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// A program the route needs is missing, failed or hung.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A registry gave no packages.
    #[error("could not fetch from {registry}, which is asked once; where it is not reached, `{mirror}` names a mirror")]
    Fetch {
        /// Its name.
        registry: &'static str,
        /// The command that has its packages taken from elsewhere.
        mirror: &'static str,
        /// What became of its client.
        source: ProcessError,
    },
    /// Python is there without what fetches its packages.
    #[error("python3 has no pip: https://pip.pypa.io, or on Debian `apt-get install python3-pip`")]
    NoPip,
    /// The compiler has no standard library for guests.
    #[error("{version} has no standard library for {TARGET}")]
    NoStandardLibrary {
        /// The compiler's name and version.
        version: String,
    },
    /// The packages that apt knows of hold no Rust compiler together with its source.
    #[error("apt knows of no package `rustc-web` or `rustc` with the library's source{}", detail(update))]
    NoPackage {
        /// What `apt-get update` complained of; empty if nothing.
        update: String,
    },
    /// The packaged compiler is older than what guests need.
    #[error("the newest packaged compiler is Rust {found}, and Rust {needed} or later is needed")]
    TooOld {
        /// Its version.
        found: String,
        /// The oldest one that would do.
        needed: String,
    },
    /// The unpacked packages lack a file that is needed.
    #[error("the packages {packages} hold no {what}")]
    Incomplete {
        /// The packages' names.
        packages: String,
        /// What was looked for.
        what: String,
    },
    /// There is no place for the private toolchain.
    #[error("no cache folder to put a toolchain in: HOME, XDG_CACHE_HOME and BERTH_CACHE_DIR are unset")]
    NoCacheFolder,
    /// Another process has been setting up the same toolchain for too long.
    #[error("another process holds {} and did not let go in time", path.display())]
    Locked {
        /// The file that is locked while a toolchain is set up.
        path: PathBuf,
    },
    /// A file or folder of the private toolchain could not be made or read.
    #[error("could not {action} {}", path.display())]
    File {
        /// What was being done: "create", "read".
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn detail(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(":\n{text}") }
}

fn no_route(attempts: &[Attempt]) -> String {
    let mut text = format!("found no Rust compiler for {TARGET}, which a policy is compiled to. Tried:\n");
    for attempt in attempts {
        let why = Chain(&attempt.why).to_string().replace('\n', "\n      ");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  - {}: {why}", attempt.route);
    }
    text.push_str("Any one of these helps:\n");
    let _ = writeln!(text, "  - with rustup (https://rustup.rs), in the policy's folder: rustup target add {TARGET}");
    text.push_str("  - on Debian: access to its package archive, with `apt-get` and `dpkg` installed\n");
    let _ = write!(text, "  - any other system: its package of Rust's standard library for {TARGET}");
    text
}

/// Shows an error with all its sources.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(formatter, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
