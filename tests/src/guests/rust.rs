//! Policies compiled from Rust by Berth's own toolchain, each once in a run.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex},
};

use berth::toolchain::{BuildOptions, Silent, build};

use crate::{Policy, target_folder};

/// The components built so far in this run, by the folder of their source.
static BUILT: LazyLock<Mutex<HashMap<PathBuf, Vec<u8>>>> = LazyLock::new(Mutex::default);

/// An example policy with everything in its folder that Berth reads.
///
/// # Panics
///
/// If there is none of this name or it cannot be built.
#[must_use]
pub fn example(name: &str) -> Policy {
    let folder = repository().join("example-policies").join(name);
    let mut policy = Policy::of(component(&folder)).manifest(&read(&folder.join("policy.toml")));
    for below in ["checks", "tables"] {
        for entry in fs::read_dir(folder.join(below)).into_iter().flatten() {
            let entry = entry.expect("a file");
            let file = entry.file_name().into_string().expect("a name");
            policy = policy.file(&format!("{below}/{file}"), read(&entry.path()));
        }
    }
    policy
}

/// A policy made for these tests: `tests/guests/NAME`.
///
/// # Panics
///
/// If there is none of this name or it cannot be built.
#[must_use]
pub fn built(name: &str) -> Policy {
    Policy::of(component(&repository().join("tests/guests").join(name)))
}

/// The component of a policy in any language, from a folder of the repository.
///
/// # Errors
///
/// If it cannot be built: tools may have to be fetched.
pub fn built_from(folder: &str) -> anyhow::Result<Vec<u8>> {
    Ok(build(&repository().join(folder), &options(), &Silent)?.component)
}

/// Where guests are compiled.
///
/// # Panics
///
/// If the tests' own executable is nowhere.
#[must_use]
pub fn target() -> PathBuf {
    target_folder().join("guests")
}

/// Builds one at a time: cargo would make the others wait anyway.
fn component(folder: &Path) -> Vec<u8> {
    let mut built = BUILT.lock().expect("a build that failed has failed its test");
    if let Some(component) = built.get(folder) {
        return component.clone();
    }
    let component = match build(folder, &options(), &Silent) {
        Ok(built) => built.component,
        Err(error) => panic!("{} cannot be built: {error:#}", folder.display()),
    };
    built.insert(folder.to_owned(), component.clone());
    component
}

/// How guests are compiled.
#[must_use]
pub fn options() -> BuildOptions {
    // Beside the host's own artefacts, so that the next run finds what this one compiled.
    BuildOptions { target_dir: Some(target()), ..BuildOptions::default() }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a file")
}

pub(super) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the repository")
}
