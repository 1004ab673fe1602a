//! Writes a policy's folder into the catalogue, whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::catalogue::source::{COMPONENT_FILE, POLICY_FILE, PolicyFiles};

/// What the folders begin with in which the next content of a policy is laid out. No policy can be called so.
pub(super) const STAGING: &str = ".berth-";

/// Replaces a policy's folder by one that holds these files. Durable when it returns.
///
/// # Errors
///
/// If it cannot be written; then the folder is as it was.
pub(super) fn replace(folder: &Path, files: &PolicyFiles) -> io::Result<()> {
    let tenant = folder.parent().ok_or_else(|| io::Error::other("the policy's folder lies in no tenant's"))?;
    let staged = tempfile::Builder::new().prefix(STAGING).tempdir_in(tenant)?;
    let next = staged.path().join("next");
    fs::create_dir(&next)?;
    write(&next.join(COMPONENT_FILE), &files.component)?;
    if !files.manifest.is_empty() {
        write(&next.join(POLICY_FILE), files.manifest.as_bytes())?;
    }
    write_all(&next.join("checks"), files.checks.iter().map(|(name, text)| (name, text.as_bytes())))?;
    write_all(&next.join("tables"), files.tables.iter().map(|(name, bytes)| (name, bytes.as_slice())))?;
    sync(&next)?;
    // In one step: nobody sees a moment without the folder. What it held before goes with the staging folder.
    let flags = if folder.exists() { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
    renameat_with(CWD, &next, CWD, folder, flags)?;
    sync(tenant)?;
    // What cannot be removed is in nobody's way.
    let _ = staged.close();
    Ok(())
}

/// Removes what a push left that was killed. What cannot be removed is in nobody's way.
pub(super) fn clear(tenant: &Path) {
    for entry in fs::read_dir(tenant).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(STAGING)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn write_all<'a>(folder: &Path, files: impl Iterator<Item = (&'a String, &'a [u8])>) -> io::Result<()> {
    let mut files = files.peekable();
    if files.peek().is_none() {
        return Ok(());
    }
    fs::create_dir(folder)?;
    for (name, content) in files {
        write(&folder.join(name), content)?;
    }
    sync(folder)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
