//! A DPS as devices reach it: over TLS, whose authority they were told.

use std::{error::Error as StdError, path::Path, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{HeaderMap, Method, Request, Uri, body::Bytes, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use thiserror::Error;

use super::{ClientCertificate, Identity};

/// Bytes of an answer. DPS's own messages have at most 96 KiB.
const MOST_BYTES: usize = 1 << 20;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A DPS cannot be used as it was given.
#[derive(Debug, Error)]
pub enum DpsError {
    /// Not a URL of a DPS.
    #[error("{0} is not the URL of a DPS, such as https://global.azure-devices-provisioning.net: https, no path")]
    Url(String),
    /// The host has no address.
    #[error("{host} has no address: check the name of the DPS")]
    Unknown {
        /// The host.
        host: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file of authorities.
    #[error("{0} holds no certificate of an authority in PEM")]
    Authority(String),
    /// There is nobody to trust.
    #[error("the system trusts no authority: name one to trust")]
    NoAuthority,
    /// The TLS library says no, for example to a private key that is another certificate's.
    #[error("TLS cannot be set up with these certificates")]
    Tls(#[from] rustls::Error),
}

/// Where devices register. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Dps {
    /// Scheme and authority, without a slash at the end.
    base: String,
    pub(super) id_scope: String,
    roots: Arc<RootCertStore>,
    /// For devices without a certificate: they can share what TLS remembers.
    connector: HttpsConnector<HttpConnector>,
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn tls(roots: &Arc<RootCertStore>) -> Result<Builder, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots.clone()))
}

fn connector(tls: ClientConfig) -> HttpsConnector<HttpConnector> {
    HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build()
}

impl Dps {
    /// The DPS at this URL; `authority` is a PEM file of whom to trust instead of whom the system trusts.
    ///
    /// # Errors
    ///
    /// If it is no URL of a DPS, or there is nobody to trust.
    pub fn new(url: &str, id_scope: &str, authority: Option<&Path>) -> Result<Self, DpsError> {
        let is_dps = |uri: &Uri| uri.scheme_str() == Some("https") && uri.host().is_some() && uri.path() == "/";
        let uri = url.parse::<Uri>().ok().filter(is_dps).filter(|uri| uri.query().is_none());
        let authority_of_url = uri.as_ref().and_then(Uri::authority).filter(|part| !part.as_str().contains('@'));
        let base = authority_of_url.map(|part| format!("https://{part}"));
        let base = base.ok_or_else(|| DpsError::Url(url.to_owned()))?;
        let roots = Arc::new(trusted(authority)?);
        let connector = connector(tls(&roots)?.with_no_client_auth());
        Ok(Self { base, id_scope: id_scope.to_owned(), roots, connector })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Looks its host up, so that a name that is wrong is not waited for.
    ///
    /// # Errors
    ///
    /// If it has no address.
    pub async fn look_up(&self) -> Result<(), DpsError> {
        let uri = self.base.parse::<Uri>().map_err(|_| DpsError::Url(self.base.clone()))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let found = tokio::net::lookup_host((host.as_str(), uri.port_u16().unwrap_or(443))).await.map(|_| ());
        found.map_err(|source| DpsError::Unknown { host, source })
    }

    /// A line of a device's own: it keeps one connection as long as both ends like.
    pub(super) fn line(&self, identity: &Identity) -> Result<Line, DpsError> {
        let connector = match identity {
            Identity::Certificate(ClientCertificate { chain, key }) => {
                connector(tls(&self.roots)?.with_client_auth_cert(chain.clone(), key.clone_key())?)
            }
            Identity::Key(_) | Identity::Tpm(_) => self.connector.clone(),
        };
        Ok(Line { client: Client::builder(TokioExecutor::new()).build(connector), base: self.base.clone() })
    }
}

fn trusted(authority: Option<&Path>) -> Result<RootCertStore, DpsError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = authority else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() { Err(DpsError::NoAuthority) } else { Ok(roots) };
    };
    let wrong = || DpsError::Authority(path.display().to_string());
    let pem = std::fs::read(path).map_err(|_| wrong())?;
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    if roots.is_empty() { Err(wrong()) } else { Ok(roots) }
}

/// What a DPS answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    /// After how long to ask again, if it says.
    pub retry_after: Option<Duration>,
    pub body: Bytes,
}

/// There was no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// It may come if it is asked for again.
    Transient(String),
    /// The certificate of the DPS is not to be trusted.
    Untrusted(String),
    /// Whoever is there does not speak TLS.
    NotTls(String),
}

/// One device's way to a DPS.
#[derive(Debug)]
pub(super) struct Line {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
}

impl Line {
    /// Asks once. `headers` that are empty are left out.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: Bytes,
    ) -> Result<Answer, Unanswered> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, *value);
        }
        let request = request.body(Full::new(body)).map_err(|error| Unanswered::Transient(error.to_string()))?;
        match tokio::time::timeout(TIMEOUT, self.answer(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Unanswered::Transient(format!("no answer within {} s", TIMEOUT.as_secs()))),
        }
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Answer, Unanswered> {
        let response = self.client.request(request).await.map_err(|error| unanswered(&error))?;
        let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|error| unanswered(&*error))?.to_bytes();
        Ok(Answer { status, retry_after, body })
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// What kept an answer away, by the errors behind it.
fn unanswered(error: &(dyn StdError + 'static)) -> Unanswered {
    let causes: Vec<_> = std::iter::successors(Some(error), |&error| error.source()).collect();
    let last = causes.last().map(ToString::to_string).unwrap_or_default();
    for cause in causes {
        match within(cause).downcast_ref() {
            Some(error @ rustls::Error::InvalidCertificate(_)) => return Unanswered::Untrusted(error.to_string()),
            Some(error @ rustls::Error::InvalidMessage(_)) => return Unanswered::NotTls(error.to_string()),
            _ => {}
        }
    }
    Unanswered::Transient(last)
}

/// An error that was passed off as one of I/O, perhaps more than once: those do not name it as their source.
fn within<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => within(inner),
        None => error,
    }
}
