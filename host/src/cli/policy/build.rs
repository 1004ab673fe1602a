//! `berth policy build`: a component from a policy's source.

use std::{
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::subject::block_on;
use crate::author::{Rig, warnings};
use crate::catalogue::source::PolicyFiles;
use crate::cli::output::say;
use crate::config::Config;
use crate::engine::CONTRACT;
use crate::toolchain::{self, BuildOptions, Built, Terminal};

#[derive(Debug, Args)]
pub(in crate::cli) struct Build {
    /// The policy's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where to put the component [default: policy.wasm in the policy's folder]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Insist on the folder's Cargo.lock as it is
    #[arg(long)]
    locked: bool,
    /// Print a JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    component: &'a Path,
    digest: &'a str,
    bytes: usize,
    imports: &'a [String],
    exports: &'a [String],
    toolchain: &'a str,
    reproducible: bool,
    warnings: &'a [String],
}

impl Build {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let options =
            BuildOptions { locked: self.locked, color: std::io::stderr().is_terminal(), ..BuildOptions::default() };
        let built = toolchain::build(&self.folder, &options, &Terminal::new(interrupted()))?;
        let output = self.output.clone().unwrap_or_else(|| self.folder.join("policy.wasm"));
        replace(&output, &built.component)?;
        let mut warnings = built.warnings();
        warnings.extend(trial(&self.folder, &built));
        if self.json {
            let report = Report {
                component: &output,
                digest: &built.summary.digest,
                bytes: built.summary.size,
                imports: &built.summary.imports,
                exports: &built.summary.exports,
                toolchain: &built.tools,
                reproducible: built.language.is_reproducible(),
                warnings: &warnings,
            };
            say!("{}", serde_json::to_string(&report)?);
        } else {
            print(&output, &built);
            for warning in warnings {
                say!("warning: {warning}");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What a server would refuse about the component, or be slow with.
///
/// Not of one that takes long to compile. Imports are warned of by the build itself.
fn trial(folder: &Path, built: &Built) -> Vec<String> {
    let warned_of = |import: &String| !import.starts_with(CONTRACT);
    if built.is_large() || built.summary.imports.iter().any(warned_of) {
        return Vec::new();
    }
    let tried = || -> anyhow::Result<Vec<String>> {
        let rig = Rig::new(Config::default().limits())?;
        let files = PolicyFiles::read_around(folder, built.component.clone())?;
        block_on(async { Ok(warnings(&rig, &files).await) })
    };
    // A machine that cannot have policies run can still build them.
    tried().unwrap_or_default()
}

fn print(output: &Path, built: &Built) {
    let summary = &built.summary;
    say!("{}", output.display());
    say!("  version    {}", summary.digest);
    say!("  size       {}", indicatif::HumanBytes(summary.size as u64));
    say!("  imports    {}", list(&summary.imports));
    say!("  exports    {}", list(&summary.exports));
    say!("  toolchain  {}", built.tools);
    if !built.language.is_reproducible() {
        say!(
            "  not reproducible: what is for {} gives another version when the same source is built again",
            built.language
        );
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// Puts a whole file in the place of another, so that a server that watches it never sees half of it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("failed to write {}", path.display());
    let mut file = tempfile::Builder::new().prefix(".berth-").tempfile_in(folder).with_context(failed)?;
    file.write_all(bytes).with_context(failed)?;
    // A temporary file is its owner's alone; a server may run as somebody else.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode).with_context(failed)?;
    file.persist(path).with_context(failed)?;
    Ok(())
}

/// A flag that an interrupt from the keyboard raises, so that a build's child processes are ended too.
pub(crate) fn interrupted() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = flag.clone();
    // Without a runtime or a signal the default holds: the interrupt ends this process.
    let wait = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(tokio::signal::ctrl_c()).ok()?;
        raised.store(true, Ordering::Relaxed);
        Some(())
    };
    std::thread::spawn(wait);
    flag
}
