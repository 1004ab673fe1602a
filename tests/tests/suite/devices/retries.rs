//! What passes is waited for: a DPS that throttles, fails, closes connections, or has forgotten what it was about to do.

use serde_json::json;

use super::stub::{ID, Stub, Told, assigned, assigning, begun, ended, error};

const DEVICE: [&str; 4] = ["--registration-id", ID, "--symmetric-key", "a2V5"];

#[tokio::test]
async fn what_passes_is_waited_for() {
    let throttled = Told::Answer(429, "1", json!({"errorCode": 429_001, "message": "throttled"}));
    let stub = Stub::telling([
        throttled,
        error(500_001, "Internal error."),
        Told::Break,
        begun(),
        assigning(),
        Told::Answer(503, "", json!({})),
        Told::Break,
        assigning(),
        assigned(),
    ])
    .await;
    let ended = stub.register(&DEVICE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // It says what it waits for, and takes the DPS's word on how long.
    let said: Vec<&str> = ended.stderr.lines().collect();
    assert!(said[0].starts_with("Dev-1: refused: 429001 throttled; again in 1.0 s"), "{said:?}");
    assert!(said.iter().any(|line| line.contains("500001 Internal error.")), "{said:?}");
    let lines: Vec<String> = stub.asked().into_iter().map(|asked| asked.line).collect();
    let register = "PUT /0ne00000000/registrations/Dev-1/register?api-version=2021-06-01";
    let operation = "GET /0ne00000000/registrations/Dev-1/operations/5.a%20b?api-version=2021-06-01";
    assert!(lines.iter().take(4).all(|line| line == register), "{lines:?}");
    assert!(lines.iter().skip(4).all(|line| line == operation), "{lines:?}");
}

#[tokio::test]
async fn a_forgotten_operation_is_begun_anew() {
    let gone = || error(404_201, "Operation not found.");
    let stub = Stub::telling([begun(), gone(), begun(), assigning(), gone(), begun(), assigned()]).await;
    let ended = stub.register(&DEVICE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(stub.asked().iter().filter(|asked| asked.line.starts_with("PUT")).count(), 3);
}

#[tokio::test]
async fn patience_ends() {
    // Nothing more is told: every connection is closed.
    let stub = Stub::telling([begun()]).await;
    let ended = stub.register(&[&DEVICE[..], &["--retry-for", "0"]].concat()).await;
    ended.failed(1, &["Dev-1 has no hub: no answer from the DPS", "--retry-for"]);
    let stub = Stub::telling((0..3).map(|_| error(429_001, "throttled"))).await;
    stub.register(&[&DEVICE[..], &["--retry-for", "0"]].concat()).await.failed(1, &["429001", "--retry-for"]);
    // A DPS that forgets every operation is no better for beginning each anew.
    let forgets = (0..1000).flat_map(|_| [begun(), error(404_201, "Operation not found.")]);
    let ended = Stub::telling(forgets).await.register(&[&DEVICE[..], &["--retry-for", "1"]].concat()).await;
    ended.failed(1, &["Dev-1 has no hub", "register again: the DPS was started anew"]);
    let stub = Stub::telling(std::iter::once(begun()).chain((0..10_000).map(|_| assigning()))).await;
    let ended = stub.register(&[&DEVICE[..], &["--timeout", "1"]].concat()).await;
    ended.failed(1, &["still no hub after 1 s", "--timeout"]);
}

/// Every final word of a DPS, and every code with advice of its own.
#[tokio::test]
async fn each_end_says_what_to_do() {
    let failed = |code: u32, message: &str| ended("failed", json!({"errorCode": code, "errorMessage": message}));
    let custom = |rest: &str| format!("Custom allocation failed with status code: {rest}");
    for (end, said) in [
        (failed(400_207, &custom("403")), ["rejected: 400207", "the webhook turned the device away"]),
        (failed(400_207, &custom("404")), ["rejected: 400207", "mend the enrollment's webhookUrl"]),
        (failed(400_207, &custom("500")), ["rejected: 400207", "`berth dps trace`"]),
        (failed(400_208, "x"), ["rejected: 400208 x", "link the hub"]),
        (failed(400_209, "x"), ["rejected: 400209 x", "?code=KEY"]),
        (failed(401_002, "x"), ["rejected: 401002 x", "mend the hub's link"]),
        (failed(400_004, "x"), ["rejected: 400004 x", "`berth dps trace`"]),
        (ended("failed", json!({})), ["rejected: 0 no reason given", "`berth dps trace`"]),
        (ended("disabled", json!({})), ["disabled", "provisioningStatus"]),
        (ended("assigned", json!({})), ["to no hub", "--dps"]),
        (ended("surprised", json!({})), ["how the operation stands", "--dps"]),
        (error(401_002, "Unauthorized"), ["refused: 401002 Unauthorized", "--id-scope"]),
    ] {
        let stub = Stub::telling([begun(), end]).await;
        stub.register(&DEVICE).await.failed(1, &said);
    }
    for (refusal, said) in [
        (error(400_012, "Deserialization error."), ["refused: 400012", "JSON object"]),
        (error(400_004, "x"), ["refused: 400004 x", "--registration-id"]),
        (error(401_000, "Unauthorized"), ["refused: 401000", "clock"]),
        (error(404_201, "x"), ["refused: 404201", "enroll the device"]),
        (Told::Answer(404, "", json!({})), ["refused: 404", "--dps"]),
        (Told::Answer(418, "", json!("tea")), ["refused: 418 no reason given", "`berth dps trace`"]),
        (Told::Answer(200, "", json!("tea")), ["it begins no operation", "--dps"]),
    ] {
        Stub::telling([refusal]).await.register(&DEVICE).await.failed(1, &said);
    }
}
