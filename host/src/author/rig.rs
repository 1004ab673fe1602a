//! The engine, the compiler and the verification of the server, for one policy.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;

use crate::{
    catalogue::{Release, source::PolicyFiles},
    contract::{Digest, Failure, Limits},
    engine::{CODE_KEY, Compiler, Engine, Program},
    reload::verify::{Plan, validate_settings},
    toolchain::{Environment, bound},
};

/// Bytes of compiled code that are kept from one run to the next: some dozens of components in Python, hundreds of others.
/// What was of no use for longest goes first.
const MOST_CODE: u64 = 1 << 30;

/// What policies are tried in: as the server has it, with the same limits.
pub struct Rig {
    compiler: Compiler,
    limits: Limits,
    /// Removed with the rig, where the environment names no place for what can be made again.
    _folder: Option<tempfile::TempDir>,
}

impl Rig {
    /// A rig with a server's limits. Compiled code is kept in Berth's cache folder.
    ///
    /// # Errors
    ///
    /// If the engine cannot be set up, or the folder cannot be written.
    pub fn new(limits: Limits) -> anyhow::Result<Self> {
        let engine = Engine::new(&limits)?;
        Self::of(engine, limits)
    }

    /// A rig whose engine counts fuel: see [`Engine::metered`]. Its decisions are slower and otherwise the same.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn metered(limits: Limits) -> anyhow::Result<Self> {
        let engine = Engine::metered(&limits)?;
        Self::of(engine, limits)
    }

    fn of(engine: Engine, limits: Limits) -> anyhow::Result<Self> {
        let (folder, cache) = match cache() {
            Some(cache) => {
                let code = cache.join("code");
                bound(&code, MOST_CODE, CODE_KEY);
                (None, code)
            }
            None => {
                let folder = tempfile::tempdir().context("failed to make a folder for compiled code")?;
                let path = folder.path().to_owned();
                (Some(folder), path)
            }
        };
        Ok(Self { compiler: Compiler::new(engine, &cache)?, limits, _folder: folder })
    }

    /// How deep JSON may be that comes in.
    #[must_use]
    pub fn json_depth(&self) -> usize {
        self.limits.json_depth
    }

    /// The release that a server would make of these files, with settings that the policy accepts. Its checks have not run.
    ///
    /// # Errors
    ///
    /// The stage that the server would refuse the files at, and why.
    pub async fn release(&self, files: &PolicyFiles) -> Result<Release, Failure> {
        let plan = Plan::of(files, self.limits)?;
        let version = Digest::of(&files.component);
        let program = self.program(&version, &files.component).await?;
        let release = plan.release(version, program);
        let limits = release.limits;
        let patient = release.patient();
        validate_settings(&patient).await?;
        Ok(Release { limits, ..patient })
    }

    /// What is wrong with a component by itself, if anything is.
    ///
    /// # Errors
    ///
    /// The stage that the server would refuse the component at, and why.
    pub async fn judge(&self, component: &[u8]) -> Result<(), Failure> {
        self.program(&Digest::of(component), component).await.map(drop::<Arc<_>>)
    }

    async fn program(&self, version: &Digest, component: &[u8]) -> Result<Arc<Program>, Failure> {
        match self.compiler.cached(version) {
            Some(program) => Ok(program),
            None => self.compiler.program(version, component).await,
        }
    }
}

/// Where Berth keeps what it can make again, if the environment says where such things go.
pub(super) fn cache() -> Option<PathBuf> {
    Environment::default().cache_dir()
}
