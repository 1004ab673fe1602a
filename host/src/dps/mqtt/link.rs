//! What carries MQTT's bytes: TLS, or the binary messages of a WebSocket.

use axum::{
    body::Bytes,
    extract::ws::{Message, WebSocket},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// A way for bytes, in pieces of any length.
pub(super) trait Link: Send {
    /// The next bytes; `None` once there will be no more.
    fn receive(&mut self) -> impl Future<Output = Option<Bytes>> + Send;
    /// Sends all of these bytes. `None` if the device is gone.
    fn send(&mut self, bytes: Vec<u8>) -> impl Future<Output = Option<()>> + Send;
    /// Says that nothing more will come.
    fn close(self) -> impl Future<Output = ()> + Send;
}

impl Link for TlsStream<TcpStream> {
    async fn receive(&mut self) -> Option<Bytes> {
        let mut bytes = Vec::with_capacity(4096);
        match self.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(bytes.into()),
        }
    }

    async fn send(&mut self, bytes: Vec<u8>) -> Option<()> {
        self.write_all(&bytes).await.ok()?;
        self.flush().await.ok()
    }

    async fn close(mut self) {
        let _ = self.shutdown().await;
    }
}

impl Link for WebSocket {
    async fn receive(&mut self) -> Option<Bytes> {
        loop {
            match self.recv().await?.ok()? {
                Message::Binary(bytes) => return Some(bytes),
                // Answered by the crate.
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Text(_) | Message::Close(_) => return None,
            }
        }
    }

    async fn send(&mut self, bytes: Vec<u8>) -> Option<()> {
        WebSocket::send(self, Message::Binary(bytes.into())).await.ok()
    }

    async fn close(mut self) {
        let _ = WebSocket::send(&mut self, Message::Close(None)).await;
    }
}
