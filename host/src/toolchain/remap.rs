//! Keeps a machine's paths out of its components.
//!
//! The compiler writes the paths of source files into panic messages. Those within a workspace are relative already;
//! the rest are renamed here after where they come from, not where they lie, so that two machines agree.
//! A crate that puts a path into its own text (`env!("CARGO_MANIFEST_DIR")`) is beyond this.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_metadata::Metadata;

use super::find::Toolchain;

/// The compiler's flags for what one `cargo metadata` describes.
pub(super) fn flags(toolchain: &Toolchain, metadata: &Metadata) -> Vec<String> {
    let mut renames: BTreeMap<PathBuf, String> = BTreeMap::new();
    for package in metadata.packages.iter().filter(|package| !metadata.workspace_members.contains(&package.id)) {
        let Some(folder) = package.manifest_path.parent().map(|folder| folder.as_std_path()) else {
            continue;
        };
        let registry = package.source.as_ref().is_some_and(|source| source.repr.starts_with("registry+"));
        match folder.parent() {
            // Its folder bears name and version, and one flag does for all beside it.
            Some(shelf) if registry => renames.insert(shelf.to_owned(), "/crates".to_owned()),
            _ => renames.insert(folder.to_owned(), format!("/crates/{}-{}", package.name, package.version)),
        };
    }
    // Where build scripts put code they generate.
    renames.insert(metadata.target_directory.clone().into_std_path_buf(), "/target".to_owned());
    renames.insert(metadata.workspace_root.clone().into_std_path_buf(), "/policy".to_owned());
    // A compiler that has the library's source beside it names that in place of the name the library was built with.
    renames.insert(toolchain.sysroot.join("lib/rustlib/src/rust"), toolchain.version.source.clone());
    in_order(renames)
}

/// Of several flags that match a path the last one counts: what lies deeper has to come later.
fn in_order(renames: BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut renames: Vec<_> = renames.into_iter().collect();
    renames.sort_by_key(|(from, _)| depth(from));
    renames.into_iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).collect()
}

fn depth(path: &Path) -> usize {
    path.components().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_folder_comes_last() {
        let renames = [("/a/b", "/policy"), ("/a/b/vendor/x", "/crates/x-1"), ("/a", "/crates")];
        let renames = renames.map(|(from, to)| (PathBuf::from(from), to.to_owned())).into();
        let expected = ["/a=/crates", "/a/b=/policy", "/a/b/vendor/x=/crates/x-1"];
        assert_eq!(in_order(renames), expected.map(|pair| format!("--remap-path-prefix={pair}")));
    }
}
