//! The admin API changes what serves: push, rollback, pins, and the history of all of them.

use std::fs;

use berth_tests::{
    Berth, Catalogue, Policy,
    api::{push_body, version_of},
    bodies,
    guests::{Guest, importing, of_another_world},
};
use hyper::Method;
use serde_json::{Value, json};

use crate::version;

async fn serving_1() -> Berth {
    Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await
}

fn named(number: u32) -> String {
    version_of(&version(number).component())
}

/// The policy answers as this version, for this reason, and the answer names it.
async fn serves(berth: &Berth, number: u32, origin: &str) -> Value {
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": number }));
    assert_eq!(answer.version(), Some(named(number).as_str()));
    let policy = berth.policy("contoso/p").await;
    assert_eq!((&policy["origin"], &policy["version"]), (&origin.into(), &named(number).into()), "{policy}");
    policy
}

/// A push serves when it is answered, its files are in the catalogue, and both survive a power failure at that moment.
#[tokio::test]
async fn a_push_serves_and_is_durable() {
    let berth = serving_1().await;
    let generation = berth.push("contoso/p", version(2)).await.is_change(&named(2), Some(&named(1)));
    assert!(berth.status().await["generation"].as_u64().unwrap() >= generation);
    serves(&berth, 2, "catalogue").await;
    assert_eq!(fs::read(berth.files("contoso/p").path().join("policy.wasm")).unwrap(), version(2).component());
    let berth = berth.killed_and_restarted("", |_| ()).await;
    serves(&berth, 2, "catalogue").await;
}

/// A push may bring a policy that was not there, with settings, checks and tables; a later one without them takes them
/// away again.
#[tokio::test]
async fn a_push_brings_a_whole_folder() {
    let berth = serving_1().await;
    let expect = json!({ "decision": { "iotHubHostName": bodies::TOASTERS, "payload": { "version": 5 } } });
    let check = json!({ "request": bodies::parsed(bodies::first()), "expect": expect }).to_string();
    let whole = Policy::from(version(5))
        .manifest("[settings]\nx = 1\n")
        .file("checks/a.json", check)
        .file("tables/t.csv", "k,v\na,1\n");
    berth.push("contoso/new", whole.clone()).await.is_change(&named(5), None);
    for (path, content) in whole.files() {
        assert_eq!(fs::read(berth.files("contoso/new").path().join(path)).unwrap(), content, "{path}");
    }
    assert_eq!(berth.asks("contoso/new").with(bodies::first()).await.json()["payload"], json!({ "version": 5 }));
    berth.push("contoso/new", version(6)).await.is_change(&named(6), Some(&named(5)));
    let left = fs::read_dir(berth.files("contoso/new").path()).unwrap().count();
    assert_eq!(left, 1);
    let beside = fs::read_dir(berth.files("contoso").path()).unwrap();
    let beside: Vec<_> = beside.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 3, "nothing is left of the pushing: {beside:?}");
}

/// A push that fails a stage says which, leaves the catalogue as it was, and what served serves on.
#[tokio::test]
async fn a_push_that_fails_changes_nothing() {
    let good = || Policy::from(version(2));
    let check = json!({ "request": bodies::parsed(bodies::phone()), "expect": { "refusal": { "kind": "reject" } } });
    let spin = Guest::doing("(loop $again (br $again))");
    let failing: [(&str, Policy); 8] = [
        ("manifest", good().manifest("[limit]")),
        ("tables", good().file("tables/t.json", "[]")),
        ("compile", Policy::of("no component")),
        ("imports", Policy::of(importing("wasi:cli/environment@0.2.0"))),
        ("world", Policy::of(of_another_world())),
        ("settings", Policy::from(Guest::doing("").refusing_settings("no weights"))),
        ("checks", good().file("checks/c.json", check.to_string())),
        ("smoke", Policy::from(spin).time_ms(50)),
    ];
    let berth = serving_1().await;
    for (stage, policy) in failing {
        let answer = berth.push("contoso/p", policy).await;
        let message = answer.is_error(422, "refused");
        assert!(message.starts_with(&format!("refused at the stage {stage}: ")), "{message}");
        let event = &berth.history("contoso/p").await[0];
        assert_eq!((&event["kind"], &event["stage"]), (&json!("refused"), &json!(stage)), "{event}");
        assert_eq!((&event["by"], &event["from"]), (&json!("loopback"), &json!(named(1))), "{event}");
        serves(&berth, 1, "catalogue").await;
        assert_eq!(fs::read(berth.files("contoso/p").path().join("policy.wasm")).unwrap(), version(1).component());
        assert_eq!(fs::read_dir(berth.files("contoso/p").path()).unwrap().count(), 1);
    }
}

/// What is no push is refused before anything is looked at.
#[tokio::test]
async fn a_push_that_is_none() {
    let berth = serving_1().await;
    let put = |body: &Value| berth.changes(Method::PUT, "contoso/p", "", body);
    let with = |member: &str, value: Value| {
        let mut body = push_body(&version(2).into());
        body[member] = value;
        body
    };
    for name in ["../x.json", ".hidden.json", "a/b.json", "/etc/x.json", "a.txt", "", "a b.json", "ü.json"] {
        let check = with("checks", json!({ name: "{}" }));
        put(&check).await.is_error(400, "malformed-request");
        let table = with("tables", json!({ name: "e30=" }));
        put(&table).await.is_error(400, "malformed-request");
    }
    for body in [
        with("component", json!("not base64!")),
        with("tables", json!({ "t.json": "*" })),
        with("component", json!(7)),
        with("unknown", json!(1)),
        json!({}),
        json!([]),
        json!(null),
    ] {
        put(&body).await.is_error(400, "malformed-request");
    }
    let text = berth.calls(Method::PUT, "/api/v1/policies/contoso/p").header("content-type", "application/json");
    text.clone().with("{").await.is_error(400, "malformed-request");
    text.with("").await.is_error(400, "malformed-request");
    for policy in ["contoso/A", "contoso/a_b", "Contoso/p", "contoso/-p"] {
        berth.push(policy, version(2)).await.is_error(400, "malformed-request");
    }
    berth.push("nobody/p", version(2)).await.is_error(404, "not-found");
    serves(&berth, 1, "catalogue").await;
    assert_eq!(fs::read_dir(berth.files("contoso").path()).unwrap().count(), 2);
}

/// Files larger than a policy's may be are refused by their size.
#[tokio::test]
async fn a_push_that_is_too_large() {
    let berth = serving_1().await;
    let mut body = push_body(&version(2).into());
    body["manifest"] = json!(" ".repeat((1 << 20) + 1));
    let answer = berth.changes(Method::PUT, "contoso/p", "", &body).await;
    let message = answer.is_error(422, "refused");
    assert!(message.starts_with("refused at the stage size: policy.toml is larger than"), "{message}");
    // Tables that are each within their size, but together more than is read from a folder.
    let table = vec![b' '; 14 << 20];
    let tables = (1..=5).fold(Policy::from(version(2)), |all, n| all.file(&format!("tables/{n}.json"), table.clone()));
    let message = berth.push("contoso/p", tables).await.is_error(422, "refused");
    assert!(message.starts_with("refused at the stage size: 5.json is larger than"), "{message}");
    for event in &berth.history("contoso/p").await[..2] {
        let told = ["kind", "by", "stage"].map(|member| event[member].as_str().unwrap_or_default());
        assert_eq!(told, ["refused", "loopback", "size"], "{event}");
    }
    // More than any body may be: said beforehand, so that it need not be sent.
    let head = "PUT /api/v1/policies/contoso/p HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let mut line = berth_tests::tcp::Line::to(berth.admin_address()).await.unwrap();
    line.say(format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{{", 1_u64 << 40)).await;
    line.answer().await.is_error(413, "body-too-large");
    serves(&berth, 1, "catalogue").await;
}

/// A rollback goes to the version before, pins it, and holds over a restart; another goes to a version by name; a change
/// of the source ends it.
#[tokio::test]
async fn a_rollback_pins_until_the_source_changes() {
    let berth = serving_1().await;
    berth.rollback("contoso/p", None).await.is_error(409, "no-earlier-version");
    for number in [2, 3] {
        berth.push("contoso/p", version(number)).await.is_change(&named(number), Some(&named(number - 1)));
    }
    berth.rollback("contoso/p", None).await.is_change(&named(2), Some(&named(3)));
    assert_eq!(serves(&berth, 2, "pinned").await["pinnedBy"], "loopback");
    let berth = berth.killed_and_restarted("", |_| ()).await;
    assert_eq!(serves(&berth, 2, "pinned").await["pinnedBy"], "loopback");

    berth.rollback("contoso/p", Some(&named(1))).await.is_change(&named(1), Some(&named(2)));
    serves(&berth, 1, "pinned").await;
    // The same bytes again are no change of the source.
    berth.files("contoso/p").replace("policy.wasm", version(3).component());
    berth.files("contoso").write("q", version(9));
    berth.serves("contoso/q").await;
    serves(&berth, 1, "pinned").await;
    // Another version is.
    berth.files("contoso/p").replace("policy.wasm", version(4).component());
    berth.serves("contoso/p").await;
    assert!(serves(&berth, 4, "catalogue").await.get("pinnedBy").is_none());
    let berth = berth.killed_and_restarted("", |_| ()).await;
    serves(&berth, 4, "catalogue").await;
}

/// Going back again and again goes from version to version and never to one that was rolled back from.
#[tokio::test]
async fn a_rollback_never_goes_forward() {
    let berth = serving_1().await;
    for number in [2, 3] {
        berth.push("contoso/p", version(number)).await.is_change(&named(number), Some(&named(number - 1)));
    }
    berth.rollback("contoso/p", None).await.is_change(&named(2), Some(&named(3)));
    berth.rollback("contoso/p", None).await.is_change(&named(1), Some(&named(2)));
    berth.rollback("contoso/p", None).await.is_error(409, "no-earlier-version");
    berth.push("contoso/p", version(4)).await.is_change(&named(4), Some(&named(1)));
    berth.rollback("contoso/p", None).await.is_change(&named(1), Some(&named(4)));
    // By name it may.
    berth.rollback("contoso/p", Some(&named(3))).await.is_change(&named(3), Some(&named(1)));
}

/// A pin holds over a restart without the catalogue, and a source that changed while the server was down ends it.
#[tokio::test]
async fn a_pin_over_restarts() {
    let berth = serving_1().await;
    berth.push("contoso/p", version(2)).await;
    berth.rollback("contoso/p", None).await.is_change(&named(1), Some(&named(2)));
    let away = |folder: &std::path::Path| fs::rename(folder.join("policies"), folder.join("away")).unwrap();
    let berth = berth.killed_and_restarted("", away).await;
    serves(&berth, 1, "pinned").await;
    let back = |folder: &std::path::Path| fs::rename(folder.join("away"), folder.join("policies")).unwrap();
    let berth = berth.killed_and_restarted("", back).await;
    serves(&berth, 1, "pinned").await;
    let change = |folder: &std::path::Path| {
        fs::write(folder.join("policies/contoso/p/policy.wasm"), version(3).component()).unwrap();
    };
    let berth = berth.killed_and_restarted("", change).await;
    serves(&berth, 3, "catalogue").await;
}

/// Rolling back takes the settings along that the version served with; unpinned, the catalogue serves again.
#[tokio::test]
async fn unpinning_serves_the_catalogue() {
    let berth = serving_1().await;
    berth.unpin("contoso/p").await.is_error(409, "not-pinned");
    berth.push("contoso/p", version(2)).await;
    berth.rollback("contoso/p", None).await.is_change(&named(1), Some(&named(2)));
    berth.unpin("contoso/p").await.is_change(&named(1), Some(&named(1)));
    berth
        .log()
        .find("the unpinned policy", 0, |line| line.message() == "policy unpinned; what the catalogue has serves next")
        .await;
    while berth.policy("contoso/p").await["origin"] != "catalogue" {
        tokio::task::yield_now().await;
    }
    serves(&berth, 2, "catalogue").await;
    let berth = berth.killed_and_restarted("", |_| ()).await;
    serves(&berth, 2, "catalogue").await;
}

/// A rollback mends a policy whose files are broken, and a pin holds against those same broken files.
#[tokio::test]
async fn a_rollback_while_the_source_is_broken() {
    let berth = serving_1().await;
    berth.push("contoso/p", version(2)).await;
    berth.files("contoso/p").replace("policy.wasm", "broken");
    berth.refuses("contoso/p").await;
    berth.rollback("contoso/p", None).await.is_change(&named(1), Some(&named(2)));
    serves(&berth, 1, "pinned").await;
    let berth = berth.killed_and_restarted("", |_| ()).await;
    serves(&berth, 1, "pinned").await;
}

/// A pin that is set while the files cannot be read holds against those that served: they come back, it stays.
#[tokio::test]
async fn a_rollback_while_the_source_is_unreadable() {
    let berth = serving_1().await;
    berth.push("contoso/p", version(2)).await;
    berth.files("contoso/p").remove("policy.wasm");
    berth.refuses("contoso/p").await;
    berth.rollback("contoso/p", None).await.is_change(&named(1), Some(&named(2)));
    let back = |folder: &std::path::Path| {
        fs::write(folder.join("policies/contoso/p/policy.wasm"), version(2).component()).unwrap();
    };
    let berth = berth.killed_and_restarted("", back).await;
    serves(&berth, 1, "pinned").await;
    // And so does one that was set while the whole catalogue was away.
    let away = |folder: &std::path::Path| fs::rename(folder.join("policies"), folder.join("away")).unwrap();
    let berth = berth.killed_and_restarted("", away).await;
    berth.rollback("contoso/p", Some(&named(2))).await.is_change(&named(2), Some(&named(1)));
    berth.rollback("contoso/p", Some(&named(1))).await.is_change(&named(1), Some(&named(2)));
    let back = |folder: &std::path::Path| fs::rename(folder.join("away"), folder.join("policies")).unwrap();
    let berth = berth.killed_and_restarted("", back).await;
    serves(&berth, 1, "pinned").await;
}

/// What cannot be rolled back to is told apart.
#[tokio::test]
async fn a_rollback_to_nothing() {
    let berth = serving_1().await;
    berth.rollback("contoso/none", None).await.is_error(404, "not-found");
    berth.rollback("contoso/p", Some(&named(7))).await.is_error(404, "unknown-version");
    berth.rollback("contoso/p", Some("latest")).await.is_error(400, "malformed-request");
    let unknown = berth.changes(Method::POST, "contoso/p", "/rollback", &json!({ "version": named(1) }));
    unknown.await.is_error(400, "malformed-request");
    berth.unpin("contoso/none").await.is_error(404, "not-found");
    berth.admin("/api/v1/policies/contoso/none").await.is_error(404, "not-found");
    serves(&berth, 1, "catalogue").await;
}

/// Each change is in the history: what it was, who made it, from which version to which.
#[tokio::test]
async fn history_tells_who_did_what() {
    let berth = serving_1().await;
    berth.push("contoso/p", version(2)).await.is_change(&named(2), Some(&named(1)));
    berth.rollback("contoso/p", None).await.is_change(&named(1), Some(&named(2)));
    berth.unpin("contoso/p").await.is_change(&named(1), Some(&named(1)));
    while berth.history("contoso/p").await.len() < 5 {
        tokio::task::yield_now().await;
    }
    let history = berth.history("contoso/p").await;
    let told: Vec<_> = history
        .iter()
        .map(|event| ["kind", "by", "from", "to"].map(|member| event[member].as_str().unwrap_or("-").to_owned()))
        .collect();
    let expected = [
        ["served", "catalogue", &named(1), &named(2)],
        ["unpinned", "loopback", &named(1), "-"],
        ["rolled-back", "loopback", &named(2), &named(1)],
        ["served", "loopback", &named(1), &named(2)],
        ["served", "catalogue", "-", &named(1)],
    ];
    assert_eq!(told, expected.map(|event| event.map(str::to_owned)));
    let generations: Vec<_> = history.iter().map(|event| event["generation"].as_u64().unwrap()).collect();
    assert!(generations.is_sorted_by(|newer, older| newer > older), "{generations:?}");
    let page = berth.admin("/api/v1/policies/contoso/p/history?limit=2").await.json();
    assert_eq!(page["events"].as_array().unwrap().as_slice(), &history[..2]);
    berth.admin("/api/v1/policies/contoso/p/history?limit=x").await.is_error(400, "malformed-request");
}

/// Decisions are counted by how they went.
#[tokio::test]
async fn decisions_are_counted() {
    let berth = serving_1().await;
    for _ in 0..3 {
        berth.asks("contoso/p").with(bodies::first()).await;
    }
    let policy = berth.policy("contoso/p").await;
    assert_eq!((&policy["allocated"], &policy["refused"], &policy["faulted"]), (&json!(3), &json!(0), &json!(0)));
    assert_eq!(berth.status().await["policies"], json!([policy]));
}
