//! Servers that are not to run: what `berth` says before it ends by itself.

use std::{path::Path, process::Stdio};

use tokio::process::Command;

use crate::{berth::binary, within_patience};

/// How a command ended.
#[derive(Debug)]
pub struct Ending {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Runs `berth` with these arguments in this folder to its end.
///
/// # Panics
///
/// If it does not end.
pub async fn run(folder: &Path, arguments: &[&str]) -> Ending {
    let command =
        Command::new(binary()).args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = within_patience("the command's end", command).await.expect("the command runs");
    Ending { code: output.status.code(), stderr: String::from_utf8(output.stderr).expect("text") }
}
