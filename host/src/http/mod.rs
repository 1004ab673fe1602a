//! One HTTP/1.1 listener: accepts, over TLS if it has a certificate, bounds what a peer may take and how long, and
//! drains.
//!
//! Both of Berth's listeners run through here; what they answer is their own affair.

mod failure;
mod patient;
mod peers;
mod seats;
mod tls;

pub use failure::{FailureBody, FailureDetail, JSON, failure, name, shorten};
pub use tls::{Files, Tls, TlsError};

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::{
    Request, Response,
    body::{Body, Bytes, Incoming},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::{
    patient::Patient,
    peers::Peers,
    seats::{Place, Seats},
};
use crate::metrics::Connections;

/// Bytes of a request's head, its first line included: DPS's have a few hundred, and a reverse proxy's cookies more.
const MAX_HEAD: usize = 16 << 10;

/// Headers of a request.
const MAX_HEADERS: usize = 64;

/// How much a listener bears, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long a connection may take to send the head of a request, or stay idle between two. Also how long it may take
    /// for a TLS handshake.
    pub head: Duration,
    /// How long a caller may take nothing of an answer.
    pub answer: Duration,
    /// How long requests in flight may take once the listener drains.
    pub drain: Duration,
    /// Connections at the same time; for one more, that which has been idle for longest is closed, or it waits.
    pub connections: usize,
    /// Connections of one peer at the same time; more are closed.
    pub of_peer: usize,
}

/// A bound listener.
pub struct Listener {
    /// Its socket.
    pub socket: TcpListener,
    /// How patient it is.
    pub patience: Patience,
    /// Where its connections are counted.
    pub connections: Arc<Connections>,
    /// Makes its handshakes, if it speaks TLS.
    pub tls: Option<TlsAcceptor>,
}

/// What every connection of a listener is served with.
#[derive(Clone)]
struct Served<S> {
    http: http1::Builder,
    service: S,
    patience: Patience,
    connections: Arc<Connections>,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Accepts connections and answers them with `service` until `stop` is cancelled; then lets requests in flight finish.
    pub async fn serve<S, B>(self, service: S, stop: CancellationToken)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let graceful = GracefulShutdown::new();
        let Self { socket, patience, connections, tls } = self;
        let seats = Seats::new(patience.connections);
        let peers = Peers::new(patience.of_peer);
        let served = Served { http: protocol(patience), service, patience, connections, tls };
        while let Some(accepted) = stop.run_until_cancelled(accept(&socket)).await {
            let Some((stream, peer)) = accepted else { continue };
            served.connections.accepted.add();
            // Before anybody else has to make room for it.
            let Some(of_peer) = peers.enter(peer.ip()) else {
                served.connections.failures.add(Connections::TOO_MANY);
                continue;
            };
            let Some(Some(place)) = stop.run_until_cancelled(seats.take()).await else { break };
            let (served, watcher) = (served.clone(), graceful.watcher());
            tokio::spawn(async move {
                served.connection(stream, &place, watcher).await;
                drop((place, of_peer));
            });
        }
        drop(socket);
        if tokio::time::timeout(patience.drain, graceful.shutdown()).await.is_err() {
            warn!(after_ms = patience.drain.as_millis(), "requests were still in flight when draining ended");
        }
    }
}

/// HTTP/1.1 within bounds. What hyper leaves open or generous is set here.
fn protocol(patience: Patience) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        // A caller that has said all it will is still answered only if it stays.
        .half_close(false);
    http
}

impl<S, B> Served<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    async fn connection(self, stream: TcpStream, place: &Place, watcher: Watcher) {
        let connections = self.connections.clone();
        let _open = connections.open.hold();
        tokio::select! {
            () = self.encrypted(stream, place, watcher) => {}
            () = place.leaves() => connections.failures.add(Connections::IDLE),
        }
    }

    async fn encrypted(self, stream: TcpStream, place: &Place, watcher: Watcher) {
        let Some(tls) = self.tls.clone() else { return self.converse(stream, place, watcher).await };
        match tokio::time::timeout(self.patience.head, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, place, watcher).await,
            Ok(Err(error)) => self.failed(Connections::HANDSHAKE, &error),
            Err(slow) => self.failed(Connections::HANDSHAKE, &slow),
        }
    }

    async fn converse(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        place: &Place,
        watcher: Watcher,
    ) {
        let stream = TokioIo::new(Patient::new(stream, self.patience.answer));
        let (service, seat) = (self.service.clone(), place.seat().clone());
        let service = service_fn(move |request| {
            let (busy, answer) = (seat.busy(), service.call(request));
            async move {
                let answer = answer.await;
                drop(busy);
                answer
            }
        });
        match watcher.watch(self.http.serve_connection(stream, service)).await {
            Ok(()) => {}
            // Answered with an empty 400 or the like before the service saw it, so this is the line about it.
            Err(error) if error.is_parse() => {
                self.connections.failures.add(Connections::NOT_HTTP);
                warn!(%error, "request failed: it is not HTTP");
            }
            Err(error) if is_timed_out(&error) => self.failed(Connections::SLOW_READER, &error),
            // A sender that went away or was too slow. Its request, if there was one, is accounted for.
            Err(error) => self.failed(Connections::BROKEN, &error),
        }
    }

    fn failed(&self, reason: &'static str, error: &(dyn std::error::Error + 'static)) {
        self.connections.failures.add(reason);
        debug!(error, reason, "connection ended");
    }
}

/// Whether a connection's end came of the limit on the time an answer may take.
fn is_timed_out(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::TimedOut)
}

async fn accept(socket: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match socket.accept().await {
        Ok((stream, peer)) => {
            // An answer is one small write; waiting to make it larger only delays it.
            let _ = stream.set_nodelay(true);
            Some((stream, peer))
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
