//! Python: CPython takes the policy's modules in, with all they import, and the result is the component.
//!
//! The tool is componentize-py, in the version and with the digests of `python/requirements.txt`. What is staged for it is
//! the policy's modules and a module of ours that makes the component's exports of them.

use std::path::Path;

use super::error::BuildError;
use super::job::{self, CONTRACT, Job, Made};
use super::kept;
use super::pip;
use super::sdk;

const REQUIREMENTS: &str = include_str!("python/requirements.txt");

/// The module that makes the exports. Its name must not be that of the world.
const ENTRY: &str = "\
from berth_sdk import _system

_system.furnish()

import policy
from berth_sdk.component import world

WitWorld = world(policy)
";

/// Starts the tool: pip's own scripts bear the path they were installed under.
const START: &str = "import sys; from componentize_py import script; sys.exit(script())";

pub(super) fn build(job: &Job<'_>) -> Result<Made, BuildError> {
    let project = Project::read(job)?;
    if !job.folder.join("policy.py").is_file() {
        return Err(job.project_error("policy.py", "there is none: it is the module with the function `allocate`"));
    }
    let tools = pip::tools(job, REQUIREMENTS, "CPython for policies, 46 MB,")?;
    let stage = job.scratch()?;
    project.lay_out(job, stage.path())?;
    // The tools' folder is called after their versions and the interpreter's.
    let component = kept::component(job, stage.path(), &[&tools.to_string_lossy()], || {
        job.step("Compiling the policy with CPython (10 to 20 seconds)");
        let arguments =
            ["-d", "allocation.wit", "-w", "policy", "componentize", "--stub-wasi", "berth_entry", "-p", "app"];
        let arguments = ["-c", START].into_iter().chain(arguments).chain(["-o", "policy.wasm"]);
        // An environment without packages, in place of the machine's, which the tool would let policies import from.
        let bare = stage.path().join("bare");
        job::write(&bare.join("lib/site-packages/README"), "Nothing is installed here.\n")?;
        job.run_with(pip::PYTHON, arguments, stage.path(), &[("PYTHONPATH", &tools), ("VIRTUAL_ENV", &bare)])
            .map_err(|error| job.compile_error(error))?;
        job::read(&stage.path().join("policy.wasm"))
    })?;
    Ok(Made { package: project.name, component, tools: pip::pinned(REQUIREMENTS) })
}

/// What a policy's `pyproject.toml` says.
struct Project {
    name: String,
    /// Folders that modules are imported from, besides the policy's own.
    path: Vec<String>,
}

impl Project {
    fn read(job: &Job<'_>) -> Result<Self, BuildError> {
        let text = job::read(&job.folder.join("pyproject.toml"))?;
        let text = String::from_utf8_lossy(&text);
        let content: toml::Table =
            text.parse().map_err(|error: toml::de::Error| job.project_error("pyproject.toml", error))?;
        let name = content.get("project").and_then(|project| project.get("name")).and_then(toml::Value::as_str);
        let path = content.get("tool").and_then(|tool| tool.get("berth")).and_then(|berth| berth.get("path"));
        let path = path.and_then(toml::Value::as_array).into_iter().flatten();
        Ok(Self {
            name: name.unwrap_or("policy").to_owned(),
            path: path.filter_map(toml::Value::as_str).map(str::to_owned).collect(),
        })
    }

    fn lay_out(&self, job: &Job<'_>, stage: &Path) -> Result<(), BuildError> {
        job::write(&stage.join("allocation.wit"), CONTRACT)?;
        let app = stage.join("app");
        let is_source = |name: &str, is_folder: bool| {
            if is_folder {
                job::may_hold_source(name) && name != "tests"
            } else {
                !name.starts_with('.') && ![".wasm", ".toml", ".md"].iter().any(|end| name.ends_with(end))
            }
        };
        // What is copied later takes the place of what was copied before: the policy's own modules come last.
        for folder in &self.path {
            job::copy(&job.folder.join(folder), &app, &is_source)?;
        }
        job::copy(&job.folder, &app, &is_source)?;
        if !app.join("berth_sdk").is_dir() {
            job.lay_out(sdk::PYTHON, &app)?;
        }
        job::write(&app.join("berth_entry.py"), ENTRY)
    }
}
