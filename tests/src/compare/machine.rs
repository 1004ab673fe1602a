//! What machine this is.

use std::{fs, process::Command, thread};

use anyhow::Context as _;

use super::report::Machine;

/// Looks.
///
/// # Errors
///
/// If the system does not say.
pub(super) fn machine() -> anyhow::Result<Machine> {
    let read = |path: &str| fs::read_to_string(path).with_context(|| format!("failed to read {path}"));
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let memory = field(&read("/proc/meminfo")?, "MemTotal").unwrap_or_default();
    let kib: u64 = memory.trim_end_matches(" kB").parse().context("the system says nothing of its memory")?;
    Ok(Machine {
        processors: thread::available_parallelism().context("failed to count the processors")?.get(),
        processor: field(&read("/proc/cpuinfo")?, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        memory_gib: (kib + (1 << 19)) >> 20,
        kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        rustc: version("rustc", &["--version"])?,
    })
}

/// The first line of what a program says of its version.
///
/// # Errors
///
/// If it cannot be run.
pub(super) fn version(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("failed to run {program}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().next().with_context(|| format!("{program} tells no version"))?;
    // The commit and the date are told by the version.
    Ok(line.split(" (").next().unwrap_or(line).to_owned())
}
