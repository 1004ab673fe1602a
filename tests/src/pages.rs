//! The pages that users read.

use std::path::{Path, PathBuf};

/// Pages whose commands need more languages than Rust, whose tools are fetched: they are walked with the tests of languages.
pub const WITH_LANGUAGES: [&str; 3] =
    ["docs/languages.md", "docs/first-policy-javascript.md", "docs/authoring-javascript.md"];

/// The repository's folder.
#[must_use]
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// The Markdown files at the top of the repository and in `docs`.
///
/// # Panics
///
/// If a folder cannot be read.
#[must_use]
pub fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [repository(), repository().join("docs")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("the folder is there"))
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}
