//! Tells whether a policy's folder is still as it was, without reading its files again.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::source::{CHECKS, COMPONENT_FILE, POLICY_FILE, SourceError, TABLES, entries};

/// How often a folder is read that changes while it is.
const LOOKS: usize = 3;

/// Tells a folder's files from those that another moment finds there, without reading them: which files they are, how
/// large, and when they changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<(PathBuf, Option<[i128; 5]>)>);

impl Stamp {
    /// The stamp of a policy's folder as it is now.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let mut paths = vec![folder.to_owned(), folder.join(POLICY_FILE), folder.join(COMPONENT_FILE)];
        for below in [folder.join(CHECKS), folder.join(TABLES)] {
            let mut files: Vec<_> = entries(&below).unwrap_or_default().iter().map(fs::DirEntry::path).collect();
            files.sort();
            paths.push(below);
            paths.extend(files);
        }
        let mark = |path: &PathBuf| {
            let found = fs::metadata(path).ok()?;
            let modified = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
            let changed = i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec());
            Some([found.dev().into(), found.ino().into(), found.size().into(), modified, changed])
        };
        Self(paths.into_iter().map(|path| (path.clone(), mark(&path))).collect())
    }
}

/// Reads a folder until it was the same before and after.
pub(super) fn read_still<T>(
    folder: &Path,
    mut read: impl FnMut() -> Result<T, SourceError>,
) -> Result<(T, Stamp), SourceError> {
    let mut before = Stamp::of(folder);
    for _ in 0..LOOKS {
        let files = read();
        let after = Stamp::of(folder);
        if after == before {
            return Ok((files?, after));
        }
        before = after;
    }
    Err(SourceError::Changing { path: folder.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{super::source::read_text, *};

    /// Lays out a folder whose two files are of the same number, beside another, and puts it in its place.
    fn exchange(folder: &Path, number: u32) {
        let new = folder.with_extension(number.to_string());
        fs::create_dir(&new).unwrap();
        fs::write(new.join(COMPONENT_FILE), number.to_string()).unwrap();
        fs::write(new.join(POLICY_FILE), number.to_string()).unwrap();
        if folder.exists() {
            fs::rename(folder, folder.with_extension(format!("before-{number}"))).unwrap();
        }
        fs::rename(new, folder).unwrap();
    }

    /// Reads one file and then the other; between the two, this happens.
    fn halves(folder: &Path, between: impl FnOnce()) -> Result<[String; 2], SourceError> {
        let component = read_text(folder, COMPONENT_FILE)?;
        between();
        Ok([component, read_text(folder, POLICY_FILE)?])
    }

    #[test]
    fn a_folder_exchanged_while_it_is_read_is_read_again() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("policy");
        exchange(&folder, 1);
        let mut number = 1;
        let read = || {
            halves(&folder, || {
                if number < 3 {
                    number += 1;
                    exchange(&folder, number);
                }
            })
        };
        let (files, stamp) = read_still(&folder, read).unwrap();
        assert_eq!(files, ["3", "3"]);
        assert_eq!(stamp, Stamp::of(&folder));
    }

    #[test]
    fn a_folder_that_never_keeps_still_is_not_read() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("policy");
        exchange(&folder, 0);
        let mut number = 0;
        let read = || {
            number += 1;
            halves(&folder, || exchange(&folder, number))
        };
        assert!(matches!(read_still(&folder, read), Err(SourceError::Changing { .. })));
    }

    #[test]
    fn every_way_to_change_a_folder_changes_its_stamp() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("policy");
        exchange(&folder, 1);
        let mut stamp = Stamp::of(&folder);
        assert_eq!(stamp, Stamp::of(&folder));
        let mut differs = |change: &dyn Fn(&Path)| {
            change(&folder);
            let before = std::mem::replace(&mut stamp, Stamp::of(&folder));
            assert_ne!(stamp, before);
        };
        differs(&|folder| fs::write(folder.join(POLICY_FILE), "longer").unwrap());
        differs(&|folder| fs::remove_file(folder.join(POLICY_FILE)).unwrap());
        differs(&|folder| fs::create_dir(folder.join(CHECKS)).unwrap());
        differs(&|folder| fs::write(folder.join(CHECKS).join("a.json"), "{}").unwrap());
        differs(&|folder| fs::write(folder.join(CHECKS).join("a.json"), "[]\n").unwrap());
        differs(&|folder| exchange(folder, 2));
    }
}
