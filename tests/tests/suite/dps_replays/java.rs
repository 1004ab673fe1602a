//! The client for Java: payloads as text, signatures of what is not encoded, sessions that are kept.

use berth_tests::local_dps::{ID_SCOPE, Setup, Webhook, individual, keys, mqtt::Connect};
use serde_json::json;

use super::{
    ID, at_most_once, in_an_hour, is_assigned, operation, payload, polled, signed, was_asked, with_certificates, world,
};

/// The client for Java: a resource that is not encoded, and the name of no policy.
fn java_signature() -> String {
    signed(&format!("{ID_SCOPE}/registrations/{ID}"), in_an_hour(), keys::percent_encoded, "&skn=")
}

#[tokio::test]
async fn java_registers_over_https_with_a_payload_in_a_string() {
    let (dps, webhook) = world().await;
    let mut wire = dps.https_wire(None).await;
    let authorization = java_signature();
    let text = payload().to_string();
    let body = json!({ "registrationId": ID, "payload": text }).to_string();
    let common = format!(
        "Authorization: {authorization}\r\nUser-Agent: com.microsoft.azure.sdk.iot.provisioning/2.1.3\r\n\
         Accept: application/json\r\nContent-Type: application/json; charset=utf-8\r\nHost: localhost\r\n\
         Connection: keep-alive\r\n"
    );
    let path = format!("/{ID_SCOPE}/registrations/{ID}");
    let register = format!(
        "PUT {path}/register?api-version=2019-03-31 HTTP/1.1\r\n{common}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let operation = operation(&wire.request(register).await);
    let question = format!("GET {path}/operations/{operation}?api-version=2019-03-31 HTTP/1.1\r\n{common}\r\n");
    let done = polled(&mut wire, &question).await;
    is_assigned(&done);
    assert_eq!(done["registrationState"]["payload"], json!({ "raum": "Küche" }));
    was_asked(&webhook, Some(json!(text)));
}

#[tokio::test]
async fn java_registers_over_mqtt_and_keeps_its_session() {
    let (dps, webhook) = world().await;
    let mut wire = dps.mqtt_wire(None).await;
    let tail = "&ClientVersion=com.microsoft.azure.sdk.iot.provisioning%2F2.1.3";
    let connect = Connect { clean: false, keep_alive: 230, ..Connect::device(ID, tail, Some(java_signature())) };
    let body = json!({ "registrationId": ID, "payload": payload().to_string() }).to_string();
    is_assigned(&at_most_once(&mut wire, &connect, &body, "").await.json);
    was_asked(&webhook, Some(json!(payload().to_string())));
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
        let connect = Connect { clean: false, ..Connect::device(ID, "", Some(java_signature())) };
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
