//! A running local DPS and what is around it: enrollments, a webhook, devices.
//!
//! - [`Setup`] and [`LocalDps`]: the real `berth dps serve`, in a folder of its own. [`Ended`]: commands run there.
//! - [`Webhook`]: answers as told, in their order, and then as whoever stands behind it.
//! - [`keys`]: symmetric keys and what is signed with them.
//! - [`Wire`], [`device`] and [`mqtt`]: a device's bytes, as it sends them; [`LocalDps::service`]: a service client's. [`clients`]: devices with official clients.

pub mod clients;
mod command;
pub mod device;
pub mod keys;
pub mod mqtt;
mod service;
mod setup;
mod shared;
mod webhook;
mod wire;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{Answer, Ask, binary, log::Log, within_patience};

pub use command::Ended;
pub use setup::Setup;
pub use shared::{by_model, by_model_url};
pub use webhook::Webhook;
pub use wire::Wire;

/// The id scope of every local DPS of the tests: the one that devices name if they are told none.
pub const ID_SCOPE: &str = "0ne00000000";
/// The hub for climate, of which the policy `by-model` knows.
pub const CLIMATE: &str = "contoso-climate-1.azure-devices.net";
/// The hub for phones.
pub const PHONES: &str = "IoTPnPWS-Hub-20210726.azure-devices.net";

/// What its log says once it can be used.
const READY: &str = "the local DPS is ready";

/// An individual enrollment with a symmetric key, for which this webhook decides.
#[must_use]
pub fn individual(id: &str, attestation: Value, webhook: &str) -> Value {
    custom(json!({ "registrationId": id, "attestation": attestation }), webhook)
}

/// A group for which this webhook decides.
#[must_use]
pub fn group(id: &str, attestation: Value, webhook: &str) -> Value {
    custom(json!({ "enrollmentGroupId": id, "attestation": attestation }), webhook)
}

/// An enrollment for which this webhook decides.
#[must_use]
pub fn custom(mut enrollment: Value, webhook: &str) -> Value {
    enrollment["allocationPolicy"] = json!("custom");
    enrollment["customAllocationDefinition"] = json!({ "webhookUrl": webhook, "apiVersion": "2021-10-01" });
    enrollment
}

/// A running `berth dps serve`, killed when dropped.
pub struct LocalDps {
    child: Child,
    log: Log,
    https: SocketAddr,
    mqtt: SocketAddr,
    control: SocketAddr,
    authority: String,
    authority_file: PathBuf,
    folder: TempDir,
    options: Vec<String>,
}

impl LocalDps {
    /// `berth dps serve` in this folder with these options, each followed by its value. What its clients have to trust is in the file `authority`
    /// there.
    ///
    /// # Panics
    ///
    /// If it does not become ready.
    pub async fn serving(folder: TempDir, authority: &str, options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let (child, log) = start(folder.path(), &options);
        let ready = log.next("the local DPS ready", |line| line.message() == READY).await;
        let address = |field: &str| ready.text(field).parse().expect("an address");
        let (https, mqtt, control) = (address("https"), address("mqtt"), address("control"));
        let authority_file = folder.path().join(authority);
        let authority = fs::read_to_string(&authority_file).expect("an authority");
        Self { child, log, https, mqtt, control, authority, authority_file, folder, options }
    }

    /// Kills it as a power failure does, and starts it again where it was.
    ///
    /// # Panics
    ///
    /// If it does not end, or not become ready again.
    pub async fn is_killed_and_restarted(&mut self) {
        within_patience("the local DPS's end", self.child.kill()).await.expect("it ends");
        let places = [("--listen", self.https), ("--mqtt-listen", self.mqtt), ("--control-listen", self.control)];
        let is_place = |option: &str| places.iter().any(|(name, _)| *name == option);
        // An option and its value, as all are.
        let kept = self.options.chunks(2).filter(|pair| !is_place(&pair[0])).flatten().cloned();
        let given = places.iter().flat_map(|(name, address)| [(*name).to_owned(), address.to_string()]);
        self.options = kept.chain(given).collect();
        (self.child, self.log) = start(self.folder.path(), &self.options);
        self.log.next("the local DPS ready", |line| line.message() == READY).await;
    }

    /// What clients have to trust, in PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The same as a file.
    #[must_use]
    pub fn authority_file(&self) -> &Path {
        &self.authority_file
    }

    /// The folder of its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where HTTPS and MQTT over WebSocket are.
    #[must_use]
    pub fn https(&self) -> SocketAddr {
        self.https
    }

    /// Where MQTT is.
    #[must_use]
    pub fn mqtt(&self) -> SocketAddr {
        self.mqtt
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The URL at which devices register.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.https.port())
    }

    /// The URL of its control listener.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// The name that clients call it by.
    #[must_use]
    pub fn host(&self) -> String {
        self.https.ip().to_string()
    }

    /// What a service client connects with: the host as clients call it, and the name and the key of a policy.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn connection_string(&self) -> String {
        let written = fs::read_to_string(self.folder.path().join("dps-data/connection-string.txt")).expect("a file");
        let (_, rest) = written.trim().split_once(';').expect("a connection string");
        format!("HostName={};{rest}", self.host())
    }

    /// A GET of this path of the control listener.
    pub async fn control(&self, path: &str) -> Answer {
        Ask::path(self.control, path).by(hyper::Method::GET).await
    }

    /// Switches these faults on, and all others off.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub async fn faults(&self, faults: Value) {
        let ask = Ask::path(self.control, "/faults").by(hyper::Method::PUT).header("content-type", "application/json");
        let answer = ask.with(faults.to_string()).await;
        assert_eq!((answer.status, answer.json()), (200, faults));
    }

    /// How a device's last registration ended, and where the device is.
    ///
    /// # Panics
    ///
    /// If it never registered.
    pub async fn device(&self, registration_id: &str) -> Value {
        let answer = self.control(&format!("/devices/{registration_id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["device"].clone()
    }
}

/// Starts it in this folder.
fn start(folder: &Path, options: &[String]) -> (Child, Log) {
    let mut child = Command::new(binary())
        .args(["dps", "serve", "--log-format", "json"])
        .args(options)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the local DPS starts");
    let log = Log::of(child.stderr.take().expect("a pipe"));
    (child, log)
}
