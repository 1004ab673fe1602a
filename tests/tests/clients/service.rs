//! The official service client for Node manages enrollments.

use berth_tests::local_dps::{
    CLIMATE, LocalDps, Setup, Webhook,
    clients::{self, own_address},
    group, individual, keys,
};
use serde_json::{Value, json};

async fn empty() -> LocalDps {
    Setup::new().at_well_known_ports_of(own_address()).start().await
}

fn fixed(id: &str) -> Value {
    json!({
        "registrationId": id,
        "attestation": { "type": "symmetricKey" },
        "allocationPolicy": "static",
        "iotHubs": [CLIMATE],
    })
}

#[tokio::test]
async fn node_service_creates_and_reads_an_enrollment() {
    let dps = empty().await;
    let results = clients::service(
        &dps,
        json!([
            ["createOrUpdateIndividualEnrollment", fixed("one")],
            ["getIndividualEnrollment", "one"],
            ["getIndividualEnrollmentAttestationMechanism", "one"],
        ]),
    )
    .await;
    let [created, read, attestation] = &results[..] else { panic!("{results:?}") };
    assert_eq!(created["answer"]["registrationId"], "one", "{created}");
    for member in ["etag", "allocationPolicy", "iotHubs", "createdDateTimeUtc"] {
        assert_eq!(created["answer"][member], read["answer"][member]);
    }
    // Keys are shown to whoever asks for them, and not beside the rest.
    assert_eq!(read["answer"]["attestation"], json!({ "type": "symmetricKey", "symmetricKey": {} }));
    assert_eq!(read["answer"]["provisioningStatus"], "enabled");
    assert!(attestation["answer"]["symmetricKey"]["primaryKey"].is_string(), "{attestation}");
}

#[tokio::test]
async fn node_service_updates_an_enrollment_that_it_has_read_and_no_other() {
    let dps = empty().await;
    let first = clients::service(&dps, json!([["createOrUpdateIndividualEnrollment", fixed("one")]])).await;
    let mut change = first[0]["answer"].clone();
    change["provisioningStatus"] = json!("disabled");
    let results = clients::service(
        &dps,
        json!([
            ["createOrUpdateIndividualEnrollment", change.clone()],
            // The etag is not what is there any more.
            ["createOrUpdateIndividualEnrollment", change],
            ["deleteIndividualEnrollment", "one", first[0]["answer"]["etag"]],
            ["getIndividualEnrollment", "one"],
        ]),
    )
    .await;
    assert_eq!(results[0]["answer"]["provisioningStatus"], "disabled", "{results:?}");
    for conflict in &results[1..3] {
        assert_eq!((&conflict["status"], &conflict["code"]), (&json!(412), &json!(412_001)), "{conflict}");
    }
    assert_eq!(results[3]["answer"]["etag"], results[0]["answer"]["etag"]);
}

#[tokio::test]
async fn node_service_pages_through_enrollments() {
    let dps = empty().await;
    let ids: Vec<String> = (0..5).map(|number| format!("device-{number}")).collect();
    let enrollments: Vec<Value> = ids.iter().map(|id| fixed(id)).collect();
    let query = json!({ "query": "SELECT * FROM enrollments" });
    let results = clients::service(
        &dps,
        json!([
            ["runBulkEnrollmentOperation", { "mode": "create", "enrollments": enrollments }],
            ["createIndividualEnrollmentQuery", query, 2],
        ]),
    )
    .await;
    assert_eq!(results[0]["answer"], json!({ "isSuccessful": true, "errors": [] }), "{results:?}");
    let pages = results[1]["answer"].as_array().expect("pages");
    let found = pages.iter().flat_map(|page| page.as_array().into_iter().flatten());
    let found: Vec<&str> = found.filter_map(|enrollment| enrollment["registrationId"].as_str()).collect();
    assert_eq!((found, pages.len()), (ids.iter().map(String::as_str).collect(), 3));
}

#[tokio::test]
async fn node_service_removes_an_enrollment() {
    let dps = empty().await;
    let results = clients::service(
        &dps,
        json!([
            ["createOrUpdateIndividualEnrollment", fixed("one")],
            ["deleteIndividualEnrollment", "one"],
            ["getIndividualEnrollment", "one"],
            ["deleteIndividualEnrollment", "one"],
        ]),
    )
    .await;
    assert_eq!(results[1].get("error"), None, "{results:?}");
    for gone in &results[2..] {
        assert_eq!((&gone["status"], &gone["code"]), (&json!(404), &json!(404_201)), "{gone}");
    }
}

#[tokio::test]
async fn node_service_manages_groups_and_sees_what_their_devices_came_to() {
    let webhook = Webhook::start().await;
    let dps = empty().await;
    let devices = group("devices", keys::attestation(keys::KEY), &webhook.url());
    let created = clients::service(&dps, json!([["createOrUpdateEnrollmentGroup", devices]])).await;
    assert_eq!(created[0]["answer"]["enrollmentGroupId"], "devices", "{created:?}");
    let proof = clients::Proof::Key(keys::derived(keys::KEY, "sensor-7"));
    let registered = clients::Client::Node("http").registers(&dps, "sensor-7", &proof, &[json!({ "a": 1 })]).await;
    assert_eq!(registered[0]["status"], "assigned", "{registered:?}");
    let query = json!({ "query": "SELECT * FROM enrollmentGroups" });
    let results = clients::service(
        &dps,
        json!([
            ["getEnrollmentGroup", "devices"],
            ["getEnrollmentGroupAttestationMechanism", "devices"],
            ["createEnrollmentGroupQuery", query],
            ["createEnrollmentGroupDeviceRegistrationStateQuery", { "query": "SELECT * FROM enrollments" }, "devices"],
            ["getDeviceRegistrationState", "sensor-7"],
            ["deleteDeviceRegistrationState", "sensor-7"],
            ["getDeviceRegistrationState", "sensor-7"],
            ["deleteEnrollmentGroup", created[0]["answer"]],
            ["getEnrollmentGroup", "devices"],
        ]),
    )
    .await;
    assert_eq!(results[0]["answer"]["etag"], created[0]["answer"]["etag"], "{results:?}");
    assert_eq!(results[1]["answer"]["symmetricKey"]["primaryKey"], keys::KEY);
    assert_eq!(results[2]["answer"][0][0]["enrollmentGroupId"], "devices");
    assert_eq!(results[3]["answer"][0][0]["registrationId"], "sensor-7");
    assert_eq!(results[4]["answer"]["assignedHub"], CLIMATE);
    assert_eq!((results[5].get("error"), &results[6]["status"]), (None, &json!(404)));
    assert_eq!((results[7].get("error"), &results[8]["status"]), (None, &json!(404)));
}

#[tokio::test]
async fn node_service_hears_what_is_wrong_with_an_enrollment() {
    let dps = empty().await;
    let mut custom = individual("one", keys::attestation(keys::KEY), "http://127.0.0.1:1/");
    custom.as_object_mut().expect("an object").remove("customAllocationDefinition");
    let results = clients::service(&dps, json!([["createOrUpdateIndividualEnrollment", custom]])).await;
    assert_eq!((&results[0]["status"], &results[0]["code"]), (&json!(400), &json!(400_004)), "{results:?}");
}

#[tokio::test]
async fn node_service_is_refused_with_another_key() {
    let dps = empty().await;
    let file = dps.folder().join("dps-data/connection-string.txt");
    let written = std::fs::read_to_string(&file).expect("a file");
    let (rest, _) = written.rsplit_once("SharedAccessKey=").expect("a key");
    std::fs::write(&file, format!("{rest}SharedAccessKey={}", keys::OTHER_KEY)).expect("a file");
    let results = clients::service(&dps, json!([["getIndividualEnrollment", "one"]])).await;
    assert_eq!((&results[0]["status"], &results[0]["code"]), (&json!(401), &json!(401_002)), "{results:?}");
}
