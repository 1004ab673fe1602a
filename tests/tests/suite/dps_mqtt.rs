//! MQTT as DPS speaks it: what is granted, in which order, and what ends a connection. Whatever one device does, the next
//! one registers.

use berth_tests::local_dps::{
    CLIMATE, ID_SCOPE, LocalDps, Wire,
    device::{authorization, with_a_group},
    keys,
    mqtt::{
        Connect, DISCONNECT, PINGREQ, Packet, RESPONSES, operation_topic, packet, publish, register_topic, subscribe,
        text,
    },
};
use serde_json::json;

const ID: &str = "sensor-7";

fn connect() -> Connect {
    Connect::device(ID, "", Some(authorization(ID)))
}

/// A device that has connected and subscribed.
async fn connected(dps: &LocalDps) -> Wire {
    let mut wire = dps.mqtt_wire(None).await;
    wire.begin(&connect(), 1).await;
    wire
}

/// Each of these packets ends the connection of a device that has connected, and disturbs no other.
async fn ends_after(packets: impl IntoIterator<Item = Vec<u8>>) {
    let (dps, webhook) = with_a_group().await;
    for packet in packets {
        let mut wire = connected(&dps).await;
        wire.send(packet).await;
        wire.ends().await;
    }
    assert!(webhook.asked().is_empty());
    dps.is_well().await;
}

#[tokio::test]
async fn dps_mqtt_lets_a_wrong_signature_in_and_refuses_its_registration() {
    let (dps, _webhook) = with_a_group().await;
    let late = keys::LATE;
    for (key, expiry, code) in [(keys::OTHER_KEY, late, 401_002), (keys::KEY, 1_000_000_000, 401_000)] {
        let password = keys::sas(&keys::derived(key, ID), ID_SCOPE, ID, expiry);
        let mut wire = dps.mqtt_wire(None).await;
        wire.begin(&Connect::device(ID, "", Some(password)), 1).await;
        let answer = wire.asks(&register_topic("1"), Some(2), "").await;
        assert_eq!((answer.status(), answer.tail("1")), (401, Some("")), "{answer:?}");
        assert_eq!((&answer.json["errorCode"], &answer.json["message"]), (&json!(code), &json!("Unauthorized")));
        assert!(answer.json["trackingId"].is_string() && answer.json["timestampUtc"].is_string());
    }
    dps.is_well().await;
}

#[tokio::test]
async fn dps_mqtt_gives_back_any_request_id_as_it_was() {
    let (dps, _webhook) = with_a_group().await;
    let mut wire = connected(&dps).await;
    for rid in ["1", "65535", "6c84fb90-12c4-11e1-840d-7b25c5ee775a", "A/b c", "ü"] {
        let answer = wire.asks(&register_topic(rid), Some(7), "").await;
        assert_eq!((answer.status(), answer.tail(rid)), (202, Some("&retry-after=0")), "{answer:?}");
    }
}

#[tokio::test]
async fn dps_mqtt_keeps_no_session_for_whoever_asks_for_one() {
    let (dps, _webhook) = with_a_group().await;
    for _ in 0..2 {
        let mut wire = dps.mqtt_wire(None).await;
        wire.begin(&Connect { clean: false, ..connect() }, 1).await;
        wire.send(DISCONNECT).await;
        wire.ends().await;
    }
}

#[tokio::test]
async fn dps_mqtt_grants_at_least_once_to_whoever_asks_for_more() {
    let (dps, _webhook) = with_a_group().await;
    for (asked, granted) in [(0, 0), (1, 1), (2, 1)] {
        let mut wire = dps.mqtt_wire(None).await;
        wire.send(connect().packet()).await;
        assert_eq!(wire.receive().await, Some(Packet { first: 0x20, body: vec![0, 0] }));
        wire.send(subscribe(1, RESPONSES, asked)).await;
        assert_eq!(wire.receive().await, Some(Packet { first: 0x90, body: vec![0, 1, granted] }));
        let answer = wire.asks(&register_topic("1"), None, "").await;
        assert_eq!(answer.id.is_some(), granted == 1);
    }
}

#[tokio::test]
async fn dps_mqtt_ends_with_a_topic_that_dps_does_not_have() {
    ends_after(
        [
            "devices/sensor-7/messages/events/",
            "$dps/registrations/PUT/iotdps-register/",
            "$dps/registrations/PUT/iotdps-register?$rid=1",
            "$dps/registrations/put/iotdps-register/?$rid=1",
            "$dps/registrations/POST/iotdps-register/?$rid=1",
            "$dps/registrations/PUT/iotdps-register/?rid=1",
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1",
            "$dps/registrations/res/200/?$rid=1",
            "$iothub/twin/GET/?$rid=1",
        ]
        .map(|topic| publish(topic, Some(7), "{}")),
    )
    .await;
}

#[tokio::test]
async fn dps_mqtt_ends_with_a_subscription_to_anything_else() {
    let filters = ["#", "$dps/#", "$dps/registrations/res/+", "$dps/registrations/PUT/#", "devices/sensor-7/#"];
    ends_after(filters.map(|filter| subscribe(7, filter, 1))).await;
}

#[tokio::test]
async fn dps_mqtt_ends_with_what_dps_has_no_use_for() {
    let topic = text(&register_topic("1"));
    let exactly_once = packet(0x34, &[&topic[..], &[0, 7]].concat());
    let retained = packet(0x31, &topic);
    let second = connect().packet();
    ends_after([exactly_once, retained, second]).await;
}

#[tokio::test]
async fn dps_mqtt_ends_with_bytes_that_are_no_packet() {
    let broken_text = packet(0x30, &[0xff, 0xff, b'a']);
    let broken_utf8 = packet(0x30, &[0, 2, 0xff, 0xfe]);
    let endless_length = vec![0x30, 0xff, 0xff, 0xff, 0xff, 0xff];
    let reserved = vec![0x00, 0x00];
    let without_id = packet(0x32, &text(&register_topic("1")));
    let of_a_server = packet(0x20, &[0, 0]);
    ends_after([broken_text, broken_utf8, endless_length, reserved, without_id, of_a_server]).await;
}

#[tokio::test]
async fn dps_mqtt_ends_with_a_packet_that_is_too_large_before_it_is_there() {
    // A PUBLISH of 256 MiB, of which only the length is said.
    ends_after([vec![0x30, 0xff, 0xff, 0xff, 0x7f]]).await;
}

#[tokio::test]
async fn dps_mqtt_wants_a_connect_first() {
    let (dps, _webhook) = with_a_group().await;
    for first in
        [PINGREQ.to_vec(), subscribe(1, RESPONSES, 1), publish(&register_topic("1"), None, ""), b"GET / HTTP".into()]
    {
        let mut wire = dps.mqtt_wire(None).await;
        wire.send(first).await;
        wire.ends().await;
    }
    dps.is_well().await;
}

#[tokio::test]
async fn dps_mqtt_refuses_whoever_does_not_say_which_device_it_is() {
    let (dps, _webhook) = with_a_group().await;
    let named = |user_name: &str| Connect { user_name: user_name.to_owned(), ..connect() };
    let other = Connect { client_id: "sensor-8".into(), ..connect() };
    let names = [
        "",
        ID,
        "0ne00000001/registrations/sensor-7",
        "0ne00000001/registrations/sensor-7/api-version=",
        "hub.azure-devices.net/sensor-7/?api-version=2021-04-12",
    ];
    for connect in names.map(named).into_iter().chain([other]) {
        let mut wire = dps.mqtt_wire(None).await;
        wire.send(connect.packet()).await;
        assert_eq!(wire.receive().await, Some(Packet { first: 0x20, body: vec![0, 5] }), "{connect:?}");
        wire.ends().await;
    }
    dps.is_well().await;
}

#[tokio::test]
async fn dps_mqtt_answers_signs_of_life() {
    let (dps, _webhook) = with_a_group().await;
    let mut wire = connected(&dps).await;
    wire.send(PINGREQ).await;
    assert_eq!(wire.receive().await, Some(Packet { first: 0xd0, body: Vec::new() }));
}

#[tokio::test]
async fn dps_mqtt_lets_a_silent_device_go_and_no_other() {
    let (dps, _webhook) = with_a_group().await;
    let mut patient = connected(&dps).await;
    let mut wire = dps.mqtt_wire(None).await;
    wire.begin(&Connect { keep_alive: 1, ..connect() }, 1).await;
    wire.ends().await;
    assert_eq!(patient.asks(&register_topic("1"), Some(7), "").await.status(), 202);
}

#[tokio::test]
async fn dps_mqtt_reads_packets_in_pieces_of_any_length() {
    let (dps, _webhook) = with_a_group().await;
    let all = [connect().packet(), subscribe(1, RESPONSES, 1), publish(&register_topic("1"), Some(2), "")].concat();
    for length in [1, 7, all.len()] {
        for mut wire in [dps.mqtt_wire(None).await, dps.websocket(None).await] {
            for piece in all.chunks(length) {
                wire.send(piece).await;
            }
            for first in [0x20, 0x90, 0x40] {
                assert_eq!(wire.receive().await.unwrap().first, first);
            }
            assert_eq!(wire.answer().await.status(), 202);
        }
    }
}

#[tokio::test]
async fn dps_mqtt_tells_a_devices_operation_to_no_other() {
    let (dps, _webhook) = with_a_group().await;
    let mut wire = connected(&dps).await;
    let began = wire.asks(&register_topic("1"), Some(2), "").await;
    let operation = began.json["operationId"].as_str().unwrap();
    let mut other = dps.mqtt_wire(None).await;
    other.begin(&Connect::device("sensor-8", "", Some(authorization("sensor-8"))), 1).await;
    let answer = other.asks(&operation_topic("1", operation), Some(2), "").await;
    assert_eq!((answer.status(), &answer.json["errorCode"]), (404, &json!(404_201)));
    loop {
        let answer = wire.asks(&operation_topic("2", operation), Some(3), "").await;
        if answer.status() == 200 {
            assert_eq!(answer.json["registrationState"]["assignedHub"], CLIMATE);
            break;
        }
    }
}

#[tokio::test]
async fn dps_mqtt_over_websocket_is_mqtt_and_binary() {
    let (dps, _webhook) = with_a_group().await;
    assert_eq!(dps.https_wire(None).await.upgrade("AMQPWSB10").await, 400);
    let mut wire = dps.websocket(None).await;
    // A text.
    wire.say([0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).await;
    wire.ends().await;
    let mut wire = dps.websocket(None).await;
    wire.begin(&connect(), 1).await;
    assert_eq!(wire.asks(&register_topic("1"), Some(2), "").await.status(), 202);
}

#[tokio::test]
async fn dps_mqtt_says_when_to_come_back_to_whoever_is_throttled() {
    let (dps, webhook) = with_a_group().await;
    dps.faults(json!({ "throttled": true })).await;
    let mut wire = connected(&dps).await;
    let answer = wire.asks(&register_topic("1"), Some(2), "").await;
    assert_eq!((answer.status(), answer.tail("1")), (429, Some("&retry-after=5")));
    assert_eq!(answer.json["errorCode"], 429_001);
    dps.faults(json!({})).await;
    assert_eq!(wire.asks(&register_topic("2"), Some(3), "").await.status(), 202);
    drop(webhook);
}
