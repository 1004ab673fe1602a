//! What the demo prints.

use std::{fmt::Write as _, net::SocketAddr};

use comfy_table::{ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use serde_json::{Value, value::RawValue};

use super::{
    KEY, Swapped, TENANT,
    caller::Answer,
    devices::{GROUP_KEY, LocalDps, Registered},
    traffic::CONNECTIONS,
    workbench::{CHANGED, Question, Workbench},
};
use crate::toolchain::Built;

pub(super) fn built(name: &str, built: &Built) -> String {
    let digest = built.summary.digest.get(..12).unwrap_or_default();
    format!("{name:<16}{:>12}   version {digest}", indicatif::HumanBytes(built.summary.size as u64).to_string())
}

/// Columns of the table where nobody can tell how wide the terminal is.
const WIDTH: u16 = 160;

/// Device, model, hub, twin, payload, microseconds: a row a request.
pub(super) fn table(rows: &[(Question, Answer)]) -> Table {
    let mut table = empty(&["policy", "device", "model", "hub", "initial twin", "payload", "µs"]);
    for (question, answer) in rows {
        let device = Device::read(&question.body);
        let [hub, twin, payload] = answered(answer);
        let micros = answer.round_trip.as_micros().to_string();
        table.add_row([question.policy.clone(), device.id, device.model, hub, twin, payload, micros]);
    }
    table
}

/// Device, attestation, payload sent, hub, payload heard: a row a device.
pub(super) fn registered(devices: &[Registered]) -> Table {
    let mut table = empty(&["device", "attestation", "payload sent", "assigned hub", "registrationState.payload"]);
    for Registered { attestation, payload, heard } in devices {
        let answer = heard.payload.as_deref().map_or("none", RawValue::get);
        let id = heard.registration_id.as_str();
        table.add_row([id, attestation, payload.get(), short(&heard.assigned_hub), answer]);
    }
    table
}

fn empty(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    if table.width().is_none_or(|width| width == 0) {
        table.set_width(WIDTH);
    }
    table
}

/// A hub without the domain that all hubs have.
fn short(hub: &str) -> &str {
    hub.strip_suffix(".azure-devices.net").unwrap_or(hub)
}

struct Device {
    id: String,
    model: String,
}

impl Device {
    fn read(body: &str) -> Self {
        let context: Value = serde_json::from_str(body).unwrap_or_default();
        let payload = match context.pointer("/deviceRuntimeContext/payload") {
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
            payload => payload.cloned().unwrap_or_default(),
        };
        let model = ["/modelId", "/iotcModelId"].into_iter().map(|member| text(&payload, member));
        Self {
            id: text(&context, "/deviceRuntimeContext/registrationId"),
            model: model.into_iter().find(|model| !model.is_empty()).unwrap_or_default(),
        }
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Hub, twin and payload of an answer; of a failure, what it says.
fn answered(answer: &Answer) -> [String; 3] {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if answer.status != 200 {
        return [
            format!("{} {}", answer.status, text(&body, "/error/code")),
            text(&body, "/error/message"),
            String::new(),
        ];
    }
    let hub = text(&body, "/iotHubHostName");
    let twin = ["/initialTwin/tags", "/initialTwin/properties/desired"].map(|part| members(body.pointer(part)));
    [short(&hub).to_owned(), twin.join("\n").trim().to_owned(), members(body.pointer("/payload"))]
}

/// The members of an object in short: `state=ready darknessSetting=medium`.
fn members(value: Option<&Value>) -> String {
    let Some(Value::Object(members)) = value else {
        return String::new();
    };
    let member = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={text}"),
        value => format!("{name}={value}"),
    };
    members.iter().map(member).collect::<Vec<_>>().join(" ")
}

pub(super) fn swapped(swapped: &Swapped) -> String {
    let count = &swapped.traffic;
    let [before, after] = [&swapped.before, &swapped.after].map(|body| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        members(body.pointer("/initialTwin/properties/desired"))
    });
    format!(
        "   desired properties before  {before}\n   desired properties after   {after}\n   {} requests over \
         {CONNECTIONS} connections: {} answered by the old version, {} by the new one, {} failed\n   {} ms from the \
         change of the files to the first new decision",
        count.old + count.new + count.failed,
        count.old,
        count.new,
        count.failed,
        swapped.took.as_millis(),
    )
}

pub(super) fn try_next(workbench: &Workbench, webhook: SocketAddr, dps: &LocalDps) -> String {
    let mut text = String::from("\nBerth is still serving; Ctrl-C ends it. Try next, in another terminal:\n");
    let (copy, served) = (workbench.copy(), workbench.served(CHANGED));
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "   edit {}, then build it into the catalogue and see it swap:\n   target/release/berth policy build {} -o {}",
        copy.join("src/lib.rs").display(),
        copy.display(),
        served.join("policy.wasm").display(),
    );
    let _ = write!(
        text,
        "\n   or ask it yourself:\n   jq .request {}/checks/toaster-first.json | curl -sS --data-binary @- \
         'http://{webhook}/allocate/{TENANT}/{CHANGED}?code={KEY}'",
        served.display()
    );
    let (url, authority) = (dps.url(), dps.authority());
    let _ = write!(
        text,
        "\n   or register a device of your own, and see what went on:\n   BERTH_DEVICE_GROUP_KEY={GROUP_KEY} \
         target/release/berth device register --dps {url} --ca {} --registration-id my-phone --model-id \
         'dtmi:azureiot:PhoneAsADevice;2'\n   target/release/berth dps trace my-phone --control http://{}",
        authority.display(),
        dps.control(),
    );
    let _ = write!(
        text,
        "\n   A device with an SDK needs the id scope {}, {url} or MQTT at {}, and trust in {}.",
        dps.id_scope(),
        dps.mqtt(),
        authority.display(),
    );
    text
}
