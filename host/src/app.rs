//! The server: builds everything, binds sockets, runs, drains.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    admin::{Access, Admin, Api, Readiness, Sources},
    admission::{Lanes, Quotas},
    behind::Process,
    catalogue::Current,
    config::{Config, TlsSection},
    engine::{Compiler, Engine},
    heap,
    http::{Listener, Patience, Tls},
    metrics::Metrics,
    reload,
    store::Store,
    webhook::{Intake, Problem, Webhook},
};

/// A running server. Dropping it leaves it running; [`App::run`] sees it to its end.
pub struct App {
    /// Where the webhook listens.
    pub webhook: SocketAddr,
    /// Where the admin listener listens.
    pub admin: SocketAddr,
    readiness: Readiness,
    /// Told first: the webhook drains and the catalogue is no longer followed.
    stop: CancellationToken,
    /// Told last, so that probes see the draining.
    stop_admin: CancellationToken,
    serving: JoinHandle<()>,
    admin_thread: std::thread::JoinHandle<()>,
    catalogue_thread: std::thread::JoinHandle<()>,
}

impl App {
    /// Checks the configuration, reads the catalogue, binds the ports and starts to answer.
    ///
    /// # Errors
    ///
    /// If the configuration makes no sense, the catalogue cannot be read or a port cannot be bound. A policy that cannot
    /// be loaded is no such error.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        config.check()?;
        outlive_file_limits()?;
        heap::give_back();
        let limits = config.limits();
        let (webhook_tls, admin_tls) = (tls(config.webhook.tls.as_ref())?, tls(config.admin.tls.as_ref())?);
        let engine = Engine::new(&limits)?;
        let webhook_socket = bind(config.webhook.listen, "webhook.listen", "--listen").await?;
        let admin_socket = bind(config.admin.listen, "admin.listen", "--admin-listen").await?;
        let (webhook, admin) = (webhook_socket.local_addr()?, admin_socket.local_addr()?);

        let readiness = Readiness::default();
        let (stop, stop_admin) = (CancellationToken::new(), CancellationToken::new());
        let data = &config.data.directory;
        let (store, damage) = Store::open(data, config.data.keep_versions)
            .with_context(|| format!("failed to open Berth's memory in {} (data.directory)", data.display()))?;
        if let Some(damage) = damage {
            error!("Berth's memory {damage}");
        }
        let (store, current) = (Arc::new(store), Arc::new(Current::default()));
        let metrics = Arc::new(Metrics::new(Problem::codes()));
        let setup = reload::Setup {
            directory: config.catalogue.directory.clone(),
            compiler: Arc::new(Compiler::new(engine.clone(), &data.join("cache"))?),
            limits,
            quotas: config.quotas.over(Quotas::default()),
            store: store.clone(),
            current: current.clone(),
            metrics: metrics.clone(),
            removal_grace: Duration::from_millis(config.catalogue.removal_grace_ms),
            start_timeout: Duration::from_millis(config.catalogue.start_timeout_ms),
        };
        let process = Process::start(&limits, metrics.clone()).await?;
        let owner = reload::start(setup, stop.clone())?;
        let access = Access::new(config.admin.tokens.clone());
        let api = Api { current: current.clone(), store, catalogue: owner.handle.clone(), access };
        let sources =
            Sources { metrics: metrics.clone(), current: current.clone(), readiness: readiness.clone(), engine };
        let admin_thread =
            Admin { api, sources, tls: admin_tls }.spawn(admin_socket.into_std()?, stop_admin.clone())?;
        // Probes answer while policies are verified.
        let catalogue_thread = owner.loaded().await?;
        heap::trim();

        let lanes = Lanes::start().context("failed to start the threads for decisions")?;
        let section = &config.webhook;
        let intake = Intake {
            body_bytes: section.max_body_bytes.get() as usize,
            body_time: Duration::from_millis(section.body_timeout_ms.get()),
            limits,
            version_header: section.version_header,
        };
        let patience = Patience {
            head: Duration::from_millis(section.head_timeout_ms.get()),
            drain: Duration::from_millis(section.drain_timeout_ms.get()),
            connections: section.max_connections.get() as usize,
            of_peer: section.max_connections_per_peer.get() as usize,
            answer: Duration::from_millis(section.write_timeout_ms.get()),
        };
        let connections = metrics.webhook.clone();
        let acceptor = webhook_tls.as_ref().map(Tls::acceptor);
        if let Some(tls) = webhook_tls {
            tokio::spawn(tls.follow("webhook", connections.clone(), stop.clone()));
        }
        let listener = Listener { socket: webhook_socket, patience, connections, tls: acceptor };
        let service = Webhook::new(current, intake, (lanes, process), metrics).service();
        let serving = tokio::spawn(listener.serve(service, stop.clone()));
        readiness.set(true);
        info!(%webhook, %admin, "berth is ready");
        Ok(Self { webhook, admin, readiness, stop, stop_admin, serving, admin_thread, catalogue_thread })
    }

    /// Runs until told to by `shutdown`, then lets requests in flight finish.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        shutdown.await;
        info!("draining: no new requests, those in flight finish");
        self.readiness.set(false);
        self.stop.cancel();
        // A panic in there has been reported by the runtime.
        let _ = self.serving.await;
        self.stop_admin.cancel();
        let threads = [self.admin_thread, self.catalogue_thread];
        let _ = tokio::task::spawn_blocking(move || threads.map(std::thread::JoinHandle::join)).await;
        info!("stopped");
    }
}

fn tls(section: Option<&TlsSection>) -> anyhow::Result<Option<Tls>> {
    section
        .map(|section| Tls::load(section.into()))
        .transpose()
        .context("TLS cannot be spoken (webhook.tls, admin.tls)")
}

async fn bind(address: SocketAddr, key: &str, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("failed to bind {address}: choose another address with {key} in berth.toml or with {flag}")
    })
}

/// A file that may not grow any more is an error of writing it, which somebody answers for. The signal that comes with it
/// would end the server.
fn outlive_file_limits() -> anyhow::Result<()> {
    use rustix::process::Signal;
    use tokio::signal::unix::{SignalKind, signal};
    // Once listened to, it does nothing else for as long as the process runs.
    let listening = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
    listening.map(drop).context("failed to listen to signals")
}

/// Completes at SIGTERM or at an interrupt from the keyboard.
///
/// # Errors
///
/// If signals cannot be listened to.
pub fn signalled() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = "failed to listen to signals";
    let mut terminate = signal(SignalKind::terminate()).context(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).context(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
