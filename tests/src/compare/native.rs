//! The ceiling: a native handler, built with the workspace.

use std::process::Command;

use super::{
    contender::{Rule, Started},
    machine,
    server::{Server, address_in},
};
use crate::binary;

/// Starts one.
///
/// # Errors
///
/// If it has not been built.
pub(super) fn start(rule: Rule) -> anyhow::Result<Started> {
    let command = Command::new(binary().with_file_name("native-handler"));
    let path = format!("/allocate/bench/{}", rule.name());
    Ok(Started {
        server: Server::start(command, address_in)?,
        path,
        version: machine::version("rustc", &["--version"])?,
    })
}
