//! The admin listener: probes and the API. On a port, a thread and a runtime of its own, so that it answers when allocation
//! cannot.
//!
//! | path | answer |
//! | --- | --- |
//! | `GET /livez` | 200 as long as the process runs |
//! | `GET /readyz` | 200 while allocation requests are taken, 503 before and when draining; says if memory serves |
//! | `GET /metrics` | all that is counted, in the OpenMetrics format: `docs/metrics.md` |
//! | `/api/v1/…` | what serves, what happened, and changing it: `docs/openapi.json` |

mod access;
mod api;
mod bodies;
pub mod body;
mod metrics;
pub mod openapi;

pub use access::Access;
pub use api::Api;
pub use metrics::Sources;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use axum::{Router, extract::State, http::StatusCode, routing::get};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    catalogue::Origin,
    http::{Listener, Patience, Tls},
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

/// What the admin listener answers from.
pub struct Admin {
    /// The API.
    pub api: Api,
    /// The metrics.
    pub sources: Sources,
    /// Its TLS, if it speaks it.
    pub tls: Option<Tls>,
}

impl Admin {
    /// Answers on a thread of its own until `stop` is cancelled.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn spawn(
        self,
        socket: std::net::TcpListener,
        stop: CancellationToken,
    ) -> anyhow::Result<std::thread::JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("failed to start the admin listener's runtime")?;
        let patience = Patience {
            head: Duration::from_secs(5),
            answer: Duration::from_secs(10),
            drain: Duration::from_secs(1),
            connections: 256,
            // Whoever comes through a tunnel or a proxy has its address.
            of_peer: 48,
        };
        let run = move || {
            runtime.block_on(async move {
                let connections = self.sources.metrics.admin.clone();
                let tls = self.tls.as_ref().map(Tls::acceptor);
                let service = TowerToHyperService::new(router(self.api, self.sources));
                if let Some(tls) = self.tls {
                    tokio::spawn(tls.follow("admin", connections.clone(), stop.clone()));
                }
                match TcpListener::from_std(socket) {
                    Ok(socket) => Listener { socket, patience, connections, tls }.serve(service, stop).await,
                    Err(error) => tracing::error!(%error, "the admin listener cannot run"),
                }
            });
        };
        std::thread::Builder::new().name("berth-admin".into()).spawn(run).context("failed to start the admin listener")
    }
}

/// The answer where nothing is.
const NOTHING: &str = "there is nothing here: try /livez, /readyz, /metrics or /api/v1/status\n";

fn router(api: Api, sources: Sources) -> Router {
    let probes =
        Router::new().route("/livez", get(async || "live\n")).route("/readyz", get(readyz)).with_state(sources.clone());
    let fallback = async || (StatusCode::NOT_FOUND, NOTHING);
    probes.merge(api::router(api, sources)).fallback(fallback)
}

/// Ready with a catalogue that is lost, too: a server that serves from memory is better than none. But it says so.
async fn readyz(State(sources): State<Sources>) -> (StatusCode, String) {
    if !sources.readiness.get() {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned());
    }
    let catalogue = sources.current.load();
    let lost = catalogue.lost.as_ref().map(|why| format!(": the catalogue is lost ({why})")).unwrap_or_default();
    let policies = catalogue.tenants.values().flat_map(|tenant| tenant.policies.values());
    let recalled = policies
        .filter_map(|policy| policy.serving.as_ref())
        .filter(|serving| serving.origin == Origin::LastKnownGood)
        .count();
    let recalled =
        if recalled > 0 { format!("; last-known-good serves for {recalled} policies") } else { String::new() };
    let refused = match catalogue.refused.len() {
        0 => String::new(),
        refused => format!("; the tenant.toml of {refused} tenants is refused"),
    };
    let blind = if sources.metrics.catalogue_down.get() > 0 {
        "; changes of the catalogue are not seen as they happen: the log says why"
    } else {
        ""
    };
    (StatusCode::OK, format!("ready{lost}{recalled}{refused}{blind}\n"))
}
