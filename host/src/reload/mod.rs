//! Owns the catalogue: turns changes of files, and requests of people, into the next snapshot.
//!
//! One task on a thread of its own, so that neither reading nor waiting for a disk takes time from requests. It watches
//! the directory, compares contents, has changes verified (several at a time, one never waiting for another), remembers
//! what serves, and publishes. Whatever goes wrong keeps what serves, is written to that policy's state, is logged once,
//! and touches no other policy.

mod changes;
mod command;
mod deploy;
mod load;
mod policies;
mod previous;
mod programs;
mod settle;
mod supervise;
mod tenants;
mod tickets;
mod turns;
pub mod verify;
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
use tracing::{error, info, warn};

use self::{
    command::Command, load::StandIn, policies::Verified, previous::Recalled, supervise::supervise, tickets::Tickets,
    verify::Verifier, watch::Watch,
};
use crate::{
    admission::{Quotas, processors},
    catalogue::{Catalogue, Current},
    contract::{Digest, Limits, Name, PolicyId},
    engine::{Compiler, priority, worker},
    metrics::Metrics,
    store::Store,
};

/// Requests of people that may wait to be looked at.
const QUEUE: usize = 64;

/// Threads that load compiled code.
const MOST_LOADING: usize = 4;

/// How long what could not be remembered waits until it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Generations that are published between two words to the disk. A restart skips what is left of them.
const RESERVE: u64 = 100;

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
#[derive(Clone)]
pub struct Setup {
    /// The catalogue directory.
    pub directory: PathBuf,
    /// Compiles components.
    pub compiler: Arc<Compiler>,
    /// The server's limits.
    pub limits: Limits,
    /// Berth's memory.
    pub store: Arc<Store>,
    /// How much of the server one tenant may have.
    pub quotas: Quotas,
    /// Where snapshots are published.
    pub current: Arc<Current>,
    /// Where changes are counted.
    pub metrics: Arc<Metrics>,
    /// How long a tenant or policy has to be gone from the directory before it counts as removed.
    pub removal_grace: Duration,
    /// How long a start waits for verifications.
    pub start_timeout: Duration,
}

/// The owner of the catalogue.
struct Reloader {
    directory: PathBuf,
    removal_grace: Duration,
    start_timeout: Duration,
    quotas: Quotas,
    verifier: Arc<Verifier>,
    store: Arc<Store>,
    current: Arc<Current>,
    metrics: Arc<Metrics>,
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
    /// Which of them count.
    tickets: Tickets,
    /// The version of each policy that was compiled and refused last.
    tried: HashMap<PolicyId, Digest>,
    /// What could not be remembered, and when that is tried again.
    again: BTreeMap<Scope, Instant>,
    /// The newest generation that may be published without a word to the disk.
    reserved: u64,
    /// Previous versions that are being brought back.
    recalls: JoinSet<Recalled>,
    /// Releases that are brought back for as long as the files they stand in for are verified.
    stand_ins: JoinSet<StandIn>,
}

/// What was found in a policy's folder.
#[derive(PartialEq, Eq, Clone)]
enum Seen {
    /// Files of this content, to run under these limits.
    Files(Digest, Limits),
    /// Files that could not be read, and why; and the limits they would have had.
    Unreadable(String, Limits),
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

/// Starts the owner of the catalogue on a thread of its own. It runs until `stop` is cancelled, and is started again if it
/// fails after it has loaded.
///
/// # Errors
///
/// If the system gives no thread.
pub fn start(setup: Setup, stop: CancellationToken) -> anyhow::Result<Started> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // They load compiled code, and give way as the thread does that starts them. A few, since each holds it twice.
        .max_blocking_threads(processors().min(MOST_LOADING))
        .build()
        .context("failed to start the runtime of the catalogue's owner")?;
    let (commands, mut queue) = mpsc::channel(QUEUE);
    let (loaded, first) = oneshot::channel();
    let mut loaded = Some(loaded);
    let run = move || {
        priority::nice(worker::NICENESS);
        let metrics = setup.metrics.clone();
        let ended = stop.clone();
        let pause = |time| runtime.block_on(stop.run_until_cancelled(tokio::time::sleep(time))).is_some();
        let own = || {
            metrics.catalogue_down.set(0);
            runtime.block_on(own(setup.clone(), &mut queue, stop.clone(), &mut loaded));
            ended.is_cancelled() || loaded.is_some()
        };
        supervise(&metrics, own, pause);
        // Nobody waits for what was still to be loaded.
        runtime.shutdown_background();
    };
    let thread = std::thread::Builder::new()
        .name("berth-catalogue".into())
        .spawn(run)
        .context("failed to start the owner of the catalogue")?;
    Ok(Started { handle: Handle(commands), thread, loaded: first })
}

async fn own(
    setup: Setup,
    queue: &mut mpsc::Receiver<Command>,
    stop: CancellationToken,
    loaded: &mut Option<oneshot::Sender<anyhow::Result<()>>>,
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
            // Known before the server says that it is ready.
            reloader.metrics.catalogue_down.set(watch.is_deaf().into());
            // Nobody waits any more if the server gave up meanwhile, or if this is another start.
            let _ = loaded.take().map(|loaded| loaded.send(Ok(())));
            reloader.follow(watch, queue, stop).await;
        }
        Err(error) => match loaded.take() {
            Some(loaded) => {
                let _ = loaded.send(Err(error));
            }
            None => error!(reason = format!("{error:#}"), "the catalogue cannot be read again"),
        },
    }
}

impl Reloader {
    fn new(setup: Setup) -> Self {
        Self {
            directory: setup.directory,
            removal_grace: setup.removal_grace,
            start_timeout: setup.start_timeout,
            quotas: setup.quotas,
            verifier: Arc::new(Verifier::new(setup.compiler, setup.limits)),
            store: setup.store,
            current: setup.current,
            metrics: setup.metrics,
            catalogue: Catalogue::default(),
            changed: true,
            tenants: HashMap::new(),
            seen: HashMap::new(),
            missing: BTreeMap::new(),
            jobs: JoinSet::new(),
            tickets: Tickets::default(),
            tried: HashMap::new(),
            again: BTreeMap::new(),
            reserved: 0,
            recalls: JoinSet::new(),
            stand_ins: JoinSet::new(),
        }
    }

    async fn follow(&mut self, mut watch: Watch, queue: &mut mpsc::Receiver<Command>, stop: CancellationToken) {
        loop {
            let removal = self.missing.values().min().copied();
            let again = self.again.values().min().copied();
            self.metrics.catalogue_down.set(watch.is_deaf().into());
            tokio::select! {
                scopes = watch.changes() => match scopes {
                    Some(scopes) => self.refresh(scopes),
                    None => return error!("changes of the catalogue are not seen any more"),
                },
                Some(command) = queue.recv() => self.obey(command),
                Some(verified) = self.jobs.join_next() => self.finish(verified),
                Some(recalled) = self.recalls.join_next() => self.keep_previous(recalled),
                Some(stand_in) = self.stand_ins.join_next() => self.take_stand_in(stand_in),
                () = at(removal) => self.confirm_missing(),
                () = at(again) => self.look_again(),
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

    /// Looks at this part of the directory again in a while: it could not be remembered.
    fn try_again(&mut self, scope: Scope) {
        self.again.insert(scope, Instant::now() + RETRY);
    }

    fn look_again(&mut self) {
        let now = Instant::now();
        let due = self.again.iter().filter(|(_, when)| **when <= now).map(|(scope, _)| scope.clone()).collect();
        self.again.retain(|_, when| *when > now);
        self.refresh(due);
    }

    fn publish(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.catalogue.generation += 1;
            self.reserve();
            self.current.publish(self.catalogue.clone());
            info!(generation = self.catalogue.generation, "catalogue published");
        }
    }

    /// Keeps generations in reserve that no later run of Berth will count from, the next one at least.
    fn reserve(&mut self) {
        if self.catalogue.generation < self.reserved {
            return;
        }
        match self.store.reserve(self.catalogue.generation + RESERVE) {
            Ok(()) => self.reserved = self.catalogue.generation + RESERVE,
            Err(error) => warn!(%error, "the generation cannot be remembered; after a restart it may be counted again"),
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
