//! What clients make of payloads that are unusual, in both directions.

use berth_tests::local_dps::{CLIMATE, clients::Client};
use serde_json::{Value, json};

use crate::device::{Device, ID, Kind, World, thermostat};

async fn world(client: Client) -> World {
    Device { client, kind: Kind::Key }.world(json!({})).await
}

/// The webhook's words reach a device as they are, though one client reads the service's JSON as ASCII.
async fn hears_what_is_beyond_ascii(client: Client) {
    let world = world(client).await;
    let payload = json!({ "raum": "Küche", "zeichen": "🌡" });
    world.webhook.answers(200, json!({ "iotHubHostName": CLIMATE, "payload": payload }));
    let results = client.registers(&world.dps, ID, &world.proof, &[thermostat()]).await;
    assert_eq!((&results[0]["status"], &results[0]["payload"]), (&json!("assigned"), &payload), "{results:?}");
}

#[tokio::test]
async fn node_mqtt_hears_what_is_beyond_ascii() {
    hears_what_is_beyond_ascii(Client::Node("mqtt")).await;
}

#[tokio::test]
async fn python_mqtt_hears_what_is_beyond_ascii() {
    hears_what_is_beyond_ascii(Client::Python("mqtt")).await;
}

/// A client that is given no payload sends none, or null; the webhook sees none, and the device hears of none.
async fn registers_without_a_payload(client: Client) {
    let world = world(client).await;
    world.webhook.answers(200, json!({ "iotHubHostName": CLIMATE }));
    let results = client.registers(&world.dps, ID, &world.proof, &[Value::Null]).await;
    assert_eq!(results[0]["status"], "assigned", "{results:?}");
    assert!(results[0]["payload"].is_null());
    assert_eq!(world.webhook.asked()[0]["deviceRuntimeContext"].get("payload"), None);
}

#[tokio::test]
async fn node_http_registers_without_a_payload() {
    registers_without_a_payload(Client::Node("http")).await;
}

#[tokio::test]
async fn node_mqtt_registers_without_a_payload() {
    registers_without_a_payload(Client::Node("mqtt")).await;
}

#[tokio::test]
async fn python_mqtt_registers_without_a_payload() {
    registers_without_a_payload(Client::Python("mqtt")).await;
}

/// The Azure CLI registers with the client for Python and gives it text, which the policy reads all the same.
#[tokio::test]
async fn python_mqtt_registers_with_its_payload_in_a_string() {
    let client = Client::Python("mqtt");
    let world = world(client).await;
    let text = json!(thermostat().to_string());
    let results = client.registers(&world.dps, ID, &world.proof, std::slice::from_ref(&text)).await;
    assert_eq!(results[0]["payload"], json!({ "telemetryInterval": 60 }), "{results:?}");
    assert_eq!(world.webhook.asked()[0]["deviceRuntimeContext"]["payload"], text);
}
