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

/// What the certificate of [`individual_x509`] says, in the contract's words.
#[must_use]
pub fn press_certificate() -> Value {
    json!({
        "subject": "CN=press-17,O=Contoso",
        "subjectCommonName": "press-17",
        "issuer": "CN=press-17,O=Contoso",
        "issuerCommonName": "press-17",
        "subjectAlternativeNames": [
            "dns press-17.plant.example",
            "uri urn:example:press:17",
            "email presses@plant.example",
            "ip 192.0.2.17",
            "ip 2001:db8::17",
        ],
        "serialNumber": "1D0C5E",
        "notBefore": "2026-11-23T09:21:35Z",
        "notAfter": "2046-11-18T09:21:35Z",
        "sha1Thumbprint": "F0ECBAB47FE5A6E6231D2FB4233DD9CF262DA9C6",
        "sha256Thumbprint": "5C545A69BDF9A39CFDD156AE3C09E7F8D6992E0758C6D31F86AE2DEDD76F0166",
    })
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
