//! Certificates, and a caller that speaks TLS.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::within_patience;

/// An authority that signs certificates for servers on this machine.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate and its key, both in PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
    /// The certificate as a handshake shows it.
    pub der: CertificateDer<'static>,
}

impl Default for Authority {
    fn default() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { issuer: Issuer::new(params, key), certificate }
    }
}

impl Authority {
    /// A new certificate for `localhost` and `127.0.0.1`.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    #[must_use]
    pub fn signs(&self) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Pair { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().clone() }
    }

    /// The authority's own certificate, in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Connects to a server by TLS, trusting this authority only.
    ///
    /// # Errors
    ///
    /// If there is no handshake.
    ///
    /// # Panics
    ///
    /// If the server is not there.
    pub async fn connects(&self, address: SocketAddr) -> std::io::Result<Secured> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = TcpStream::connect(address).await.expect("the server accepts connections");
        let name = ServerName::try_from("localhost").expect("a name");
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
        within_patience("a handshake", handshake).await.map(Secured)
    }
}

impl Pair {
    /// Writes both into a folder, as `tls.pem` and `tls.key`, each renamed into its place.
    ///
    /// # Panics
    ///
    /// If they cannot be written.
    pub fn write(&self, folder: &Path) {
        for (name, text) in [("tls.pem", &self.certificate), ("tls.key", &self.key)] {
            let new = folder.join(format!("{name}.new"));
            fs::write(&new, text).expect("a file");
            fs::rename(&new, folder.join(name)).expect("a place");
        }
    }
}

/// A connection by TLS.
pub struct Secured(tokio_rustls::client::TlsStream<TcpStream>);

impl Secured {
    /// The certificate that the server showed.
    ///
    /// # Panics
    ///
    /// If it showed none.
    #[must_use]
    pub fn shown(&self) -> CertificateDer<'static> {
        let (_, session) = self.0.get_ref();
        session.peer_certificates().and_then(|chain| chain.first()).expect("a certificate").clone().into_owned()
    }

    /// The protocol that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        self.0.get_ref().1.alpn_protocol()
    }

    /// Says these bytes and hears all until the end.
    ///
    /// # Panics
    ///
    /// If they cannot be said.
    pub async fn exchange(mut self, bytes: &[u8]) -> String {
        self.0.write_all(bytes).await.expect("the server listens");
        let mut heard = Vec::new();
        // Servers need not say goodbye.
        let _ = within_patience("the end of a connection", self.0.read_to_end(&mut heard)).await;
        String::from_utf8_lossy(&heard).into_owned()
    }
}
