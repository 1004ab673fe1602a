//! The human form of a field: nothing in it can be taken for another line, or tell the terminal anything.

use std::fmt::{self, Write as _};

use tracing::field::Field;
use tracing_subscriber::fmt::format::Writer;

/// Writes one field of a line.
pub(super) fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(Visible(writer), "{value:?}"),
        name => write!(Visible(writer), "{name}={value:?}"),
    }
}

/// Passes text on with all that is not visible written out.
struct Visible<W>(W);

impl<W: fmt::Write> fmt::Write for Visible<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|char| self.write_char(char))
    }

    fn write_char(&mut self, char: char) -> fmt::Result {
        if is_hidden(char) { write!(self.0, "{}", char.escape_default()) } else { self.0.write_char(char) }
    }
}

/// A text for a terminal: several lines if it has them, but nothing that is not visible.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if char != '\n' && is_hidden(char) { out.extend(char.escape_default()) } else { out.push(char) }
    }
    out
}

/// Control characters, and those that turn the direction of what is around them.
fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_written_out() {
        for (text, seen) in [
            ("plain ü €", "plain ü €"),
            ("two\nlines", "two\\nlines"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("\r\t", "\\r\\t"),
        ] {
            let mut out = String::new();
            Visible(&mut out).write_str(text).unwrap();
            assert_eq!(out, seen);
        }
        assert_eq!(visible("two\nlines\u{7}"), "two\nlines\\u{7}");
    }
}
