//! The client for C: HTTPS on one connection, MQTT at most once, hexadecimal digits in small letters.

use berth_tests::local_dps::{
    ID_SCOPE, Wire,
    device::with_a_group,
    mqtt::{Connect, DISCONNECT},
};
use serde_json::{Value, json};

use super::{
    Hand, ID, at_most_once, authorization, is_assigned, lower_case, operation, payload, polled,
    resource_in_small_letters, tpm::Chip, was_asked, with_certificates, world,
};

/// The hand of the client for C, and of that for embedded systems.
pub(super) const HAND: Hand =
    Hand { resource: resource_in_small_letters, lasts: 2400, encode: lower_case, tail: "&skn=registration" };

fn registration(signature: Option<&str>, body: &str) -> String {
    format!(
        "PUT /{ID_SCOPE}/registrations/{ID}/register?api-version=2021-06-01 HTTP/1.1\r\n{}content-length: {}\r\n\r\n\
         {body}",
        common(signature),
        body.len()
    )
}

fn common(signature: Option<&str>) -> String {
    format!(
        "Host: localhost\r\nUserAgent: prov_device_client/1.0\r\nAccept: application/json\r\n\
         Content-Type: application/json; charset=utf-8\r\nConnection: keep-alive\r\n{}",
        authorization(signature)
    )
}

/// A registration over HTTPS, to its end.
async fn over_https(wire: &mut Wire, signature: Option<&str>, body: &str) -> Value {
    let operation = operation(&wire.request(registration(signature, body)).await);
    let path = format!("/{ID_SCOPE}/registrations/{ID}/operations/{operation}");
    let question = format!("GET {path}?api-version=2021-06-01 HTTP/1.1\r\n{}\r\n", common(signature));
    polled(wire, &question).await
}

fn body() -> String {
    format!(r#"{{"registrationId":"{ID}","payload":{}}}"#, payload())
}

fn connect(signature: Option<String>) -> Connect {
    let connect = Connect::device(ID, "&ClientVersion=prov_device_client%2f1.15.0", signature);
    Connect { user_name: connect.user_name.replace("2019-03-31", "2021-06-01"), keep_alive: 0, ..connect }
}

#[tokio::test]
async fn c_registers_over_https_on_one_connection() {
    let (dps, webhook) = world().await;
    let done = over_https(&mut dps.https_wire(None).await, Some(&HAND.signed()), &body()).await;
    is_assigned(&done);
    assert_eq!(done["registrationState"]["payload"], json!({ "raum": "Küche" }));
    was_asked(&webhook, Some(payload()));
}

#[tokio::test]
async fn c_registers_over_https_with_a_certificate() {
    let (dps, webhook, shown) = with_certificates().await;
    let done = over_https(&mut dps.https_wire(Some(&shown)).await, None, &body()).await;
    is_assigned(&done);
    was_asked(&webhook, Some(payload()));
}

#[tokio::test]
async fn c_hears_its_two_codes_of_a_webhook() {
    for (status, answer, code) in [(200, json!({ "iotHubHostName": "" }), 400_208), (401, json!({}), 400_209)] {
        let (dps, webhook) = with_a_group().await;
        webhook.answers(status, answer);
        let state = dps.registers(ID).await;
        assert_eq!((&state["status"], &state["errorCode"]), (&json!("failed"), &json!(code)));
    }
}

#[tokio::test]
async fn c_registers_over_mqtt_at_most_once() {
    let (dps, webhook) = world().await;
    let mut wire = dps.mqtt_wire(None).await;
    let done = at_most_once(&mut wire, &connect(Some(HAND.signed())), &body(), &body()).await;
    is_assigned(&done.json);
    assert!(done.text.contains(r#""raum":"K\u00fcche""#), "{}", done.text);
    wire.send(DISCONNECT).await;
    wire.ends().await;
    was_asked(&webhook, Some(payload()));
}

#[tokio::test]
async fn c_registers_over_mqtt_with_a_certificate() {
    let (dps, webhook, shown) = with_certificates().await;
    let mut wire = dps.mqtt_wire(Some(&shown)).await;
    is_assigned(&at_most_once(&mut wire, &connect(None), &body(), &body()).await.json);
    was_asked(&webhook, Some(payload()));
}

#[tokio::test]
async fn c_activates_the_key_of_its_tpm_and_signs_with_it() {
    let (dps, webhook, chip) = Chip::enrolled().await;
    let mut wire = dps.https_wire(None).await;
    let body = format!(r#"{{"registrationId":"{ID}","tpm":{},"payload":{}}}"#, chip.keys, payload());
    let challenge = wire.request(registration(None, &body)).await;
    let done = over_https(&mut wire, Some(&chip.answers(&challenge, HAND)), &body).await;
    is_assigned(&done);
    chip.has_the_hubs_key(&done);
    was_asked(&webhook, Some(payload()));
}
