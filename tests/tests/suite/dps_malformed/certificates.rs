//! Certificates that are none, and TPMs that are others.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use berth::{
    dps::certificates::{Authority, Pem},
    tpm::{SoftwareTpm, StorageKey},
};
use berth_tests::local_dps::{LocalDps, Setup, Webhook, group, individual, keys};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::json;

use super::{Attempt, ID};

/// A local DPS with a group for the devices of an authority, and an enrollment for one device's own certificate.
async fn with_certificates(root: &Authority, own: &Pem) -> (LocalDps, Webhook) {
    let webhook = Webhook::start().await;
    let x509 =
        |member: &str, pem: &str| json!({ "type": "x509", "x509": { member: { "primary": { "certificate": pem } } } });
    let setup = Setup::new()
        .enrollment(group("certified", x509("signingCertificates", &root.pem()), &webhook.url()))
        .enrollment(individual("own", x509("clientCertificates", &own.chain), &webhook.url()))
        .enrollment(group("devices", keys::attestation(keys::KEY), &webhook.url()));
    (setup.start().await, webhook)
}

/// Each of the attempts hears that its certificate is none; the device whose certificate is in order comes in.
async fn no_certificate(attempts: impl FnOnce(&Authority, &Authority) -> Vec<Attempt>) {
    let root = Authority::root("root").unwrap();
    let (below, own) = (root.intermediate("below").unwrap(), root.device("own").unwrap());
    let (dps, webhook) = with_certificates(&root, &own).await;
    for attempt in attempts(&root, &below) {
        attempt.hears(&dps, 401_002).await;
    }
    assert!(webhook.asked().is_empty());
    let Pem { chain, key } = below.device(ID).unwrap();
    let good = Attempt::showing(ID, &Pem { chain: chain + &below.pem(), key });
    assert_eq!(good.over_https(&dps).await.0, 202);
    assert_eq!(Attempt::showing("own", &own).over_mqtt(dps.mqtt_wire(Some(&own)).await).await.0, 202);
    dps.is_well().await;
}

#[tokio::test]
async fn dps_refuses_a_certificate_of_another_name() {
    no_certificate(|root, _| vec![Attempt::showing(ID, &root.device("sensor-8").unwrap())]).await;
}

#[tokio::test]
async fn dps_refuses_a_chain_with_a_piece_missing() {
    no_certificate(|_, below| vec![Attempt::showing(ID, &below.device(ID).unwrap())]).await;
}

#[tokio::test]
async fn dps_refuses_a_chain_with_a_piece_of_another() {
    no_certificate(|root, below| {
        let Pem { chain, key } = below.device(ID).unwrap();
        // The same name, and not the authority that has signed.
        let other = root.intermediate("below").unwrap();
        vec![Attempt::showing(ID, &Pem { chain: chain + &other.pem(), key })]
    })
    .await;
}

#[tokio::test]
async fn dps_refuses_a_chain_that_ends_at_a_stranger() {
    no_certificate(|root, _| {
        let stranger = Authority::root("root").unwrap();
        let below = stranger.intermediate("below").unwrap();
        let Pem { chain, key } = below.device(ID).unwrap();
        let claims = chain.clone() + &below.pem() + &root.pem();
        let chain = chain + &below.pem() + &stranger.pem();
        vec![Attempt::showing(ID, &Pem { chain, key: key.clone() }), Attempt::showing(ID, &Pem { chain: claims, key })]
    })
    .await;
}

#[tokio::test]
async fn dps_refuses_another_certificate_than_the_enrolled_one() {
    no_certificate(|root, _| vec![Attempt::showing("own", &root.device("own").unwrap())]).await;
}

/// A device's own certificate, whose time is over.
fn expired() -> Pem {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "old");
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    Pem { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

#[tokio::test]
async fn dps_refuses_a_certificate_whose_time_is_over() {
    let old = expired();
    let webhook = Webhook::start().await;
    let x509 = json!({ "clientCertificates": { "primary": { "certificate": old.chain } } });
    let setup = Setup::new()
        .enrollment(individual("old", json!({ "type": "x509", "x509": x509 }), &webhook.url()))
        .enrollment(group("devices", keys::attestation(keys::KEY), &webhook.url()));
    let dps = setup.start().await;
    Attempt::showing("old", &old).hears(&dps, 401_002).await;
    dps.is_well().await;
}

#[tokio::test]
async fn dps_refuses_a_tpm_that_is_not_the_enrolled_one() {
    let (enrolled, other) = (SoftwareTpm::new().unwrap(), SoftwareTpm::new().unwrap());
    let text = |key: StorageKey| STANDARD.encode(key.to_bytes());
    let webhook = Webhook::start().await;
    let attestation = json!({ "type": "tpm", "tpm": { "endorsementKey": text(enrolled.endorsement_key()) } });
    let setup = Setup::new().enrollment(individual(ID, attestation, &webhook.url())).enrollment(group(
        "devices",
        keys::attestation(keys::KEY),
        &webhook.url(),
    ));
    let dps = setup.start().await;
    let [endorsement, storage] = [text(enrolled.endorsement_key()), text(enrolled.storage_root_key())];
    for (tpm, code) in [
        (json!({ "endorsementKey": text(other.endorsement_key()), "storageRootKey": storage }), 401_002),
        (json!({ "endorsementKey": "AAAA", "storageRootKey": storage }), 401_002),
        (json!({ "endorsementKey": endorsement, "storageRootKey": "AAAA" }), 401_002),
        (json!({ "endorsementKey": endorsement }), 401_002),
        (json!({ "storageRootKey": storage }), 400_012),
    ] {
        let body = json!({ "registrationId": ID, "tpm": tpm }).to_string();
        let attempt = Attempt { signature: None, body, ..Attempt::good() };
        let (_, answer) = attempt.over_https(&dps).await;
        assert_eq!(answer["errorCode"], code, "{tpm}: {answer}");
    }
    // Nobody has been given a key yet, so nobody can have signed with it.
    Attempt::good().hears(&dps, 401_002).await;
    assert!(webhook.asked().is_empty());
    dps.is_well().await;
}
