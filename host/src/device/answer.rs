//! What a DPS says in its bodies, and what becomes of it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Failure;

/// A device has its hub.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Assigned {
    /// The device, as the DPS calls it.
    pub registration_id: String,
    /// `assigned`.
    pub status: &'static str,
    /// How it came to the hub: `initialAssignment`, `deviceDataMigrated` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub substatus: Option<String>,
    /// The hub's host name.
    pub assigned_hub: String,
    /// Its id there.
    pub device_id: String,
    /// What a webhook has for it, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
}

/// `RegistrationOperationStatus`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    #[serde(default)]
    pub operation_id: String,
    #[serde(default)]
    pub status: String,
    pub registration_state: Option<State>,
}

/// `DeviceRegistrationResult`, as far as a device wants it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct State {
    registration_id: Option<String>,
    substatus: Option<String>,
    assigned_hub: Option<String>,
    device_id: Option<String>,
    error_code: Option<u32>,
    error_message: Option<String>,
    payload: Option<Box<RawValue>>,
    pub tpm: Option<HubKey>,
}

/// A key for the hub, sealed for the device's TPM.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HubKey {
    pub authentication_key: String,
}

/// What a DPS sends a TPM first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Challenge {
    pub authentication_key: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    error_code: Option<u32>,
    message: Option<String>,
}

impl State {
    /// Whether it is the hub's, and which.
    pub(super) fn assigned(self, registration_id: &str) -> Result<Assigned, Failure> {
        let assigned_hub = self.assigned_hub.filter(|hub| !hub.is_empty());
        Ok(Assigned {
            registration_id: self.registration_id.unwrap_or_else(|| registration_id.to_owned()),
            status: "assigned",
            substatus: self.substatus,
            assigned_hub: assigned_hub.ok_or(Failure::NotADps("it assigned a device to no hub"))?,
            device_id: self.device_id.unwrap_or_default(),
            payload: self.payload,
        })
    }

    pub(super) fn rejected(self) -> Failure {
        Failure::Rejected {
            code: self.error_code.unwrap_or_default(),
            message: self.error_message.unwrap_or_else(|| "no reason given".into()),
        }
    }
}

/// What an answer that is no success says.
pub(super) fn refused(status: u16, body: &[u8]) -> Failure {
    let said = serde_json::from_slice::<ErrorBody>(body).ok();
    let (code, message) = said.map_or((None, None), |said| (said.error_code, said.message));
    Failure::Refused { status, code, message: message.unwrap_or_else(|| "no reason given".into()) }
}
