//! What the commands that try a policy have in common.

use std::path::PathBuf;

use clap::Args;

use crate::{
    author::{Place, Replaced, Rig, Subject},
    config::Config,
    contract::Limits,
    toolchain::Terminal,
};

/// The policy, and the server it is tried as if by.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// A component, or a policy's folder: source, which is built first, or as a catalogue has it
    #[arg(default_value = ".")]
    pub(super) policy: PathBuf,
    /// The server's configuration, whose limits hold in place of the defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print a JSON object instead of text
    #[arg(long)]
    pub(super) json: bool,
}

/// What stands in for the policy's own.
#[derive(Debug, Args)]
pub(super) struct ReplacedArgs {
    /// Settings in place of the policy's: a JSON object, or a TOML table
    #[arg(long, value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,
    /// A folder of tables in place of the policy's
    #[arg(long, value_name = "DIR")]
    pub(super) tables: Option<PathBuf>,
}

impl PolicyArgs {
    pub(super) fn place(&self) -> anyhow::Result<Place> {
        Place::find(&self.policy)
    }

    /// The limits of the server that is meant.
    pub(super) fn limits(&self) -> anyhow::Result<Limits> {
        Ok(match &self.config {
            Some(path) => Config::read(path)?.limits(),
            None => Config::default().limits(),
        })
    }

    pub(super) fn rig(&self) -> anyhow::Result<Rig> {
        Rig::new(self.limits()?)
    }

    /// The policy as it is, built if it is source.
    pub(super) fn subject(&self) -> anyhow::Result<Subject> {
        self.place()?.subject(&Replaced::default(), &Terminal::new(super::interrupted()))
    }
}

impl ReplacedArgs {
    pub(super) fn replaced(&self) -> Replaced {
        Replaced { settings: self.settings.clone(), tables: self.tables.clone() }
    }
}

/// Runs what needs one thread: decisions are made where they are asked for, so that their processor time can be told.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    use anyhow::Context as _;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("failed to start the runtime")?.block_on(work)
}

/// Reads a body from a file, or from standard input if it is `-`.
pub(super) fn read_body(path: &std::path::Path) -> anyhow::Result<String> {
    use anyhow::Context as _;
    if path.as_os_str() == "-" {
        return std::io::read_to_string(std::io::stdin()).context("failed to read the body from standard input");
    }
    std::fs::read_to_string(path).with_context(|| format!("failed to read the body in {}", path.display()))
}
