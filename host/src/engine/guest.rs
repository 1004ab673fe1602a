//! What one running instance can see and use up: the state behind its imports, and its limits.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use wasmtime::{
    ResourceLimiter,
    component::{HasSelf, Linker},
};

use super::{bindings, course::Course, cpu::Cpu};
use crate::contract::{Limit, Limits, Overrun};

/// What a policy finds around itself, the same for every decision of a release.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// The settings: text of a JSON object.
    pub settings: String,
    /// The tables by name.
    pub tables: BTreeMap<String, LookupTable>,
}

/// A table: from a key to the text of a JSON value.
pub type LookupTable = std::collections::HashMap<Box<str>, Box<str>>;

/// How much a log line matters, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// While writing a policy.
    Debug,
    /// Normal.
    Info,
    /// Not right.
    Warn,
    /// Wrong.
    Error,
}

/// A line of a policy's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The text, perhaps cut to the limit.
    pub message: String,
}

/// The state of one instance.
pub(super) struct Guest {
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) limits: Limits,
    started: Instant,
    pub(super) cpu: Cpu,
    pub(super) log: Vec<LogLine>,
    log_bytes_left: usize,
    /// Lines that did not fit into the log.
    pub(super) log_dropped: usize,
    /// What the policy said of its panic, whether or not that fitted into the log.
    pub(super) panic: Option<String>,
    lookups: u32,
    /// Whether the log says that a table is not there.
    told_of_table: bool,
    /// Bytes that crossed in calls of the host.
    crossed: usize,
    /// Bytes of all linear memories together.
    pub(super) memory: usize,
    /// Bytes of them that were not there when the instance was made.
    pub(super) grown: usize,
    table_elements: usize,
    /// What the guest was told it cannot have. It may do without.
    pub(super) refused: Option<Overrun>,
    /// Why the guest was ended.
    pub(super) overrun: Option<Overrun>,
    /// What is timed, if anything.
    pub(super) course: Option<Box<Course>>,
}

/// What the line begins with by which an SDK tells of a panic, at the level `error`.
const PANIC: &str = "panicked";
/// Bytes that are kept of it.
const MAX_PANIC: usize = 1000;

impl Guest {
    pub(super) fn new(surroundings: Arc<Surroundings>, limits: Limits, started: Instant) -> Self {
        Self {
            surroundings,
            started,
            cpu: Cpu::since(started),
            log: Vec::new(),
            log_bytes_left: limits.log_bytes,
            log_dropped: 0,
            panic: None,
            lookups: 0,
            told_of_table: false,
            crossed: 0,
            memory: 0,
            grown: 0,
            table_elements: 0,
            refused: None,
            overrun: None,
            course: None,
            limits,
        }
    }

    /// Whether the guest's time is up, by the clock on the wall or by the processor's.
    pub(super) fn is_overdue(&mut self) -> bool {
        let (elapsed, used) = (self.started.elapsed(), self.cpu.interrupt());
        let over = [(Limit::Time, elapsed, self.limits.time), (Limit::Cpu, used, self.limits.cpu)];
        let over = over.into_iter().find(|(_, reached, allowed)| reached >= allowed);
        self.overrun = over.map(|(limit, reached, _)| limit.overrun(&self.limits, Some(reached.as_millis() as u64)));
        over.is_some()
    }

    /// Writes a line into the policy's log, as far as there is room.
    fn note(&mut self, level: LogLevel, mut message: String) {
        if self.log.len() >= self.limits.log_lines || self.log_bytes_left == 0 {
            self.log_dropped += 1;
            return;
        }
        if message.len() > self.log_bytes_left {
            message.truncate(message.floor_char_boundary(self.log_bytes_left));
            self.log_bytes_left = 0;
        } else {
            self.log_bytes_left -= message.len();
        }
        self.log.push(LogLine { level, message });
    }

    /// Counts bytes that a call of the host brings over.
    fn cross(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.crossed = self.crossed.saturating_add(bytes);
        if self.crossed <= self.limits.host_calls {
            return Ok(());
        }
        let overrun = Limit::HostCalls.overrun(&self.limits, Some(self.crossed as u64));
        self.overrun = Some(overrun);
        Err(wasmtime::Error::msg(overrun))
    }
}

/// What an author is told whose policy asks for a table that it does not have: most often a name is misspelt.
fn no_such_table(table: &str, surroundings: &Surroundings) -> String {
    let table: String = table.chars().take(100).flat_map(char::escape_debug).collect();
    let names: Vec<String> = surroundings.tables.keys().take(10).map(|name| format!("`{name}`")).collect();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!(
        "there is no table `{table}`; the policy has {there}: a table is tables/NAME.csv or tables/NAME.json beside it"
    )
}

/// What every policy may import. There is nothing else.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    bindings::Policy::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

impl bindings::types::Host for Guest {}

impl bindings::log::Host for Guest {
    fn write(&mut self, level: bindings::log::Level, message: String) -> wasmtime::Result<()> {
        self.cross(message.len())?;
        if level == bindings::log::Level::Error && message.starts_with(PANIC) {
            self.panic = message.get(..message.floor_char_boundary(MAX_PANIC)).map(str::to_owned);
        }
        let level = match level {
            bindings::log::Level::Debug => LogLevel::Debug,
            bindings::log::Level::Info => LogLevel::Info,
            bindings::log::Level::Warn => LogLevel::Warn,
            bindings::log::Level::Error => LogLevel::Error,
        };
        self.note(level, message);
        Ok(())
    }
}

impl bindings::settings::Host for Guest {
    fn get(&mut self) -> wasmtime::Result<String> {
        self.cross(self.surroundings.settings.len())?;
        Ok(self.surroundings.settings.clone())
    }
}

impl bindings::tables::Host for Guest {
    fn lookup(
        &mut self,
        table: String,
        key: String,
    ) -> wasmtime::Result<Result<Option<String>, bindings::tables::LookupError>> {
        self.cross(table.len() + key.len())?;
        if self.lookups == self.limits.table_lookups {
            return Ok(Err(bindings::tables::LookupError::TooManyLookups));
        }
        self.lookups += 1;
        let surroundings = self.surroundings.clone();
        let Some(table) = surroundings.tables.get(&table) else {
            // Once is enough, and leaves room for the policy's own words.
            if !std::mem::replace(&mut self.told_of_table, true) {
                self.note(LogLevel::Warn, no_such_table(&table, &surroundings));
            }
            return Ok(Err(bindings::tables::LookupError::NoSuchTable));
        };
        let row = table.get(key.as_str());
        self.cross(row.map_or(0, |row| row.len()))?;
        Ok(Ok(row.map(|row| row.to_string())))
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // A memory's own maximum is the guest's business; what counts here is the sum over all its memories.
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.limits.memory {
            self.refused = Some(Limit::Memory.overrun(&self.limits, Some(total as u64)));
            return Ok(false);
        }
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.memory = total;
            // A memory that is just being made grows from nothing.
            if current > 0 {
                self.grown += desired.saturating_sub(current);
            }
        }
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_sub(current).saturating_add(desired);
        if total > self.limits.table_elements {
            self.refused = Some(Limit::TableElements.overrun(&self.limits, Some(total as u64)));
            return Ok(false);
        }
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.table_elements = total;
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }
}
