//! One answer of the server.

use hyper::{
    HeaderMap,
    body::Bytes,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::{Value, json};

/// One answer: status, headers, and the whole of the body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    ///
    /// # Panics
    ///
    /// If it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("an answer is UTF-8")
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error} in the answer {self:?}"),
        }
    }

    /// The request's id, as the header has it.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> &str {
        let id = self.headers.get("x-request-id");
        id.expect("every answer names its request").to_str().unwrap()
    }

    /// Seconds after which to try again, if the answer says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
    }

    /// Holds the answer against a decision, as DPS would read it.
    ///
    /// # Panics
    ///
    /// If it is anything else.
    #[track_caller]
    pub fn is_decision(&self, expected: &Value) {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(self.headers[CONTENT_TYPE], "application/json; charset=utf-8");
        assert_eq!(self.json(), *expected);
        assert!(!self.id().is_empty());
    }

    /// Holds the answer against a decision for this hub and nothing else.
    ///
    /// # Panics
    ///
    /// If it is anything else.
    #[track_caller]
    pub fn is_hub(&self, hub: &str) {
        self.is_decision(&json!({ "iotHubHostName": hub }));
    }

    /// Holds the answer against the envelope of a failure and returns its message.
    ///
    /// # Panics
    ///
    /// If it is anything else: more members than `code`, `message` and `requestId`, another id than the header's, or a
    /// 429 or 503 that does not say when to try again.
    #[track_caller]
    pub fn is_error(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.headers[CONTENT_TYPE], "application/json; charset=utf-8");
        let body = self.json();
        let message = body["error"]["message"].as_str().unwrap_or_default().to_owned();
        let expected = json!({ "error": { "code": code, "message": message, "requestId": self.id() } });
        assert_eq!(body, expected);
        assert!(!message.is_empty(), "a failure says what it is");
        assert_eq!(self.retry_after().is_some(), matches!(status, 429 | 503), "{:?}", self.headers);
        message
    }
}
