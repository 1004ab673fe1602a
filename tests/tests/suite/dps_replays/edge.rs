//! IoT Edge: one signature, of half a minute, for all of a registration.

use berth_tests::local_dps::{ID_SCOPE, device::with_a_group, keys};
use serde_json::json;

use super::{ID, in_an_hour, is_assigned, operation, payload, polled, signed, was_asked, with_certificates, world};

/// IoT Edge: the resource in small letters, the policy at the end, half a minute to live.
fn edge_signature() -> String {
    let resource = format!("{ID_SCOPE}%2fregistrations%2f{ID}").to_lowercase().replace("%2f", "%2F");
    signed(&resource, in_an_hour() - 3570, keys::percent_encoded, "&skn=registration")
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
    let late =
        question.replace(&authorization, &signed(&resource, 1_000_000_000, keys::percent_encoded, "&skn=registration"));
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
async fn edge_registers_with_a_certificate() {
    let (dps, _webhook, shown) = with_certificates().await;
    let mut wire = dps.https_wire(Some(&shown)).await;
    let body = format!(r#"{{"registrationId":"{ID}"}}"#);
    let path = format!("/{ID_SCOPE}/registrations/{ID}");
    let register = format!(
        "PUT {path}/register?api-version=2021-06-01 HTTP/1.1\r\ncontent-type: application/json\r\n\
         host: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let operation = operation(&wire.request(register).await);
    let question =
        format!("GET {path}/operations/{operation}?api-version=2021-06-01 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    is_assigned(&polled(&mut wire, &question).await);
}
