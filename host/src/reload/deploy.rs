//! Writes a policy's folder into the catalogue, whole or not at all.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use tempfile::TempDir;

use crate::catalogue::source::{CHECKS, COMPONENT_FILE, POLICY_FILE, PolicyFiles, TABLES};

/// What the folders begin with in which the next content of a policy is laid out. No policy can be called so.
pub(super) const STAGING: &str = ".berth-";

/// The next content in there.
const NEXT: &str = "next";

/// What the folder of a policy is called in there, before its name, while another takes its place.
const AWAY: &str = ".away-";

/// A policy's folder that was replaced. What it held before is beside it until this is dropped.
pub(super) struct Replaced {
    folder: PathBuf,
    staged: TempDir,
    /// Whether there was a folder before.
    existed: bool,
}

/// Replaces a policy's folder by one that holds these files, and whatever else than a policy's files the folder held.
/// Durable when it returns.
///
/// # Errors
///
/// If it cannot be written; then the folder is as it was.
pub(super) fn replace(folder: &Path, files: &PolicyFiles) -> io::Result<Replaced> {
    let tenant = folder.parent().ok_or_else(|| io::Error::other("the policy's folder lies in no tenant's"))?;
    let staged = tempfile::Builder::new().prefix(STAGING).tempdir_in(tenant)?;
    let next = staged.path().join(NEXT);
    fs::create_dir(&next)?;
    write(&next.join(COMPONENT_FILE), &files.component)?;
    if !files.manifest.is_empty() {
        write(&next.join(POLICY_FILE), files.manifest.as_bytes())?;
    }
    write_all(&next.join(CHECKS), files.checks.iter().map(|(name, text)| (name, text.as_bytes())))?;
    write_all(&next.join(TABLES), files.tables.iter().map(|(name, bytes)| (name, bytes.as_slice())))?;
    let existed = folder.exists();
    if existed {
        let foreign = |name: &OsStr| ![COMPONENT_FILE, POLICY_FILE, CHECKS, TABLES].iter().any(|own| name == *own);
        keep(folder, &next, &foreign)?;
    }
    sync(&next)?;
    if existed {
        exchange(&next, folder)?;
    } else {
        fs::rename(&next, folder)?;
    }
    let replaced = Replaced { folder: folder.to_owned(), staged, existed };
    match sync(tenant) {
        Ok(()) => Ok(replaced),
        Err(error) => {
            // The disk fails; what can be said of it is what failed first.
            let _ = replaced.undo();
            Err(error)
        }
    }
}

impl Replaced {
    /// Puts back what was there before.
    ///
    /// # Errors
    ///
    /// If the system says no; then the new folder stays.
    pub(super) fn undo(self) -> io::Result<()> {
        let next = self.staged.path().join(NEXT);
        if self.existed { exchange(&next, &self.folder) } else { fs::rename(&self.folder, next) }
    }
}

/// Exchanges two folders in one step, so that nobody sees a moment without: unless the file system cannot.
fn exchange(next: &Path, folder: &Path) -> io::Result<()> {
    match renameat_with(CWD, next, CWD, folder, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP) => away_and_in(next, folder),
        done => Ok(done?),
    }
}

/// Renames a policy's folder away and the next one in. Killed between the two, the server puts it back when it starts.
fn away_and_in(next: &Path, folder: &Path) -> io::Result<()> {
    let mut name = OsString::from(AWAY);
    name.push(folder.file_name().unwrap_or_default());
    let away = next.with_file_name(name);
    fs::rename(folder, &away)?;
    if let Err(error) = fs::rename(next, folder) {
        fs::rename(&away, folder)?;
        return Err(error);
    }
    // Where an exchange leaves it. If it does not get there, it cannot be put back, which is said when that is tried.
    let _ = fs::rename(&away, next);
    Ok(())
}

/// Gives a folder what is in another and wanted: links to the same files, not copies, where the file system has links.
fn keep(from: &Path, to: &Path, wanted: &dyn Fn(&OsStr) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (old, new, kind) = (entry.path(), to.join(entry.file_name()), entry.file_type()?);
        if !wanted(&entry.file_name()) {
            continue;
        }
        if kind.is_dir() {
            fs::create_dir(&new)?;
            keep(&old, &new, &|_| true)?;
            sync(&new)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&old)?, &new)?;
        } else {
            fs::hard_link(&old, &new).or_else(|_| fs::copy(&old, &new).map(drop))?;
        }
    }
    Ok(())
}

/// Removes what a push left that was killed, and puts back what it had renamed away. What cannot be removed is in nobody's
/// way.
pub(super) fn clear(tenant: &Path) {
    for entry in fs::read_dir(tenant).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(STAGING)) {
            for away in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                if let Some(policy) = away.file_name().to_str().and_then(|name| name.strip_prefix(AWAY)) {
                    // Not if the next content is there already: that does not give way.
                    let _ = fs::rename(away.path(), tenant.join(policy));
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A tenant's folder with a policy of this content, and another content laid out beside it.
    fn pushing() -> (TempDir, PathBuf, PathBuf) {
        let tenant = tempfile::tempdir().unwrap();
        let (folder, next) = (tenant.path().join("next"), tenant.path().join(".berth-x").join(NEXT));
        for (folder, content) in [(&folder, "old"), (&next, "new")] {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(COMPONENT_FILE), content).unwrap();
        }
        (tenant, folder, next)
    }

    fn content(folder: &Path) -> String {
        fs::read_to_string(folder.join(COMPONENT_FILE)).unwrap()
    }

    #[test]
    fn without_an_exchange_a_folder_is_renamed_away_and_in() {
        let (_tenant, folder, next) = pushing();
        away_and_in(&next, &folder).unwrap();
        assert_eq!((content(&folder), content(&next)), ("new".into(), "old".into()));
        away_and_in(&next, &folder).unwrap();
        assert_eq!((content(&folder), content(&next)), ("old".into(), "new".into()));
        fs::remove_dir_all(&next).unwrap();
        away_and_in(&next, &folder).unwrap_err();
        assert_eq!(content(&folder), "old");
    }

    #[test]
    fn what_was_renamed_away_by_a_server_that_was_killed_is_put_back() {
        let (tenant, folder, next) = pushing();
        fs::rename(&folder, next.with_file_name(".away-next")).unwrap();
        clear(tenant.path());
        assert_eq!(content(&folder), "old");
        assert_eq!(fs::read_dir(tenant.path()).unwrap().count(), 1);
    }
}
