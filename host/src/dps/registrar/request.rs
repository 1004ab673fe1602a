//! One request of a device, without its transport.

use std::{fmt, sync::Arc};

use rustls_pki_types::CertificateDer;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny},
};
use serde_json::value::RawValue;

use super::ServiceError;
use crate::dps::{enrollment::TpmKeys, objects};

/// Bytes of a message, of a device's or a webhook's: DPS's limit.
pub const MOST_BYTES: usize = 96 << 10;

/// Every version that clients are known to ask for, the drafts of 2026 included. They do not differ in what is here.
const API_VERSIONS: &[&str] = &[
    "2017-08-31-preview",
    "2017-11-15",
    "2018-04-01",
    "2018-09-01-preview",
    "2018-11-01",
    "2019-03-31",
    "2021-06-01",
    "2021-10-01",
    "2021-11-01-preview",
    "2025-07-01-preview",
    "2026-04-01",
    "2026-07-01-preview",
    "2026-11-01",
    "2026-11-02-preview",
    "2026-11-15-preview",
];

/// One request of a device.
#[derive(Debug, Clone)]
pub struct DeviceRequest {
    /// The way it came, for the trace.
    pub transport: Transport,
    /// The id scope as given: the first segment of a path, or of an MQTT user name.
    pub id_scope: String,
    /// The registration id as given, percent-decoded where the transport encodes.
    pub registration_id: String,
    /// The `api-version`, if one was given.
    pub api_version: Option<String>,
    /// What the device shows of itself.
    pub credentials: Credentials,
    /// The body as sent. Empty is allowed.
    pub body: Vec<u8>,
}

/// What a device shows of itself. Nothing is checked yet: the transport passes on what it was given.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// A shared access signature: the `Authorization` header, or the password of an MQTT `CONNECT`.
    pub sas: Option<String>,
    /// The certificates of the TLS handshake, the device's own first. Empty if it showed none.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

/// The way a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTPS.
    Https,
    /// MQTT on TLS.
    Mqtt,
    /// MQTT over WebSocket.
    MqttWebSocket,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Https => "HTTPS",
            Self::Mqtt => "MQTT",
            Self::MqttWebSocket => "MQTT over WebSocket",
        })
    }
}

/// Whether a client may ask for this version.
#[must_use]
pub fn is_api_version(version: &str) -> bool {
    API_VERSIONS.iter().any(|known| known.eq_ignore_ascii_case(version))
}

/// Whether this can be a registration id: what any of DPS's own descriptions takes for one.
#[must_use]
pub fn is_id(id: &str) -> bool {
    let all = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
    (1..=128).contains(&id.len()) && all && id.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '-')
}

/// What a device says in a body: DPS's `DeviceRegistration`. A member that DPS does not know is an error there as well.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Body<'a> {
    #[serde(default)]
    registration_id: Option<String>,
    #[serde(default, deserialize_with = "tpm_keys")]
    pub tpm: Option<TpmKeys>,
    /// As sent: an object, or a string that holds JSON, which some clients send.
    #[serde(default, borrow)]
    pub payload: Option<&'a RawValue>,
    #[serde(default, rename = "csr")]
    _csr: Option<IgnoredAny>,
}

impl<'a> Body<'a> {
    pub(super) fn parse(request: &'a DeviceRequest) -> Result<Self, ServiceError> {
        if request.body.len() > MOST_BYTES {
            return Err(ServiceError::Invalid("The message is larger than 96 KB.".into()));
        }
        // One client over MQTT sends nothing, another a space.
        if request.body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        // An array of the members' values would be read as well.
        if !request.body.trim_ascii().starts_with(b"{") {
            return Err(ServiceError::Deserialization("the body is not a JSON object".into()));
        }
        let body: Self = serde_json::from_slice(&request.body)?;
        if body.registration_id.as_ref().is_some_and(|id| !id.eq_ignore_ascii_case(&request.registration_id)) {
            return Err(ServiceError::Invalid("The registration id of the body is not that of the request.".into()));
        }
        if !body.payload.is_none_or(is_payload) {
            let reason = "payload is neither an object nor a string that holds JSON";
            return Err(ServiceError::Deserialization(reason.into()));
        }
        Ok(body)
    }
}

fn tpm_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TpmKeys>, D::Error> {
    let raw = Option::<&RawValue>::deserialize(deserializer)?;
    raw.map(objects::member).transpose().map_err(D::Error::custom)
}

fn is_payload(payload: &RawValue) -> bool {
    match payload.get().as_bytes().first() {
        Some(b'{') => true,
        Some(b'"') => serde_json::from_str::<String>(payload.get())
            .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(&text).is_ok()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_dps_takes() {
        for id in ["a", "Dev-1", "a.b_c:d-", "0", &"x".repeat(128)] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", "a b", "a/b", "dev.", "dev:", "dévice", &"x".repeat(129)] {
            assert!(!is_id(id), "{id}");
        }
    }

    #[test]
    fn bodies_are_what_clients_send() {
        let request = |body: &[u8]| DeviceRequest {
            transport: Transport::Https,
            id_scope: "s".into(),
            registration_id: "Dev".into(),
            api_version: None,
            credentials: Credentials::default(),
            body: body.to_vec(),
        };
        for (body, payload) in [
            (&b""[..], None),
            (b" ", None),
            (br#"{"registrationId":"dev","payload":null}"#, None),
            (br#"{"tpm":null}"#, None),
            (br#"{"payload":{"a":1.0}}"#, Some(r#"{"a":1.0}"#)),
            (br#"{"payload":"{\"a\":1}"}"#, Some(r#""{\"a\":1}""#)),
        ] {
            assert_eq!(Body::parse(&request(body)).unwrap().payload.map(RawValue::get), payload);
        }
        for body in [
            &b"{"[..],
            b"[]",
            br#"{"tpm":["a2V5",null]}"#,
            b"\xff",
            br#"{"modelId":"dtmi:a;1"}"#,
            br#"{"payload":1}"#,
            br#"{"payload":"x"}"#,
        ] {
            assert!(matches!(Body::parse(&request(body)), Err(ServiceError::Deserialization(_))));
        }
        let other = request(br#"{"registrationId":"another"}"#);
        assert!(matches!(Body::parse(&other), Err(ServiceError::Invalid(_))));
        assert!(matches!(Body::parse(&request(&[b' '; MOST_BYTES + 1])), Err(ServiceError::Invalid(_))));
    }
}
