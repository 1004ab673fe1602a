//! A policy of a test, begun and built as an author does, and asked without a server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use berth_tests::{binary, bodies};
use serde_json::Value;
use tempfile::TempDir;

use crate::berth;

/// A language that a policy is begun in, and its file with the rule.
pub(crate) type Start = (&'static str, &'static str);

pub(crate) const RUST: Start = ("rust", "src/lib.rs");
pub(crate) const JAVASCRIPT: Start = ("js", "policy.js");
pub(crate) const TYPESCRIPT: Start = ("ts", "policy.ts");
pub(crate) const PYTHON: Start = ("python", "policy.py");
pub(crate) const C: Start = ("c", "policy.c");
pub(crate) const GO: Start = ("go", "policy.go");

/// A component with this rule.
pub(crate) struct Asker {
    folder: TempDir,
    component: PathBuf,
}

impl Asker {
    pub(crate) fn build((lang, source): Start, rule: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        berth(folder.path(), &["policy", "new", "asker", "--lang", lang]);
        let policy = folder.path().join("asker");
        fs::write(policy.join(source), rule).expect("a rule");
        berth(&policy, &["policy", "build"]);
        Self { component: policy.join("policy.wasm"), folder }
    }

    /// What `berth policy run` reports about this body, whatever comes of it.
    pub(crate) fn asked(&self, body: &str) -> Value {
        let file = self.folder.path().join("body.json");
        fs::write(&file, body).expect("a body");
        run(&self.component, &file)
    }

    /// What is said of these settings, which are refused.
    pub(crate) fn refused(&self, settings: &str) -> String {
        let file = self.folder.path().join("settings.json");
        fs::write(&file, settings).expect("settings");
        let body = self.folder.path().join("first.json");
        fs::write(&body, bodies::first()).expect("a body");
        let mut command = Command::new(binary());
        command.args(["policy", "run", "--request"]).args([&body, &self.component]).arg("--settings").arg(&file);
        let output = command.output().expect("berth");
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

fn run(component: &Path, body: &Path) -> Value {
    let mut command = Command::new(binary());
    command.args(["policy", "run", "--json", "--request"]).args([body, component]);
    let output = command.output().expect("berth");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}
