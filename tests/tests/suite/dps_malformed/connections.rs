//! What is wrong with a request or a connection, whoever the device is.

use berth_tests::{
    local_dps::{
        ID_SCOPE,
        device::{authorization, operation_path, register_path, request, with_a_group},
        mqtt::{Connect, register_topic},
    },
    tcp::Line,
};
use serde_json::json;

use super::ID;

#[tokio::test]
async fn dps_refuses_what_is_wrong_about_a_request_over_https() {
    let (dps, webhook) = with_a_group().await;
    let signature = authorization(ID);
    let json = [("Authorization", signature.as_str()), ("Content-Type", "application/json")];
    let path = format!("/{ID_SCOPE}/registrations/{ID}");
    for (method, path, headers, code) in [
        ("PUT", format!("{path}/register"), &json, 400_004),
        ("PUT", format!("{path}/register?api-version=2015-01-01"), &json, 400_004),
        ("POST", register_path(ID), &json, 405_001),
        ("PUT", register_path(ID).replace("/register?", "/elsewhere?"), &json, 404_001),
        ("DELETE", format!("{path}?api-version=2019-03-31"), &json, 405_001),
        ("GET", operation_path(ID, "5.none"), &json, 404_201),
        ("GET", format!("/{ID_SCOPE}/devices/{ID}"), &json, 404_001),
        ("GET", "/".to_owned(), &json, 404_001),
        ("PUT", register_path(ID), &[json[0], ("Content-Type", "application/xml")], 415_001),
    ] {
        let answer = dps.https_wire(None).await.request(request(method, &path, headers, "{}")).await;
        let heard = (u32::from(answer.status), answer.json()["errorCode"].clone());
        assert_eq!(heard, (code / 1000, json!(code)), "{method} {path}: {}", answer.text());
    }
    assert!(webhook.asked().is_empty());
    dps.is_well().await;
}

/// Every version that a client is known to ask for, in any case.
#[tokio::test]
async fn dps_answers_every_known_version_over_https() {
    let (dps, _webhook) = with_a_group().await;
    let signature = authorization(ID);
    let headers = [("Authorization", signature.as_str()), ("Content-Type", "application/json")];
    let mut wire = dps.https_wire(None).await;
    for version in [
        "2017-08-31-preview",
        "2017-11-15",
        "2018-04-01",
        "2018-09-01-preview",
        "2018-11-01",
        "2019-03-31",
        "2021-06-01",
        "2021-10-01",
        "2021-11-01-PREVIEW",
        "2025-07-01-preview",
        "2026-04-01",
        "2026-07-01-preview",
        "2026-11-01",
        "2026-11-02-preview",
        "2026-11-15-preview",
    ] {
        let path = register_path(ID).replace("2019-03-31", version);
        let began = wire.request(request("PUT", &path, &headers, "{}")).await;
        assert_eq!(began.status, 202, "{version}: {}", began.text());
        let state = wire.polls(ID, &began, &headers).await.json();
        assert_eq!(state["status"], "assigned", "{version}: {state}");
    }
}

#[tokio::test]
async fn dps_refuses_a_body_over_https_that_has_no_end() {
    let (dps, _webhook) = with_a_group().await;
    let signature = authorization(ID);
    let headers = [("Authorization", signature.as_str()), ("Content-Type", "application/json")];
    let answer =
        dps.https_wire(None).await.request(request("PUT", &register_path(ID), &headers, &" ".repeat(2 << 20))).await;
    assert_eq!((answer.status, &answer.json()["errorCode"]), (400, &json!(400_004)));
    dps.is_well().await;
}

#[tokio::test]
async fn dps_is_kept_from_nobody_by_connections_that_are_half_open() {
    let (dps, _webhook) = with_a_group().await;
    let mut kept = Vec::new();
    for address in [dps.https(), dps.mqtt()] {
        // Nothing at all, the beginning of a handshake, and what is none.
        for bytes in [&b""[..], &[0x16, 3, 1, 2, 0, 1], b"GET / HTTP/1.1\r\n\r\n"] {
            let mut line = Line::to(address).await.unwrap();
            line.say(bytes).await;
            kept.push(line);
        }
    }
    let mut wires = Vec::new();
    let register = request("PUT", &register_path(ID), &[("Content-Type", "application/json")], "{}");
    for bytes in ["", "PUT /", &register[..register.len() - 1]] {
        let mut wire = dps.https_wire(None).await;
        wire.say(bytes).await;
        wires.push(wire);
    }
    let connect = Connect::device(ID, "", None).packet();
    for bytes in [&[][..], &connect[..1], &connect[..connect.len() - 1]] {
        for mut wire in [dps.mqtt_wire(None).await, dps.websocket(None).await] {
            wire.send(bytes).await;
            wires.push(wire);
        }
    }
    dps.is_well().await;
    let mut wire = dps.mqtt_wire(None).await;
    wire.begin(&Connect::device(ID, "", Some(authorization(ID))), 1).await;
    assert_eq!(wire.asks(&register_topic("1"), Some(2), "").await.status(), 202);
    drop((kept, wires));
}
