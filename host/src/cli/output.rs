//! What commands print.
//!
//! A reason may hold whatever a policy or a file had in it; nothing of it reaches the terminal but what can be seen. Whoever
//! reads the output may stop doing so (`berth status | head`): then there is nobody left to tell, and the program ends.

use std::{
    fmt,
    io::{ErrorKind, Write as _},
};

use crate::telemetry::visible;

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

/// Prints as `println!` does, but for [`line`]'s care.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::output::line(format_args!($($text)*)) };
}

pub(super) use say;
