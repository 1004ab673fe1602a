//! Clients that are told to come back later come back.

use berth_tests::{local_dps::clients::Client, within_patience};
use serde_json::json;

use crate::device::{Device, ID, Kind, World, thermostat};

/// Waits until the device has been told so, which its trace says, and then lets it in.
async fn let_in(world: &World) {
    let told = async {
        loop {
            let trace = world.dps.control(&format!("/traces/{ID}")).await;
            if trace.text().contains("429 to the device") {
                return;
            }
        }
    };
    within_patience("a device that is throttled", told).await;
    world.dps.faults(json!({})).await;
}

async fn comes_back(client: Client) {
    let world = Device { client, kind: Kind::Key }.world(json!({})).await;
    world.dps.faults(json!({ "throttled": true })).await;
    let payloads = [thermostat()];
    let registration = client.registers(&world.dps, ID, &world.proof, &payloads);
    let (results, ()) = tokio::join!(registration, let_in(&world));
    assert_eq!(results[0]["status"], "assigned", "{results:?}");
}

#[tokio::test]
async fn node_mqtt_comes_back_when_it_was_throttled() {
    comes_back(Client::Node("mqtt")).await;
}

#[tokio::test]
async fn python_mqtt_comes_back_when_it_was_throttled() {
    comes_back(Client::Python("mqtt")).await;
}

/// Over HTTP the client for Node gives up, and says why.
#[tokio::test]
async fn node_http_tells_that_it_was_throttled() {
    let client = Client::Node("http");
    let world = Device { client, kind: Kind::Key }.world(json!({})).await;
    world.dps.faults(json!({ "throttled": true })).await;
    let results = client.registers(&world.dps, ID, &world.proof, &[thermostat()]).await;
    assert_eq!((&results[0]["status"], &results[0]["code"]), (&json!("refused"), &json!(429_001)), "{results:?}");
}
