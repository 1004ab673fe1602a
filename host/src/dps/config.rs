//! `dps.toml`: the configuration of the local DPS. Every key has a default, unknown ones are errors.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::{NonZeroU32, NonZeroU64},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{allocation::Hub, service::Policy};

/// `dps.toml`: the local DPS. Every key is optional.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DpsConfig {
    /// The id scope that devices name.
    pub id_scope: String,
    /// The directory of its data file, its certificates and its connection string, relative to this file.
    pub data: PathBuf,
    /// Whole seconds after which a device is told to ask again. Clients take at least 2; 0 suits tests.
    pub retry_after_seconds: u32,
    /// How many times faster than the real service it waits before it tries a webhook again.
    pub clock_speed: NonZeroU32,
    /// The linked hubs: names only, nothing has to be there.
    pub hubs: Vec<Hub>,
    /// Where it listens.
    pub listen: ListenSection,
    /// The certificate of the listeners for devices.
    pub tls: TlsSection,
    /// How webhooks are called.
    pub webhook: WebhookSection,
    /// Shared access policies of the service API. Without any, a policy `provisioningserviceowner` is made, and its
    /// connection string is in the data directory.
    pub policies: Vec<Policy>,
}

impl Default for DpsConfig {
    fn default() -> Self {
        Self {
            id_scope: "0ne00000000".into(),
            data: "dps-data".into(),
            retry_after_seconds: 2,
            clock_speed: NonZeroU32::MIN,
            hubs: Vec::new(),
            listen: ListenSection::default(),
            tls: TlsSection::default(),
            webhook: WebhookSection::default(),
            policies: Vec::new(),
        }
    }
}

/// Where the local DPS listens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListenSection {
    /// HTTPS for devices and the service API, and MQTT over WebSocket. Clients that cannot be told a port want 443.
    pub https: SocketAddr,
    /// MQTT on TLS. Clients that cannot be told a port want 8883.
    pub mqtt: SocketAddr,
    /// What `berth dps` asks. A loopback address, since nobody is asked who they are.
    pub control: SocketAddr,
}

impl Default for ListenSection {
    fn default() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { https: local(8443), mqtt: local(8883), control: local(7073) }
    }
}

/// The certificate of the listeners for devices.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSection {
    /// Its chain in PEM, relative to this file. Without it one is made for `localhost`, signed by an authority that is in
    /// the data directory for clients to trust.
    pub certificate: Option<PathBuf>,
    /// Its private key in PEM, relative to this file.
    pub private_key: Option<PathBuf>,
}

/// How webhooks are called.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSection {
    /// Milliseconds a webhook may take to answer. DPS's own limit is not documented; a cold Azure Function takes seconds.
    pub timeout_ms: NonZeroU64,
    /// The certificate of a private authority to trust besides the system's, in PEM, relative to this file.
    pub authority: Option<PathBuf>,
}

impl Default for WebhookSection {
    fn default() -> Self {
        Self { timeout_ms: NonZeroU64::new(30_000).unwrap_or(NonZeroU64::MIN), authority: None }
    }
}

impl DpsConfig {
    /// Reads the text of a file. Paths in it stay as they are.
    ///
    /// # Errors
    ///
    /// If it holds what it should not.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Reads a file. Paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or holds what it should not.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        let mut config = Self::parse(&text).with_context(|| format!("{} is not right", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.data = folder.join(&config.data);
        let files = [&mut config.tls.certificate, &mut config.tls.private_key, &mut config.webhook.authority];
        for file in files.into_iter().flatten() {
            *file = folder.join(&file);
        }
        Ok(config)
    }

    /// Checks what can be wrong before anything is begun.
    ///
    /// # Errors
    ///
    /// Says which key is wrong and what to do.
    pub fn check(&self) -> anyhow::Result<()> {
        let is_scope = |scope: &str| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_alphanumeric());
        ensure!(is_scope(&self.id_scope), "id_scope has to be letters and digits, such as 0ne00000000");
        ensure!(
            self.listen.control.ip().is_loopback(),
            "listen.control has to be a loopback address: whoever reaches it may change everything"
        );
        ensure!(
            self.tls.certificate.is_some() == self.tls.private_key.is_some(),
            "tls.certificate and tls.private_key belong together: give both or none"
        );
        for (place, hub) in self.hubs.iter().enumerate() {
            let name = &hub.host_name;
            let is_twice = self.hubs.iter().take(place).any(|other| other.host_name.eq_ignore_ascii_case(name));
            ensure!(!name.is_empty() && !is_twice, "hubs: {name:?} is empty, or there twice");
        }
        for policy in &self.policies {
            ensure!(STANDARD.decode(&policy.key).is_ok(), "policies: the key of {} is not base64", policy.name);
        }
        Ok(())
    }
}
