//! What a policy may answer.

/// A policy's answer before it is checked against the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Where the device goes and what it hears.
    Decision(Decision),
    /// A deliberate "no".
    Refusal(Refusal),
}

/// Where a device goes and what it hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Host name of the hub.
    pub hub: String,
    /// The first twin at that hub; `None` leaves the enrollment's own in force.
    pub initial_twin: Option<InitialTwin>,
    /// What the device hears back: JSON text.
    pub payload: Option<String>,
    /// Why, in short machine-readable words. For the log only.
    pub reasons: Vec<String>,
}

/// The first twin of a device, each part JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialTwin {
    /// The tags.
    pub tags: Option<String>,
    /// The desired properties.
    pub desired_properties: Option<String>,
}

/// A policy's deliberate "no".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Permanent for this attempt.
    Reject {
        /// Why.
        message: String,
    },
    /// Not now.
    RetryLater {
        /// Why not now.
        message: String,
        /// How long to wait, in seconds.
        after_seconds: Option<u32>,
    },
}
