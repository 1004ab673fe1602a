//! The local DPS over real sockets: devices of every kind over TLS, a webhook that answers as told.

mod attestation;
mod crowd;
mod webhooks;
mod world;

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use self::world::{Answer, HUBS, KEY, NORTH, SOUTH, World, custom, derived, sas};

#[tokio::test]
async fn a_device_registers_polls_and_hears_the_webhooks_payload() {
    let world = World::new([custom("group", json!({}))]).await;
    world.webhook.answers(200, json!({"iotHubHostName": SOUTH, "payload": {"näme": "ü"}}));
    let answer = world.put("dev1", &derived("dev1"), r#"{"registrationId":"dev1","payload":{"model":1.0}}"#).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("retry-after"), "0");
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert!(answer.header("location").ends_with("/0ne1/registrations/dev1/register"));
    assert_eq!(answer.json["status"], "assigning");
    assert!(answer.json.get("registrationState").is_none());

    let done = world.poll("dev1", &derived("dev1"), &answer).await;
    assert_eq!(done.json["operationId"], answer.json["operationId"]);
    let state = &done.json["registrationState"];
    assert_eq!((&state["status"], &state["substatus"]), (&json!("assigned"), &json!("initialAssignment")));
    assert_eq!((&state["assignedHub"], &state["deviceId"]), (&json!(SOUTH), &json!("dev1")));
    assert_eq!(state["payload"], json!({"näme": "ü"}));
    assert!(done.text.is_ascii(), "clients that decode ASCII read it: {}", done.text);

    let asked = world.webhook.asked();
    assert_eq!(
        asked[0]["deviceRuntimeContext"],
        json!({"registrationId": "dev1", "symmetricKey": {}, "payload": {"model": 1.0}})
    );
    assert_eq!(asked[0]["enrollmentGroup"]["attestation"], json!({"type": "symmetricKey"}));
    assert!(
        asked[0]["enrollmentGroup"]["customAllocationDefinition"]["webhookUrl"].as_str().unwrap().ends_with("?****")
    );
    assert_eq!(asked[0]["linkedHubs"], json!(HUBS));

    let looked_up =
        world.ask(Method::POST, "/0ne1/registrations/dev1?api-version=2019-03-31", &derived("dev1"), "").await;
    assert_eq!((looked_up.status, &looked_up.json["assignedHub"]), (200, &json!(SOUTH)));
    let trace = world.control("/traces/dev1").await;
    let steps: Vec<&str> =
        trace["steps"].as_array().unwrap().iter().map(|step| step["what"].as_str().unwrap()).collect();
    assert_eq!(steps[..2], ["received", "admitted"]);
    for step in ["toWebhook", "fromWebhook", "stored", "answered"] {
        assert!(steps.contains(&step), "{steps:?}");
    }
    assert!(!trace.to_string().contains("code=secret"));
}

#[tokio::test]
async fn a_device_that_registers_again_moves_as_its_enrollment_says() {
    // Whichever linked hub a webhook names, a device that must not move stays where it is.
    for (update, migrate, substatus, hub, twin) in [
        (true, true, "deviceDataMigrated", SOUTH, "first"),
        (true, false, "deviceDataReset", SOUTH, "second"),
        (false, false, "reprovisionedToInitialAssignment", NORTH, "first"),
    ] {
        let policy = json!({"reprovisionPolicy": {"updateHubAssignment": update, "migrateDeviceData": migrate}});
        let world = World::new([custom("group", policy)]).await;
        world.webhook.answers(200, json!({"iotHubHostName": NORTH, "initialTwin": {"tags": {"is": "first"}}}));
        world.register("dev1", &derived("dev1"), json!({})).await;
        world.webhook.answers(
            200,
            json!({"iotHubHostName": SOUTH, "initialTwin": {"tags": {"is": "second"}}, "payload": {"n": 2}}),
        );
        let state = world.register("dev1", &derived("dev1"), json!({"n": 1})).await;
        assert_eq!((&state["substatus"], &state["assignedHub"]), (&json!(substatus), &json!(hub)));
        assert_eq!(state["payload"], json!({"n": 2}));
        let device = world.control("/devices/dev1").await;
        assert_eq!(device["device"]["assignment"]["twin"]["tags"]["is"], twin);
        let asked = world.webhook.asked().pop().unwrap();
        assert_eq!(asked["deviceRuntimeContext"]["currentIotHubHostName"], NORTH);
        assert_eq!(asked["linkedHubs"], if update { json!(HUBS) } else { json!([NORTH]) });
    }
}

#[tokio::test]
async fn what_is_wrong_gets_the_services_codes_and_harms_nobody() {
    let individual =
        json!({"registrationId": "one", "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": KEY}}});
    let world = World::new([custom("group", json!({})), individual]).await;
    let path = |scope: &str, id: &str| format!("/{scope}/registrations/{id}/register?api-version=2019-03-31");
    let good = derived("dev1");
    let signature = sas("0ne1", "dev1", &good, 4_000_000_000);
    let put = |path: String, sas: String, body: String| {
        let world = &world;
        async move { world.send(Method::PUT, &path, &[("authorization", &sas)], body).await }
    };
    for (wrong, code) in [
        (String::new(), 401_000),
        ("Bearer x".into(), 401_000),
        (signature.replace("sr=", "sx="), 401_000),
        (signature.replace("registrations", "registration"), 401_000),
        (signature.replace("dev1", "dev2"), 401_000),
        (signature.replace("se=4000000000", "se=4000000001"), 401_002),
        (signature.replace("se=4000000000", "se=never"), 401_000),
        (signature.replace("skn=registration", "skn=owner"), 401_000),
        (sas("0ne1", "dev1", &good, 1_000_000_000), 401_000),
        (sas("0ne1", "dev1", &derived("dev2"), 4_000_000_000), 401_002),
    ] {
        let answer = put(path("0ne1", "dev1"), wrong.clone(), "{}".into()).await;
        assert_eq!((answer.status, &answer.json["errorCode"]), (401, &json!(code)), "{wrong}");
    }
    let registered =
        |id: &str, body: &str| put(path("0ne1", id), sas("0ne1", id, &derived(id), 4_000_000_000), body.to_owned());
    for (answer, code) in [
        (put(path("0ne2", "dev1"), sas("0ne2", "dev1", &good, 4_000_000_000), "{}".into()).await, 401_002),
        (registered("dev1", r#"{"modelId":"dtmi:a;1"}"#).await, 400_012),
        (registered("dev1", "{").await, 400_012),
        (registered("dev1", r#"{"payload":7}"#).await, 400_012),
        (registered("dev1", r#"{"registrationId":"dev2"}"#).await, 400_004),
        (registered("dev1", &format!(r#"{{"payload":{{"a":"{}"}}}}"#, "x".repeat(100_000))).await, 400_004),
        (registered("dev1", &" ".repeat(2 << 20)).await, 400_004),
        (registered("dev.", "{}").await, 400_004),
        // The individual enrollment decides alone: the group's key is no use.
        (registered("one", "{}").await, 401_002),
        (world.send(Method::PUT, "/0ne1/registrations/dev1/register", &[], String::new()).await, 400_004),
        (
            world
                .send(Method::GET, "/0ne1/registrations/dev1/register?api-version=2019-03-31", &[], String::new())
                .await,
            405_001,
        ),
        (world.send(Method::GET, "/elsewhere", &[], String::new()).await, 404_001),
        (world.send(Method::PUT, &path("0ne1", "dev1"), &[("content-type", "text/plain")], "x".into()).await, 415_001),
        (
            world
                .ask(Method::GET, "/0ne1/registrations/dev1/operations/5.none?api-version=2019-03-31", &good, "")
                .await,
            404_201,
        ),
    ] {
        assert_eq!(answer.json["errorCode"], code, "{}", answer.text);
        assert_eq!(answer.header("x-ms-error-code"), code.to_string());
        assert!(answer.json["message"].is_string() && answer.json["timestampUtc"].is_string());
    }
    let half_open = world.half_open().await;
    assert!(world.webhook.asked().is_empty());
    world.webhook.answers(200, json!({"iotHubHostName": NORTH}));
    assert_eq!(world.register("dev1", &good, json!({})).await["status"], "assigned");
    drop(half_open);
}

#[tokio::test]
async fn disabled_devices_end_as_disabled_and_no_webhook_hears_of_them() {
    let world = World::new([custom("group", json!({"provisioningStatus": "disabled"}))]).await;
    let state = world.register("dev1", &derived("dev1"), json!({})).await;
    assert_eq!(state["status"], "disabled");
    assert!(world.webhook.asked().is_empty());
}

#[tokio::test]
async fn the_service_api_manages_enrollments() {
    let world = World::new([]).await;
    let enrollment = json!({"registrationId": "dev1", "attestation": {"type": "symmetricKey"}, "allocationPolicy": "static", "iotHubs": [NORTH]});
    let path = "/enrollments/dev1?api-version=2021-10-01";
    let service = |method: Method, path: &'static str, etag: Option<String>, body: Value| {
        let world = &world;
        async move { world.service(method, path, etag.as_deref(), &body).await }
    };
    assert_eq!(world.send(Method::GET, path, &[], String::new()).await.json["errorCode"], 401_002);
    let created = service(Method::PUT, path, None, enrollment.clone()).await;
    assert_eq!((created.status, &created.json["provisioningStatus"]), (200, &json!("enabled")));
    let etag = created.json["etag"].as_str().unwrap().to_owned();
    assert_eq!(service(Method::PUT, path, Some("\"other\"".into()), enrollment.clone()).await.status, 412);
    let keys = service(Method::POST, "/enrollments/dev1/attestationmechanism", None, Value::Null).await;
    let key = keys.json["symmetricKey"]["primaryKey"].as_str().unwrap().to_owned();
    let read = service(Method::GET, path, None, Value::Null).await;
    assert!(!read.text.contains(&key), "keys are shown only where they are asked for");
    // What was read can be written back, and the keys stay.
    assert_eq!(service(Method::PUT, path, Some(etag), read.json.clone()).await.status, 200);
    assert_eq!(world.register("dev1", &STANDARD.decode(&key).unwrap(), json!({})).await["assignedHub"], NORTH);
    let read = service(Method::GET, path, None, Value::Null).await;
    assert_eq!(read.json["registrationState"]["status"], "assigned");

    let custom =
        json!({"enrollmentGroupId": "g", "attestation": {"type": "symmetricKey"}, "allocationPolicy": "custom"});
    let refused = service(Method::PUT, "/enrollmentGroups/g", None, custom).await;
    assert_eq!((refused.status, &refused.json["errorCode"]), (400, &json!(400_004)));
    let many: Vec<Value> = (0..3)
        .map(|n| json!({"registrationId": format!("bulk{n}"), "attestation": {"type": "symmetricKey"}}))
        .collect();
    let bulk = service(Method::POST, "/enrollments", None, json!({"enrollments": many, "mode": "create"})).await;
    assert_eq!(bulk.json, json!({"isSuccessful": true, "errors": []}));
    let bulk = service(Method::POST, "/enrollments", None, json!({"enrollments": many, "mode": "create"})).await;
    assert_eq!(bulk.json["errors"][2]["registrationId"], "bulk2");
    let page = world.query("/enrollments/query", "3", "").await;
    assert_eq!((page.json.as_array().unwrap().len(), page.header("x-ms-item-type")), (3, "enrollment".into()));
    let rest = world.query("/enrollments/query", "3", &page.header("x-ms-continuation")).await;
    assert_eq!((&rest.json[0]["registrationId"], rest.header("x-ms-continuation")), (&json!("dev1"), String::new()));

    assert_eq!(service(Method::GET, "/registrations/dev1", None, Value::Null).await.json["assignedHub"], NORTH);
    assert_eq!(service(Method::DELETE, "/registrations/dev1", None, Value::Null).await.status, 204);
    assert_eq!(service(Method::DELETE, path, None, Value::Null).await.status, 204);
    assert_eq!(service(Method::DELETE, path, None, Value::Null).await.json["errorCode"], 404_201);
}

#[tokio::test]
async fn faults_do_what_they_say() {
    let world = World::new([custom("group", json!({}))]).await;
    world.fault(json!({"throttled": true})).await;
    let answer = world.put("dev1", &derived("dev1"), "{}").await;
    assert_eq!((answer.status, &answer.json["errorCode"]), (429, &json!(429_001)));
    for (fault, code) in [
        (json!({"webhook": {"status": 404}}), 400_207),
        (json!({"webhook": "garbage"}), 400_207),
        (json!({"webhook": "down"}), 400_207),
    ] {
        world.fault(fault).await;
        assert_eq!(world.register("dev1", &derived("dev1"), json!({})).await["errorCode"], code);
    }
    world.fault(json!({"unlinked": [NORTH]})).await;
    world.webhook.answers(200, json!({"iotHubHostName": NORTH}));
    let state = world.register("dev1", &derived("dev1"), json!({})).await;
    assert!(state["errorMessage"].as_str().unwrap().contains("IotHubUnauthorizedAccess"));
}

#[tokio::test]
async fn what_a_device_has_heard_is_there_after_a_restart() {
    let world = World::new([custom("group", json!({}))]).await;
    world.webhook.answers(200, json!({"iotHubHostName": SOUTH}));
    let answer: Answer = world.put("dev1", &derived("dev1"), "{}").await;
    world.poll("dev1", &derived("dev1"), &answer).await;
    let world = world.restarted().await;
    let done = world.poll("dev1", &derived("dev1"), &answer).await;
    assert_eq!(done.json["registrationState"]["assignedHub"], SOUTH);
    let state = world.register("dev1", &derived("dev1"), json!({})).await;
    assert_eq!(state["status"], "failed", "no answer is left, so the webhook refuses");
    assert_eq!(world.webhook.asked()[1]["deviceRuntimeContext"]["currentDeviceId"], "dev1");
}
