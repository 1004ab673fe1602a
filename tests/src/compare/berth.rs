//! Berth as a contender: the real program with its defaults, everything on.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;

use super::server::Server;
use crate::{Catalogue, Policy, binary, key};

/// The tenant of all policies of the comparison.
pub const TENANT: &str = "bench";

/// The path that a policy is asked by.
#[must_use]
pub fn path(tenant: &str, policy: &str) -> String {
    format!("/allocate/{tenant}/{policy}?code={}", key(tenant))
}

/// Starts a server that serves one policy.
///
/// # Errors
///
/// If it does not become ready.
pub fn serving(name: &str, policy: &Policy) -> anyhow::Result<Server> {
    let folder = folder_of(&Catalogue::new().tenant(TENANT).policy(name, policy.clone()))?;
    Ok(start(folder.path())?.keeping(folder))
}

/// A folder with this catalogue, for [`start`].
///
/// # Errors
///
/// If it cannot be written.
pub fn folder_of(catalogue: &Catalogue) -> anyhow::Result<TempDir> {
    let folder = tempfile::tempdir().context("failed to make a folder")?;
    catalogue.write(&folder.path().join("policies"));
    // A start is measured to its end, and components of 18 MB take a while.
    fs::write(folder.path().join("berth.toml"), "[catalogue]\nstart_timeout_ms = 900000\n")
        .context("failed to write berth.toml")?;
    Ok(folder)
}

/// Starts a server in such a folder.
///
/// # Errors
///
/// If it does not become ready.
pub fn start(folder: &Path) -> anyhow::Result<Server> {
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]).current_dir(folder);
    Server::start(command, ready)
}

fn ready(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    line["webhook"].as_str().filter(|_| line["message"] == "berth is ready")?.parse().ok()
}
