//! How much one decision may use.

use std::{fmt, time::Duration};

/// The limits of one decision. Every one has a default, and the tightest of server, tenant and policy wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall time from the start of the instance to its answer.
    pub time: Duration,
    /// Processor time of the guest alone: what others take of a busy machine does not count.
    pub cpu: Duration,
    /// Bytes of memory, summed over all linear memories of the instance.
    pub memory: usize,
    /// Linear memories.
    pub memories: usize,
    /// Tables of the engine, which hold functions; not those a policy looks things up in.
    pub tables: usize,
    /// Elements, summed over all those tables.
    pub table_elements: usize,
    /// Core instances: the component's modules, and the shims between them.
    pub instances: usize,
    /// Handles to resources at the same time.
    pub handles: usize,
    /// Bytes of stack. One figure for all guests of a server: the engine knows no other.
    pub stack: usize,
    /// Bytes that cross over in all calls of `log`, `settings` and `tables` together; the answer is counted by itself.
    pub host_calls: usize,
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
            cpu: Duration::from_millis(250),
            memory: 64 << 20,
            memories: 4,
            tables: 8,
            table_elements: 20_000,
            instances: 64,
            handles: 1000,
            stack: 512 << 10,
            host_calls: 1 << 20,
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
            cpu: self.cpu.min(other.cpu),
            memory: self.memory.min(other.memory),
            memories: self.memories.min(other.memories),
            tables: self.tables.min(other.tables),
            table_elements: self.table_elements.min(other.table_elements),
            instances: self.instances.min(other.instances),
            handles: self.handles.min(other.handles),
            stack: self.stack.min(other.stack),
            host_calls: self.host_calls.min(other.host_calls),
            answer: self.answer.min(other.answer),
            json_depth: self.json_depth.min(other.json_depth),
            log_lines: self.log_lines.min(other.log_lines),
            log_bytes: self.log_bytes.min(other.log_bytes),
            table_lookups: self.table_lookups.min(other.table_lookups),
        }
    }

    /// These for a verification, which gives way to requests: how long it takes tells how busy the machine is. So it may
    /// take twenty times as long, and the guest itself no more of that than it has for a decision.
    #[must_use]
    pub fn of_verification(self) -> Self {
        Self { time: self.time * 20, cpu: self.cpu.min(self.time), ..self }
    }
}

/// A limit that a decision can fail by. What only cuts short (log lines, look-ups) is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`Limits::time`].
    Time,
    /// [`Limits::cpu`].
    Cpu,
    /// [`Limits::memory`].
    Memory,
    /// [`Limits::memories`].
    Memories,
    /// [`Limits::tables`].
    Tables,
    /// [`Limits::table_elements`].
    TableElements,
    /// [`Limits::instances`].
    Instances,
    /// [`Limits::handles`].
    Handles,
    /// [`Limits::stack`].
    Stack,
    /// [`Limits::host_calls`].
    HostCalls,
    /// [`Limits::answer`].
    Answer,
    /// [`Limits::json_depth`].
    JsonDepth,
}

impl Limit {
    /// The key it is set by, and the unit of an [`Overrun`]'s values.
    #[must_use]
    pub fn key_and_unit(self) -> (&'static str, &'static str) {
        match self {
            Self::Time => ("time_ms", "ms"),
            Self::Cpu => ("cpu_ms", "ms"),
            Self::Memory => ("memory_mib", "bytes"),
            Self::Memories => ("memories", "memories"),
            Self::Tables => ("tables", "tables"),
            Self::TableElements => ("table_elements", "elements"),
            Self::Instances => ("instances", "instances"),
            Self::Handles => ("handles", "handles"),
            Self::Stack => ("stack_kib", "bytes"),
            Self::HostCalls => ("host_call_kib", "bytes"),
            Self::Answer => ("answer_kib", "bytes"),
            Self::JsonDepth => ("json_depth", "levels"),
        }
    }

    /// What these limits allow, in the unit of an [`Overrun`].
    #[must_use]
    pub fn of(self, limits: &Limits) -> u64 {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match self {
            Self::Time => milliseconds(limits.time),
            Self::Cpu => milliseconds(limits.cpu),
            Self::Memory => limits.memory as u64,
            Self::Memories => limits.memories as u64,
            Self::Tables => limits.tables as u64,
            Self::TableElements => limits.table_elements as u64,
            Self::Instances => limits.instances as u64,
            Self::Handles => limits.handles as u64,
            Self::Stack => limits.stack as u64,
            Self::HostCalls => limits.host_calls as u64,
            Self::Answer => limits.answer as u64,
            Self::JsonDepth => limits.json_depth as u64,
        }
    }

    /// That a decision under these limits wanted more: so much, if that is known.
    #[must_use]
    pub fn overrun(self, limits: &Limits, reached: Option<u64>) -> Overrun {
        Overrun { limit: self, allowed: self.of(limits), reached }
    }
}

/// A limit that was hit, and how far over it a decision was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overrun {
    /// Which limit.
    pub limit: Limit,
    /// What it allows.
    pub allowed: u64,
    /// What was asked for or used, where that can be told.
    pub reached: Option<u64>,
}

impl fmt::Display for Overrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, unit) = self.limit.key_and_unit();
        match self.reached {
            Some(reached) => write!(f, "{key}: {reached} {unit}, allowed are {}", self.allowed),
            None => write!(f, "{key}: more than {} {unit}", self.allowed),
        }
    }
}
