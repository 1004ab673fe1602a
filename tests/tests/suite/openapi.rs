//! The OpenAPI document in `docs/` is what the code says, and a live server keeps to it.
#![expect(clippy::expect_used, reason = "helpers of tests stop at what they did not expect, as tests do")]

use std::fs;

use berth::admin::openapi;
use berth_tests::{Answer, Ask, Berth, Catalogue, api::push_body, pages::repository};
use hyper::Method;
use serde_json::{Value, json};

use crate::version;

/// The document as it is committed; `cargo xtask bless` writes it.
#[test]
fn reference_of_the_admin_api_is_up_to_date() {
    let path = repository().join("docs/openapi.json");
    let text = format!("{:#}\n", openapi::document());
    if std::env::var_os("BERTH_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, &text).unwrap();
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "docs/openapi.json is not what the code says: run `cargo xtask bless`");
}

/// Follows a reference inside of the document.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("a definition"),
        None => schema,
    }
}

/// Holds a value against a schema: no member that it has not, all that it requires, arrays item by item.
fn fits(document: &Value, schema: &Value, value: &Value) {
    let schema = resolved(document, schema);
    if let Some(members) = value.as_object() {
        let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("{schema} has no members"));
        for (name, member) in members {
            let property = properties.get(name).unwrap_or_else(|| panic!("`{name}` is in no schema: {schema}"));
            fits(document, property, member);
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(members.contains_key(required.as_str().unwrap()), "{required} is missing in {value}");
        }
    }
    for item in value.as_array().into_iter().flatten() {
        fits(document, &schema["items"], item);
    }
}

/// Makes the call and holds its answer against what is documented for it.
async fn keeps_to(document: &Value, method: &str, path: &str, ask: Ask) -> Answer {
    let answer = ask.await;
    let responses = &document["paths"][path][method]["responses"];
    let response = &responses[answer.status.to_string()];
    assert!(response.is_object(), "{method} {path} answered {}, which is not documented", answer.status);
    fits(document, &response["content"]["application/json"]["schema"], &answer.json());
    answer
}

/// Every documented route answers what it says, when it can and when it cannot.
#[tokio::test]
async fn every_documented_route_answers() {
    let document = openapi::document();
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await;
    let routes = openapi::routes();
    assert_eq!(routes.len(), 6, "a route came or went: this test has to know it");
    // In an order in which each can be done.
    let order = ["/status", "{policy}", "/history", "/rollback", "/pin"];
    let mut sorted = routes.clone();
    sorted.sort_by_key(|(_, path)| order.iter().position(|end| path.ends_with(end)));
    let body = |method: &str, path: &str| match method {
        "put" => push_body(&version(2).into()),
        "post" => json!({}),
        _ => json!(path),
    };
    for (policy, works) in [("contoso/p", true), ("contoso/none", false), ("contoso/NONE", false)] {
        for (method, path) in &sorted {
            let place = path.replace("{tenant}/{policy}", policy);
            let verb: Method = method.to_uppercase().parse().unwrap();
            let ask = berth.calls(verb, &place).header("content-type", "application/json");
            let ask = ask.with(body(method, path).to_string());
            let answer = keeps_to(&document, method, path, ask.clone()).await;
            if works {
                assert_eq!(answer.status, 200, "{method} {place}: {}", answer.text());
            }
            keeps_to(&document, method, path, ask.token("wrong")).await.is_error(401, "unauthorized");
        }
    }
}

/// What is not documented is not there.
#[tokio::test]
async fn undocumented_routes_are_not_there() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await;
    for path in
        ["/api", "/api/v1", "/api/v1/policies", "/api/v1/policies/contoso", "/api/v2/status", "/api/v1/status/x"]
    {
        assert_eq!(berth.admin(path).await.status, 404, "{path}");
    }
    for path in ["/api/v1/policies/contoso/p/x", "/api/v1/policies/contoso/p/versions", "/api/v1/../v1/status"] {
        assert_eq!(berth.admin(path).await.status, 404, "{path}");
    }
    // A documented path with another method.
    for (method, path) in [(Method::POST, "/api/v1/status"), (Method::DELETE, "/api/v1/policies/contoso/p")] {
        assert_eq!(berth.calls(method, path).await.status, 405, "{path}");
    }
}
