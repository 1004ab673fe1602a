//! The admin listener: probes. On a port, a thread and a runtime of its own, so that it answers when allocation cannot.
//!
//! | path | answer |
//! | --- | --- |
//! | `GET /livez` | 200 as long as the process runs |
//! | `GET /readyz` | 200 while allocation requests are taken, 503 before and when draining |

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http::{self, Patience};

/// Whether allocation requests are taken.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says whether they are from now on.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Answers probes on a thread of its own until `stop` is cancelled.
///
/// # Errors
///
/// If the system gives no thread.
pub fn spawn(
    listener: std::net::TcpListener,
    readiness: Readiness,
    stop: CancellationToken,
) -> anyhow::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the admin listener's runtime")?;
    let patience = Patience { head: Duration::from_secs(5), drain: Duration::from_secs(1), connections: 64 };
    let run = move || {
        runtime.block_on(async move {
            match TcpListener::from_std(listener) {
                Ok(listener) => http::serve(listener, router(readiness), patience, stop).await,
                Err(error) => tracing::error!(%error, "the admin listener cannot run"),
            }
        });
    };
    std::thread::Builder::new().name("berth-admin".into()).spawn(run).context("failed to start the admin listener")
}

fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(async || "live\n"))
        .route("/readyz", get(readyz))
        .fallback(async || (StatusCode::NOT_FOUND, "there is nothing here: try /livez or /readyz\n"))
        .with_state(readiness)
}

async fn readyz(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    if readiness.get() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
