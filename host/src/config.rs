//! `berth.toml`: the server's configuration.
//!
//! Every key has a default, so that an empty file is a whole configuration. Unknown keys are errors, and everything is
//! checked before a port is bound.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::{NonZeroU32, NonZeroU64},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    catalogue::{LimitsSection, Tokens, parse_toml},
    telemetry::LogFormat,
};

/// `berth.toml`: the server's configuration. Every key is optional.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The catalogue of tenants and policies.
    pub catalogue: CatalogueSection,
    /// Berth's own memory.
    pub data: DataSection,
    /// The listener DPS calls.
    pub webhook: WebhookSection,
    /// The listener for probes and the API, which is never the webhook's.
    pub admin: AdminSection,
    /// Limits of one decision, for all tenants. A tenant and a policy can only tighten them.
    pub limits: LimitsSection,
    /// The log, which goes to standard error.
    pub log: LogSection,
}

/// The catalogue of tenants and policies.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogueSection {
    /// Its directory, relative to this file.
    pub directory: PathBuf,
    /// Milliseconds a tenant or a policy has to be gone from the directory before it counts as removed. If the directory
    /// itself is gone or empty, nothing counts as removed.
    pub removal_grace_ms: u64,
}

impl Default for CatalogueSection {
    fn default() -> Self {
        Self { directory: "policies".into(), removal_grace_ms: 2000 }
    }
}

/// Berth's own memory: every version that served, what served last, compiled code.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DataSection {
    /// Its directory, relative to this file. One server at a time can use it. Never inside the catalogue's.
    pub directory: PathBuf,
}

impl Default for DataSection {
    fn default() -> Self {
        Self { directory: "berth-data".into() }
    }
}

/// The listener DPS calls.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSection {
    /// Address and port. Port 7071 is the one Azure Functions uses locally.
    pub listen: SocketAddr,
    /// Bytes of a request's body. DPS's messages have at most 96 KiB; the enrollment comes on top.
    pub max_body_bytes: NonZeroU32,
    /// Milliseconds a connection may take to send the head of a request, or stay idle between two.
    pub head_timeout_ms: NonZeroU64,
    /// Milliseconds a request's body may take to arrive.
    pub body_timeout_ms: NonZeroU64,
    /// Milliseconds that requests in flight may take once the server is told to stop.
    pub drain_timeout_ms: NonZeroU64,
    /// Connections at the same time. More wait to be accepted.
    pub max_connections: NonZeroU32,
    /// Whether a decision's answer names its version, in the header `x-berth-version`.
    pub version_header: bool,
}

impl Default for WebhookSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7071)),
            max_body_bytes: nonzero(256 << 10),
            head_timeout_ms: nonzero(30_000).into(),
            body_timeout_ms: nonzero(5_000).into(),
            drain_timeout_ms: nonzero(10_000).into(),
            max_connections: nonzero(4096),
            version_header: true,
        }
    }
}

/// For constants written above zero.
fn nonzero(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// The listener for probes and the API.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdminSection {
    /// Address and port. Without tokens only a loopback address is taken, since nobody is asked who they are.
    pub listen: SocketAddr,
    /// The platform's tokens for the API: a name, which the history has, and `sha256:` with the hexadecimal SHA-256 digest
    /// of the token. With one, every call of the API needs a token.
    pub tokens: Tokens,
}

impl Default for AdminSection {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7072)), tokens: Tokens::default() }
    }
}

/// The log.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// The form of its lines: `auto` is for people on a terminal and JSON elsewhere.
    pub format: LogFormat,
    /// What is logged: a level, or levels by module. `debug` shows every decision.
    pub filter: String,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { format: LogFormat::default(), filter: "info,notify=warn".to_owned() }
    }
}

impl Config {
    /// Reads a configuration file. Paths in it are relative to it.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is not a configuration; the text names file, line and key.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        let mut config = Self::parse(&text).with_context(|| format!("{} is not a configuration", path.display()))?;
        if let Some(folder) = path.parent() {
            config.catalogue.directory = folder.join(&config.catalogue.directory);
            config.data.directory = folder.join(&config.data.directory);
        }
        Ok(config)
    }

    /// Reads the text of a configuration file.
    ///
    /// # Errors
    ///
    /// If it is not TOML of this form.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let config: Self = parse_toml(text)?;
        config.limits.check()?;
        Ok(config)
    }

    /// Checks what the form alone does not.
    ///
    /// # Errors
    ///
    /// If the server cannot run like this; the text names the key.
    pub fn check(&self) -> anyhow::Result<()> {
        let admin = self.admin.listen;
        anyhow::ensure!(
            admin.ip().is_loopback() || !self.admin.tokens.is_empty(),
            "admin.listen is {admin}, but without admin.tokens nobody is asked who they are: set a token, or stay on a \
             loopback address such as 127.0.0.1:7072"
        );
        anyhow::ensure!(
            self.webhook.listen != admin || admin.port() == 0,
            "webhook.listen and admin.listen are both {admin}; they have to differ"
        );
        let directory = &self.catalogue.directory;
        anyhow::ensure!(
            !self.data.directory.starts_with(directory),
            "data.directory {} lies in the catalogue's {}; Berth's memory has to lie elsewhere",
            self.data.directory.display(),
            directory.display()
        );
        // With a memory, what served last serves without it.
        anyhow::ensure!(
            directory.is_dir() || self.data.directory.is_dir(),
            "the catalogue {} is not a directory: create it, or name another with catalogue.directory or --catalogue",
            directory.display()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_a_whole_configuration() {
        let config = Config::parse("").unwrap();
        assert_eq!(config.webhook.listen.to_string(), "127.0.0.1:7071");
        assert_eq!(config.admin.listen.to_string(), "127.0.0.1:7072");
    }

    #[test]
    fn errors_name_the_key() {
        for (text, named) in [
            ("[webhok]", "webhok"),
            ("[webhook]\nport = 1", "port"),
            ("[webhook]\nmax_body_bytes = 0", "max_body_bytes"),
            ("[log]\nformat = \"xml\"", "format"),
        ] {
            let error = format!("{:#}", Config::parse(text).unwrap_err());
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn an_open_admin_listener_is_refused() {
        let config = Config::parse("[admin]\nlisten = \"0.0.0.0:7072\"").unwrap();
        assert!(config.check().unwrap_err().to_string().starts_with("admin.listen"));
    }
}
