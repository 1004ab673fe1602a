//! From wasmtime's error and what the guest was refused to a fault that explains itself.
//!
//! wasmtime's own text for an error is never used whole: it holds names that the guest chose, which may be of any length
//! and unfold without bound when they are made readable.

use std::fmt::{self, Write as _};

use wasmtime::{Trap, WasmBacktrace};

use super::guest::Guest;
use crate::contract::{Fault, FaultKind, Limit, Overrun};

/// Bytes of one function's name in a backtrace.
const MAX_NAME: usize = 160;
/// Functions in a backtrace.
const MAX_FRAMES: usize = 16;

/// The fault that ended this guest with this error.
pub(super) fn fault(error: &wasmtime::Error, guest: &Guest) -> Fault {
    let cause = error.root_cause().to_string();
    let overrun = overrun(error, &cause, guest);
    let (kind, message) = match overrun {
        Some(overrun) => explain(&overrun, &cause),
        None => (FaultKind::Trap, cause),
    };
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    Fault {
        overrun,
        panic: guest.panic.clone(),
        backtrace: frames.iter().take(MAX_FRAMES).map(|frame| name(frame.func_name(), frame.func_index())).collect(),
        ..Fault::new(kind, message)
    }
}

/// The limit that this error comes from, if it comes from one.
fn overrun(error: &wasmtime::Error, cause: &str, guest: &Guest) -> Option<Overrun> {
    let over = |limit: Limit, reached| Some(limit.overrun(&guest.limits, reached));
    // wasmtime keeps the types of these errors to itself.
    let counted = |what: &str| cause.strip_prefix(what).map(|number| number.parse().ok());
    if guest.overrun.is_some() {
        guest.overrun
    } else if let Some(reached) = counted("resource limit exceeded: instance count too high at ") {
        over(Limit::Instances, reached)
    } else if let Some(reached) = counted("resource limit exceeded: memory count too high at ") {
        over(Limit::Memories, reached)
    } else if let Some(reached) = counted("resource limit exceeded: table count too high at ") {
        over(Limit::Tables, reached)
    } else if cause.contains("store handle limit exceeded") {
        over(Limit::Handles, None)
    } else if cause.contains("fuel allocated for hostcalls") {
        over(Limit::HostCalls, None)
    } else if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        over(Limit::Stack, None)
    } else {
        guest.refused
    }
}

fn explain(overrun: &Overrun, cause: &str) -> (FaultKind, String) {
    let allowed = overrun.allowed;
    let wanted = overrun.reached.map_or_else(|| format!("more than {allowed}"), |reached| reached.to_string());
    let needs = |what: &str| format!("the policy needs {wanted} {what} where it may have {allowed}");
    match overrun.limit {
        Limit::Time => (FaultKind::Deadline, format!("the policy was still running after its {allowed} ms")),
        Limit::Cpu => (FaultKind::Cpu, format!("the policy used up its {allowed} ms of processor time")),
        Limit::Memory => (
            FaultKind::Memory,
            format!("the policy asked for {wanted} bytes of memory where it may have {allowed}, and gave up ({cause})"),
        ),
        Limit::TableElements => (
            FaultKind::Resources,
            format!("the policy asked for {wanted} table elements where it may have {allowed}, and gave up ({cause})"),
        ),
        Limit::Memories => (FaultKind::Resources, needs("memories")),
        Limit::Tables => (FaultKind::Resources, needs("tables")),
        Limit::Instances => (FaultKind::Resources, needs("core instances")),
        Limit::Handles => (FaultKind::Resources, needs("handles")),
        Limit::HostCalls => {
            (FaultKind::HostCalls, format!("more than {allowed} bytes crossed between the policy and Berth"))
        }
        Limit::Stack => (FaultKind::Trap, format!("{cause}: the policy has {allowed} bytes of stack")),
        // Not the engine's to judge.
        Limit::Answer | Limit::JsonDepth => (FaultKind::InvalidAnswer, overrun.to_string()),
    }
}

/// A function's name, readable and of bearable length.
fn name(name: Option<&str>, index: u32) -> String {
    let mut out = Short(String::new());
    // An error says that the name was longer, and what is there is enough.
    let _ = match name {
        // The form without the hash that ends a Rust name.
        Some(name) => write!(out, "{:#}", rustc_demangle::demangle(name)),
        None => write!(out, "function {index}"),
    };
    out.0
}

/// Takes the first bytes of a text, and control characters as question marks.
struct Short(String);

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            if self.0.len() >= MAX_NAME {
                return Err(fmt::Error);
            }
            self.0.push(if letter.is_control() { '?' } else { letter });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_and_short() {
        assert_eq!(name(None, 7), "function 7");
        assert_eq!(name(Some("_ZN3foo3bar17h0123456789abcdefE"), 7), "foo::bar");
        assert_eq!(name(Some("\u{1b}[2Jx\n"), 7), "?[2Jx?");
        assert_eq!(name(Some(&"x".repeat(100_000)), 7).len(), MAX_NAME);
    }
}
