//! Waits until the files of a policy have changed.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::Duration,
};

use anyhow::Context as _;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::Place;

/// How long files have to be still: editors write several at once.
const STILL: Duration = Duration::from_millis(100);
/// How often to look whether to give up.
const LOOK_UP: Duration = Duration::from_millis(200);

/// What tools write themselves while a policy is built or tested.
const MADE: [&str; 6] = ["target", "build", "node_modules", "__pycache__", "Cargo.lock", "package-lock.json"];

/// Watches files and folders. What counts is their content: touching a file changes nothing.
pub struct Watch {
    paths: Vec<PathBuf>,
    seen: u64,
    events: Receiver<()>,
    /// Ends with the watch.
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches these paths from now on.
    ///
    /// # Errors
    ///
    /// If the system says no.
    pub fn start(paths: Vec<PathBuf>) -> anyhow::Result<Self> {
        let (tell, events) = channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading is no change. An error may stand for changes that were lost.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                // Nobody listens any more once the watch has ended.
                let _ = tell.send(());
            }
        })
        .context("failed to watch files")?;
        for path in &paths {
            // A file that an editor replaces is another file, so its folder is watched.
            let (folder, mode) = match path.is_dir() {
                true => (path.as_path(), RecursiveMode::Recursive),
                false => (path.parent().unwrap_or(path), RecursiveMode::NonRecursive),
            };
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            watcher.watch(folder, mode).with_context(|| format!("failed to watch {}", folder.display()))?;
        }
        Ok(Self { seen: fingerprint(&paths), paths, events, _watcher: watcher })
    }

    /// Waits until something has changed since this was called last. `false` if told to give up.
    pub fn changed(&mut self, cancelled: &AtomicBool) -> bool {
        loop {
            let now = fingerprint(&self.paths);
            if now != self.seen {
                self.seen = now;
                return true;
            }
            loop {
                if cancelled.load(Ordering::Relaxed) {
                    return false;
                }
                match self.events.recv_timeout(LOOK_UP) {
                    Ok(()) => break,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return false,
                }
            }
            while self.events.recv_timeout(STILL).is_ok() {}
        }
    }
}

/// A number that changes with the names and contents of these files, and of those below these folders.
fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    paths.iter().for_each(|path| add(path, &mut hasher));
    hasher.finish()
}

fn add(path: &Path, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    let Ok(entries) = fs::read_dir(path) else {
        // What cannot be read counts as empty; reading it for its purpose will say why.
        fs::read(path).unwrap_or_default().hash(hasher);
        return;
    };
    let is_source = matches!(Place::find(path), Ok(Place::Source(_)));
    let is_written =
        |name: &str| !(name.starts_with('.') || MADE.contains(&name) || is_source && name.ends_with(".wasm"));
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| is_written(name)).collect();
    names.sort();
    names.iter().for_each(|name| add(&path.join(name), hasher));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_counts_and_what_tools_write_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let print = || fingerprint(&[path.to_owned()]);
        let write = |name: &str, text: &str| {
            let file = path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
            print()
        };
        let first = write("Cargo.toml", "");
        let second = write("src/lib.rs", "a");
        assert_ne!(first, second);
        assert_ne!(second, write("src/lib.rs", "b"));
        assert_eq!(second, write("src/lib.rs", "a"));
        for made in ["target/x", "policy.wasm", ".lib.rs.swp", "Cargo.lock"] {
            assert_eq!(second, write(made, "new"), "{made}");
        }
    }
}
