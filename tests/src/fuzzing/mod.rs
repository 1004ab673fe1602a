//! What has to hold for any bytes at all, as functions of those bytes: each panics if it does not hold.
//!
//! `cargo xtask fuzz` looks for bytes that make one panic, guided by the code they reach; the suite runs each on the bytes in
//! `tests/fuzz/corpus`, which reach all that was ever reached, and on those of past findings. Nothing here opens a socket or
//! starts a process: what is tried a thousand times a second is the code between the bytes and the first decision on them.

mod answer;
mod component;
mod files;
mod store;
mod webhook;

/// What can be fuzzed: a name, and what has to hold.
pub type Target = (&'static str, fn(&[u8]));

/// Every target. Each has a folder of its name in `tests/fuzz/corpus`.
pub const TARGETS: [Target; 5] = [
    ("webhook", webhook::holds),
    ("answer", answer::holds),
    ("files", files::holds),
    ("component", component::holds),
    ("store", store::holds),
];

/// Holds the bytes against a target.
///
/// # Panics
///
/// If there is no such target, or what it says does not hold.
pub fn holds(target: &str, bytes: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    found.unwrap_or_else(|| panic!("there is no target `{target}`")).1(bytes);
}
