//! A fleet registers while the local DPS is killed and started again.

use std::{collections::BTreeMap, process::Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::count;
use crate::devices::world::{GROUP_KEY, by_model_url, group, serving};

/// Every device is assigned, once, and to the hub it was told: none is lost, and none comes to another hub or to a second
/// first assignment.
#[tokio::test]
async fn no_device_is_lost_or_assigned_twice() {
    let (devices, kills) = (count("BERTH_SOAK_DEVICES", 300_usize), count("BERTH_SOAK_DPS_KILLS", 2_usize));
    let webhook = by_model_url();
    let mut dps = serving([group("all", &webhook)]).await;
    let number = devices.to_string();
    let began = std::time::Instant::now();
    let fleet = ["--registration-id", "dev-{n}", "--group-key", GROUP_KEY, "--count", &number, "--json"];
    let rest = ["--model-id", "dtmi:com:example:Thermostat;1", "--results", "results.jsonl"];
    let mut command = dps.command(&["device", "register"]);
    let mut child = command.args(fleet).args(rest).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It tells of every tenth of the way: after as many of them as there are to be kills, the DPS dies.
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut killed = 0;
    while let Some(line) = told.next_line().await.unwrap() {
        if line.contains(" of ") && line.contains(" assigned, ") && killed < kills {
            dps.is_killed_and_restarted().await;
            killed += 1;
        }
    }
    let output = child.wait_with_output().await.unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{summary}");
    assert_eq!((&summary["devices"], &summary["assigned"]), (&devices.into(), &devices.into()), "{summary}");
    assert_eq!(killed, kills);
    assert!(summary["retries"].as_u64().unwrap() > 0, "nobody noticed: {summary}");

    let results = std::fs::read_to_string(dps.folder().join("results.jsonl")).unwrap();
    let told: BTreeMap<String, Value> = results
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|result| (result["registrationId"].as_str().unwrap().to_owned(), result["assignedHub"].clone()))
        .collect();
    let known = dps.devices().await;
    assert_eq!((told.len(), known.len()), (devices, devices));
    for device in &known {
        let id = device["state"]["registrationId"].as_str().unwrap();
        assert_eq!(device["assignment"]["hub"], told[id], "{id} was told another hub");
        let history = dps.control(&format!("/devices/{id}")).await.json()["history"].clone();
        let firsts = history.as_array().unwrap().iter().filter(|event| event["from"].is_null()).count();
        let elsewhere = history.as_array().unwrap().iter().any(|event| event["to"] != told[id]);
        assert!(firsts == 1 && !elsewhere, "{id} was assigned again: {history}");
    }
    println!(
        "soak: {devices} devices registered through {killed} kills in {:.1?}, none lost, none assigned twice; {} retries",
        began.elapsed(),
        summary["retries"]
    );
}
