//! The habits of the clients that are not run here, to the byte as far as they are known: those for C, C#, Java and
//! embedded systems, IoT Edge's, the Azure CLI's, and service clients. Each test sends what such a client sends, and holds
//! the answers to what it insists on.

mod c;
mod c_sharp;
mod edge;
mod java;
mod others;
mod services;
mod tpm;

use berth::dps::certificates::{Authority, Pem};
use berth_tests::{
    Answer,
    local_dps::{
        CLIMATE, ID_SCOPE, LocalDps, Setup, Webhook, Wire,
        device::with_a_group,
        group, keys,
        mqtt::{Connect, Published, operation_topic, register_topic},
    },
};
use serde_json::{Value, json};

const ID: &str = "sensor-7";

/// How a client writes its signatures.
#[derive(Clone, Copy)]
struct Hand {
    /// What it signs for.
    resource: fn() -> String,
    /// Seconds for which that is good.
    lasts: i64,
    /// How it writes the signature's base64.
    encode: fn(&str) -> String,
    /// What is behind the expiry.
    tail: &'static str,
}

impl Hand {
    /// A signature by the key of the device.
    fn signed(self) -> String {
        self.signed_by(|resource, expiry| keys::signature(&keys::derived(keys::KEY, ID), resource, expiry))
    }

    /// A signature by whatever makes one in base64.
    fn signed_by(self, sign: impl FnOnce(&str, i64) -> String) -> String {
        let (resource, expiry) = ((self.resource)(), now() + self.lasts);
        let signature = (self.encode)(&sign(&resource, expiry));
        format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}{}", self.tail)
    }
}

/// The resource with slashes in capitals, in small letters, and as they are.
fn resource() -> String {
    format!("{ID_SCOPE}%2Fregistrations%2F{ID}")
}

fn resource_in_small_letters() -> String {
    format!("{ID_SCOPE}%2fregistrations%2f{ID}")
}

fn plain_resource() -> String {
    format!("{ID_SCOPE}/registrations/{ID}")
}

fn lower_case(base64: &str) -> String {
    base64.replace('+', "%2b").replace('/', "%2f").replace('=', "%3d")
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// An `Authorization`, if there is one.
fn authorization(signature: Option<&str>) -> String {
    signature.map_or_else(String::new, |signature| format!("Authorization: {signature}\r\n"))
}

/// What the first answer over HTTPS has to be for all of them: 202, when to ask again, and an operation.
fn operation(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
    assert!(answer.retry_after().is_some(), "{:?}", answer.headers);
    let body = answer.json();
    assert_eq!(body["status"], "assigning");
    body["operationId"].as_str().unwrap().to_owned()
}

/// Asks until it is over, and holds each answer in between to what the strictest clients want of it.
async fn polled(wire: &mut Wire, question: &str) -> Value {
    loop {
        let answer = wire.request(question).await;
        assert!(answer.text().is_ascii(), "one client reads ASCII only");
        let body = answer.json();
        assert!(body["operationId"].is_string(), "{body}");
        if answer.status == 200 {
            return body;
        }
        let state = json!({ "registrationId": ID, "status": "assigning" });
        assert_eq!((answer.status, &body["registrationState"]), (202, &state));
        assert!(answer.retry_after().is_some());
    }
}

/// The end of a registration that all clients can read: times, ids, hub, and a payload that is an object or not there.
fn is_assigned(body: &Value) {
    assert_eq!(body["status"], "assigned", "{body}");
    let state = &body["registrationState"];
    assert_eq!((&state["registrationId"], &state["deviceId"]), (&json!(ID), &json!(ID)));
    assert_eq!((&state["status"], &state["assignedHub"]), (&json!("assigned"), &json!(CLIMATE)));
    assert_eq!(state["substatus"], "initialAssignment");
    for member in ["createdDateTimeUtc", "lastUpdatedDateTimeUtc", "etag"] {
        assert!(state[member].is_string(), "{state}");
    }
    assert!(state.get("payload").is_none_or(Value::is_object), "{state}");
}

fn payload() -> Value {
    json!({ "modelId": "dtmi:com:example:Thermostat;1" })
}

/// A local DPS whose webhook has something for the device, beyond ASCII.
async fn world() -> (LocalDps, Webhook) {
    let (dps, webhook) = with_a_group().await;
    webhook.answers(200, json!({ "iotHubHostName": CLIMATE, "payload": { "raum": "Küche" } }));
    (dps, webhook)
}

fn was_asked(webhook: &Webhook, payload: Option<Value>) {
    let asked = webhook.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["deviceRuntimeContext"].get("payload"), payload.as_ref());
}

/// Registers over MQTT as the clients do that publish at most once, with numbers as ids of requests. The first of those is
/// 1, and the question about the operation has this body.
async fn at_most_once(wire: &mut Wire, connect: &Connect, body: &str, question: &str) -> Published {
    wire.begin(connect, 1).await;
    let began = wire.asks(&register_topic("1"), None, body).await;
    assert_eq!((began.status(), &began.json["status"]), (202, &json!("assigning")));
    assert_eq!(began.tail("1"), Some("&retry-after=0"));
    let operation = began.json["operationId"].as_str().unwrap().to_owned();
    for rid in 2.. {
        let rid = rid.to_string();
        let answer = wire.asks(&operation_topic(&rid, &operation), None, question).await;
        if answer.status() == 200 {
            assert_eq!(answer.tail(&rid), Some(""));
            return answer;
        }
        assert_eq!(answer.tail(&rid), Some("&retry-after=0"));
    }
    unreachable!("there are numbers enough")
}

/// A local DPS with a group for the devices of an authority, and the certificates of one of them.
async fn with_certificates() -> (LocalDps, Webhook, Pem) {
    let webhook = Webhook::start().await;
    let root = Authority::root("root").unwrap();
    let below = root.intermediate("below").unwrap();
    let Pem { chain, key } = below.device(ID).unwrap();
    let signing = json!({ "signingCertificates": { "primary": { "certificate": root.pem() } } });
    let enrollment = group("devices", json!({ "type": "x509", "x509": signing }), &webhook.url());
    let dps = Setup::new().enrollment(enrollment).start().await;
    (dps, webhook, Pem { chain: chain + &below.pem(), key })
}
