//! The compiling process: reads a component, writes its code or why there is none, and ends.
//!
//! A component from a stranger can make a compiler take all the memory and time there is. So it is compiled in a process
//! of its own, one that has set itself limits, runs at a low priority, and can be killed without harm.

use std::{
    fs,
    io::{self, Read as _, Write as _},
};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{compiling_config, inspect, inspect::Rejection, priority};
use crate::contract::{Failure, Stage};

/// The hidden command that makes `berth` a compiling process.
pub const COMMAND: &str = "compile-worker";

/// The flag that makes it compile for an engine that counts fuel.
pub(super) const METERED: &str = "--metered";

/// The variable by which the compiler's threads are told how many they are.
pub(super) const THREADS: &str = "RAYON_NUM_THREADS";

/// How far compiling, and all that makes a new version serve, gives way to requests: as far as there is. In short
/// slices that is still enough for a large component to be compiled within a minute beside requests that use every processor.
pub const NICENESS: i32 = 19;

/// What a compiling process may use.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Bytes of address space.
    pub memory: u64,
    /// Seconds of processor time.
    pub cpu_seconds: u64,
}

impl Default for Allowance {
    /// Enough for CPython's component of 18 MB, which takes a fifth of either.
    fn default() -> Self {
        Self { memory: 4 << 30, cpu_seconds: 120 }
    }
}

/// A compiling process's answer: one byte that tells which, then the rest.
pub(super) const CODE: u8 = b'C';
pub(super) const FAILURE: u8 = b'F';

/// Compiles standard input to standard output, within this allowance, and if it says so for an engine that counts fuel.
///
/// # Errors
///
/// If the limits cannot be set, or the pipes break. That the component cannot serve is an answer and not an error.
pub fn run(allowance: Allowance, metered: bool) -> anyhow::Result<()> {
    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::As, limit(allowance.memory))?;
    setrlimit(Resource::Cpu, limit(allowance.cpu_seconds))?;
    setrlimit(Resource::Core, limit(0))?;
    // Where memory is short, this process goes, and neither the server nor that which makes decisions.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    priority::nice(NICENESS);
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component)?;
    let (kind, bytes) = match compile(&component, metered) {
        Ok(code) => (CODE, code),
        Err(rejection) => {
            let failure = Failure::new(rejection.stage(), &rejection);
            (FAILURE, format!("{}\n{}", failure.stage.as_str(), failure.reason).into_bytes())
        }
    };
    let mut output = io::stdout().lock();
    output.write_all(&[kind])?;
    output.write_all(&bytes)?;
    output.flush()?;
    Ok(())
}

/// Compiles a component in this very process, which has to have set itself limits: the component is a stranger's.
///
/// # Errors
///
/// Why the component cannot serve.
pub fn compile(bytes: &[u8], metered: bool) -> Result<Vec<u8>, Rejection> {
    inspect::header(bytes)?;
    let damaged = |error: wasmtime::Error| Rejection::Compile(format!("{error:#}"));
    let engine = wasmtime::Engine::new(&compiling_config(metered)).map_err(damaged)?;
    let component = wasmtime::component::Component::from_binary(&engine, bytes).map_err(damaged)?;
    inspect::world(&engine, &component)?;
    component.serialize().map_err(damaged)
}

/// Reads what a compiling process wrote.
pub(super) fn read(mut output: Vec<u8>) -> Option<Result<Vec<u8>, Failure>> {
    let kind = *output.first()?;
    // In place: it may be hundreds of megabytes.
    output.drain(..1);
    match kind {
        CODE => Some(Ok(output)),
        FAILURE => {
            let (stage, reason) = std::str::from_utf8(&output).ok()?.split_once('\n')?;
            Some(Err(Failure::new(Stage::named(stage)?, reason)))
        }
        _ => None,
    }
}
