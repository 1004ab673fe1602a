//! What the builders of the languages other than Rust share: the policy's folder, running tools, and where private tools
//! lie.
//!
//! These languages build in a scratch folder, never in the policy's own: what is left in that is the component alone.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::BuildOptions;
use super::error::{BuildError, RouteError};
use super::language::Language;
use super::process::{Invocation, ProcessError};
use super::progress::{Event, Progress};
use super::sdk;
use super::shelf::Shelf;

/// The contract, which every component carries a description of.
pub(super) const CONTRACT: &str = include_str!("../../../wit/allocation.wit");

/// One build of one policy.
pub(super) struct Job<'a> {
    pub(super) language: Language,
    /// The policy's folder, resolved.
    pub(super) folder: PathBuf,
    pub(super) options: &'a BuildOptions,
    pub(super) progress: &'a dyn Progress,
}

/// Where packages come from.
pub(super) struct Registry {
    pub(super) name: &'static str,
    /// The command that has them taken from elsewhere.
    pub(super) mirror: &'static str,
}

/// What a builder makes.
pub(super) struct Made {
    pub(super) package: String,
    pub(super) component: Vec<u8>,
    /// The tools that made it, for people.
    pub(super) tools: String,
}

impl Job<'_> {
    pub(super) fn step(&self, step: &str) {
        self.progress.report(Event::Step(step));
    }

    /// A scratch folder, which ends with the value.
    pub(super) fn scratch(&self) -> Result<tempfile::TempDir, BuildError> {
        tempfile::Builder::new().prefix("berth-build-").tempdir().map_err(|source| BuildError::File {
            action: "create a folder in",
            path: std::env::temp_dir(),
            source,
        })
    }

    /// Runs a tool and returns what it prints.
    pub(super) fn run<A: Into<OsString>>(
        &self,
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> Result<String, ProcessError> {
        self.run_with(program, arguments, folder, &[])
    }

    /// Runs a tool with these variables set.
    pub(super) fn run_with<A: Into<OsString>>(
        &self,
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
        variables: &[(&str, &Path)],
    ) -> Result<String, ProcessError> {
        self.invocation(program, arguments, folder, variables, self.options.toolchain.limits.tool)
            .capture(self.progress)
    }

    fn invocation<A: Into<OsString>>(
        &self,
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
        variables: &[(&str, &Path)],
        limit: Duration,
    ) -> Invocation {
        let environment = self.options.toolchain.environment.clone();
        Invocation {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            folder: folder.to_owned(),
            environment: variables.iter().fold(environment, |all, (name, value)| all.with(name, *value)),
            limit,
        }
    }

    /// Asks a tool for its version. `hint` says which one is needed and how to get it.
    pub(super) fn version(&self, tool: &str, arguments: &[&str], hint: &'static str) -> Result<String, BuildError> {
        let limit = self.options.toolchain.limits.probe;
        let asked = self.invocation(tool, arguments, &self.folder, &[], limit).capture(self.progress);
        match asked {
            Ok(version) => Ok(version.trim().to_owned()),
            Err(ProcessError::Cancelled) => Err(BuildError::Cancelled),
            Err(source) => Err(BuildError::MissingTool { language: self.language, hint, source }),
        }
    }

    /// The private folder with tools that `recipe` describes, filled by `fill` if it is not there. Another recipe has
    /// another folder, so a newer Berth does not find the tools of an older one.
    pub(super) fn tools(
        &self,
        recipe: &[&str],
        fill: impl FnOnce(&Path) -> Result<(), RouteError>,
    ) -> Result<PathBuf, BuildError> {
        let digest = hex::encode(Sha256::digest(recipe.join("\0")));
        let name = digest.get(..16).unwrap_or(&digest);
        let kind = self.language.to_string().to_lowercase();
        let cache = self.options.toolchain.cache_dir().ok_or(RouteError::NoCacheFolder);
        let filled = cache.and_then(|cache| {
            Shelf::new(cache.join(kind), self.options.toolchain.limits.fetch).folder(name, self.progress, fill)
        });
        filled.map_err(|source| match source {
            RouteError::Process(ProcessError::Cancelled) => BuildError::Cancelled,
            source => BuildError::Tools { language: self.language, source },
        })
    }

    /// Writes an SDK of this program into a folder.
    pub(super) fn lay_out(&self, sdk: sdk::Files, folder: &Path) -> Result<(), BuildError> {
        sdk::lay_out(sdk, folder).map_err(|source| BuildError::Tools { language: self.language, source })
    }

    /// Runs what fetches tools from a registry, which may take long.
    pub(super) fn fetch<A: Into<OsString>>(
        &self,
        registry: &Registry,
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> Result<(), RouteError> {
        let limit = self.options.toolchain.limits.fetch;
        let fetched = self.invocation(program, arguments, folder, &[], limit).capture(self.progress);
        fetched.map(drop).map_err(|source| match source {
            ProcessError::Failed { .. } | ProcessError::TimedOut { .. } => {
                RouteError::Fetch { registry: registry.name, mirror: registry.mirror, source }
            }
            other => RouteError::Process(other),
        })
    }

    /// The error of a tool that was run on the policy: what it wrote is what the author has to read.
    pub(super) fn compile_error(&self, error: ProcessError) -> BuildError {
        match error {
            ProcessError::Cancelled => BuildError::Cancelled,
            ProcessError::Failed { output, .. } if !output.trim().is_empty() => {
                BuildError::Compile { diagnostics: output }
            }
            source => BuildError::Tool { language: self.language, source },
        }
    }

    /// The error of a file of the policy that is not as it has to be.
    pub(super) fn project_error(&self, file: &str, problem: impl ToString) -> BuildError {
        BuildError::Project { path: self.folder.join(file), problem: problem.to_string() }
    }
}

pub(super) fn file_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BuildError {
    let path = path.to_owned();
    move |source| BuildError::File { action, path, source }
}

/// Writes a file, and the folders above it.
pub(super) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), BuildError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(file_error("create", parent))?;
    }
    fs::write(path, content).map_err(file_error("write", path))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(file_error("read", path))
}

/// Copies what is below a folder and passes `wanted`, which sees names of files and of folders. Links are followed.
pub(super) fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&str, bool) -> bool) -> Result<(), BuildError> {
    let entries = fs::read_dir(from).map_err(file_error("read", from))?;
    for entry in entries {
        let entry = entry.map_err(file_error("read", from))?.path();
        let Some(name) = entry.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        let is_folder = entry.is_dir();
        if !wanted(&name, is_folder) {
            continue;
        }
        if is_folder {
            copy(&entry, &to.join(name), wanted)?;
        } else {
            write(&to.join(name), read(&entry)?)?;
        }
    }
    Ok(())
}

/// Whether a folder of a policy may hold source: not what Berth reads, what tools leave there, or what is hidden.
pub(super) fn may_hold_source(folder: &str) -> bool {
    !folder.starts_with('.') && !["checks", "tables", "node_modules", "__pycache__", "target"].contains(&folder)
}
