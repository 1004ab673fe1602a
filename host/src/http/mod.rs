//! One HTTP/1.1 listener: accepts, bounds how long a sender may take, and drains.
//!
//! Both of Berth's listeners run through here; what they answer is their own affair.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// How patient a listener is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long a connection may take to send the head of a request, or stay idle between two.
    pub head: Duration,
    /// How long requests in flight may take once the listener drains.
    pub drain: Duration,
    /// Connections at the same time; more wait to be accepted.
    pub connections: usize,
}

/// Accepts connections and answers them with `router` until `stop` is cancelled; then lets requests in flight finish.
pub async fn serve(listener: TcpListener, router: Router, patience: Patience, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(patience.connections));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience.head).max_headers(64);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stop.cancelled() => break,
        };
        let Some((stream, place)) = accepted else { continue };
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            match connection.await {
                Ok(()) => {}
                // Answered with an empty 400 or the like before any router saw it, so this is the line about it.
                Err(error) if error.is_parse() => warn!(%error, "request failed: it is not HTTP"),
                // A sender that went away or was too slow. Its request, if there was one, has been answered or logged.
                Err(error) => debug!(%error, "connection ended"),
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(patience.drain, graceful.shutdown()).await.is_err() {
        warn!(after_ms = patience.drain.as_millis(), "requests were still in flight when draining ended");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // An answer is one small write; waiting to make it larger only delays it.
            let _ = stream.set_nodelay(true);
            Some((stream, place))
        }
        Err(error) => {
            // Out of file handles, most likely. Trying again at once would only spin.
            warn!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// The identity of one request: in its answer, and in every line logged about it.
///
/// Always made here and never taken from the caller, who could use it to write into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    process: u64,
    number: u64,
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}-{:x}", self.process, self.number)
    }
}

/// Makes request ids that no other process makes.
#[derive(Debug)]
pub struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        // The standard library seeds its hash maps from the system's randomness; an id needs no more than that.
        Self { process: RandomState::new().hash_one(std::process::id()), next: AtomicU64::new(1) }
    }
}

impl RequestIds {
    /// The next id.
    pub fn next(&self) -> RequestId {
        RequestId { process: self.process, number: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}
