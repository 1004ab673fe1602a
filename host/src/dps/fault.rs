//! Faults on demand: what a person wants to see a device or a webhook bear.

use std::{fmt, sync::Arc};

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
    /// It is called after so many milliseconds, which count as its own: one that takes too long has not answered. The
    /// service's clock does not shorten them.
    Slow(u64),
    /// It cannot be reached.
    Down,
    /// It answers with this status and nothing else.
    Status(u16),
    /// It answers 200 with a body that is not JSON.
    Garbage,
}

impl Faults {
    /// Whether the link to this hub is broken. Names of hosts have no case.
    #[must_use]
    pub fn has_unlinked(&self, hub: &str) -> bool {
        self.unlinked.iter().any(|unlinked| unlinked.eq_ignore_ascii_case(hub))
    }
}

/// A sentence a line.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        lines.extend(self.webhook.as_ref().map(|fault| match fault {
            WebhookFault::Slow(ms) => format!("every webhook is called only after {ms} ms"),
            WebhookFault::Down => "no webhook can be reached".to_owned(),
            WebhookFault::Status(status) => format!("every webhook answers {status}"),
            WebhookFault::Garbage => "every webhook answers 200 with something that is not JSON".to_owned(),
        }));
        lines.extend(self.throttled.then(|| "every registration is answered with 429001".to_owned()));
        lines.extend(self.unlinked.iter().map(|hub| format!("the link to {hub} is broken")));
        if lines.is_empty() { f.write_str("no faults") } else { f.write_str(&lines.join("\n")) }
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
