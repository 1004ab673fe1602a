//! The answers of the core, and the one table of the service's errors.

use std::fmt;

use serde::Serialize;

use crate::dps::device::{RegistrationState, Status};

/// Seconds that a throttled device is told to wait.
const THROTTLED_FOR: u32 = 5;

/// An answer: what HTTPS sends as status, headers and body, and MQTT as topic and payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// An HTTP status.
    pub status: u16,
    /// Whole seconds after which to ask again: `Retry-After`, or `retry-after` in an MQTT topic.
    pub retry_after: Option<u32>,
    /// The code of an error, also in the body: `x-ms-error-code`.
    pub error_code: Option<u32>,
    /// JSON in ASCII: one client decodes it so.
    pub body: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationStatus<'a> {
    operation_id: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_state: Option<&'a RegistrationState>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Challenge<'a> {
    message: &'a str,
    authentication_key: &'a str,
    key_name: &'a str,
}

impl Reply {
    /// How an operation stands.
    pub(super) fn operation(
        status: u16,
        retry_after: Option<u32>,
        operation_id: &str,
        stands: Status,
        registration_state: Option<&RegistrationState>,
    ) -> Self {
        let body = OperationStatus { operation_id, status: stands, registration_state };
        Self { status, retry_after, error_code: None, body: ascii_json(&body) }
    }

    /// Whether whoever asked was let in.
    pub(in crate::dps) fn is_success(&self) -> bool {
        self.status < 300
    }

    /// 200 with this body.
    pub(in crate::dps) fn ok(body: &impl Serialize) -> Self {
        Self { status: 200, retry_after: None, error_code: None, body: ascii_json(body) }
    }

    /// 401 with a key that only one TPM can take out.
    pub(in crate::dps) fn challenge(authentication_key: &str) -> Self {
        let message = "Authorization required. Activate the key and sign with it.";
        let body = Challenge { message, authentication_key, key_name: "registration" };
        Self { status: 401, retry_after: None, error_code: None, body: ascii_json(&body) }
    }
}

/// What the service refuses, with its six-digit codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceError {
    /// 400004: the request makes no sense, and why.
    Invalid(String),
    /// 400012: the body is not what it should be, and how. DPS's own message says no more than that.
    Deserialization(String),
    /// 401000: no credential, or one that cannot be read or has expired.
    Unauthorized,
    /// 401002: a credential that is not the enrollment's, or no enrollment.
    UnauthorizedKey,
    /// 401002: a client certificate that is not the enrollment's.
    InvalidCertificate,
    /// 404201: there is no such thing.
    NotFound(String),
    /// 404001: the path is none of the service's.
    NoSuchPath,
    /// 405001: the path is, the method is not.
    MethodNotAllowed,
    /// 409001: it is there already.
    Conflict,
    /// 412001: it is not as the caller knew it.
    PreconditionFailed,
    /// 415001: the body is not JSON.
    UnsupportedMediaType,
    /// 429001.
    Throttled,
    /// 500001: the local DPS failed.
    Internal,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    error_code: u32,
    tracking_id: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Info<'a>>,
    timestamp_utc: String,
}

/// What else there is to say: names and text.
#[derive(Serialize)]
struct Info<'a> {
    reason: &'a str,
}

impl From<serde_json::Error> for ServiceError {
    fn from(error: serde_json::Error) -> Self {
        Self::Deserialization(error.to_string())
    }
}

impl ServiceError {
    /// The answer that says so.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let (code, message) = self.code_and_message();
        let timestamp_utc = format!("{:.7}", jiff::Timestamp::now());
        let info = match self {
            Self::Deserialization(reason) => Some(Info { reason }),
            _ => None,
        };
        let body = ErrorBody { error_code: code, tracking_id: &guid(), message, info, timestamp_utc };
        let status = u16::try_from(code / 1000).unwrap_or(500);
        let retry_after = (status == 429).then_some(THROTTLED_FOR);
        Reply { status, retry_after, error_code: Some(code), body: ascii_json(&body) }
    }

    /// The error of a request for a version that nobody knows, or for none.
    pub(in crate::dps) fn unknown_version() -> Self {
        Self::Invalid("The api-version is missing or unknown.".into())
    }

    pub(in crate::dps) fn code_and_message(&self) -> (u32, &str) {
        match self {
            Self::Invalid(message) => (400_004, message),
            Self::Deserialization(_) => (400_012, "Deserialization error."),
            Self::Unauthorized => (401_000, "Unauthorized"),
            Self::UnauthorizedKey => (401_002, "Unauthorized"),
            Self::InvalidCertificate => (401_002, "Invalid certificate."),
            Self::NotFound(message) => (404_201, message),
            Self::NoSuchPath => (404_001, "Resource not found."),
            Self::MethodNotAllowed => (405_001, "Method not allowed."),
            Self::Conflict => (409_001, "It exists already."),
            Self::PreconditionFailed => (412_001, "Precondition failed."),
            Self::UnsupportedMediaType => (415_001, "The body has to be application/json."),
            Self::Throttled => (429_001, "Operations are being throttled for this tenant."),
            Self::Internal => (500_001, "Internal error."),
        }
    }
}

/// The message, with the reason beside it.
impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, message) = self.code_and_message();
        match self {
            Self::Deserialization(reason) => write!(f, "{message} {reason}"),
            _ => f.write_str(message),
        }
    }
}

/// JSON text in which everything beyond ASCII is an escape.
pub(in crate::dps) fn ascii_json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut ascii = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}

/// A random id in the form of a GUID. All zero if the system has no randomness, which nothing depends on.
pub(in crate::dps) fn guid() -> String {
    let mut bytes = [0; 16];
    let _ = getrandom::fill(&mut bytes);
    let text = hex::encode(bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| text.get(range).unwrap_or_default().to_owned());
    parts.join("-")
}
