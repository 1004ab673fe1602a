//! The SDKs, embedded: a policy is built and begun on machines that have `berth` and no clone of its repository.

use std::fs;
use std::path::Path;

use super::error::RouteError;

/// Files by the path they have in an SDK's folder.
pub(super) type Files = &'static [(&'static str, &'static str)];

/// Embeds files of a folder in `guest-sdk`.
macro_rules! files {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../guest-sdk/", $folder, $path)))),*]
    };
}

/// `berth-sdk` for JavaScript and TypeScript.
pub(super) const JAVASCRIPT: Files = files!("javascript/":
    "package.json", "index.d.ts", "testing.d.ts", "src/component.js", "src/decision.js", "src/error.js", "src/globals.js",
    "src/host.js", "src/hubs.js", "src/index.js", "src/json.js", "src/log.js", "src/payload.js", "src/refusal.js", "src/rendezvous.js",
    "src/request.js", "src/settings.js", "src/tables.js", "src/testing-body.js", "src/testing.js", "src/xxh64.js",
);

/// `berth-sdk` for Python.
pub(super) const PYTHON: Files = files!("python/":
    "pyproject.toml", "berth_sdk/__init__.py", "berth_sdk/_host.py", "berth_sdk/_json.py", "berth_sdk/_system.py",
    "berth_sdk/_testing_body.py", "berth_sdk/_xxh64.py", "berth_sdk/component.py", "berth_sdk/contract.py", "berth_sdk/decision.py",
    "berth_sdk/entry.py", "berth_sdk/error.py", "berth_sdk/hubs.py", "berth_sdk/log.py", "berth_sdk/payload.py",
    "berth_sdk/py.typed", "berth_sdk/refusal.py", "berth_sdk/rendezvous.py", "berth_sdk/request.py",
    "berth_sdk/settings.py", "berth_sdk/tables.py", "berth_sdk/testing.py",
);

/// The SDK for Go.
pub(super) const GO: Files = files!("go/":
    "go.mod", "berth.go", "berthtest/berthtest.go", "component_wasip1.go", "contract.go", "decision.go", "errors.go",
    "host.go", "hubs.go", "json.go", "lift_wasip1.go", "lower_wasip1.go", "rendezvous.go", "request.go",
);

/// The SDK for C.
pub(super) const C: Files = files!("c/":
    "berth.h", "testing.h", "bindings/policy.c", "bindings/policy.h", "src/arena.c", "src/component.c", "src/hubs.c",
    "src/internal.h", "src/json.c", "src/rendezvous.c", "src/request.c", "src/testing.c",
);

/// `berth-sdk` for Rust, but for its manifest, which says much by the workspace it is in: see `vendored.rs`.
pub(super) const RUST: Files = files!("":
    "src/arena.rs", "src/bindings.rs", "src/contract.rs", "src/decision.rs", "src/entry.rs", "src/error.rs",
    "src/hubs.rs", "src/imports.rs", "src/lib.rs", "src/log.rs", "src/payload.rs", "src/refusal.rs",
    "src/rendezvous.rs", "src/request.rs", "src/settings.rs", "src/tables.rs", "src/testing/body.rs",
    "src/testing/builder.rs", "src/testing/host.rs", "src/testing/mod.rs",
);

/// Writes files into a folder.
pub(super) fn lay_out(files: &[(&str, &str)], folder: &Path) -> Result<(), RouteError> {
    for (name, content) in files {
        let path = folder.join(name);
        let failed = |source| RouteError::File { action: "write", path: path.clone(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::write(&path, content).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every file of an SDK's folder but its own tests.
    fn on_disk(folder: &Path, below: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with("_test.go") {
                continue;
            }
            if ["test", "tests", "node_modules", "__pycache__", "package-lock.json", "Makefile"].contains(&&*name) {
                continue;
            }
            if path.is_dir() {
                on_disk(&path, below, found);
            } else {
                found.push(path.strip_prefix(below).unwrap().to_string_lossy().into_owned());
            }
        }
    }

    #[test]
    fn every_file_of_every_sdk_is_embedded() {
        for (name, below, files) in
            [("javascript", "", JAVASCRIPT), ("python", "", PYTHON), ("c", "", C), ("go", "", GO), ("", "src", RUST)]
        {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk").join(name);
            let mut found = Vec::new();
            on_disk(&folder.join(below), &folder, &mut found);
            found.sort();
            let mut embedded: Vec<_> = files.iter().map(|(path, _)| (*path).to_owned()).collect();
            embedded.sort();
            assert_eq!(embedded, found, "{name}");
        }
    }
}
