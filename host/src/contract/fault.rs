//! What goes wrong with a policy. A fault is data: it selects the fallback and is told to the policy's owner, never to
//! the caller.

use std::fmt;

use super::Overrun;

/// One fault of one decision. All of its texts are of bearable length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// The explanation for the policy's owner.
    pub message: String,
    /// The limit that was hit, if one was.
    pub overrun: Option<Overrun>,
    /// What the policy said when it panicked, if its language's SDK tells.
    pub panic: Option<String>,
    /// Where in the guest it happened: function names, innermost first. Only indices if the component has no names.
    pub backtrace: Vec<String>,
}

impl Fault {
    /// A fault of this kind with this explanation.
    #[must_use]
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: bounded(message.into()), overrun: None, panic: None, backtrace: Vec::new() }
    }

    /// With the limit that was hit.
    #[must_use]
    pub fn over(self, overrun: Overrun) -> Self {
        Self { overrun: Some(overrun), ..self }
    }
}

/// Bytes of an explanation: a guest chooses the names in it, and they may be long.
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
        write!(f, "{}: {}", self.kind, self.message)?;
        if let Some(panic) = &self.panic {
            write!(f, "; it {panic}")?;
        }
        if let Some(innermost) = self.backtrace.first() {
            write!(f, "; in {innermost}")?;
        }
        Ok(())
    }
}

/// The kinds of fault, by the word used for each in logs and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The guest trapped: a panic, an `unreachable`, a bad memory access, no stack left.
    Trap,
    /// The decision took longer than it may.
    Deadline,
    /// The guest used more processor time than it may.
    Cpu,
    /// The guest asked for more memory than it may have, and then gave up.
    Memory,
    /// The guest wanted more tables, memories, core instances or handles than it may have.
    Resources,
    /// More data crossed between guest and host than may.
    HostCalls,
    /// The answer is not one that DPS could take.
    InvalidAnswer,
    /// There is no version of the policy that could be loaded.
    Load,
    /// The policy failed too often in a row, and is not asked for a while.
    SetAside,
    /// The process that long decisions are made in ended twice, did not start, or could not load the policy.
    Lost,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Trap,
        Self::Deadline,
        Self::Cpu,
        Self::Memory,
        Self::Resources,
        Self::HostCalls,
        Self::InvalidAnswer,
        Self::Load,
        Self::SetAside,
        Self::Lost,
    ];

    /// The stable word for this kind.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Resources => "resources",
            Self::HostCalls => "host-calls",
            Self::InvalidAnswer => "invalid-answer",
            Self::Load => "load",
            Self::SetAside => "set-aside",
            Self::Lost => "lost",
        }
    }

    /// Whether the guest went over a limit, rather than made a mistake.
    #[must_use]
    pub fn is_overuse(self) -> bool {
        matches!(self, Self::Deadline | Self::Cpu | Self::Memory | Self::Resources | Self::HostCalls)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
