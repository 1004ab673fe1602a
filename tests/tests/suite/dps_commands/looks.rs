//! `berth dps devices` and `berth dps trace`.

use std::process::Stdio;

use berth_tests::within_patience;
use serde_json::{Value, json};

use super::need_a_local_dps;
use crate::devices::world::{GROUP_KEY, PHONES, by_model_url, group, serving};

const PHONE: [&str; 6] =
    ["--registration-id", "phone-1", "--group-key", GROUP_KEY, "--model-id", "dtmi:azureiot:PhoneAsADevice;2"];
const KETTLE: [&str; 6] =
    ["--registration-id", "kettle-1", "--group-key", GROUP_KEY, "--model-id", "dtmi:com:example:Kettle;1"];

#[tokio::test]
async fn dps_devices_shows_hub_twin_payload_and_history() {
    let dps = serving([group("all", &by_model_url())]).await;
    let devices = async |arguments: &[&str]| dps.berth(&[&["dps", "devices"], arguments].concat()).await;
    assert_eq!(devices(&[]).await.printed(), "no devices\n");
    assert_eq!(devices(&["--json"]).await.json(), json!([]));

    assert_eq!(dps.register(&PHONE).await.code, Some(0));
    let all = devices(&[]).await;
    assert!(all.printed().ends_with("\n1 device\n"), "{}", all.stdout);
    assert_eq!(dps.register(&PHONE).await.code, Some(0));
    assert_eq!(dps.register(&KETTLE).await.code, Some(1));
    let all = devices(&[]).await;
    let row = |cells: &[&str]| all.printed().lines().any(|line| cells.iter().all(|cell| line.contains(cell)));
    assert!(row(&["phone-1", "assigned", "{\"telemetryInterval\":10}"]), "{}", all.stdout);
    assert!(row(&["kettle-1", "failed"]), "{}", all.stdout);
    assert!(all.stdout.ends_with("\n2 devices\n"), "{}", all.stdout);

    // Ids have no case.
    let one = devices(&["PHONE-1"]).await;
    for said in [PHONES, "\"deviceType\": \"phone\"", "initialAssignment", "reprovisionedToInitialAssignment"] {
        assert!(one.printed().contains(said), "`{said}` is not in\n{}", one.stdout);
    }
    let one = devices(&["phone-1", "--json"]).await.json();
    assert_eq!(one["device"]["assignment"]["twin"]["tags"], json!({"deviceType": "phone"}));
    assert_eq!(one["device"]["state"]["payload"], json!({"telemetryInterval": 10}));
    let heard = |event: usize| (&one["history"][event]["payload"], &one["history"][event]["substatus"]);
    let payload = json!({"telemetryInterval": 10});
    assert_eq!(heard(0), (&payload, &json!("reprovisionedToInitialAssignment")));
    assert_eq!((heard(1), one["history"].get(2)), ((&payload, &json!("initialAssignment")), None));
    let failed = devices(&["kettle-1"]).await;
    assert!(failed.printed().contains("status code: 403"), "{}", failed.stdout);

    devices(&["nobody"]).await.failed(1, &["the local DPS says: nobody has never registered."]);
    need_a_local_dps(&dps, &[&["devices"], &["devices", "phone-1"]]).await;
}

#[tokio::test]
async fn dps_trace_tells_a_registration_step_by_step() {
    let dps = serving([group("all", &by_model_url())]).await;
    let trace = async |arguments: &[&str]| dps.berth(&[&["dps", "trace"], arguments].concat()).await;
    assert_eq!(trace(&[]).await.printed(), "no traces\n");
    assert_eq!(trace(&["--json"]).await.json(), json!([]));
    trace(&["kettle-1"]).await.failed(1, &["the local DPS says: kettle-1 has no trace"]);

    assert_eq!(dps.register(&KETTLE).await.code, Some(1));
    assert_eq!(dps.register(&PHONE).await.code, Some(0));
    assert_eq!(trace(&[]).await.printed(), "kettle-1\nphone-1\n");
    assert_eq!(trace(&["--json"]).await.json(), json!(["kettle-1", "phone-1"]));

    let told = trace(&["KETTLE-1"]).await;
    let steps = [
        "register over HTTPS",
        "\"modelId\": \"dtmi:com:example:Kettle;1\"",
        "let in by Group enrollment all",
        "POST http://",
        "\"linkedHubs\": [",
        "403 from the webhook",
        "unknown model `dtmi:com:example:Kettle;1`",
        "stored: no hub",
        "\"errorCode\": 400207",
    ];
    let mut rest = told.printed();
    for step in steps {
        let (_, after) = rest.split_once(step).unwrap_or_else(|| panic!("`{step}` is not in\n{rest}"));
        rest = after;
    }
    let json = trace(&["phone-1", "--json"]).await.json();
    let whats: Vec<&Value> = json["steps"].as_array().unwrap().iter().map(|step| &step["what"]).collect();
    for what in ["received", "admitted", "toWebhook", "fromWebhook", "stored", "answered"] {
        assert!(whats.contains(&&json!(what)), "{what} is not in {whats:?}");
    }
    // Neither the device's signature nor the webhook's key.
    let both = told.stdout + &json.to_string();
    assert!(!both.contains("SharedAccessSignature") && !both.contains("contoso-primary"), "{both}");
    need_a_local_dps(&dps, &[&["trace"], &["trace", "phone-1"]]).await;
}

/// Whoever reads the output may stop before its end.
#[tokio::test]
async fn dps_commands_bear_a_reader_that_leaves() {
    let dps = serving([group("all", "http://127.0.0.1:9/")]).await;
    for arguments in
        [&["dps", "enrollment", "list"][..], &["dps", "devices"], &["dps", "fault", "show"], &["dps", "trace"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = dps.command(arguments);
        let output = command.stdout(writer).stderr(Stdio::piped()).output();
        let output = within_patience("the command's end", output).await.unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{arguments:?}");
    }
}
