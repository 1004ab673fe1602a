//! `berth dps fault`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use hyper::Method;

use super::remote::Remote;
use crate::{
    cli::output::say,
    dps::fault::{Faults, WebhookFault},
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Fault {
    /// Show the faults that are on
    Show(Plain),
    /// Every webhook is called only after a wait
    WebhookSlow(Slow),
    /// No webhook can be reached
    WebhookDown(Plain),
    /// Every webhook answers with a status and nothing else
    WebhookStatus(Status),
    /// Every webhook answers 200 with something that is not JSON
    WebhookGarbage(Plain),
    /// Every registration is answered with 429001
    Throttle(Plain),
    /// The link to a hub is broken: registrations that come to it fail
    Unlink(Hub),
    /// Switch all faults off
    Clear(Plain),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Plain {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Slow {
    /// How long it waits
    milliseconds: u64,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    /// The status in HTTP
    #[arg(value_parser = clap::value_parser!(u16).range(100..=599))]
    status: u16,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Hub {
    /// Its host name
    hub: String,
    #[command(flatten)]
    remote: Remote,
}

impl Fault {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let remote = self.remote();
        let mut faults: Faults = remote.get("/faults").await?;
        match &self {
            Self::Show(_) => {}
            Self::WebhookSlow(slow) => faults.webhook = Some(WebhookFault::Slow(slow.milliseconds)),
            Self::WebhookDown(_) => faults.webhook = Some(WebhookFault::Down),
            Self::WebhookStatus(status) => faults.webhook = Some(WebhookFault::Status(status.status)),
            Self::WebhookGarbage(_) => faults.webhook = Some(WebhookFault::Garbage),
            Self::Throttle(_) => faults.throttled = true,
            Self::Unlink(hub) if faults.has_unlinked(&hub.hub) => {}
            Self::Unlink(hub) => faults.unlinked.push(hub.hub.clone()),
            Self::Clear(_) => faults = Faults::default(),
        }
        if !matches!(self, Self::Show(_)) {
            remote.call(Method::PUT, "/faults", serde_json::to_vec(&faults)?.into()).await?;
        }
        if remote.json {
            say!("{}", serde_json::to_string_pretty(&faults)?);
        } else {
            say!("{faults}");
        }
        Ok(ExitCode::SUCCESS)
    }

    fn remote(&self) -> &Remote {
        match self {
            Self::Show(plain)
            | Self::WebhookDown(plain)
            | Self::WebhookGarbage(plain)
            | Self::Throttle(plain)
            | Self::Clear(plain) => &plain.remote,
            Self::WebhookSlow(slow) => &slow.remote,
            Self::WebhookStatus(status) => &status.remote,
            Self::Unlink(hub) => &hub.remote,
        }
    }
}
