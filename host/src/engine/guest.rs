//! What one running instance can see and use up: the state behind its imports, and its limits.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use wasmtime::{
    ResourceLimiter,
    component::{HasSelf, Linker},
};

use super::bindings;
use crate::contract::Limits;

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

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// When the guest has to be done.
    pub(super) deadline: Instant,
    pub(super) log: Vec<LogLine>,
    log_bytes_left: usize,
    /// Lines that did not fit into the log.
    pub(super) log_dropped: usize,
    lookups: u32,
    /// Bytes of all linear memories together.
    pub(super) memory: usize,
    /// The size a memory would have had, where the limit refused it.
    pub(super) memory_refused: Option<usize>,
}

impl Guest {
    pub(super) fn new(surroundings: Arc<Surroundings>, limits: Limits) -> Self {
        Self {
            surroundings,
            deadline: Instant::now() + limits.time,
            log: Vec::new(),
            log_bytes_left: limits.log_bytes,
            log_dropped: 0,
            lookups: 0,
            memory: 0,
            memory_refused: None,
            limits,
        }
    }
}

/// What every policy may import. There is nothing else.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    bindings::Policy::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

impl bindings::types::Host for Guest {}

impl bindings::log::Host for Guest {
    fn write(&mut self, level: bindings::log::Level, message: String) {
        if self.log.len() >= self.limits.log_lines || self.log_bytes_left == 0 {
            self.log_dropped += 1;
            return;
        }
        let mut message = message;
        if message.len() > self.log_bytes_left {
            message.truncate(message.floor_char_boundary(self.log_bytes_left));
            self.log_bytes_left = 0;
        } else {
            self.log_bytes_left -= message.len();
        }
        let level = match level {
            bindings::log::Level::Debug => LogLevel::Debug,
            bindings::log::Level::Info => LogLevel::Info,
            bindings::log::Level::Warn => LogLevel::Warn,
            bindings::log::Level::Error => LogLevel::Error,
        };
        self.log.push(LogLine { level, message });
    }
}

impl bindings::settings::Host for Guest {
    fn get(&mut self) -> String {
        self.surroundings.settings.clone()
    }
}

impl bindings::tables::Host for Guest {
    fn lookup(&mut self, table: String, key: String) -> Result<Option<String>, bindings::tables::LookupError> {
        if self.lookups == self.limits.table_lookups {
            return Err(bindings::tables::LookupError::TooManyLookups);
        }
        self.lookups += 1;
        let table = self.surroundings.tables.get(&table).ok_or(bindings::tables::LookupError::NoSuchTable)?;
        Ok(table.get(key.as_str()).map(|row| row.to_string()))
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // A memory's own maximum is the guest's business; what counts here is the sum over all its memories.
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.limits.memory {
            self.memory_refused = Some(total);
            return Ok(false);
        }
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.memory = total;
        }
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= super::MAX_TABLE_ELEMENTS)
    }
}
