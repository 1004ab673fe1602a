//! The habits of the clients that are not run here, to the byte as far as they are known: those for C, C#, Java and
//! embedded systems, IoT Edge's, and the Azure CLI's. Each test sends what such a client sends, and holds the answers to
//! what it insists on.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use berth::tpm::SoftwareTpm;
use berth_tests::{
    Answer,
    local_dps::{
        CLIMATE, ID_SCOPE, LocalDps, Setup, Webhook, Wire,
        device::with_a_group,
        individual, keys,
        mqtt::{Connect, DISCONNECT, Published, operation_topic, publish, register_topic, unsubscribe},
    },
};
use serde_json::{Value, json};

const ID: &str = "sensor-7";

/// A signature as a client writes it: the resource, and what is around the signature and the expiry.
fn signed(resource: &str, expiry: i64, encode: fn(&str) -> String, tail: &str) -> String {
    let signature = encode(&keys::signature(&keys::derived(keys::KEY, ID), resource, expiry));
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}{tail}")
}

fn lower_case(base64: &str) -> String {
    base64.replace('+', "%2b").replace('/', "%2f").replace('=', "%3d")
}

fn in_an_hour() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + 3600
}

/// The client for C: hexadecimal digits in small letters.
fn c_signature() -> String {
    signed(&format!("{ID_SCOPE}%2fregistrations%2f{ID}"), in_an_hour(), lower_case, "&skn=registration")
}

/// The client for C#: hexadecimal digits in capitals, a day to live.
fn c_sharp_signature() -> String {
    let resource = format!("{ID_SCOPE}%2Fregistrations%2F{ID}");
    signed(&resource, in_an_hour() + 82_800, keys::percent_encoded, "&skn=registration")
}

/// The client for Java: a resource that is not encoded, and the name of no policy.
fn java_signature() -> String {
    signed(&format!("{ID_SCOPE}/registrations/{ID}"), in_an_hour(), keys::percent_encoded, "&skn=")
}

/// IoT Edge: the resource in small letters, no policy at all, half a minute to live.
fn edge_signature() -> String {
    let resource = format!("{ID_SCOPE}%2fregistrations%2f{ID}").to_lowercase().replace("%2f", "%2F");
    signed(&resource, in_an_hour() - 3570, keys::percent_encoded, "")
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

#[tokio::test]
async fn c_registers_over_https_on_one_connection() {
    let (dps, webhook) = world().await;
    let mut wire = dps.https_wire(None).await;
    let (authorization, body) = (c_signature(), format!(r#"{{"registrationId":"{ID}","payload":{}}}"#, payload()));
    let common = format!(
        "Host: localhost\r\nUserAgent: prov_device_client/1.0\r\nAccept: application/json\r\n\
         Content-Type: application/json; charset=utf-8\r\nConnection: keep-alive\r\nAuthorization: {authorization}\r\n"
    );
    let path = format!("/{ID_SCOPE}/registrations/{ID}");
    let register = format!(
        "PUT {path}/register?api-version=2021-06-01 HTTP/1.1\r\n{common}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let operation = operation(&wire.request(register).await);
    let question = format!("GET {path}/operations/{operation}?api-version=2021-06-01 HTTP/1.1\r\n{common}\r\n");
    let done = polled(&mut wire, &question).await;
    is_assigned(&done);
    assert_eq!(done["registrationState"]["payload"], json!({ "raum": "Küche" }));
    was_asked(&webhook, Some(payload()));
}

#[tokio::test]
async fn c_hears_its_two_codes_of_a_webhook() {
    for (status, answer, code) in [(200, json!({ "iotHubHostName": "" }), 400_208), (401, json!({}), 400_209)] {
        let (dps, webhook) = with_a_group().await;
        webhook.answers(status, answer);
        let state = dps.registers(ID).await;
        assert_eq!((&state["status"], &state["errorCode"]), (&json!("failed"), &json!(code)));
    }
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

#[tokio::test]
async fn c_registers_over_mqtt_at_most_once() {
    let (dps, webhook) = world().await;
    let mut wire = dps.mqtt_wire(None).await;
    let mut connect = Connect::device(ID, "&ClientVersion=prov_device_client%2f1.15.0", Some(c_signature()));
    connect.user_name = connect.user_name.replace("2019-03-31", "2021-06-01");
    connect.keep_alive = 0;
    let body = format!(r#"{{"registrationId":"{ID}","payload":{}}}"#, payload());
    let done = at_most_once(&mut wire, &connect, &body, &body).await;
    is_assigned(&done.json);
    assert!(done.text.contains(r#""raum":"K\u00fcche""#), "{}", done.text);
    wire.send(DISCONNECT).await;
    wire.ends().await;
    was_asked(&webhook, Some(payload()));
}

#[tokio::test]
async fn c_activates_the_key_of_its_tpm_and_signs_with_it() {
    let webhook = Webhook::start().await;
    let tpm = SoftwareTpm::new().unwrap();
    let [endorsement, storage] =
        [tpm.endorsement_key(), tpm.storage_root_key()].map(|key| STANDARD.encode(key.to_bytes()));
    let attestation = json!({ "type": "tpm", "tpm": { "endorsementKey": endorsement } });
    let dps = Setup::new().enrollment(individual(ID, attestation, &webhook.url())).start().await;
    let mut wire = dps.https_wire(None).await;
    let path = format!("/{ID_SCOPE}/registrations/{ID}");
    let keys = format!(r#"{{"endorsementKey":"{endorsement}","storageRootKey":"{storage}"}}"#);
    let body = format!(r#"{{"registrationId":"{ID}","tpm":{keys},"payload":{}}}"#, payload());
    let register = |authorization: &str| {
        format!(
            "PUT {path}/register?api-version=2021-06-01 HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/json; charset=utf-8\r\n{authorization}content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let challenge = wire.request(register("")).await;
    assert_eq!((challenge.status, &challenge.json()["keyName"]), (401, &json!("registration")));
    let sealed = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let key = tpm.activate(&sealed(&challenge.json()["authenticationKey"])).unwrap();
    let (resource, expiry) = (format!("{ID_SCOPE}%2fregistrations%2f{ID}"), in_an_hour());
    let signature = lower_case(&STANDARD.encode(key.sign(format!("{resource}\n{expiry}").as_bytes())));
    let signature =
        format!("Authorization: SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn=registration\r\n");
    let operation = operation(&wire.request(register(&signature)).await);
    let question = format!(
        "GET {path}/operations/{operation}?api-version=2021-06-01 HTTP/1.1\r\nHost: localhost\r\n{signature}\r\n"
    );
    let done = polled(&mut wire, &question).await;
    is_assigned(&done);
    assert!(tpm.activate(&sealed(&done["registrationState"]["tpm"]["authenticationKey"])).is_ok());
    was_asked(&webhook, Some(payload()));
}

#[tokio::test]
async fn c_sharp_registers_over_https_and_hears_202_first() {
    let (dps, webhook) = world().await;
    let mut wire = dps.https_wire(None).await;
    let authorization = c_sharp_signature();
    // The text that a program has set goes into the body as it is.
    let body = format!(r#"{{"registrationId":"{ID}","payload":{{ "a" : 1.50, "ü":[] }}}}"#);
    let common = format!(
        "Host: localhost\r\nAccept: application/json\r\nUser-Agent: .NET/1.19.4 (.NET 8.0; Linux; X64)\r\n\
         Authorization: {authorization}\r\n"
    );
    let path = format!("/{ID_SCOPE}/registrations/{ID}");
    let register = format!(
        "PUT {path}/register?api-version=2019-03-31 HTTP/1.1\r\n{common}\
         Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let operation = operation(&wire.request(register).await);
    let question = format!("GET {path}/operations/{operation}?api-version=2019-03-31 HTTP/1.1\r\n{common}\r\n");
    is_assigned(&polled(&mut wire, &question).await);
    was_asked(&webhook, Some(json!({ "a": 1.5, "ü": [] })));
}

/// Registers over MQTT as the client for C# does: the id of a request is that of its packet, and the acknowledgement has
/// to come before the answer.
async fn c_sharp(wire: &mut Wire, password: Option<String>, body: &str) -> Published {
    let connect = Connect::device(ID, "&ClientVersion=.NET%2F1.19.4%20(.NET%208.0%3B%20Linux%3B%20X64)", password);
    wire.begin(&connect, 1).await;
    let began = wire.asks(&register_topic("2"), Some(2), body).await;
    assert_eq!((began.status(), began.tail("2")), (202, Some("&retry-after=0")));
    let operation = began.json["operationId"].as_str().unwrap().to_owned();
    for id in 3.. {
        let rid = id.to_string();
        let answer = wire.asks(&operation_topic(&rid, &operation), Some(id), "").await;
        if answer.status() == 200 {
            assert_eq!(answer.tail(&rid), Some(""));
            return answer;
        }
    }
    unreachable!("there are numbers enough")
}

#[tokio::test]
async fn c_sharp_registers_over_mqtt_with_an_empty_body() {
    let (dps, webhook) = world().await;
    let mut wire = dps.mqtt_wire(None).await;
    is_assigned(&c_sharp(&mut wire, Some(c_sharp_signature()), "").await.json);
    was_asked(&webhook, None);
}

#[tokio::test]
async fn c_sharp_registers_over_mqtt_with_nothing_but_a_payload() {
    let (dps, webhook) = world().await;
    let mut wire = dps.mqtt_wire(None).await;
    let body = format!(r#"{{"payload":{}}}"#, payload());
    is_assigned(&c_sharp(&mut wire, Some(c_sharp_signature()), &body).await.json);
    was_asked(&webhook, Some(payload()));
}

#[tokio::test]
async fn c_sharp_registers_over_websocket() {
    let (dps, webhook) = world().await;
    let mut wire = dps.websocket(None).await;
    is_assigned(&c_sharp(&mut wire, Some(c_sharp_signature()), "").await.json);
    wire.send(DISCONNECT).await;
    wire.ends().await;
    was_asked(&webhook, None);
}

#[tokio::test]
async fn java_registers_over_https_with_a_payload_in_a_string() {
    let (dps, webhook) = world().await;
    let mut wire = dps.https_wire(None).await;
    let authorization = java_signature();
    let text = payload().to_string();
    let body = json!({ "registrationId": ID, "payload": text }).to_string();
    let common = format!(
        "Authorization: {authorization}\r\nUser-Agent: com.microsoft.azure.sdk.iot.provisioning/2.1.3\r\n\
         Accept: application/json\r\nContent-Type: application/json; charset=utf-8\r\nHost: localhost\r\n\
         Connection: keep-alive\r\n"
    );
    let path = format!("/{ID_SCOPE}/registrations/{ID}");
    let register = format!(
        "PUT {path}/register?api-version=2019-03-31 HTTP/1.1\r\n{common}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let operation = operation(&wire.request(register).await);
    let question = format!("GET {path}/operations/{operation}?api-version=2019-03-31 HTTP/1.1\r\n{common}\r\n");
    let done = polled(&mut wire, &question).await;
    is_assigned(&done);
    assert_eq!(done["registrationState"]["payload"], json!({ "raum": "Küche" }));
    was_asked(&webhook, Some(json!(text)));
}

#[tokio::test]
async fn java_registers_over_mqtt_and_keeps_its_session() {
    let (dps, webhook) = world().await;
    let mut wire = dps.mqtt_wire(None).await;
    let tail = "&ClientVersion=com.microsoft.azure.sdk.iot.provisioning%2F2.1.3";
    let connect = Connect { clean: false, keep_alive: 230, ..Connect::device(ID, tail, Some(java_signature())) };
    let body = json!({ "registrationId": ID, "payload": payload().to_string() }).to_string();
    is_assigned(&at_most_once(&mut wire, &connect, &body, "").await.json);
    was_asked(&webhook, Some(json!(payload().to_string())));
}

#[tokio::test]
async fn java_finds_all_it_needs_when_it_is_rejected_or_disabled() {
    for (change, status) in [(json!({}), "failed"), (json!({ "provisioningStatus": "disabled" }), "disabled")] {
        let webhook = Webhook::start().await;
        webhook.answers(403, json!({}));
        let mut enrollment = individual(ID, keys::attestation(&keys::derived(keys::KEY, ID)), &webhook.url());
        enrollment.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let dps = Setup::new().enrollment(enrollment).start().await;
        let mut wire = dps.mqtt_wire(None).await;
        let connect = Connect { clean: false, ..Connect::device(ID, "", Some(java_signature())) };
        let body = at_most_once(&mut wire, &connect, "", "").await.json;
        assert_eq!(body["status"], status);
        let state = &body["registrationState"];
        assert_eq!((&state["registrationId"], &state["status"]), (&json!(ID), &json!(status)));
        assert_eq!(state["errorCode"].is_u64(), status == "failed", "{state}");
    }
}

#[tokio::test]
async fn edge_registers_with_one_signature_for_all_its_questions() {
    let (dps, webhook) = world().await;
    let mut wire = dps.https_wire(None).await;
    let authorization = edge_signature();
    let body = format!(r#"{{"registrationId":"{ID}","payload":{}}}"#, payload());
    let path = format!("/{ID_SCOPE}/registrations/{ID}");
    let register = format!(
        "PUT {path}/register?api-version=2021-06-01 HTTP/1.1\r\nauthorization: {authorization}\r\n\
         content-type: application/json\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let operation = operation(&wire.request(register).await);
    let question = format!(
        "GET {path}/operations/{operation}?api-version=2021-06-01 HTTP/1.1\r\nauthorization: {authorization}\r\n\
         host: localhost\r\n\r\n"
    );
    is_assigned(&polled(&mut wire, &question).await);
    was_asked(&webhook, Some(payload()));
    // It has half a minute for all of that: questions about an operation are answered after it, too.
    let resource = format!("{ID_SCOPE}%2Fregistrations%2F{ID}");
    let late = question.replace(&authorization, &signed(&resource, 1_000_000_000, keys::percent_encoded, ""));
    is_assigned(&polled(&mut wire, &late).await);
}

#[tokio::test]
async fn edge_reads_a_failure() {
    let (dps, webhook) = with_a_group().await;
    webhook.answers(404, json!({}));
    let state = dps.registers(ID).await;
    assert_eq!((&state["errorCode"], &state["status"]), (&json!(400_207), &json!("failed")));
    assert_eq!(state["errorMessage"], "Custom allocation failed with status code: 404");
}

#[tokio::test]
async fn embedded_c_reads_that_it_is_disabled() {
    let webhook = Webhook::start().await;
    let mut enrollment = individual(ID, keys::attestation(&keys::derived(keys::KEY, ID)), &webhook.url());
    enrollment["provisioningStatus"] = json!("disabled");
    let dps = Setup::new().enrollment(enrollment).start().await;
    let mut wire = dps.mqtt_wire(None).await;
    let connect = Connect::device(ID, "&ClientVersion=azsdk-c%2F1.6.0", Some(c_signature()));
    let body = at_most_once(&mut wire, &connect, "{}", "").await.json;
    assert!(body["operationId"].is_string());
    assert_eq!((&body["status"], &body["registrationState"]["status"]), (&json!("disabled"), &json!("disabled")));
    assert!(webhook.asked().is_empty());
}

#[tokio::test]
async fn azure_cli_looks_up_a_registration() {
    let (dps, _webhook) = world().await;
    dps.registers(ID).await;
    let resource = format!("{ID_SCOPE}%2Fregistrations%2F{ID}");
    let authorization = signed(&resource, in_an_hour() + 18_000, keys::percent_encoded, "&skn=registration");
    let mut wire = dps.https_wire(None).await;
    let body = format!(r#"{{"registrationId": "{ID}"}}"#);
    let answer = wire
        .request(format!(
            "POST /{ID_SCOPE}/registrations/{ID}?api-version=2019-03-31 HTTP/1.1\r\nHost: localhost\r\n\
             Accept: application/json\r\nContent-Type: application/json\r\nContent-Encoding: utf-8\r\n\
             Authorization: {authorization}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // What is registered, and not in an envelope.
    assert_eq!((&answer.json()["assignedHub"], answer.json().get("operationId")), (&json!(CLIMATE), None));
}

#[tokio::test]
async fn node_unsubscribes_before_it_leaves() {
    let (dps, _webhook) = world().await;
    let mut wire = dps.mqtt_wire(None).await;
    let connect = Connect { keep_alive: 180, ..Connect::device(ID, "", Some(c_signature())) };
    wire.begin(&connect, 1).await;
    wire.send(unsubscribe(9, berth_tests::local_dps::mqtt::RESPONSES)).await;
    let answer = wire.receive().await.unwrap();
    assert_eq!((answer.first, answer.body), (0xb0, vec![0, 9]));
    wire.send(publish(&register_topic("1"), Some(10), "")).await;
    assert_eq!(wire.receive().await.unwrap().first, 0x40, "acknowledged, and not answered any more");
    wire.send(DISCONNECT).await;
    wire.ends().await;
}
