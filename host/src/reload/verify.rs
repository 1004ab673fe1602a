//! Decides whether the files of a policy may serve, stage by stage, and makes the release of them.

use std::{fmt, sync::Arc};

use tracing::error;

use super::{programs::Programs, turns::Turns};
use crate::{
    catalogue::{Breaker, Counts, MAX_TABLE_MEMORY, PolicyManifest, Release, parse_table, source::PolicyFiles},
    contract::{Digest, Failure, Fallback, Limits, Name, Stage},
    decide::{Check, Checked, Decided, Verdict, decide},
    engine::{Compiler, Program, Surroundings},
    wire::Body,
};

/// A plain request, as DPS sends it for a device of a group that registers for the first time without a payload.
const SMOKE: &str = include_str!("smoke.json");

/// Makes releases of files. Several policies are verified at the same time.
pub(super) struct Verifier {
    compiler: Arc<Compiler>,
    limits: Limits,
    programs: Programs,
    turns: Turns,
}

impl Verifier {
    pub(super) fn new(compiler: Arc<Compiler>, limits: Limits) -> Self {
        Self { compiler, limits, programs: Programs::default(), turns: Turns::new() }
    }

    /// The server's limits, within which tenants and policies set theirs.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Verifies a tenant's files and makes a release of them.
    pub(super) async fn verify(&self, tenant: &Name, files: &PolicyFiles, limits: Limits) -> Result<Release, Failure> {
        let plan = Plan::of(files, limits)?;
        let limits = plan.limits;
        let (version, program) = self.program(tenant, &files.component).await?;
        let release = plan.release(version, program).patient();
        let _turn = self.turns.running(tenant).await.map_err(|error| Failure::new(Stage::Settings, error))?;
        validate_settings(&release).await?;
        run_checks(&release, files, self.limits.json_depth).await?;
        smoke(&release).await?;
        Ok(Release { limits, ..release })
    }

    /// Removes the compiled code of these versions.
    pub(super) fn forget_code(&self, versions: &[Digest]) {
        versions.iter().for_each(|version| self.compiler.forget(version));
    }

    /// Removes the compiled code of all versions but those that are wanted.
    pub(super) fn sweep_code(&self, wanted: &dyn Fn(&Digest) -> bool) {
        self.compiler.sweep(wanted);
    }

    async fn program(&self, tenant: &Name, component: &[u8]) -> Result<(Digest, Arc<Program>), Failure> {
        let version = Digest::of(component);
        let make = async {
            // What was compiled before waits for no turn.
            if let Some(program) = self.cached(version).await {
                return Ok(program);
            }
            let _turn = self.turns.compiling(tenant).await.map_err(|error| Failure::new(Stage::Compile, error))?;
            self.compiler.program(&version, component).await
        };
        let program = self.programs.get_or_make(version, make).await?;
        Ok((version, program))
    }

    /// The program of what was compiled before. To read and load its code takes a millisecond or more, in which whoever
    /// waits for it can do something else: at a start that is a thousand times.
    async fn cached(&self, version: Digest) -> Option<Arc<Program>> {
        let compiler = self.compiler.clone();
        let loaded = tokio::task::spawn_blocking(move || compiler.cached(&version)).await;
        loaded.unwrap_or_else(|error| {
            error!(%version, %error, "compiled code could not be loaded; compiling again");
            None
        })
    }
}

/// A release but for its program: what the files beside a component say.
pub struct Plan {
    surroundings: Arc<Surroundings>,
    limits: Limits,
    ceiling: Limits,
    fallback: Fallback,
    breaker: Breaker,
}

impl Plan {
    /// Reads the files of a policy whose limits are within these.
    ///
    /// # Errors
    ///
    /// At the stages that come before the component's.
    pub fn of(files: &PolicyFiles, ceiling: Limits) -> Result<Self, Failure> {
        files.check_sizes().map_err(|error| Failure::new(error.stage(), error))?;
        let at = |error: &dyn fmt::Display| Failure::new(Stage::Manifest, format!("policy.toml: {error}"));
        let manifest = PolicyManifest::parse(&files.manifest).map_err(|error| at(&error))?;
        let settings = manifest.settings_json().map_err(|error| at(&error))?;
        Ok(Self {
            surroundings: Arc::new(surroundings(settings, files)?),
            limits: manifest.limits.within(ceiling),
            ceiling,
            fallback: manifest.fallback.answer(),
            breaker: manifest.fallback.breaker(),
        })
    }

    /// The release, nothing of which has run yet.
    #[must_use]
    pub fn release(self, version: Digest, program: Arc<Program>) -> Release {
        let Self { surroundings, limits, ceiling, fallback, breaker } = self;
        let counts = Counts::default();
        Release { version, program, surroundings, limits, ceiling, fallback, breaker, counts }
    }
}

fn surroundings(settings: String, files: &PolicyFiles) -> Result<Surroundings, Failure> {
    let mut surroundings = Surroundings { settings, ..Surroundings::default() };
    let mut memory = MAX_TABLE_MEMORY;
    for (file, bytes) in &files.tables {
        let at = |error: &dyn fmt::Display| Failure::new(Stage::Tables, format!("{file}: {error}"));
        let table = parse_table(file, bytes, &mut memory).map_err(|error| at(&error))?;
        let name = file.rsplit_once('.').map_or(file.as_str(), |(name, _)| name).to_owned();
        if surroundings.tables.insert(name, table).is_some() {
            return Err(at(&"there is a .csv and a .json of this name"));
        }
    }
    Ok(surroundings)
}

/// Has the policy judge its settings.
///
/// # Errors
///
/// If it refuses them, or fails.
pub async fn validate_settings(release: &Release) -> Result<(), Failure> {
    let Some(run) = release.program.validate_settings(&release.surroundings, &release.limits).await else {
        return Ok(());
    };
    let why = match run.result {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(complaint)) => format!("the policy refuses its settings: {complaint}"),
        Err(fault) => format!("the policy failed to judge its settings: {fault}"),
    };
    Err(Failure::new(Stage::Settings, why))
}

async fn run_checks(release: &Release, files: &PolicyFiles, json_depth: usize) -> Result<(), Failure> {
    for (file, text) in &files.checks {
        let at = |error: &dyn fmt::Display| Failure::new(Stage::Checks, format!("{file}: {error}"));
        let check = Check::parse(text).map_err(|error| at(&error))?;
        match check.run(release, json_depth).await {
            Ok(Checked { mismatch: None, .. }) => {}
            Ok(Checked { mismatch: Some(mismatch), .. }) => return Err(at(&mismatch)),
            Err(error) => return Err(at(&error)),
        }
    }
    Ok(())
}

/// One decision that any policy has to be able to make within its limits. It may well refuse, or choose a hub that this
/// request does not have: what counts is that it ends.
///
/// # Errors
///
/// If it went over a limit.
pub async fn smoke(release: &Release) -> Result<(), Failure> {
    match plain_decision(release).await?.verdict {
        Verdict::Faulted(fault) if fault.kind.is_overuse() => {
            let why = format_args!("a plain decision went over its limits: {fault}");
            Err(Failure::new(Stage::Smoke, why))
        }
        _ => Ok(()),
    }
}

/// The decision about a plain request.
///
/// # Errors
///
/// None but a mistake of Berth's own.
pub async fn plain_decision(release: &Release) -> Result<Decided, Failure> {
    let body = Body::parse(SMOKE.as_bytes(), usize::MAX).map_err(|error| Failure::new(Stage::Smoke, error))?;
    Ok(decide(release, &body.request()).await)
}
