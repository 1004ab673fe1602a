//! What DPS sends. Three bodies were captured from the real service; the others are built like them.

use serde_json::{Value, json};

/// The toasters' hub of [`first`].
pub const TOASTERS: &str = "custom-allocation-toasters-hub.azure-devices.net";
/// The heat pumps' hub of [`first`].
pub const HEAT_PUMPS: &str = "custom-allocation-heatpumps-hub.azure-devices.net";

/// Captured: a toaster of a group registers for the first time, without a payload.
#[must_use]
pub fn first() -> &'static str {
    include_str!("../bodies/group-symmetric-first.json")
}

/// Captured: the toaster registers again, with a payload, and may move.
#[must_use]
pub fn again() -> &'static str {
    include_str!("../bodies/group-symmetric-reregistration-payload.json")
}

/// Captured: a phone with a model id, of an older api-version that leaves out what is not set.
#[must_use]
pub fn phone() -> &'static str {
    include_str!("../bodies/group-2019-03-31-pnp.json")
}

/// Captured: an answer with everything in it.
#[must_use]
pub fn full_response() -> Value {
    parsed(include_str!("../bodies/response-full.json"))
}

/// Built: a press of its own enrollment, which shows a real certificate.
#[must_use]
pub fn individual_x509() -> &'static str {
    include_str!("../bodies/individual-x509.json")
}

/// Built: a controller of its own enrollment, which has a TPM.
#[must_use]
pub fn individual_tpm() -> &'static str {
    include_str!("../bodies/individual-tpm.json")
}

/// A body as a value, to be changed.
///
/// # Panics
///
/// If it is not JSON.
#[must_use]
pub fn parsed(body: &str) -> Value {
    serde_json::from_str(body).expect("a body is JSON")
}

/// [`first`] with a change.
#[must_use]
pub fn first_but(change: impl FnOnce(&mut Value)) -> String {
    let mut body = parsed(first());
    change(&mut body);
    body.to_string()
}

/// [`first`] with the text of this payload, byte for byte.
#[must_use]
pub fn with_payload(payload: &str) -> String {
    let key = r#""symmetricKey": {}"#;
    first().replacen(key, &format!("{key}, \"payload\": {payload}"), 1)
}

/// [`first`] from another device.
#[must_use]
pub fn from_device(registration_id: &str) -> String {
    first_but(|body| body["deviceRuntimeContext"]["registrationId"] = json!(registration_id))
}
