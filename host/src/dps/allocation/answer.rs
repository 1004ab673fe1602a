//! What a webhook's answer means: DPS goes by the status first, and by little of the body.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{Choice, Failure};
use crate::dps::twin::InitialTwin;

/// What came back.
#[derive(Debug, Clone)]
pub(in crate::dps) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// What is read of an answer; the rest may be there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Allocation<'a> {
    #[serde(default)]
    iot_hub_host_name: Option<String>,
    #[serde(default)]
    initial_twin: Value,
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
}

impl Answer {
    /// Whether DPS asks again after this status.
    pub(in crate::dps) fn is_to_be_retried(&self) -> bool {
        self.status >= 429
    }

    /// The hub it chooses, in the spelling of the candidates, or why the registration fails.
    pub(in crate::dps) fn choice(&self, candidates: &[String]) -> Result<Choice, Failure> {
        match self.status {
            200 => {}
            401 => {
                let message = "Custom allocation unauthorized access: the webhook answered 401.".into();
                return Err(Failure { code: 400_209, message });
            }
            status => return Err(Failure::custom(format_args!("with status code: {status}"))),
        }
        // An array of the members' values would be read as well.
        let is_object = self.body.trim_ascii_start().starts_with(b"{");
        let allocation = serde_json::from_slice(&self.body).ok().filter(|_| is_object);
        let allocation: Allocation<'_> = allocation
            .ok_or_else(|| Failure::custom("because the webhook's answer is not an allocation response in JSON"))?;
        let named = allocation.iot_hub_host_name.unwrap_or_default();
        if named.is_empty() {
            let message = "Custom allocation did not specify an IoT hub.".into();
            return Err(Failure { code: 400_208, message });
        }
        let hub = candidates.iter().find(|hub| hub.eq_ignore_ascii_case(&named)).cloned();
        let hub = hub.ok_or_else(|| {
            Failure::custom(format_args!("because the webhook chose {named:?}, which is not one of linkedHubs"))
        })?;
        let (initial_twin, passed_over) = InitialTwin::of_webhook(allocation.initial_twin)
            .map_err(|part| Failure::custom(format_args!("because the webhook's {part} is not a JSON object")))?;
        // A payload that is not an object does not reach a device.
        let payload = allocation.payload.filter(|payload| payload.get().starts_with('{')).map(ToOwned::to_owned);
        Ok(Choice { hub, initial_twin, payload, passed_over })
    }
}
