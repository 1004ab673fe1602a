//! The policy's log. Its owner reads it; no device ever does.
//!
//! Each function writes one line. Lines past the policy's limits on number and size are dropped.
//!
//! ```
//! use berth_sdk::log;
//!
//! log::debug("looking at the model");
//! log::warn(format_args!("{} linked hubs are too few", 1));
//! ```

use std::fmt::Display;

pub use crate::imports::Level;

/// Writes a line that is of interest while a policy is being written.
pub fn debug(message: impl Display) {
    write(Level::Debug, message);
}

/// Writes a line about something normal.
pub fn info(message: impl Display) {
    write(Level::Info, message);
}

/// Writes a line about something that is not right, though a decision can be made.
pub fn warn(message: impl Display) {
    write(Level::Warn, message);
}

/// Writes a line about something wrong.
pub fn error(message: impl Display) {
    write(Level::Error, message);
}

/// Writes a line at a level that is known only at run time.
pub fn write(level: Level, message: impl Display) {
    crate::imports::write_log(level, &message.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    #[test]
    fn every_function_writes_its_level() {
        let host = Host::new();
        host.run(|| {
            debug("d");
            info(format_args!("{}", 1));
            warn(String::from("w"));
            error('e');
        });
        let lines: Vec<_> = host.log().into_iter().map(|line| (line.level, line.message)).collect();
        assert_eq!(
            lines,
            [
                (Level::Debug, "d".to_owned()),
                (Level::Info, "1".to_owned()),
                (Level::Warn, "w".to_owned()),
                (Level::Error, "e".to_owned()),
            ]
        );
    }
}
