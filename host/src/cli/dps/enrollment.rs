//! `berth dps enrollment`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::remote::{Remote, segment};
use crate::{
    cli::output::{say, table},
    dps::{
        enrollment::{Enrollment as Entry, Kind},
        file::EnrollmentsFile,
    },
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Enrollment {
    /// List all enrollments and groups
    List(List),
    /// Show one as the service API has it
    Show(Show),
    /// Add or replace the enrollments of a file
    Add(Add),
    /// Remove one
    Remove(One),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct One {
    /// A registration id, or with --group a group's id
    id: String,
    /// A group instead of an individual enrollment
    #[arg(long)]
    group: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// With its keys
    #[arg(long)]
    keys: bool,
    #[command(flatten)]
    one: One,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// An enrollments file, as `berth dps serve --enrollments` takes one
    file: PathBuf,
    #[command(flatten)]
    remote: Remote,
}

/// The service API's collection of a kind, and its name in a query.
fn collection(kind: Kind) -> &'static str {
    match kind {
        Kind::Individual => "enrollments",
        Kind::Group => "enrollmentGroups",
    }
}

impl One {
    fn path(&self) -> String {
        let kind = if self.group { Kind::Group } else { Kind::Individual };
        format!("/{}/{}", collection(kind), segment(&self.id))
    }

    /// What went wrong, in a message: groups and individual enrollments have ids of their own, which people mix up.
    fn failed(&self, to: &str) -> String {
        let (kind, hint) = match self.group {
            true => ("group", "without --group it is an individual enrollment"),
            false => ("individual enrollment", "with --group it is a group"),
        };
        format!("failed to {to} the {kind} {} ({hint})", self.id)
    }
}

impl Enrollment {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(list) => list.run().await?,
            Self::Show(show) => show.run().await?,
            Self::Add(add) => add.run().await?,
            Self::Remove(one) => {
                let removed = one.remote.call(Method::DELETE, &one.path(), Vec::new().into()).await;
                removed.with_context(|| one.failed("remove"))?;
                match one.remote.json {
                    true => say!("{}", json!({ "removed": one.id })),
                    false => say!("removed {}", one.id),
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let mut found: Vec<Entry> = Vec::new();
        for kind in [Kind::Individual, Kind::Group] {
            found.extend(self.all(kind).await?);
        }
        if self.remote.json {
            say!("{}", serde_json::to_string_pretty(&found)?);
            return Ok(());
        }
        if found.is_empty() {
            say!("no enrollments");
            return Ok(());
        }
        let mut table = table(&["enrollment", "kind", "attestation", "allocation", "status", "hubs"]);
        for entry in &found {
            let (kind, id) = entry.identity().unwrap_or((Kind::Individual, ""));
            let kind = if kind == Kind::Group { "group" } else { "individual" };
            let attestation = word(&entry.attestation.kind);
            let allocation = entry.allocation_policy.as_ref().map_or("hashed".into(), word);
            let status = if entry.is_enabled() { "enabled" } else { "disabled" };
            let hubs = match (entry.iot_hubs.as_deref().unwrap_or_default(), &entry.iot_hub_host_name) {
                ([], None) => "all linked".to_owned(),
                ([], Some(hub)) => hub.clone(),
                (hubs, _) => hubs.join(", "),
            };
            table.add_row([id, kind, &attestation, &allocation, status, &hubs]);
        }
        say!("{table}");
        Ok(())
    }

    /// All enrollments of a kind, in the order of their ids.
    async fn all(&self, kind: Kind) -> anyhow::Result<Vec<Entry>> {
        let path = format!("/all/{}", collection(kind));
        self.remote.get(&path).await
    }
}

/// The word that stands for a value in JSON.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Show {
    async fn run(self) -> anyhow::Result<()> {
        let (remote, path) = (&self.one.remote, self.one.path());
        let entry = remote.get(&path).await;
        let mut entry: Value = entry.with_context(|| self.one.failed("show"))?;
        if self.keys {
            let keys = remote.call(Method::POST, &format!("{path}/attestationmechanism"), Vec::new().into()).await?;
            let keys: Value = serde_json::from_slice(&keys)?;
            if let Some(entry) = entry.as_object_mut() {
                entry.insert("attestation".into(), keys);
            }
        }
        say!("{}", serde_json::to_string_pretty(&entry)?);
        Ok(())
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<()> {
        let file = EnrollmentsFile::read(&self.file)?;
        if !file.certificates.is_empty() {
            bail!("certificates come with `berth dps serve --enrollments`: a running local DPS takes none");
        }
        let mut stored = Vec::new();
        for entry in file.enrollments.iter().chain(&file.enrollment_groups) {
            let (kind, id) =
                entry.identity().context("an enrollment has no registrationId, or a group no enrollmentGroupId")?;
            let path = format!("/{}/{}", collection(kind), segment(id));
            let put = self.remote.call(Method::PUT, &path, serde_json::to_vec(entry)?.into()).await;
            put.with_context(|| format!("{id} was not stored"))?;
            if !self.remote.json {
                say!("stored {id}");
            }
            stored.push(id);
        }
        if self.remote.json {
            say!("{}", json!({ "stored": stored }));
        } else if stored.is_empty() {
            say!("{} holds no enrollments", self.file.display());
        }
        Ok(())
    }
}
