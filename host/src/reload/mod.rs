//! Owns the catalogue: turns changes of files, and requests of people, into the next snapshot.
//!
//! One task on a thread of its own, so that neither reading nor waiting for a disk takes time from requests. It watches
//! the directory, compares contents, has changes verified (several at a time, one never waiting for another), remembers
//! what serves, and publishes. Whatever goes wrong keeps what serves, is written to that policy's state, is logged once,
//! and touches no other policy.

mod command;
mod deploy;
mod policies;
mod programs;
mod tenants;
mod verify;
mod watch;

pub use command::{Changed, CommandError, Handle};

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use self::{command::Command, policies::Verified, verify::Verifier, watch::Watch};
use crate::{
    catalogue::{Catalogue, Current, source},
    contract::{Digest, Limits, Name, PolicyId},
    engine::Compiler,
    store::Store,
};

/// Requests of people that may wait to be looked at.
const QUEUE: usize = 64;

/// What a change of files may concern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// Anything.
    All,
    /// A tenant and all of its policies.
    Tenant(Name),
    /// One policy.
    Policy(PolicyId),
}

/// What a reloader works with.
pub struct Setup {
    /// The catalogue directory.
    pub directory: PathBuf,
    /// Compiles components.
    pub compiler: Compiler,
    /// The server's limits.
    pub limits: Limits,
    /// Berth's memory.
    pub store: Arc<Store>,
    /// Where snapshots are published.
    pub current: Arc<Current>,
    /// How long a tenant or policy has to be gone from the directory before it counts as removed.
    pub removal_grace: Duration,
}

/// The owner of the catalogue.
struct Reloader {
    directory: PathBuf,
    removal_grace: Duration,
    verifier: Arc<Verifier>,
    store: Arc<Store>,
    current: Arc<Current>,
    /// The catalogue as it will be published next.
    catalogue: Catalogue,
    /// Whether it differs from what was published.
    changed: bool,
    /// The manifest each tenant was last read with, and the limits in it.
    tenants: HashMap<Name, (String, Limits)>,
    /// What was last found in a policy's folder, good or bad: looked at once, then not again until it changes.
    seen: HashMap<PolicyId, Seen>,
    /// What is not in the directory any more, and when that counts as removed.
    missing: BTreeMap<Scope, Instant>,
    /// Verifications under way.
    jobs: JoinSet<Verified>,
    /// The newest verification of each policy; what an older one finds is out of date.
    tickets: HashMap<PolicyId, u64>,
    /// Counts verifications, and never begins anew.
    last_ticket: u64,
}

/// What was found in a policy's folder.
#[derive(PartialEq, Eq, Clone)]
enum Seen {
    /// Files of this content, to run under these limits.
    Files(Digest, Limits),
    /// Files that could not be read, and why.
    Unreadable(String),
}

/// An owner of the catalogue that has been started.
pub struct Started {
    /// A way to ask it for changes.
    pub handle: Handle,
    thread: std::thread::JoinHandle<()>,
    loaded: oneshot::Receiver<anyhow::Result<()>>,
}

impl Started {
    /// Waits until the first snapshot is published, and gives the owner's thread.
    ///
    /// # Errors
    ///
    /// If the directory cannot be watched or Berth's memory cannot be read.
    pub async fn loaded(self) -> anyhow::Result<std::thread::JoinHandle<()>> {
        self.loaded.await.context("the owner of the catalogue ended early")??;
        Ok(self.thread)
    }
}

/// Starts the owner of the catalogue on a thread of its own. It runs until `stop` is cancelled.
///
/// # Errors
///
/// If the system gives no thread.
pub fn start(setup: Setup, stop: CancellationToken) -> anyhow::Result<Started> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime of the catalogue's owner")?;
    let (commands, queue) = mpsc::channel(QUEUE);
    let (loaded, first) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("berth-catalogue".into())
        .spawn(move || runtime.block_on(own(setup, queue, stop, loaded)))
        .context("failed to start the owner of the catalogue")?;
    Ok(Started { handle: Handle(commands), thread, loaded: first })
}

async fn own(
    setup: Setup,
    queue: mpsc::Receiver<Command>,
    stop: CancellationToken,
    loaded: oneshot::Sender<anyhow::Result<()>>,
) {
    let directory = setup.directory.clone();
    let mut reloader = Reloader::new(setup);
    // Watched before it is read, so that no change falls between.
    let watch = Watch::start(&directory);
    let ready = match watch {
        Ok(watch) => tokio::select! {
            done = reloader.load() => done.map(|()| watch),
            () = stop.cancelled() => return,
        },
        Err(error) => Err(error),
    };
    match ready {
        Ok(watch) => {
            // Nobody waits any more if the server gave up meanwhile.
            let _ = loaded.send(Ok(()));
            reloader.follow(watch, queue, stop).await;
        }
        Err(error) => {
            let _ = loaded.send(Err(error));
        }
    }
}

impl Reloader {
    fn new(setup: Setup) -> Self {
        Self {
            directory: setup.directory,
            removal_grace: setup.removal_grace,
            verifier: Arc::new(Verifier::new(setup.compiler, setup.limits)),
            store: setup.store,
            current: setup.current,
            catalogue: Catalogue::default(),
            changed: true,
            tenants: HashMap::new(),
            seen: HashMap::new(),
            missing: BTreeMap::new(),
            jobs: JoinSet::new(),
            tickets: HashMap::new(),
            last_ticket: 0,
        }
    }

    /// Reads memory and directory for the first time and publishes what can serve.
    async fn load(&mut self) -> anyhow::Result<()> {
        self.catalogue.generation = self.store.generation().context("failed to read Berth's memory")?;
        self.recall_tenants().context("failed to read Berth's memory")?;
        for tenant in source::tenants(&self.directory).unwrap_or_default() {
            deploy::clear(&self.directory.join(tenant.as_str()));
        }
        self.refresh(BTreeSet::from([Scope::All]));
        self.recall_policies().context("failed to read Berth's memory")?;
        while let Some(verified) = self.jobs.join_next().await {
            self.finish(verified);
        }
        self.publish();
        Ok(())
    }

    async fn follow(&mut self, mut watch: Watch, mut queue: mpsc::Receiver<Command>, stop: CancellationToken) {
        loop {
            let removal = self.missing.values().min().copied();
            tokio::select! {
                scopes = watch.changes() => match scopes {
                    Some(scopes) => self.refresh(scopes),
                    None => return error!("changes of the catalogue are not seen any more; restart to see them"),
                },
                Some(command) = queue.recv() => self.obey(command),
                Some(verified) = self.jobs.join_next() => self.finish(verified),
                () = at(removal) => self.confirm_missing(),
                () = stop.cancelled() => return,
            }
            self.publish();
        }
    }

    /// Looks at these parts of the directory.
    fn refresh(&mut self, scopes: BTreeSet<Scope>) {
        for scope in scopes {
            match scope {
                Scope::All => self.refresh_all(),
                Scope::Tenant(tenant) => self.refresh_tenant(&tenant),
                Scope::Policy(id) => self.refresh_policy(&id),
            }
        }
    }

    /// The generation that the next snapshot will have.
    fn next_generation(&self) -> u64 {
        self.catalogue.generation + 1
    }

    fn publish(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.catalogue.generation += 1;
            self.current.publish(self.catalogue.clone());
            info!(generation = self.catalogue.generation, "catalogue published");
        }
    }
}

/// Completes at this moment, or never.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
