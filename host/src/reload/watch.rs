//! Tells which parts of the catalogue may have changed.
//!
//! An event only says where to look: what counts is the content found there. Watches the directory's parent too, so that
//! a directory renamed into its place is noticed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tracing::warn;

use super::{Scope, deploy::STAGING};
use crate::contract::PolicyId;

/// Files that arrive in pieces are taken together if the pieces are no further apart than this.
const SETTLE: Duration = Duration::from_millis(25);
/// But nothing waits longer than this for the pieces to end.
const SETTLE_AT_MOST: Duration = Duration::from_millis(1000);

/// A watch on the catalogue directory.
pub(super) struct Watch {
    directory: PathBuf,
    watcher: RecommendedWatcher,
    events: mpsc::UnboundedReceiver<notify::Result<notify::Event>>,
    /// What has changed and was not told yet. Kept here, since whoever waits may stop waiting and come back.
    noted: BTreeSet<Scope>,
    /// When that is told at the latest.
    latest: Option<Instant>,
}

impl Watch {
    /// Starts to watch.
    ///
    /// # Errors
    ///
    /// If the system has no more watches, or the directory's parent is not there.
    pub(super) fn start(directory: &Path) -> anyhow::Result<Self> {
        let failed = || format!("failed to watch the catalogue {}", directory.display());
        let directory = std::path::absolute(directory).with_context(failed)?;
        let (sender, events) = mpsc::unbounded_channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is no change; the reloader itself reads.
            if !matches!(&event, Ok(event) if event.kind.is_access()) {
                // Nobody listens any more once the server stops.
                let _ = sender.send(event);
            }
        })
        .with_context(failed)?;
        if let Some(parent) = directory.parent() {
            watcher.watch(parent, RecursiveMode::NonRecursive).with_context(failed)?;
        }
        if directory.is_dir() {
            watcher.watch(&directory, RecursiveMode::Recursive).with_context(failed)?;
        }
        Ok(Self { directory, watcher, events, noted: BTreeSet::new(), latest: None })
    }

    /// Waits for changes, lets them settle, and says where they were. `None` if the watch has ended. Nothing is lost if
    /// this is dropped before it is done: the next call goes on.
    pub(super) async fn changes(&mut self) -> Option<BTreeSet<Scope>> {
        while self.noted.is_empty() {
            let event = self.events.recv().await?;
            self.note(event);
        }
        let latest = *self.latest.get_or_insert_with(|| Instant::now() + SETTLE_AT_MOST);
        while let Ok(Some(event)) = timeout_at(latest.min(Instant::now() + SETTLE), self.events.recv()).await {
            self.note(event);
        }
        self.latest = None;
        let scopes = std::mem::take(&mut self.noted);
        if scopes.contains(&Scope::All) {
            self.renew();
            return Some(BTreeSet::from([Scope::All]));
        }
        Some(scopes)
    }

    fn note(&mut self, event: notify::Result<notify::Event>) {
        match event {
            Ok(event) if event.need_rescan() => {
                self.noted.insert(Scope::All);
            }
            Ok(event) => {
                let scopes: Vec<_> = event.paths.iter().filter_map(|path| self.scope(path)).collect();
                self.noted.extend(scopes);
            }
            Err(error) => {
                warn!(%error, "the catalogue's watch missed something; looking at all of it");
                self.noted.insert(Scope::All);
            }
        }
    }

    /// What a change of this path concerns. `None` for the neighbours of the catalogue directory.
    fn scope(&self, path: &Path) -> Option<Scope> {
        let inside = path.strip_prefix(&self.directory).ok()?;
        // Berth's own staging folders.
        if inside.components().any(|part| part.as_os_str().to_str().is_some_and(|name| name.starts_with(STAGING))) {
            return None;
        }
        let mut names = inside.components().map(|part| part.as_os_str().to_str().and_then(|name| name.parse().ok()));
        Some(match (names.next(), names.next()) {
            (Some(Some(tenant)), Some(Some(policy))) => Scope::Policy(PolicyId { tenant, policy }),
            (Some(Some(tenant)), _) => Scope::Tenant(tenant),
            _ => Scope::All,
        })
    }

    /// Watches the directory that is there now: it may be another one under the same name.
    fn renew(&mut self) {
        // Not watched any more if the directory itself was replaced.
        let _ = self.watcher.unwatch(&self.directory);
        if let Err(error) = self.watcher.watch(&self.directory, RecursiveMode::Recursive) {
            warn!(%error, "the catalogue cannot be watched until it is back");
        }
    }
}
