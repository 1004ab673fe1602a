//! The policy at hand: a component, a policy's folder in a catalogue, or its source.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::{
    catalogue::source::{self, CHECKS, COMPONENT_FILE, MAX_COMPONENT, POLICY_FILE, PolicyFiles, TABLES},
    toolchain::{self, BuildOptions, Language, Progress},
};

/// What tells source apart whose author runs `make` alone.
const MAKEFILE: &str = "Makefile";

/// Where a policy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A component alone, without a policy's folder around it: without settings, tables or checks.
    Component(PathBuf),
    /// A folder as a catalogue has it.
    Folder(PathBuf),
    /// A folder of source, built before it is tried.
    Source(PathBuf),
}

/// A policy with everything that it is tried with.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What it is called: its folder's name, or the component's.
    pub name: String,
    /// Its files. A component alone has no others.
    pub files: PolicyFiles,
}

/// What a policy is tried with in place of what its folder has.
#[derive(Debug, Clone, Default)]
pub struct Replaced {
    /// A file of settings: a JSON object, or a TOML table.
    pub settings: Option<PathBuf>,
    /// A folder of tables.
    pub tables: Option<PathBuf>,
}

impl Place {
    /// Tells what is at this path.
    ///
    /// # Errors
    ///
    /// If there is nothing a policy could be.
    pub fn find(path: &Path) -> anyhow::Result<Self> {
        if path.is_file() {
            return Ok(match around(path) {
                Some(folder) => Self::Folder(folder),
                None => Self::Component(path.to_owned()),
            });
        }
        if !path.is_dir() {
            bail!("there is no policy at {}: name a component, or a policy's folder", path.display());
        }
        if Language::of(path).is_some() || path.join(MAKEFILE).is_file() {
            return Ok(Self::Source(path.to_owned()));
        }
        if path.join(COMPONENT_FILE).is_file() {
            return Ok(Self::Folder(path.to_owned()));
        }
        bail!(
            "{} is no policy's folder: it has neither {COMPONENT_FILE} nor source ({}, {MAKEFILE})",
            path.display(),
            Language::ALL.map(Language::mark).join(", ")
        )
    }

    /// The policy's folder. A component alone has none.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Component(_) => None,
            Self::Folder(folder) | Self::Source(folder) => Some(folder),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Component(path) | Self::Folder(path) | Self::Source(path) => path,
        }
    }

    /// The component, built if this is source.
    ///
    /// # Errors
    ///
    /// If it cannot be built or read.
    pub fn component(&self, progress: &dyn Progress) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Component(path) => Ok(source::read_component(path)?),
            Self::Folder(folder) => Ok(source::read_component(&folder.join(COMPONENT_FILE))?),
            Self::Source(folder) => {
                let options = BuildOptions { reuse: true, ..BuildOptions::default() };
                let component = toolchain::build(folder, &options, progress)?.component;
                if component.len() as u64 > MAX_COMPONENT {
                    bail!("the component has {} bytes, and Berth takes {MAX_COMPONENT}", component.len());
                }
                Ok(component)
            }
        }
    }

    /// The policy, with what is given in place of its own.
    ///
    /// # Errors
    ///
    /// If it cannot be built, or a file cannot be read.
    pub fn subject(&self, replaced: &Replaced, progress: &dyn Progress) -> anyhow::Result<Subject> {
        let component = self.component(progress)?;
        let mut files = match self.folder() {
            Some(folder) => PolicyFiles::read_around(folder, component)?,
            None => PolicyFiles {
                component,
                manifest: String::new(),
                checks: Default::default(),
                tables: Default::default(),
            },
        };
        if let Some(path) = &replaced.settings {
            files.manifest = with_settings(&files.manifest, path)?;
        }
        if let Some(folder) = &replaced.tables {
            files.tables = source::read_tables(folder)?;
        }
        Ok(Subject { name: self.name(), files })
    }

    /// What the policy is called.
    #[must_use]
    pub fn name(&self) -> String {
        // `.` and `..` have names too.
        let whole = self.path().canonicalize().unwrap_or_else(|_| self.path().to_owned());
        let name = match self {
            Self::Component(_) if whole.file_name().is_some_and(|name| name != COMPONENT_FILE) => whole.file_stem(),
            Self::Component(_) => whole.parent().and_then(Path::file_name),
            Self::Folder(_) | Self::Source(_) => whole.file_name(),
        };
        name.map_or_else(|| "policy".to_owned(), |name| name.to_string_lossy().into_owned())
    }
}

/// The policy's folder that a component stands in, if it is called as in one and something else of a policy is there.
fn around(component: &Path) -> Option<PathBuf> {
    let folder = component.parent().filter(|_| component.file_name().is_some_and(|name| name == COMPONENT_FILE))?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let has_more = [POLICY_FILE, CHECKS, TABLES].iter().any(|name| folder.join(name).exists());
    has_more.then(|| folder.to_owned())
}

/// A manifest with the settings of a file in place of its own.
fn with_settings(manifest: &str, path: &Path) -> anyhow::Result<String> {
    let text = source::read_own(path)?;
    let of_file = || format!("{} holds no settings", path.display());
    let settings: toml::Table = if path.extension().is_some_and(|extension| extension == "json") {
        serde_json::from_str(&text).with_context(of_file)?
    } else {
        toml::from_str(&text).with_context(of_file)?
    };
    let mut manifest: toml::Table = toml::from_str(manifest).with_context(|| POLICY_FILE.to_owned())?;
    manifest.insert("settings".to_owned(), toml::Value::Table(settings));
    toml::to_string(&manifest).with_context(of_file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_place_is_known_by_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert!(Place::find(&path.join("nothing")).unwrap_err().to_string().starts_with("there is no policy at "));
        assert!(Place::find(path).unwrap_err().to_string().contains("neither policy.wasm nor source (Cargo.toml"));
        fs::write(path.join("policy.wasm"), "").unwrap();
        assert_eq!(Place::find(path).unwrap(), Place::Folder(path.to_owned()));
        assert!(matches!(Place::find(&path.join("policy.wasm")).unwrap(), Place::Component(_)));
        fs::write(path.join("Cargo.toml"), "").unwrap();
        assert_eq!(Place::find(path).unwrap(), Place::Source(path.to_owned()));
        // Named itself, the component is not built anew, and what is around it counts.
        for other in ["policy.toml", "tables/t.json", "checks/c.json"] {
            let file = path.join(other);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
            assert_eq!(Place::find(&path.join("policy.wasm")).unwrap(), Place::Folder(path.to_owned()), "{other}");
            let _ = fs::remove_file(&file).and_then(|()| fs::remove_dir(file.parent().unwrap()));
        }
    }

    #[test]
    fn settings_of_a_file_replace_those_of_the_manifest_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (json, toml) = (folder.path().join("s.json"), folder.path().join("s.toml"));
        fs::write(&json, r#"{"a": [1, true]}"#).unwrap();
        fs::write(&toml, "b = 2").unwrap();
        let manifest = "[settings]\nold = 1\n[limits]\ntime_ms = 7\n";
        let replaced: toml::Table = with_settings(manifest, &json).unwrap().parse().unwrap();
        assert_eq!(replaced["settings"].to_string(), "{ a = [1, true] }");
        assert_eq!(replaced["limits"]["time_ms"].as_integer(), Some(7));
        let replaced: toml::Table = with_settings("", &toml).unwrap().parse().unwrap();
        assert_eq!(replaced["settings"].to_string(), "{ b = 2 }");
        fs::write(&json, r#"{"a": null}"#).unwrap();
        assert!(with_settings("", &json).unwrap_err().to_string().ends_with("s.json holds no settings"));
    }
}
