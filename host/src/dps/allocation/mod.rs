//! Which hub a device gets: the four allocation policies, and what an assignment makes of the device's twin.

mod answer;
mod body;
mod webhook;

pub(super) use body::{Context, masked};
pub use webhook::WebhookError;
pub(super) use webhook::{Attempt, Webhook};

use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) use self::answer::Answer;
use super::{
    device::{Assignment, Substatus},
    enrollment::{AllocationPolicy, Enrollment, ReprovisionPolicy},
    twin::InitialTwin,
};

/// A linked hub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// Its host name.
    pub host_name: String,
    /// Milliseconds that devices are away from it, for the policy `geoLatency`.
    #[serde(default)]
    pub latency_ms: u32,
}

/// Why a registration failed, as the device hears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub code: u32,
    pub message: String,
}

impl Failure {
    /// 400207: the webhook did not answer as it should.
    pub(super) fn custom(what: impl std::fmt::Display) -> Self {
        Self { code: 400_207, message: format!("Custom allocation failed {what}") }
    }
}

/// A hub chosen for a device, and what a webhook had to say besides.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub hub: String,
    pub initial_twin: Option<InitialTwin>,
    pub payload: Option<Box<RawValue>>,
    /// Members of the webhook's twin that no twin has: DPS passes over them.
    pub passed_over: Vec<String>,
}

/// The hubs that a device may get: DPS's `linkedHubs`. A device that must not move has only the one it is on. A hub that
/// is no longer linked is none of them, whatever the enrollment says, and no device stays there.
pub(super) fn candidates(enrollment: &Enrollment, linked: &[Hub], current: Option<&Assignment>) -> Vec<String> {
    if let Some(hub) = kept(enrollment, linked, current) {
        return vec![hub.to_owned()];
    }
    let named = match (&enrollment.iot_hubs, &enrollment.iot_hub_host_name) {
        (Some(hubs), _) if !hubs.is_empty() => hubs.clone(),
        (_, Some(hub)) => vec![hub.clone()],
        _ => return names(linked),
    };
    named.into_iter().filter(|name| is_linked(linked, name)).collect()
}

/// The hub of a device that must not move.
pub(super) fn kept<'a>(enrollment: &Enrollment, linked: &[Hub], current: Option<&'a Assignment>) -> Option<&'a str> {
    let current = current.filter(|_| !reprovisioning(enrollment).update_hub_assignment)?;
    Some(current.hub.as_str()).filter(|hub| is_linked(linked, hub))
}

pub(super) fn names(linked: &[Hub]) -> Vec<String> {
    linked.iter().map(|hub| hub.host_name.clone()).collect()
}

fn is_linked(linked: &[Hub], name: &str) -> bool {
    linked.iter().any(|hub| hub.host_name.eq_ignore_ascii_case(name))
}

/// What the enrollment says of devices that register again.
pub(super) fn reprovisioning(enrollment: &Enrollment) -> ReprovisionPolicy {
    let default = ReprovisionPolicy { update_hub_assignment: true, migrate_device_data: true };
    enrollment.reprovision_policy.unwrap_or(default)
}

/// The hub that a policy other than `custom` chooses among the candidates.
pub(super) fn built_in(policy: AllocationPolicy, id: &str, candidates: &[String], linked: &[Hub]) -> Option<String> {
    let latency =
        |name: &str| linked.iter().find(|hub| hub.host_name.eq_ignore_ascii_case(name)).map(|hub| hub.latency_ms);
    match policy {
        AllocationPolicy::Static | AllocationPolicy::Custom => candidates.first().cloned(),
        AllocationPolicy::GeoLatency => candidates.iter().min_by_key(|name| latency(name).unwrap_or(u32::MAX)).cloned(),
        // The hub whose hash with the device is highest: when hubs come and go, only their own devices move.
        AllocationPolicy::Hashed => candidates.iter().max_by_key(|name| hash(name, id)).cloned(),
    }
}

fn hash(hub: &str, id: &str) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(format!("{}\n{}", hub.to_ascii_lowercase(), id.to_ascii_lowercase())).into()
}

/// What becomes of a device that a hub was chosen for: its place and how it came there.
///
/// A twin is set on the first assignment and on a move that resets; a webhook's goes before the enrollment's. Otherwise
/// the device keeps the twin it has.
pub(super) fn assign(
    enrollment: &Enrollment,
    device_id: &str,
    current: Option<&Assignment>,
    choice: &Choice,
) -> (Assignment, Substatus) {
    let device_id = enrollment.device_id.as_deref().unwrap_or(device_id).to_owned();
    let fresh = || choice.initial_twin.clone().or_else(|| enrollment.initial_twin.clone());
    let hub = choice.hub.clone();
    match current {
        None => (Assignment { hub, device_id, twin: fresh() }, Substatus::InitialAssignment),
        Some(current) if current.hub.eq_ignore_ascii_case(&hub) => {
            (current.clone(), Substatus::ReprovisionedToInitialAssignment)
        }
        Some(current) if reprovisioning(enrollment).migrate_device_data => {
            (Assignment { hub, device_id, twin: current.twin.clone() }, Substatus::DeviceDataMigrated)
        }
        Some(_) => (Assignment { hub, device_id, twin: fresh() }, Substatus::DeviceDataReset),
    }
}

#[cfg(test)]
mod tests;
