//! One HTTP/1.1 exchange with a server, over TLS if its URL says so, each step of it in bounded time.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, StatusCode, Uri,
    body::Bytes,
    client::conn::http1,
    header::{HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// How long a server may take to accept a connection, and again for the TLS handshake.
const CONNECT: Duration = Duration::from_secs(10);

/// Bytes of an answer: the history of a policy that was changed a thousand times has less.
const MAX_ANSWER: usize = 64 << 20;

/// What a server answered.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// A server that took a request and did not answer it in time.
#[derive(Debug, Error)]
#[error("no answer within {0} s")]
pub(super) struct NoAnswer(u64);

/// Makes a request, whose URL is whole, and waits so long for its answer. `ca` holds the authorities to trust over TLS.
pub(super) async fn exchange(
    request: Request<Full<Bytes>>,
    ca: Option<&Path>,
    patience: Duration,
) -> anyhow::Result<Answered> {
    let url = request.uri().clone();
    let host = url.host().context("the URL names no host")?.trim_matches(['[', ']']).to_owned();
    let tls = match url.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => bail!("the URL begins neither with http:// nor with https://"),
    };
    let port = url.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let stream = timeout(CONNECT, TcpStream::connect((host.as_str(), port)))
        .await
        .with_context(|| format!("no connection within {} s", CONNECT.as_secs()))??;
    let answer = async {
        if !tls {
            return converse(stream, request).await;
        }
        let connector = TlsConnector::from(Arc::new(config(ca)?));
        let name =
            ServerName::try_from(host).context("the host of the URL is not one that a certificate could have")?;
        let handshake = timeout(CONNECT, connector.connect(name, stream)).await;
        let stream = handshake.with_context(|| format!("no TLS handshake within {} s", CONNECT.as_secs()))?;
        converse(stream.context("the TLS handshake failed")?, request).await
    };
    timeout(patience, answer).await.map_err(|_| NoAnswer(patience.as_secs()))?
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut request: Request<Full<Bytes>>,
) -> anyhow::Result<Answered> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender; how is told to whoever waits for the answer.
    tokio::spawn(connection);
    let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    request.headers_mut().insert(HOST, HeaderValue::try_from(authority)?);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>()?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(Answered { status: head.status, body: body.to_bytes() })
}

/// Trusts the authorities in this file, or those that the system trusts.
fn config(ca: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .with_context(|| format!("{} holds no certificates in PEM (--ca)", path.display()))?;
            for certificate in certificates {
                roots.add(certificate).with_context(|| format!("{} cannot be trusted (--ca)", path.display()))?;
            }
        }
        None => {
            let _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    ensure!(!roots.is_empty(), "there is no authority to trust: name one with --ca FILE");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
