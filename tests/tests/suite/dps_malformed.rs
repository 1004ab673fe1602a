//! Registrations that are wrong: each hears DPS's code for it, over every transport, and a registration in order comes
//! through after it.

mod certificates;
mod connections;
mod reasons;

use berth::dps::certificates::Pem;
use berth_tests::local_dps::{
    ID_SCOPE, LocalDps, Wire,
    device::{authorization, register_path, request, with_a_group},
    keys,
    mqtt::{Connect, register_topic},
};
use serde_json::{Value, json};

const ID: &str = "sensor-7";

/// A registration as it is sent.
#[derive(Clone)]
struct Attempt {
    id_scope: String,
    id: String,
    signature: Option<String>,
    shown: Option<Pem>,
    body: String,
}

impl Attempt {
    /// One that is in order.
    fn good() -> Self {
        Self {
            id_scope: ID_SCOPE.to_owned(),
            id: ID.to_owned(),
            signature: Some(authorization(ID)),
            shown: None,
            body: json!({ "registrationId": ID }).to_string(),
        }
    }

    fn signed(signature: impl Into<String>) -> Self {
        Self { signature: Some(signature.into()), ..Self::good() }
    }

    fn saying(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::good() }
    }

    fn showing(id: &str, shown: &Pem) -> Self {
        Self { id: id.to_owned(), signature: None, shown: Some(shown.clone()), body: String::new(), ..Self::good() }
    }

    async fn over_https(&self, dps: &LocalDps) -> (u16, Value) {
        let path = register_path(&self.id).replace(ID_SCOPE, &self.id_scope);
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(self.signature.as_deref().map(|signature| ("Authorization", signature)));
        let mut wire = dps.https_wire(self.shown.as_ref()).await;
        let answer = wire.request(request("PUT", &path, &headers, &self.body)).await;
        if answer.status != 202 {
            assert_eq!(answer.headers["x-ms-error-code"], answer.json()["errorCode"].to_string());
        }
        (answer.status, answer.json())
    }

    async fn over_mqtt(&self, mut wire: Wire) -> (u16, Value) {
        let mut connect = Connect::device(&self.id, "", self.signature.clone());
        connect.user_name = connect.user_name.replace(ID_SCOPE, &self.id_scope);
        wire.begin(&connect, 1).await;
        let answer = wire.asks(&register_topic("1"), Some(2), &self.body).await;
        (answer.status(), answer.json)
    }

    /// Holds the answers over all transports to this code.
    async fn hears(&self, dps: &LocalDps, code: u32) {
        let (mqtt, websocket) = (dps.mqtt_wire(self.shown.as_ref()).await, dps.websocket(self.shown.as_ref()).await);
        let answers = [self.over_https(dps).await, self.over_mqtt(mqtt).await, self.over_mqtt(websocket).await];
        for (status, body) in answers {
            assert_eq!((u32::from(status), &body["errorCode"]), (code / 1000, &json!(code)), "{body}");
            for member in ["trackingId", "message", "timestampUtc"] {
                assert!(body[member].is_string(), "{body}");
            }
        }
    }
}

/// Each of these attempts hears this code, the webhook hears of none, and all is well after it.
async fn refused(code: u32, attempts: impl IntoIterator<Item = Attempt>) {
    let (dps, webhook) = with_a_group().await;
    for attempt in attempts {
        attempt.hears(&dps, code).await;
    }
    assert!(webhook.asked().is_empty());
    dps.is_well().await;
}

/// The good signature with one thing in it in place of another, which has to be there.
fn changed(from: &str, to: &str) -> Attempt {
    let signature = authorization(ID);
    assert!(signature.contains(from), "{signature}");
    Attempt::signed(signature.replace(from, to))
}

#[tokio::test]
async fn dps_refuses_whoever_shows_nothing() {
    refused(401_000, [Attempt { signature: None, ..Attempt::good() }]).await;
}

#[tokio::test]
async fn dps_refuses_a_signature_of_another_form() {
    let schemes = ["Bearer x", "SharedAccessSignature", "Basic c2Vuc29yLTc6"].map(Attempt::signed);
    refused(401_000, schemes.into_iter().chain([changed("SharedAccessSignature ", "")])).await;
}

#[tokio::test]
async fn dps_refuses_a_signature_without_one_of_its_fields() {
    refused(401_000, ["sr", "sig", "se"].map(|field| changed(&format!("{field}="), "other="))).await;
}

#[tokio::test]
async fn dps_refuses_a_signature_with_a_field_twice() {
    refused(
        401_000,
        ["&se=4007000000", "&sr=a", "&skn=registration"].map(|more| Attempt::signed(authorization(ID) + more)),
    )
    .await;
}

#[tokio::test]
async fn dps_refuses_a_signature_for_something_else() {
    let attempts = [
        changed(ID, "sensor-8"),
        changed(ID_SCOPE, "0ne00000002"),
        changed("registrations", "devices"),
        changed(&format!("%2F{ID}"), &format!("%2F{ID}%2F")),
        changed("sr=", "sr=%ff"),
    ];
    refused(401_000, attempts).await;
}

#[tokio::test]
async fn dps_refuses_a_signature_whose_expiry_is_no_time() {
    let attempts =
        ["se=never", "se=", "se=1e12", "se=99999999999999999999"].map(|wrong| changed("se=4007000000", wrong));
    refused(401_000, attempts).await;
}

#[tokio::test]
async fn dps_refuses_a_signature_that_has_expired() {
    let key = keys::derived(keys::KEY, ID);
    refused(401_000, [1_000_000_000, 0, -1].map(|expiry| Attempt::signed(keys::sas(&key, ID_SCOPE, ID, expiry)))).await;
}

#[tokio::test]
async fn dps_refuses_a_signature_whose_expiry_was_changed() {
    refused(401_002, [changed("se=4007000000", "se=4007000001")]).await;
}

#[tokio::test]
async fn dps_refuses_a_signature_that_is_not_what_was_signed() {
    refused(401_002, [changed("sig=", "sig=AAAA")]).await;
}

#[tokio::test]
async fn dps_refuses_a_signature_that_is_not_base64() {
    refused(401_000, ["sig=%00", "sig=*"].map(|wrong| changed("sig=", wrong))).await;
}

#[tokio::test]
async fn dps_refuses_a_signature_by_another_policy() {
    refused(401_000, [changed("skn=registration", "skn=provisioningserviceowner")]).await;
}

#[tokio::test]
async fn dps_refuses_a_signature_by_another_key() {
    let signed = |key: &str| Attempt::signed(keys::sas(key, ID_SCOPE, ID, keys::LATE));
    // The group's own key is no device's.
    refused(401_002, [keys::OTHER_KEY, keys::KEY, &keys::derived(keys::KEY, "sensor-8")].map(signed)).await;
}

#[tokio::test]
async fn dps_refuses_an_id_scope_that_is_not_its_own() {
    let scope = "0ne00000002";
    let signature = keys::sas(&keys::derived(keys::KEY, ID), scope, ID, keys::LATE);
    refused(401_002, [Attempt { id_scope: scope.into(), ..Attempt::signed(signature) }]).await;
}

#[tokio::test]
async fn dps_refuses_a_body_that_it_cannot_read() {
    let nested = format!("{{\"payload\":{}{}}}", "[".repeat(40_000), "]".repeat(40_000));
    let bodies = ["{", "[]", "null", "7", "\"text\"", "{\"payload\":1e}", "{}{}", &nested];
    refused(400_012, bodies.map(Attempt::saying)).await;
}

#[tokio::test]
async fn dps_refuses_a_member_that_it_does_not_know() {
    refused(400_012, [r#"{"modelId":"dtmi:a;1"}"#, r#"{"payLoad":{}}"#].map(Attempt::saying)).await;
}

#[tokio::test]
async fn dps_refuses_a_payload_that_is_no_object() {
    refused(
        400_012,
        ["7", "[1]", "true", "\"no JSON\""].map(|payload| Attempt::saying(format!(r#"{{"payload":{payload}}}"#))),
    )
    .await;
}

#[tokio::test]
async fn dps_refuses_a_body_about_another_device() {
    refused(400_004, [Attempt::saying(r#"{"registrationId":"sensor-8"}"#)]).await;
}

#[tokio::test]
async fn dps_refuses_a_message_that_is_too_large() {
    let payload = "x".repeat(96 << 10);
    refused(400_004, [Attempt::saying(format!(r#"{{"payload":{{"a":"{payload}"}}}}"#))]).await;
}

#[tokio::test]
async fn dps_refuses_an_id_that_is_none() {
    let long = "x".repeat(129);
    let attempts = ["sensor.", "sensor%207", &long].map(|id| Attempt { id: id.into(), ..Attempt::good() });
    let (dps, _webhook) = with_a_group().await;
    for attempt in attempts {
        let (status, body) = attempt.over_https(&dps).await;
        assert_eq!((status, &body["errorCode"]), (400, &json!(400_004)), "{body}");
    }
    dps.is_well().await;
}
