//! What `status`, `rollback` and `push` share: the admin API of a running server.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use http_body_util::Full;
use hyper::{Method, Request, body::Bytes};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    output::say,
    transport::{Answered, NoAnswer, exchange},
};
use crate::{
    admin::body::{ChangeBody, HistoryBody},
    contract::{Digest, PolicyId},
    http::FailureBody,
};

/// Which server, and who asks.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// The admin listener of the server
    #[arg(long, env = "BERTH_ADMIN", value_name = "URL", default_value = "http://127.0.0.1:7072")]
    admin: String,
    /// The token to call it with; better given in the variable, since others can see a command's arguments
    #[arg(long, env = "BERTH_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The authorities to trust where the URL begins with https://, as PEM [default: those that the system trusts]
    #[arg(long, env = "BERTH_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Seconds to wait for an answer. A push is answered once it is verified, and compiling may take 180 of them
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
    /// Print JSON instead of text
    #[arg(long)]
    pub(super) json: bool,
}

impl Remote {
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.call(Method::DELETE, path, Bytes::new()).await
    }

    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.call(method, path, serde_json::to_vec(body)?.into()).await
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<T> {
        let url = format!("{}{path}", self.admin.trim_end_matches('/'));
        let mut request = Request::builder().method(method).uri(&url).header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("bearer {token}"));
        }
        let request =
            request.body(Full::new(body)).with_context(|| format!("{url} is not a URL that can be called"))?;
        let unanswered = |error: anyhow::Error| {
            let admin = &self.admin;
            let why = match error.is::<NoAnswer>() {
                true => format!(
                    "{admin} did not answer; a change may be made all the same, which `berth status` shows, and --timeout \
                     waits longer"
                ),
                false => {
                    format!(
                        "failed to reach {admin}: is `berth serve` running there? --admin or BERTH_ADMIN names another"
                    )
                }
            };
            error.context(why)
        };
        let patience = Duration::from_secs(self.timeout);
        let Answered { status, body } = exchange(request, self.ca.as_deref(), patience).await.map_err(unanswered)?;
        if status.is_success() {
            return serde_json::from_slice(&body).with_context(|| format!("{url} did not answer as Berth does"));
        }
        match serde_json::from_slice::<FailureBody>(&body) {
            Ok(failure) => bail!("{}", failure.error.message),
            Err(_) => bail!("{url} answered {status}, and not as Berth does"),
        }
    }

    /// The version that this beginning of a digest means: one that the policy has served.
    pub(super) async fn version(&self, policy: &PolicyId, beginning: &str) -> anyhow::Result<String> {
        if beginning.parse::<Digest>().is_ok() {
            return Ok(beginning.to_owned());
        }
        let history: HistoryBody = self.get(&format!("/api/v1/policies/{policy}/history?limit=1000")).await?;
        let served = history.events.into_iter().filter_map(|event| event.to);
        let mut versions: Vec<String> = served.filter(|version| version.starts_with(beginning)).collect();
        versions.sort();
        versions.dedup();
        match versions.as_slice() {
            [version] => Ok(version.clone()),
            [] => bail!("{policy} has served no version that begins with {beginning}: see berth status {policy}"),
            _ => bail!("{policy} has served {} versions that begin with {beginning}: write more of it", versions.len()),
        }
    }

    /// Prints what a change came to.
    pub(super) fn print_change(&self, policy: &PolicyId, change: &ChangeBody) -> anyhow::Result<ExitCode> {
        if self.json {
            say!("{}", serde_json::to_string(change)?);
        } else {
            let before = change.previous.as_deref().map_or("nothing", short);
            say!("{policy} serves {}, before {before} (generation {})", short(&change.version), change.generation);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The first twelve digits of a version.
pub(super) fn short(version: &str) -> &str {
    version.get(..12).unwrap_or(version)
}
