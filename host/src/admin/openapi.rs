//! The OpenAPI document of the admin API, made from the types that the API sends and takes.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::body::{ChangeBody, HistoryBody, PolicyBody, PushBody, RollbackBody, StatusBody};
use crate::http::FailureBody;

/// One operation of the API.
struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    /// The body it takes.
    request: Option<Value>,
    /// The body of its success.
    response: Value,
    /// The statuses of its failures.
    failures: &'static [u16],
}

const POLICY: &str = "/api/v1/policies/{tenant}/{policy}";

/// The document, OpenAPI 3.1.
#[must_use]
pub fn document() -> Value {
    // Definitions go where OpenAPI has them.
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for operation in operations(&mut generator) {
        let described = describe(&operation, &mut generator);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.to_owned(), described);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Berth admin API",
            "version": "1",
            "description": "What serves, what happened, and changing it. A tenant's token is for that tenant's policies; \
                            a platform's token is for all.",
        },
        "servers": [{"url": "http://127.0.0.1:7072"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": generator.take_definitions(true),
        },
    })
}

/// The methods and paths of the API, as a router has them.
#[must_use]
pub fn routes() -> Vec<(&'static str, &'static str)> {
    let mut generator = SchemaGenerator::default();
    operations(&mut generator).iter().map(|operation| (operation.method, operation.path)).collect()
}

fn operations(generator: &mut SchemaGenerator) -> Vec<Operation> {
    let change = schema::<ChangeBody>(generator);
    vec![
        Operation {
            method: "get",
            path: "/api/v1/status",
            summary: "What serves, for every policy the caller may see",
            request: None,
            response: schema::<StatusBody>(generator),
            failures: &[401, 421],
        },
        Operation {
            method: "get",
            path: POLICY,
            summary: "What a policy serves",
            request: None,
            response: schema::<PolicyBody>(generator),
            failures: &[400, 401, 403, 404, 421],
        },
        Operation {
            method: "put",
            path: POLICY,
            summary: "Verify files, write them into the catalogue and serve them; made durable before the answer",
            request: Some(schema::<PushBody>(generator)),
            response: change.clone(),
            failures: &[400, 401, 403, 404, 409, 413, 421, 422, 500, 503],
        },
        Operation {
            method: "get",
            path: "/api/v1/policies/{tenant}/{policy}/history",
            summary: "What happened to a policy, newest first: the audit log. `limit` says how many events, 100 if absent",
            request: None,
            response: schema::<HistoryBody>(generator),
            failures: &[400, 401, 403, 421, 500],
        },
        Operation {
            method: "post",
            path: "/api/v1/policies/{tenant}/{policy}/rollback",
            summary: "Serve an earlier version and pin it until the catalogue's files change or the pin is taken away",
            request: Some(schema::<RollbackBody>(generator)),
            response: change.clone(),
            failures: &[400, 401, 403, 404, 409, 410, 421, 422, 500, 503],
        },
        Operation {
            method: "delete",
            path: "/api/v1/policies/{tenant}/{policy}/pin",
            summary: "Take a policy's pin away: what the catalogue has serves next",
            request: None,
            response: change,
            failures: &[400, 401, 403, 404, 409, 421, 500, 503],
        },
    ]
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn describe(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let body = |schema: &Value| json!({"application/json": {"schema": schema}});
    let mut responses = Map::new();
    responses.insert("200".into(), json!({"description": "Done", "content": body(&operation.response)}));
    let failure = schema::<FailureBody>(generator);
    for status in operation.failures {
        let code = axum::http::StatusCode::from_u16(*status).ok();
        let description = code.and_then(|code| code.canonical_reason()).unwrap_or_default();
        responses.insert(status.to_string(), json!({"description": description, "content": body(&failure)}));
    }
    let mut described = json!({"summary": operation.summary, "responses": responses});
    let parameter = |name: &str, place: &str, kind: &str| json!({"name": name, "in": place, "required": place == "path", "schema": {"type": kind}});
    let mut parameters: Vec<Value> = ["tenant", "policy"]
        .into_iter()
        .filter(|name| operation.path.contains(&format!("{{{name}}}")))
        .map(|name| parameter(name, "path", "string"))
        .collect();
    if operation.path.ends_with("/history") {
        parameters.push(parameter("limit", "query", "integer"));
    }
    if let Some(described) = described.as_object_mut() {
        described.insert("parameters".into(), parameters.into());
        if let Some(request) = &operation.request {
            described.insert("requestBody".into(), json!({"required": true, "content": body(request)}));
        }
    }
    described
}
