//! Cargo's part: which crate is the policy, with which settings it is compiled, where the module is.
//!
//! The settings are Berth's and not the author's `[profile]`: small code, one unit with link-time optimisation, panics
//! that abort, function names kept for backtraces and nothing else for debuggers. What the author says for the target
//! in a `.cargo/config.toml` beside the policy still counts, since crates may depend on it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{CrateType, Metadata, MetadataCommand, PackageId};

use super::cargo_config::CargoConfig;
use super::environment::Environment;
use super::error::BuildError;
use super::find::Toolchain;
use super::messages::Messages;
use super::process::{Invocation, ProcessError};
use super::progress::{Event, Progress};
use super::remap;
use super::{BuildOptions, TARGET};

/// Name of the profile, and so of the folder in the target directory.
const PROFILE: &str = "berth";

/// Bytes of a guest's stack of addressable values. The usual 1 MiB is memory that every fresh instance would have to
/// be given; a policy has no deep recursion.
const STACK_SIZE: u32 = 65536;

/// The crate that is to become a component.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    id: PackageId,
    name: String,
    manifest: PathBuf,
    folder: PathBuf,
}

impl Policy {
    /// Finds the policy in a folder.
    pub(super) fn locate(source: &Path, options: &BuildOptions, progress: &dyn Progress) -> Result<Self, BuildError> {
        let no_manifest = || BuildError::NoManifest { folder: source.to_owned() };
        let folder = fs::canonicalize(source).map_err(|_| no_manifest())?;
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(no_manifest());
        }
        progress.report(Event::Step("Reading the policy's Cargo.toml"));
        let query = Query { folder: &folder, manifest: &manifest, options, toolchain: None };
        let metadata = query.metadata(&["--no-deps"], progress)?;
        let here = metadata.packages.iter().find(|package| package.manifest_path.as_std_path() == manifest);
        let candidates: Vec<_> = match here {
            Some(package) => vec![package],
            None => metadata.workspace_packages(),
        };
        let makes_cdylib = |package: &&&cargo_metadata::Package| {
            package.targets.iter().any(|target| target.crate_types.contains(&CrateType::CDyLib) && !target.is_example())
        };
        let policies: Vec<_> = candidates.iter().filter(makes_cdylib).collect();
        match policies.as_slice() {
            [] => Err(BuildError::NoCdylib { folder }),
            [policy] => {
                let manifest = policy.manifest_path.clone().into_std_path_buf();
                let folder = manifest.parent().map_or(folder, Path::to_owned);
                Ok(Self { id: policy.id.clone(), name: policy.name.to_string(), manifest, folder })
            }
            several => {
                let packages = several.iter().map(|package| package.name.to_string()).collect();
                Err(BuildError::SeveralCdylibs { folder, packages })
            }
        }
    }

    /// Name of the crate.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Folder of the crate.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Compiles it and returns the bytes of the core module.
    pub(super) fn compile(
        &self,
        toolchain: &Toolchain,
        options: &BuildOptions,
        progress: &dyn Progress,
    ) -> Result<Vec<u8>, BuildError> {
        let query = Query { folder: &self.folder, manifest: &self.manifest, options, toolchain: Some(toolchain) };
        progress.report(Event::Step("Fetching the crates the policy depends on"));
        let metadata = query.metadata(&["--filter-platform", TARGET], progress)?;
        let config = tempfile::NamedTempFile::with_suffix(".toml").map_err(BuildError::Settings)?;
        fs::write(config.path(), settings(toolchain, &metadata).to_string()).map_err(BuildError::Settings)?;
        progress.report(Event::Step(&format!("Compiling {} with {}", self.name, toolchain.version())));
        let invocation = query.compilation(config.path());
        let mut messages = Messages::new(&self.id, progress);
        let status = invocation.run(progress, &mut messages).map_err(cargo_error)?;
        if !status.success() && !messages.errors.is_empty() {
            return Err(BuildError::Compile { diagnostics: messages.errors });
        }
        invocation.check(status, &messages.stderr).map_err(cargo_error)?;
        let path = messages.artifact.ok_or_else(|| BuildError::NoArtifact { package: self.name.clone() })?;
        fs::read(&path).map_err(|source| BuildError::ReadArtifact { path, source })
    }
}

fn cargo_error(error: ProcessError) -> BuildError {
    match error {
        ProcessError::Cancelled => BuildError::Cancelled,
        ProcessError::Missing { program } if program == "cargo" => BuildError::CargoMissing,
        other => BuildError::Cargo(other),
    }
}

/// Berth's settings for a compilation.
fn settings(toolchain: &Toolchain, metadata: &Metadata) -> CargoConfig {
    let mut config = CargoConfig::default();
    let mut profile = |name: &str, value: toml::Value| config.set(&["profile", PROFILE, name], value);
    profile("inherits", "release".into());
    profile("opt-level", "s".into());
    profile("lto", true.into());
    profile("codegen-units", 1.into());
    profile("panic", "abort".into());
    profile("strip", "debuginfo".into());
    profile("debug", "none".into());
    profile("debug-assertions", false.into());
    profile("overflow-checks", false.into());
    profile("incremental", false.into());
    let mut flags = vec![format!("-Clink-arg=-zstack-size={STACK_SIZE}")];
    flags.extend(remap::flags(toolchain, metadata));
    config.set(&["target", TARGET, "rustflags"], flags);
    if let Some(linker) = &toolchain.linker {
        config.set(&["target", TARGET, "linker"], linker.display().to_string());
    }
    config
}

/// Runs cargo on one manifest.
struct Query<'a> {
    folder: &'a Path,
    manifest: &'a Path,
    options: &'a BuildOptions,
    toolchain: Option<&'a Toolchain>,
}

impl Query<'_> {
    fn metadata(&self, arguments: &[&str], progress: &dyn Progress) -> Result<Metadata, BuildError> {
        let mut invocation = self.invocation("metadata");
        invocation.arguments.extend(["--format-version", "1"].iter().chain(arguments).map(OsString::from));
        let folder = || self.folder.to_owned();
        let output = invocation.capture(progress).map_err(|error| match cargo_error(error) {
            BuildError::Cargo(source) => BuildError::Metadata { folder: folder(), source },
            other => other,
        })?;
        MetadataCommand::parse(output).map_err(|source| BuildError::Description { folder: folder(), source })
    }

    fn compilation(&self, config: &Path) -> Invocation {
        let format = if self.options.color { "json-diagnostic-rendered-ansi" } else { "json" };
        let mut invocation = self.invocation("rustc");
        // Given here, the one crate type is the only one: with an `rlib` beside it cargo would leave out link-time
        // optimisation, and many policies have one for the sake of their tests.
        let arguments = ["--lib", "--crate-type", "cdylib", "--target", TARGET, "--profile", PROFILE];
        invocation.arguments.extend(arguments.iter().map(OsString::from));
        invocation.arguments.extend(["--message-format".into(), format.into(), "--config".into(), config.into()]);
        if let Some(target_dir) = &self.options.target_dir {
            invocation.arguments.extend(["--target-dir".into(), target_dir.into()]);
        }
        invocation
    }

    fn invocation(&self, command: &str) -> Invocation {
        let mut arguments: Vec<OsString> = vec![command.into(), "--color".into(), "never".into()];
        arguments.extend(["--manifest-path".into(), self.manifest.into()]);
        if self.options.locked {
            arguments.push("--locked".into());
        }
        for feature in &self.options.features {
            arguments.extend(["--features".into(), feature.into()]);
        }
        Invocation {
            program: "cargo".into(),
            arguments,
            folder: self.folder.to_owned(),
            environment: self.environment(),
            limit: self.options.toolchain.limits.cargo,
        }
    }

    fn environment(&self) -> Environment {
        let environment = self.options.toolchain.environment.for_guest(self.folder);
        match self.toolchain.and_then(|toolchain| toolchain.rustc.as_ref()) {
            Some(rustc) => environment.with("RUSTC", rustc),
            None => environment,
        }
    }
}
