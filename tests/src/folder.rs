//! A folder of the catalogue of a running server, and the ways in which people change one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::Policy;

/// The catalogue, a tenant's folder or a policy's.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Replaces a file as an editor or a deployment does: writes another and renames it over.
    ///
    /// # Panics
    ///
    /// Like all of these, if the system says no.
    pub fn replace(&self, file: &str, content: impl AsRef<[u8]>) {
        let new = self.0.join(".new");
        fs::write(&new, content).expect("a file");
        fs::rename(&new, self.0.join(file)).expect("a rename");
    }

    /// Writes over the file that is there.
    pub fn overwrite(&self, file: &str, content: impl AsRef<[u8]>) {
        fs::write(self.0.join(file), content).expect("a file");
    }

    /// Removes a file.
    pub fn remove(&self, file: &str) {
        fs::remove_file(self.0.join(file)).expect("a file to remove");
    }

    /// Removes all of it.
    pub fn remove_all(&self) {
        fs::remove_dir_all(&self.0).expect("a folder to remove");
    }

    /// Puts another folder in its place: the old one is renamed away, `new` is renamed to here.
    pub fn swap_for(&self, new: &Path) {
        let old = new.with_extension("old");
        fs::rename(&self.0, old).expect("a rename");
        fs::rename(new, &self.0).expect("a rename");
    }

    /// Points a symbolic link here: at once, by renaming a new link over the old one.
    pub fn link(&self, name: &str, target: &str) {
        let new = self.0.join(".new-link");
        std::os::unix::fs::symlink(target, &new).expect("a link");
        fs::rename(&new, self.0.join(name)).expect("a rename");
    }

    /// Writes a policy into a folder below.
    pub fn write(&self, name: &str, policy: impl Into<Policy>) {
        policy.into().write(&self.0.join(name));
    }
}
