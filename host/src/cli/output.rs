//! What commands print.
//!
//! A reason may hold whatever a policy or a file had in it; nothing of it reaches the terminal but what can be seen. Whoever
//! reads the output may stop doing so (`berth status | head`): then there is nobody left to tell, and the program ends.

use std::{
    fmt,
    io::{ErrorKind, Write as _},
};

use comfy_table::{ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};

use crate::telemetry::visible;

/// A table that is as wide as the terminal.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    // A terminal that has no size, as those of some runners, would leave no room for any column.
    if table.width() == Some(0) {
        table.force_no_tty();
    }
    table
}

/// So many of them: `1 device`, `2 devices`.
pub(super) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Prints a line to standard output.
pub(super) fn line(text: fmt::Arguments<'_>) {
    let printed = writeln!(std::io::stdout().lock(), "{}", visible(&text.to_string()));
    if let Err(error) = printed {
        if error.kind() != ErrorKind::BrokenPipe {
            // Of no use if this is the same pipe, but there is no other place.
            let _ = writeln!(std::io::stderr(), "error: failed to write the output: {error}");
        }
        std::process::exit(if error.kind() == ErrorKind::BrokenPipe { 0 } else { 1 });
    }
}

/// An error with what it comes from, each said once: some errors have the words of their source in their own.
pub(super) fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    visible(&text)
}

/// Prints as `println!` does, but for [`line`]'s care.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::output::line(format_args!($($text)*)) };
}

pub(super) use say;
