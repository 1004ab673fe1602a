//! A device's connection, on which it says any bytes.

use std::{net::SocketAddr, sync::Arc};

use berth::dps::certificates::Pem;
use hyper::{HeaderMap, body::Bytes};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{LocalDps, mqtt::Packet};
use crate::{Answer, within_patience};

/// A connection by TLS, to the port of HTTPS or to that of MQTT.
pub struct Wire {
    stream: TlsStream<TcpStream>,
    /// Whether MQTT's packets go in messages of a WebSocket.
    is_websocket: bool,
}

impl LocalDps {
    /// A connection to the port of HTTPS, without a certificate or with this one.
    pub async fn https_wire(&self, shown: Option<&Pem>) -> Wire {
        Wire::to(self.https(), self.authority(), shown).await
    }

    /// A connection to the port of MQTT.
    pub async fn mqtt_wire(&self, shown: Option<&Pem>) -> Wire {
        Wire::to(self.mqtt(), self.authority(), shown).await
    }

    /// A WebSocket on the port of HTTPS.
    pub async fn websocket(&self, shown: Option<&Pem>) -> Wire {
        let mut wire = self.https_wire(shown).await;
        wire.upgrade("mqtt").await;
        wire
    }
}

impl Wire {
    async fn to(address: SocketAddr, authority: &str, shown: Option<&Pem>) -> Self {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(authority.as_bytes()).expect("an authority");
        roots.add(authority).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some(Pem { chain, key }) => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
                config.with_client_auth_cert(chain.expect("a chain"), key).expect("an identity")
            }
        };
        let stream = TcpStream::connect(address).await.expect("the local DPS accepts connections");
        let name = ServerName::try_from("localhost").expect("a name");
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let stream = within_patience("a handshake", handshake).await.expect("a handshake");
        Self { stream, is_websocket: false }
    }

    /// Says these bytes. A local DPS that has hung up already is no failure: what it said before is still there.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Makes a request and hears its answer; the connection stays.
    ///
    /// # Panics
    ///
    /// If there is no whole answer.
    pub async fn request(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.say(bytes).await;
        let head = self.head().await;
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.parse().expect("a name"), value.parse().expect("a value"))
        };
        let headers: HeaderMap = lines.map(header).collect();
        let length = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        within_patience("a body", self.stream.read_exact(&mut body)).await.expect("a whole body");
        Answer { status: status.expect("a status"), headers, body: Bytes::from(body) }
    }

    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within_patience("a head", self.stream.read_u8()).await.expect("a whole head"));
        }
        String::from_utf8(head).expect("a head is text")
    }

    /// Asks for a WebSocket with this subprotocol, as clients do. The status that was answered.
    ///
    /// # Panics
    ///
    /// If there is no whole answer.
    pub async fn upgrade(&mut self, protocol: &str) -> u16 {
        let request = format!(
            "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
        );
        let answer = self.request(request).await;
        self.is_websocket = answer.status == 101;
        answer.status
    }

    /// Says a packet, in a message of its own if this is a WebSocket.
    pub async fn send(&mut self, packet: impl AsRef<[u8]>) {
        let packet = packet.as_ref();
        if self.is_websocket {
            self.say(message(packet)).await;
        } else {
            self.say(packet).await;
        }
    }

    /// Hears the next packet; none if the local DPS has ended the connection instead.
    pub async fn receive(&mut self) -> Option<Packet> {
        within_patience("a packet", async {
            if self.is_websocket {
                let length = self.message_length().await?;
                let mut bytes = vec![0; length];
                self.stream.read_exact(&mut bytes).await.ok()?;
                return Packet::parse(&bytes);
            }
            let mut bytes = vec![self.stream.read_u8().await.ok()?];
            loop {
                let byte = self.stream.read_u8().await.ok()?;
                bytes.push(byte);
                if byte < 0x80 {
                    break;
                }
            }
            let head = bytes.len();
            bytes.resize(head + Packet::remaining(&bytes[1..]), 0);
            self.stream.read_exact(&mut bytes[head..]).await.ok()?;
            Packet::parse(&bytes)
        })
        .await
    }

    /// The length of the next binary message; none at the end of them.
    async fn message_length(&mut self) -> Option<usize> {
        if self.stream.read_u8().await.ok()? != 0x82 {
            return None;
        }
        match self.stream.read_u8().await.ok()? {
            126 => Some(self.stream.read_u16().await.ok()?.into()),
            127 => usize::try_from(self.stream.read_u64().await.ok()?).ok(),
            length => Some(length.into()),
        }
    }

    /// Waits until the local DPS has ended the connection, having said nothing more.
    ///
    /// # Panics
    ///
    /// If it says a packet instead.
    pub async fn ends(&mut self) {
        let packet = self.receive().await;
        assert!(packet.is_none(), "the connection goes on with {packet:?}");
    }
}

/// A binary message of a client, masked with zeros.
fn message(bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![0x82];
    match bytes.len() {
        length @ 0..126 => message.push(0x80 | u8::try_from(length).expect("a short length")),
        length @ 126..=0xffff => {
            message.push(0x80 | 126);
            message.extend(u16::try_from(length).expect("a length").to_be_bytes());
        }
        length => {
            message.push(0x80 | 127);
            message.extend(u64::try_from(length).expect("a length").to_be_bytes());
        }
    }
    message.extend([0; 4]);
    message.extend(bytes);
    message
}
