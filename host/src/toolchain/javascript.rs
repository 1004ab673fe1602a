//! JavaScript and TypeScript: QuickJS takes the policy's modules in, without a bundler, so that what a fault tells of
//! files and lines is true of the source.
//!
//! The tools are npm packages in the versions of `javascript/package-lock.json`, in a private folder. What is staged for
//! them is the policy's modules, the packages it depends on, and a module of ours that exports what the contract wants.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::BuildError;
use super::job::{self, CONTRACT, Job, Made, Registry};
use super::kept;
use super::sdk;

const PACKAGE: &str = include_str!("javascript/package.json");
const LOCK: &str = include_str!("javascript/package-lock.json");
const BUILD: &str = include_str!("javascript/build.mjs");

/// The oldest Node that the tools run on.
const OLDEST_NODE: u32 = 20;

const NODE_HINT: &str =
    "Node 20 or later with npm is needed: https://nodejs.org, or on Debian `apt-get install nodejs npm`";

const NPM: Registry = Registry { name: "npm", mirror: "npm config set registry URL" };

/// The name by which policies import the SDK.
const SDK: &str = "berth-sdk";

/// Modules that are looked for if `package.json` names no `main`.
const MAINS: [&str; 4] = ["policy.js", "policy.ts", "src/policy.js", "src/policy.ts"];

/// A `package.json`.
struct Package {
    folder: PathBuf,
    content: Value,
}

pub(super) fn build(job: &Job<'_>) -> Result<Made, BuildError> {
    let package = Package::read(job, &job.folder)?;
    let main = package.main(job)?;
    let node = job.version("node", &["--version"], NODE_HINT)?;
    let major = node.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u32| major < OLDEST_NODE) {
        let found = format!("Node is {node}");
        return Err(BuildError::OldTool { language: job.language, found, hint: NODE_HINT });
    }
    let tools = tools(job)?;
    let stage = job.scratch()?;
    lay_out(job, &package, &main, stage.path())?;
    let component = kept::component(job, stage.path(), &[LOCK, BUILD, &node], || {
        job.step("Compiling the policy with QuickJS");
        job.run("node", [tools.join("build.mjs").as_path(), stage.path()], &tools)
            .map_err(|error| job.compile_error(error))?;
        job::read(&stage.path().join("policy.wasm"))
    })?;
    let tools = format!("componentize-qjs {} on Node {node}", pinned("componentize-qjs"));
    Ok(Made { package: package.name(), component, tools })
}

/// The version of a tool, which is written down once.
fn pinned(tool: &str) -> String {
    let package: Value = serde_json::from_str(PACKAGE).unwrap_or_default();
    package.pointer(&format!("/dependencies/{tool}")).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn tools(job: &Job<'_>) -> Result<PathBuf, BuildError> {
    job.version("npm", &["--version"], NODE_HINT)?;
    job.tools(&[LOCK, BUILD], |folder| {
        job.step("Fetching QuickJS for policies from npm (once, 45 MB)");
        let files = [("package.json", PACKAGE), ("package-lock.json", LOCK), ("build.mjs", BUILD)];
        sdk::lay_out(&files, folder)?;
        // Nothing that a package brings is run while it is installed.
        job.fetch(&NPM, "npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"], folder)
    })
}

/// Lays out what the tools are to take in.
fn lay_out(job: &Job<'_>, package: &Package, main: &str, stage: &Path) -> Result<(), BuildError> {
    job::write(&stage.join("allocation.wit"), CONTRACT)?;
    job::write(&stage.join("berth.js"), entry(main))?;
    // Tests may be written in what the tools do not take, and are not theirs to read.
    let is_test = |name: &str| name.contains(".test.") || name.contains(".spec.");
    // Nor is what tools write, or read for themselves.
    let is_tools = |name: &str| ["package-lock.json", "tsconfig.json", "jsconfig.json"].contains(&name);
    let compiled = if job.folder.join("tsconfig.json").is_file() { "build" } else { "coverage" };
    let is_source = |name: &str, is_folder: bool| {
        if is_folder {
            job::may_hold_source(name) && !["test", "tests", "coverage", compiled].contains(&name)
        } else {
            is_module(name) && !is_test(name) && !is_tools(name)
        }
    };
    job::copy(&job.folder, &stage.join("policy"), &is_source)?;
    let modules = stage.join("node_modules");
    package.lay_out_dependencies(job, &modules, &mut BTreeSet::new())?;
    if !modules.join(SDK).is_dir() {
        job.lay_out(sdk::JAVASCRIPT, &modules.join(SDK))?;
    }
    Ok(())
}

fn is_module(name: &str) -> bool {
    [".js", ".mjs", ".ts", ".mts", ".json"].iter().any(|end| name.ends_with(end)) && !name.ends_with(".d.ts")
}

/// The module that exports what the contract wants.
fn entry(main: &str) -> String {
    format!(
        r#"import {{ writeEarly }} from "{SDK}/globals";
import * as policy from "./policy/{main}";
import {{ component }} from "{SDK}/component";
import {{ write }} from "berth:allocation/log@1.0.0";
import {{ get as settings }} from "berth:allocation/settings@1.0.0";
import {{ lookup }} from "berth:allocation/tables@1.0.0";
export const {{ allocate, validateSettings }} = component(policy, {{ write, settings, lookup }}, writeEarly);
"#
    )
}

impl Package {
    fn read(job: &Job<'_>, folder: &Path) -> Result<Self, BuildError> {
        let path = folder.join("package.json");
        let content = serde_json::from_slice(&job::read(&path)?);
        let content = content.map_err(|error| BuildError::Project { path, problem: error.to_string() })?;
        if folder == job.folder {
            job.step("Reading the policy's package.json");
        }
        Ok(Self { folder: folder.to_owned(), content })
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.content.get(member).and_then(Value::as_str)
    }

    fn name(&self) -> String {
        self.text("name").unwrap_or("policy").to_owned()
    }

    /// The policy's main module, relative to its folder.
    fn main(&self, job: &Job<'_>) -> Result<String, BuildError> {
        let named = self.text("main").map(|main| main.trim_start_matches("./"));
        let there = |main: &&str| self.folder.join(main).is_file() && !main.split('/').any(|part| part == "..");
        match named {
            Some(main) if there(&main) => Ok(main.to_owned()),
            Some(main) => Err(job.project_error("package.json", format!("there is no `{main}`, which is its `main`"))),
            None => MAINS.into_iter().find(there).map(str::to_owned).ok_or_else(|| {
                job.project_error("package.json", "it names no `main`, and there is no policy.js or policy.ts")
            }),
        }
    }

    /// Copies the packages it depends on, and those that they do, to where modules find them by name.
    fn lay_out_dependencies(
        &self,
        job: &Job<'_>,
        modules: &Path,
        done: &mut BTreeSet<String>,
    ) -> Result<(), BuildError> {
        let Some(dependencies) = self.content.get("dependencies").and_then(Value::as_object) else { return Ok(()) };
        for (name, version) in dependencies {
            if !done.insert(name.clone()) {
                continue;
            }
            let Some(folder) = self.dependency(job, name, version.as_str().unwrap_or_default()) else {
                if name == SDK {
                    continue;
                }
                let problem = format!("`{name}` is not installed: run `npm install` in {}", job.folder.display());
                return Err(job.project_error("package.json", problem));
            };
            let wanted =
                |file: &str, is_folder: bool| is_folder && file != ".bin" || is_module(file) || file.ends_with(".cjs");
            job::copy(&folder, &modules.join(name), &wanted)?;
            Self::read(job, &folder)?.lay_out_dependencies(job, modules, done)?;
        }
        Ok(())
    }

    /// The folder of a package it depends on: a folder that is named, or where npm has installed it.
    fn dependency(&self, job: &Job<'_>, name: &str, version: &str) -> Option<PathBuf> {
        let named = version.strip_prefix("file:").map(|path| self.folder.join(path));
        let installed = [&self.folder, &job.folder].map(|folder| folder.join("node_modules").join(name));
        named.into_iter().chain(installed).find(|folder| folder.join("package.json").is_file())
    }
}
