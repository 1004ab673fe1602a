//! `berth dps enrollment`.

use berth_tests::local_dps::LocalDps;
use serde_json::{Value, json};

use super::need_a_local_dps;
use crate::devices::world::{CLIMATE, GROUP_KEY, PHONES, by_key, custom, serving};

const WEBHOOK: &str = "http://127.0.0.1:9/api?code=secret";

/// A file in TOML with an individual enrollment and a group.
fn toml() -> String {
    format!(
        "[[enrollments]]\nregistrationId = \"Press-1\"\nallocationPolicy = \"static\"\niotHubs = [\"{PHONES}\"]\n\
         provisioningStatus = \"disabled\"\nattestation = {{ type = \"symmetricKey\" }}\n\n\
         [[enrollmentGroups]]\nenrollmentGroupId = \"presses\"\n\
         attestation = {{ type = \"symmetricKey\", symmetricKey = {{ primaryKey = \"{GROUP_KEY}\" }} }}\n"
    )
}

async fn enrollment(dps: &LocalDps, arguments: &[&str]) -> berth_tests::local_dps::Ended {
    dps.berth(&[&["dps", "enrollment"], arguments].concat()).await
}

#[tokio::test]
async fn dps_enrollment_adds_lists_shows_and_removes() {
    let dps = serving([]).await;
    assert_eq!(enrollment(&dps, &["list"]).await.printed(), "no enrollments\n");
    assert_eq!(enrollment(&dps, &["list", "--json"]).await.json(), json!([]));

    dps.write("enrollments.toml", &toml());
    assert_eq!(enrollment(&dps, &["add", "enrollments.toml"]).await.printed(), "stored Press-1\nstored presses\n");
    let old = json!({"registrationId": "old", "attestation": by_key(GROUP_KEY), "iotHubHostName": CLIMATE[0]});
    let webhook = custom(json!({"enrollmentGroupId": "asking", "attestation": by_key(GROUP_KEY)}), WEBHOOK);
    dps.write("more.json", &json!({"enrollments": [old], "enrollmentGroups": [webhook]}).to_string());
    let added = enrollment(&dps, &["add", "more.json", "--json"]).await;
    assert_eq!(added.json(), json!({"stored": ["old", "asking"]}));

    let list = enrollment(&dps, &["list"]).await;
    for row in [
        &["Press-1", "individual", "symmetricKey", "static", "disabled", PHONES][..],
        &["old", "individual", "symmetricKey", "hashed", "enabled", CLIMATE[0]],
        &["asking", "group", "symmetricKey", "custom", "enabled", "all linked"],
        &["presses", "group", "symmetricKey", "hashed", "enabled", "all linked"],
    ] {
        let is_row = |line: &str| row.iter().all(|cell| line.contains(cell));
        assert!(list.printed().lines().any(is_row), "{row:?} is not in\n{}", list.stdout);
    }
    let listed = enrollment(&dps, &["list", "--json"]).await;
    assert_eq!(listed.json().as_array().map(Vec::len), Some(4));
    assert!(!listed.stdout.contains(GROUP_KEY), "keys are shown only where they are asked for");

    // Ids have no case.
    let shown = enrollment(&dps, &["show", "press-1"]).await.json();
    assert_eq!((&shown["registrationId"], &shown["iotHubs"]), (&json!("Press-1"), &json!([PHONES])));
    assert_eq!(shown["attestation"], json!({"type": "symmetricKey", "symmetricKey": {}}));
    let keys = enrollment(&dps, &["show", "presses", "--group", "--keys"]).await.json();
    assert_eq!(keys["attestation"]["symmetricKey"]["primaryKey"], GROUP_KEY);
    // What was not given was made.
    assert!(keys["attestation"]["symmetricKey"]["secondaryKey"].is_string());
    let webhook: Value = enrollment(&dps, &["show", "asking", "--group"]).await.json();
    assert_eq!(webhook["customAllocationDefinition"]["webhookUrl"], WEBHOOK);

    assert_eq!(enrollment(&dps, &["remove", "press-1"]).await.printed(), "removed press-1\n");
    assert_eq!(enrollment(&dps, &["remove", "old", "--json"]).await.json(), json!({"removed": "old"}));
    for group in ["asking", "presses"] {
        assert_eq!(enrollment(&dps, &["remove", group, "--group"]).await.code, Some(0));
    }
    assert_eq!(enrollment(&dps, &["list"]).await.printed(), "no enrollments\n");
}

#[tokio::test]
async fn dps_enrollment_says_which_one_is_wrong_and_why() {
    let dps = serving([]).await;
    for name in ["empty.json", "empty.toml"] {
        dps.write(name, if name.ends_with("json") { "{}" } else { "" });
        let expected = format!("{name} holds no enrollments\n");
        assert_eq!(enrollment(&dps, &["add", name]).await.printed(), expected);
    }
    let key = || by_key(GROUP_KEY);
    for (file, said) in [
        (json!([]), &["wrong.json is no enrollments file"][..]),
        (json!({"enrolments": []}), &["wrong.json is no enrollments file", "enrolments"]),
        (
            json!({"enrollments": [{"registrationId": "a", "attestation": ["symmetricKey", null, null, null]}]}),
            &["wrong.json is no enrollments file", "an array where an object belongs"],
        ),
        (json!({"enrollments": [{"attestation": key()}]}), &["has no registrationId"]),
        (
            json!({"enrollments": [{"registrationId": "a", "attestation": {"type": "password"}}]}),
            &["wrong.json", "password"],
        ),
        (
            json!({"enrollments": [{"registrationId": "a b", "attestation": key()}]}),
            &["a b was not stored", "is no id"],
        ),
        (
            json!({"enrollments": [{"registrationId": "a", "attestation": key(), "iotHubs": ["other.azure-devices.net"]}]}),
            &["a was not stored: the local DPS says: The hub other.azure-devices.net is not linked."],
        ),
        (
            json!({"enrollmentGroups": [{"enrollmentGroupId": "g", "attestation": key(), "allocationPolicy": "custom"}]}),
            &["g was not stored", "A CustomAllocationDefinition is required"],
        ),
        (json!({"certificates": [{"name": "ca", "file": "ca.pem"}]}), &["berth dps serve --enrollments"]),
    ] {
        dps.write("wrong.json", &file.to_string());
        enrollment(&dps, &["add", "wrong.json"]).await.failed(1, said);
    }
    enrollment(&dps, &["add", "nothing.json"]).await.failed(1, &["failed to read nothing.json"]);
    assert_eq!(enrollment(&dps, &["list"]).await.printed(), "no enrollments\n");
}

#[tokio::test]
async fn dps_enrollment_says_which_one_is_not_there() {
    let dps = serving([]).await;
    for command in ["show", "remove"] {
        let said = format!("failed to {command} the individual enrollment nobody (with --group it is a group): ");
        let not_found = "the local DPS says: Enrollment not found.";
        enrollment(&dps, &[command, "nobody"]).await.failed(1, &[&said, not_found]);
        let said = format!("failed to {command} the group nobody");
        enrollment(&dps, &[command, "nobody", "--group"]).await.failed(1, &[&said]);
        enrollment(&dps, &[command]).await.failed(2, &["<ID>"]);
    }
    dps.write("good.toml", &toml());
    need_a_local_dps(
        &dps,
        &[
            &["enrollment", "list"],
            &["enrollment", "show", "a"],
            &["enrollment", "remove", "a"],
            &["enrollment", "add", "good.toml"],
        ],
    )
    .await;
}
