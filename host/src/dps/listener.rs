//! One TLS listener for devices: accepts, bounds how many there are and how long a handshake may take, and ends.
//!
//! Knows nothing of what is said on a connection: HTTPS and MQTT each hand in what answers a [`Device`].

mod standing;

use std::{sync::Arc, time::Duration};

use rustls::pki_types::CertificateDer;
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use self::standing::Places;
pub use self::standing::Standing;

/// A device's connection.
#[derive(Debug)]
pub struct Device {
    /// The connection, after the handshake.
    pub stream: TlsStream<TcpStream>,
    /// The certificates of the handshake, the device's own first; empty if it showed none.
    pub certificates: Arc<[CertificateDer<'static>]>,
    /// Its place among the connections, kept for as long as this is.
    pub standing: Standing,
}

/// How much a listener bears.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at the same time; more wait to be accepted.
    pub connections: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a connection may be there before a request on it has been admitted.
    pub admission: Duration,
    /// How long it is safe if all places are taken; then whoever has been there longest goes first.
    pub crowded_admission: Duration,
    /// How long connections may take to end once the listener is told to stop.
    pub drain: Duration,
}

impl Default for Bounds {
    /// A thousand connections, because the usual limit on open files is 1024; ten seconds for a handshake, which a
    /// device on a slow link needs; half a minute to be admitted, and two seconds while others wait, so that whoever
    /// shows no credential keeps nobody out; five seconds to end, so that nobody waits for a device that polls.
    fn default() -> Self {
        Self {
            connections: 1000,
            handshake: Duration::from_secs(10),
            admission: Duration::from_secs(30),
            crowded_admission: Duration::from_secs(2),
            drain: Duration::from_secs(5),
        }
    }
}

/// Accepts devices and has each answered by `answer` until `stop` is cancelled. Whoever answers watches `stop` too.
pub async fn serve<F, A>(socket: TcpListener, tls: TlsAcceptor, bounds: Bounds, stop: CancellationToken, answer: F)
where
    F: Fn(Device) -> A + Clone + Send + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let places = Places::new(&bounds);
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(accept(&socket, &places)).await {
        let Some((stream, standing)) = accepted else { continue };
        let (tls, answer) = (tls.clone(), answer.clone());
        connections.spawn(async move {
            let shaken = tokio::select! {
                shaken = timeout(bounds.handshake, tls.accept(stream)) => shaken,
                () = standing.lapses() => return debug!("a device's TLS handshake took too long for a full listener"),
            };
            match shaken {
                Ok(Ok(stream)) => answer(device(stream, standing)).await,
                Ok(Err(error)) => debug!(%error, "a device's TLS handshake failed"),
                Err(_) => debug!("a device's TLS handshake took too long"),
            }
        });
    }
    drop(socket);
    connections.close();
    if timeout(bounds.drain, connections.wait()).await.is_err() {
        warn!(after_ms = bounds.drain.as_millis(), "devices were still connected when draining ended");
    }
}

fn device(stream: TlsStream<TcpStream>, standing: Standing) -> Device {
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificates = shown.iter().cloned().map(CertificateDer::into_owned).collect();
    Device { stream, certificates, standing }
}

async fn accept(socket: &TcpListener, places: &Places) -> Option<(TcpStream, Standing)> {
    let place = places.free().await?;
    match socket.accept().await {
        Ok((stream, _)) => {
            // Requests and answers are small writes; waiting to make them larger only delays them.
            let _ = stream.set_nodelay(true);
            Some((stream, places.take(place)))
        }
        Err(error) => {
            // Out of file handles, most likely. Trying again at once would only spin.
            warn!(%error, "cannot accept a device's connection");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
