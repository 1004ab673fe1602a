//! Devices of an IoT Edge configuration register as IoT Edge does.

use serde_json::json;

use super::{
    stub::{ID, Stub, assigned, assigning, begun},
    world::{DEVICE_KEY, Ended, PHONES, by_key, by_model_url, custom, serving},
};

const PHONE: &str = r#"{"modelId":"dtmi:azureiot:PhoneAsADevice;2"}"#;

/// A configuration as IoT Edge's own template has it.
fn config(endpoint: &str, scope: &str, payload: &str, attestation: &str) -> String {
    format!(
        "hostname = \"my-device\"\n\n[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"{endpoint}\"\n\
         id_scope = \"{scope}\"\n{payload}\n[provisioning.attestation]\n{attestation}\n\n[agent]\nname = \"edgeAgent\"\n"
    )
}

fn key(id: &str) -> String {
    format!("method = \"symmetric_key\"\nregistration_id = \"{id}\"\nsymmetric_key = {{ value = \"{DEVICE_KEY}\" }}")
}

#[tokio::test]
async fn the_payload_of_the_file_reaches_the_policy() {
    let webhook = by_model_url();
    let dps = serving([custom(json!({"registrationId": "edge-1", "attestation": by_key(DEVICE_KEY)}), &webhook)]).await;
    dps.write("payload.json", PHONE);
    let payload = format!("payload = {{ uri = \"file://{}/payload.json\" }}\n", dps.folder().display());
    let slash = format!("{}/", dps.url());
    dps.write("config.toml", &config(&slash, "0ne00000000", &payload, &key("edge-1")));
    let mut command = dps.command(&["device", "register", "--config", "config.toml", "--json"]);
    command.env_remove("BERTH_DPS");
    let ended = Ended::of(command).await;
    assert_eq!((ended.code, &ended.json()["assignedHub"]), (Some(0), &json!(PHONES)), "{ended:?}");

    // The configuration of a device that stands elsewhere, tried at the local DPS.
    let elsewhere = config("https://global.azure-devices-provisioning.net", "0ab1234C5D6", "", &key("edge-1"));
    dps.write("config.toml", &elsewhere);
    let url = dps.url();
    let here = ["--config", "config.toml", "--dps", &url, "--id-scope", "0ne00000000", "--payload", PHONE, "--json"];
    assert_eq!(dps.register(&here).await.json()["assignedHub"], PHONES);
}

#[tokio::test]
async fn a_tpm_and_a_certificate_of_a_configuration() {
    let webhook = by_model_url();
    let made = tempfile::tempdir().unwrap();
    let folder = made.path().to_str().unwrap();
    berth::dps::certificates::write_set(made.path(), &["edge-2".to_owned()], &["localhost".to_owned()]).unwrap();
    let pem = std::fs::read_to_string(made.path().join("edge-2.pem")).unwrap();
    let x509 = json!({"type": "x509", "x509": {"clientCertificates": {"primary": {"certificate": pem}}}});
    let dps = serving([custom(json!({"registrationId": "edge-2", "attestation": x509}), &webhook)]).await;
    let keys = dps.berth(&["device", "tpm", "tpm.pem", "--json"]).await.json();
    let chip = custom(json!({"registrationId": "edge-3", "attestation": {"type": "tpm", "tpm": keys}}), &webhook);
    dps.write("chip.json", &json!({"enrollments": [chip]}).to_string());
    assert_eq!(dps.berth(&["dps", "enrollment", "add", "chip.json"]).await.code, Some(0));
    dps.write("payload.json", PHONE);
    let payload = format!("payload = {{ uri = \"file://{}/payload.json\" }}\n", dps.folder().display());
    let certificate = format!(
        "method = \"x509\"\nidentity_cert = \"file://{folder}/edge-2.pem\"\nidentity_pk = \"file://{folder}/edge-2.key\""
    );
    let tpm = "method = \"tpm\"\nregistration_id = \"edge-3\"";
    dps.write("x509.toml", &config(&dps.url(), "0ne00000000", &payload, &certificate));
    dps.write("tpm.toml", &config(&dps.url(), "0ne00000000", &payload, tpm));
    let (x509, chip) = tokio::join!(
        dps.register(&["--config", "x509.toml", "--json"]),
        dps.register(&["--config", "tpm.toml", "--tpm", "tpm.pem", "--json"]),
    );
    for (ended, id) in [(x509, "edge-2"), (chip, "edge-3")] {
        let json = ended.json();
        assert_eq!((&json["registrationId"], &json["assignedHub"]), (&json!(id), &json!(PHONES)), "{ended:?}");
    }
    dps.register(&["--config", "tpm.toml"]).await.failed(2, &["--tpm FILE"]);
}

/// What IoT Edge is known by: the version it asks for, one signature in lower case that is good for half a minute.
#[tokio::test]
async fn requests_are_written_as_iot_edge_writes_them() {
    let stub = Stub::telling([begun(), assigning(), assigned()]).await;
    let payload = format!("payload = {{ uri = \"file://{}/payload.json\" }}\n", stub.folder().display());
    std::fs::write(stub.folder().join("payload.json"), "[1.0]\n").unwrap();
    std::fs::write(stub.folder().join("config.toml"), config(&stub.url(), "0NE1", &payload, &key(ID))).unwrap();
    let ended = stub.register(&["--config", "config.toml", "--id-scope", "0NE1"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let asked = stub.asked();
    let [register, first, second] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(register.line, "PUT /0NE1/registrations/Dev-1/register?api-version=2021-06-01");
    assert_eq!(register.body, r#"{"registrationId":"Dev-1","payload":[1.0]}"#);
    assert_eq!(register.header("content-type"), "application/json");
    let sas = register.header("authorization");
    assert!(sas.starts_with("SharedAccessSignature sr=0ne1%2Fregistrations%2Fdev-1&sig="), "{sas}");
    assert!(sas.ends_with("&skn=registration"), "{sas}");
    for poll in [first, second] {
        assert_eq!(poll.line, "GET /0NE1/registrations/Dev-1/operations/5.a%20b?api-version=2021-06-01");
        assert_eq!((poll.header("authorization"), poll.header("content-type"), &*poll.body), (sas, "", ""));
    }
}
