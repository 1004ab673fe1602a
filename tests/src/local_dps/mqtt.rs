//! MQTT 3.1.1 packets, to the byte: no client of a library sends them as every device does.

use serde_json::Value;

use super::{ID_SCOPE, Wire};

/// The one filter of DPS.
pub const RESPONSES: &str = "$dps/registrations/res/#";
/// The last words of a device.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];
/// A sign of life.
pub const PINGREQ: [u8; 2] = [0xc0, 0];

/// What a device says in `CONNECT`.
#[derive(Debug, Clone)]
pub struct Connect {
    /// Its client id.
    pub client_id: String,
    /// Its user name.
    pub user_name: String,
    /// Its password, if it has one.
    pub password: Option<String>,
    /// Whether it asks for a clean session.
    pub clean: bool,
    /// Seconds of its keep-alive.
    pub keep_alive: u16,
}

impl Connect {
    /// What most devices say, with what comes behind the version in the user name.
    #[must_use]
    pub fn device(registration_id: &str, tail: &str, password: Option<String>) -> Self {
        Self {
            client_id: registration_id.to_owned(),
            user_name: format!("{ID_SCOPE}/registrations/{registration_id}/api-version=2019-03-31{tail}"),
            password,
            clean: true,
            keep_alive: 60,
        }
    }

    /// The packet.
    #[must_use]
    pub fn packet(&self) -> Vec<u8> {
        let mut body = text("MQTT");
        let flags = 0x80 | (u8::from(self.password.is_some()) << 6) | (u8::from(self.clean) << 1);
        body.extend([4, flags]);
        body.extend(self.keep_alive.to_be_bytes());
        body.extend(text(&self.client_id));
        body.extend(text(&self.user_name));
        body.extend(self.password.iter().flat_map(|password| text(password)));
        packet(0x10, &body)
    }
}

/// A packet of this first byte.
///
/// # Panics
///
/// If it is longer than MQTT has lengths for.
#[must_use]
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    loop {
        let byte = u8::try_from(length % 128).expect("a byte");
        length /= 128;
        packet.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

/// A text with its length before it.
///
/// # Panics
///
/// If it is longer than MQTT has lengths for.
#[must_use]
pub fn text(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).expect("a text").to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// `SUBSCRIBE`.
#[must_use]
pub fn subscribe(id: u16, filter: &str, qos: u8) -> Vec<u8> {
    packet(0x82, &[&id.to_be_bytes()[..], &text(filter), &[qos]].concat())
}

/// `UNSUBSCRIBE`.
#[must_use]
pub fn unsubscribe(id: u16, filter: &str) -> Vec<u8> {
    packet(0xa2, &[&id.to_be_bytes()[..], &text(filter)].concat())
}

/// `PUBLISH`, at least once if it has an id.
#[must_use]
pub fn publish(topic: &str, id: Option<u16>, body: &str) -> Vec<u8> {
    let first = if id.is_some() { 0x32 } else { 0x30 };
    let id = id.map(u16::to_be_bytes).unwrap_or_default();
    let id = if first == 0x32 { &id[..] } else { &[] };
    packet(first, &[&text(topic), id, body.as_bytes()].concat())
}

/// `PUBACK`.
#[must_use]
pub fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

/// A packet of the local DPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Its first byte.
    pub first: u8,
    /// What is behind its length.
    pub body: Vec<u8>,
}

/// An answer of the local DPS: what it has published.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The topic.
    pub topic: String,
    /// The packet's id, if it is to be acknowledged.
    pub id: Option<u16>,
    /// The body as sent.
    pub text: String,
    /// The body.
    pub json: Value,
}

impl Packet {
    /// The length that these bytes say.
    pub(super) fn remaining(bytes: &[u8]) -> usize {
        let digits = bytes.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        bytes.iter().take(digits).rev().fold(0, |length, byte| length * 128 + usize::from(byte & 0x7f))
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        let digits = rest.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let body = rest.get(digits..)?.to_vec();
        assert_eq!(body.len(), Self::remaining(rest), "a packet is as long as it says");
        Some(Self { first: *first, body })
    }

    /// Reads it as an answer.
    ///
    /// # Panics
    ///
    /// If it is any other packet, or its body is not JSON in ASCII.
    #[must_use]
    #[track_caller]
    pub fn published(&self) -> Published {
        assert_eq!(self.first & 0xf9, 0x30, "no PUBLISH, or a retained one: {self:?}");
        let length = usize::from(u16::from_be_bytes([self.body[0], self.body[1]]));
        let (topic, rest) = self.body[2..].split_at(length);
        let id = (self.first & 0x06 != 0).then(|| u16::from_be_bytes([rest[0], rest[1]]));
        let text = String::from_utf8(rest[if id.is_some() { 2 } else { 0 }..].to_vec()).expect("text");
        assert!(text.is_ascii(), "one client decodes bodies as ASCII: {text}");
        let json = serde_json::from_str(&text).expect("JSON");
        Self::of(topic, id, text, json)
    }

    fn of(topic: &[u8], id: Option<u16>, text: String, json: Value) -> Published {
        Published { topic: String::from_utf8(topic.to_vec()).expect("a topic"), id, text, json }
    }
}

impl Published {
    /// The status in the topic.
    ///
    /// # Panics
    ///
    /// If the topic is not one of DPS's answers.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> u16 {
        let rest = self.topic.strip_prefix("$dps/registrations/res/");
        let status = rest.and_then(|rest| rest.split_once("/?$rid="));
        status.and_then(|(status, _)| status.parse().ok()).unwrap_or_else(|| panic!("{}", self.topic))
    }

    /// What is behind the request's id in the topic.
    #[must_use]
    pub fn tail(&self, rid: &str) -> Option<&str> {
        self.topic.split_once("?$rid=")?.1.strip_prefix(rid)
    }
}

/// The topic of a registration.
#[must_use]
pub fn register_topic(rid: &str) -> String {
    format!("$dps/registrations/PUT/iotdps-register/?$rid={rid}")
}

/// The topic of a question about an operation.
#[must_use]
pub fn operation_topic(rid: &str, operation_id: &str) -> String {
    format!("$dps/registrations/GET/iotdps-get-operationstatus/?$rid={rid}&operationId={operation_id}")
}

impl Wire {
    /// Connects and subscribes, and holds the answers to what all clients want: accepted, without a session of before, at
    /// the quality that was asked for.
    ///
    /// # Panics
    ///
    /// If the local DPS answers anything else.
    pub async fn begin(&mut self, connect: &Connect, qos: u8) {
        self.send(connect.packet()).await;
        assert_eq!(self.receive().await, Some(Packet { first: 0x20, body: vec![0, 0] }));
        self.send(subscribe(1, RESPONSES, qos)).await;
        assert_eq!(self.receive().await, Some(Packet { first: 0x90, body: vec![0, 1, qos] }));
    }

    /// Hears an answer and acknowledges it, if it is to be.
    ///
    /// # Panics
    ///
    /// If anything else comes.
    pub async fn answer(&mut self) -> Published {
        let published = self.receive().await.expect("an answer").published();
        if let Some(id) = published.id {
            self.send(puback(id)).await;
        }
        published
    }

    /// Publishes and hears the answer to it: after its acknowledgement, if it has an id.
    ///
    /// # Panics
    ///
    /// If anything else comes, or in another order.
    pub async fn asks(&mut self, topic: &str, id: Option<u16>, body: &str) -> Published {
        self.send(publish(topic, id, body)).await;
        if let Some(id) = id {
            assert_eq!(self.receive().await, Some(Packet { first: 0x40, body: id.to_be_bytes().to_vec() }));
        }
        self.answer().await
    }
}
