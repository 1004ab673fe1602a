//! Why a device was refused is in its trace and in the log, and nowhere that the device would hear it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use berth::{
    dps::certificates::{Authority, Pem},
    tpm::SoftwareTpm,
};
use berth_tests::local_dps::{
    LocalDps, Setup, Webhook,
    device::{authorization, operation_path, register_path, request, with_a_group},
    group, individual, keys,
};
use serde_json::json;

use super::{Attempt, ID, changed};

/// The attempt is refused, and its trace and the log say this.
async fn is_told(dps: &LocalDps, attempt: Attempt, reason: &str) {
    let before = dps.log().len();
    let (status, body) = attempt.over_https(dps).await;
    assert!(status == 400 || (status == 401 && !body.to_string().contains(reason)), "{body}");
    let trace = dps.control(&format!("/traces/{}", attempt.id)).await.json();
    let last = trace["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(last["what"], "refused", "{trace}");
    let told = format!("{status} to the device: {reason}");
    assert!(last["text"].as_str().unwrap().starts_with(&told), "`{told}` is not in {last}");
    let (_, line) = dps.log().find("a refusal", before, |line| line.message() == "a device was refused").await;
    assert!(line.text("reason").starts_with(reason), "{line:?}");
    assert_eq!((line.text("device"), line.text("over"), line.field("status")), (&*attempt.id, "HTTPS", &json!(status)));
    // What it signed with is nobody's business.
    for secret in attempt.signature.iter().filter_map(|signature| signature.split("sig=").nth(1)) {
        let secret = &secret[..12.min(secret.len())];
        assert!(!trace.to_string().contains(secret) && !line.mentions(secret), "{trace}\n{line:?}");
    }
}

#[tokio::test]
async fn dps_tells_why_a_signature_was_refused() {
    let (dps, _webhook) = with_a_group().await;
    let other_scope = Attempt { id_scope: "0ne00000002".into(), ..Attempt::good() };
    let expired = keys::sas(&keys::derived(keys::KEY, ID), "0ne00000000", ID, 1_000_000_000);
    for (attempt, reason) in [
        (other_scope, r#"it names the id scope "0ne00000002", and this is "0ne00000000""#),
        (Attempt { signature: None, ..Attempt::good() }, "it shows neither a signature nor a certificate"),
        (Attempt::signed("Bearer x"), "what it shows is no signature: it does not begin with SharedAccessSignature"),
        (changed("se=", "other="), "what it shows is no signature: it has a part that is none of sr, sig, se and skn"),
        (changed("sig=", "sig=*"), "what it shows is no signature: its signature (sig) is not base64"),
        (changed(ID, "sensor-8"), "its signature is for "),
        (changed("skn=registration", "skn=owner"), r#"its signature is by the policy "owner""#),
        (Attempt::signed(expired), "its signature expired at 2001-09-09T01:46:40Z"),
        (changed("se=4007000000", "se=4007000001"), "no individual enrollment is its own, and its signature is not by"),
        (Attempt::saying(r#"{"modelId":"dtmi:a;1"}"#), "Deserialization error. unknown field `modelId`"),
        (Attempt::saying(r#"{"registrationId":"sensor-8"}"#), "The registration id of the body is not that"),
    ] {
        is_told(&dps, attempt, reason).await;
    }
    // As people read it.
    let printed = dps.berth(&["dps", "trace", ID]).await;
    assert!(printed.printed().contains("400 to the device: The registration id of the body"), "{}", printed.stdout);
}

#[tokio::test]
async fn dps_tells_why_a_device_of_its_own_enrollment_was_refused() {
    let webhook = Webhook::start().await;
    let (tpm, other) = (SoftwareTpm::new().unwrap(), SoftwareTpm::new().unwrap());
    let [endorsement, other] = [&tpm, &other].map(|tpm| STANDARD.encode(tpm.endorsement_key().to_bytes()));
    let chip = json!({ "type": "tpm", "tpm": { "endorsementKey": endorsement } });
    let dps = Setup::new()
        .enrollment(individual("own", keys::attestation(keys::OTHER_KEY), &webhook.url()))
        .enrollment(individual("chip", chip, &webhook.url()))
        .enrollment(individual("nobody", json!({ "type": "none" }), &webhook.url()))
        .start()
        .await;
    let of = |id: &str, signature: Option<String>, body: String| Attempt {
        id: id.into(),
        signature,
        body,
        ..Attempt::good()
    };
    let shows = |keys: serde_json::Value| json!({ "tpm": keys }).to_string();
    let signed = |id: &str| Some(authorization(id));
    for (attempt, reason) in [
        (of("own", None, "{}".into()), "it shows no signature, which its enrollment asks for"),
        (of("own", signed("own"), "{}".into()), "its signature is not by a key of its individual enrollment"),
        (of("nobody", signed("nobody"), "{}".into()), "its enrollment has the attestation none"),
        (of("chip", None, "{}".into()), "it shows no TPM's keys, which its enrollment asks for"),
        (of("chip", signed("chip"), "{}".into()), "it signs with a key of its TPM that it was not given"),
        (
            of("chip", None, shows(json!({ "endorsementKey": other, "storageRootKey": other }))),
            "its TPM's endorsement key is not the enrolled one",
        ),
        (
            of("chip", None, shows(json!({ "endorsementKey": endorsement, "storageRootKey": "AAAA" }))),
            "its TPM's keys cannot be used: storageRootKey: the public key is not the TPM structure",
        ),
        (
            of("chip", None, shows(json!({ "endorsementKey": endorsement }))),
            "its TPM's keys cannot be used: storageRootKey: it is missing",
        ),
    ] {
        is_told(&dps, attempt, reason).await;
    }
    // A challenge is no refusal.
    let keys = [tpm.endorsement_key(), tpm.storage_root_key()].map(|key| STANDARD.encode(key.to_bytes()));
    let body = shows(json!({ "endorsementKey": keys[0], "storageRootKey": keys[1] }));
    let headers = [("Content-Type", "application/json")];
    let challenge = request("PUT", &register_path("chip"), &headers, &body);
    assert_eq!(dps.https_wire(None).await.request(challenge).await.status, 401);
    let steps = dps.control("/traces/chip").await.json();
    let last = steps["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["what"], &last["text"]),
        (&json!("answered"), &json!("401 to the device: a challenge for its TPM"))
    );
}

#[tokio::test]
async fn dps_tells_why_a_certificate_was_refused() {
    let (webhook, root) = (Webhook::start().await, Authority::root("root").unwrap());
    let (below, own) = (root.intermediate("below").unwrap(), root.device("own").unwrap());
    let x509 =
        |member: &str, pem: &str| json!({ "type": "x509", "x509": { member: { "primary": { "certificate": pem } } } });
    let dps = Setup::new()
        .enrollment(group("certified", x509("signingCertificates", &root.pem()), &webhook.url()))
        .enrollment(individual("own", x509("clientCertificates", &own.chain), &webhook.url()))
        .start()
        .await;
    let Pem { chain, key } = below.device(ID).unwrap();
    let incomplete = Pem { chain: chain.clone(), key: key.clone() };
    let stranger = Authority::root("stranger").unwrap().device(ID).unwrap();
    let claims = Pem { chain: stranger.chain.clone() + &root.pem(), key: stranger.key.clone() };
    for (attempt, reason) in [
        (Attempt::showing(ID, &own), "its certificate does not count: its common name is not the registration id"),
        (Attempt::showing("own", &root.device("own").unwrap()), "its certificate is not the enrolled one"),
        (Attempt { shown: None, ..Attempt::showing("own", &own) }, "it shows no certificate"),
        (
            Attempt::showing(ID, &incomplete),
            r#"no individual enrollment is its own, and its certificate, by "CN=below", leads to no group's authority"#,
        ),
        (
            Attempt::showing(ID, &claims),
            r#"its certificate does not lead to the authority of the group "certified", which it shows: "#,
        ),
        (
            Attempt::showing(ID, &stranger),
            "no individual enrollment is its own, and its certificate, by \"CN=stranger\"",
        ),
    ] {
        is_told(&dps, attempt, reason).await;
    }
}

/// Questions about an operation are refused as well, and the trace goes on.
#[tokio::test]
async fn dps_tells_why_a_question_was_refused() {
    let (dps, _webhook) = with_a_group().await;
    dps.registers(ID).await;
    let mut wire = dps.https_wire(None).await;
    let (own, another) = (authorization(ID), authorization("sensor-8"));
    for (signature, told) in [
        (&own, "404 to the device, which asked how it stands: Operation not found."),
        (&another, "401 to the device, which asked how it stands: its signature is for "),
    ] {
        wire.request(request("GET", &operation_path(ID, "5.none"), &[("Authorization", signature)], "")).await;
        let trace = dps.control(&format!("/traces/{ID}")).await.json();
        let steps = trace["steps"].as_array().unwrap();
        assert_eq!(steps[0]["what"], "received", "{trace}");
        let last = steps.last().unwrap();
        assert_eq!(last["what"], "refused");
        assert!(last["text"].as_str().unwrap().starts_with(told), "{last}");
        dps.log().next("it", |line| line.message() == "a device was refused, which asked how it stands").await;
    }
}
