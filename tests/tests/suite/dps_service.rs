//! The service API of the local DPS, as tools call it.

mod refusals;

use berth_tests::{
    Answer,
    local_dps::{CLIMATE, LocalDps, PHONES, Setup, Webhook, device::with_a_group, group, individual, keys},
};
use serde_json::{Value, json};

async fn empty() -> LocalDps {
    Setup::new().start().await
}

/// An enrollment by a key, with whatever else.
fn keyed(id: &str, more: &Value) -> Value {
    let mut enrollment = json!({ "registrationId": id, "attestation": keys::attestation(keys::KEY) });
    enrollment.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    enrollment
}

async fn put(dps: &LocalDps, enrollment: &Value) -> Answer {
    let id = enrollment["registrationId"].as_str().unwrap();
    dps.service("PUT", &format!("/enrollments/{id}"), &[], enrollment).await
}

/// Status and code of an error, and that header and body agree.
fn error(answer: &Answer) -> (u16, u64) {
    let body = answer.json();
    let code = body["errorCode"].as_u64().unwrap_or_else(|| panic!("an error, not {body}"));
    assert_eq!(answer.headers["x-ms-error-code"], code.to_string());
    assert!(["message", "trackingId", "timestampUtc"].iter().all(|member| body[member].is_string()), "{body}");
    (answer.status, code)
}

#[tokio::test]
async fn dps_service_wants_a_version_that_it_knows() {
    let dps = empty().await;
    for version in ["", "api-version=", "api-version=2015-01-01", "version=2021-10-01"] {
        let answer = dps.service("GET", &format!("/enrollments/one?{version}"), &[], &Value::Null).await;
        assert_eq!(error(&answer), (400, 400_004), "{version}");
    }
    for version in ["2018-09-01-preview", "2018-11-01", "2019-03-31", "2021-06-01", "2021-10-01", "2026-04-01"] {
        let path = format!("/enrollmentgroups/one?api-version={version}");
        assert_eq!(error(&dps.service("GET", &path, &[], &Value::Null).await), (404, 404_201), "{version}");
    }
}

#[tokio::test]
async fn dps_service_writes_only_what_is_as_the_caller_knows_it() {
    let dps = empty().await;
    let one = keyed("one", &json!({}));
    let created = put(&dps, &one).await;
    let etag = created.json()["etag"].as_str().unwrap().to_owned();
    assert_eq!((created.status, created.headers["etag"].to_str().unwrap()), (200, etag.as_str()));
    let write = async |method: &str, etag: &str| {
        dps.service(
            method,
            "/enrollments/one",
            &[("If-Match", etag)],
            if method == "PUT" { &one } else { &Value::Null },
        )
        .await
    };
    for method in ["PUT", "DELETE"] {
        assert_eq!(error(&write(method, "\"another\"").await), (412, 412_001), "{method}");
    }
    // Clients quote it, leave the quotation marks away, or quote it twice.
    let changed = write("PUT", &etag).await;
    assert_eq!(changed.status, 200);
    assert_eq!(error(&write("PUT", &etag).await), (412, 412_001), "each change makes a new one");
    let etag = changed.json()["etag"].as_str().unwrap().replace('"', "");
    let changed = write("PUT", &etag).await;
    let etag = changed.json()["etag"].as_str().unwrap().replace('"', "\\\"");
    assert_eq!(write("PUT", &format!("\"{etag}\"")).await.status, 200);
    assert_eq!(write("PUT", "*").await.status, 200);
    assert_eq!(write("DELETE", "*").await.status, 204);
    assert_eq!(error(&write("DELETE", "*").await), (404, 404_201));
    assert_eq!(error(&write("PUT", &etag).await), (412, 412_001), "what is not there has no etag");
}

#[tokio::test]
async fn dps_service_bulk_tells_of_each_that_failed() {
    let dps = empty().await;
    let bulk = async |mode: &str, enrollments: &[Value]| {
        dps.service("POST", "/enrollments", &[], &json!({ "mode": mode, "enrollments": enrollments })).await
    };
    let named = |ids: &[&str]| ids.iter().map(|id| keyed(id, &json!({}))).collect::<Vec<_>>();
    let all = json!({ "isSuccessful": true, "errors": [] });
    assert_eq!(bulk("create", &named(&["one", "two"])).await.json(), all);
    let failed = async |mode: &str, enrollments: &[Value]| {
        let answer = bulk(mode, enrollments).await.json();
        assert_eq!(answer["isSuccessful"], false, "{answer}");
        let errors = answer["errors"].as_array().unwrap().iter();
        errors.map(|error| (error["registrationId"].clone(), error["errorCode"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(failed("create", &named(&["two", "three"])).await, [(json!("two"), json!(409_001))]);
    assert_eq!(bulk("update", &named(&["three", "four"])).await.json(), all);
    // An update that is to find an etag needs one.
    assert_eq!(failed("updateIfMatchETag", &named(&["one"])).await, [(json!("one"), json!(400_004))]);
    let read = dps.service("GET", "/enrollments/one", &[], &Value::Null).await.json();
    assert_eq!(bulk("updateIfMatchETag", std::slice::from_ref(&read)).await.json(), all);
    assert_eq!(failed("updateIfMatchETag", std::slice::from_ref(&read)).await, [(json!("one"), json!(412_001))]);
    let other = json!({ "enrollmentGroupId": "group", "attestation": keys::attestation(keys::KEY) });
    assert_eq!(failed("create", &[other]).await, [(Value::Null, json!(400_004))]);
    assert_eq!(failed("delete", &named(&["one", "nobody"])).await, [(json!("nobody"), json!(404_201))]);
    assert_eq!(dps.service("GET", "/enrollments/one", &[], &Value::Null).await.status, 404);

    for wrong in [bulk("create", &[]).await, bulk("create", &named(&["x"; 11])).await] {
        assert_eq!(error(&wrong), (400, 400_004));
    }
    assert_eq!(error(&bulk("replace", &named(&["one"])).await), (400, 400_012));
}

/// Page after page until there is none, and no empty page at the end.
#[tokio::test]
async fn dps_service_gives_enrollments_page_by_page() {
    let dps = empty().await;
    let (ids, group): (Vec<String>, _) =
        ((1..=6).map(|number| format!("dev-{number}")).collect(), "/enrollmentGroups/g");
    for id in &ids {
        put(&dps, &keyed(id, &json!({}))).await;
    }
    let attestation = keys::attestation(keys::KEY);
    dps.service("PUT", group, &[], &json!({ "enrollmentGroupId": "g", "attestation": attestation })).await;
    let page = async |most: &str, from: &str, query: &str| {
        let headers = [("x-ms-max-item-count", most), ("x-ms-continuation", from)];
        dps.service("POST", "/enrollments/query", &headers, &json!({ "query": query })).await
    };
    for (most, pages) in [("4", 2), ("3", 2), ("6", 1), ("-1", 1), ("1", 6)] {
        let (mut found, mut from, mut count) = (Vec::new(), String::new(), 0);
        loop {
            let answer = page(most, &from, "SELECT * FROM enrollments").await;
            assert_eq!((answer.status, &answer.headers["x-ms-item-type"]), (200, &"enrollment".parse().unwrap()));
            let items = answer.json();
            found.extend(
                items.as_array().unwrap().iter().map(|item| item["registrationId"].as_str().unwrap().to_owned()),
            );
            count += 1;
            let Some(next) = answer.headers.get("x-ms-continuation") else { break };
            from = next.to_str().unwrap().to_owned();
        }
        assert_eq!((&found, count), (&ids, pages), "pages of {most}");
    }
    assert_eq!(page("", "", "select * from Enrollments").await.status, 200);
    for (most, from, query) in [
        ("many", "", "SELECT * FROM enrollments"),
        ("", "no continuation", "SELECT * FROM enrollments"),
        ("", "", "SELECT * FROM enrollments WHERE registrationId = 'dev-1'"),
    ] {
        assert_eq!(error(&page(most, from, query).await), (400, 400_004), "{most} {from} {query}");
    }
    assert_eq!(error(&dps.service("POST", "/enrollments/query", &[], &json!({})).await), (400, 400_012));
    // What is an object is not taken as an array of its members' values, at any depth.
    let nested =
        json!({"registrationId": "a", "attestation": {"type": "symmetricKey", "symmetricKey": [keys::KEY, null]}});
    for (method, path, body) in [
        ("POST", "/enrollments/query", json!(["select *"])),
        ("PUT", "/enrollments/a", nested.clone()),
        ("POST", "/enrollments", json!({"mode": "create", "enrollments": [nested]})),
        ("POST", "/enrollments", json!([[], "create"])),
    ] {
        assert_eq!(error(&dps.service(method, path, &[], &body).await), (400, 400_012), "{method} {path}");
    }
    let groups = json!({ "query": "SELECT * FROM enrollmentGroups" });
    let groups = dps.service("POST", "/enrollmentGroups/query", &[], &groups).await.json();
    assert_eq!(groups[0]["enrollmentGroupId"], "g");
}

#[tokio::test]
async fn dps_service_chooses_how_a_hub_is_chosen() {
    let dps = empty().await;
    for hub in [CLIMATE, PHONES] {
        let fixed = json!({ "allocationPolicy": "static", "iotHubs": [hub] });
        assert_eq!(put(&dps, &keyed("one", &fixed)).await.status, 200);
        assert_eq!(dps.registers_by("one", keys::KEY).await["assignedHub"], hub);
    }
    // The one hub as old tools name it.
    put(&dps, &keyed("two", &json!({ "allocationPolicy": "static", "iotHubHostName": PHONES, "deviceId": "Second" })))
        .await;
    let state = dps.registers_by("two", keys::KEY).await;
    assert_eq!((&state["assignedHub"], &state["deviceId"]), (&json!(PHONES), &json!("Second")));
    let webhook = |definition: Value| json!({ "allocationPolicy": "custom", "customAllocationDefinition": definition });
    for (wrong, why) in [
        (json!({ "allocationPolicy": "static" }), "needs one hub"),
        (json!({ "allocationPolicy": "static", "iotHubs": [CLIMATE, PHONES] }), "needs one hub"),
        (json!({ "iotHubs": ["other.azure-devices.net"] }), "is not linked"),
        (json!({ "allocationPolicy": "custom" }), "A CustomAllocationDefinition is required"),
        (webhook(json!({ "apiVersion": "2021-10-01" })), "needs a webhookUrl and an apiVersion"),
        (webhook(json!({ "webhookUrl": "https://localhost" })), "needs a webhookUrl and an apiVersion"),
    ] {
        let answer = put(&dps, &keyed("three", &wrong)).await;
        assert_eq!(error(&answer), (400, 400_004), "{wrong}");
        assert!(answer.json()["message"].as_str().unwrap().contains(why), "{}", answer.text());
    }
    // What cannot be read says why beside DPS's own words.
    for (wrong, why) in [
        (json!({ "allocationPolicy": "random" }), "`random`"),
        (json!({ "alocationPolicy": "static" }), "`alocationPolicy`"),
    ] {
        let answer = put(&dps, &keyed("three", &wrong)).await;
        assert_eq!((error(&answer), &answer.json()["message"]), ((400, 400_012), &json!("Deserialization error.")));
        assert!(answer.json()["info"]["reason"].as_str().unwrap().contains(why), "{}", answer.text());
    }
    let other = keyed("three", &json!({}));
    assert_eq!(error(&dps.service("PUT", "/enrollments/four", &[], &other).await), (400, 400_004));
}

/// A registration that is deleted is as if it had never been: the next is a first one.
#[tokio::test]
async fn dps_service_reads_and_deletes_registrations() {
    let (dps, webhook) = with_a_group().await;
    let state = dps.registers("dev-1").await;
    let read = dps.service("GET", "/registrations/DEV-1", &[], &Value::Null).await.json();
    assert_eq!((&read["assignedHub"], &read["etag"]), (&state["assignedHub"], &state["etag"]));
    assert_eq!(read.get("symmetricKey"), None, "what is the device's alone is not shown: {read}");
    dps.registers("dev-2").await;
    let page = async |most: &str| {
        dps.service("POST", "/registrations/devices/query", &[("x-ms-max-item-count", most)], &json!({ "query": "*" }))
            .await
    };
    let (first, all) = (page("1").await, page("2").await);
    assert_eq!(
        (first.json().as_array().map(Vec::len), first.headers.contains_key("x-ms-continuation")),
        (Some(1), true)
    );
    assert_eq!((all.json().as_array().map(Vec::len), all.headers.contains_key("x-ms-continuation")), (Some(2), false));
    let nobody = dps.service("POST", "/registrations/others/query", &[], &json!({ "query": "*" })).await;
    assert_eq!(nobody.json(), json!([]));

    let delete =
        async |etag: &str| dps.service("DELETE", "/registrations/dev-1", &[("If-Match", etag)], &Value::Null).await;
    assert_eq!(error(&delete("another").await), (412, 412_001));
    assert_eq!(delete(state["etag"].as_str().unwrap()).await.status, 204);
    assert_eq!(error(&delete("*").await), (404, 404_201));
    assert_eq!(error(&dps.service("GET", "/registrations/dev-1", &[], &Value::Null).await), (404, 404_201));
    assert_eq!(dps.registers("dev-1").await["substatus"], "initialAssignment");
    let context = &webhook.asked()[2]["deviceRuntimeContext"];
    assert_eq!((&context["registrationId"], context.get("currentIotHubHostName")), (&json!("dev-1"), None));
}

/// An individual enrollment decides alone: neither does a disabled one fall back to the group, nor does a disabled group
/// keep out who has one.
#[tokio::test]
async fn dps_service_switches_groups_and_single_devices_off() {
    let webhook = Webhook::start().await;
    let own = individual("own", keys::attestation(keys::OTHER_KEY), &webhook.url());
    let all = group("all", keys::attestation(keys::KEY), &webhook.url());
    let dps = Setup::new().enrollment(own.clone()).enrollment(all.clone()).start().await;
    let switch = async |mut enrollment: Value, path: &str, status: &str| {
        enrollment["provisioningStatus"] = json!(status);
        assert_eq!(dps.service("PUT", path, &[], &enrollment).await.status, 200);
    };
    let statuses = async || {
        let (own, of_group) = (
            dps.registers_by("own", keys::OTHER_KEY).await,
            dps.registers_by("other", &keys::derived(keys::KEY, "other")).await,
        );
        (own["status"].clone(), of_group["status"].clone())
    };
    assert_eq!(statuses().await, (json!("assigned"), json!("assigned")));
    switch(all.clone(), "/enrollmentGroups/all", "disabled").await;
    assert_eq!(statuses().await, (json!("assigned"), json!("disabled")));
    switch(own.clone(), "/enrollments/own", "disabled").await;
    assert_eq!(statuses().await, (json!("disabled"), json!("disabled")));
    switch(all, "/enrollmentGroups/all", "enabled").await;
    assert_eq!(statuses().await, (json!("disabled"), json!("assigned")));
    switch(own, "/enrollments/own", "enabled").await;
    assert_eq!(statuses().await, (json!("assigned"), json!("assigned")));
}

#[tokio::test]
async fn dps_service_shows_keys_where_they_are_asked_for() {
    let dps = empty().await;
    put(&dps, &json!({ "registrationId": "made", "attestation": { "type": "symmetricKey" } })).await;
    let read = dps.service("GET", "/enrollments/made", &[], &Value::Null).await.json();
    assert_eq!(read["attestation"]["symmetricKey"], json!({}), "nor anywhere else");
    for path in ["/enrollments/made/attestationmechanism", "/Enrollments/MADE/AttestationMechanism"] {
        let keys = dps.service("POST", path, &[], &Value::Null).await.json();
        let key = keys["symmetricKey"]["primaryKey"].as_str().unwrap();
        assert_eq!(dps.registers_by("made", key).await["status"], "assigned");
    }
    assert_eq!(
        error(&dps.service("POST", "/enrollments/nobody/attestationmechanism", &[], &Value::Null).await),
        (404, 404_201)
    );
    assert_eq!(
        error(&dps.service("GET", "/enrollments/made/attestationmechanism", &[], &Value::Null).await),
        (405, 405_001)
    );
    // Without a signature there is nothing to see.
    let path = "/enrollments/made/attestationmechanism?api-version=2021-10-01";
    let bare = berth_tests::local_dps::device::request("POST", path, &[], "");
    assert_eq!(error(&dps.https_wire(None).await.request(bare).await), (401, 401_002));
}
