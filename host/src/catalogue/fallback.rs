//! `[fallback]` in `policy.toml`.

use std::{num::NonZeroU32, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Breaker;
use crate::contract::Fallback;

/// What happens when the policy fails, in whatever way: it traps, takes too long or too much, answers what DPS could not
/// take, or cannot be loaded.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FallbackSection {
    /// What is answered then. `retry` is status 503: DPS asks again. `previous-version` asks the version that served
    /// before, with the settings and tables it had, also after a restart. `keep-current-hub` leaves a device where it is.
    /// `spread` gives each device one of its linked hubs, always the same one, just as `spread` of the SDK does, and
    /// leaves one that has to stay where it is. `reject` is status 403: the registration fails, but not for a
    /// decision that was lost with the server's own process. What cannot answer a request, such as a current hub of a new
    /// device, is as `retry`.
    on_fault: OnFault,
    /// Faults in a row after which the policy is set aside: it is not asked any more, and requests get the fallback at
    /// once. 0 never sets it aside.
    faults_in_a_row: u32,
    /// How long it is set aside. Then one request at a time is tried with it, and the first decision or refusal takes it
    /// back; a fault sets it aside anew. So does nothing but time: another version begins with a clean record.
    set_aside_ms: NonZeroU32,
}

/// The words for [`Fallback`].
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum OnFault {
    /// Tell DPS to ask again.
    Retry,
    /// Ask the version that served before.
    PreviousVersion,
    /// Leave the device at its hub.
    KeepCurrentHub,
    /// Spread devices over the linked hubs.
    Spread,
    /// Turn the device away.
    Reject,
}

impl Default for FallbackSection {
    /// Twenty faults in a row are no accident of single devices. Five seconds are what a caller is told to wait.
    fn default() -> Self {
        const FIVE_SECONDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4999);
        Self { on_fault: OnFault::Retry, faults_in_a_row: 20, set_aside_ms: FIVE_SECONDS }
    }
}

impl FallbackSection {
    /// What is answered on a fault.
    #[must_use]
    pub fn answer(&self) -> Fallback {
        match self.on_fault {
            OnFault::Retry => Fallback::Retry,
            OnFault::PreviousVersion => Fallback::PreviousVersion,
            OnFault::KeepCurrentHub => Fallback::KeepCurrentHub,
            OnFault::Spread => Fallback::Spread,
            OnFault::Reject => Fallback::Reject,
        }
    }

    /// A breaker that sets the policy aside as this says.
    #[must_use]
    pub fn breaker(&self) -> Breaker {
        Breaker::new(self.faults_in_a_row, Duration::from_millis(self.set_aside_ms.get().into()))
    }
}
