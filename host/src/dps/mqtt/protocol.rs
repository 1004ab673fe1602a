//! MQTT 3.1.1 itself: bytes to packets and back, packet ids, keep-alive. Knows nothing of DPS and does no I/O.

use std::time::Duration;

use mqtt_protocol_core::mqtt::{
    Connection,
    common::Cursor,
    connection::{ConnectionOptions, Event, TimerKind, Version},
    packet::{GenericPacketTrait as _, Packet, Qos, v3_1_1},
    result_code::MqttError,
    role,
};

/// Answers a device may leave unacknowledged; one that follows the protocol has one at a time.
const MOST_UNACKNOWLEDGED: usize = 16;

/// The service's end of one connection.
pub(super) struct Protocol {
    connection: Connection<role::Server>,
    unacknowledged: usize,
}

/// What came of some bytes.
#[derive(Default)]
pub(super) struct Turn {
    /// A packet of the device.
    pub(super) received: Option<Packet>,
    /// Bytes for the device.
    pub(super) outgoing: Vec<u8>,
    /// How long the next packet may take, by the device's own keep-alive.
    pub(super) silence: Option<Duration>,
    /// Why the connection has to end once `outgoing` has been sent.
    pub(super) end: Option<MqttError>,
}

impl Protocol {
    /// A connection on which nothing has been said. A packet of more bytes than this ends it, before it is read.
    pub(super) fn new(packet_bytes: u32) -> Self {
        let options = ConnectionOptions::new().maximum_packet_size_recv(packet_bytes);
        let mut connection = Connection::with_options(Version::V3_1_1, options);
        connection.set_auto_ping_response(true);
        Self { connection, unacknowledged: 0 }
    }

    /// Hears bytes of the device, up to the end of a packet.
    pub(super) fn hear(&mut self, bytes: &mut Cursor<&[u8]>) -> Turn {
        let events = self.connection.recv(bytes);
        self.settle(events)
    }

    /// Says a packet.
    pub(super) fn say(&mut self, packet: impl Into<Packet>) -> Turn {
        let events = self.connection.send(packet.into());
        self.settle(events)
    }

    /// Says an answer.
    pub(super) fn publish(&mut self, topic: &str, qos: Qos, body: String) -> Result<Turn, MqttError> {
        let mut packet = v3_1_1::Publish::builder().topic_name(topic)?.qos(qos).payload(body);
        if qos != Qos::AtMostOnce {
            if self.unacknowledged >= MOST_UNACKNOWLEDGED {
                return Err(MqttError::ReceiveMaximumExceeded);
            }
            packet = packet.packet_id(self.connection.acquire_packet_id()?);
            self.unacknowledged += 1;
        }
        Ok(self.say(packet.build()?))
    }

    fn settle(&mut self, events: Vec<Event>) -> Turn {
        let mut turn = Turn::default();
        for event in events {
            match event {
                Event::NotifyPacketReceived(packet) => turn.received = Some(packet),
                Event::RequestSendPacket { packet, .. } => turn.outgoing.extend(packet.to_continuous_buffer()),
                Event::RequestTimerReset { kind: TimerKind::PingreqRecv, duration_ms } => {
                    turn.silence = Some(Duration::from_millis(duration_ms));
                }
                Event::NotifyPacketIdReleased(_) => self.unacknowledged = self.unacknowledged.saturating_sub(1),
                Event::NotifyError(error) => turn.end = Some(error),
                Event::RequestClose => turn.end = turn.end.or(Some(MqttError::ProtocolError)),
                Event::RequestTimerReset { .. } | Event::RequestTimerCancel(_) => {}
            }
        }
        turn
    }
}
