//! What a release says to do on a fault.

use std::fmt;

/// What is answered in place of a decision that failed. The same for faults of every kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// The answer is 503, and DPS asks again.
    #[default]
    Retry,
    /// The version that served before answers, with the settings and tables it had, also after a restart. Not if there was
    /// none, or if it fails too.
    PreviousVersion,
    /// The device stays at its hub. Not if it has none, or if that is not linked any more.
    KeepCurrentHub,
    /// The device gets one of its linked hubs, always the same one, just as the SDK's `spread` chooses it; a device that
    /// has to stay stays.
    Spread,
    /// The device is turned away with 403.
    Reject,
}

impl Fallback {
    /// The stable word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::PreviousVersion => "previous-version",
            Self::KeepCurrentHub => "keep-current-hub",
            Self::Spread => "spread",
            Self::Reject => "reject",
        }
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
