//! Service clients that are not run: the Azure CLI's, and that for Java.

use berth::dps::certificates::{Authority, Pem};
use berth_tests::{
    Answer,
    local_dps::{CLIMATE, LocalDps, PHONES, Setup, Webhook, Wire, device::register_path, keys},
};
use serde_json::{Value, json};

use super::{ID, now};

/// A service client at work.
struct Client<'a> {
    wire: Wire,
    dps: &'a LocalDps,
    /// The head of a request for this method and path, with this many bytes of a body, and signed so.
    head: fn(&LocalDps, method: &str, path: &str, bytes: usize) -> String,
}

impl Client<'_> {
    async fn asks(&mut self, method: &str, path: &str, more: &str, body: &str) -> Answer {
        let head = (self.head)(self.dps, method, path, body.len());
        self.wire.request(format!("{head}{more}\r\n{body}")).await
    }
}

/// The Azure CLI: a resource that is encoded, ids of requests of its own.
fn cli(dps: &LocalDps, method: &str, path: &str, bytes: usize) -> String {
    let host = format!("localhost:{}", dps.https().port());
    let signature = dps.service_signature(&host.replace(':', "%3A"), now() + 3600);
    format!(
        "{method} {path}?api-version=2021-10-01 HTTP/1.1\r\nHost: {host}\r\n\
         User-Agent: python/3.11.8 (Linux) msrest/0.7.1 provisioningserviceclient/2021-10-01 azext-iot\r\n\
         Accept-Encoding: gzip, deflate\r\nAccept: application/json\r\nConnection: keep-alive\r\n\
         x-ms-client-request-id: 7d1a8d36-ec5c-11ef-9a5b-00155d0c3b1e\r\naccept-language: en-US\r\n\
         Content-Type: application/json; charset=utf-8\r\nauthorization: {signature}\r\nContent-Length: {bytes}\r\n"
    )
}

/// The client for Java: a resource that is not encoded, a charset in a header of its own.
fn java(dps: &LocalDps, method: &str, path: &str, bytes: usize) -> String {
    let host = format!("localhost:{}", dps.https().port());
    let signature = dps.service_signature(&host, now() + 3600);
    format!(
        "{method} {path}?api-version=2019-03-31 HTTP/1.1\r\nauthorization: {signature}\r\n\
         User-Agent: com.microsoft.azure.sdk.iot.provisioning.service/2.0.2\r\nRequest-Id: 1001\r\n\
         Accept: application/json\r\nContent-Type: application/json\r\ncharset: utf-8\r\nContent-Length: {bytes}\r\n\
         Host: {host}\r\nConnection: keep-alive\r\n"
    )
}

/// What the Azure CLI sends for a group by an authority that was uploaded under this name.
fn by_reference(name: &str, webhook: &str) -> String {
    format!(
        r#"{{"enrollmentGroupId": "g", "attestation": {{"type": "x509", "x509": {{"caReferences": {{"primary": "{name}"}}}}}}, "capabilities": {{"iotEdge": false}}, "initialTwin": {{"tags": {{}}, "properties": {{"desired": {{}}}}}}, "reprovisionPolicy": {{"updateHubAssignment": true, "migrateDeviceData": true}}, "allocationPolicy": "custom", "iotHubs": ["{CLIMATE}"], "customAllocationDefinition": {{"webhookUrl": "{webhook}", "apiVersion": "2019-03-31"}}}}"#
    )
}

#[tokio::test]
async fn azure_cli_makes_a_group_by_an_authority_of_the_certificate_store() {
    let (webhook, root) = (Webhook::start().await, Authority::root("root").unwrap());
    let dps = Setup::new().certificate("ca1", &root.pem()).start().await;
    let mut client = Client { wire: dps.https_wire(None).await, dps: &dps, head: cli };
    let path = "/enrollmentGroups/g";
    let refused = client.asks("PUT", path, "", &by_reference("ca2", &webhook.url())).await;
    assert_eq!((refused.status, &refused.json()["errorCode"]), (400, &json!(400_004)));
    assert!(refused.json()["message"].as_str().unwrap().contains("\"ca2\""), "{}", refused.text());
    let made = client.asks("PUT", path, "", &by_reference("ca1", &webhook.url())).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(made.json()["attestation"]["x509"], json!({ "caReferences": { "primary": "ca1" } }));

    // It lets in what that authority has signed.
    let Pem { chain, key } = root.device(ID).unwrap();
    let mut wire = dps.https_wire(Some(&Pem { chain, key })).await;
    let began = format!("PUT {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}", register_path(ID));
    let began = wire.request(began).await;
    assert_eq!(wire.polls(ID, &began, &[]).await.json()["registrationState"]["assignedHub"], CLIMATE);

    // It changes what it has read, and removes only that.
    let read = client.asks("GET", path, "", "").await.json();
    let etag = read["etag"].as_str().unwrap();
    let mut changed = read.clone();
    changed["provisioningStatus"] = json!("disabled");
    let changed = client.asks("PUT", path, &format!("If-Match: {etag}\r\n"), &changed.to_string()).await;
    assert_eq!((changed.status, &changed.json()["provisioningStatus"]), (200, &json!("disabled")));
    let keys = client.asks("POST", "/enrollmentGroups/g/attestationmechanism", "", "").await;
    assert_eq!((keys.status, &keys.json()["type"]), (200, &json!("x509")));
    let query = r#"{"query": "SELECT *"}"#;
    let listed = client.asks("POST", "/enrollmentGroups/query", "", query).await;
    assert_eq!(listed.json()[0]["enrollmentGroupId"], "g");
    assert_eq!(client.asks("DELETE", path, &format!("If-Match: {etag}\r\n"), "").await.status, 412);
    assert_eq!(client.asks("DELETE", path, "If-Match: *\r\n", "").await.status, 204);
}

#[tokio::test]
async fn java_manages_enrollments() {
    let dps = Setup::new().start().await;
    let mut client = Client { wire: dps.https_wire(None).await, dps: &dps, head: java };
    let key = keys::derived(keys::KEY, ID);
    let enrollment = |hub: &str| {
        format!(
            r#"{{"registrationId":"{ID}","attestation":{{"type":"symmetricKey","symmetricKey":{{"primaryKey":"{key}","secondaryKey":"{key}"}}}},"iotHubHostName":"{hub}","initialTwin":{{"tags":{{"a":1}},"properties":{{"desired":{{"b":2}}}}}},"provisioningStatus":"enabled","allocationPolicy":"static","capabilities":{{"iotEdge":false}}}}"#
        )
    };
    let path = format!("/enrollments/{ID}");
    let made = client.asks("PUT", &path, "", &enrollment(CLIMATE)).await;
    assert_eq!(made.status, 200, "{}", made.text());
    // It wants these of what it reads.
    for member in ["registrationId", "attestation", "etag", "createdDateTimeUtc", "lastUpdatedDateTimeUtc"] {
        assert!(!made.json()[member].is_null(), "{}", made.text());
    }
    assert_eq!(dps.registers(ID).await["assignedHub"], CLIMATE);
    assert_eq!(dps.device(ID).await["assignment"]["twin"]["properties"]["desired"], json!({ "b": 2 }));

    let etag = made.json()["etag"].as_str().unwrap().to_owned();
    let changed = client.asks("PUT", &path, &format!("If-Match: {etag}\r\n"), &enrollment(PHONES)).await;
    assert_eq!((changed.status, &changed.json()["iotHubHostName"]), (200, &json!(PHONES)), "{}", changed.text());
    let read = client.asks("GET", &path, "", "").await.json();
    assert_eq!((&read["etag"], &read["registrationState"]["status"]), (&changed.json()["etag"], &json!("assigned")));

    let page = |from: Option<&str>| {
        let from = from.map_or_else(String::new, |from| format!("x-ms-continuation: {from}\r\n"));
        format!("x-ms-max-item-count: 1\r\n{from}")
    };
    let bulk = |mode: &str, id: &str| {
        format!(
            r#"{{"mode":"{mode}","enrollments":[{{"registrationId":"{id}","attestation":{{"type":"symmetricKey","symmetricKey":{{"primaryKey":"{key}","secondaryKey":"{key}"}}}}}}]}}"#
        )
    };
    let done = client.asks("POST", "/enrollments", "", &bulk("create", "tail-1")).await;
    assert_eq!(done.json(), json!({ "isSuccessful": true, "errors": [] }), "{}", done.text());
    let query = r#"{"query":"select * from enrollments"}"#;
    let first = client.asks("POST", "/enrollments/query", &page(None), query).await;
    assert_eq!(
        (&first.json()[0]["registrationId"], &first.headers["x-ms-item-type"]),
        (&json!(ID), &"enrollment".parse().unwrap())
    );
    let from = first.headers["x-ms-continuation"].to_str().unwrap().to_owned();
    let last = client.asks("POST", "/enrollments/query", &page(Some(&from)), query).await;
    assert_eq!((&last.json()[0]["registrationId"], last.headers.get("x-ms-continuation")), (&json!("tail-1"), None));

    let state: Value = client.asks("GET", &format!("/registrations/{ID}"), "", "").await.json();
    assert_eq!(state["assignedHub"], CLIMATE);
    assert_eq!(client.asks("DELETE", &format!("/registrations/{ID}"), "", "").await.status, 204);
    assert_eq!(client.asks("DELETE", &path, "If-Match: *\r\n", "").await.status, 204);
    let gone = client.asks("GET", &path, "", "").await;
    assert_eq!((gone.status, &gone.json()["errorCode"]), (404, &json!(404_201)));
}
