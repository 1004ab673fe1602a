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
    catalogue::{LimitsSection, QuotasSection, Tokens, parse_toml, source::read_own},
    contract::Limits,
    http::Files,
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
    /// The engine that runs policies.
    pub engine: EngineSection,
    /// How much of the server one tenant may have. A tenant can only have less.
    pub quotas: QuotasSection,
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
    /// Milliseconds a start waits for policies to be verified. Then it serves without those that are not done: until they
    /// are, what they served last serves, or nothing.
    pub start_timeout_ms: u64,
}

impl Default for CatalogueSection {
    fn default() -> Self {
        Self { directory: "policies".into(), removal_grace_ms: 2000, start_timeout_ms: 10_000 }
    }
}

/// Berth's own memory: every version that served, what served last, compiled code.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DataSection {
    /// Its directory, relative to this file. One server at a time can use it. Never inside the catalogue's.
    pub directory: PathBuf,
    /// Versions that are kept of each policy, to go back to. The one that serves and the one before it always are.
    pub keep_versions: NonZeroU32,
}

impl Default for DataSection {
    fn default() -> Self {
        Self { directory: "berth-data".into(), keep_versions: nonzero(20) }
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
    /// Milliseconds a caller may take nothing of its answer.
    pub write_timeout_ms: NonZeroU64,
    /// Connections at the same time. Where there are more, those that are idle for longest are closed.
    pub max_connections: NonZeroU32,
    /// Connections of one address at the same time (of one /64 with IPv6), so that none can take them all. More are
    /// closed. Behind a proxy all connections have the proxy's address: allow it as many as there are.
    pub max_connections_per_peer: NonZeroU32,
    /// The certificate, if the webhook is to speak TLS itself. Without, it speaks plain HTTP, and a proxy before it has to
    /// speak TLS, since DPS calls `https://` only.
    pub tls: Option<TlsSection>,
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
            write_timeout_ms: nonzero(10_000).into(),
            max_connections: nonzero(4096),
            max_connections_per_peer: nonzero(1024),
            tls: None,
            version_header: true,
        }
    }
}

/// A listener's certificate. It is taken up again when the files change: written over, renamed into place, or behind a link
/// that is turned. What cannot be used is logged, and the one before serves on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsSection {
    /// The file of the certificate, relative to this file: PEM, followed by those of the authorities between it and a root.
    pub certificate: PathBuf,
    /// The file of its private key, relative to this file: PEM. Nobody but its owner should be able to read it.
    pub key: PathBuf,
}

impl From<&TlsSection> for Files {
    fn from(section: &TlsSection) -> Self {
        Self { certificate: section.certificate.clone(), key: section.key.clone() }
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
    /// Address and port. Without tokens only a loopback address is taken, since nobody is asked who they are; and only
    /// requests to `localhost` or an address are answered, so that no page in a browser makes them.
    pub listen: SocketAddr,
    /// The platform's tokens for the API: a name, which the history has, and `sha256:` with the hexadecimal SHA-256 digest
    /// of the token. With one, every call of the API needs a token.
    pub tokens: Tokens,
    /// The certificate, if the admin listener is to speak TLS.
    pub tls: Option<TlsSection>,
}

impl Default for AdminSection {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7072)), tokens: Tokens::default(), tls: None }
    }
}

/// The engine that runs policies.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSection {
    /// KiB of stack that each running policy has, for all tenants alike: the engine knows no other way. Enough for some ten
    /// thousand calls in one another.
    #[schemars(range(min = LEAST_STACK_KIB, max = MOST_STACK_KIB))]
    pub stack_kib: u16,
}

/// With less, not even what Berth calls of a policy could run.
const LEAST_STACK_KIB: u16 = 64;
/// Eight times what a thread commonly has, for every decision that is being made.
const MOST_STACK_KIB: u16 = 8192;

impl Default for EngineSection {
    fn default() -> Self {
        Self { stack_kib: 512 }
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
        let text = read_own(path)?;
        let mut config = Self::parse(&text).with_context(|| format!("{} is not a configuration", path.display()))?;
        if let Some(folder) = path.parent() {
            config.catalogue.directory = folder.join(&config.catalogue.directory);
            config.data.directory = folder.join(&config.data.directory);
            for tls in [&mut config.webhook.tls, &mut config.admin.tls].into_iter().flatten() {
                tls.certificate = folder.join(&tls.certificate);
                tls.key = folder.join(&tls.key);
            }
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
        let stack = config.engine.stack_kib;
        anyhow::ensure!(
            (LEAST_STACK_KIB..=MOST_STACK_KIB).contains(&stack),
            "engine.stack_kib is {stack}; it can be {LEAST_STACK_KIB} to {MOST_STACK_KIB}"
        );
        Ok(config)
    }

    /// The limits of one decision, for all tenants.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let stack = usize::from(self.engine.stack_kib) << 10;
        Limits { stack, ..self.limits.over(Limits::default()) }
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
            ("[engine]\nstack_kib = 16", "engine.stack_kib"),
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
