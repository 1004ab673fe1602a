//! A TPM, a certificate and a symmetric key: each device registers with a payload, the policy decides on it, and the device
//! hears hub and payload.

use std::fs;

use serde_json::{Value, json};

use super::world::{CLIMATE, DEVICE_KEY, Ended, GROUP_KEY, PHONES, by_key, by_model_url, custom, group, serving};

const THERMOSTAT: &str = r#"{"modelId":"dtmi:com:example:Thermostat;1","serial":7}"#;

/// That the device printed a hub for climate and what the policy says to thermostats.
fn is_thermostat(ended: &Ended, id: &str) {
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.starts_with(&format!("{id} is assigned\n")), "{ended:?}");
    assert!(CLIMATE.iter().any(|hub| ended.stdout.contains(&format!("hub        {hub}\n"))), "{ended:?}");
    assert!(ended.stdout.contains("payload    {\"telemetryInterval\":60}\n"), "{ended:?}");
}

#[tokio::test]
async fn a_device_with_a_symmetric_key_prints_hub_and_payload() {
    let webhook = by_model_url();
    let own = custom(json!({"registrationId": "own", "attestation": by_key(DEVICE_KEY)}), &webhook);
    let dps = serving([own, group("all", &webhook)]).await;
    let own = ["--registration-id", "own", "--symmetric-key", DEVICE_KEY, "--payload", THERMOSTAT];
    is_thermostat(&dps.register(&own).await, "own");
    let of_a_group = ["--registration-id", "sensor-7", "--group-key", GROUP_KEY, "--payload", THERMOSTAT];
    is_thermostat(&dps.register(&of_a_group).await, "sensor-7");

    // The same by variables, and as JSON.
    let mut command = dps.command(&["device", "register", "--registration-id", "sensor-7", "--payload", THERMOSTAT]);
    command.args(["--json"]).env("BERTH_DEVICE_GROUP_KEY", GROUP_KEY);
    let again = Ended::of(command).await.json();
    assert_eq!((&again["status"], &again["registrationId"]), (&json!("assigned"), &json!("sensor-7")));
    assert_eq!(again["substatus"], "reprovisionedToInitialAssignment");
    assert_eq!(again["payload"], json!({"telemetryInterval": 60}));
    let device = dps.control("/devices/sensor-7").await.json();
    assert_eq!(device["device"]["assignment"]["hub"], again["assignedHub"]);
}

#[tokio::test]
async fn a_device_with_a_certificate_prints_hub_and_payload() {
    let webhook = by_model_url();
    // Made before the enrollments, which name them.
    let made = tempfile::tempdir().unwrap();
    let folder = made.path().to_str().unwrap();
    let devices = ["own", "of-a-group"].map(str::to_owned);
    berth::dps::certificates::write_set(made.path(), &devices, &["localhost".to_owned()]).unwrap();
    let read = |name: &str| fs::read_to_string(made.path().join(name)).unwrap();
    let x509 =
        |kind: &str, name: &str| json!({"type": "x509", "x509": {kind: {"primary": {"certificate": read(name)}}}});
    let own = json!({"registrationId": "own", "attestation": x509("clientCertificates", "own.pem")});
    let all = json!({"enrollmentGroupId": "all", "attestation": x509("signingCertificates", "root.pem")});
    let dps = serving([custom(own, &webhook), custom(all, &webhook)]).await;
    for id in devices {
        let (cert, key) = (format!("{folder}/{id}.pem"), format!("{folder}/{id}.key"));
        // The id is in the certificate.
        is_thermostat(&dps.register(&["--cert", &cert, "--key", &key, "--payload", THERMOSTAT]).await, &id);
    }
}

#[tokio::test]
async fn a_device_with_a_tpm_prints_hub_and_payload() {
    let webhook = by_model_url();
    let tpm = tempfile::tempdir().unwrap();
    let file = tpm.path().join("tpm.pem");
    let file = file.to_str().unwrap();
    let dps = serving([group("all", &webhook)]).await;
    let made = dps.berth(&["device", "tpm", file, "--json"]).await;
    assert_eq!((made.code, made.stderr.as_str()), (Some(0), &*format!("made a software TPM in {file}\n")));
    let keys = made.json();
    let enrollment = custom(json!({"registrationId": "chip", "attestation": {"type": "tpm", "tpm": keys}}), &webhook);
    dps.write("chip.json", &json!({"enrollments": [enrollment]}).to_string());
    assert_eq!(dps.berth(&["dps", "enrollment", "add", "chip.json"]).await.code, Some(0));

    let chip = ["--registration-id", "chip", "--tpm", file, "--payload", THERMOSTAT];
    is_thermostat(&dps.register(&chip).await, "chip");
    // Another TPM is another device.
    let other = tpm.path().join("other.pem");
    let other = other.to_str().unwrap();
    assert_eq!(dps.berth(&["device", "tpm", other]).await.code, Some(0));
    let other = ["--registration-id", "chip", "--tpm", other, "--payload", THERMOSTAT];
    dps.register(&other).await.failed(1, &["chip has no hub: refused: 401002", "--registration-id"]);
    let again = dps.berth(&["device", "tpm", file]).await;
    assert!(again.printed().contains(keys["endorsementKey"].as_str().unwrap()), "{again:?}");
}

/// The older api's captured payload, which names the model twice.
#[tokio::test]
async fn plug_and_play_devices_go_by_their_model() {
    let webhook = by_model_url();
    let dps = serving([group("all", &webhook)]).await;
    let phone = r#"{"iotcModelId":"dtmi:azureiot:PhoneAsADevice;2","modelId":"dtmi:azureiot:PhoneAsADevice;2"}"#;
    let device = ["--registration-id", "SAS-IoT-Devices", "--group-key", GROUP_KEY, "--json"];
    let hub = async |said: &[&str]| -> Value { dps.register(&[&device, said].concat()).await.json() };
    assert_eq!(hub(&["--payload", phone]).await["assignedHub"], PHONES);
    assert_eq!(hub(&["--payload", r#"{"modelId":"dtmi:azureiot:PhoneAsADevice;2"}"#]).await["assignedHub"], PHONES);
    assert_eq!(hub(&["--payload", r#"{"iotcModelId":"dtmi:azureiot:PhoneAsADevice;2"}"#]).await["assignedHub"], PHONES);
    assert_eq!(hub(&["--model-id", "dtmi:azureiot:PhoneAsADevice;2"]).await["assignedHub"], PHONES);
    let thermostat = hub(&["--model-id", "dtmi:com:example:Thermostat;1"]).await;
    assert!(thermostat["assignedHub"].as_str().unwrap().starts_with("contoso-climate"), "{thermostat}");
    let twin = dps.control("/devices/SAS-IoT-Devices").await.json();
    assert_eq!(twin["device"]["assignment"]["hub"], thermostat["assignedHub"]);
    let unknown = hub(&["--model-id", "dtmi:com:example:Kettle;1"]).await;
    assert_eq!((&unknown["status"], &unknown["errorCode"]), (&json!("rejected"), &json!(400_207)));
}
