//! The server: builds everything, binds sockets, runs, drains.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    admin::{self, Access, Api, Readiness},
    catalogue::Current,
    config::Config,
    contract::Limits,
    engine::{Compiler, Engine},
    http::{self, Patience},
    reload,
    store::Store,
    webhook::{Intake, Webhook},
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
        let limits = config.limits.over(Limits::default());
        let engine = Engine::new(&limits)?;
        let webhook_socket = bind(config.webhook.listen, "webhook.listen", "--listen").await?;
        let admin_socket = bind(config.admin.listen, "admin.listen", "--admin-listen").await?;
        let (webhook, admin) = (webhook_socket.local_addr()?, admin_socket.local_addr()?);

        let readiness = Readiness::default();
        let (stop, stop_admin) = (CancellationToken::new(), CancellationToken::new());
        let data = &config.data.directory;
        let (store, damaged) = Store::open(data)
            .with_context(|| format!("failed to open Berth's memory in {} (data.directory)", data.display()))?;
        if let Some(aside) = damaged {
            error!(file = %aside.display(), "Berth's memory was damaged and is put aside; a new one begins with the catalogue");
        }
        let (store, current) = (Arc::new(store), Arc::new(Current::default()));
        let setup = reload::Setup {
            directory: config.catalogue.directory.clone(),
            compiler: Compiler::new(engine, &data.join("cache"))?,
            limits,
            store: store.clone(),
            current: current.clone(),
            removal_grace: Duration::from_millis(config.catalogue.removal_grace_ms),
        };
        let owner = reload::start(setup, stop.clone())?;
        let access = Access::new(config.admin.tokens.clone());
        let api = Api { current: current.clone(), store, catalogue: owner.handle.clone(), access };
        let admin_thread = admin::spawn(admin_socket.into_std()?, readiness.clone(), api, stop_admin.clone())?;
        // Probes answer while policies are verified.
        let catalogue_thread = owner.loaded().await?;

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
        };
        let router = Webhook::new(current, intake).router();
        let serving = tokio::spawn(http::serve(webhook_socket, router, patience, stop.clone()));
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

async fn bind(address: SocketAddr, key: &str, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("failed to bind {address}: choose another address with {key} in berth.toml or with {flag}")
    })
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
