//! What goes wrong with a policy. A fault is data: it selects the fallback and is told to the policy's owner, never to
//! the caller.

use std::fmt;

/// One fault of one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// The explanation for the policy's owner: panic text, trap, the limit that was hit.
    pub message: String,
}

impl Fault {
    /// A fault of this kind with this explanation.
    #[must_use]
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: bounded(message.into()) }
    }
}

/// Bytes of an explanation: a guest chooses the names in its backtrace, and they may be long.
const MOST: usize = 4000;

/// A text of bearable length.
pub(super) fn bounded(mut text: String) -> String {
    if text.len() > MOST {
        text.truncate(text.floor_char_boundary(MOST));
        text.push('…');
    }
    text
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

/// The kinds of fault, by the word used for each in logs and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The guest trapped: a panic, an `unreachable`, a bad memory access.
    Trap,
    /// The decision took longer than it may.
    Deadline,
    /// The guest asked for more memory than it may have, and then gave up.
    Memory,
    /// More data crossed between guest and host than may.
    HostCalls,
    /// The answer is not one that DPS could take.
    InvalidAnswer,
    /// There is no version of the policy that could be loaded.
    Load,
}

impl FaultKind {
    /// The stable word for this kind.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::HostCalls => "host-calls",
            Self::InvalidAnswer => "invalid-answer",
            Self::Load => "load",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
