//! Bodies that are no allocation request: the status of the table, one line of the log, and no harm to the next request.

use berth_tests::{Answer, Ask, Berth, bodies};
use hyper::Method;
use serde_json::{Value, json};

use crate::toasters;

/// Makes a request that has to fail like this, holds it against everything a failure promises, and returns the answer.
async fn fails(berth: &Berth, ask: Ask, status: u16, code: &str) -> Answer {
    let mark = berth.mark().await;
    let answer = ask.await;
    answer.is_error(status, code);
    let lines = berth.logged_since(mark).await;
    let [line] = lines.as_slice() else { panic!("not one line: {lines:?}") };
    assert_eq!(line.message(), "request failed");
    assert_eq!(line.text("request"), answer.id());
    assert_eq!((line.field("status"), line.text("code")), (&json!(status), code));
    assert_eq!(line.text("level"), "WARN");
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    answer
}

/// The same for a body, which has to be called malformed for a reason that has this phrase.
async fn is_malformed(body: impl Into<Vec<u8>>, phrase: &str) {
    let berth = Berth::serving(toasters()).await;
    let ask = berth.asks("contoso/toasters").with(body);
    let answer = fails(&berth, ask, 400, "malformed-request").await;
    let message = answer.is_error(400, "malformed-request");
    assert!(message.contains(phrase), "`{phrase}` is not in `{message}`");
}

/// A body that has to be taken although it is odd.
async fn is_taken(body: impl Into<Vec<u8>>) {
    let berth = Berth::serving(toasters()).await;
    berth.asks("contoso/toasters").with(body).await.is_hub(bodies::TOASTERS);
}

fn without(member: &str) -> String {
    bodies::first_but(|body| {
        body.as_object_mut().unwrap().remove(member);
    })
}

fn nested(levels: usize) -> String {
    bodies::with_payload(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)))
}

/// Nothing at all is no request.
#[tokio::test]
async fn an_empty_body() {
    is_malformed("", "not a JSON object").await;
}

/// Wherever the body is cut off.
#[tokio::test]
async fn truncated_json() {
    let berth = Berth::serving(toasters()).await;
    let body = bodies::first().trim_end();
    for end in [1, 2, body.len() / 4, body.len() / 2, body.len() - 2, body.len() - 1] {
        let ask = berth.asks("contoso/toasters").with(&body[..end]);
        fails(&berth, ask, 400, "malformed-request").await;
    }
}

/// A request ends with its object.
#[tokio::test]
async fn text_after_the_json() {
    is_malformed(format!("{} x", bodies::first()), "trailing characters").await;
}

/// A request in an array is not a request.
#[tokio::test]
async fn a_json_array() {
    is_malformed(format!("[{}]", bodies::first()), "not a JSON object").await;
}

/// An array of the members' values in order is no request either.
#[tokio::test]
async fn an_array_of_members() {
    let body = bodies::parsed(bodies::first());
    let members = json!([null, body["enrollmentGroup"], body["deviceRuntimeContext"], body["linkedHubs"]]);
    is_malformed(members.to_string(), "not a JSON object").await;
    let body = bodies::first_but(|body| body["deviceRuntimeContext"] = json!(["device"]));
    is_malformed(body, "deviceRuntimeContext is not an object").await;
    let body = bodies::first_but(|body| body["enrollmentGroup"] = json!(["group"]));
    is_malformed(body, "the enrollment is not an object").await;
}

/// Nor is any other JSON value one.
#[tokio::test]
async fn other_json_values() {
    for body in ["null", "17", "\"text\"", "true"] {
        is_malformed(body, "not a JSON object").await;
    }
}

/// Without its runtime context a request names no device.
#[tokio::test]
async fn a_missing_context() {
    is_malformed(without("deviceRuntimeContext"), "missing field `deviceRuntimeContext`").await;
}

/// Nor does it with a context that has no registration id, or an empty one.
#[tokio::test]
async fn a_context_without_a_registration_id() {
    let drop_id = |body: &mut Value| {
        body["deviceRuntimeContext"].as_object_mut().unwrap().remove("registrationId");
    };
    is_malformed(bodies::first_but(drop_id), "missing field `registrationId`").await;
    is_malformed(bodies::from_device(""), "registrationId is empty").await;
}

/// A device comes through an individual enrollment or a group, never both.
#[tokio::test]
async fn both_kinds_of_enrollment() {
    let body = bodies::first_but(|body| body["individualEnrollment"] = json!({ "registrationId": "a" }));
    is_malformed(body, "both an individualEnrollment and an enrollmentGroup").await;
}

/// Nor through none.
#[tokio::test]
async fn no_enrollment() {
    is_malformed(without("enrollmentGroup"), "neither an individualEnrollment nor an enrollmentGroup").await;
}

/// A null is no enrollment, and does no harm beside the other kind.
#[tokio::test]
async fn a_null_enrollment() {
    is_malformed(bodies::first_but(|body| body["enrollmentGroup"] = Value::Null), "neither").await;
    is_taken(bodies::first_but(|body| body["individualEnrollment"] = Value::Null)).await;
}

/// An enrollment has a name.
#[tokio::test]
async fn an_enrollment_without_its_id() {
    let body = bodies::first_but(|body| body["enrollmentGroup"] = json!({}));
    is_malformed(body, "enrollmentGroup.enrollmentGroupId is missing").await;
}

/// Without linked hubs there is nothing to choose from.
#[tokio::test]
async fn no_linked_hubs() {
    is_malformed(without("linkedHubs"), "missing field `linkedHubs`").await;
    is_malformed(bodies::first_but(|body| body["linkedHubs"] = json!([])), "linkedHubs is empty").await;
    let empty = bodies::first_but(|body| body["linkedHubs"] = json!([bodies::TOASTERS, ""]));
    is_malformed(empty, "linkedHubs has an empty name").await;
}

/// Exactly one proof of identity, as DPS sends.
#[tokio::test]
async fn no_attestation_or_two() {
    let phrase = "exactly one of x509, symmetricKey and tpm";
    let none = bodies::first_but(|body| body["deviceRuntimeContext"] = json!({ "registrationId": "a" }));
    is_malformed(none, phrase).await;
    is_malformed(bodies::first_but(|body| body["deviceRuntimeContext"]["tpm"] = json!({})), phrase).await;
}

/// What DPS types is of its type.
#[tokio::test]
async fn members_of_the_wrong_type() {
    for (pointer, value) in [
        ("/linkedHubs", json!("hub")),
        ("/linkedHubs/0", json!(7)),
        ("/deviceRuntimeContext/registrationId", json!(7)),
        ("/enrollmentGroup/reprovisionPolicy/updateHubAssignment", json!("yes")),
        ("/enrollmentGroup/etag", json!({})),
    ] {
        let body = bodies::first_but(|body| *body.pointer_mut(pointer).unwrap() = value);
        is_malformed(body, "invalid type").await;
    }
}

/// A payload is DPS's to judge: `null`, a string, an array and bare values are passed on.
#[tokio::test]
async fn any_payload_is_taken() {
    for payload in ["null", r#""{\"modelId\":\"m\"}""#, "[1, 2]", "7", "true", "{}"] {
        is_taken(bodies::with_payload(payload)).await;
    }
}

/// Ten thousand levels are refused without recursion, a reasonable number is taken.
#[tokio::test]
async fn deep_nesting() {
    is_malformed(nested(10_000), "nested deeper than 64 levels").await;
    is_malformed("[".repeat(100_000), "nested deeper than 64 levels").await;
    is_malformed(r#"{"a":"#.repeat(10_000), "nested deeper than 64 levels").await;
    // The payload is inside two objects.
    is_malformed(nested(63), "nested deeper than 64 levels").await;
    is_taken(nested(62)).await;
}

/// Two members of one name have no meaning, wherever Berth reads them; in the payload they are the policy's to judge.
#[tokio::test]
async fn duplicate_keys() {
    let twice = |text: &str| bodies::first().replacen(text, &format!("{text}, {text}"), 1);
    is_malformed(twice(r#""registrationId": "breakroom499-contoso-tstrsd-007""#), "duplicate field").await;
    is_malformed(twice(r#""enrollmentGroupId": "contoso-custom-allocated-devices""#), "duplicate field").await;
    let hubs = r#"{"linkedHubs": ["a"],"#;
    is_malformed(bodies::first().replacen('{', hubs, 1), "duplicate field `linkedHubs`").await;
    let spellings = r#""currentIotHubHostName": "a", "currentIoTHubHostname": "b", "symmetricKey": {}"#;
    is_malformed(bodies::first().replacen(r#""symmetricKey": {}"#, spellings, 1), "duplicate field").await;
    is_taken(bodies::with_payload(r#"{"a": 1, "a": 2}"#)).await;
}

/// More than a request can have is refused by its announced length, before any of it is read.
#[tokio::test]
async fn ten_megabytes_announced() {
    let berth = Berth::serving(toasters()).await;
    let mark = berth.mark().await;
    let mut line = berth.line().await;
    let head = format!(
        "POST /allocate/contoso/toasters?code={} HTTP/1.1\r\nhost: a\r\ncontent-length: 10485760\r\n\r\n",
        berth_tests::key("contoso")
    );
    line.say(head).await;
    let answer = line.answer().await;
    answer.is_error(413, "body-too-large");
    assert_eq!(answer.headers["connection"], "close");
    assert_eq!(berth.logged_since(mark).await.len(), 1);
}

/// And by its bytes where no length was announced.
#[tokio::test]
async fn ten_megabytes_in_chunks() {
    let berth = Berth::serving(toasters()).await;
    let mark = berth.mark().await;
    let mut line = berth.line().await;
    let head = format!(
        "POST /allocate/contoso/toasters?code={} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        berth_tests::key("contoso")
    );
    line.say(head).await;
    // As much as is taken, and one chunk more: the server waits for no more than that.
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..5 {
        line.say(&chunk).await;
    }
    let answer = line.answer().await;
    answer.is_error(413, "body-too-large");
    assert_eq!(berth.logged_since(mark).await.len(), 1);
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}

/// The largest body that is taken, and one byte more.
#[tokio::test]
async fn the_limit_of_a_body() {
    let berth = Berth::configured("[webhook]\nmax_body_bytes = 4096\n", toasters()).await;
    let fill = |length: usize| {
        let body = bodies::first();
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    berth.asks("contoso/toasters").with(fill(4096)).await.is_hub(bodies::TOASTERS);
    berth.asks("contoso/toasters").with(fill(4096)).in_chunks().await.is_hub(bodies::TOASTERS);
    fails(&berth, berth.asks("contoso/toasters").with(fill(4097)), 413, "body-too-large").await;
    fails(&berth, berth.asks("contoso/toasters").with(fill(4097)).in_chunks(), 413, "body-too-large").await;
}

/// Bytes that are no UTF-8 are no JSON, and the first of them is named.
#[tokio::test]
async fn invalid_utf8() {
    let mut body = bodies::first().as_bytes().to_vec();
    let at = bodies::first().find("breakroom").unwrap();
    body[at] = 0xff;
    is_malformed(body, &format!("not UTF-8 from byte {at}")).await;
    is_malformed(b"\xff\xfe{\0}\0".to_vec(), "not UTF-8 from byte 0").await;
    // A byte order mark is UTF-8, but JSON has none.
    is_malformed(format!("\u{feff}{}", bodies::first()), "not a JSON object").await;
}

/// Half a surrogate pair is no text, wherever it stands.
#[tokio::test]
async fn lone_surrogates() {
    for payload in [r#""\ud800""#, r#"{"\udfff": 1}"#, r#"["\ud83d\u0041"]"#] {
        is_malformed(bodies::with_payload(payload), "lone surrogate escape").await;
    }
    is_malformed(bodies::first().replace("breakroom", r"\uDBFF"), "lone surrogate escape").await;
    is_taken(bodies::with_payload(r#""\ud83d\ude00""#)).await;
}

/// Control characters stand in JSON as escapes only.
#[tokio::test]
async fn nul_and_control_characters() {
    is_malformed(bodies::with_payload("\"a\0b\""), "control character").await;
    is_malformed(bodies::with_payload("\0"), "expected value").await;
    is_taken(bodies::with_payload(r#""\u0000""#)).await;
}

/// Only POST is answered; the answer says so.
#[tokio::test]
async fn a_wrong_method() {
    let berth = Berth::serving(toasters()).await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        let ask = berth.asks("contoso/toasters").with(bodies::first()).by(method);
        let answer = fails(&berth, ask, 405, "method-not-allowed").await;
        assert_eq!(answer.headers["allow"], "POST");
    }
    let answer = berth.asks("contoso/toasters").by(Method::HEAD).await;
    assert_eq!((answer.status, answer.text()), (405, ""));
    assert_eq!(answer.headers["allow"], "POST");
}

/// Names may be written as a path allows.
#[tokio::test]
async fn a_name_that_is_percent_encoded() {
    let berth = Berth::serving(toasters()).await;
    let answer = berth.posts(&format!("/allocate/cont%6fso/%74oasters?code={}", berth_tests::key("contoso")));
    assert_eq!(answer.with(bodies::first()).await.status, 200);
}

/// A path that is no policy's, or not even text, is not found.
#[tokio::test]
async fn a_wrong_path() {
    let berth = Berth::serving(toasters()).await;
    for path in [
        "/",
        "/allocate",
        "/allocate/contoso",
        "/allocate/contoso/",
        "/allocate/contoso/toasters/",
        "/allocate//toasters",
        "/allocate/contoso/toasters/more",
        "//allocate/contoso/toasters",
        "/ALLOCATE/contoso/toasters",
        "/api/HttpTrigger1",
        "/livez",
        "/allocate/contoso%2Ftoasters",
        "/allocate/..%2f..%2fetc/passwd",
        "/allocate/contoso/%00",
        "/allocate/%ff%fe/toasters",
        "/allocate/contoso/%zz",
        "/allocate/contoso/toasters%0a",
    ] {
        fails(&berth, berth.posts(path).with(bodies::first()), 404, "not-found").await;
    }
}

/// A failure before the body is read leaves nothing behind for the next request of the connection.
#[tokio::test]
async fn a_connection_outlives_bad_requests() {
    let berth = Berth::serving(toasters()).await;
    let mut connection = berth.connection().await;
    for _ in 0..3 {
        let ask = berth.asks("contoso/toasters").with("{");
        connection.asks(ask).await.is_error(400, "malformed-request");
        let ask = berth.asks("contoso/toasters").with(bodies::first());
        connection.asks(ask.clone().without_key()).await.is_error(401, "unauthorized");
        connection.asks(ask).await.is_hub(bodies::TOASTERS);
    }
}

/// What is said of a value of the wrong type does not repeat the value, which may be a device's secret.
#[tokio::test]
async fn a_value_of_the_wrong_type_is_not_repeated() {
    let berth = Berth::serving(toasters()).await;
    let body = bodies::first_but(|body| body["deviceRuntimeContext"]["symmetricKey"] = json!("KEY-4717=="));
    let ask = berth.asks("contoso/toasters").with(body);
    let answer = fails(&berth, ask, 400, "malformed-request").await;
    assert!(!answer.text().contains("KEY-4717"), "{}", answer.text());
    assert!(!berth.log().to_string().contains("KEY-4717"));
}

/// A member that has to be an object is not taken as an array of its members.
#[tokio::test]
async fn an_array_in_place_of_an_object() {
    let pinned = bodies::first_but(|body| body["enrollmentGroup"]["reprovisionPolicy"] = json!([false, true]));
    is_malformed(pinned, "expected an object").await;
}
