//! Decides whether the files of a policy may serve, stage by stage, and makes the release of them.

use std::{fmt, sync::Arc};

use super::programs::Programs;
use crate::{
    catalogue::{PolicyManifest, Release, parse_table, source::PolicyFiles},
    contract::{Digest, Limits},
    decide::Check,
    engine::{Engine, Program, Surroundings},
};

/// Why a policy's files may not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where it failed.
    pub stage: Stage,
    /// Why, for the policy's owner.
    pub reason: String,
}

impl Failure {
    /// A failure at this stage.
    #[must_use]
    pub fn new(stage: Stage, reason: impl fmt::Display) -> Self {
        Self { stage, reason: reason.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage.as_str(), self.reason)
    }
}

/// The stages of verification, in order. Nothing serves before it has passed them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The files can be read and are within their sizes.
    Read,
    /// `policy.toml` is understood.
    Manifest,
    /// The tables are tables.
    Tables,
    /// The component compiles and is a policy.
    Component,
    /// The policy accepts its settings.
    Settings,
    /// Every check gives the decision it expects.
    Checks,
}

impl Stage {
    /// The stable word for this stage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Manifest => "manifest",
            Self::Tables => "tables",
            Self::Component => "component",
            Self::Settings => "settings",
            Self::Checks => "checks",
        }
    }
}

/// Makes releases of files.
pub(super) struct Verifier {
    engine: Engine,
    limits: Limits,
    programs: Programs,
}

impl Verifier {
    pub(super) fn new(engine: Engine, limits: Limits, programs: Programs) -> Self {
        Self { engine, limits, programs }
    }

    /// The server's limits, within which tenants and policies set theirs.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Verifies files and makes a release of them.
    pub(super) async fn verify(&mut self, files: PolicyFiles, limits: Limits) -> Result<Release, Failure> {
        let PolicyFiles { component, manifest, checks, tables } = files;
        let at = |stage, file: &str, error: &dyn fmt::Display| Failure::new(stage, format!("{file}: {error}"));
        let manifest = PolicyManifest::parse(&manifest).map_err(|error| at(Stage::Manifest, "policy.toml", &error))?;
        let settings = manifest.settings_json().map_err(|error| at(Stage::Manifest, "policy.toml", &error))?;
        let mut surroundings = Surroundings { settings, ..Surroundings::default() };
        for (file, bytes) in tables {
            let table = parse_table(&file, &bytes).map_err(|error| at(Stage::Tables, &file, &error))?;
            let name = file.rsplit_once('.').map_or(file.as_str(), |(name, _)| name).to_owned();
            if surroundings.tables.insert(name, table).is_some() {
                return Err(at(Stage::Tables, &file, &"there is a .csv and a .json of this name"));
            }
        }
        let (version, program) = self.program(component).await?;
        let release =
            Release { version, program, surroundings: Arc::new(surroundings), limits: manifest.limits.within(limits) };
        validate_settings(&release).await?;
        for (file, text) in checks {
            let check = Check::parse(&text).map_err(|error| at(Stage::Checks, &file, &error))?;
            match check.run(&release).await {
                Ok(None) => {}
                Ok(Some(mismatch)) => return Err(at(Stage::Checks, &file, &mismatch)),
                Err(error) => return Err(at(Stage::Checks, &file, &error)),
            }
        }
        Ok(release)
    }

    async fn program(&mut self, component: Vec<u8>) -> Result<(Digest, Arc<Program>), Failure> {
        let version = Digest::of(&component);
        if let Some(program) = self.programs.get(&version) {
            return Ok((version, program));
        }
        let engine = self.engine.clone();
        let compiled = tokio::task::spawn_blocking(move || engine.compile(&component)).await;
        let program = compiled
            .map_err(|error| Failure::new(Stage::Component, error))?
            .map_err(|rejection| Failure::new(Stage::Component, rejection))?;
        let program = Arc::new(program);
        self.programs.insert(version, &program);
        Ok((version, program))
    }
}

async fn validate_settings(release: &Release) -> Result<(), Failure> {
    let Some(run) = release.program.validate_settings(&release.surroundings, &release.limits).await else {
        return Ok(());
    };
    match run.result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(complaint)) => {
            Err(Failure::new(Stage::Settings, format!("the policy refuses its settings: {complaint}")))
        }
        Err(fault) => Err(Failure::new(Stage::Settings, format!("the policy failed to judge its settings: {fault}"))),
    }
}
