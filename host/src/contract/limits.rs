//! How much one decision may use.

use std::time::Duration;

/// The limits of one decision. Every one has a default, and the tightest of server, tenant and policy wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall time from the start of the instance to its answer.
    pub time: Duration,
    /// Bytes of memory, summed over all linear memories of the instance.
    pub memory: usize,
    /// Bytes of the answer as it goes to DPS.
    pub answer: usize,
    /// Levels of objects and arrays in any JSON that comes in or goes out.
    pub json_depth: usize,
    /// Lines the policy may log.
    pub log_lines: usize,
    /// Bytes of all those lines.
    pub log_bytes: usize,
    /// Table look-ups.
    pub table_lookups: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_millis(500),
            memory: 64 << 20,
            answer: 96 << 10,
            json_depth: 64,
            log_lines: 100,
            log_bytes: 16 << 10,
            table_lookups: 1000,
        }
    }
}

impl Limits {
    /// The tighter of each limit.
    #[must_use]
    pub fn tightest(self, other: Self) -> Self {
        Self {
            time: self.time.min(other.time),
            memory: self.memory.min(other.memory),
            answer: self.answer.min(other.answer),
            json_depth: self.json_depth.min(other.json_depth),
            log_lines: self.log_lines.min(other.log_lines),
            log_bytes: self.log_bytes.min(other.log_bytes),
            table_lookups: self.table_lookups.min(other.table_lookups),
        }
    }
}
