//! The bodies of the API.

use std::{
    collections::BTreeMap,
    time::{Instant, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalogue::{Catalogue, Failed, LastFault, Origin, Policy, source::PolicyFiles},
    contract::{Name, Overrun},
    reload::Changed,
    store::Event,
};

/// What serves.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusBody {
    /// The generation of the catalogue.
    pub generation: u64,
    /// Why the catalogue directory is lost, if it is. What served before still serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalogue_lost: Option<String>,
    /// The tenants that the caller may see, by name.
    pub tenants: Vec<TenantBody>,
    /// The policies that the caller may see, by name.
    pub policies: Vec<PolicyBody>,
}

/// A tenant.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TenantBody {
    /// Its name.
    pub tenant: String,
    /// Why its `tenant.toml` as it is now does not serve, if it does not. What served before still serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureOfChange>,
    /// How many policies it has.
    pub policies: u64,
    /// Of how many of them a version serves.
    pub serving: u64,
}

impl TenantBody {
    fn of(name: &Name, catalogue: &Catalogue) -> Self {
        let policies = || catalogue.tenants.get(name).into_iter().flat_map(|tenant| tenant.policies.values());
        Self {
            tenant: name.to_string(),
            failure: catalogue.refused.get(name).map(FailureOfChange::of),
            policies: policies().count() as u64,
            serving: policies().filter(|policy| policy.serving.is_some()).count() as u64,
        }
    }
}

impl StatusBody {
    pub(super) fn of(catalogue: &Catalogue, sees: impl Fn(&Name) -> bool) -> Self {
        let tenants = catalogue.tenants.iter().filter(|(name, _)| sees(name));
        let policies = tenants.flat_map(|(_, tenant)| tenant.policies.values().map(|policy| PolicyBody::of(policy)));
        Self {
            generation: catalogue.generation,
            catalogue_lost: catalogue.lost.clone(),
            tenants: catalogue.names().filter(|name| sees(name)).map(|name| TenantBody::of(name, catalogue)).collect(),
            policies: policies.collect(),
        }
    }
}

/// What a policy serves.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyBody {
    /// Tenant and name: `contoso/by-model`.
    pub policy: String,
    /// The version that serves. Absent if none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Since when it serves, over restarts: RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why it is this version.
    pub origin: OriginBody,
    /// Who pinned it, if somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned_by: Option<String>,
    /// Why the catalogue's files do not serve, if they do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureOfChange>,
    /// Decisions that sent a device to a hub, since the server began.
    pub allocated: u64,
    /// Decisions that refused a device.
    pub refused: u64,
    /// Requests that the policy failed.
    pub faulted: u64,
    /// How many of these its fallback answered.
    pub fallbacks: u64,
    /// What is answered when it fails.
    pub fallback: String,
    /// Whether it is asked: `trusted`, `set-aside` after too many faults in a row, or `on-trial` after that. Absent if no
    /// version serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<String>,
    /// The version that it falls back to, if that is its fallback and it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The last time it failed one, since the server began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_fault: Option<LastFaultBody>,
}

/// How a policy failed a request. All texts are of bearable length; what the policy chose of them is shown as it is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastFaultBody {
    /// When: RFC 3339 in UTC.
    pub at: String,
    /// The request's id, as the log and the answer to the caller have it.
    pub request_id: String,
    /// The version that failed. Absent if none could be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The kind: `trap`, `deadline`, `cpu`, `memory`, `resources`, `host-calls`, `invalid-answer` or `load`.
    pub kind: String,
    /// What happened.
    pub message: String,
    /// The limit that was hit, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<OverrunBody>,
    /// What the policy said when it panicked, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panic: Option<String>,
    /// The functions it was in, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<String>,
    /// The last lines it logged before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

/// A limit that was hit.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct OverrunBody {
    /// The key that sets it: in `[limits]`, and `stack_kib` in `[engine]`.
    pub key: String,
    /// The unit of the two numbers.
    pub unit: String,
    /// What it allows.
    pub allowed: u64,
    /// What was asked for or used, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached: Option<u64>,
}

impl LastFaultBody {
    fn of(last: &LastFault) -> Self {
        let fault = &last.fault;
        Self {
            at: time(last.at),
            request_id: last.request.clone(),
            version: last.version.map(|version| version.to_string()),
            kind: fault.kind.as_str().to_owned(),
            message: fault.message.clone(),
            limit: fault.overrun.map(|Overrun { limit, allowed, reached }| {
                let (key, unit) = limit.key_and_unit();
                OverrunBody { key: key.to_owned(), unit: unit.to_owned(), allowed, reached }
            }),
            panic: fault.panic.clone(),
            backtrace: fault.backtrace.clone(),
            log: last.log.iter().map(|line| line.message.clone()).collect(),
        }
    }
}

/// Why a policy serves the version it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OriginBody {
    /// The catalogue has it.
    Catalogue,
    /// The catalogue's files cannot serve, or are still being verified at the start, and it is what served last.
    LastKnownGood,
    /// Somebody rolled back to it.
    Pinned,
    /// No version serves.
    Nothing,
}

/// A change that was refused.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureOfChange {
    /// The stage of verification.
    pub stage: String,
    /// Why.
    pub reason: String,
    /// When: RFC 3339 in UTC.
    pub at: String,
}

impl FailureOfChange {
    fn of(Failed { failure, at }: &Failed) -> Self {
        Self { stage: failure.stage.as_str().to_owned(), reason: failure.reason.clone(), at: time(*at) }
    }
}

impl PolicyBody {
    pub(super) fn of(policy: &Policy) -> Self {
        let serving = policy.serving.as_ref();
        let [allocated, refused, faulted] = policy.counts.read();
        let (origin, pinned_by) = match serving.map(|serving| &serving.origin) {
            None => (OriginBody::Nothing, None),
            Some(Origin::Catalogue) => (OriginBody::Catalogue, None),
            Some(Origin::LastKnownGood) => (OriginBody::LastKnownGood, None),
            Some(Origin::Pinned { by }) => (OriginBody::Pinned, Some(by.clone())),
        };
        Self {
            policy: policy.id.to_string(),
            version: serving.map(|serving| serving.release.version.to_string()),
            since: serving.map(|serving| time(serving.since)),
            origin,
            pinned_by,
            failure: policy.failure.as_ref().map(FailureOfChange::of),
            allocated,
            refused,
            faulted,
            last_fault: policy.counts.last_fault().map(|last| LastFaultBody::of(&last)),
            fallbacks: policy.counts.fallbacks(),
            fallback: policy.fallback.to_string(),
            standing: serving.map(|serving| serving.release.breaker.standing(Instant::now()).as_str().to_owned()),
            previous: policy.previous.as_ref().map(|previous| previous.version.to_string()),
        }
    }
}

fn time(moment: SystemTime) -> String {
    jiff::Timestamp::try_from(moment).map(|moment| moment.to_string()).unwrap_or_default()
}

/// What happened to a policy, newest first. Also the audit log: who did what, from which version to which.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct HistoryBody {
    /// The events.
    pub events: Vec<Event>,
}

/// Which version to go back to.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// The version, in full. Without it, the one that served before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What a change came to. It is durable and serves.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ChangeBody {
    /// The version that serves now.
    pub version: String,
    /// The version that served before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The generation in which it serves.
    pub generation: u64,
}

impl ChangeBody {
    pub(super) fn of(changed: &Changed) -> Self {
        Self {
            version: changed.version.to_string(),
            previous: changed.previous.map(|version| version.to_string()),
            generation: changed.generation,
        }
    }
}

/// A policy's files, to be written into the catalogue.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushBody {
    /// The component, base64.
    pub component: String,
    /// The text of `policy.toml`.
    #[serde(default)]
    pub manifest: String,
    /// The checks: file name to text.
    #[serde(default)]
    pub checks: BTreeMap<String, String>,
    /// The tables: file name to base64.
    #[serde(default)]
    pub tables: BTreeMap<String, String>,
}

impl PushBody {
    /// The body for these files.
    #[must_use]
    pub fn of(files: &PolicyFiles) -> Self {
        Self {
            component: STANDARD.encode(&files.component),
            manifest: files.manifest.clone(),
            checks: files.checks.clone(),
            tables: files.tables.iter().map(|(name, bytes)| (name.clone(), STANDARD.encode(bytes))).collect(),
        }
    }

    pub(super) fn files(self) -> Result<PolicyFiles, String> {
        let decode =
            |what: &str, text: &str| STANDARD.decode(text).map_err(|error| format!("{what} is not base64: {error}"));
        let tables = self.tables.iter().map(|(name, text)| Ok((name.clone(), decode(name, text)?)));
        let files = PolicyFiles {
            component: decode("component", &self.component)?,
            manifest: self.manifest,
            tables: tables.collect::<Result<_, String>>()?,
            checks: self.checks,
        };
        files.check_names().map_err(|error| error.to_string())?;
        Ok(files)
    }
}
