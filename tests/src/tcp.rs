//! A line to the server on which any bytes can be said.

use std::net::SocketAddr;

use hyper::{HeaderMap, body::Bytes};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{Answer, within_patience};

/// A TCP connection.
pub struct Line(TcpStream);

impl Line {
    /// Connects, if the server lets it.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub async fn to(address: SocketAddr) -> std::io::Result<Self> {
        TcpStream::connect(address).await.map(Self)
    }

    /// Says these bytes. A server that has stopped listening is no failure: what it answered before is still there.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref()).await;
    }

    /// Says nothing more, but still listens.
    pub async fn hush(&mut self) {
        let _ = self.0.shutdown().await;
    }

    /// Hears everything until the server ends the connection, and nothing if it was cut.
    pub async fn hear(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        let _ = within_patience("the end of a connection", self.0.read_to_end(&mut heard)).await;
        heard
    }

    /// Hears until these bytes have come.
    ///
    /// # Panics
    ///
    /// If the connection ends before.
    pub async fn hear_up_to(&mut self, end: &str) {
        let mut heard = Vec::new();
        while !heard.ends_with(end.as_bytes()) {
            let byte = within_patience("more bytes", self.0.read_u8()).await;
            heard.push(byte.expect("the connection goes on"));
        }
    }

    /// Hears one answer of a server that ends the connection after it.
    pub async fn answer(&mut self) -> Answer {
        parse(&self.hear().await)
    }
}

/// Reads an answer whose body lasts to the end of the bytes.
fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer in {:?}", String::from_utf8_lossy(bytes)));
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.parse().expect("a name"), value.parse().expect("a value"))
    };
    Answer {
        status: status.and_then(|status| status.parse().ok()).expect("a status"),
        headers: lines.map(header).collect::<HeaderMap>(),
        body: Bytes::copy_from_slice(&bytes[end + 4..]),
    }
}
