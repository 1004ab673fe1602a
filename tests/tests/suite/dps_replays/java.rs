//! The client for Java: payloads as text, signatures of what is not encoded, sessions that are kept.

use berth_tests::local_dps::{ID_SCOPE, Setup, Webhook, Wire, individual, keys, mqtt::Connect};
use serde_json::{Value, json};

use super::{
    Hand, ID, at_most_once, is_assigned, operation, payload, plain_resource, polled, tpm::Chip, was_asked,
    with_certificates, world,
};

/// A resource that is not encoded, and the name of no policy.
const HAND: Hand = Hand { resource: plain_resource, lasts: 3600, encode: keys::percent_encoded, tail: "&skn=" };

fn request(line: &str, signature: Option<&str>, body: &str) -> String {
    let authorization = signature.map_or_else(String::new, |signature| format!("authorization: {signature}\r\n"));
    format!(
        "{line}?api-version=2019-03-31 HTTP/1.1\r\n{authorization}\
         User-Agent: com.microsoft.azure.sdk.iot.provisioning/2.1.3\r\nAccept: application/json\r\n\
         Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\nHost: localhost\r\n\
         Connection: keep-alive\r\n\r\n{body}",
        body.len()
    )
}

fn registration(signature: Option<&str>, body: &str) -> String {
    request(&format!("PUT /{ID_SCOPE}/registrations/{ID}/register"), signature, body)
}

/// A registration over HTTPS, to its end.
async fn over_https(wire: &mut Wire, signature: Option<&str>, body: &str) -> Value {
    let operation = operation(&wire.request(registration(signature, body)).await);
    let line = format!("GET /{ID_SCOPE}/registrations/{ID}/operations/{operation}");
    polled(wire, &request(&line, signature, "")).await
}

/// What a device says, with its payload as a text.
fn body() -> String {
    json!({ "registrationId": ID, "payload": payload().to_string() }).to_string()
}

fn text() -> Value {
    json!(payload().to_string())
}

#[tokio::test]
async fn java_registers_over_https_with_a_payload_in_a_string() {
    let (dps, webhook) = world().await;
    let done = over_https(&mut dps.https_wire(None).await, Some(&HAND.signed()), &body()).await;
    is_assigned(&done);
    assert_eq!(done["registrationState"]["payload"], json!({ "raum": "Küche" }));
    was_asked(&webhook, Some(text()));
}

#[tokio::test]
async fn java_registers_over_https_with_a_certificate() {
    let (dps, webhook, shown) = with_certificates().await;
    let done = over_https(&mut dps.https_wire(Some(&shown)).await, None, &body()).await;
    is_assigned(&done);
    assert_eq!(done["registrationState"]["x509"], json!({}));
    was_asked(&webhook, Some(text()));
}

#[tokio::test]
async fn java_asks_for_the_key_of_its_tpm_before_it_registers() {
    let (dps, webhook, chip) = Chip::enrolled().await;
    let mut wire = dps.https_wire(None).await;
    let body = format!(r#"{{"registrationId":"{ID}","tpm":{},"payload":{}}}"#, chip.keys, text());
    let challenge = wire.request(registration(None, &body)).await;
    let done = over_https(&mut wire, Some(&chip.answers(&challenge, HAND)), &body).await;
    is_assigned(&done);
    chip.has_the_hubs_key(&done);
    was_asked(&webhook, Some(text()));
}

#[tokio::test]
async fn java_registers_over_mqtt_and_keeps_its_session() {
    let (dps, webhook) = world().await;
    let mut wire = dps.mqtt_wire(None).await;
    let tail = "&ClientVersion=com.microsoft.azure.sdk.iot.provisioning%2F2.1.3";
    let connect = Connect { clean: false, keep_alive: 230, ..Connect::device(ID, tail, Some(HAND.signed())) };
    is_assigned(&at_most_once(&mut wire, &connect, &body(), "").await.json);
    was_asked(&webhook, Some(text()));
}

#[tokio::test]
async fn java_finds_all_it_needs_when_it_is_rejected_or_disabled() {
    for (change, status) in [(json!({}), "failed"), (json!({ "provisioningStatus": "disabled" }), "disabled")] {
        let webhook = Webhook::start().await;
        webhook.answers(403, json!({}));
        let mut enrollment = individual(ID, keys::attestation(&keys::derived(keys::KEY, ID)), &webhook.url());
        enrollment.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let dps = Setup::new().enrollment(enrollment).start().await;
        let mut wire = dps.mqtt_wire(None).await;
        let connect = Connect { clean: false, ..Connect::device(ID, "", Some(HAND.signed())) };
        let body = at_most_once(&mut wire, &connect, "", "").await.json;
        assert_eq!(body["status"], status);
        let state = &body["registrationState"];
        assert_eq!((&state["registrationId"], &state["status"]), (&json!(ID), &json!(status)));
        assert_eq!(state["errorCode"].is_u64(), status == "failed", "{state}");
    }
}

#[tokio::test]
async fn java_hears_nothing_about_its_certificate_rather_than_half() {
    let (dps, _webhook, shown) = with_certificates().await;
    let mut wire = dps.websocket(Some(&shown)).await;
    let connect = Connect { clean: false, keep_alive: 230, ..Connect::device(ID, "", None) };
    let done = at_most_once(&mut wire, &connect, &format!(r#"{{"registrationId":"{ID}"}}"#), "").await;
    is_assigned(&done.json);
    assert_eq!(done.json["registrationState"]["x509"], json!({}));
}
