//! A local DPS, and a device of each kind that registers with it: the whole way, from the device to the policy and back.
//!
//! The DPS calls the demo's webhook as Azure's would. Devices reach it over TLS.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json, value::RawValue};

use super::{KEY, Options, TENANT, blocking};
use crate::{
    device::{Assigned, ClientCertificate, Device, Dps, Identity, Key, PLAIN, Patience, Registration},
    dps::{
        allocation::Hub,
        certificates::write_set,
        config::DpsConfig,
        file::EnrollmentsFile,
        server::{AUTHORITY_FILE, Server},
    },
    tpm::SoftwareTpm,
};

/// The policy that decides for all of them.
pub(super) const POLICY: &str = "by-model";
/// The linked hubs, named as the policy's table has them.
const HUBS: [&str; 3] =
    ["contoso-climate-1.azure-devices.net", "contoso-climate-2.azure-devices.net", "IoTPnPWS-Hub-1.azure-devices.net"];
/// The key of the group `phones`, in base64. No more of a secret than the webhook's.
pub(super) const GROUP_KEY: &str = "YmVydGgtZGVtby1ncm91cC1rZXk=";
/// How long a device tries.
const PATIENCE: Patience = Patience { outage: Duration::ZERO, whole: Duration::from_secs(60) };

/// Each device: its id, how it proves who it is, and its model.
const DEVICES: [(&str, Attestation, &str); 3] = [
    ("controller-1", Attestation::Tpm, "dtmi:com:example:TemperatureController;2"),
    ("thermostat-1", Attestation::X509, "dtmi:com:example:Thermostat;1"),
    ("phone-1", Attestation::SymmetricKey, "dtmi:azureiot:PhoneAsADevice;2"),
];

#[derive(Debug, Clone, Copy)]
enum Attestation {
    Tpm,
    X509,
    SymmetricKey,
}

impl Attestation {
    fn words(self) -> &'static str {
        match self {
            Self::Tpm => "TPM",
            Self::X509 => "X.509",
            Self::SymmetricKey => "symmetric key",
        }
    }
}

/// The running local DPS.
pub(super) struct LocalDps {
    server: Server,
    id_scope: String,
    folder: PathBuf,
}

/// A device that is to register.
pub(super) struct Planned {
    attestation: Attestation,
    device: Device,
}

/// A device and what it heard.
pub(super) struct Registered {
    pub(super) attestation: &'static str,
    /// What it sent.
    pub(super) payload: Box<RawValue>,
    pub(super) heard: Assigned,
}

/// Makes what each device proves itself with, in this folder, and the enrollments that know them by it.
pub(super) async fn plan(folder: &Path, webhook: SocketAddr) -> anyhow::Result<(Vec<Planned>, EnrollmentsFile)> {
    let folder = folder.to_owned();
    blocking(move || {
        let certified = DEVICES.iter().filter(|(_, attestation, _)| matches!(attestation, Attestation::X509));
        let certified: Vec<String> = certified.map(|(id, ..)| (*id).to_owned()).collect();
        write_set(&folder, &certified, &[])?;
        let devices = DEVICES.iter().map(|(id, attestation, model)| planned(&folder, id, *attestation, model));
        let devices = devices.collect::<anyhow::Result<Vec<_>>>()?;
        let enrollments = enrollments(&folder, &devices, webhook)?;
        Ok((devices, enrollments))
    })
    .await
}

fn planned(folder: &Path, id: &str, attestation: Attestation, model: &str) -> anyhow::Result<Planned> {
    let file = |kind: &str| folder.join(id).with_extension(kind);
    let identity = match attestation {
        Attestation::Tpm => Identity::Tpm(SoftwareTpm::open_or_make(&file("tpm"))?.0.into()),
        Attestation::X509 => Identity::Certificate(ClientCertificate::read(&file("pem"), &file("key"))?),
        Attestation::SymmetricKey => Identity::Key(Key::parse(GROUP_KEY)?.of_device(id)),
    };
    let payload = serde_json::value::to_raw_value(&json!({ "modelId": model }))?;
    Ok(Planned { attestation, device: Device { registration_id: id.to_owned(), identity, payload: Some(payload) } })
}

/// A TPM is enrolled by itself, the others by groups: all phones, and whoever has a certificate of this root's.
fn enrollments(folder: &Path, devices: &[Planned], webhook: SocketAddr) -> anyhow::Result<EnrollmentsFile> {
    let root = folder.join("root.pem");
    let root = std::fs::read_to_string(&root).with_context(|| format!("failed to read {}", root.display()))?;
    let url = format!("http://{webhook}/allocate/{TENANT}/{POLICY}?code={KEY}");
    let decided = |kind: &str, id: &str, attestation: Value| {
        json!({
            kind: id,
            "attestation": attestation,
            "allocationPolicy": "custom",
            "customAllocationDefinition": { "webhookUrl": url, "apiVersion": "2021-10-01" },
        })
    };
    let chips = devices.iter().filter_map(|Planned { device, .. }| match &device.identity {
        Identity::Tpm(tpm) => {
            let keys = json!({ "endorsementKey": STANDARD.encode(tpm.endorsement_key().to_bytes()) });
            Some(decided("registrationId", &device.registration_id, json!({ "type": "tpm", "tpm": keys })))
        }
        _ => None,
    });
    let x509 = json!({ "type": "x509", "x509": { "signingCertificates": { "primary": { "certificate": root } } } });
    let key = json!({ "type": "symmetricKey", "symmetricKey": { "primaryKey": GROUP_KEY, "secondaryKey": GROUP_KEY } });
    let file = json!({
        "enrollments": chips.collect::<Vec<_>>(),
        "enrollmentGroups": [
            decided("enrollmentGroupId", "thermostats", x509),
            decided("enrollmentGroupId", "phones", key),
        ],
    });
    serde_json::from_value(file).context("the demo's enrollments are not right")
}

impl LocalDps {
    /// Starts it with its files in this folder.
    pub(super) async fn start(
        options: &Options,
        folder: PathBuf,
        enrollments: EnrollmentsFile,
    ) -> anyhow::Result<Self> {
        let mut config = DpsConfig { data: folder.clone(), retry_after_seconds: 0, ..DpsConfig::default() };
        config.hubs = HUBS.map(|host| Hub { host_name: host.to_owned(), latency_ms: 0 }).into();
        config.listen = options.dps.clone();
        let server = Server::start(&config, enrollments).await.context(
            "failed to start the local DPS; --dps-listen, --dps-mqtt-listen and --dps-control-listen say where it listens",
        )?;
        Ok(Self { server, id_scope: config.id_scope, folder })
    }

    /// Where devices register.
    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}", self.server.https.port())
    }

    /// Where devices register over MQTT.
    pub(super) fn mqtt(&self) -> SocketAddr {
        self.server.mqtt
    }

    /// What `berth dps` asks.
    pub(super) fn control(&self) -> SocketAddr {
        self.server.control
    }

    /// The id scope that devices name.
    pub(super) fn id_scope(&self) -> &str {
        &self.id_scope
    }

    /// What devices trust.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join(AUTHORITY_FILE)
    }

    /// Registers the devices, one after another.
    pub(super) async fn register(&self, devices: Vec<Planned>) -> anyhow::Result<Vec<Registered>> {
        let dps = Dps::new(&self.url(), &self.id_scope, Some(&self.authority()))?;
        let mut all = Vec::new();
        for Planned { attestation, device } in devices {
            let registration =
                Registration { dps: &dps, device: &device, habits: &PLAIN, patience: PATIENCE, watch: &|_| {} };
            let id = &device.registration_id;
            let heard = registration.run().await.with_context(|| format!("{id} did not get a hub"))?;
            let payload = device.payload.unwrap_or_default();
            all.push(Registered { attestation: attestation.words(), payload, heard });
        }
        Ok(all)
    }

    /// Ends it.
    pub(super) async fn end(self) {
        self.server.run(std::future::ready(())).await;
    }
}
