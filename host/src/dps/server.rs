//! The local DPS put together: data file, listeners, certificates.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    allocation::Webhook,
    certificates::{self, Authority},
    clock::Clock,
    config::{DpsConfig, TlsSection},
    control,
    file::EnrollmentsFile,
    https::{self, Https},
    listener::{self, Bounds},
    mqtt::{self, Mqtt},
    registrar::{Instance, Registrar},
    service::Policy,
    store::Store,
    tls,
};

/// What a client of the local DPS's own certificate has to trust, in the data directory.
pub const AUTHORITY_FILE: &str = "authority.pem";
/// What service clients connect with, in the data directory.
pub const CONNECTION_FILE: &str = "connection-string.txt";
/// The policy that is made if none is configured.
const OWNER: &str = "provisioningserviceowner";

/// A running local DPS. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    /// Where HTTPS and MQTT over WebSocket are.
    pub https: SocketAddr,
    /// Where MQTT is.
    pub mqtt: SocketAddr,
    /// Where the control listener is.
    pub control: SocketAddr,
    stop: CancellationToken,
    listeners: JoinSet<()>,
}

impl Server {
    /// Opens the data file, stores the enrollments given, binds the ports and answers.
    ///
    /// # Errors
    ///
    /// If the configuration or an enrollment makes no sense, a file cannot be used or a port cannot be bound.
    pub async fn start(config: &DpsConfig, enrollments: EnrollmentsFile) -> anyhow::Result<Self> {
        Self::bounded(config, enrollments, Bounds::default()).await
    }

    async fn bounded(config: &DpsConfig, enrollments: EnrollmentsFile, bounds: Bounds) -> anyhow::Result<Self> {
        config.check()?;
        let data = &config.data;
        let store = Store::open(data).with_context(|| format!("failed to open {} (data)", data.display()))?;
        let timeout = Duration::from_millis(config.webhook.timeout_ms.get());
        let webhook = Webhook::new(config.webhook.authority.as_deref(), timeout)?;
        let instance = Instance {
            id_scope: config.id_scope.clone(),
            hubs: config.hubs.clone(),
            retry_after: config.retry_after_seconds,
            clock: Clock::new(config.clock_speed.get()),
        };
        let registrar = Registrar::new(instance, store, webhook);
        enrollments.store(&registrar).await?;

        let tls = acceptor(&config.tls, data)?;
        let https_socket = bind(config.listen.https, "https").await?;
        let mqtt_socket = bind(config.listen.mqtt, "mqtt").await?;
        let control_socket = bind(config.listen.control, "control").await?;
        let addresses = [&https_socket, &mqtt_socket, &control_socket].map(TcpListener::local_addr);
        let [https, mqtt, control] = addresses;
        let (https, mqtt, control) = (https?, mqtt?, control?);
        let policies = policies(config, data, https)?;

        let stop = CancellationToken::new();
        let mut listeners = JoinSet::new();
        let speaker = Mqtt::new(registrar.clone(), mqtt::Patience::default(), stop.clone());
        let router = Https::new(registrar.clone(), policies).router(mqtt::router(speaker.clone()));
        let ends = stop.clone();
        let answer = move |device| https::converse(device, router.clone(), ends.clone());
        listeners.spawn(listener::serve(https_socket, tls.clone(), bounds, stop.clone(), answer));
        let answer = move |device| speaker.clone().answer(device);
        listeners.spawn(listener::serve(mqtt_socket, tls, bounds, stop.clone(), answer));
        let ends = stop.clone().cancelled_owned();
        let router = control::router(registrar);
        listeners.spawn(async move {
            // Binding is what can fail, and that is done.
            let _ = axum::serve(control_socket, router).with_graceful_shutdown(ends).await;
        });
        if config.hubs.is_empty() {
            warn!("no hub is linked, so no device can be assigned: name hubs with --hub or in hubs of dps.toml");
        }
        info!(%https, %mqtt, %control, id_scope = config.id_scope, "the local DPS is ready");
        Ok(Self { https, mqtt, control, stop, listeners })
    }

    /// Runs until told to by `shutdown`, then lets connections end.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        shutdown.await;
        info!("the local DPS stops");
        self.stop.cancel();
        while self.listeners.join_next().await.is_some() {}
    }
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("failed to bind {address}: choose another with listen.{key} or its option"))
}

/// The configured certificate, or one made for this machine and kept in the data directory.
fn acceptor(section: &TlsSection, data: &Path) -> anyhow::Result<TlsAcceptor> {
    let (certificate, key) = match (&section.certificate, &section.private_key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        _ => (data.join("server.pem"), data.join("server.key")),
    };
    let authority = data.join(AUTHORITY_FILE);
    let is_own = section.certificate.is_none();
    if is_own && certificate.is_file() && key.is_file() {
        ensure!(
            authority.is_file(),
            "{} is gone, and clients have to trust it: put it back, or remove {} and {} to have all three made anew",
            authority.display(),
            certificate.display(),
            key.display()
        );
    } else if is_own {
        let root = Authority::root("Berth local DPS")?;
        let names = ["localhost", "127.0.0.1", "127.0.0.2", "::1"].map(str::to_owned);
        let made = root.server(&names)?;
        certificates::publish(&authority, &root.pem())?;
        certificates::publish(&certificate, &made.chain)?;
        certificates::write(&key, &made.key)?;
    }
    let wrong = |file: &Path| format!("{} holds no certificate or no private key in PEM", file.display());
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| wrong(&certificate))?;
    let private = PrivateKeyDer::from_pem_file(&key).with_context(|| wrong(&key))?;
    tls::acceptor(chain, private).with_context(|| format!("{} cannot be used", certificate.display()))
}

/// The configured policies, or one made on the first start; and the first one's connection string, written down.
fn policies(config: &DpsConfig, data: &Path, https: SocketAddr) -> anyhow::Result<Vec<Policy>> {
    let file = data.join(CONNECTION_FILE);
    if let Some(first) = config.policies.first() {
        certificates::write(&file, &connection_string(first, https))?;
        return Ok(config.policies.clone());
    }
    let kept = fs::read_to_string(&file).ok();
    let kept = kept.as_deref().and_then(|text| text.trim().rsplit_once("SharedAccessKey="));
    let key = match kept {
        Some((_, key)) if STANDARD.decode(key).is_ok() => key.to_owned(),
        _ => {
            let mut key = [0; 32];
            getrandom::fill(&mut key).context("the system gave no random bytes")?;
            STANDARD.encode(key)
        }
    };
    let policy = Policy { name: OWNER.into(), key, permissions: Vec::new() };
    certificates::write(&file, &connection_string(&policy, https))?;
    Ok(vec![policy])
}

fn connection_string(policy: &Policy, https: SocketAddr) -> String {
    let Policy { name, key, .. } = policy;
    let host = if https.port() == 443 { "localhost".to_owned() } else { format!("localhost:{}", https.port()) };
    format!("HostName={host};SharedAccessKeyName={name};SharedAccessKey={key}\n")
}

#[cfg(test)]
mod tests;
