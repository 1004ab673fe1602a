//! MQTT over WebSocket: the path at which DPS upgrades a connection of HTTPS.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{State, WebSocketUpgrade},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::any,
};
use rustls::pki_types::CertificateDer;

use super::{Mqtt, conversation::PACKET_BYTES};
use crate::dps::registrar::Transport;

/// The path, as every client has it.
const PATH: &str = "/$iothub/websocket";

/// The certificates that the device showed in the TLS handshake of its connection: the listener of HTTPS puts them on
/// each request.
#[derive(Debug, Clone, Default)]
pub struct Shown(pub Arc<[CertificateDer<'static>]>);

/// Upgrades requests for DPS's path to WebSockets and answers devices on them.
pub fn router(mqtt: Mqtt) -> Router {
    Router::new().route(PATH, any(upgrade)).with_state(mqtt)
}

async fn upgrade(State(mqtt): State<Mqtt>, Extension(shown): Extension<Shown>, socket: WebSocketUpgrade) -> Response {
    let most = PACKET_BYTES as usize;
    let socket = socket.protocols(["mqtt"]).max_message_size(most).max_frame_size(most);
    if socket.selected_protocol().is_none() {
        let problem = "the subprotocol has to be mqtt; AMQP is not spoken here\n";
        return (StatusCode::BAD_REQUEST, problem).into_response();
    }
    socket.on_upgrade(|socket| mqtt.converse(socket, Transport::MqttWebSocket, shown.0))
}
