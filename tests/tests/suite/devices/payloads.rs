//! A payload reaches the webhook as it was given: from the command line, from a file, with a model.

use serde_json::json;

use super::stub::{ID, Stub, assigned, begun, ended};

/// What the DPS got with these arguments.
async fn sent(arguments: &[&str]) -> String {
    let stub = Stub::telling([begun(), assigned()]).await;
    std::fs::write(stub.folder().join("payload.json"), "{\n  \"a\": 1.0\n}\n").unwrap();
    let device = ["--registration-id", ID, "--symmetric-key", "a2V5"];
    let ended = stub.register(&[&device, arguments].concat()).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    stub.asked()[0].body.clone()
}

#[tokio::test]
async fn a_payload_is_sent_byte_for_byte() {
    for (arguments, payload) in [
        (&[][..], ""),
        (
            &["--payload", r#"{"b":1.0,"a":12345678901234567890123}"#],
            r#","payload":{"b":1.0,"a":12345678901234567890123}"#,
        ),
        (&["--payload", "payload.json"], ",\"payload\":{\n  \"a\": 1.0\n}"),
        (&["--payload", r#""{\"modelId\":\"x\"}""#], r#","payload":"{\"modelId\":\"x\"}""#),
        (&["--model-id", "dtmi:a;1"], r#","payload":{"modelId":"dtmi:a;1"}"#),
        (&["--model-id", "dtmi:a;1", "--payload", r#"{"a": 1.0}"#], r#","payload":{"modelId":"dtmi:a;1","a": 1.0}"#),
    ] {
        assert_eq!(sent(arguments).await, format!(r#"{{"registrationId":"Dev-1"{payload}}}"#), "{arguments:?}");
    }
}

#[tokio::test]
async fn the_reply_is_printed_as_it_came() {
    let reply =
        json!({"assignedHub": "hub.azure-devices.net", "deviceId": "x", "payload": {"text": "\u{1b}[2J", "n": 1.5}});
    let stub = Stub::telling([begun(), ended("assigned", reply)]).await;
    let printed = stub.register(&["--registration-id", ID, "--symmetric-key", "a2V5"]).await.stdout;
    assert!(printed.contains(r#"payload    {"n":1.5,"text":"\u001b[2J"}"#), "{printed}");
}
