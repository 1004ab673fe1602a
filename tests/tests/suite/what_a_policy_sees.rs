//! What reaches a policy is what DPS sent: typed where DPS types, byte for byte where it does not.

use berth_tests::{Answer, Berth, Catalogue, bodies, guests::built};
use serde_json::{Value, json};

async fn echo() -> Berth {
    Berth::serving(Catalogue::new().tenant("contoso").policy("echo", built("echo"))).await
}

/// What the policy saw of a body.
async fn seen(berth: &Berth, body: &str) -> Value {
    let answer: Answer = berth.asks("contoso/echo").with(body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["payload"].take()
}

/// Everything of a captured group body, with members that are absent told from those that are set.
#[tokio::test]
async fn a_group_enrollment() {
    let berth = echo().await;
    let seen = seen(&berth, bodies::first()).await;
    let sent = bodies::parsed(bodies::first());
    assert_eq!(seen["registrationId"], "breakroom499-contoso-tstrsd-007");
    assert_eq!(seen["assignment"], "first");
    assert_eq!(seen["attestation"], "symmetricKey");
    assert_eq!(seen["payload"], Value::Null);
    assert_eq!(seen["linkedHubs"], sent["linkedHubs"]);
    let mut enrollment = seen["enrollment"].clone();
    enrollment.as_object_mut().unwrap().remove("document");
    assert_eq!(
        enrollment,
        json!({
            "identity": { "group": "contoso-custom-allocated-devices" },
            "attestationKind": "symmetricKey",
            "iotEdge": false,
            "iotHubHostName": null,
            "initialTwin": null,
            "etag": "\"13003fea-0000-0300-0000-62d1d5e50000\"",
            "provisioningStatus": "enabled",
            "reprovisionPolicy": [true, true],
            "createdDateTimeUtc": "2022-07-05T21:27:16.8123235Z",
            "lastUpdatedDateTimeUtc": "2022-07-15T21:02:29.5922255Z",
            "allocationPolicy": "custom",
            "iotHubs": sent["linkedHubs"],
            "customAllocationDefinition": [
                "https://custom-allocation-function-app-3.azurewebsites.net/api/HttpTrigger1?****",
                "2021-10-01",
            ],
            "credentialPolicyName": null,
        })
    );
}

/// An older api-version leaves out what is not set: absent stays absent.
#[tokio::test]
async fn a_body_of_an_older_api_version() {
    let berth = echo().await;
    let seen = seen(&berth, bodies::phone()).await;
    let enrollment = &seen["enrollment"];
    assert_eq!(enrollment["identity"], json!({ "group": "SAS-IoT-Devices" }));
    for member in ["iotEdge", "reprovisionPolicy", "initialTwin", "iotHubHostName"] {
        assert_eq!(enrollment[member], Value::Null, "{member}");
    }
    assert_eq!(enrollment["iotHubs"], json!([]));
    assert_eq!(enrollment["customAllocationDefinition"][1], "2019-03-31");
}

/// Every member of an individual enrollment, and the facts of a real certificate as another program reads them.
#[tokio::test]
async fn an_individual_enrollment_with_a_certificate() {
    let berth = echo().await;
    let seen = seen(&berth, bodies::individual_x509()).await;
    let sent = bodies::parsed(bodies::individual_x509());
    assert_eq!(
        seen["attestation"]["x509"],
        json!({
            "clientCertificate": sent["deviceRuntimeContext"]["x509"]["clientCertificate"],
            "facts": bodies::press_certificate(),
        })
    );
    let enrollment = &seen["enrollment"];
    let individual = &enrollment["identity"]["individual"];
    assert_eq!(individual["registrationId"], "press-17");
    assert_eq!(individual["deviceId"], "press-17-hall-2");
    assert_eq!(bodies::parsed(individual["optionalDeviceInformation"].as_str().unwrap()), json!({ "line": "B" }));
    let state = bodies::parsed(individual["registrationState"].as_str().unwrap());
    assert_eq!(state["status"], "unassigned");
    assert_eq!(enrollment["attestationKind"], "x509");
    assert_eq!(enrollment["iotEdge"], true);
    assert_eq!(enrollment["iotHubHostName"], "plant-old.azure-devices.net");
    assert_eq!(enrollment["reprovisionPolicy"], json!([true, false]));
    assert_eq!(enrollment["credentialPolicyName"], "presses");
    let [tags, desired] = [0, 1].map(|at| bodies::parsed(enrollment["initialTwin"][at].as_str().unwrap()));
    assert_eq!((tags, desired), (json!({ "hall": 2 }), json!({ "speed": 1 })));
}

/// What cannot be read as a certificate reaches the policy as it came, without facts, and is no error.
#[tokio::test]
async fn a_certificate_that_cannot_be_read() {
    let berth = echo().await;
    for certificate in ["MIIB", "", "not base64 at all!"] {
        let mut body = bodies::parsed(bodies::individual_x509());
        body["deviceRuntimeContext"]["x509"] = json!({ "clientCertificate": certificate, "new": 1 });
        let seen = seen(&berth, &body.to_string()).await;
        assert_eq!(seen["attestation"]["x509"], json!({ "clientCertificate": certificate, "facts": null }));
    }
    let mut body = bodies::parsed(bodies::individual_x509());
    body["deviceRuntimeContext"]["x509"] = json!({});
    let seen = seen(&berth, &body.to_string()).await;
    assert_eq!(seen["attestation"]["x509"], json!({ "clientCertificate": null, "facts": null }));
}

/// The two keys of a TPM.
#[tokio::test]
async fn an_individual_enrollment_with_a_tpm() {
    let berth = echo().await;
    let seen = seen(&berth, bodies::individual_tpm()).await;
    let sent = &bodies::parsed(bodies::individual_tpm())["deviceRuntimeContext"]["tpm"];
    assert_eq!(seen["attestation"], json!({ "tpm": [sent["endorsementKey"], sent["storageRootKey"]] }));
    assert_eq!(seen["enrollment"]["attestationKind"], "tpm");
}

/// The three cases: a first assignment, a device that may move, and one that has to stay.
#[tokio::test]
async fn the_three_cases_of_an_assignment() {
    let berth = echo().await;
    assert_eq!(seen(&berth, bodies::first()).await["assignment"], "first");
    assert_eq!(
        seen(&berth, bodies::again()).await["assignment"],
        json!({ "mayMove": ["contoso-toasters-hub-1098.azure-devices.net", "breakroom499-contoso-tstrsd-007"] })
    );
    assert_eq!(
        seen(&berth, bodies::individual_tpm()).await["assignment"],
        json!({ "pinned": ["CONTOSO-CLIMATE-1.azure-devices.net", "hall2-controller-3"] })
    );
}

/// Documentation spells the current hub in three ways; each is understood, and a device id may be missing.
#[tokio::test]
async fn every_spelling_of_the_current_hub() {
    let berth = echo().await;
    for spelling in ["currentIotHubHostName", "currentIoTHubHostName", "currentIoTHubHostname"] {
        let body = bodies::first_but(|body| body["deviceRuntimeContext"][spelling] = json!("old.azure-devices.net"));
        let expected = json!({ "mayMove": ["old.azure-devices.net", null] });
        assert_eq!(seen(&berth, &body).await["assignment"], expected, "{spelling}");
    }
}

/// Free-form JSON is handed over byte for byte: spaces, number forms, escapes, order and repetition of members.
#[tokio::test]
async fn a_payload_byte_for_byte() {
    let berth = echo().await;
    for payload in [
        r#"{ "a" :1.0,"b":	[ 1e400, -0.0, 123456789012345678901234567890 ] }"#,
        "{\n  \"z\": 1,\n  \"a\": 2\n}",
        r#"{"dup":1,"dup":2}"#,
        r#"{"escaped":"\u00e9\/\ud83d\ude00","plain":"é😀"}"#,
        r#""{\"modelId\": \"in a string\"}""#,
        r#"["a", {"b": null}]"#,
        "17.50",
        "false",
        r#""""#,
        "{}",
    ] {
        let seen = seen(&berth, &bodies::with_payload(payload)).await;
        assert_eq!(seen["payload"], payload);
    }
}

/// `null` is what some clients send for no payload.
#[tokio::test]
async fn a_null_payload_is_none() {
    let berth = echo().await;
    assert_eq!(seen(&berth, &bodies::with_payload("null")).await["payload"], Value::Null);
}

/// Context and enrollment are there as received, with members that nobody has heard of yet.
#[tokio::test]
async fn what_is_new_to_berth_is_not_lost() {
    let berth = echo().await;
    let context = r#"{"registrationId" : "a\u002db", "symmetricKey":{"new":[1.0]},  "newer": {"x":1e3}}"#;
    let enrollment = r#"{"enrollmentGroupId":"g","attestation":{"type":"quantum","q":1},"allocationPolicy":"nearest",
        "provisioningStatus":"paused","capabilities":{"flying":true},"later": [ ]}"#;
    let body = format!(
        r#"{{"enrollmentGroup": {enrollment}, "deviceRuntimeContext":{context},"linkedHubs":["h.example"],"extra":0}}"#
    );
    let seen = seen(&berth, &body).await;
    assert_eq!(seen["registrationId"], "a-b");
    assert_eq!(seen["runtimeContext"], context);
    assert_eq!(seen["enrollment"]["document"], enrollment);
    assert_eq!(seen["enrollment"]["attestationKind"], "quantum");
    assert_eq!(seen["enrollment"]["allocationPolicy"], "nearest");
    assert_eq!(seen["enrollment"]["provisioningStatus"], "paused");
    assert_eq!(seen["enrollment"]["iotEdge"], Value::Null);
}

/// A body in another form is the same request: no content type is needed, nor a length known beforehand.
#[tokio::test]
async fn neither_content_type_nor_length_is_needed() {
    let berth = echo().await;
    let plain = seen(&berth, bodies::again()).await;
    let answer = berth.asks("contoso/echo").with(bodies::again()).in_chunks().await;
    assert_eq!(answer.json()["payload"], plain);
    let ask = berth.asks("contoso/echo").header("content-type", "text/plain; charset=latin1");
    let answer = ask.with(bodies::again()).await;
    assert_eq!(answer.json()["payload"], plain);
}
