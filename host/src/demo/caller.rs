//! Calls the webhook as DPS does: a POST with the key in the query.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{KEY, TENANT, workbench::Question};

/// A caller of one webhook.
#[derive(Clone)]
pub(super) struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    webhook: SocketAddr,
}

/// What the webhook answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    /// From sending the request to holding the whole answer.
    pub(super) round_trip: Duration,
}

impl Caller {
    pub(super) fn new(webhook: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { client: Client::builder(TokioExecutor::new()).build(connector), webhook }
    }

    /// Asks and waits for the answer, whatever its status.
    pub(super) async fn ask(&self, question: &Question) -> anyhow::Result<Answer> {
        let uri = format!("http://{}/allocate/{TENANT}/{}?code={KEY}", self.webhook, question.policy);
        let request = hyper::Request::post(uri)
            .header("content-type", "application/json")
            .body(Full::from(question.body.clone()))
            .context("failed to make a request")?;
        let started = std::time::Instant::now();
        let response = self.client.request(request).await.context("failed to call the webhook")?;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.context("failed to read the webhook's answer")?.to_bytes();
        let round_trip = started.elapsed();
        let body = String::from_utf8(bytes.to_vec()).context("the webhook's answer is not text")?;
        Ok(Answer { status, body, round_trip })
    }
}
