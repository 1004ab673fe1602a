//! MQTT over WebSocket: the path at which DPS upgrades a connection of HTTPS.

use axum::{
    Extension, Router,
    extract::{State, WebSocketUpgrade},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::any,
};

use super::{Certificates, Mqtt, conversation::PACKET_BYTES};
use crate::dps::{listener::Standing, registrar::Transport};

/// The path, as every client has it.
const PATH: &str = "/$iothub/websocket";

/// What the listener of HTTPS knows of a connection, put on each request of it.
#[derive(Debug, Clone)]
pub struct Known {
    /// The certificates that the device showed in the TLS handshake.
    pub certificates: Certificates,
    /// The connection's place.
    pub standing: Standing,
}

/// Upgrades requests for DPS's path to WebSockets and answers devices on them.
pub fn router(mqtt: Mqtt) -> Router {
    Router::new().route(PATH, any(upgrade)).with_state(mqtt)
}

async fn upgrade(State(mqtt): State<Mqtt>, Extension(known): Extension<Known>, socket: WebSocketUpgrade) -> Response {
    let most = PACKET_BYTES as usize;
    let socket = socket.protocols(["mqtt"]).max_message_size(most).max_frame_size(most);
    if socket.selected_protocol().is_none() {
        let problem = "the subprotocol has to be mqtt; AMQP is not spoken here\n";
        return (StatusCode::BAD_REQUEST, problem).into_response();
    }
    socket.on_upgrade(|socket| mqtt.converse(socket, Transport::MqttWebSocket, known))
}
