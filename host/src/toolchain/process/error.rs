//! Why a program did not do its work.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such program on the `PATH`.
    #[error("`{program}` is not installed, or not on the PATH")]
    Missing {
        /// Its name.
        program: String,
    },
    /// The program is there but could not be started or watched.
    #[error("could not run `{command}`")]
    Run {
        /// Program and arguments.
        command: String,
        /// What the system says.
        source: io::Error,
    },
    /// It ran for too long and was killed.
    #[error("`{command}` did not end within {} s and was stopped", after.as_secs_f32())]
    TimedOut {
        /// Program and arguments.
        command: String,
        /// The time it had.
        after: Duration,
    },
    /// It ended with a failure.
    #[error("`{command}` failed ({status}){}", quote(output))]
    Failed {
        /// Program and arguments.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The first and the last of what it wrote to standard error.
        output: String,
    },
    /// The caller gave up: see [`Progress::cancelled`](crate::toolchain::Progress::cancelled).
    #[error("interrupted")]
    Cancelled,
}

fn quote(output: &str) -> String {
    let output = output.trim_end();
    if output.is_empty() { String::new() } else { format!(":\n{output}") }
}
