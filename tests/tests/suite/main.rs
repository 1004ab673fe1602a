//! The suite.

mod architecture;
mod readme;
mod reference;

use std::path::{Path, PathBuf};

/// The repository's folder.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .to_owned()
}

/// The Markdown files that users read: those at the top and in `docs`.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [repository(), repository().join("docs")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("the folder is there"))
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}
