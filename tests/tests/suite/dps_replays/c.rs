//! The client for C: HTTPS on one connection, MQTT at most once, hexadecimal digits in small letters.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use berth::tpm::SoftwareTpm;
use berth_tests::local_dps::{
    ID_SCOPE, Setup, Webhook,
    device::with_a_group,
    individual,
    mqtt::{Connect, DISCONNECT},
};
use serde_json::{Value, json};

use super::{
    ID, at_most_once, c_signature, in_an_hour, is_assigned, lower_case, operation, payload, polled, was_asked, world,
};

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
