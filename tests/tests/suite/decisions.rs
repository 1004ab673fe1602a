//! Real bodies through real policies: the right decision comes back, in the form DPS reads.

use berth_tests::{Berth, Catalogue, bodies, guests::example};
use serde_json::json;

const MODEL_PHONE: &str = "IoTPnPWS-Hub-20210726.azure-devices.net";

async fn berth_with(name: &str) -> Berth {
    Berth::serving(Catalogue::new().tenant("contoso").policy(name, example(name))).await
}

/// The tutorial's rule sends a toaster that registers first to the toasters' hub with the tutorial's twin.
#[tokio::test]
async fn by_suffix_allocates_a_new_toaster() {
    let berth = berth_with("by-suffix").await;
    let answer = berth.asks("contoso/by-suffix").with(bodies::first()).await;
    let mut expected = bodies::full_response();
    expected.as_object_mut().unwrap().remove("payload");
    answer.is_decision(&expected);
}

/// A toaster that comes again, with a payload, stays with the toasters.
#[tokio::test]
async fn by_suffix_allocates_a_toaster_again() {
    let berth = berth_with("by-suffix").await;
    let answer = berth.asks("contoso/by-suffix").with(bodies::again()).await;
    answer.is_decision(&json!({
        "iotHubHostName": "contoso-toasters-hub-1098.azure-devices.net",
        "initialTwin": {
            "tags": { "deviceType": "toaster" },
            "properties": { "desired": { "state": "ready", "darknessSetting": "medium" } },
        },
    }));
}

/// A heat pump goes to the other hub, and what is neither is rejected with the policy's words.
#[tokio::test]
async fn by_suffix_tells_heat_pumps_and_strangers_apart() {
    let berth = berth_with("by-suffix").await;
    let heat_pump = bodies::from_device("mainbuilding167-contoso-hpsd-088");
    let answer = berth.asks("contoso/by-suffix").with(heat_pump).await;
    answer.is_decision(&json!({
        "iotHubHostName": bodies::HEAT_PUMPS,
        "initialTwin": {
            "tags": { "deviceType": "heatpump" },
            "properties": { "desired": { "state": "on", "temperatureSetting": "65" } },
        },
    }));
    let answer = berth.asks("contoso/by-suffix").with(bodies::phone()).await;
    let message = answer.is_error(403, "rejected");
    assert_eq!(message, "`SAS-IoT-Devices` ends like neither a toaster nor a heat pump");
}

/// The model in a phone's payload chooses hub, twin and what the phone hears back.
#[tokio::test]
async fn by_model_allocates_a_phone() {
    let berth = berth_with("by-model").await;
    let answer = berth.asks("contoso/by-model").with(bodies::phone()).await;
    answer.is_decision(&json!({
        "iotHubHostName": MODEL_PHONE,
        "initialTwin": {
            "tags": { "deviceType": "phone" },
            "properties": { "desired": { "sendInterval": 10 } },
        },
        "payload": { "telemetryInterval": 10 },
    }));
}

/// Captured bodies without a model are rejected, each for its own reason.
#[tokio::test]
async fn by_model_rejects_who_tells_no_model() {
    let berth = berth_with("by-model").await;
    let instead = "it has `MyDeviceFirmwareVersion`, `MyDeviceProvisioningVersion`";
    for (body, reason) in [
        (bodies::first(), "the device sent no payload"),
        (bodies::again(), &format!("the payload has no `modelId`; {instead}")),
    ] {
        let answer = berth.asks("contoso/by-model").with(body).await;
        assert_eq!(answer.is_error(403, "rejected"), reason);
    }
}

/// Some clients send the payload as a string that holds JSON text; a policy can read it all the same.
#[tokio::test]
async fn by_model_reads_a_payload_in_a_string() {
    let berth = berth_with("by-model").await;
    let body = bodies::phone().replace(r#""modelId": "dtmi:azureiot:PhoneAsADevice;2""#, r#""other": """#);
    let mut body = bodies::parsed(&body);
    body["deviceRuntimeContext"]["payload"] = json!(r#"{"modelId": "dtmi:azureiot:PhoneAsADevice;2"}"#);
    let answer = berth.asks("contoso/by-model").with(body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["payload"], json!({ "telemetryInterval": 10 }));
}

/// Individual enrollments, by certificate and by TPM, get their decisions like groups do.
#[tokio::test]
async fn by_model_allocates_individual_enrollments() {
    let berth = berth_with("by-model").await;
    for (body, kind, interval) in
        [(bodies::individual_x509(), "thermostat", 60), (bodies::individual_tpm(), "temperatureController", 30)]
    {
        let answer = berth.asks("contoso/by-model").with(body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json();
        assert_eq!(answer["iotHubHostName"], "contoso-climate-1.azure-devices.net");
        assert_eq!(answer["initialTwin"]["tags"]["deviceType"], kind);
        assert_eq!(answer["payload"]["telemetryInterval"], interval);
    }
}

/// Devices that have a hub keep it, whatever their attestation; the hub comes back as it is spelled among the linked.
#[tokio::test]
async fn keep_or_spread_keeps() {
    let berth = berth_with("keep-or-spread").await;
    for (body, hub) in [
        (bodies::again(), "contoso-toasters-hub-1098.azure-devices.net"),
        (bodies::phone(), MODEL_PHONE),
        // The enrollment's device is at CONTOSO-CLIMATE-1.
        (bodies::individual_tpm(), "contoso-climate-1.azure-devices.net"),
    ] {
        berth.asks("contoso/keep-or-spread").with(body).await.is_hub(hub);
    }
}

/// A new device gets one of the linked hubs, and always the same.
#[tokio::test]
async fn keep_or_spread_spreads_and_repeats_itself() {
    let berth = berth_with("keep-or-spread").await;
    for body in [bodies::first(), bodies::individual_x509()] {
        let first = berth.asks("contoso/keep-or-spread").with(body).await;
        assert_eq!(first.status, 200, "{}", first.text());
        let linked = bodies::parsed(body)["linkedHubs"].as_array().unwrap().clone();
        assert!(linked.contains(&first.json()["iotHubHostName"]));
        let second = berth.asks("contoso/keep-or-spread").with(body).await;
        assert_eq!(first.body, second.body);
    }
}

/// All three policies of one tenant serve side by side.
#[tokio::test]
async fn policies_serve_side_by_side() {
    let names = ["by-suffix", "by-model", "keep-or-spread"];
    let catalogue = Catalogue::new().tenant("contoso");
    let catalogue = names.iter().fold(catalogue, |all, name| all.policy(name, example(name)));
    let berth = Berth::serving(catalogue).await;
    for (name, body) in names.iter().zip([bodies::first(), bodies::phone(), bodies::again()]) {
        let answer = berth.asks(&format!("contoso/{name}")).with(body).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
}
