//! The server: builds everything, binds sockets, runs, drains.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::{
    admin::{self, Readiness},
    catalogue::Current,
    config::Config,
    contract::Limits,
    engine::Engine,
    http::{self, Patience},
    reload::Reloader,
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
        let admin_thread = admin::spawn(admin_socket.into_std()?, readiness.clone(), stop_admin.clone())?;

        let current = Arc::new(Current::default());
        let mut reloader = Reloader::new(config.catalogue.directory.clone(), engine, limits, current.clone());
        reloader.load().await?;
        let following = stop.clone();
        tokio::spawn(async move {
            if let Err(error) = reloader.follow(following).await {
                error!(
                    error = format!("{error:#}"),
                    "changes of the catalogue are not seen any more; restart to see them"
                );
            }
        });

        let section = &config.webhook;
        let intake = Intake {
            body_bytes: section.max_body_bytes.get() as usize,
            body_time: Duration::from_millis(section.body_timeout_ms.get()),
            limits,
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
        Ok(Self { webhook, admin, readiness, stop, stop_admin, serving, admin_thread })
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
        let _ = tokio::task::spawn_blocking(move || self.admin_thread.join()).await;
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
