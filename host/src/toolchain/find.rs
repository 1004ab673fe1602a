//! Finds a compiler for guests: which routes there are, and in what order they are tried.
//!
//! What the third route does in detail is in `debian.rs`.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::TARGET;
use super::debian;
use super::environment::Environment;
use super::error::{Attempt, RouteError, ToolchainError};
use super::process::{Invocation, ProcessError};
use super::progress::{Event, Progress};

/// Where a compiler for guests comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// The toolchain that applies in the policy's folder has all that is needed.
    Active,
    /// Rustup adds the target to that toolchain.
    Rustup,
    /// A private toolchain made of Debian's packages.
    Debian,
}

impl Route {
    /// All routes, in the order they are tried.
    pub const ALL: [Self; 3] = [Self::Active, Self::Rustup, Self::Debian];

    /// Its name in `BERTH_GUEST_TOOLCHAIN`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Rustup => "rustup",
            Self::Debian => "debian",
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How long each thing that may hang is given before it is killed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A program that only answers a question: 30 s.
    pub probe: Duration,
    /// `rustup target add`: 2 minutes.
    pub rustup: Duration,
    /// One run of `apt-get`, and the wait for another process that sets up the same toolchain: 15 minutes. Within it,
    /// apt gives up by itself on a server that is silent for 30 s.
    pub apt: Duration,
    /// One run of cargo: 30 minutes.
    pub cargo: Duration,
    /// Fetching the tools of another language, and the wait for another process that does: 15 minutes.
    pub fetch: Duration,
    /// One run of a tool of another language: 10 minutes.
    pub tool: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            probe: Duration::from_secs(30),
            rustup: Duration::from_mins(2),
            apt: Duration::from_mins(15),
            cargo: Duration::from_mins(30),
            fetch: Duration::from_mins(15),
            tool: Duration::from_mins(10),
        }
    }
}

/// How a compiler is looked for.
#[derive(Clone, Debug, Default)]
pub struct ToolchainOptions {
    /// The one route to take. `None` leaves it to `BERTH_GUEST_TOOLCHAIN`, and without that all are tried.
    pub route: Option<Route>,
    /// Where private toolchains are kept. `None` leaves it to the environment: see the module.
    pub cache_dir: Option<PathBuf>,
    /// Time-outs.
    pub limits: Limits,
    /// Environment of the programs that are run, and where the variables above are looked up.
    pub environment: Environment,
}

impl ToolchainOptions {
    fn routes(&self) -> Result<Vec<Route>, ToolchainError> {
        if let Some(route) = self.route {
            return Ok(vec![route]);
        }
        let Some(name) = self.environment.get("BERTH_GUEST_TOOLCHAIN") else {
            return Ok(Route::ALL.to_vec());
        };
        let route = Route::ALL.into_iter().find(|route| name == route.name());
        let unknown = || ToolchainError::UnknownRoute { value: name.to_string_lossy().into_owned() };
        route.map(|route| vec![route]).ok_or_else(unknown)
    }

    pub(super) fn cache_dir(&self) -> Option<PathBuf> {
        self.cache_dir.clone().or_else(|| self.environment.cache_dir())
    }
}

/// A compiler that makes guests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    pub(super) route: Route,
    pub(super) version: CompilerVersion,
    pub(super) sysroot: PathBuf,
    /// The compiler, where it is not the one cargo would take by itself.
    pub(super) rustc: Option<PathBuf>,
    /// The linker for guests, where it is not the one the compiler would take by itself.
    pub(super) linker: Option<PathBuf>,
}

impl Toolchain {
    /// Finds a compiler for the guest in `folder`, by the first route that works. May download and compile.
    ///
    /// # Errors
    /// What was tried, why each failed, and what to install.
    pub fn find(folder: &Path, options: &ToolchainOptions, progress: &dyn Progress) -> Result<Self, ToolchainError> {
        let mut attempts = Vec::new();
        for route in options.routes()? {
            let found = match route {
                Route::Active => active(folder, options, progress),
                Route::Rustup => rustup(folder, options, progress),
                Route::Debian => debian::find(options, progress),
            };
            match found {
                Ok(toolchain) => return Ok(toolchain),
                Err(RouteError::Process(ProcessError::Cancelled)) => {
                    return Err(ToolchainError::Cancelled);
                }
                Err(why) => {
                    tracing::debug!(%route, why = %why, "no guest toolchain by this route");
                    attempts.push(Attempt { route, why });
                }
            }
        }
        Err(ToolchainError::NoRoute { attempts })
    }

    /// The route by which it was found.
    #[must_use]
    pub fn route(&self) -> Route {
        self.route
    }

    /// The compiler's name and version: `rustc 1.95.0 (…)`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version.line
    }
}

/// What a compiler says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CompilerVersion {
    /// `rustc 1.95.0 (…)`
    pub(super) line: String,
    /// The path that stands for its source in messages: `/rustc/HASH`.
    pub(super) source: String,
}

impl CompilerVersion {
    fn parse(verbose: &str) -> Self {
        let field = |name: &str| verbose.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let release = field("release:").unwrap_or("unknown");
        let hash = field("commit-hash:").filter(|hash| *hash != "unknown").unwrap_or(release);
        Self { line: verbose.lines().next().unwrap_or_default().to_owned(), source: format!("/rustc/{hash}") }
    }
}

/// Asks a compiler about itself.
pub(super) struct Compiler<'a> {
    pub(super) rustc: OsString,
    /// Where it runs, as a toolchain file there may choose another one.
    pub(super) folder: &'a Path,
    pub(super) environment: Environment,
    pub(super) limit: Duration,
}

impl Compiler<'_> {
    pub(super) fn version(&self, progress: &dyn Progress) -> Result<CompilerVersion, ProcessError> {
        Ok(CompilerVersion::parse(&self.ask(&["--version", "--verbose"], progress)?))
    }

    pub(super) fn sysroot(&self, progress: &dyn Progress) -> Result<PathBuf, ProcessError> {
        Ok(PathBuf::from(self.ask(&["--print", "sysroot"], progress)?.trim_end()))
    }

    /// Whether its standard library for guests is there.
    pub(super) fn has_library(&self, progress: &dyn Progress) -> Result<bool, ProcessError> {
        let folder = self.ask(&["--print", "target-libdir", "--target", TARGET], progress)?;
        Ok(holds_library(Path::new(folder.trim_end())))
    }

    fn ask(&self, arguments: &[&str], progress: &dyn Progress) -> Result<String, ProcessError> {
        let invocation = Invocation {
            program: self.rustc.clone(),
            arguments: arguments.iter().map(OsString::from).collect(),
            folder: self.folder.to_owned(),
            environment: self.environment.clone(),
            limit: self.limit,
        };
        invocation.capture(progress)
    }
}

/// Whether a folder holds both halves of the standard library.
fn holds_library(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    ["libcore-", "libstd-"].iter().all(|part| names.iter().any(|n| n.starts_with(part) && n.ends_with(".rlib")))
}

fn active(folder: &Path, options: &ToolchainOptions, progress: &dyn Progress) -> Result<Toolchain, RouteError> {
    let environment = options.environment.for_guest(folder);
    let rustc = environment.get("RUSTC").map_or_else(|| OsString::from("rustc"), OsString::from);
    let compiler = Compiler { rustc, folder, environment, limit: options.limits.probe };
    let version = compiler.version(progress)?;
    if !compiler.has_library(progress)? {
        return Err(RouteError::NoStandardLibrary { version: version.line });
    }
    let sysroot = compiler.sysroot(progress)?;
    Ok(Toolchain { route: Route::Active, version, sysroot, rustc: None, linker: None })
}

fn rustup(folder: &Path, options: &ToolchainOptions, progress: &dyn Progress) -> Result<Toolchain, RouteError> {
    let step = format!("Asking rustup for {TARGET} (up to {} s)", options.limits.rustup.as_secs());
    progress.report(Event::Step(&step));
    let invocation = Invocation {
        program: "rustup".into(),
        arguments: ["target", "add", TARGET].map(OsString::from).to_vec(),
        folder: folder.to_owned(),
        environment: options.environment.for_guest(folder),
        limit: options.limits.rustup,
    };
    invocation.capture(progress)?;
    // Rustup may serve another toolchain than the compiler on the PATH belongs to, so what counts is a second look.
    Ok(Toolchain { route: Route::Rustup, ..active(folder, options, progress)? })
}

#[cfg(test)]
mod tests;
