//! What is remembered of a device: the last word of the service to it, where it is assigned, what happened.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::twin::InitialTwin;

/// A device that has registered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// How the last registration ended, as the device hears it.
    pub state: RegistrationState,
    /// The id of that registration's operation.
    pub operation_id: String,
    /// The hub it is assigned to, whatever became of later registrations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Assignment>,
    /// The group that let it in last, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Counts what was written, so that nobody writes over what they have not read.
    pub revision: u64,
}

/// A device's place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// The hub's host name.
    pub hub: String,
    /// The device's id there.
    pub device_id: String,
    /// Its twin there, as far as provisioning sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twin: Option<InitialTwin>,
}

/// How a registration stands: DPS's `DeviceRegistrationResult`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationState {
    /// As the device gave it.
    pub registration_id: String,
    /// When the device first registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_date_time_utc: Option<String>,
    /// The hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_hub: Option<String>,
    /// The device's id on the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// How it stands.
    pub status: Status,
    /// How it came to be assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub substatus: Option<Substatus>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_date_time_utc: Option<String>,
    /// Base64 of a quoted id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// What the webhook has for the device: a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// The hub's key for a device with a TPM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpm: Option<TpmResult>,
    /// Empty: a client insists on all of its members or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x509: Option<Empty>,
    /// The group of a device with a symmetric key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symmetric_key: Option<GroupResult>,
}

/// An object without members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// What a device with a TPM gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TpmResult {
    /// A key, sealed for its TPM.
    pub authentication_key: String,
}

/// Which group let a device in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupResult {
    /// The group, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrollment_group_id: Option<String>,
}

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Never registered.
    Unassigned,
    /// A hub is being chosen.
    Assigning,
    /// It has a hub.
    Assigned,
    /// It did not get one.
    Failed,
    /// Its enrollment is disabled.
    Disabled,
}

/// How a device came to its hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Substatus {
    /// For the first time.
    InitialAssignment,
    /// It moved, and its twin with it.
    DeviceDataMigrated,
    /// It moved and began anew.
    DeviceDataReset,
    /// It stays where it was.
    ReprovisionedToInitialAssignment,
}

/// One thing that happened to a device.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When.
    pub at: String,
    /// Which operation.
    pub operation_id: String,
    /// How it ended.
    pub status: Status,
    /// How it came to its hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub substatus: Option<Substatus>,
    /// The hub it was on before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The hub it is on now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What the webhook had for the device: a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl RegistrationState {
    /// A registration about which nothing else is known yet.
    #[must_use]
    pub fn of(registration_id: &str, status: Status) -> Self {
        Self {
            registration_id: registration_id.to_owned(),
            created_date_time_utc: None,
            assigned_hub: None,
            device_id: None,
            status,
            substatus: None,
            error_code: None,
            error_message: None,
            last_updated_date_time_utc: None,
            etag: None,
            payload: None,
            tpm: None,
            x509: None,
            symmetric_key: None,
        }
    }
}
