//! Faults on demand: what a person wants to see a device or a webhook bear.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

/// The faults that are on. An empty one is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Faults {
    /// What the webhook does instead of answering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookFault>,
    /// Whether every registration is answered with 429001.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub throttled: bool,
    /// Hubs whose link is broken: registrations that come to them fail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unlinked: Vec<String>,
}

/// What the webhook does instead of answering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WebhookFault {
    /// It is called, after so many milliseconds. The service's clock does not shorten them.
    Slow(u64),
    /// It cannot be reached.
    Down,
    /// It answers with this status and nothing else.
    Status(u16),
    /// It answers 200 with a body that is not JSON.
    Garbage,
}

impl WebhookFault {
    /// How long a call waits.
    pub(super) fn delay(&self) -> Option<Duration> {
        match self {
            Self::Slow(ms) => Some(Duration::from_millis(*ms)),
            _ => None,
        }
    }
}

/// The switch. Cloning it is cheap, and all clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Switch(Arc<ArcSwap<Faults>>);

impl Switch {
    pub(super) fn now(&self) -> Arc<Faults> {
        self.0.load_full()
    }

    pub(super) fn set(&self, faults: Faults) {
        self.0.store(Arc::new(faults));
    }
}
