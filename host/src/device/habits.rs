//! In what clients differ that do the same.

use std::time::Duration;

/// How a client writes its requests.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// The `api-version` it asks for.
    pub api_version: &'static str,
    /// What it says that a body is.
    pub content_type: &'static str,
    /// The name it gives itself; empty for none.
    pub user_agent: &'static str,
    /// Whether it signs the name of the resource in lower case.
    pub lower_case_resource: bool,
    /// How long a signature is good.
    pub signature_lasts: Duration,
    /// Whether it asks how an operation stands with the signature that began it.
    pub one_signature: bool,
    /// After how long it asks; `None` as long as the DPS says.
    pub polls_every: Option<Duration>,
}

/// A device that follows what DPS says.
pub const PLAIN: Habits = Habits {
    api_version: "2021-06-01",
    content_type: "application/json; charset=utf-8",
    user_agent: concat!("berth-device/", env!("CARGO_PKG_VERSION")),
    lower_case_resource: false,
    signature_lasts: Duration::from_secs(3600),
    one_signature: false,
    polls_every: None,
};

/// IoT Edge: it asks every five seconds, whatever it is told, and its one signature is good for thirty.
pub const EDGE: Habits = Habits {
    api_version: "2021-06-01",
    content_type: "application/json",
    user_agent: "",
    lower_case_resource: true,
    signature_lasts: Duration::from_secs(30),
    one_signature: true,
    polls_every: Some(Duration::from_secs(5)),
};

impl Habits {
    /// How long it waits before it asks how an operation stands, if the DPS told it so and it has asked so often already.
    pub(super) fn pause(&self, told: Option<Duration>, asked: u32) -> Duration {
        // Where a DPS says "at once", ever less so.
        let least = Duration::from_millis(10 << asked.min(6));
        self.polls_every.unwrap_or_else(|| told.unwrap_or(Duration::from_secs(2)).max(least))
    }
}
