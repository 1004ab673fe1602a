//! Devices that speak MQTT 3.1.1: on TLS, and over WebSocket on the port of HTTPS.
//!
//! A thin edge: a `CONNECT` says who a device is, a publish to one of DPS's two topics becomes a question to the
//! registrar, its reply a publish to the device. DPS is no broker and neither is this: nothing is kept for a device that
//! is not connected, and what DPS has no use for (other topics, wills, retained messages, QoS 2) ends the connection.

mod conversation;
mod link;
mod login;
mod protocol;
mod topic;
mod websocket;

use std::{sync::Arc, time::Duration};

use rustls::pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::{conversation::Conversation, link::Link};
use super::{
    listener::Device,
    registrar::{Registrar, Transport},
};

pub use websocket::{Known, router};

/// The certificates of a handshake, the device's own first.
pub type Certificates = Arc<[CertificateDer<'static>]>;

/// How long a device may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the handshake to the last byte of `CONNECT`.
    pub greeting: Duration,
    /// From one packet to the last byte of the next, if the device has set no shorter keep-alive.
    pub silence: Duration,
    /// To take an answer.
    pub sending: Duration,
}

impl Default for Patience {
    /// Ten seconds to connect and to take an answer; half an hour of silence, about what Azure allows a device that sets
    /// no keep-alive.
    fn default() -> Self {
        let ten = Duration::from_secs(10);
        Self { greeting: ten, silence: Duration::from_secs(30 * 60), sending: ten }
    }
}

/// Answers devices over MQTT. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Mqtt {
    registrar: Registrar,
    patience: Patience,
    stop: CancellationToken,
}

impl Mqtt {
    /// Answers from `registrar`, until `stop` is cancelled.
    #[must_use]
    pub fn new(registrar: Registrar, patience: Patience, stop: CancellationToken) -> Self {
        Self { registrar, patience, stop }
    }

    /// Answers a device that has connected to the port of MQTT.
    pub async fn answer(self, device: Device) {
        let Device { stream, certificates, standing } = device;
        self.converse(stream, Transport::Mqtt, Known { certificates, standing }).await;
    }

    async fn converse(self, link: impl Link, transport: Transport, known: Known) {
        let mut conversation = Conversation::new(link, transport, &self, known);
        match self.stop.run_until_cancelled(conversation.hold()).await {
            Some(end) => debug!(device = conversation.device(), %end, "an MQTT connection ended"),
            None => debug!(device = conversation.device(), "an MQTT connection is ended, as the local DPS stops"),
        }
        // A device that does not even take the end of the connection is not waited for.
        let _ = tokio::time::timeout(self.patience.sending, conversation.close()).await;
    }
}
