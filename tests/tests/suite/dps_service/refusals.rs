//! Enrollments that could never work are refused, each with DPS's code for it and a word on why.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use berth::tpm::SoftwareTpm;
use serde_json::{Value, json};

use super::{empty, error, keyed, put};

fn chip(endorsement_key: &str) -> Value {
    json!({ "registrationId": "one", "attestation": { "type": "tpm", "tpm": { "endorsementKey": endorsement_key } } })
}

#[tokio::test]
async fn dps_service_refuses_a_key_that_is_no_tpms() {
    let dps = empty().await;
    let key = SoftwareTpm::new().unwrap().endorsement_key().to_bytes();
    let elliptic = [&key[..3], &[0x23], &key[4..]].concat();
    for (wrong, why) in [
        (String::new(), "is not the TPM structure"),
        ("a key".to_owned(), "it is not base64"),
        (STANDARD.encode(b"any bytes"), "is not the TPM structure"),
        (STANDARD.encode(&key[..key.len() - 1]), "is not the TPM structure"),
        (STANDARD.encode(elliptic), "the default template"),
    ] {
        let answer = put(&dps, &chip(&wrong)).await;
        assert_eq!(error(&answer), (400, 400_004), "{wrong}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains("endorsementKey") && message.contains(why), "{message}");
    }
    assert_eq!(put(&dps, &chip(&STANDARD.encode(key))).await.status, 200);
}

#[tokio::test]
async fn dps_service_refuses_authorities_that_are_not_there() {
    let dps = empty().await;
    for (references, why) in [
        (json!({ "primary": "ca1" }), "caReferences names \"ca1\""),
        (json!({ "secondary": "ca2" }), "caReferences names \"ca2\""),
        (json!({}), "x509 needs"),
    ] {
        let attestation = json!({ "type": "x509", "x509": { "caReferences": references } });
        let group = json!({ "enrollmentGroupId": "g", "attestation": attestation });
        let answer = dps.service("PUT", "/enrollmentGroups/g", &[], &group).await;
        assert_eq!(error(&answer), (400, 400_004), "{group}");
        assert!(answer.json()["message"].as_str().unwrap().contains(why), "{}", answer.text());
    }
}

/// A twin's members are in small letters; in others they would be passed over, and nobody would know.
#[tokio::test]
async fn dps_service_refuses_members_that_no_twin_has() {
    let dps = empty().await;
    for (twin, why) in [
        (json!({ "Tags": {} }), "`Tags`"),
        (json!({ "properties": { "Desired": {} } }), "`Desired`"),
        (json!({ "properties": { "reported": {} } }), "`reported`"),
        (json!({ "tags": [1] }), "expected a map"),
        (json!([]), "InitialTwin"),
        (json!([{}, {}]), "an array where an object belongs"),
    ] {
        let answer = put(&dps, &keyed("one", &json!({ "initialTwin": twin }))).await;
        assert_eq!(error(&answer), (400, 400_012), "{twin}");
        assert!(answer.json()["info"]["reason"].as_str().unwrap().contains(why), "{}", answer.text());
    }
    let twin = json!({ "tags": null, "properties": { "desired": { "Any": { "Case": 1 } } } });
    let stored = put(&dps, &keyed("one", &json!({ "initialTwin": twin }))).await.json();
    assert_eq!(stored["initialTwin"], json!({ "properties": { "desired": { "Any": { "Case": 1 } } } }));
    assert_eq!(put(&dps, &keyed("two", &json!({ "initialTwin": null }))).await.json().get("initialTwin"), None);
}
