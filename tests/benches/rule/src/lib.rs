//! The rules of the example policies `by-model` and `by-suffix` without Berth: from a body of DPS to the answer.
//!
//! What Berth is compared with runs this, natively or in a sandbox, so that all do the same work. Written as one would
//! write a handler: only what the rule needs is parsed, strings borrow from the body.
#![forbid(unsafe_code)]

use std::{borrow::Borrow, borrow::Cow, collections::HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};
use twox_hash::XxHash64;

/// The table that `by-model` looks models up in.
pub const MODELS: &str = include_str!("../../../../example-policies/by-model/tables/models.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    device_runtime_context: Context<'a>,
    #[serde(borrow)]
    linked_hubs: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    #[serde(borrow)]
    registration_id: Cow<'a, str>,
    payload: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    iot_hub_host_name: &'a str,
    initial_twin: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a Map<String, Value>>,
}

/// What a model's devices get.
#[derive(Deserialize)]
#[serde(from = "Written")]
pub struct Row {
    hub: String,
    twin: Value,
    settings: Map<String, Value>,
}

/// A row as the table has it.
#[derive(Deserialize)]
struct Written {
    hub: String,
    tags: Value,
    desired: Value,
    settings: Map<String, Value>,
}

impl From<Written> for Row {
    fn from(row: Written) -> Self {
        let twin = json!({"tags": row.tags, "properties": {"desired": row.desired}});
        Self { hub: row.hub, twin, settings: row.settings }
    }
}

/// The whole table, for who lives longer than one request.
///
/// # Errors
///
/// If it is not as it should be.
pub fn models() -> Result<HashMap<String, Row>, String> {
    serde_json::from_str(MODELS).map_err(|error| error.to_string())
}

/// One row of the table, without parsing the others, for who lives for one request.
#[must_use]
pub fn model(id: &str) -> Option<Row> {
    let rows: HashMap<&str, &RawValue> = serde_json::from_str(MODELS).ok()?;
    serde_json::from_str(rows.get(id)?.get()).ok()
}

/// The rule of `by-model`: by the model that the device tells in its payload.
///
/// # Errors
///
/// Why the device is rejected.
pub fn by_model<R: Borrow<Row>>(body: &[u8], row: impl FnOnce(&str) -> Option<R>) -> Result<Vec<u8>, String> {
    let body: Body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let sent = body.device_runtime_context.payload.ok_or("the device sent no payload")?;
    // Some devices send a string that holds the object.
    let opened = sent.as_str().and_then(|text| serde_json::from_str(text).ok());
    let payload = opened.unwrap_or(sent);
    let member = |name: &str| payload.get(name).and_then(Value::as_str);
    let model = member("modelId").or_else(|| member("iotcModelId")).ok_or("the payload has no `modelId`")?;
    let row = row(model).ok_or_else(|| format!("unknown model `{model}`"))?;
    let row: &Row = row.borrow();
    let wanted = |hub: &&str| hub.get(..row.hub.len()).is_some_and(|start| start.eq_ignore_ascii_case(&row.hub));
    let hub = spread(&body.device_runtime_context.registration_id, &body.linked_hubs, wanted)?;
    answer(&Answer { iot_hub_host_name: hub, initial_twin: &row.twin, payload: Some(&row.settings) })
}

/// The rule of `by-suffix`: by how the registration id ends.
///
/// # Errors
///
/// Why the device is rejected.
pub fn by_suffix(body: &[u8]) -> Result<Vec<u8>, String> {
    let body: Body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let id = body.device_runtime_context.registration_id.to_ascii_lowercase();
    let (word, kind, desired) = if id.ends_with("-contoso-tstrsd-007") {
        ("toasters", "toaster", json!({"state": "ready", "darknessSetting": "medium"}))
    } else if id.ends_with("-contoso-hpsd-088") {
        ("heatpumps", "heatpump", json!({"state": "on", "temperatureSetting": "65"}))
    } else {
        return Err(format!("`{id}` ends like neither a toaster nor a heat pump"));
    };
    let twin = json!({"tags": {"deviceType": kind}, "properties": {"desired": desired}});
    let hub = spread(&id, &body.linked_hubs, |hub| hub.to_ascii_lowercase().contains(word))?;
    answer(&Answer { iot_hub_host_name: hub, initial_twin: &twin, payload: None })
}

/// The hub that this device prefers of those that are wanted: always the same one.
fn spread<'a>(id: &str, hubs: &'a [Cow<'_, str>], wanted: impl Fn(&&str) -> bool) -> Result<&'a str, String> {
    let preference = |hub: &&str| {
        let mut text = id.to_ascii_lowercase();
        text.push('\0');
        text.push_str(hub);
        text.make_ascii_lowercase();
        XxHash64::oneshot(0, text.as_bytes()) >> 12
    };
    let hubs = hubs.iter().map(|hub| &**hub).filter(wanted);
    hubs.max_by_key(preference).ok_or_else(|| "no linked hub will do".to_owned())
}

fn answer(answer: &Answer) -> Result<Vec<u8>, String> {
    serde_json::to_vec(answer).map_err(|error| error.to_string())
}
