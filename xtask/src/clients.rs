//! Installs the official clients that the local DPS is tried with, in the versions of the lock files in `tests/clients`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

use crate::suite::root;

/// Tells the tests where the clients are.
pub(crate) const INSTALLED: &str = "BERTH_CLIENTS";

/// Where in a client's folder what it was installed from is kept, to be compared with the lock file.
const STAMP: &str = "installed-from";

/// Installs what is not there yet, and returns the folder.
pub(crate) fn install() -> anyhow::Result<PathBuf> {
    let folder = root().join("target/clients");
    let locks = root().join("tests/clients");
    needs("swtpm", "it is the TPM that devices have in these tests: apt-get install swtpm")?;
    needs("node", "Node 14 or later runs the clients for it: apt-get install nodejs npm")?;
    needs("python3", "Python 3.10 or later runs the client for it: apt-get install python3 python3-pip")?;
    once(&folder.join("node"), &locks.join("node/package-lock.json"), |folder| npm(folder, &locks.join("node")))?;
    let requirements = locks.join("python/requirements.txt");
    once(&folder.join("python"), &requirements, |folder| pip(folder, &requirements))?;
    Ok(folder)
}

fn needs(program: &str, hint: &str) -> anyhow::Result<()> {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    ensure!(found, "{program} is missing: {hint}");
    Ok(())
}

/// Fills a folder with `install`, unless it was filled from the same lock file before.
fn once(folder: &Path, lock: &Path, install: impl FnOnce(&Path) -> anyhow::Result<Command>) -> anyhow::Result<()> {
    let wanted = fs::read(lock).with_context(|| format!("failed to read {}", lock.display()))?;
    if fs::read(folder.join(STAMP)).is_ok_and(|kept| kept == wanted) {
        return Ok(());
    }
    println!("\n== {} from {}", folder.display(), lock.display());
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let mut command = install(folder)?;
    let status = command.status().with_context(|| format!("failed to run {command:?}"))?;
    ensure!(status.success(), "the clients of {} cannot be installed", lock.display());
    fs::write(folder.join(STAMP), wanted).context("failed to write down what was installed")
}

fn npm(folder: &Path, locks: &Path) -> anyhow::Result<Command> {
    for file in ["package.json", "package-lock.json"] {
        fs::copy(locks.join(file), folder.join(file)).with_context(|| format!("failed to copy {file}"))?;
    }
    let mut command = Command::new("npm");
    // Nothing that a package brings is run while it is installed; what would be is for another system.
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(folder);
    Ok(command)
}

fn pip(folder: &Path, requirements: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"]);
    command.arg("--target").arg(folder).args(["--require-hashes", "--requirement"]).arg(requirements);
    Ok(command)
}
