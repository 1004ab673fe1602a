//! `berth dps devices` and `berth dps trace`.

use std::process::ExitCode;

use clap::Args;
use serde_json::value::RawValue;

use super::remote::{Remote, segment};
use crate::{
    cli::output::{count, say, table},
    dps::{
        control::{self, DeviceHistory},
        device::{Device, Event},
        trace,
    },
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Devices {
    /// One device, with its twin and what happened to it
    registration_id: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Trace {
    /// The device; without one, the devices that have a trace
    registration_id: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// The form of a value in the service's own JSON, without quotation marks.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default().trim_matches('"').to_owned()
}

/// What a device heard last: one of the two, if anything.
fn payload_or_error<'a>(payload: Option<&'a RawValue>, error: Option<&'a str>) -> &'a str {
    payload.map(RawValue::get).or(error).unwrap_or_default()
}

impl Devices {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match &self.registration_id {
            Some(id) => self.one(id).await?,
            None => self.all().await?,
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn all(&self) -> anyhow::Result<()> {
        let mut devices: Vec<Device> = Vec::new();
        let mut path = "/devices".to_owned();
        loop {
            let page: control::Devices = self.remote.get(&path).await?;
            devices.extend(page.devices);
            let Some(next) = page.next else { break };
            path = format!("/devices?after={}", segment(&next));
        }
        if self.remote.json {
            say!("{}", serde_json::to_string_pretty(&devices)?);
            return Ok(());
        }
        if devices.is_empty() {
            say!("no devices");
            return Ok(());
        }
        let mut table = table(&["device", "status", "hub", "device id", "how", "payload or error"]);
        for Device { state, assignment, .. } in &devices {
            let (hub, id) = assignment.as_ref().map_or(("", ""), |on| (&on.hub, &on.device_id));
            let substatus = state.substatus.as_ref().map(word).unwrap_or_default();
            let last = payload_or_error(state.payload.as_deref(), state.error_message.as_deref());
            table.add_row([&state.registration_id, &word(&state.status), hub, id, &substatus, last]);
        }
        say!("{table}\n{}", count(devices.len() as u64, "device"));
        Ok(())
    }

    async fn one(&self, id: &str) -> anyhow::Result<()> {
        let found: DeviceHistory = self.remote.get(&format!("/devices/{}", segment(id))).await?;
        if self.remote.json {
            say!("{}", serde_json::to_string_pretty(&found)?);
            return Ok(());
        }
        if let Some(device) = &found.device {
            say!("{}", serde_json::to_string_pretty(device)?);
        }
        let mut table = table(&["when", "status", "how", "from", "to", "payload or error"]);
        for Event { at, status, substatus, from, to, payload, error, .. } in &found.history {
            let how = substatus.as_ref().map(word).unwrap_or_default();
            let [from, to] = [from, to].map(|text| text.as_deref().unwrap_or_default());
            table.add_row([at, &word(status), &how, from, to, payload_or_error(payload.as_deref(), error.as_deref())]);
        }
        say!("{table}");
        Ok(())
    }
}

impl Trace {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let Some(id) = &self.registration_id else {
            let ids: Vec<String> = self.remote.get("/traces").await?;
            if self.remote.json {
                say!("{}", serde_json::to_string_pretty(&ids)?);
            } else if ids.is_empty() {
                say!("no traces");
            } else {
                ids.iter().for_each(|id| say!("{id}"));
            }
            return Ok(ExitCode::SUCCESS);
        };
        let trace: trace::Trace = self.remote.get(&format!("/traces/{}", segment(id))).await?;
        if self.remote.json {
            say!("{}", serde_json::to_string_pretty(&trace)?);
            return Ok(ExitCode::SUCCESS);
        }
        for step in &trace.steps {
            say!("{}  {}", step.at, step.text);
            if let Some(data) = &step.data {
                let text = serde_json::to_string_pretty(data)?;
                text.lines().for_each(|line| say!("    {line}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
