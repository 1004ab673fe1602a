//! `berth device register`: arguments in, devices out.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::{
    credential::{self, Credential},
    progress::{Crowd, Single},
    report,
};
use crate::{
    cli::{USAGE, output::told},
    device::{
        self, Device, Dps, EDGE, Failure, Habits, PLAIN, Patience, Registration,
        edge::Edge,
        fleet::Fleet,
        payload::{ID, NUMBER, Payloads, fill_in},
    },
};

/// The local DPS's own defaults.
const LOCAL: (&str, &str) = ("https://localhost:8443", "0ne00000000");

#[derive(Debug, Args)]
pub(in crate::cli) struct Register {
    /// The DPS [default: https://localhost:8443, the local one]
    #[arg(long, env = "BERTH_DPS", value_name = "URL")]
    dps: Option<String>,
    /// Its id scope [default: 0ne00000000, the local one's]
    #[arg(long, env = "BERTH_DPS_ID_SCOPE", value_name = "SCOPE")]
    id_scope: Option<String>,
    /// The authorities to trust, in PEM: of a local DPS, authority.pem in its data directory [default: those that the
    /// system trusts]
    #[arg(long, env = "BERTH_DPS_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    #[arg(long, value_name = "ID", help = concat!(
        "The device's registration id; of a fleet, ", number!(), " in it stands for the device's number [default: with \
         a certificate, its common name]"
    ))]
    registration_id: Option<String>,
    #[command(flatten)]
    credential: credential::Arguments,
    /// What the device says of itself: JSON, or a file that holds it
    #[arg(long, value_name = "JSON|FILE")]
    payload: Option<String>,
    #[arg(long, value_name = "FILE", conflicts_with = "payload", help = concat!(
        "A file with the payload of each device: ", number!(), " stands for its number, {id} for its registration id. \
         If it holds an array, devices take its elements in turn"
    ))]
    payload_template: Option<PathBuf>,
    /// The device's IoT Plug and Play model, put into the payload as its modelId
    #[arg(long, value_name = "DTMI")]
    model_id: Option<String>,
    /// Be the device of this IoT Edge configuration, and register as IoT Edge does. --dps, --id-scope and --payload take
    /// the place of what it says, --tpm is its TPM
    #[arg(long, value_name = "FILE", conflicts_with_all = ["registration_id", "payload_template", "count"])]
    config: Option<PathBuf>,
    /// Register so many devices, numbered from 1
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// How many of them register at a time. The local DPS takes a thousand connections
    #[arg(long, value_name = "NUMBER", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=900))]
    parallel: u16,
    /// Write what came of each device of a fleet to this file, a JSON object a line
    #[arg(long, value_name = "FILE", requires = "count")]
    results: Option<PathBuf>,
    /// Seconds to go on trying while the DPS is away, throttles or fails [default: 10, of a fleet 300]
    #[arg(long, value_name = "SECONDS")]
    retry_for: Option<u64>,
    /// Seconds that a registration may take in all
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Who registers.
enum Who {
    One(Box<Device>),
    Many { count: u64, parallel: usize, devices: Devices, results: Option<PathBuf> },
}

/// The devices of a command.
struct Devices {
    registration_id: Option<String>,
    credential: Credential,
    payloads: Payloads,
}

/// All that the arguments come to.
struct Plan {
    dps: Dps,
    habits: Habits,
    patience: Patience,
    who: Who,
    json: bool,
}

impl Devices {
    fn device(&self, number: u64) -> anyhow::Result<Device> {
        let id = self.registration_id.as_deref().map(|id| fill_in(id, number, ""));
        let (registration_id, identity) = self.credential.identity(number, id.as_deref())?;
        let payload = self.payloads.of(number, &registration_id)?;
        Ok(Device { registration_id, identity, payload })
    }
}

impl Register {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let plan = match self.plan() {
            Ok(plan) => plan,
            Err(error) => {
                eprintln!("error: {}", told(&error));
                return Ok(ExitCode::from(USAGE));
            }
        };
        let runtime = tokio::runtime::Runtime::new().context("failed to start the runtime")?;
        runtime.block_on(plan.run())
    }

    fn plan(self) -> anyhow::Result<Plan> {
        let outage = self.retry_for.unwrap_or(if self.count.is_some() { 300 } else { 10 });
        let patience = Patience { outage: Duration::from_secs(outage), whole: Duration::from_secs(self.timeout) };
        let json = self.json;
        let place = (self.dps.clone(), self.id_scope.clone(), self.ca.clone());
        let (habits, from_file, who) = match self.config.clone() {
            Some(path) => {
                let edge = self.edge(&path)?;
                (EDGE, Some((edge.global_endpoint, edge.id_scope)), Who::One(Box::new(edge.device)))
            }
            None => (PLAIN, None, self.who()?),
        };
        let (url, scope) = from_file.unwrap_or_else(|| (LOCAL.0.to_owned(), LOCAL.1.to_owned()));
        let (dps, id_scope, ca) = place;
        let dps = Dps::new(&dps.unwrap_or(url), &id_scope.unwrap_or(scope), ca.as_deref());
        Ok(Plan { dps: dps.context("where to register (--dps, --ca)")?, habits, patience, who, json })
    }

    /// The device of an IoT Edge configuration.
    fn edge(self, path: &Path) -> anyhow::Result<Edge> {
        ensure!(
            !self.credential.has_other_than_tpm(),
            "the configuration says how the device proves who it is: leave --symmetric-key, --group-key and --cert out \
             (and BERTH_DEVICE_KEY, BERTH_DEVICE_GROUP_KEY)"
        );
        let mut edge = Edge::read(path, self.credential.tpm.as_deref())?;
        if self.payload.is_some() || self.model_id.is_some() {
            edge.device.payload = self.payloads()?.of(1, &edge.device.registration_id)?;
        }
        Ok(edge)
    }

    fn who(self) -> anyhow::Result<Who> {
        let payloads = self.payloads()?;
        let id = self.registration_id;
        let tells_apart = |id: &Option<String>| id.as_ref().is_none_or(|id| id.contains(NUMBER));
        ensure!(
            self.count.is_none() || tells_apart(&id),
            "the devices of a fleet need ids of their own: put {NUMBER} into --registration-id, as in device-{NUMBER}"
        );
        let devices = Devices { registration_id: id, credential: self.credential.credential()?, payloads };
        // What is wrong with the first is most likely wrong with all.
        let first = devices.device(1)?;
        Ok(match self.count {
            None => Who::One(Box::new(first)),
            Some(count) => Who::Many { count, parallel: self.parallel.into(), devices, results: self.results },
        })
    }

    fn payloads(&self) -> anyhow::Result<Payloads> {
        let payloads = match (&self.payload, &self.payload_template) {
            (Some(text), _) if text.trim_start().starts_with(['{', '[', '"']) => {
                self.same_for_all(text)?;
                Payloads::fixed(text).context("--payload is neither JSON nor a file")?
            }
            (Some(file), _) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("failed to read {file}: --payload is JSON, or a file that holds it"))?;
                self.same_for_all(&text)?;
                Payloads::fixed(&text).with_context(|| format!("{file} (--payload) is not right"))?
            }
            (None, Some(file)) => {
                let file = file.display();
                let text = std::fs::read_to_string(file.to_string())
                    .with_context(|| format!("failed to read {file} (--payload-template)"))?;
                let payloads = Payloads::template(&text);
                payloads.of(1, "id").with_context(|| format!("{file} (--payload-template) is not right"))?;
                payloads
            }
            (None, None) => Payloads::default(),
        };
        Ok(payloads.with_model(self.model_id.clone()))
    }

    /// Refuses what looks as if it were to be another for each device of a fleet.
    fn same_for_all(&self, payload: &str) -> anyhow::Result<()> {
        ensure!(
            self.count.is_none() || !(payload.contains(NUMBER) || payload.contains(ID)),
            "--payload is the same for all devices: {NUMBER} and {ID} are filled in by --payload-template FILE"
        );
        Ok(())
    }
}

impl Plan {
    async fn run(self) -> anyhow::Result<ExitCode> {
        self.dps.look_up().await?;
        match self.who {
            Who::One(device) => {
                let progress = Single::new(&device.registration_id);
                let watch = |step: device::Step<'_>| progress.hear(step);
                let registration = Registration {
                    dps: &self.dps,
                    device: &device,
                    habits: &self.habits,
                    patience: self.patience,
                    watch: &watch,
                };
                let result = registration.run().await;
                progress.end();
                report::one(&device.registration_id, result, self.json)
            }
            Who::Many { count, parallel, devices, results } => {
                let crowd = Arc::new(Crowd::new(count, results.as_deref())?);
                let Self { dps, habits, patience, .. } = self;
                let fleet = Fleet { dps, habits, patience, count, parallel };
                let device = move |number| {
                    // Files are read, and a TPM's keys take a while to be.
                    let device = tokio::task::block_in_place(|| devices.device(number));
                    device.map_err(|error| {
                        let id = devices.registration_id.as_deref().map(|id| fill_in(id, number, ""));
                        (id.unwrap_or_else(|| format!("device {number}")), Failure::Device(format!("{error:#}")))
                    })
                };
                let summary = fleet.run(device, crowd.clone()).await;
                crowd.end()?;
                if summary.devices != count {
                    bail!("{} of {count} registrations ended: this is a mistake of Berth's", summary.devices);
                }
                report::many(&summary, self.json)
            }
        }
    }
}
