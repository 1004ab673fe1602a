//! Guests that want more of everything than they may have.

use berth_tests::guests::Guest;

use super::{faults, harmless, later, limited, refused};

/// A policy with so many instances of this module beside it.
fn beside(count: usize, module: &str) -> Vec<u8> {
    let instances = "(core instance (instantiate $m))".repeat(count);
    Guest::doing("").beside(&format!("(component (core module $m {module}) {instances})"))
}

#[test]
fn growing_memory_and_giving_up() {
    let grow = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))) (unreachable))";
    let told = faults(later(Guest::doing(grow)), "memory", "where it may have 67108864", Some("memory_mib"));
    assert_eq!(told["limit"]["allowed"], 64 << 20);
    assert_eq!(told["limit"]["reached"], (64 << 20) + (1 << 16), "{told}");
}

/// What it may have it may use, and gives back.
#[test]
fn touching_all_memory() {
    let fill = "(drop (memory.grow (i32.const 1000)))
        (memory.fill (i32.const 100000) (i32.const 7) (i32.const 60000000))";
    harmless(Guest::doing(fill));
}

#[test]
fn beginning_with_a_gigabyte() {
    refused(Guest::doing("").pages(16384), "compile", "memory");
}

#[test]
fn beginning_with_all_memory_there_could_be() {
    refused(Guest::doing("").pages(65536), "compile", "memory");
}

#[test]
fn beginning_with_more_than_the_policys_limit() {
    refused(limited(Guest::doing("").pages(33), "memory_mib = 2"), "settings", "where it may have 2097152");
}

/// Two memories, each within the limit.
#[test]
fn two_memories_that_are_too_large_together() {
    refused(beside(1, "(memory 1024)"), "settings", "where it may have 67108864");
}

#[test]
fn more_memories_than_a_server_has() {
    refused(beside(9, "(memory 1)"), "compile", "memories");
}

#[test]
fn more_memories_than_a_policy_may_have() {
    refused(limited(beside(1, "(memory 1)"), "memories = 1"), "settings", "needs 2 memories where it may have 1");
}

#[test]
fn more_tables_than_a_server_has() {
    refused(beside(9, "(table 1 funcref)"), "compile", "tables");
}

#[test]
fn more_tables_than_a_policy_may_have() {
    refused(limited(beside(2, "(table 1 funcref)"), "tables = 1"), "settings", "needs 2 tables where it may have 1");
}

#[test]
fn hundreds_of_tables_in_one_module() {
    refused(Guest::doing("").function(&"(table 1 funcref)".repeat(100)), "compile", "tables");
}

#[test]
fn more_instances_than_a_server_has() {
    refused(beside(500, ""), "compile", "instances");
}

#[test]
fn more_instances_than_a_policy_may_have() {
    refused(limited(beside(4, ""), "instances = 3"), "settings", "core instances where it may have 3");
}

#[test]
fn a_table_of_millions() {
    refused(Guest::doing("").function("(table 5000000 funcref)"), "compile", "table");
}

#[test]
fn tables_that_are_too_large_together() {
    refused(beside(2, "(table 15000 funcref)"), "settings", "30000 table elements where it may have 20000");
}

#[test]
fn growing_a_table_and_giving_up() {
    let grow = "(loop $again
        (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))) (unreachable))";
    let guest = Guest::doing(grow).function("(table $t 1 funcref)");
    let told =
        faults(later(guest), "resources", "20001 table elements where it may have 20000", Some("table_elements"));
    assert_eq!(told["limit"]["reached"], 20_001, "{told}");
}

#[test]
fn making_handles_without_end() {
    let other = r#"(component
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m
            (import "h" "new" (func $new (param i32) (result i32)))
            (func $go (loop $again (drop (call $new (i32.const 1))) (br $again)))
            (start $go))
        (core instance (instantiate $m (with "h" (instance (export "new" (func $new)))))))"#;
    refused(Guest::doing("").beside(other), "settings", "needs more than 1000 handles");
}

/// Many segments over the same bytes: little to send, much to write if somebody wrote them all.
#[test]
fn ten_thousand_segments_over_the_same_bytes() {
    let data = format!(r#"(data (i32.const 4096) "{}")"#, "x".repeat(500)).repeat(10_000);
    harmless(Guest::doing("").function(&data));
}

#[test]
fn a_segment_of_megabytes() {
    let data = format!(r#"(data (i32.const 65536) "{}")"#, "x".repeat(2 << 20));
    harmless(Guest::doing("").pages(100).function(&data));
}

#[test]
fn a_segment_past_memory() {
    refused(
        Guest::doing("").function(r#"(data (i32.const 0x7fffffff) "x")"#),
        "settings",
        "out of bounds memory access",
    );
}

#[test]
fn elements_past_a_table() {
    let elements = "(func $f) (table $t 1 funcref) (elem (table $t) (i32.const 900) func $f)";
    refused(Guest::doing("").function(elements), "settings", "out of bounds");
}

#[test]
fn a_hundred_thousand_globals() {
    refused(Guest::doing("").function(&"(global i64 (i64.const 1))".repeat(100_000)), "compile", "instance");
}
