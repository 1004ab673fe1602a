//! Devices with certificates and TPMs.

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::world::{NORTH, SOUTH, World, with};
use crate::{dps::certificates::Authority, tpm::SoftwareTpm};

#[tokio::test]
async fn certificates_count_by_their_chain_their_name_and_the_nearest_group() {
    let root = Authority::root("root").unwrap();
    let intermediate = root.intermediate("intermediate").unwrap();
    let (stranger, own) = (Authority::root("root").unwrap(), root.device("own").unwrap());
    let x509 =
        |pem: String| json!({"type": "x509", "x509": {"signingCertificates": {"primary": {"certificate": pem}}}});
    let world = World::new([
        json!({"enrollmentGroupId": "far", "attestation": x509(root.pem()), "allocationPolicy": "static", "iotHubs": [NORTH]}),
        json!({"enrollmentGroupId": "near", "attestation": x509(intermediate.pem()), "allocationPolicy": "static", "iotHubs": [SOUTH]}),
        json!({"registrationId": "own", "attestation": {"type": "x509", "x509": {"clientCertificates":
            {"primary": {"certificate": STANDARD.encode(&own.chain)}}}}, "allocationPolicy": "static", "iotHubs": [NORTH]}),
    ])
    .await;
    let device = intermediate.device("dev1").unwrap();
    let chain = device.chain.clone() + &intermediate.pem();
    let assigned = |state: Value| (state["assignedHub"].as_str().unwrap_or_default().to_owned(), state["x509"].clone());
    let state = world.register_with("dev1", &with(&chain, &device.key)).await.unwrap();
    assert_eq!(assigned(state), (SOUTH.to_owned(), json!({})));
    let direct = root.device("dev2").unwrap();
    let state = world.register_with("dev2", &with(&direct.chain, &direct.key)).await.unwrap();
    assert_eq!(assigned(state), (NORTH.to_owned(), json!({})));
    assert_eq!(assigned(world.register_with("own", &with(&own.chain, &own.key)).await.unwrap()).0, NORTH);

    let forged = stranger.device("dev3").unwrap();
    let imitation = root.device("own").unwrap();
    for (id, chain, key) in [
        ("dev9", &chain, &device.key),
        ("dev3", &forged.chain, &forged.key),
        ("dev3", &(forged.chain.clone() + &intermediate.pem()), &forged.key),
        ("own", &imitation.chain, &imitation.key),
    ] {
        let refused = world.register_with(id, &with(chain, key)).await.unwrap_err();
        assert_eq!(
            (&refused["errorCode"], &refused["message"]),
            (&json!(401_002), &json!("Invalid certificate.")),
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_tpm_takes_its_key_out_and_signs_with_it() {
    let tpm = SoftwareTpm::new().unwrap();
    let [endorsement, storage] =
        [tpm.endorsement_key(), tpm.storage_root_key()].map(|key| STANDARD.encode(key.to_bytes()));
    let enrolled =
        json!({"registrationId": "tpm1", "attestation": {"type": "tpm", "tpm": {"endorsementKey": endorsement}}});
    let world = World::new([enrolled]).await;
    let body = json!({"registrationId": "tpm1", "tpm": {"endorsementKey": endorsement, "storageRootKey": storage}})
        .to_string();
    let path = "/0ne1/registrations/tpm1/register?api-version=2021-06-01";
    let challenge = world.send(Method::PUT, path, &[], body.clone()).await;
    assert_eq!((challenge.status, &challenge.json["keyName"]), (401, &json!("registration")));
    let sealed = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let key = tpm.activate(&sealed(&challenge.json["authenticationKey"])).unwrap();
    let text = "0ne1%2fregistrations%2ftpm1\n4000000000";
    let signature: String =
        form_urlencoded::byte_serialize(STANDARD.encode(key.sign(text.as_bytes())).as_bytes()).collect();
    let sas =
        format!("SharedAccessSignature sr=0ne1%2fregistrations%2ftpm1&sig={signature}&se=4000000000&skn=registration");
    let answer = world.send(Method::PUT, path, &[("authorization", &sas)], body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let done = world.poll_with("tpm1", &[("authorization", &sas)], &answer).await;
    let hub_key = &done.json["registrationState"]["tpm"]["authenticationKey"];
    assert!(tpm.activate(&sealed(hub_key)).is_ok(), "the hub's key is for this TPM as well");

    let other = SoftwareTpm::new().unwrap();
    let keys = [other.endorsement_key(), other.storage_root_key()].map(|key| STANDARD.encode(key.to_bytes()));
    let body = json!({"registrationId": "tpm1", "tpm": {"endorsementKey": keys[0], "storageRootKey": keys[1]}});
    let refused = world.send(Method::PUT, path, &[], body.to_string()).await;
    assert_eq!(refused.json["errorCode"], 401_002);
    let unknown = world
        .send(
            Method::PUT,
            "/0ne1/registrations/tpm2/register?api-version=2021-06-01",
            &[],
            json!({"tpm": {"endorsementKey": keys[0], "storageRootKey": keys[1]}}).to_string(),
        )
        .await;
    assert_eq!(unknown.json["errorCode"], 404_201);
}
