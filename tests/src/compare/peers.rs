//! What Berth is compared with: fetched and built below `target/bench`, once, and started from there.
//!
//! Each may be missing: no Node, no Go, no registry. Then the report says so.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use berth::toolchain::{self, BuildOptions, Silent};
use serde_json::Value;

use super::{
    contender::{Contender, Rule, Started},
    machine::version,
    server::{Server, address_in},
};
use crate::{guests, pages::repository, target_folder};

/// Of the same line as Berth's own engine.
const WASMTIME: &str = "48.0.8";
/// The newest that the Go here builds.
const OPA: &str = "v1.22.3";

/// What `wasmtime serve` can be told to spare a fresh instance some work: to keep memory that was touched and look for what
/// changed in it, where it would give it back to the system.
const TUNED: [&str; 3] = ["-Opooling-allocator", "-Opooling-memory-keep-resident=2097152", "-Opooling-pagemap-scan=y"];

/// All of them.
#[must_use]
pub fn peers() -> Vec<Contender> {
    let of = |id, name, isolation, start| Contender { id, name, rule: Rule::ByModel, isolation, start };
    vec![
        of("wasmtime-serve", "wasmtime serve", "fresh instance", || wasmtime(&[])),
        of("wasmtime-serve-tuned", "wasmtime serve, tuned", "fresh instance", || wasmtime(&TUNED)),
        of("extism-fresh", "Extism, fresh", "fresh instance", || extism("fresh")),
        of("extism-reused", "Extism, reused", "none between requests", || extism("reused")),
        of("node", "Node http", "none", node),
        of("opa", "OPA", "one language, no memory of its own", opa),
    ]
}

/// Where everything is kept that is fetched or built.
fn kept() -> anyhow::Result<PathBuf> {
    let folder = target_folder().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    Ok(folder)
}

fn source(peer: &str) -> PathBuf {
    repository().join("tests/benches/peers").join(peer)
}

/// How the rule is compiled for other hosts: as a policy is.
fn guest() -> BuildOptions {
    BuildOptions { locked: true, ..guests::options() }
}

/// Runs a command to its end, quietly unless it fails.
fn run(mut command: Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("failed to run {name}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find(|line| line.contains("error")).or(said.lines().last()).unwrap_or_default();
    ensure!(output.status.success(), "{name} failed: {error}");
    Ok(())
}

/// Cargo, without what the cargo that runs this very program says of it.
fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    let of_this = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| of_this(name)) {
        command.env_remove(name);
    }
    command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    command
}

fn wasmtime(options: &[&str]) -> anyhow::Result<Started> {
    let root = kept()?.join("wasmtime");
    let program = root.join("bin/wasmtime");
    if !program.is_file() {
        let features = "run,serve,component-model-async,cranelift,pooling-allocator,parallel-compilation";
        let mut install = cargo(&["install", "wasmtime-cli", "--version", WASMTIME, "--locked"]);
        install.args(["--no-default-features", "--features", features]).arg("--root").arg(&root);
        // Kept, so that a build that was interrupted goes on.
        install.arg("--target-dir").arg(root.join("build"));
        run(install)?;
    }
    let component = root.join("rule.wasm");
    fs::write(&component, toolchain::build(&source("wasi-http"), &guest(), &Silent)?.component)
        .context("failed to write a component")?;
    let mut command = Command::new(&program);
    command.args(["serve", "--addr", "127.0.0.1:0"]).args(options).arg(&component);
    let server = Server::start(command, |line| address_in(line).filter(|_| line.contains("Serving HTTP")))?;
    Ok(Started { server, path: "/allocate".to_owned(), version: WASMTIME.to_owned() })
}

fn extism(mode: &str) -> anyhow::Result<Started> {
    let kept = kept()?;
    let (manifest, target) = (source("extism-host").join("Cargo.toml"), kept.join("extism"));
    let mut build = cargo(&["build", "--release", "--locked", "--manifest-path"]);
    build.arg(&manifest).arg("--target-dir").arg(&target);
    run(build)?;
    let plugin = target.join("rule.wasm");
    fs::write(&plugin, toolchain::compile(&source("extism-plugin"), &guest(), &Silent)?)
        .context("failed to write a plug-in")?;
    let mut command = Command::new(target.join("release/extism-host"));
    command.arg(&plugin).arg(mode);
    let version = locked(&source("extism-host"), "extism")?;
    Ok(Started { server: Server::start(command, address_in)?, path: "/allocate".to_owned(), version })
}

/// The version of a crate in a lock file.
fn locked(folder: &Path, name: &str) -> anyhow::Result<String> {
    let lock = fs::read_to_string(folder.join("Cargo.lock")).context("failed to read a lock file")?;
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).context("a crate is not locked")?;
    Ok(after.split('"').next().unwrap_or_default().to_owned())
}

fn models() -> PathBuf {
    repository().join("example-policies/by-model/tables/models.json")
}

fn node() -> anyhow::Result<Started> {
    let version = version("node", &["--version"])?;
    let mut command = Command::new("node");
    command.arg(source("node").join("server.mjs")).arg(models());
    Ok(Started { server: Server::start(command, address_in)?, path: "/allocate".to_owned(), version })
}

fn opa() -> anyhow::Result<Started> {
    let root = kept()?.join("opa");
    let program = root.join("opa");
    if !program.is_file() {
        fs::create_dir_all(&root).context("failed to make a folder")?;
        let mut install = Command::new("go");
        install.args(["install", &format!("github.com/open-policy-agent/opa@{OPA}")]).env("GOBIN", &root);
        run(install)?;
    }
    let table: Value = serde_json::from_str(&fs::read_to_string(models()).context("failed to read the table")?)?;
    let data = root.join("data.json");
    fs::write(&data, serde_json::json!({"models": table}).to_string()).context("failed to write OPA's data")?;
    // It does not say which port it was given. Nor is it to log every request, as it does unless told otherwise.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).context("no free port")?;
    let mut command = Command::new(&program);
    command.args(["run", "--server", "--log-level", "error", "--skip-version-check", "--addr", &port.to_string()]);
    command.arg(source("opa").join("policy.rego")).arg(&data);
    let server = Server::start_at(command, port)?;
    // The first version of its API takes the input wrapped up, and wraps the answer; this one is made for webhooks.
    Ok(Started { server, path: "/v0/data/allocation/decision".to_owned(), version: OPA.to_owned() })
}
