use wasmtime::{Engine, Instance, Module, Store};

use super::*;

const ADAPTER: &str = r#"(module
    (import "env" "memory" (memory 0))
    (global $asked (mut i64) (i64.const 0))
    (func (export "clock_time_get") (param i32 i64 i32) (result i32)
        (global.set $asked (i64.add (global.get $asked) (i64.const 1000)))
        (i64.store (local.get 2) (global.get $asked))
        (i32.const 0))
    (func (export "asked") (result i64) (global.get $asked)))"#;

/// A module that starts as `start` says.
fn module(start: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
            (import "berth:allocation/settings@1.0.0" "get" (func $settings (param i32)))
            (memory (export "memory") 2 10)
            (global $constant i32 (i32.const 7))
            (global $number (mut i32) (i32.const 1))
            (global $long (mut i64) (i64.const 2))
            (global $float (mut f64) (f64.const 3))
            (table 1 funcref)
            (elem (i32.const 0) func $clock)
            (data (i32.const 100) "as it was")
            (func (export "_initialize") {start})
            (func (export "number") (result i32) (global.get $number))
            (func (export "long") (result i64) (global.get $long))
            (func (export "float") (result f64) (global.get $float))
            (func (export "size") (result i32) (memory.size))
            (func (export "called") (result i32)
                (call_indirect (param i32 i64 i32) (result i32)
                    (i32.const 0) (i64.const 0) (i32.const 16) (i32.const 0))))"#
    );
    wat::parse_str(text).unwrap()
}

fn started(start: &str) -> anyhow::Result<Started> {
    super::start(&module(start), &wat::parse_str(ADAPTER).unwrap())
}

/// A module and its adapter, instantiated as a component would.
struct Running {
    store: Store<Starting>,
    instance: Instance,
}

impl Running {
    fn of(started: &Started) -> Self {
        let engine = Engine::default();
        let limits = StoreLimitsBuilder::new().build();
        let mut store = Store::new(&engine, Starting { adapter: None, limits });
        let module = Module::new(&engine, &started.module).unwrap();
        let instance = linker(&engine, &module).unwrap().instantiate(&mut store, &module).unwrap();
        let memory = instance.get_memory(&mut store, MEMORY).unwrap();
        let module = Module::new(&engine, &started.adapter).unwrap();
        let mut adapters = linker(&engine, &module).unwrap();
        adapters.define(&store, "env", MEMORY, memory).unwrap();
        store.data_mut().adapter = Some(adapters.instantiate(&mut store, &module).unwrap());
        Self { store, instance }
    }

    fn call(&mut self, name: &str) -> Val {
        let function = self.instance.get_func(&mut self.store, name).unwrap();
        let mut results = [Val::I32(0)];
        function.call(&mut self.store, &[], &mut results).unwrap();
        results[0]
    }

    fn memory(&mut self) -> &[u8] {
        self.instance.get_memory(&mut self.store, MEMORY).unwrap().data(&self.store)
    }
}

#[test]
fn a_started_module_has_what_its_start_came_to() {
    let started = started(
        r#"(global.set $number (i32.const -5))
           (global.set $long (i64.const 1099511627776))
           (global.set $float (f64.const -0.5))
           (drop (memory.grow (i32.const 3)))
           (i32.store8 (i32.const 102) (i32.const 88))
           (i32.store8 (i32.const 327679) (i32.const 9))"#,
    )
    .unwrap();
    let mut running = Running::of(&started);
    assert!(running.instance.get_func(&mut running.store, START).is_none());
    assert_eq!(running.call("number").i32(), Some(-5));
    assert_eq!(running.call("long").i64(), Some(1 << 40));
    assert_eq!(running.call("float").f64(), Some(-0.5));
    assert_eq!(running.call("size").i32(), Some(5));
    let memory = running.memory();
    assert_eq!(&memory[100..109], b"asXit was");
    assert_eq!((memory[327_678], memory[327_679], memory.len()), (0, 9, 5 << 16));
}

#[test]
fn the_adapter_goes_on_from_where_it_was() {
    let started = started("(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 8)))").unwrap();
    let mut running = Running::of(&started);
    assert_eq!(running.memory()[8..10], 1000_u16.to_le_bytes());
    assert_eq!(running.call("called").i32(), Some(0));
    assert_eq!(running.memory()[16..18], 2000_u16.to_le_bytes());
}

#[test]
fn the_same_module_starts_to_the_same_bytes() {
    let start = "(drop (memory.grow (i32.const 1))) (i32.store (i32.const 70000) (i32.const 1))";
    let (first, second) = (started(start).unwrap(), started(start).unwrap());
    assert_eq!((first.module, first.adapter), (second.module, second.adapter));
}

#[test]
fn a_start_that_cannot_be_kept_is_left_for_the_decision() {
    for (start, why) in [
        ("(call $settings (i32.const 0))", "it calls get of berth:allocation/settings@1.0.0 while it starts"),
        ("(unreachable)", "its start failed"),
        ("(loop $for_ever (br $for_ever))", "its start failed"),
        ("(table.set (i32.const 0) (ref.null func))", "it changes what cannot be kept"),
    ] {
        let error = started(start).unwrap_err();
        assert!(format!("{error:#}").contains(why), "{error:#}");
    }
}

#[test]
fn what_is_no_module_or_has_no_start_is_left_alone() {
    let adapter = wat::parse_str(ADAPTER).unwrap();
    let bare = wat::parse_str(r#"(module (memory (export "memory") 1))"#).unwrap();
    let at_once = wat::parse_str(r#"(module (func $start) (start $start))"#).unwrap();
    for bytes in [b"text".to_vec(), bare, at_once] {
        assert!(super::start(&bytes, &adapter).is_err());
    }
}
