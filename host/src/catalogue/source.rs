//! Reads the catalogue directory: which tenants and policies there are, and the files of one policy.
//!
//! Knows files; compiles and judges nothing. Every file has a size cap, and anything that is not a plain file is refused,
//! so that neither a device file nor a sparse giant can hold the reader up.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{
    place::{Place, plain},
    stamp::{Stamp, read_still},
};
use crate::contract::{Digest, Name, Stage};

/// The file that makes a folder a tenant.
pub const TENANT_FILE: &str = "tenant.toml";
/// A policy's settings and limits.
pub const POLICY_FILE: &str = "policy.toml";
/// A policy's component.
pub const COMPONENT_FILE: &str = "policy.wasm";

/// The folder of a policy's checks.
pub const CHECKS: &str = "checks";
/// The folder of a policy's tables.
pub const TABLES: &str = "tables";

/// Bytes of a component. A CPython component has about 20 MB.
pub const MAX_COMPONENT: u64 = 64 << 20;
/// Bytes of a manifest or a check.
pub const MAX_TEXT: u64 = 1 << 20;
/// Bytes of a table.
pub const MAX_TABLE: u64 = 16 << 20;
/// Bytes of a push: a policy's largest files as base64, with room to spare.
pub const MAX_PUSH: usize = 128 << 20;
/// Files in `checks` or `tables`.
pub const MAX_FILES: usize = 1000;

/// A file of the catalogue that could not be read. The text names the file.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The system says no.
    #[error("cannot read {}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is larger than any such file may be.
    #[error("{} is larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// It is a folder, a pipe or a device.
    #[error("{} is not a plain file", .path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// It is a link to somewhere else, whose content may be none of the owner's business.
    #[error("{} is a link that leads out of {}: put the file itself there", .path.display(), .folder.display())]
    Outside {
        /// The file.
        path: PathBuf,
        /// The folder that its content has to be in.
        folder: PathBuf,
    },
    /// It is text by its name but not by its bytes.
    #[error("{} is not UTF-8", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// A name no file of a policy can have.
    #[error(
        "{name:?} is no name for a check or a table: use letters, digits, `-`, `_` and `.`, and end in .json (checks, \
         tables) or .csv (tables)"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// It changes while it is read, again and again.
    #[error("{} does not keep still while it is read", .path.display())]
    Changing {
        /// The folder.
        path: PathBuf,
    },
    /// A folder has too many files.
    #[error("{} has more than {MAX_FILES} files", .path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
}

impl SourceError {
    /// The stage of verification that this is a failure at.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::TooLarge { .. } | Self::TooMany { .. } => Stage::Size,
            _ => Stage::Read,
        }
    }
}

/// The files of one policy, as they were at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFiles {
    /// The component.
    pub component: Vec<u8>,
    /// The text of `policy.toml`, empty if there is none.
    pub manifest: String,
    /// The files of `checks`, by name.
    pub checks: BTreeMap<String, String>,
    /// The files of `tables`, by name.
    pub tables: BTreeMap<String, Vec<u8>>,
}

impl PolicyFiles {
    /// Reads a policy's folder.
    ///
    /// # Errors
    ///
    /// If the component is missing or a file cannot be read.
    pub fn read(folder: &Path) -> Result<Self, SourceError> {
        let place = Place::of(folder)?;
        let component = place.read(&folder.join(COMPONENT_FILE), MAX_COMPONENT)?;
        Self::read_beside(&place, component)
    }

    /// Reads what a policy's folder has beside the component, which came from elsewhere.
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub fn read_around(folder: &Path, component: Vec<u8>) -> Result<Self, SourceError> {
        Self::read_beside(&Place::of(folder)?, component)
    }

    fn read_beside(place: &Place<'_>, component: Vec<u8>) -> Result<Self, SourceError> {
        // Many files, each within its size, are together no larger than one component may be.
        let left = std::cell::Cell::new(MAX_COMPONENT);
        let within = |path: &Path, most: u64| {
            let bytes = place.read(path, most.min(left.get()))?;
            left.set(left.get().saturating_sub(bytes.len() as u64));
            Ok(bytes)
        };
        Ok(Self {
            component,
            manifest: optional(text_in(place, POLICY_FILE))?.unwrap_or_default(),
            checks: files_of(&place.folder.join(CHECKS), &["json"], |path| text(path, within(path, MAX_TEXT)?))?,
            tables: files_of(&place.folder.join(TABLES), &["csv", "json"], |path| within(path, MAX_TABLE))?,
        })
    }

    /// Reads a policy's folder as it was at one moment, and says how to tell whether it still is as it was.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); or if the folder changes as often as it is read.
    pub fn read_still(folder: &Path) -> Result<(Self, Stamp), SourceError> {
        read_still(folder, || Self::read(folder))
    }

    /// Holds files that did not come from a folder to the names that those of a folder have.
    ///
    /// # Errors
    ///
    /// If a name could not be one of the folder's.
    pub fn check_names(&self) -> Result<(), SourceError> {
        self.checks.keys().try_for_each(|name| plain_name(name, &["json"]))?;
        self.tables.keys().try_for_each(|name| plain_name(name, &["csv", "json"]))
    }

    /// Holds files that did not come from a folder to the sizes that those of a folder may have.
    ///
    /// # Errors
    ///
    /// If there are too many files, or one or all of them together are too large.
    pub fn check_sizes(&self) -> Result<(), SourceError> {
        let size = |path: &str, size: usize, limit: u64| match size as u64 > limit {
            true => Err(SourceError::TooLarge { path: path.into(), limit }),
            false => Ok(()),
        };
        size(COMPONENT_FILE, self.component.len(), MAX_COMPONENT)?;
        size(POLICY_FILE, self.manifest.len(), MAX_TEXT)?;
        if self.checks.len() > MAX_FILES || self.tables.len() > MAX_FILES {
            return Err(SourceError::TooMany { path: "checks or tables".into() });
        }
        // What serves now has to be what can be read from its folder later, so the sum counts here as it does there.
        let mut left = MAX_COMPONENT;
        let mut within = |name: &str, length: usize, most: u64| {
            size(name, length, most.min(left))?;
            left = left.saturating_sub(length as u64);
            Ok(())
        };
        for (name, text) in &self.checks {
            within(name, text.len(), MAX_TEXT)?;
        }
        for (name, bytes) in &self.tables {
            within(name, bytes.len(), MAX_TABLE)?;
        }
        Ok(())
    }

    /// The digest of all the files' names and contents.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let checks = self.checks.iter().map(|(name, text)| (CHECKS, name, text.as_bytes()));
        let tables = self.tables.iter().map(|(name, bytes)| (TABLES, name, bytes.as_slice()));
        let files =
            checks.chain(tables).flat_map(|(folder, name, content)| [folder.as_bytes(), name.as_bytes(), content]);
        Digest::of_parts([self.component.as_slice(), self.manifest.as_bytes()].into_iter().chain(files))
    }
}

/// A file name that leads nowhere else and hides nothing.
fn plain_name(name: &str, extensions: &[&str]) -> Result<(), SourceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let known = name.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension));
    if known && name.len() <= 200 && !name.starts_with('.') && name.bytes().all(plain) {
        Ok(())
    } else {
        Err(SourceError::Name { name: name.to_owned() })
    }
}

/// Reads a tenant's manifest.
///
/// # Errors
///
/// If it is missing or cannot be read.
pub fn read_tenant(folder: &Path) -> Result<String, SourceError> {
    read_text(folder, TENANT_FILE)
}

/// Reads a policy's manifest alone.
///
/// # Errors
///
/// If it is missing or cannot be read.
pub fn read_policy(folder: &Path) -> Result<String, SourceError> {
    read_text(folder, POLICY_FILE)
}

/// The tenants, by name: every folder of the catalogue whose name can be a tenant's.
///
/// # Errors
///
/// If the directory itself cannot be read.
pub fn tenants(catalogue: &Path) -> Result<Vec<Name>, SourceError> {
    folders(catalogue)
}

/// The policies of a tenant, by name: every folder in the tenant's whose name can be a policy's. A folder whose files are
/// missing is a policy all the same, one that cannot be loaded: only removing the folder removes the policy.
///
/// # Errors
///
/// If the tenant's folder cannot be read.
pub fn policies(tenant: &Path) -> Result<Vec<Name>, SourceError> {
    folders(tenant)
}

fn folders(parent: &Path) -> Result<Vec<Name>, SourceError> {
    let mut names: Vec<Name> = entries(parent)?
        .iter()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    names.sort();
    Ok(names)
}

pub(super) fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, SourceError> {
    let error = |source| SourceError::Io { path: folder.to_owned(), source };
    fs::read_dir(folder).map_err(error)?.collect::<Result<_, _>>().map_err(error)
}

/// The files of a folder with one of these extensions, read each by `read`. A missing folder has none; files whose name
/// begins with a dot or is not UTF-8 are an editor's and passed over.
fn files_of<T>(
    folder: &Path,
    extensions: &[&str],
    read: impl Fn(&Path) -> Result<T, SourceError>,
) -> Result<BTreeMap<String, T>, SourceError> {
    let mut files = BTreeMap::new();
    for entry in optional(entries(folder))?.unwrap_or_default() {
        let path = entry.path();
        let wanted = path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension));
        let name = entry.file_name().into_string().ok().filter(|name| wanted && !name.starts_with('.'));
        if let Some(name) = name {
            if files.len() == MAX_FILES {
                return Err(SourceError::TooMany { path: folder.to_owned() });
            }
            files.insert(name, read(&path)?);
        }
    }
    Ok(files)
}

fn optional<T>(result: Result<T, SourceError>) -> Result<Option<T>, SourceError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(SourceError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn read_text(folder: &Path, file: &str) -> Result<String, SourceError> {
    text_in(&Place::of(folder)?, file)
}

fn text_in(place: &Place<'_>, file: &str) -> Result<String, SourceError> {
    let path = place.folder.join(file);
    text(&path, place.read(&path, MAX_TEXT)?)
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, SourceError> {
    String::from_utf8(bytes).map_err(|_| SourceError::NotText { path: path.to_owned() })
}

/// Reads a text that people write, wherever it lies.
///
/// # Errors
///
/// If it is no plain file, larger than such a text may be, or not UTF-8.
pub fn read_own(path: &Path) -> Result<String, SourceError> {
    text(path, plain(path, MAX_TEXT)?)
}

/// Reads a component, wherever it lies.
///
/// # Errors
///
/// If it is no plain file, or larger than a component may be.
pub fn read_component(path: &Path) -> Result<Vec<u8>, SourceError> {
    plain(path, MAX_COMPONENT)
}

/// Reads the tables of a folder, as those of a policy's `tables`.
///
/// # Errors
///
/// If the folder or a file in it cannot be read.
pub fn read_tables(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
    entries(folder)?;
    files_of(folder, &["csv", "json"], |path| plain(path, MAX_TABLE))
}
