//! The topics of DPS: what a device may ask on, and what it is answered on. There are no others.

use mqtt_protocol_core::mqtt::packet::Qos;

/// The one filter a device may subscribe to.
pub(super) const RESPONSES: &str = "$dps/registrations/res/#";

const REGISTER: &str = "$dps/registrations/PUT/iotdps-register/";
const OPERATION: &str = "$dps/registrations/GET/iotdps-get-operationstatus/";

/// What a device asks by publishing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question<'a> {
    /// Echoed to the byte: one client sends a UUID, another a number, a third its packet's id.
    pub(super) rid: &'a str,
    pub(super) asks: Asks<'a>,
}

/// Which of the two questions.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asks<'a> {
    /// To be registered.
    Registration,
    /// How this operation stands.
    Operation(&'a str),
}

impl<'a> Question<'a> {
    /// Reads a topic. `None` if it is not one of DPS's, or has no request id.
    pub(super) fn parse(topic: &'a str) -> Option<Self> {
        let (path, query) = topic.split_once('?')?;
        let member = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        let asks = match path {
            REGISTER => Asks::Registration,
            OPERATION => Asks::Operation(member("operationId")?),
            _ => return None,
        };
        Some(Self { rid: member("$rid")?, asks })
    }
}

/// The topic of an answer. `$rid` comes first and `retry-after` is in small letters: clients compare both to the byte.
pub(super) fn response(status: u16, rid: &str, retry_after: Option<u32>) -> String {
    let topic = format!("$dps/registrations/res/{status}/?$rid={rid}");
    match retry_after {
        Some(seconds) => format!("{topic}&retry-after={seconds}"),
        None => topic,
    }
}

/// The quality granted: DPS delivers at least once where a device asks for more.
pub(super) fn granted(asked: Qos) -> Qos {
    match asked {
        Qos::AtMostOnce => Qos::AtMostOnce,
        Qos::AtLeastOnce | Qos::ExactlyOnce => Qos::AtLeastOnce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(topic: &str) -> Option<Question<'_>> {
        Question::parse(topic)
    }

    #[test]
    fn a_topic_of_dps_is_a_question() {
        let register = asked("$dps/registrations/PUT/iotdps-register/?$rid=0c7a-11");
        assert_eq!(register, Some(Question { rid: "0c7a-11", asks: Asks::Registration }));
        let operation = Some(Question { rid: "7", asks: Asks::Operation("5.31a.b1") });
        assert_eq!(asked("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=7&operationId=5.31a.b1"), operation);
        assert_eq!(asked("$dps/registrations/GET/iotdps-get-operationstatus/?operationId=5.31a.b1&$rid=7"), operation);
    }

    #[test]
    fn any_other_topic_is_none() {
        for topic in [
            "",
            "$dps/registrations/PUT/iotdps-register/",
            "$dps/registrations/PUT/iotdps-register/?rid=1",
            "$dps/registrations/PUT/iotdps-register?$rid=1",
            "$dps/registrations/put/iotdps-register/?$rid=1",
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1",
            "$dps/registrations/res/202/?$rid=1",
            "devices/d1/messages/events/",
        ] {
            assert_eq!(asked(topic), None, "{topic}");
        }
    }

    #[test]
    fn an_answer_echoes_the_id_first() {
        assert_eq!(response(202, "a b/ü", Some(3)), "$dps/registrations/res/202/?$rid=a b/ü&retry-after=3");
        assert_eq!(response(401, "1", None), "$dps/registrations/res/401/?$rid=1");
    }
}
