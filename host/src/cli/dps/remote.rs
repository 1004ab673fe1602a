//! What the commands of `berth dps` share: the control listener of a running local DPS.

use anyhow::{Context as _, bail};
use clap::Args;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Uri, body::Bytes};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::{Deserialize, de::DeserializeOwned};

/// The control listener's own default.
const LOCAL: &str = "http://127.0.0.1:7073";

/// Which local DPS.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// The control listener of the local DPS
    #[arg(long, env = "BERTH_DPS_CONTROL", value_name = "URL", default_value = LOCAL)]
    control: String,
    /// Print JSON instead of text
    #[arg(long)]
    pub(super) json: bool,
}

/// What an error of the local DPS says.
#[derive(Deserialize)]
struct ErrorBody {
    message: String,
    info: Option<Info>,
}

/// What it says besides.
#[derive(Deserialize)]
struct Info {
    reason: String,
}

impl Remote {
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let body = self.call(Method::GET, path, Bytes::new()).await?;
        serde_json::from_slice(&body).with_context(|| format!("{} did not answer as a local DPS does", self.control))
    }

    /// Calls it, and gives the body of a success.
    pub(super) async fn call(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Bytes> {
        let url = format!("{}{path}", self.control.trim_end_matches('/'));
        let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
        let uri = uri.with_context(|| {
            format!("{} is not the URL of a control listener, such as {LOCAL} (--control)", self.control)
        })?;
        let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
        let request = request.body(Full::new(body)).context("failed to make a request")?;
        let unreached = || {
            let control = &self.control;
            format!(
                "failed to reach {control}: is `berth dps serve` running? --control or BERTH_DPS_CONTROL names another"
            )
        };
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let response = client.request(request).await.with_context(unreached)?;
        let status = response.status();
        let body = response.into_body().collect().await.with_context(unreached)?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(ErrorBody { message, info: Some(info) }) => bail!("the local DPS says: {message} {}", info.reason),
            Ok(ErrorBody { message, info: None }) => bail!("the local DPS says: {message}"),
            Err(_) => bail!("{url} answered {status}, and not as a local DPS does"),
        }
    }
}

/// A value in a path.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
