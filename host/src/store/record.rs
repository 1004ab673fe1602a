//! What the store keeps, and its form on disk.

use std::{collections::BTreeMap, time::SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalogue::source::PolicyFiles,
    contract::{Digest, Failure},
};

/// A release as it is remembered.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The version.
    pub version: Digest,
    /// The files it serves with.
    pub files: PolicyFiles,
    /// Since when it serves.
    pub since: SystemTime,
    /// Set if it serves because somebody rolled back to it.
    pub pin: Option<Pin>,
}

/// Keeps a release in place until its source changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The digest of the catalogue's files that it holds against, empty if there never were any.
    pub against: String,
    /// Who set it.
    pub by: String,
}

/// Something that happened to a policy.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What.
    pub kind: EventKind,
    /// Who did it: a token's name, or `catalogue` for a change of files.
    pub by: String,
    /// The version that served before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The version it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Set if the bytes of `to` are not kept any more: nobody can go back to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// The generation of the catalogue it led to.
    pub generation: u64,
    /// The stage of verification that failed. Every earlier one passed, and without a failure all did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What can happen to a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A version passed verification and serves.
    Served,
    /// A change failed verification; what served before serves on.
    Refused,
    /// Somebody rolled back to an earlier version, which is pinned.
    RolledBack,
    /// Somebody took a pin away.
    Unpinned,
    /// The policy was removed from the catalogue.
    Removed,
}

impl EventKind {
    /// The stable word for this kind.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Refused => "refused",
            Self::RolledBack => "rolled-back",
            Self::Unpinned => "unpinned",
            Self::Removed => "removed",
        }
    }
}

impl Event {
    /// An event of this kind, now.
    #[must_use]
    pub fn now(kind: EventKind, by: &str, generation: u64) -> Self {
        let at = jiff::Timestamp::now().to_string();
        Self { at, kind, by: by.to_owned(), from: None, to: None, gone: false, generation, stage: None, reason: None }
    }

    /// With the versions that served before and is meant.
    #[must_use]
    pub fn versions(mut self, from: Option<Digest>, to: Option<Digest>) -> Self {
        self.from = from.map(|version| version.to_string());
        self.to = to.map(|version| version.to_string());
        self
    }

    /// With the failure it was.
    #[must_use]
    pub fn failure(mut self, failure: &Failure) -> Self {
        self.stage = Some(failure.stage.as_str().to_owned());
        self.reason = Some(failure.reason.clone());
        self
    }
}

/// A release on disk: which version, since when, pinned or not.
#[derive(Serialize, Deserialize)]
pub(super) struct Release {
    pub(super) version: String,
    pub(super) since: SystemTime,
    pub(super) pin: Option<Pin>,
}

impl Release {
    pub(super) fn of(stored: &Stored) -> Self {
        Self { version: stored.version.to_string(), since: stored.since, pin: stored.pin.clone() }
    }

    pub(super) fn with(self, files: PolicyFiles) -> Option<Stored> {
        Some(Stored { version: self.version.parse().ok()?, files, since: self.since, pin: self.pin })
    }
}

/// The files beside a component, on disk.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Companions {
    manifest: String,
    checks: BTreeMap<String, String>,
    /// Base64, since a table need not be text.
    tables: BTreeMap<String, String>,
}

impl Companions {
    pub(super) fn of(files: &PolicyFiles) -> Self {
        let tables = files.tables.iter().map(|(name, bytes)| (name.clone(), STANDARD.encode(bytes))).collect();
        Self { manifest: files.manifest.clone(), checks: files.checks.clone(), tables }
    }

    pub(super) fn with(self, component: Vec<u8>) -> PolicyFiles {
        // What does not decode was not written here; verification will say what is missing.
        let table = |(name, text): (String, String)| (name, STANDARD.decode(text).unwrap_or_default());
        let tables = self.tables.into_iter().map(table).collect();
        PolicyFiles { component, manifest: self.manifest, checks: self.checks, tables }
    }
}
