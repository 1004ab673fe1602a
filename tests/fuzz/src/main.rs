//! One program for all targets: the environment's `BERTH_FUZZ_TARGET` names which. The rest of its arguments are libFuzzer's.
#![no_main]

use std::{
    panic::{catch_unwind, set_hook},
    sync::{LazyLock, Mutex, PoisonError},
};

use berth_tests::fuzzing::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

/// What the last panic said.
static LAST: Mutex<String> = Mutex::new(String::new());

/// The target of this run.
static TARGET: LazyLock<Target> = LazyLock::new(|| {
    // In place of libFuzzer's own hook, to which every panic is a finding: Berth catches those of its database.
    set_hook(Box::new(|panic| *LAST.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string()));
    let wanted = std::env::var("BERTH_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.into_iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("BERTH_FUZZ_TARGET is `{wanted}`, which is no target"))
});

fuzz_target!(|bytes: &[u8]| {
    let holds = TARGET.1;
    if catch_unwind(|| holds(bytes)).is_err() {
        eprintln!("\n{}", LAST.lock().unwrap_or_else(PoisonError::into_inner));
        std::process::abort();
    }
});
