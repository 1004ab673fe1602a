//! `berth rollback` and `berth push`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use hyper::Method;

use super::{output::say, remote::Remote};
use crate::{
    admin::body::{ChangeBody, PushBody, RollbackBody},
    catalogue::source::PolicyFiles,
    contract::PolicyId,
};

/// Serve an earlier version of a policy at once, and pin it.
///
/// The pin holds, over restarts, until the policy's files in the catalogue change or --unpin takes it away.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// The policy, as TENANT/POLICY
    policy: PolicyId,
    /// The version, or the beginning of it [default: the one that served before]
    #[arg(long, value_name = "VERSION", conflicts_with = "unpin")]
    to: Option<String>,
    /// Take the pin away: what the catalogue has serves next
    #[arg(long)]
    unpin: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Rollback {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let path = format!("/api/v1/policies/{}", self.policy);
        if self.unpin {
            let change: ChangeBody = self.remote.delete(&format!("{path}/pin")).await?;
            if self.remote.json {
                return self.remote.print_change(&self.policy, &change);
            }
            say!("{} is not pinned any more; what the catalogue has serves once it is verified", self.policy);
            return Ok(ExitCode::SUCCESS);
        }
        let to = match &self.to {
            Some(beginning) => Some(self.remote.version(&self.policy, beginning).await?),
            None => None,
        };
        let change = self.remote.send(Method::POST, &format!("{path}/rollback"), &RollbackBody { to }).await?;
        self.remote.print_change(&self.policy, &change)
    }
}

/// Upload a policy: its component with settings, checks and tables.
///
/// The server verifies it, writes it into its catalogue in place of the policy's folder, and serves it. What fails
/// verification changes nothing.
#[derive(Debug, Args)]
pub(super) struct Push {
    /// The policy, as TENANT/POLICY
    policy: PolicyId,
    /// A folder as the catalogue has it: policy.wasm, and perhaps policy.toml, checks/, tables/
    folder: PathBuf,
    #[command(flatten)]
    remote: Remote,
}

impl Push {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let files = PolicyFiles::read(&self.folder)?;
        let path = format!("/api/v1/policies/{}", self.policy);
        let change: ChangeBody = self.remote.send(Method::PUT, &path, &PushBody::of(&files)).await?;
        self.remote.print_change(&self.policy, &change)
    }
}
