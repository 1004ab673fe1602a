//! Many devices: each with an id and a payload of its own, and a summary of where they went.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use super::world::{CLIMATE, GROUP_KEY, PHONES, by_model_url, group, serving};

/// Phones, thermostats and what the policy does not know, in turn.
const TEMPLATE: &str = r#"[
  {"modelId": "dtmi:azureiot:PhoneAsADevice;2", "number": {n}},
  {"modelId": "dtmi:com:example:Thermostat;1", "name": "the {id}"},
  {"modelId": "dtmi:com:example:Kettle;1"}
]"#;

const FLEET: [&str; 8] =
    ["--registration-id", "dev-{n}", "--group-key", GROUP_KEY, "--payload-template", "template.json", "--count", "60"];

#[tokio::test]
async fn a_fleet_says_where_its_devices_went() {
    let webhook = by_model_url();
    let dps = serving([group("all", &webhook)]).await;
    dps.write("template.json", TEMPLATE);
    let ended = dps.register(&[&FLEET[..], &["--parallel", "8", "--results", "results.jsonl"]].concat()).await;
    // Not every device has a hub.
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for said in
        [PHONES, CLIMATE[0], CLIMATE[1], "rejected: 400207", "60 devices in ", "40 assigned, 20 rejected, 0 failed"]
    {
        assert!(ended.stdout.contains(said), "`{said}` is not in {}", ended.stdout);
    }
    // Without a terminal, a line at every tenth of the way.
    let steps: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(steps.len(), 10, "{steps:?}");
    assert!(
        steps[0].starts_with("6 of 60: ") && steps[9].starts_with("60 of 60: 40 assigned, 20 rejected"),
        "{steps:?}"
    );

    let results = fs::read_to_string(dps.folder().join("results.jsonl")).unwrap();
    let results: Vec<Value> = results.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: BTreeSet<&str> = results.iter().map(|result| result["registrationId"].as_str().unwrap()).collect();
    assert_eq!((results.len(), ids.len()), (60, 60));
    assert!(results.iter().all(|result| result["status"] != "assigned" || result["payload"].is_object()));
    // The payloads were the devices' own.
    let trace = dps.control("/traces/dev-2").await.json().to_string();
    assert!(trace.contains("the dev-2"), "{trace}");
}

#[tokio::test]
async fn a_fleets_summary_in_json() {
    let webhook = by_model_url();
    let dps = serving([group("all", &webhook)]).await;
    dps.write("template.json", TEMPLATE);
    let summary = dps.register(&[&FLEET[..], &["--json"]].concat()).await.json();
    assert_eq!(summary["devices"], 60);
    assert_eq!((&summary["assigned"], &summary["rejected"], &summary["failed"]), (&json!(40), &json!(20), &json!(0)));
    assert_eq!(summary["hubs"][PHONES], 20);
    let reason = &summary["reasons"][0];
    assert_eq!((&reason["devices"], reason["example"].as_str().is_some()), (&json!(20), true));
    assert!(reason["reason"].as_str().unwrap().contains("400207"), "{summary}");

    // With a model for all, and nothing to reject.
    let plain = ["--registration-id", "phone-{n}", "--group-key", GROUP_KEY, "--count", "5", "--json"];
    let ended = dps.register(&[&plain[..], &["--model-id", "dtmi:azureiot:PhoneAsADevice;2"]].concat()).await;
    assert_eq!((ended.code, &ended.json()["hubs"]), (Some(0), &json!({PHONES: 5})));
}

#[tokio::test]
async fn a_fleet_of_one_is_one_device() {
    let dps = serving([group("all", &by_model_url())]).await;
    let one = ["--registration-id", "phone-{n}", "--group-key", GROUP_KEY, "--count", "1"];
    let ended = dps.register(&[&one[..], &["--model-id", "dtmi:azureiot:PhoneAsADevice;2"]].concat()).await;
    assert!(ended.stdout.contains("\n1 device in ") && ended.stdout.contains("; 0 retries"), "{ended:?}");
}

/// Each device shows what lies under its own name; one that has nothing there fails, and no other.
#[tokio::test]
async fn a_fleet_with_certificates() {
    let webhook = by_model_url();
    let made = tempfile::tempdir().unwrap();
    let devices = ["dev-1", "dev-2"].map(str::to_owned);
    berth::dps::certificates::write_set(made.path(), &devices, &["localhost".to_owned()]).unwrap();
    let root = fs::read_to_string(made.path().join("root.pem")).unwrap();
    let attestation = json!({"type": "x509", "x509": {"signingCertificates": {"primary": {"certificate": root}}}});
    let all = super::world::custom(json!({"enrollmentGroupId": "all", "attestation": attestation}), &webhook);
    let dps = serving([all]).await;
    let [cert, key] = ["pem", "key"].map(|kind| format!("{}/{{id}}.{kind}", made.path().display()));
    let fleet = ["--registration-id", "dev-{n}", "--cert", &cert, "--key", &key, "--count", "3", "--json"];
    let ended = dps.register(&[&fleet[..], &["--model-id", "dtmi:azureiot:PhoneAsADevice;2"]].concat()).await;
    let summary = ended.json();
    assert_eq!((ended.code, &summary["assigned"], &summary["failed"]), (Some(1), &json!(2), &json!(1)), "{summary}");
    assert!(summary["reasons"][0]["reason"].as_str().unwrap().contains("dev-3.pem"), "{summary}");
    assert_eq!(summary["reasons"][0]["example"], "dev-3");
}
