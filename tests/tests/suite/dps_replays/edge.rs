//! IoT Edge: one signature, of half a minute, for all of a registration.

use berth_tests::local_dps::{ID_SCOPE, Wire, device::with_a_group, keys};
use serde_json::{Value, json};

use super::{
    Hand, ID, is_assigned, operation, payload, polled, resource, tpm::Chip, was_asked, with_certificates, world,
};

/// The resource in small letters but for its slashes, half a minute to live.
const HAND: Hand = Hand {
    resource: || resource().to_lowercase().replace("%2f", "%2F"),
    lasts: 30,
    encode: keys::percent_encoded,
    tail: "&skn=registration",
};

fn authorization(signature: Option<&str>) -> String {
    signature.map_or_else(String::new, |signature| format!("authorization: {signature}\r\n"))
}

fn registration(signature: Option<&str>, body: &str) -> String {
    format!(
        "PUT /{ID_SCOPE}/registrations/{ID}/register?api-version=2021-06-01 HTTP/1.1\r\n{}\
         content-type: application/json\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        authorization(signature),
        body.len()
    )
}

fn question(signature: Option<&str>, operation: &str) -> String {
    format!(
        "GET /{ID_SCOPE}/registrations/{ID}/operations/{operation}?api-version=2021-06-01 HTTP/1.1\r\n{}\
         host: localhost\r\n\r\n",
        authorization(signature)
    )
}

async fn over_https(wire: &mut Wire, signature: Option<&str>, body: &str) -> Value {
    let operation = operation(&wire.request(registration(signature, body)).await);
    polled(wire, &question(signature, &operation)).await
}

#[tokio::test]
async fn edge_registers_with_one_signature_for_all_its_questions() {
    let (dps, webhook) = world().await;
    let mut wire = dps.https_wire(None).await;
    let body = format!(r#"{{"registrationId":"{ID}","payload":{}}}"#, payload());
    let done = over_https(&mut wire, Some(&HAND.signed()), &body).await;
    is_assigned(&done);
    was_asked(&webhook, Some(payload()));
    // It has half a minute for all of that: questions about an operation are answered after it, too.
    let late = Hand { lasts: -1_000_000, ..HAND }.signed();
    is_assigned(&polled(&mut wire, &question(Some(&late), done["operationId"].as_str().unwrap())).await);
}

#[tokio::test]
async fn edge_reads_a_failure() {
    let (dps, webhook) = with_a_group().await;
    webhook.answers(404, json!({}));
    let state = dps.registers(ID).await;
    assert_eq!((&state["errorCode"], &state["status"]), (&json!(400_207), &json!("failed")));
    assert_eq!(state["errorMessage"], "Custom allocation failed with status code: 404");
}

#[tokio::test]
async fn edge_registers_with_a_certificate() {
    let (dps, _webhook, shown) = with_certificates().await;
    let body = format!(r#"{{"registrationId":"{ID}"}}"#);
    is_assigned(&over_https(&mut dps.https_wire(Some(&shown)).await, None, &body).await);
}

/// It shows the keys of its TPM alone, and what it has to say alone.
#[tokio::test]
async fn edge_shows_the_keys_of_its_tpm_once() {
    let (dps, webhook, chip) = Chip::enrolled().await;
    let mut wire = dps.https_wire(None).await;
    let shows = format!(r#"{{"registrationId":"{ID}","tpm":{}}}"#, chip.keys);
    let challenge = wire.request(registration(None, &shows)).await;
    let says = format!(r#"{{"registrationId":"{ID}","payload":{}}}"#, payload());
    let done = over_https(&mut wire, Some(&chip.answers(&challenge, HAND)), &says).await;
    is_assigned(&done);
    chip.has_the_hubs_key(&done);
    was_asked(&webhook, Some(payload()));
    let keys: Value = serde_json::from_str(&chip.keys).unwrap();
    assert_eq!(webhook.asked()[0]["deviceRuntimeContext"]["tpm"], keys);
}
