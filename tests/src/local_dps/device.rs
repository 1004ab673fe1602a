//! A plain device over HTTPS, for tests that are about something else.

use serde_json::{Value, json};

use super::{ID_SCOPE, LocalDps, Setup, Webhook, Wire, group, keys};
use crate::Answer;

/// The path of a registration.
#[must_use]
pub fn register_path(id: &str) -> String {
    format!("/{ID_SCOPE}/registrations/{id}/register?api-version=2019-03-31")
}

/// The path of an operation.
#[must_use]
pub fn operation_path(id: &str, operation_id: &str) -> String {
    format!("/{ID_SCOPE}/registrations/{id}/operations/{operation_id}?api-version=2019-03-31")
}

/// A request to the byte.
#[must_use]
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// The signature of a device of the group.
#[must_use]
pub fn authorization(id: &str) -> String {
    keys::sas(&keys::derived(keys::KEY, id), ID_SCOPE, id, keys::LATE)
}

/// A local DPS with one group of devices with keys, and the webhook that decides for it.
pub async fn with_a_group() -> (LocalDps, Webhook) {
    let webhook = Webhook::start().await;
    let devices = group("devices", keys::attestation(keys::KEY), &webhook.url());
    (Setup::new().enrollment(devices).start().await, webhook)
}

impl Wire {
    /// Asks until the operation has ended, with these headers. The answer to the last question.
    ///
    /// # Panics
    ///
    /// If the first answer has begun no operation.
    pub async fn polls(&mut self, id: &str, began: &Answer, headers: &[(&str, &str)]) -> Answer {
        assert_eq!(began.status, 202, "{}", began.text());
        let began = began.json();
        let operation = began["operationId"].as_str().expect("an operation");
        let question = request("GET", &operation_path(id, operation), headers, "");
        loop {
            let answer = self.request(&question).await;
            if answer.status != 202 {
                return answer;
            }
        }
    }
}

impl LocalDps {
    /// Registers a device of the group and tells what is registered then.
    pub async fn registers(&self, id: &str) -> Value {
        self.registers_by(id, &keys::derived(keys::KEY, id)).await
    }

    /// The same of any device that has this key.
    pub async fn registers_by(&self, id: &str, key: &str) -> Value {
        let (mut wire, signature) = (self.https_wire(None).await, keys::sas(key, ID_SCOPE, id, keys::LATE));
        let headers = [("Authorization", signature.as_str()), ("Content-Type", "application/json")];
        let body = json!({ "registrationId": id, "payload": { "from": "a device" } }).to_string();
        let began = wire.request(request("PUT", &register_path(id), &headers, &body)).await;
        wire.polls(id, &began, &headers).await.json()["registrationState"].clone()
    }

    /// Holds it to being well: another device registers and is assigned.
    ///
    /// # Panics
    ///
    /// If it is not.
    pub async fn is_well(&self) {
        let state = self.registers("a-device-in-order").await;
        assert_eq!(state["status"], "assigned", "{state}");
    }
}
