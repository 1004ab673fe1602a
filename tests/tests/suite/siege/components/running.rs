//! Guests that do not end, go too deep, or flood what they may call.

use berth_tests::guests::{Guest, policy_of};

use super::{SPIN, brief, faults, harmless, later, limited, refused};

/// A core module with these functions in place of the two that are called around a decision.
fn around(realloc: &str, validate: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (memory (export "memory") 2)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
            (func (export "validate-settings") (param i32 i32) (result i32) {validate} (i32.const 0))
            (func (export "allocate") (param i32) (result i32) (unreachable)))"#
    );
    policy_of(wat::parse_str(text).unwrap())
}

#[test]
fn spinning_in_allocate() {
    let told = faults(brief(Guest::doing(SPIN)), "deadline", "still running after its 50 ms", Some("time_ms"));
    assert!(told["limit"]["reached"].as_u64() >= told["limit"]["allowed"].as_u64(), "{told}");
    // In `act`, unless the machine was so busy that its time was over before it came there.
    assert!(told["backtrace"].as_array().is_some_and(|frames| !frames.is_empty()), "{told}");
}

// Enough time that a verification on a busy machine, which may take twenty times as long by the clock, ends by the
// processor's.
#[test]
fn spinning_in_the_start_function() {
    let guest = Guest::doing("").function(&format!("(func $go {SPIN}) (start $go)"));
    refused(limited(guest, "time_ms = 500"), "settings", "used up its 500 ms of processor time");
}

#[test]
fn spinning_in_realloc() {
    refused(
        limited(around(&format!("{SPIN} (i32.const 0)"), ""), "time_ms = 500"),
        "settings",
        "used up its 500 ms of processor time",
    );
}

#[test]
fn spinning_in_post_return() {
    let guest = Guest::doing("").function(&format!(r#"(func (export "cabi_post_allocate") (param i32) {SPIN})"#));
    refused(limited(guest, "time_ms = 500"), "smoke", "used up its 500 ms of processor time");
}

#[test]
fn spinning_over_settings() {
    refused(
        limited(around("(i32.const 1024)", SPIN), "time_ms = 500"),
        "settings",
        "used up its 500 ms of processor time",
    );
}

#[test]
fn burning_processor_time() {
    let guest = limited(later(Guest::doing(SPIN)), "cpu_ms = 30");
    faults(guest, "cpu", "used up its 30 ms of processor time", Some("cpu_ms"));
}

/// One instruction for sixty megabytes, again and again: it is looked at only between two of them.
#[test]
fn filling_all_memory_without_end() {
    let fill = "(drop (memory.grow (i32.const 900)))
        (loop $again (memory.fill (i32.const 100000) (i32.const 7) (i32.const 50000000)) (br $again))";
    faults(brief(Guest::doing(fill)), "deadline", "still running", Some("time_ms"));
}

#[test]
fn copying_all_memory_without_end() {
    let copy = "(drop (memory.grow (i32.const 900)))
        (loop $again (memory.copy (i32.const 100000) (i32.const 100001) (i32.const 50000000)) (br $again))";
    faults(brief(Guest::doing(copy)), "deadline", "still running", Some("time_ms"));
}

#[test]
fn filling_a_table_without_end() {
    let fill = "(loop $again
        (table.fill $t (i32.const 0) (ref.null func) (i32.const 19000)) (br $again))";
    let guest = Guest::doing(fill).function("(table $t 19000 funcref)");
    faults(brief(guest), "deadline", "still running", Some("time_ms"));
}

#[test]
fn asking_for_memory_without_end() {
    let grow = "(loop $again (drop (memory.grow (i32.const 16))) (br $again))";
    faults(brief(Guest::doing(grow)), "deadline", "still running", Some("time_ms"));
}

#[test]
fn recursing_without_end() {
    let recurse = "(func $deep (param i32) (result i32)
        (i32.add (local.get 0) (call $deep (i32.add (local.get 0) (i32.const 1)))))";
    let guest = Guest::doing("(drop (call $deep (i32.const 1)))").function(recurse);
    let told = faults(guest, "trap", "call stack exhausted", Some("stack_kib"));
    assert!(told["backtrace"].as_array().is_some_and(|frames| frames.len() == 16), "{told}");
}

#[test]
fn recursing_by_turns_through_a_table() {
    let functions = "(type $f (func)) (table $t funcref (elem $a $b))
        (func $a (type $f) (call_indirect $t (type $f) (i32.const 1)))
        (func $b (type $f) (call_indirect $t (type $f) (i32.const 0)) (nop))";
    faults(Guest::doing("(call $a)").function(functions), "trap", "call stack exhausted", Some("stack_kib"));
}

#[test]
fn recursing_with_large_frames() {
    let locals = "(local i64)".repeat(2000);
    let uses: String = (1..2000).map(|at| format!("(local.set {at} (i64.load (i32.const {})))", at * 8)).collect();
    let sum: String = (1..2000).map(|at| format!("(i64.store (i32.const 512) (local.get {at}))")).collect();
    let deep = format!("(func $deep (param i32) {locals} {uses} (call $deep (i32.const 1)) {sum})");
    faults(
        Guest::doing("(call $deep (i32.const 1))").function(&deep),
        "trap",
        "call stack exhausted",
        Some("stack_kib"),
    );
}

/// A guest that recurses while Berth gives it something.
#[test]
fn recursing_in_realloc() {
    let realloc = "(call $deep (i32.const 1))) (func $deep (param i32) (result i32)
        (i32.add (local.get 0) (call $deep (local.get 0)))";
    refused(around(realloc, ""), "settings", "call stack exhausted");
}

#[test]
fn logging_without_end() {
    let flood = "(loop $again (call $log (i32.const 3) (global.get $answer) (i32.const 1)) (br $again))";
    faults(brief(Guest::doing(flood).logging()), "deadline", "still running", Some("time_ms"));
}

#[test]
fn logging_more_than_may_cross() {
    let flood = "(loop $again (call $log (i32.const 1) (i32.const 0) (i32.const 500)) (br $again))";
    let guest = limited(later(Guest::doing(flood).logging()), "host_call_kib = 4");
    let told = faults(guest, "host-calls", "more than 4096 bytes crossed", Some("host_call_kib"));
    assert_eq!((&told["limit"]["allowed"], &told["limit"]["reached"]), (&4096.into(), &4500.into()), "{told}");
}

#[test]
fn logging_five_megabytes_at_once() {
    let huge = "(drop (memory.grow (i32.const 100))) (call $log (i32.const 1) (i32.const 0) (i32.const 5000000))";
    faults(later(Guest::doing(huge).logging()), "host-calls", "more than 1048576 bytes crossed", Some("host_call_kib"));
}

/// Lines past the limit are dropped, and the decision stands.
#[test]
fn logging_ten_thousand_lines() {
    let flood = "(local $n i32) (loop $again
        (call $log (i32.const 1) (global.get $answer) (i32.const 9))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 10000))))";
    harmless(Guest::doing(flood).logging());
}

#[test]
fn looking_up_without_end() {
    let flood = "(loop $again
        (call $lookup (i32.const 16) (i32.const 1) (i32.const 17) (i32.const 1) (i32.const 32)) (br $again))";
    faults(brief(Guest::doing(flood).looking_up()), "deadline", "still running", Some("time_ms"));
}

#[test]
fn looking_up_a_table_with_a_name_of_megabytes() {
    let huge = "(drop (memory.grow (i32.const 100)))
        (call $lookup (i32.const 0) (i32.const 3000000) (i32.const 0) (i32.const 3000000) (i32.const 32))";
    let guest = later(Guest::doing(huge).looking_up());
    faults(guest, "host-calls", "more than 1048576 bytes crossed", Some("host_call_kib"));
}

/// A row of half a megabyte, again and again.
#[test]
fn looking_up_large_rows() {
    let flood = "(i32.store8 (i32.const 16) (i32.const 116))
        (loop $again
          (call $lookup (i32.const 16) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32)) (br $again))";
    let row = format!(r#"{{"t": "{}"}}"#, "x".repeat(500_000));
    let policy = later(Guest::doing(flood).looking_up()).file("tables/t.json", row);
    faults(policy, "host-calls", "more than 1048576 bytes crossed", Some("host_call_kib"));
}
