//! Guests that trap in every way there is, and lie to the one who calls them.

use berth_tests::guests::{Guest, policy_of};

use super::{faults, later, refused};

/// Traps with this phrase once it serves.
fn traps(lines: &str, phrase: &str) {
    faults(later(Guest::doing(lines)), "trap", phrase, None);
}

#[test]
fn dividing_by_zero() {
    traps("(drop (i32.div_u (i32.const 1) (i32.load (i32.const 0))))", "integer divide by zero");
}

#[test]
fn dividing_past_the_largest_number() {
    let lines = "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (i32.load (i32.const 0)) (i32.const 1))))";
    traps(lines, "integer overflow");
}

#[test]
fn making_an_integer_of_no_number() {
    traps("(drop (i32.trunc_f32_s (f32.const nan)))", "invalid conversion to integer");
}

#[test]
fn reaching_the_unreachable() {
    traps("(unreachable)", "`unreachable` instruction executed");
}

#[test]
fn calling_nothing() {
    let guest =
        Guest::doing("(call_indirect $t (type $f) (i32.const 3))").function("(type $f (func)) (table $t 9 funcref)");
    faults(later(guest), "trap", "uninitialized element", None);
}

#[test]
fn calling_a_function_of_another_type() {
    let guest = Guest::doing("(drop (call_indirect $t (type $g) (i32.const 0)))")
        .function("(type $g (func (result i64))) (func $f) (table $t funcref (elem $f))");
    faults(later(guest), "trap", "indirect call type mismatch", None);
}

#[test]
fn calling_past_a_table() {
    let guest = Guest::doing("(call_indirect $t (type $f) (i32.const 1000000))")
        .function("(type $f (func)) (table $t 9 funcref)");
    faults(later(guest), "trap", "undefined element", None);
}

#[test]
fn reading_past_memory() {
    traps("(drop (i32.load (i32.const 0x7fffffff)))", "out of bounds memory access");
}

#[test]
fn writing_where_no_memory_can_be() {
    traps("(i64.store offset=4294967295 (i32.const -1) (i64.const 1))", "out of bounds memory access");
}

#[test]
fn filling_past_memory() {
    traps("(memory.fill (i32.const 100) (i32.const 1) (i32.const -1))", "out of bounds memory access");
}

#[test]
fn getting_what_no_table_has() {
    let guest = Guest::doing("(drop (table.get $t (i32.const -1)))").function("(table $t 9 funcref)");
    faults(later(guest), "trap", "out of bounds", None);
}

/// A realloc that gives Berth this place, whatever it is asked for.
fn giving(place: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const {place}))
            (func (export "validate-settings") (param i32 i32) (result i32) (i32.const 0))
            (func (export "allocate") (param i32) (result i32) (i32.const 0)))"#
    );
    policy_of(wat::parse_str(text).unwrap())
}

/// The request lies at a place that is not one for it: nobody is harmed, and the policy's smoke decision says nothing.
#[test]
fn giving_a_place_that_is_not_aligned() {
    faults(giving("1021"), "trap", "not aligned", None);
}

#[test]
fn giving_a_place_past_memory() {
    refused_by_settings("65536");
}

#[test]
fn giving_the_last_place_there_could_be() {
    refused_by_settings("-1");
}

fn refused_by_settings(place: &str) {
    refused(giving(place), "settings", "beyond end of memory");
}

#[test]
fn logging_from_realloc() {
    let text = r#"(module
        (import "berth:allocation/log@1.0.0" "write" (func $log (param i32 i32 i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (call $log (i32.const 1) (i32.const 0) (i32.const 1)) (i32.const 1024))
        (func (export "validate-settings") (param i32 i32) (result i32) (i32.const 0))
        (func (export "allocate") (param i32) (result i32) (i32.const 0)))"#;
    refused(policy_of(wat::parse_str(text).unwrap()), "settings", "cannot leave component instance");
}

#[test]
fn logging_from_post_return() {
    let post =
        r#"(func (export "cabi_post_allocate") (param i32) (call $log (i32.const 1) (i32.const 0) (i32.const 1)))"#;
    faults(Guest::doing("").logging().function(post), "trap", "cannot leave component instance", None);
}

#[test]
fn logging_past_memory() {
    let guest = Guest::doing("(call $log (i32.const 1) (i32.const 65000) (i32.const 65000))").logging();
    faults(later(guest), "trap", "out of bounds", None);
}

#[test]
fn logging_a_length_without_end() {
    let guest = Guest::doing("(call $log (i32.const 1) (i32.const 1) (i32.const -1))").logging();
    faults(later(guest), "trap", "out of bounds", None);
}

#[test]
fn logging_at_a_level_that_is_none() {
    let guest = Guest::doing("(call $log (i32.const 99) (i32.const 0) (i32.const 1))").logging();
    faults(later(guest), "trap", "discriminant", None);
}

#[test]
fn logging_what_is_no_text() {
    let lines =
        "(i32.store (i32.const 16) (i32.const 0xfffefdfc)) (call $log (i32.const 1) (i32.const 16) (i32.const 4))";
    faults(later(Guest::doing(lines).logging()), "trap", "utf-8", None);
}

/// The names of functions in a backtrace are the guest's, and harm no terminal that shows them.
#[test]
fn naming_functions_with_terminal_escapes() {
    let guest =
        Guest::doing("(call $evil)").function("(func $evil (@name \"\\1b[2J\\1b]0;owned\\07\\0a{}\") (unreachable))");
    let told = faults(later(guest), "trap", "unreachable", None);
    assert_eq!(told["backtrace"][0], "?[2J?]0;owned??{}", "{told}");
}

/// A C++ name of a few hundred bytes that would unfold to gigabytes if somebody made it readable.
#[test]
fn naming_a_function_so_that_it_unfolds() {
    let mut name = "_Z1fI1aE".to_owned();
    for level in 0..40 {
        let base = if level == 0 { "T_".to_owned() } else { format!("S{}_", level) };
        name.push_str(&format!("4pairI{base}{base}E"));
    }
    let guest = Guest::doing("(call $evil)").function(&format!("(func $evil (@name \"{name}\") (unreachable))"));
    let told = faults(later(guest), "trap", "unreachable", None);
    assert!(told["backtrace"][0].as_str().is_some_and(|shown| shown.len() <= 160), "{told}");
}

#[test]
fn naming_a_function_with_a_megabyte() {
    let name = "n".repeat(1 << 20);
    let guest = Guest::doing("(call $evil)").function(&format!("(func $evil (@name \"{name}\") (unreachable))"));
    let told = faults(later(guest), "trap", "unreachable", None);
    assert_eq!(told["backtrace"][0].as_str().map(str::len), Some(160));
}
