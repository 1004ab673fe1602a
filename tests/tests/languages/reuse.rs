//! What has not changed is not built again where a build is slow, and what has is.

use std::{fs, path::Path};

use serde_json::Value;

use crate::berth;

/// The version of the policy in this folder, as a command that tries it says.
fn version(policy: &Path) -> Value {
    let told = berth(policy, &["policy", "run", "-r", "checks/with-model.json", "--json"]);
    serde_json::from_str::<Value>(&told).expect("a report")["version"].clone()
}

/// Two builds of the same source differ, so that one version is of one build.
#[test]
fn a_policy_in_javascript_is_built_once() {
    let folder = tempfile::tempdir().expect("a folder");
    berth(folder.path(), &["policy", "new", "first", "--lang", "js"]);
    let policy = folder.path().join("first");
    let source = policy.join("policy.js");
    let rule = fs::read_to_string(&source).expect("the rule");
    // A rule that nobody has built before.
    let rule = format!("{rule}export const made = {:?};\n", folder.path().display().to_string());
    fs::write(&source, &rule).expect("the rule");
    let first = version(&policy);
    assert_eq!(version(&policy), first);
    // Which leaves files of npm's.
    berth(&policy, &["policy", "test"]);
    assert_eq!(version(&policy), first);
    let built = berth(&policy, &["policy", "build", "--json"]);
    let built = serde_json::from_str::<Value>(&built).expect("a report")["digest"].clone();
    assert_eq!(version(&policy), built, "what was built last is what is tried");
    fs::write(&source, rule.replace("60", "61")).expect("another rule");
    let changed = version(&policy);
    assert!(changed != first && changed != built, "{changed}");
}
