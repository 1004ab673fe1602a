//! The log: where it goes, in which form, and how much of it.
//!
//! Field names are the same everywhere: `tenant`, `policy`, `version`, `request`, `status`, `code`, `stage`, `reason`.
//! Keys, tokens, URLs with a query and the contents of requests never become fields.
//!
//! Nobody waits for the log: lines go through a bounded queue, and those for which there is no room are counted. Nothing
//! that a caller or a policy wrote can look like a line of its own: JSON escapes it, and so does the form for people.

mod line;
mod writer;

pub use line::visible;
pub use writer::LastLines;

use std::io::IsTerminal as _;

use anyhow::Context as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::{EnvFilter, field::MakeExt as _, fmt::format::debug_fn};

use self::writer::Queue;
use crate::metrics::LOG;

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Starts the log on standard error. The last lines are written when what is returned is dropped.
///
/// A thread that panics is logged and counted; what that ends is told where the thread is started.
///
/// # Errors
///
/// If the filter is not one, or a log was started before.
pub fn start(format: LogFormat, filter: &str) -> anyhow::Result<LastLines> {
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("log.filter `{filter}` is not a filter such as `info` or `berth=debug,warn`"))?;
    let (queue, last) = Queue::start(std::io::stderr(), &LOG.dropped)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(queue).with_target(false);
    let human = match format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let started = if human {
        let fields = debug_fn(line::field).delimited(" ");
        builder.with_ansi(std::io::stderr().is_terminal()).fmt_fields(fields).try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("failed to start the log: {error}"))?;
    std::panic::set_hook(Box::new(|panic| {
        LOG.panics.add();
        let thread = std::thread::current();
        let reason = panic.payload_as_str().unwrap_or("no reason given");
        let place = panic.location().map(tracing::field::display);
        tracing::error!(thread = thread.name(), place, reason, "a thread panicked; this is a mistake of Berth's");
    }));
    Ok(last)
}
