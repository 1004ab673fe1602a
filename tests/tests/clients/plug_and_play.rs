//! IoT Plug and Play: devices announce their model in the payload, as the published samples do, and the policy decides on it.
//!
//! The samples register over MQTT with a symmetric key. That for Node sets its payload with `setProvisioningPayload`, that
//! for Python with `provisioning_payload` on the client whose calls are awaited.

use berth_tests::local_dps::{CLIMATE, PHONES, clients::Client};
use serde_json::{Value, json};

use crate::device::{Device, ID, Kind};

/// What a device sends, and what comes of it: hub and payload.
fn models() -> [(Value, &'static str, Value); 3] {
    [
        (json!({ "modelId": "dtmi:com:example:Thermostat;1" }), CLIMATE, json!({ "telemetryInterval": 60 })),
        (
            json!({ "modelId": "dtmi:com:example:TemperatureController;2" }),
            CLIMATE,
            json!({ "telemetryInterval": 30, "reportWorkingSet": true }),
        ),
        // As devices of IoT Central name it.
        (json!({ "iotcModelId": "dtmi:azureiot:PhoneAsADevice;2" }), PHONES, json!({ "telemetryInterval": 10 })),
    ]
}

async fn announces_its_model(client: Client) {
    let world = Device { client, kind: Kind::GroupKey }.world(json!({})).await;
    let payloads = models().map(|(payload, ..)| payload);
    let results = client.registers(&world.dps, ID, &world.proof, &payloads).await;
    let asked = world.webhook.asked();
    assert_eq!((results.len(), asked.len()), (3, 3), "{results:?}");
    for (at, (sent, hub, heard)) in models().into_iter().enumerate() {
        assert_eq!(asked[at]["deviceRuntimeContext"]["payload"], sent);
        let told = ["status", "hub", "payload"].map(|member| &results[at][member]);
        assert_eq!(told, [&json!("assigned"), &json!(hub), &heard], "{sent}: {results:?}");
    }
}

#[tokio::test]
async fn node_announces_its_model() {
    announces_its_model(Client::Node("mqtt")).await;
}

#[tokio::test]
async fn node_http_announces_its_model() {
    announces_its_model(Client::Node("http")).await;
}

#[tokio::test]
async fn python_announces_its_model() {
    announces_its_model(Client::AsyncPython("mqtt")).await;
}
