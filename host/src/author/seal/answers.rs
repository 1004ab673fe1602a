//! What the seal answers to each function of WASI: a few lines of WebAssembly text, or nothing that it could answer.
//!
//! A function whose every call needs a handle that nobody can have, such as one of an open file, ends the guest if it is
//! called, which cannot happen.

/// The version of WASI whose interfaces are known.
const VERSION: &str = "0.2.";

/// Interfaces that can be answered, but for functions that a later version may have added.
const INTERFACES: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
];

/// Whether an interface of this full name can be answered.
pub(super) fn knows(import: &str) -> bool {
    let known = import.split_once('@').filter(|(_, version)| version.starts_with(VERSION));
    known.is_some_and(|(interface, _)| INTERFACES.contains(&interface))
}

/// An answer to a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Zero, none, an empty list, success without more: all of them are zeros.
    Zeros,
    /// What these lines leave on the stack.
    Lines(&'static str),
}

/// A function that nobody has a handle for.
const NEVER: Answer = Answer::Lines("(unreachable)");
/// `err(closed)`: there is nothing to be read. After these come 4 or 8 bytes of `ok`.
const CLOSED_4: Answer = Answer::Lines("(i32.const 128)");
const CLOSED_8: Answer = Answer::Lines("(i32.const 160)");
/// A pollable, which is always ready.
const READY: Answer = Answer::Lines("(call $new-pollable (i32.const 1))");
/// Writes bytes of a list to a stream's line.
const WRITE: Answer = Answer::Lines("(call $write (local.get 0) (local.get 1) (local.get 2)) (i32.const 64)");
/// Writes out a line that has no end yet.
const FLUSH: Answer = Answer::Lines("(call $line (local.get 0)) (i32.const 64)");
const RANDOM: Answer = Answer::Lines("(call $random)");
const RANDOM_BYTES: Answer = Answer::Lines("(call $random-bytes (local.get 0))");

/// The answer to a function of an interface, both without version. `None` if it has none.
pub(super) fn answer(interface: &str, function: &str) -> Option<Answer> {
    use Answer::{Lines, Zeros};
    Some(match (interface, function) {
        ("wasi:cli/environment", "get-environment" | "get-arguments" | "initial-cwd") => Zeros,
        ("wasi:cli/exit", "exit" | "exit-with-code") => Lines("(call $exit) (unreachable)"),
        ("wasi:cli/stdin", "get-stdin") => Lines("(call $new-input-stream (i32.const 1))"),
        ("wasi:cli/stdout", "get-stdout") => Lines("(call $new-output-stream (i32.const 1))"),
        ("wasi:cli/stderr", "get-stderr") => Lines("(call $new-output-stream (i32.const 2))"),
        ("wasi:cli/terminal-stdin", "get-terminal-stdin")
        | ("wasi:cli/terminal-stdout", "get-terminal-stdout")
        | ("wasi:cli/terminal-stderr", "get-terminal-stderr") => Zeros,
        ("wasi:clocks/monotonic-clock", "now") => Lines("(call $now)"),
        ("wasi:clocks/monotonic-clock", "resolution") => Lines("(i64.const 1000)"),
        ("wasi:clocks/monotonic-clock", "subscribe-instant" | "subscribe-duration") => READY,
        ("wasi:clocks/wall-clock", "now" | "resolution") => Zeros,
        ("wasi:filesystem/preopens", "get-directories") => Zeros,
        ("wasi:filesystem/types", "filesystem-error-code") => Zeros,
        ("wasi:filesystem/types", function)
            if function.starts_with("[method]descriptor.")
                || function.starts_with("[method]directory-entry-stream.") =>
        {
            NEVER
        }
        ("wasi:io/error", "[method]error.to-debug-string") => NEVER,
        ("wasi:io/poll", "[method]pollable.ready") => Lines("(i32.const 1)"),
        ("wasi:io/poll", "[method]pollable.block") => Lines(""),
        ("wasi:io/poll", "poll") => Lines("(call $all (local.get 1))"),
        ("wasi:io/streams", function) => return stream(function),
        ("wasi:random/random", "get-random-u64") | ("wasi:random/insecure", "get-insecure-random-u64") => RANDOM,
        ("wasi:random/random", "get-random-bytes") | ("wasi:random/insecure", "get-insecure-random-bytes") => {
            RANDOM_BYTES
        }
        ("wasi:random/insecure-seed", "insecure-seed" | "get-insecure-seed") => Zeros,
        _ => return None,
    })
}

fn stream(function: &str) -> Option<Answer> {
    Some(match function {
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => CLOSED_4,
        "[method]input-stream.skip" | "[method]input-stream.blocking-skip" => CLOSED_8,
        "[method]input-stream.subscribe" | "[method]output-stream.subscribe" => READY,
        "[method]output-stream.check-write" => Answer::Lines("(i32.const 192)"),
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => WRITE,
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => FLUSH,
        "[method]output-stream.write-zeroes" | "[method]output-stream.blocking-write-zeroes-and-flush" => Answer::Zeros,
        // It reads from a stream that has nothing to be read.
        "[method]output-stream.splice" | "[method]output-stream.blocking-splice" => CLOSED_8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_answered_is_known_by_name() {
        assert!(knows("wasi:cli/stdout@0.2.0") && knows("wasi:io/streams@0.2.12"));
        for other in ["wasi:sockets/tcp@0.2.3", "wasi:http/types@0.2.3", "wasi:cli/stdout@0.3.0", "wasi:cli/stdout"] {
            assert!(!knows(other), "{other}");
        }
    }
}
