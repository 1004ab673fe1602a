//! TLS of a listener: the certificate it shows, and that of tomorrow.
//!
//! Certificate and key are looked at again and again, by content: it makes no difference whether they are written over,
//! renamed into place or behind a symbolic link that was turned. A watch on the files would have to follow every link on
//! the way to them. A pair is taken once two looks in a row found the same, since two files are never replaced at once. What
//! cannot be used changes nothing.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustix::fs::OFlags;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use x509_cert::der::Decode as _;

use crate::metrics::{Connections, REFUSED, SERVED};

/// How often certificate and key are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Bytes of a certificate or key file that are read: chains have a few thousand.
const MAX_FILE: u64 = 1 << 20;

/// Where a listener's certificate and key are.
#[derive(Debug, Clone)]
pub struct Files {
    /// The certificate, and after it those of the authorities between it and a root: PEM.
    pub certificate: PathBuf,
    /// The private key of the certificate: PEM, in the forms PKCS#8, PKCS#1 and SEC 1.
    pub key: PathBuf,
}

impl Files {
    fn warn_if_open(&self) {
        if is_open(&self.key) {
            warn!(key = %self.key.display(), "others than its owner can read or change this private key: chmod 600 it");
        }
    }
}

/// Why certificate and key cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("failed to read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} holds no {what} in PEM: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why.
        source: pem::Error,
    },
    /// The key is of no kind that is understood, or is not that of the certificate.
    #[error("the key {key} cannot be used with the certificate {certificate}: {source}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// The TLS of one listener.
pub struct Tls {
    files: Files,
    loaded: Pair,
    shown: Arc<Shown>,
    acceptor: TlsAcceptor,
}

/// The certificate that the next handshake shows.
#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// What the two files hold.
#[derive(Clone, PartialEq, Eq)]
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Tls {
    /// TLS 1.2 and 1.3 with the certificate and key that these files hold now.
    ///
    /// # Errors
    ///
    /// If they cannot be used.
    pub fn load(files: Files) -> Result<Self, TlsError> {
        let pair = Pair::read(&files)?;
        files.warn_if_open();
        let shown = Arc::new(Shown(ArcSwap::from_pointee(pair.certified(&files)?)));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsError::Pair {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
                source,
            })?;
        let mut config = config.with_no_client_auth().with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), files, loaded: pair, shown })
    }

    /// What makes the handshakes.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Takes up new certificates and keys as they come, until `stop` is cancelled.
    pub async fn follow(self, listener: &'static str, connections: Arc<Connections>, stop: CancellationToken) {
        self.tell(&connections);
        let mut judged = Ok(self.loaded.clone());
        let mut before = judged.clone();
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            let found = look(self.files.clone()).await;
            if found != judged && found == before {
                let taken = found.as_ref().map_err(Clone::clone).and_then(|pair| self.take(pair));
                match &taken {
                    Ok(()) => info!(listener, "a new certificate serves"),
                    Err(reason) => {
                        warn!(listener, reason, "the new certificate is refused; the one before still serves");
                    }
                }
                connections.certificates.add(if taken.is_ok() { SERVED } else { REFUSED });
                self.tell(&connections);
                judged = found.clone();
            }
            before = found;
        }
    }

    fn take(&self, pair: &Pair) -> Result<(), String> {
        let certified = pair.certified(&self.files).map_err(|error| error.to_string())?;
        self.files.warn_if_open();
        self.shown.0.store(Arc::new(certified));
        Ok(())
    }

    /// Puts the end of the certificate's validity where the metrics find it.
    fn tell(&self, connections: &Connections) {
        let expires = self.shown.0.load().cert.first().and_then(expires);
        connections.certificate_expires.set(expires.unwrap_or_default());
    }
}

async fn look(files: Files) -> Result<Pair, String> {
    // A file may be on a disk that takes its time.
    let read = tokio::task::spawn_blocking(move || Pair::read(&files).map_err(|error| error.to_string()));
    read.await.unwrap_or_else(|error| Err(error.to_string()))
}

impl Pair {
    fn read(files: &Files) -> Result<Self, TlsError> {
        Ok(Self { certificate: read(&files.certificate)?, key: read(&files.key)? })
    }

    fn certified(&self, files: &Files) -> Result<CertifiedKey, TlsError> {
        let not_pem = |path: &Path, what, source| TlsError::Pem { path: path.to_owned(), what, source };
        let chain = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
            .map_err(|source| not_pem(&files.certificate, "certificate", source))?;
        let key =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|source| not_pem(&files.key, "private key", source))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|source| TlsError::Pair {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let read = || {
        // A pipe nobody writes to would be waited for, at its opening too.
        let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a plain file"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

/// Whether others than the owner and the group may read or change a file.
fn is_open(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o027 != 0)
}

/// When a certificate stops to be valid, in seconds since 1970.
fn expires(certificate: &CertificateDer<'static>) -> Option<u64> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.validity.not_after.to_unix_duration().as_secs())
}
