//! Calls a webhook: anybody's, over HTTP or HTTPS.
//!
//! What DPS does about a redirect, a slow answer or a large one is not documented. Here a redirect is not followed and
//! counts by its status; no answer in time, or none at all, counts as one that is tried again; an allocation that is larger
//! than DPS's messages fails, since it would be no smaller the next time.

use std::{path::Path, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{Method, Request, Uri, body::Bytes, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use thiserror::Error;

use super::Answer;
use crate::dps::registrar::MOST_BYTES;

/// Webhooks cannot be called.
#[derive(Debug, Error)]
pub enum WebhookError {
    /// The file of a private authority.
    #[error("{0} holds no certificate of an authority in PEM (webhook.authority)")]
    Authority(String),
    /// The TLS library says no.
    #[error("TLS towards webhooks cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// What one call came to.
#[derive(Debug, Clone)]
pub(in crate::dps) enum Attempt {
    /// An answer.
    Answered(Answer),
    /// None, and why: tried again like a status from 429 up.
    Unanswered(String),
    /// The URL cannot be called, or the answer is too large: trying again is no use.
    Impossible(String),
}

/// Calls webhooks. Cloning it is cheap.
#[derive(Debug, Clone)]
pub(in crate::dps) struct Webhook {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl Webhook {
    /// Trusts the system's authorities, and the one in this file.
    pub(in crate::dps) fn new(authority: Option<&Path>, timeout: Duration) -> Result<Self, WebhookError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = authority {
            let wrong = || WebhookError::Authority(file.display().to_string());
            let pem = std::fs::read(file).map_err(|_| wrong())?;
            let authorities: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
            if roots.add_parsable_certificates(authorities).0 == 0 {
                return Err(wrong());
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), timeout })
    }

    /// Calls it once, after a delay that counts as the webhook's own.
    pub(in crate::dps) async fn call(&self, url: &str, body: Vec<u8>, delay: Duration) -> Attempt {
        let is_callable = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some();
        let Some(uri) = url.parse::<Uri>().ok().filter(is_callable) else {
            return Attempt::Impossible("because webhookUrl is not an http or https URL".into());
        };
        let request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .header(header::ACCEPT, "application/json")
            .body(Full::new(Bytes::from(body)));
        let Ok(request) = request else {
            return Attempt::Impossible("because webhookUrl cannot be called".into());
        };
        let answer = async {
            tokio::time::sleep(delay).await;
            self.answer(request).await
        };
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(attempt) => attempt,
            Err(_) => Attempt::Unanswered(format!("no answer within {} ms", self.timeout.as_millis())),
        }
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Attempt {
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return Attempt::Unanswered(chain(&error)),
        };
        let status = response.status().as_u16();
        match Limited::new(response.into_body(), MOST_BYTES).collect().await {
            Ok(body) => Attempt::Answered(Answer { status, body: body.to_bytes().to_vec() }),
            Err(error) if error.is::<LengthLimitError>() && status == 200 => {
                Attempt::Impossible("because the webhook's answer is larger than 96 KB".into())
            }
            // By any other status there is nothing to read in it.
            Err(error) if error.is::<LengthLimitError>() => Attempt::Answered(Answer { status, body: Vec::new() }),
            Err(error) => Attempt::Unanswered(chain(&*error)),
        }
    }
}

/// An error with what caused it. None of these holds the URL.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
