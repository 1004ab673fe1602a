//! The environment variables that tools are started with.
//!
//! They are a value and not the process's own so that a test can hand in an empty `PATH`, and so that what an author
//! has set for other work (`RUSTFLAGS`, a compiler cache, a default target) cannot bend the build of a guest.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Variables that would change what a guest is compiled to, or for which target.
const REMOVED: &[&str] = &[
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "RUSTC_BOOTSTRAP",
    "RUSTFLAGS",
];

/// Beginnings of further such variables.
const REMOVED_PREFIXES: &[&str] = &["CARGO_PROFILE_", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_", "CARGO_UNSTABLE_"];

/// A set of environment variables for child processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Default for Environment {
    /// Those of this process.
    fn default() -> Self {
        Self { variables: std::env::vars_os().collect() }
    }
}

impl Environment {
    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Removes a variable.
    #[must_use]
    pub fn without(mut self, name: impl AsRef<OsStr>) -> Self {
        self.variables.remove(name.as_ref());
        self
    }

    /// The value of a variable, unless it is unset or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// All variables.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The variables for building the guest in `folder`: without those that would change what comes out.
    pub(super) fn for_guest(&self, folder: &Path) -> Self {
        let mut guest = self.clone();
        guest.variables.retain(|name, _| {
            let name = name.to_string_lossy();
            !REMOVED.contains(&&*name) && !REMOVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        });
        // An outer cargo pins its own toolchain through this variable, over the head of the policy's toolchain file.
        // A pin that a person made without a cargo in between is left alone.
        if guest.get("CARGO").is_some() && has_toolchain_file(folder) {
            guest.variables.remove(OsStr::new("RUSTUP_TOOLCHAIN"));
        }
        // Present but empty means "none", which also overrules a wrapper in a configuration file.
        guest.with("RUSTC_WRAPPER", "").with("RUSTC_WORKSPACE_WRAPPER", "")
    }

    /// Where Berth keeps what it can make again. `None` if the environment does not say where such things go.
    #[must_use]
    pub fn cache_dir(&self) -> Option<PathBuf> {
        if let Some(folder) = self.get("BERTH_CACHE_DIR") {
            return Some(PathBuf::from(folder));
        }
        // The XDG specification has relative paths ignored.
        let xdg = self.get("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let caches = xdg.or_else(|| self.get("HOME").map(|home| Path::new(home).join(".cache")))?;
        Some(caches.join("berth"))
    }
}

fn has_toolchain_file(folder: &Path) -> bool {
    folder
        .ancestors()
        .any(|folder| ["rust-toolchain.toml", "rust-toolchain"].iter().any(|name| folder.join(name).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment { variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    #[test]
    fn what_bends_a_build_is_removed_and_the_rest_stays() {
        let before = environment(&[
            ("RUSTFLAGS", "-C target-cpu=native"),
            ("CARGO_BUILD_TARGET", "wasm32-wasip2"),
            ("CARGO_PROFILE_RELEASE_LTO", "off"),
            ("RUSTC_WRAPPER", "sccache"),
            ("PATH", "/bin"),
            ("CARGO_HOME", "/cargo"),
        ]);
        let after = before.for_guest(Path::new("/nowhere"));
        let expected =
            [("CARGO_HOME", "/cargo"), ("PATH", "/bin"), ("RUSTC_WORKSPACE_WRAPPER", ""), ("RUSTC_WRAPPER", "")];
        assert_eq!(after, environment(&expected));
    }

    #[test]
    fn a_toolchain_file_beats_the_pin_of_an_outer_cargo_only() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy");
        let pinned = environment(&[("RUSTUP_TOOLCHAIN", "outer")]);
        let by_cargo = pinned.clone().with("CARGO", "/bin/cargo");
        assert!(by_cargo.for_guest(&policy).get("RUSTUP_TOOLCHAIN").is_some());
        std::fs::write(folder.path().join("rust-toolchain.toml"), "").unwrap();
        assert!(by_cargo.for_guest(&policy).get("RUSTUP_TOOLCHAIN").is_none());
        assert!(pinned.for_guest(&policy).get("RUSTUP_TOOLCHAIN").is_some());
    }

    #[test]
    fn the_cache_follows_the_most_specific_variable() {
        let home = environment(&[("HOME", "/home/user")]);
        assert_eq!(home.cache_dir().unwrap(), Path::new("/home/user/.cache/berth"));
        let xdg = home.with("XDG_CACHE_HOME", "/caches");
        assert_eq!(xdg.cache_dir().unwrap(), Path::new("/caches/berth"));
        assert_eq!(xdg.with("BERTH_CACHE_DIR", "/own").cache_dir().unwrap(), Path::new("/own"));
        assert_eq!(environment(&[]).cache_dir(), None);
    }
}
