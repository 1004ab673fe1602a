//! The stages a change of a policy has to pass before it serves, and a failure at one of them.

use std::fmt;

use super::fault::bounded;

/// The stages of verification, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The files can be read.
    Read,
    /// The files are within their sizes, each and together, and not too many.
    Size,
    /// `policy.toml` is understood.
    Manifest,
    /// The tables are tables.
    Tables,
    /// The component compiles, within the compiler's limits.
    Compile,
    /// It imports only what Berth offers.
    Imports,
    /// It exports what a policy has to export.
    World,
    /// The policy accepts its settings.
    Settings,
    /// Every check gives the decision it expects.
    Checks,
    /// A plain decision stays within the limits.
    Smoke,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Size,
        Self::Manifest,
        Self::Tables,
        Self::Compile,
        Self::Imports,
        Self::World,
        Self::Settings,
        Self::Checks,
        Self::Smoke,
    ];

    /// The stable word for this stage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Size => "size",
            Self::Manifest => "manifest",
            Self::Tables => "tables",
            Self::Compile => "compile",
            Self::Imports => "imports",
            Self::World => "world",
            Self::Settings => "settings",
            Self::Checks => "checks",
            Self::Smoke => "smoke",
        }
    }

    /// The stage of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }
}

/// Why a change of a policy may not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where it failed.
    pub stage: Stage,
    /// Why, for the policy's owner.
    pub reason: String,
}

impl Failure {
    /// A failure at this stage.
    #[must_use]
    pub fn new(stage: Stage, reason: impl fmt::Display) -> Self {
        Self { stage, reason: bounded(reason.to_string()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage.as_str(), self.reason)
    }
}
