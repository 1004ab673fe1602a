//! Embedded systems, the Azure CLI, and what the client for Node does last.

use berth_tests::local_dps::{
    CLIMATE, ID_SCOPE, Setup, Webhook, individual, keys,
    mqtt::{Connect, DISCONNECT, RESPONSES, publish, register_topic, unsubscribe},
};
use serde_json::json;

use super::{Hand, ID, at_most_once, c, resource, world};

#[tokio::test]
async fn embedded_c_reads_that_it_is_disabled() {
    let webhook = Webhook::start().await;
    let mut enrollment = individual(ID, keys::attestation(&keys::derived(keys::KEY, ID)), &webhook.url());
    enrollment["provisioningStatus"] = json!("disabled");
    let dps = Setup::new().enrollment(enrollment).start().await;
    let mut wire = dps.mqtt_wire(None).await;
    let connect = Connect::device(ID, "&ClientVersion=azsdk-c%2F1.6.0", Some(c::HAND.signed()));
    let body = at_most_once(&mut wire, &connect, "{}", "").await.json;
    assert!(body["operationId"].is_string());
    assert_eq!((&body["status"], &body["registrationState"]["status"]), (&json!("disabled"), &json!("disabled")));
    assert!(webhook.asked().is_empty());
}

#[tokio::test]
async fn azure_cli_looks_up_a_registration() {
    let (dps, _webhook) = world().await;
    dps.registers(ID).await;
    let hand = Hand { resource, lasts: 21_600, encode: keys::percent_encoded, tail: "&skn=registration" };
    let authorization = hand.signed();
    let mut wire = dps.https_wire(None).await;
    let body = format!(r#"{{"registrationId": "{ID}"}}"#);
    let answer = wire
        .request(format!(
            "POST /{ID_SCOPE}/registrations/{ID}?api-version=2019-03-31 HTTP/1.1\r\nHost: localhost\r\n\
             Accept: application/json\r\nContent-Type: application/json\r\nContent-Encoding: utf-8\r\n\
             Authorization: {authorization}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // What is registered, and not in an envelope.
    assert_eq!((&answer.json()["assignedHub"], answer.json().get("operationId")), (&json!(CLIMATE), None));
}

#[tokio::test]
async fn node_unsubscribes_before_it_leaves() {
    let (dps, _webhook) = world().await;
    let mut wire = dps.mqtt_wire(None).await;
    let connect = Connect { keep_alive: 180, ..Connect::device(ID, "", Some(c::HAND.signed())) };
    wire.begin(&connect, 1).await;
    wire.send(unsubscribe(9, RESPONSES)).await;
    let answer = wire.receive().await.unwrap();
    assert_eq!((answer.first, answer.body), (0xb0, vec![0, 9]));
    wire.send(publish(&register_topic("1"), Some(10), "")).await;
    assert_eq!(wire.receive().await.unwrap().first, 0x40, "acknowledged, and not answered any more");
    wire.send(DISCONNECT).await;
    wire.ends().await;
}
