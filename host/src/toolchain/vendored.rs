//! The manifest of the Rust SDK as it stands by itself.
//!
//! In the repository it takes its version, its edition and the versions of its dependencies from the workspace; in a policy's
//! folder there is none. What the workspace says is put in here, so that it is written down once.

use toml::{Table, Value};

const MANIFEST: &str = include_str!("../../../guest-sdk/Cargo.toml");
const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// The manifest, with everything in it. `None` if the two embedded files do not fit each other, which a test rules out.
pub(super) fn manifest() -> Option<String> {
    let mut manifest: Table = MANIFEST.parse().ok()?;
    let workspace: Table = WORKSPACE.parse().ok()?;
    let workspace = workspace.get("workspace")?;
    manifest.remove("lints");
    for section in ["package", "dependencies"] {
        let shared = workspace.get(section)?;
        for (name, value) in manifest.get_mut(section)?.as_table_mut()? {
            if value.get("workspace").is_some() {
                *value = shared.get(name)?.clone();
            }
        }
    }
    manifest.get_mut("package")?.as_table_mut()?.insert("publish".to_owned(), Value::Boolean(false));
    toml::to_string(&manifest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_leaves_nothing_to_a_workspace() {
        let manifest = manifest().unwrap();
        assert!(!manifest.contains("workspace"), "{manifest}");
        let read: Table = manifest.parse().unwrap();
        assert_eq!(read["package"]["name"].as_str(), Some("berth-sdk"));
        assert!(read["dependencies"]["serde_json"].get("version").is_some(), "{manifest}");
    }
}
