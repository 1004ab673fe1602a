//! The one seam between the SDK and what Berth gives a policy: its settings, tables and log.
//!
//! In WebAssembly the imports of the component answer. Elsewhere the test host of the thread does.

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of interest while a policy is being written.
    Debug,
    /// Normal.
    Info,
    /// Not right, but a decision could be made.
    Warn,
    /// Wrong.
    Error,
}

/// Why a look-up could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookupFailure {
    /// The policy has no table of this name.
    NoSuchTable,
    /// The decision has used up its look-ups.
    TooManyLookups,
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::host::{look_up, settings_text, write_log};
#[cfg(target_arch = "wasm32")]
pub(crate) use component::{look_up, settings_text, write_log};

#[cfg(target_arch = "wasm32")]
mod component {
    use super::{Level, LookupFailure};
    use crate::bindings::berth::allocation::{log, settings, tables};

    pub(crate) fn write_log(level: Level, message: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(level, message);
    }

    pub(crate) fn settings_text() -> String {
        settings::get()
    }

    pub(crate) fn look_up(table: &str, key: &str) -> Result<Option<String>, LookupFailure> {
        tables::lookup(table, key).map_err(|error| match error {
            tables::LookupError::NoSuchTable => LookupFailure::NoSuchTable,
            tables::LookupError::TooManyLookups => LookupFailure::TooManyLookups,
        })
    }
}
