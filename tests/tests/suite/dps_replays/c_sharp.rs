//! The client for C#: 202 before anything else, ids of packets as ids of requests, acknowledgements before answers.

use berth_tests::local_dps::{
    ID_SCOPE, Wire, keys,
    mqtt::{Connect, DISCONNECT, Published, operation_topic, register_topic},
};
use serde_json::{Value, json};

use super::{
    Hand, ID, authorization, is_assigned, operation, payload, polled, resource, tpm::Chip, was_asked,
    with_certificates, world,
};

/// Hexadecimal digits in capitals, a day to live.
const HAND: Hand = Hand { resource, lasts: 86_400, encode: keys::percent_encoded, tail: "&skn=registration" };

fn registration(signature: Option<&str>, body: &str) -> String {
    format!(
        "PUT /{ID_SCOPE}/registrations/{ID}/register?api-version=2019-03-31 HTTP/1.1\r\n{}\
         Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        common(signature),
        body.len()
    )
}

fn common(signature: Option<&str>) -> String {
    format!(
        "Host: localhost\r\nAccept: application/json\r\nUser-Agent: .NET/1.19.4 (.NET 8.0; Linux; X64)\r\n{}",
        authorization(signature)
    )
}

/// A registration over HTTPS, to its end.
async fn over_https(wire: &mut Wire, signature: Option<&str>, body: &str) -> Value {
    let operation = operation(&wire.request(registration(signature, body)).await);
    let path = format!("/{ID_SCOPE}/registrations/{ID}/operations/{operation}");
    let question = format!("GET {path}?api-version=2019-03-31 HTTP/1.1\r\n{}\r\n", common(signature));
    polled(wire, &question).await
}

#[tokio::test]
async fn c_sharp_registers_over_https_and_hears_202_first() {
    let (dps, webhook) = world().await;
    // The text that a program has set goes into the body as it is.
    let body = format!(r#"{{"registrationId":"{ID}","payload":{{ "a" : 1.50, "ü":[] }}}}"#);
    is_assigned(&over_https(&mut dps.https_wire(None).await, Some(&HAND.signed()), &body).await);
    was_asked(&webhook, Some(json!({ "a": 1.5, "ü": [] })));
}

#[tokio::test]
async fn c_sharp_registers_over_https_with_a_certificate() {
    let (dps, webhook, shown) = with_certificates().await;
    let body = format!(r#"{{"registrationId":"{ID}"}}"#);
    is_assigned(&over_https(&mut dps.https_wire(Some(&shown)).await, None, &body).await);
    was_asked(&webhook, None);
}

/// It says the same twice, and the second time with a signature.
#[tokio::test]
async fn c_sharp_says_again_what_it_was_challenged_for() {
    let (dps, webhook, chip) = Chip::enrolled().await;
    let mut wire = dps.https_wire(None).await;
    let body = format!(r#"{{"registrationId":"{ID}","tpm":{},"payload":{}}}"#, chip.keys, payload());
    let challenge = wire.request(registration(None, &body)).await;
    let done = over_https(&mut wire, Some(&chip.answers(&challenge, HAND)), &body).await;
    is_assigned(&done);
    chip.has_the_hubs_key(&done);
    was_asked(&webhook, Some(payload()));
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
    is_assigned(&c_sharp(&mut wire, Some(HAND.signed()), "").await.json);
    was_asked(&webhook, None);
}

#[tokio::test]
async fn c_sharp_registers_over_mqtt_with_nothing_but_a_payload() {
    let (dps, webhook) = world().await;
    let mut wire = dps.mqtt_wire(None).await;
    let body = format!(r#"{{"payload":{}}}"#, payload());
    is_assigned(&c_sharp(&mut wire, Some(HAND.signed()), &body).await.json);
    was_asked(&webhook, Some(payload()));
}

#[tokio::test]
async fn c_sharp_registers_over_websocket() {
    let (dps, webhook) = world().await;
    let mut wire = dps.websocket(None).await;
    is_assigned(&c_sharp(&mut wire, Some(HAND.signed()), "").await.json);
    wire.send(DISCONNECT).await;
    wire.ends().await;
    was_asked(&webhook, None);
}

#[tokio::test]
async fn c_sharp_registers_over_mqtt_with_a_certificate_and_no_password() {
    let (dps, webhook, shown) = with_certificates().await;
    let mut wire = dps.mqtt_wire(Some(&shown)).await;
    is_assigned(&c_sharp(&mut wire, None, "").await.json);
    assert!(webhook.asked()[0]["deviceRuntimeContext"]["x509"]["clientCertificate"].is_string());
}
