//! What came of it, for people and for scripts.

use std::process::ExitCode;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    cli::output::{count, say, table},
    device::{Assigned, Failure, fleet::Summary},
    telemetry::visible,
};

/// A device without a hub, in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Without<'a> {
    registration_id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<u32>,
    error: String,
    advice: &'static str,
}

fn without<'a>(registration_id: &'a str, failure: &Failure) -> Without<'a> {
    let status = if failure.is_rejection() { "rejected" } else { "failed" };
    let (error_code, error, advice) = (failure.code(), failure.to_string(), failure.advice());
    Without { registration_id, status, error_code, error, advice }
}

/// One device's end as a line of JSON.
pub(super) fn line(registration_id: &str, result: &Result<Assigned, Failure>) -> String {
    let json = match result {
        Ok(assigned) => serde_json::to_string(assigned),
        Err(failure) => serde_json::to_string(&without(registration_id, failure)),
    };
    // A payload goes out as it came in, and may have lines.
    json.unwrap_or_default().replace(['\n', '\r'], " ")
}

/// Prints what came of one device.
pub(super) fn one(registration_id: &str, result: Result<Assigned, Failure>, json: bool) -> anyhow::Result<ExitCode> {
    let code = if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if json {
        say!("{}", line(registration_id, &result));
        return Ok(code);
    }
    match &result {
        Ok(assigned) => {
            say!("{} is assigned", assigned.registration_id);
            say!("  hub        {}", assigned.assigned_hub);
            say!("  device id  {}", assigned.device_id);
            say!("  how        {}", assigned.substatus.as_deref().unwrap_or("not said"));
            say!("  payload    {}", assigned.payload.as_deref().map_or("none", RawValue::get));
        }
        Err(failure) => {
            let (id, why) = (visible(registration_id), visible(&failure.to_string()));
            eprintln!("error: {id} has no hub: {why}\n  what to do: {}", failure.advice());
        }
    }
    Ok(code)
}

/// Prints where a fleet went.
pub(super) fn many(summary: &Summary, json: bool) -> anyhow::Result<ExitCode> {
    let Summary { devices, assigned, rejected, failed, retries, seconds, .. } = summary;
    let code = if assigned == devices { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if json {
        say!("{}", serde_json::to_string(summary)?);
        return Ok(code);
    }
    if !summary.hubs.is_empty() {
        let mut table = table(&["hub", "devices"]);
        for (hub, devices) in &summary.hubs {
            table.add_row([hub, &devices.to_string()]);
        }
        say!("{table}");
    }
    if !summary.reasons.is_empty() {
        let mut table = table(&["no hub because", "devices", "such as", "what to do"]);
        for reason in &summary.reasons {
            table.add_row([&reason.reason, &reason.devices.to_string(), &reason.example, reason.advice]);
        }
        say!("{table}");
    }
    let retries = if *retries == 1 { "1 retry".to_owned() } else { format!("{retries} retries") };
    let devices = count(*devices, "device");
    say!("{devices} in {seconds:.1} s: {assigned} assigned, {rejected} rejected, {failed} failed; {retries}");
    Ok(code)
}
