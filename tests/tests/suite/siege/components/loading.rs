//! Components that are no policy, or cost more to load than they should.

use berth_tests::{
    Policy,
    guests::{Guest, importing, of_another_world, policy_of, section},
};

use super::{POLICY, SERVERS, harmless, refused};

/// What every component begins with.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A component of this text.
fn text(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn nothing() {
    refused(Policy::of([]), "compile", "is empty");
}

#[test]
fn a_core_module() {
    refused(Policy::of(Guest::doing("").core_module()), "compile", "a core WebAssembly module, not a component");
}

#[test]
fn an_elf_file() {
    refused(Policy::of(*b"\x7fELF\x02\x01\x01"), "compile", "not a WebAssembly component");
}

/// A component that ends in each of its parts.
#[test]
fn half_a_component() {
    let whole = Guest::doing("").component();
    for part in 1..8 {
        refused(Policy::of(&whole[..whole.len() * part / 8]), "", "");
    }
}

#[test]
fn a_component_with_a_length_that_lies() {
    let mut bytes = Guest::doing("").component();
    // The length of the first section.
    bytes[9] = 0x7f;
    refused(Policy::of(bytes), "compile", "");
}

#[test]
fn sixty_four_bit_memory() {
    refused(text("(component (core module (memory i64 1)))"), "compile", "memory64");
}

#[test]
fn shared_memory() {
    refused(text("(component (core module (memory 1 1 shared)))"), "compile", "thread");
}

#[test]
fn several_memories_in_one_module() {
    let module = "(component (core module $m (memory 1) (memory 1)) (core instance (instantiate $m)))";
    refused(Guest::doing("").beside(module), "compile", "memories");
}

#[test]
fn garbage_collected_types() {
    let gc = "(component (core module (type (struct (field i32))) (func (drop (struct.new_default 0)))))";
    refused(text(gc), "compile", "features Berth does not offer");
}

#[test]
fn exceptions() {
    refused(
        text("(component (core module (tag (param i32)) (func (throw 0 (i32.const 1)))))"),
        "compile",
        "exceptions",
    );
}

#[test]
fn asynchronous_functions() {
    let component = r#"(component (import "f" (func async)))"#;
    refused(text(component), "compile", "async");
}

#[test]
fn another_world() {
    refused(of_another_world(), "world", "exports no function `allocate`");
}

#[test]
fn an_export_of_another_type() {
    let component = r#"(component
        (core module $m (func (export "f") (result i32) (i32.const 1)))
        (core instance $i (instantiate $m))
        (func (export "allocate") (result u32) (canon lift (core func $i "f"))))"#;
    refused(text(component), "world", "the export `allocate` is not the one of");
}

#[test]
fn an_export_that_is_no_function() {
    refused(text(r#"(component (instance $i) (export "allocate" (instance $i)))"#), "world", "it is not a function");
}

#[test]
fn the_contract_in_another_version() {
    refused(importing("berth:allocation/log@9.0.0"), "imports", "berth:allocation/log@9.0.0");
}

/// Every one is named, and it says how to build without them.
#[test]
fn files_clock_and_network() {
    let names = ["wasi:filesystem/types@0.2.3", "wasi:clocks/wall-clock@0.2.3", "wasi:sockets/tcp@0.2.3"];
    let imports: String = names.iter().map(|name| format!(r#"(import "{name}" (instance))"#)).collect();
    let component = text(&format!("(component {imports})"));
    for phrase in names.into_iter().chain(["jco componentize --disable all", "componentize-py --stub-wasi"]) {
        refused(component.clone(), "imports", phrase);
    }
}

#[test]
fn an_unknown_import() {
    refused(text(r#"(component (import "evil" (func)))"#), "imports", "imports evil, which Berth does not offer");
}

#[test]
fn thousands_of_imports() {
    let imports: String = (0..5000).map(|number| format!(r#"(import "evil-{number}" (func))"#)).collect();
    refused(text(&format!("(component {imports})")), "imports", "evil-0");
}

/// A section that nobody reads.
#[test]
fn a_custom_section_of_megabytes() {
    let section = format!(r#"(@custom "x" "{}")"#, "y".repeat(1 << 20));
    harmless(policy_of(Guest::doing("").function(&section).core_module()));
}

#[test]
fn thousands_of_functions() {
    let functions: String = (0..10_000).map(|number| format!("(func $f{number} (nop))")).collect();
    harmless(Guest::doing("").function(&functions));
}

/// A module of one section, which says that there are so many in it.
fn of_two_million(kind: u8) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend(section(kind, &[0x80, 0x89, 0x7a, 0]));
    [COMPONENT.to_vec(), section(1, &module)].concat()
}

#[test]
fn too_many_types() {
    refused(of_two_million(1), "compile", "types count");
}

#[test]
fn too_many_exports() {
    refused(of_two_million(7), "compile", "exports count");
}

#[test]
fn too_many_functions() {
    refused(of_two_million(3), "compile", "functions count");
}

#[test]
fn too_many_locals() {
    refused(text(&format!("(component (core module (func {})))", "(local i64)".repeat(60_000))), "compile", "local");
}

#[test]
fn too_many_parameters() {
    let parameters = "i64 ".repeat(2000);
    refused(text(&format!("(component (core module (func (param {parameters}))))")), "compile", "param");
}

#[test]
fn a_function_of_one_enormous_jump() {
    let labels = "0 ".repeat(60_000);
    let jump = format!("(func (param i32) (block (br_table {labels} 0 (local.get 0))))");
    harmless(Guest::doing("").function(&jump));
}

#[test]
fn blocks_ten_thousand_deep() {
    let body = format!("{}{}", "block ".repeat(10_000), "end ".repeat(10_000));
    harmless(Guest::doing("").function(&format!("(func {body})")));
}

#[test]
fn components_in_one_another() {
    let outer = |inner: Vec<u8>, _| [COMPONENT.to_vec(), section(4, &inner)].concat();
    refused((0..2000).fold(COMPONENT.to_vec(), outer), "world", "exports nothing");
}

#[test]
fn types_in_one_another() {
    let mut types = "(type $t0 (list u8))".to_owned();
    for level in 1..2000 {
        types.push_str(&format!("(type $t{level} (list $t{}))", level - 1));
    }
    refused(text(&format!("(component {types})")), "", "");
}

/// Types that double at each level: a hundred lines for more fields than there are atoms.
#[test]
fn types_that_unfold() {
    let mut types = "(type $t0 (tuple u8 u8))".to_owned();
    for level in 1..100 {
        types.push_str(&format!("(type $t{level} (tuple $t{} $t{}))", level - 1, level - 1));
    }
    refused(text(&format!("(component {types})")), "", "");
}

/// Components that each hold the next one twice.
#[test]
fn instances_that_unfold() {
    let mut component = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..10 {
        let twice = format!("(instance (instantiate $c{}))", level - 1).repeat(2);
        component = format!("(component $c{level} {component} {twice})");
    }
    refused(Guest::doing("").beside(&component), "compile", "core module instances");
}

/// While a tenant's components take long to compile, all of them at once, another tenant's version is verified.
#[test]
fn a_tenant_that_keeps_the_compiler_busy() {
    let jumps = "(if (local.get 0) (then (local.set 0 (i32.mul (local.get 0) (i32.const 3)))))".repeat(3000);
    SERVERS.withstands(async |berth| {
        let bombs = (0..4).map(|number| {
            let giant = format!("(func $giant{number} (param i32) (result i32) {jumps} (local.get 0))");
            berth.push(&format!("hostile/bomb-{number}"), Guest::doing("").function(&giant))
        });
        let mut bombs: Vec<_> = bombs.map(|bomb| tokio::spawn(bomb.into_future())).collect();
        let calm = berth.push("contoso/other", Guest::doing("")).await;
        assert_eq!(calm.status, 200, "{}", calm.text());
        for bomb in bombs.drain(..) {
            assert_eq!(bomb.await.unwrap().status, 200);
        }
        assert_eq!(berth.push(POLICY, Guest::doing("")).await.status, 200);
    });
}
