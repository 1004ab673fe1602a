//! More connections than there are places.

use std::time::Duration;

use serde_json::json;

use super::world::{NORTH, World, custom, derived};
use crate::dps::listener::Bounds;

/// None of them shows a credential that counts.
#[tokio::test]
async fn whoever_is_not_admitted_keeps_nobody_out() {
    let never = Duration::from_secs(3600);
    let bounds = Bounds {
        connections: 4,
        handshake: never,
        admission: never,
        crowded_admission: Duration::ZERO,
        ..Bounds::default()
    };
    let world = World::bounded([custom("group", json!({}))], bounds).await;
    let user = "0ne1/registrations/dev1/api-version=2019-03-31";
    // Keep-alive 0, and no password.
    let mut connect = vec![0x10, 16 + user.len() as u8, 0, 4];
    connect.extend(b"MQTT\x04\x82\0\0\0\x04dev1\0");
    connect.push(user.len() as u8);
    connect.extend(user.as_bytes());
    let mut kept = Vec::new();
    for _ in 0..10 {
        kept.push(world.says(true, &connect).await);
        let refused =
            b"PUT /0ne1/registrations/dev1/register?api-version=2019-03-31 HTTP/1.1\r\nHost: localhost\r\n\r\n";
        kept.push(world.says(false, refused).await);
    }
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(world.half_open().await);
    }
    world.webhook.answers(200, json!({"iotHubHostName": NORTH}));
    assert_eq!(world.register("dev1", &derived("dev1"), json!({})).await["status"], "assigned");
    drop((kept, silent));
}
