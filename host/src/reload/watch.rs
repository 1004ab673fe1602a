//! Tells which parts of the catalogue may have changed.
//!
//! An event only says where to look: what counts is the content found there. Watches the directory's parent too, so that
//! a directory renamed into its place is noticed. What cannot be watched keeps nothing else from being watched: it is
//! looked at now and then until it can.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{sync::mpsc, time::Instant};
use tracing::warn;

use super::{Scope, at, deploy::STAGING, settle::Unsettled};
use crate::contract::{Name, PolicyId};

/// How soon what could not be watched is tried again, doubled each time.
const AGAIN: Duration = Duration::from_secs(1);
/// And how late: each time all of the catalogue is looked at.
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);

/// How far below the catalogue each folder is tried by itself if not all can be watched: down to the policies'.
const LEVELS: u32 = 2;

/// Git's own folder, or the file that says where it is.
const GIT: &str = ".git";
/// What the folders begin with that Kubernetes keeps the files in which it links to.
const LINKED: &str = "..";

/// A watch on the catalogue directory.
pub(super) struct Watch {
    directory: PathBuf,
    /// `None` while the system gives none.
    source: Option<Source>,
    /// Set while a part of the catalogue is not watched: when that is tried again, and how long after the last time.
    again: Option<(Instant, Duration)>,
    /// What has changed and was not told yet. Kept here, since whoever waits may stop waiting and come back.
    noted: Unsettled,
}

type Events = mpsc::UnboundedReceiver<notify::Result<notify::Event>>;

/// Where events come from, for as long as it is kept.
struct Source {
    _watcher: RecommendedWatcher,
    events: Events,
}

impl Watch {
    /// Starts to watch what can be watched.
    ///
    /// # Errors
    ///
    /// If the working directory, which the path may be relative to, is gone.
    pub(super) fn start(directory: &Path) -> anyhow::Result<Self> {
        let failed = || format!("failed to find the catalogue {}", directory.display());
        let directory = std::path::absolute(directory).with_context(failed)?;
        let mut watch = Self { directory, source: None, again: None, noted: Unsettled::default() };
        watch.renew();
        Ok(watch)
    }

    /// Waits for changes, lets them settle, and says where they were. `None` if the watch has ended. Nothing is lost if
    /// this is dropped before it is done: the next call goes on.
    pub(super) async fn changes(&mut self) -> Option<BTreeSet<Scope>> {
        loop {
            let scopes = self.noted.take(Instant::now());
            if scopes.contains(&Scope::All) {
                return Some(self.renewed());
            }
            if !scopes.is_empty() {
                return Some(scopes);
            }
            let again = self.again.map(|(when, _)| when);
            tokio::select! {
                event = next(&mut self.source) => self.note(event?),
                () = at(self.noted.due()) => {}
                () = at(again) => return Some(self.renewed()),
            }
        }
    }

    /// Watches anew and has all of it looked at.
    fn renewed(&mut self) -> BTreeSet<Scope> {
        self.renew();
        BTreeSet::from([Scope::All])
    }

    /// Whether changes of a part of the catalogue are not seen until it is looked at again.
    pub(super) fn is_deaf(&self) -> bool {
        self.again.is_some()
    }

    fn note(&mut self, event: notify::Result<notify::Event>) {
        match event {
            Ok(event) if event.need_rescan() => self.look_at(&[Scope::All]),
            Ok(event) => {
                let scopes: Vec<_> =
                    event.paths.iter().filter_map(|path| scope(path.strip_prefix(&self.directory).ok()?)).collect();
                self.look_at(&scopes);
            }
            Err(error) => {
                warn!(%error, "the catalogue's watch missed something; looking at all of it");
                self.look_at(&[Scope::All]);
            }
        }
    }

    fn look_at(&mut self, scopes: &[Scope]) {
        let now = Instant::now();
        scopes.iter().for_each(|scope| self.noted.note(scope, now));
    }

    /// Watches the directory that is there now: it may be another one under the same name. Who renews looks at all of it
    /// afterwards, so that no change falls between.
    fn renew(&mut self) {
        let watched = source(&self.directory).and_then(|(source, all)| {
            self.source = Some(source);
            all
        });
        self.again = watched.err().map(|error| {
            let pause = self.again.map_or(AGAIN, |(_, pause)| (pause * 2).min(AGAIN_AT_MOST));
            warn!(%error, after_s = pause.as_secs(), "a part of the catalogue cannot be watched; it is looked at later");
            (Instant::now() + pause, pause)
        });
    }
}

/// What a change of this path in the catalogue concerns. `None` if it is nobody's.
fn scope(inside: &Path) -> Option<Scope> {
    let names: Vec<_> = inside.components().map(|part| part.as_os_str().to_str().unwrap_or_default()).collect();
    // Berth's own staging folders, and what Git notes beside a checkout.
    if names.iter().any(|name| name.starts_with(STAGING) || *name == GIT) {
        return None;
    }
    let parse = |name: &&str| name.parse::<Name>().ok();
    // What somebody lays out beside tenants or policies counts once it, or a link to it, is put into its place.
    let beside = |name: &&str| parse(name).is_none() && !name.starts_with(LINKED);
    if matches!(names.as_slice(), [first, _, ..] if beside(first))
        || matches!(names.as_slice(), [_, second, _, ..] if beside(second))
    {
        return None;
    }
    let mut names = names.iter().map(parse);
    Some(match (names.next().flatten(), names.next().flatten()) {
        (Some(tenant), Some(policy)) => Scope::Policy(PolicyId { tenant, policy }),
        (Some(tenant), None) => Scope::Tenant(tenant),
        (None, _) => Scope::All,
    })
}

/// The next event. None ever comes if there is no source.
async fn next(source: &mut Option<Source>) -> Option<notify::Result<notify::Event>> {
    match source {
        Some(source) => source.events.recv().await,
        None => std::future::pending().await,
    }
}

/// Watches the directory and its parent, and says whether all of it is watched.
fn source(directory: &Path) -> notify::Result<(Source, notify::Result<()>)> {
    let (sender, events) = mpsc::unbounded_channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is no change; the reloader itself reads.
        if !matches!(&event, Ok(event) if event.kind.is_access()) {
            // Nobody listens any more once the server stops.
            let _ = sender.send(event);
        }
    })?;
    let parent = directory.parent().map_or(Ok(()), |parent| watcher.watch(parent, RecursiveMode::NonRecursive));
    let below = if directory.is_dir() { watch_below(&mut watcher, directory, LEVELS) } else { Ok(()) };
    Ok((Source { _watcher: watcher, events }, parent.and(below)))
}

/// Watches a folder with all that is in it. The first folder in there that cannot be watched ends that, wherever it lies,
/// so that each is tried by itself then.
fn watch_below(watcher: &mut RecommendedWatcher, folder: &Path, levels: u32) -> notify::Result<()> {
    let watched = watcher.watch(folder, RecursiveMode::Recursive);
    if let (Err(_), Some(levels)) = (&watched, levels.checked_sub(1)) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            // What is wrong with it has been said above.
            let _ = watch_below(watcher, &entry.path(), levels);
        }
    }
    watched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_concerns_no_more_than_it_has_to() {
        let tenant = Some(Scope::Tenant("contoso".parse().unwrap()));
        let policy = Some(Scope::Policy("contoso/p".parse().unwrap()));
        for (path, concerned) in [
            ("", Some(Scope::All)),
            ("..data", Some(Scope::All)),
            ("..2026/contoso/p/policy.wasm", Some(Scope::All)),
            ("contoso", tenant.clone()),
            ("contoso/tenant.toml", tenant.clone()),
            ("contoso/.staged", tenant.clone()),
            ("contoso/..data", tenant.clone()),
            ("contoso/..2026/p/policy.wasm", tenant),
            ("contoso/p", policy.clone()),
            ("contoso/p/policy.wasm", policy.clone()),
            ("contoso/p/checks/a.json", policy.clone()),
            ("contoso/p/..data", policy),
            (".git", None),
            (".git/index.lock", None),
            ("contoso/.git/index.lock", None),
            ("contoso/p/.git", None),
            (".staged/contoso/p/policy.wasm", None),
            ("contoso/.staged/policy.wasm", None),
            ("contoso/New Policy/policy.wasm", None),
            ("contoso/.berth-1a2b/next", None),
        ] {
            assert_eq!(scope(Path::new(path)), concerned, "{path}");
        }
    }
}
