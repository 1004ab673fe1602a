//! Components of slow builds, kept for when nothing has changed since.
//!
//! A build in JavaScript or Python takes seconds. What it takes in is all laid out in a scratch folder, so a component is
//! kept under a digest of that and of its tools, and what an author runs, checks and measures again and again is built
//! once. Not for Rust, C and Go, whose own tools keep what they made.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::error::BuildError;
use super::job::{self, Job};
use super::shelf;

/// Bytes of components that are kept. Those that were of no use for longest go first.
const MOST: u64 = 256 << 20;

/// The component that `make` makes of what is in `stage`, with these tools. One that was made of the same before is taken in
/// its place, if the options say so.
pub(super) fn component(
    job: &Job<'_>,
    stage: &Path,
    tools: &[&str],
    make: impl FnOnce() -> Result<Vec<u8>, BuildError>,
) -> Result<Vec<u8>, BuildError> {
    let mut content = Sha256::new();
    tools.iter().for_each(|tool| add(&mut content, tool.as_bytes()));
    add_folder(&mut content, stage, Path::new(""))?;
    let name = hex::encode(content.finalize());
    let place = job.options.toolchain.cache_dir().map(|cache| cache.join("built").join(format!("{name}.wasm")));
    if let Some(component) = place.as_deref().filter(|_| job.options.reuse).and_then(take) {
        return Ok(component);
    }
    let component = make()?;
    if let Some(place) = place {
        // Without it, the next build takes its time again.
        let _ = put(&place, &component);
    }
    Ok(component)
}

fn take(place: &Path) -> Option<Vec<u8>> {
    let component = fs::read(place).ok()?;
    // It was of use now.
    let _ = fs::File::open(place).and_then(|file| file.set_modified(SystemTime::now()));
    Some(component)
}

/// Keeps a component, whole or not at all.
fn put(place: &Path, component: &[u8]) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(file.path(), component)?;
    file.persist(place)?;
    shelf::bound(folder, MOST, "");
    Ok(())
}

/// Adds a part, with its length, so that no two rows of parts are the same bytes.
fn add(content: &mut Sha256, part: &[u8]) {
    content.update((part.len() as u64).to_le_bytes());
    content.update(part);
}

/// Adds the names and contents of all files below a folder.
fn add_folder(content: &mut Sha256, folder: &Path, name: &Path) -> Result<(), BuildError> {
    let entries = fs::read_dir(folder).map_err(job::file_error("read", folder))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = name.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            add_folder(content, &path, &name)?;
        } else {
            add(content, name.as_os_str().as_encoded_bytes());
            add(content, &job::read(&path)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::{BuildOptions, Language, Silent, ToolchainOptions};

    #[test]
    fn the_same_is_built_once_and_anything_else_anew() {
        let cache = tempfile::tempdir().unwrap();
        let mut toolchain = ToolchainOptions::default();
        toolchain.environment = toolchain.environment.with("BERTH_CACHE_DIR", cache.path());
        let options = |reuse| BuildOptions { toolchain: toolchain.clone(), reuse, ..BuildOptions::default() };
        let built = |reuse, tools: &[&str], files: &[(&str, &str)], made: &str| {
            let stage = tempfile::tempdir().unwrap();
            files.iter().for_each(|(path, text)| job::write(&stage.path().join(path), text).unwrap());
            let folder = stage.path().to_owned();
            let job = Job { language: Language::Python, folder, options: &options(reuse), progress: &Silent };
            let component = component(&job, stage.path(), tools, || Ok(made.into())).unwrap();
            String::from_utf8(component).unwrap()
        };
        let files = [("a.py", "1"), ("b/c.py", "2")];
        assert_eq!(built(true, &["x"], &files, "first"), "first");
        assert_eq!(built(true, &["x"], &files, "second"), "first");
        assert_eq!(built(true, &["y"], &files, "other tools"), "other tools");
        assert_eq!(built(true, &["x"], &[("a.py", "1"), ("b/c.py", "3")], "other text"), "other text");
        assert_eq!(built(true, &["x"], &[("a.py", "1"), ("c.py", "2")], "other place"), "other place");
        // Who builds gets a build, which the others take from then on.
        assert_eq!(built(false, &["x"], &files, "third"), "third");
        assert_eq!(built(true, &["x"], &files, "fourth"), "third");
    }
}
