//! One device's connection, from its `CONNECT` to its end.

use mqtt_protocol_core::mqtt::{
    common::Cursor,
    packet::{Packet, Qos, v3_1_1},
    result_code::{ConnectReturnCode, MqttError, SubackReturnCode},
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Known, Patience,
    link::Link,
    login::Login,
    protocol::{Protocol, Turn},
    topic::{self, Asks, Question},
};
use crate::dps::registrar::{Credentials, DeviceRequest, Registrar, Reply, Transport};

/// The largest packet: DPS's limit on a message, with room for topic and header.
pub(super) const PACKET_BYTES: u32 = 96 * 1024 + 1024;

/// Why a connection ended. It goes to the log and, MQTT 3.1.1 having no words for it, not to the device.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("the device said goodbye")]
    Goodbye,
    #[error("the device is gone")]
    Gone,
    #[error("the device was silent for longer than it may be")]
    Silent,
    #[error("no request of the device was admitted in time")]
    NotAdmitted,
    #[error("the device does not take its answers")]
    NotReading,
    #[error("the device breaks the protocol: {0}")]
    Protocol(#[from] MqttError),
    #[error("{0}")]
    Unsupported(&'static str),
}

/// A device that has connected.
struct Session {
    login: Login,
    credentials: Credentials,
    /// The quality at which it wants answers, once it has subscribed.
    answers: Option<Qos>,
}

pub(super) struct Conversation<L> {
    link: L,
    protocol: Protocol,
    registrar: Registrar,
    transport: Transport,
    known: Known,
    patience: Patience,
    session: Option<Session>,
    /// When the next packet has to be there.
    deadline: Instant,
}

impl<L: Link> Conversation<L> {
    pub(super) fn new(link: L, transport: Transport, service: &super::Mqtt, known: Known) -> Self {
        Self {
            link,
            protocol: Protocol::new(PACKET_BYTES),
            registrar: service.registrar.clone(),
            transport,
            known,
            patience: service.patience,
            session: None,
            deadline: Instant::now() + service.patience.greeting,
        }
    }

    /// Talks to the device until one of the two ends it.
    pub(super) async fn hold(&mut self) -> End {
        let standing = self.known.standing.clone();
        let turns = async {
            loop {
                if let Err(end) = self.turn().await {
                    return end;
                }
            }
        };
        tokio::select! {
            end = turns => end,
            () = standing.lapses() => End::NotAdmitted,
        }
    }

    /// The device, as it names itself.
    pub(super) fn device(&self) -> &str {
        self.session.as_ref().map_or("", |session| &session.login.registration_id)
    }

    /// Ends the connection.
    pub(super) async fn close(self) {
        self.link.close().await;
    }

    async fn turn(&mut self) -> Result<(), End> {
        let received = timeout_at(self.deadline, self.link.receive()).await.map_err(|_| End::Silent)?;
        let received = received.ok_or(End::Gone)?;
        let mut bytes = Cursor::new(&*received);
        while (bytes.position() as usize) < received.len() {
            let turn = self.protocol.hear(&mut bytes);
            if let Some(packet) = self.send(turn).await? {
                self.answer(packet).await?;
            }
        }
        Ok(())
    }

    /// Sends what a turn has for the device; gives back what it has from it.
    async fn send(&mut self, turn: Turn) -> Result<Option<Packet>, End> {
        if !turn.outgoing.is_empty() {
            let sent = timeout(self.patience.sending, self.link.send(turn.outgoing)).await;
            sent.map_err(|_| End::NotReading)?.ok_or(End::Gone)?;
        }
        if turn.received.is_some() {
            let silence = turn.silence.map_or(self.patience.silence, |own| own.min(self.patience.silence));
            self.deadline = Instant::now() + silence;
        }
        turn.end.map_or(Ok(turn.received), |error| Err(error.into()))
    }

    async fn say(&mut self, packet: impl Into<Packet>) -> Result<(), End> {
        let turn = self.protocol.say(packet);
        self.send(turn).await.map(drop)
    }

    async fn answer(&mut self, packet: Packet) -> Result<(), End> {
        match (packet, &mut self.session) {
            (Packet::V3_1_1Connect(connect), None) => self.connect(&connect).await,
            (_, None) => Err(End::Unsupported("the first packet is no CONNECT")),
            (Packet::V3_1_1Subscribe(subscribe), Some(_)) => self.subscribe(&subscribe).await,
            (Packet::V3_1_1Unsubscribe(unsubscribe), Some(session)) => {
                session.answers = None;
                let packet = v3_1_1::Unsuback::builder().packet_id(unsubscribe.packet_id()).build()?;
                self.say(packet).await
            }
            (Packet::V3_1_1Publish(publish), Some(_)) => self.publish(&publish).await,
            (Packet::V3_1_1Disconnect(_), Some(_)) => Err(End::Goodbye),
            // The protocol has seen to these.
            (Packet::V3_1_1Puback(_) | Packet::V3_1_1Pingreq(_), Some(_)) => Ok(()),
            (_, Some(_)) => Err(End::Unsupported("the device sent a packet that DPS has no use for")),
        }
    }

    /// Lets in whoever says which device it is. Whether it is that device is looked at when it asks something: DPS
    /// accepts a connection with a wrong signature and refuses the registration, and clients are written for that.
    async fn connect(&mut self, connect: &v3_1_1::Connect) -> Result<(), End> {
        let login = Login::parse(connect.user_name().unwrap_or_default(), connect.client_id());
        let code = if login.is_some() { ConnectReturnCode::Accepted } else { ConnectReturnCode::NotAuthorized };
        // Sessions never outlast a connection, whatever the device asked for.
        self.say(v3_1_1::Connack::builder().session_present(false).return_code(code).build()?).await?;
        let login =
            login.ok_or(End::Unsupported("the user name is not {idScope}/registrations/{clientId}/api-version=…"))?;
        if connect.will_flag() {
            return Err(End::Unsupported("DPS has no wills"));
        }
        let password = connect.password().filter(|password| !password.is_empty());
        let credentials = Credentials {
            sas: password.map(|password| String::from_utf8_lossy(password).into_owned()),
            certificates: self.known.certificates.clone(),
        };
        self.session = Some(Session { login, credentials, answers: None });
        Ok(())
    }

    async fn subscribe(&mut self, subscribe: &v3_1_1::Subscribe) -> Result<(), End> {
        let mut codes = Vec::new();
        for entry in subscribe.entries() {
            if entry.topic_filter() != topic::RESPONSES {
                return Err(End::Unsupported("the device subscribed to another topic than $dps/registrations/res/#"));
            }
            let granted = topic::granted(entry.sub_opts().qos());
            codes.push(match granted {
                Qos::AtMostOnce => SubackReturnCode::SuccessMaximumQos0,
                _ => SubackReturnCode::SuccessMaximumQos1,
            });
            if let Some(session) = &mut self.session {
                session.answers = Some(granted);
            }
        }
        self.say(v3_1_1::Suback::builder().packet_id(subscribe.packet_id()).return_codes(codes).build()?).await
    }

    async fn publish(&mut self, publish: &v3_1_1::Publish) -> Result<(), End> {
        if publish.qos() == Qos::ExactlyOnce || publish.retain() {
            return Err(End::Unsupported("DPS has neither QoS 2 nor retained messages"));
        }
        let unknown = End::Unsupported("the device published to a topic that DPS does not have");
        let Some(question) = Question::parse(publish.topic_name()) else { return Err(unknown) };
        // Acknowledged before it is answered: one client takes them in no other order.
        if let Some(id) = publish.packet_id() {
            self.say(v3_1_1::Puback::builder().packet_id(id).build()?).await?;
        }
        let Some(session) = &self.session else { return Ok(()) };
        let reply = session.ask(&self.registrar, self.transport, &question, publish.payload().as_slice()).await;
        if reply.is_success() {
            self.known.standing.admit();
        }
        let Some(quality) = session.answers else { return Ok(()) };
        let topic = topic::response(reply.status, question.rid, reply.retry_after);
        let turn = self.protocol.publish(&topic, quality, reply.body)?;
        self.send(turn).await.map(drop)
    }
}

impl Session {
    async fn ask(&self, registrar: &Registrar, transport: Transport, question: &Question<'_>, body: &[u8]) -> Reply {
        let request = DeviceRequest {
            transport,
            id_scope: self.login.id_scope.clone(),
            registration_id: self.login.registration_id.clone(),
            api_version: Some(self.login.api_version.clone()),
            credentials: self.credentials.clone(),
            body: body.to_vec(),
        };
        match question.asks {
            Asks::Registration => registrar.register(request).await,
            Asks::Operation(id) => registrar.operation(request, id).await,
        }
    }
}
