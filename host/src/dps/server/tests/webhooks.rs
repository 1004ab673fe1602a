//! What becomes of a device by what a webhook answers.

use serde_json::json;

use super::world::{NORTH, World, custom, derived};

#[tokio::test]
async fn a_webhook_is_tried_again_and_its_last_word_counts() {
    let world = World::new([custom("group", json!({}))]).await;
    for status in [503, 429, 500] {
        world.webhook.answers(status, json!({}));
    }
    world.webhook.answers(200, json!({"iotHubHostName": NORTH}));
    let state = world.register("dev1", &derived("dev1"), json!({})).await;
    assert_eq!((&state["status"], world.webhook.asked().len()), (&json!("assigned"), 4));

    for (status, body, code) in [(401, json!({}), 400_209), (403, json!({}), 400_207), (200, json!({}), 400_208)] {
        world.webhook.answers(status, body);
        let state = world.register("dev1", &derived("dev1"), json!({})).await;
        assert_eq!((&state["status"], &state["errorCode"]), (&json!("failed"), &json!(code)));
    }
    // A failure leaves the device where it was.
    let device = world.control("/devices/dev1").await;
    assert_eq!(
        (&device["device"]["assignment"]["hub"], device["history"].as_array().unwrap().len()),
        (&json!(NORTH), 4)
    );
    for _ in 0..11 {
        world.webhook.answers(503, json!({}));
    }
    let state = world.register("dev2", &derived("dev2"), json!({})).await;
    assert_eq!(state["errorMessage"], "Custom allocation failed with status code: 503");
    assert_eq!(world.webhook.asked().len(), 4 + 3 + 11);
    // At DPS's times: a second, and nine more each time.
    let times = [1, 10, 19, 28, 37, 46, 55, 64, 73, 82];
    let told = times.map(|seconds| format!("after 503, again in {seconds} s of the service's clock"));
    assert_eq!(world.steps("dev2", "retry").await, told);
}

#[tokio::test]
async fn a_webhooks_answer_is_no_larger_than_a_message_of_dps() {
    let world = World::new([custom("group", json!({}))]).await;
    let large = || json!({"iotHubHostName": NORTH, "payload": {"a": "x".repeat(96 << 10)}});
    world.webhook.answers(200, large());
    let state = world.register("dev1", &derived("dev1"), json!({})).await;
    let told = (&state["status"], &state["errorCode"], &state["errorMessage"]);
    let why = "Custom allocation failed because the webhook's answer is larger than 96 KB";
    assert_eq!(told, (&json!("failed"), &json!(400_207), &json!(why)));
    assert_eq!(world.webhook.asked().len(), 1, "it would be no smaller the next time");
    // Any other status counts by itself, and one that is just small enough reaches the device.
    world.webhook.answers(503, large());
    let room = (96 << 10) - json!({"iotHubHostName": NORTH, "payload": {"a": ""}}).to_string().len();
    world.webhook.answers(200, json!({"iotHubHostName": NORTH, "payload": {"a": "x".repeat(room)}}));
    let state = world.register("dev1", &derived("dev1"), json!({})).await;
    assert_eq!((&state["status"], world.webhook.asked().len()), (&json!("assigned"), 3));
    assert_eq!(state["payload"]["a"].as_str().map(str::len), Some(room));
}

#[tokio::test]
async fn a_twin_of_a_webhook_has_no_members_that_no_twin_has() {
    let world = World::new([custom("group", json!({}))]).await;
    let twin = json!({"Tags": {"a": 1}, "properties": {"desired": {"b": 2}, "Desired": {"c": 3}}});
    world.webhook.answers(200, json!({"iotHubHostName": NORTH, "initialTwin": twin}));
    assert_eq!(world.register("dev1", &derived("dev1"), json!({})).await["status"], "assigned");
    let device = world.control("/devices/dev1").await;
    assert_eq!(device["device"]["assignment"]["twin"], json!({"properties": {"desired": {"b": 2}}}));
    let told = ["initialTwin.Tags", "initialTwin.properties.Desired"];
    let told = told.map(|member| format!("{member} is no member of a twin, and passed over"));
    assert_eq!(world.steps("dev1", "fromWebhook").await[1..], told);
    world.webhook.answers(200, json!({"iotHubHostName": NORTH, "initialTwin": {"tags": []}}));
    let state = world.register("dev2", &derived("dev2"), json!({})).await;
    assert_eq!(
        state["errorMessage"],
        "Custom allocation failed because the webhook's initialTwin.tags is not a JSON object"
    );
}
