//! The admin listener: probes and the API. On a port, a thread and a runtime of its own, so that it answers when allocation
//! cannot.
//!
//! | path | answer |
//! | --- | --- |
//! | `GET /livez` | 200 as long as the process runs |
//! | `GET /readyz` | 200 while allocation requests are taken, 503 before and when draining; says if memory serves |
//! | `/api/v1/…` | what serves, what happened, and changing it: `docs/openapi.json` |

mod access;
mod api;
pub mod body;
pub mod openapi;

pub use access::Access;
pub use api::Api;

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

use crate::{
    catalogue::{Current, Origin},
    http::{self, Patience},
};

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
    api: Api,
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
                Ok(listener) => http::serve(listener, router(readiness, api), patience, stop).await,
                Err(error) => tracing::error!(%error, "the admin listener cannot run"),
            }
        });
    };
    std::thread::Builder::new().name("berth-admin".into()).spawn(run).context("failed to start the admin listener")
}

fn router(readiness: Readiness, api: Api) -> Router {
    let probed = Probed { readiness, current: api.current.clone() };
    let probes = Router::new().route("/livez", get(async || "live\n")).route("/readyz", get(readyz)).with_state(probed);
    let fallback = async || (StatusCode::NOT_FOUND, "there is nothing here: try /livez, /readyz or /api/v1/status\n");
    probes.merge(api::router(api)).fallback(fallback)
}

/// What the probes look at.
#[derive(Clone)]
struct Probed {
    readiness: Readiness,
    current: Arc<Current>,
}

/// Ready with a catalogue that is lost, too: a server that serves from memory is better than none. But it says so.
async fn readyz(State(probed): State<Probed>) -> (StatusCode, String) {
    if !probed.readiness.get() {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned());
    }
    let catalogue = probed.current.load();
    let lost = catalogue.lost.as_ref().map(|why| format!(": the catalogue is lost ({why})")).unwrap_or_default();
    let policies = catalogue.tenants.values().flat_map(|tenant| tenant.policies.values());
    let recalled = policies
        .filter_map(|policy| policy.serving.as_ref())
        .filter(|serving| serving.origin == Origin::LastKnownGood)
        .count();
    let recalled =
        if recalled > 0 { format!("; last-known-good serves for {recalled} policies") } else { String::new() };
    (StatusCode::OK, format!("ready{lost}{recalled}\n"))
}
