//! Private folders of tools: each is filled once, by one process, and is used as it is for ever after.
//!
//! A folder bears its final name only once everything in it is done, so filling that was cut short leaves nothing that
//! could be mistaken for tools. Deleting a folder is safe. Not for what is in a folder, nor which of several is taken.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::error::RouteError;
use super::process::ProcessError;
use super::progress::{Event, Progress};

/// Beginning of the names of folders that are being filled.
const STAGING: &str = ".staging-";

/// Folders of one kind of tools, side by side.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    /// How long another process that fills one is waited for.
    patience: Duration,
}

impl Shelf {
    pub(super) fn new(folder: PathBuf, patience: Duration) -> Self {
        Self { folder, patience }
    }

    /// The folders that are whole, which is not judged here: all but those being filled.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|folder| folder.is_dir() && !is_staging(folder)).collect()
    }

    /// The folder of this name, which is filled by `fill` if it is not there.
    pub(super) fn folder(
        &self,
        name: &str,
        progress: &dyn Progress,
        fill: impl FnOnce(&Path) -> Result<(), RouteError>,
    ) -> Result<PathBuf, RouteError> {
        let folder = self.folder.join(name);
        if folder.is_dir() {
            return Ok(folder);
        }
        self.alone(
            progress,
            || folder.is_dir().then(|| folder.clone()),
            |staging| {
                let content = staging.join("content");
                fs::create_dir(&content).map_err(|source| file("create", &content, source))?;
                fill(&content)?;
                fs::rename(&content, &folder).map_err(|source| file("create", &folder, source))?;
                Ok(folder.clone())
            },
        )
    }

    /// Does `work`, in a scratch folder, with no other process doing the same; one that has just done so saves the work:
    /// `done` is asked before.
    pub(super) fn alone(
        &self,
        progress: &dyn Progress,
        done: impl FnOnce() -> Option<PathBuf>,
        work: impl FnOnce(&Path) -> Result<PathBuf, RouteError>,
    ) -> Result<PathBuf, RouteError> {
        let create = |source| file("create", &self.folder, source);
        fs::create_dir_all(&self.folder).map_err(create)?;
        let _lock = self.lock(progress)?;
        if let Some(folder) = done() {
            return Ok(folder);
        }
        self.remove_leftovers();
        let staging = tempfile::Builder::new().prefix(STAGING).tempdir_in(&self.folder).map_err(create)?;
        let folder = work(staging.path())?;
        drop(staging);
        // Once more: a tool that outlived a killed process may have gone on writing behind the first time.
        self.remove_leftovers();
        Ok(folder)
    }

    /// Takes the lock, which ends with the file that is returned. The system drops it when a process dies.
    fn lock(&self, progress: &dyn Progress) -> Result<File, RouteError> {
        let path = self.folder.join("lock");
        let failed = |source| file("lock", &path, source);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        let started = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) => {}
            }
            if progress.cancelled() {
                return Err(ProcessError::Cancelled.into());
            }
            if started.elapsed() > self.patience {
                return Err(RouteError::Locked { path });
            }
            if !told {
                progress.report(Event::Step("Waiting for another process that sets up the same toolchain"));
                told = true;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Removes what killed processes left. Called with the lock held, so none of it is in use. Failures only cost space.
    fn remove_leftovers(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for folder in entries.map(|entry| entry.path()).filter(|folder| is_staging(folder)) {
            if let Err(error) = fs::remove_dir_all(&folder) {
                tracing::debug!(folder = %folder.display(), %error, "could not remove a leftover");
            }
        }
    }
}

/// Removes files of a folder, those longest unused first, until the rest has no more than so many bytes. The file `except`
/// stays and does not count. What cannot be removed is in nobody's way.
pub fn bound(folder: &Path, most: u64, except: &str) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.file_name() != except);
    let files = entries.filter_map(|entry| {
        let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some((about.modified().ok()?, about.len(), entry.path()))
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    let mut bytes = 0;
    for (_, length, path) in files.into_iter().rev() {
        bytes += length;
        if bytes > most {
            let _ = fs::remove_file(path);
        }
    }
}

fn is_staging(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(STAGING))
}

fn file(action: &'static str, path: &Path, source: std::io::Error) -> RouteError {
    RouteError::File { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::Silent;

    #[test]
    fn a_folder_is_filled_once_and_what_was_cut_short_is_filled_again() {
        let place = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(place.path().join("tools"), Duration::from_secs(1));
        let failed = shelf.folder("a", &Silent, |folder| {
            fs::write(folder.join("half"), "").unwrap();
            Err(RouteError::NoCacheFolder)
        });
        assert!(failed.is_err());
        assert!(shelf.folders().is_empty());
        let filled = shelf.folder("a", &Silent, |folder| {
            fs::write(folder.join("whole"), "").unwrap();
            Ok(())
        });
        let folder = filled.unwrap();
        assert!(folder.join("whole").is_file() && !folder.join("half").exists());
        let again = shelf.folder("a", &Silent, |_| panic!("filled already")).unwrap();
        assert_eq!((again, shelf.folders()), (folder.clone(), vec![folder]));
    }

    #[test]
    fn what_was_of_no_use_for_longest_goes_first() {
        let place = tempfile::tempdir().unwrap();
        for (name, seconds) in [("key", 1), ("old", 2), ("used", 4), ("newer", 3)] {
            let path = place.path().join(name);
            fs::write(&path, [0; 10]).unwrap();
            let moment = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
            File::options().write(true).open(path).unwrap().set_modified(moment).unwrap();
        }
        let left = |most| {
            bound(place.path(), most, "key");
            ["key", "old", "used", "newer"].map(|name| place.path().join(name).exists())
        };
        assert_eq!(left(30), [true, true, true, true]);
        assert_eq!(left(20), [true, false, true, true]);
        assert_eq!(left(19), [true, false, true, false]);
        assert_eq!(left(0), [true, false, false, false]);
    }

    #[test]
    fn only_leftovers_are_removed() {
        let place = tempfile::tempdir().unwrap();
        for name in ["1.96.0-1", ".staging-1"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        Shelf::new(place.path().to_owned(), Duration::ZERO).remove_leftovers();
        assert!(place.path().join("1.96.0-1").exists());
        assert!(!place.path().join(".staging-1").exists());
    }

    #[test]
    fn a_lock_that_is_held_is_given_up_on_in_time() {
        let place = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(place.path().to_owned(), Duration::ZERO);
        let held = shelf.lock(&Silent).unwrap();
        assert!(matches!(shelf.lock(&Silent), Err(RouteError::Locked { .. })));
        drop(held);
        shelf.lock(&Silent).unwrap();
    }
}
