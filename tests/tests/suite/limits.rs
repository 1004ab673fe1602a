//! Every limit of a decision holds alone, and beside every other one, however that is set.
//!
//! Through the library and not a server: hundreds of decisions, each of which has to be stopped by the limit it runs into.

use std::{fmt::Write as _, sync::Arc};

use berth::{
    catalogue::{Counts, FallbackSection, PolicyManifest, Release},
    config::Config,
    contract::{Digest, Fallback, Limits},
    decide::{Decided, Verdict, decide},
    engine::{Compiler, Engine, Program},
    wire::Body,
};
use berth_tests::{
    binary, bodies,
    guests::{Guest, Reply},
};

/// A limit, and a guest that runs into it if it is tight.
struct Case {
    key: &'static str,
    tight: u64,
    loosest: u64,
    guest: Vec<u8>,
    held: fn(&Decided) -> bool,
}

/// That a decision was ended by this limit, at this value.
fn ended(decided: &Decided, key: &str, allowed: u64) -> bool {
    let Verdict::Faulted(fault) = &decided.verdict else { return false };
    fault.overrun.is_some_and(|overrun| overrun.limit.key_and_unit().0 == key && overrun.allowed == allowed)
}

macro_rules! ends {
    ($key:literal, $tight:literal, $allowed:expr, $loosest:literal, $guest:expr) => {
        Case {
            key: $key,
            tight: $tight,
            loosest: $loosest,
            guest: $guest,
            held: |decided| ended(decided, $key, $allowed),
        }
    };
}

/// The one limit that is not in `[limits]`.
const STACK: &str = "stack_kib";
const SPIN: &str = "(loop $again (br $again))";
const GROW: &str = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))) (unreachable))";
/// Twenty lines of five bytes.
const LOG: &str = "(local $n i32) (loop $again
    (call $log (i32.const 1) (i32.const 0) (i32.const 5))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $n) (i32.const 20))))";
/// Ten look-ups, the last of which has to be refused.
const LOOK_UP: &str = "(local $n i32) (loop $again
    (call $lookup (i32.const 16) (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $n) (i32.const 10))))
    (if (i32.ne (i32.load8_u (i32.const 36)) (i32.const 1)) (then (unreachable)))";
const HANDLES: &str = r#"(component
    (type $r (resource (rep i32)))
    (core func $new (canon resource.new $r))
    (core module $m
        (import "h" "new" (func $new (param i32) (result i32)))
        (func $go (local $n i32) (loop $again
            (drop (call $new (i32.const 1)))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 50)))))
        (start $go))
    (core instance (instantiate $m (with "h" (instance (export "new" (func $new)))))))"#;

fn cases() -> Vec<Case> {
    let doing = |lines| Guest::doing(lines).component();
    let payload = |json: &str| Guest::answering(Reply::hub(bodies::TOASTERS).payload(json)).component();
    let beside = |module: &str| {
        Guest::doing("").beside(&format!("(component (core module $m {module}) (core instance (instantiate $m)))"))
    };
    let deep = "(drop (call $deep (i32.const 0)))";
    let deep = Guest::doing(deep).function(
        "(func $deep (param i32) (result i32) (i32.add (local.get 0) (call $deep (i32.add (local.get 0) (i32.const 1)))))",
    );
    vec![
        ends!("time_ms", 5, 5, 60_000, doing(SPIN)),
        ends!("cpu_ms", 5, 5, 60_000, doing(SPIN)),
        ends!("memory_mib", 2, 2 << 20, 1024, doing(GROW)),
        ends!("memories", 1, 1, 16, beside("(memory 1)")),
        ends!("tables", 1, 1, 64, beside("(table 1 funcref) (table 1 funcref)")),
        ends!("table_elements", 10, 10, 200_000, beside("(table 100 funcref)")),
        ends!("instances", 1, 1, 100, beside("")),
        ends!("handles", 10, 10, 100_000, Guest::doing("").beside(HANDLES)),
        ends!("stack_kib", 64, 64 << 10, 64, deep.component()),
        ends!(
            "host_call_kib",
            1,
            1 << 10,
            65_536,
            Guest::doing(
                "(drop (memory.grow (i32.const 1))) (call $log (i32.const 1) (i32.const 65536) (i32.const 1500))"
            )
            .logging()
            .component()
        ),
        ends!("answer_kib", 1, 1 << 10, 96, payload(&format!(r#"{{"a":"{}"}}"#, "x".repeat(1500)))),
        ends!("json_depth", 5, 5, 127, payload(r#"{"a":[[[[[[]]]]]]}"#)),
        Case {
            key: "log_lines",
            tight: 3,
            loosest: 10_000,
            guest: Guest::doing(LOG).logging().component(),
            held: |decided| decided.trail.log.len() == 3 && decided.trail.log_dropped == 17,
        },
        Case {
            key: "log_kib",
            tight: 0,
            loosest: 1024,
            guest: Guest::doing(LOG).logging().component(),
            held: |decided| decided.trail.log.is_empty() && decided.trail.log_dropped == 20,
        },
        Case {
            key: "table_lookups",
            tight: 9,
            loosest: 1_000_000,
            guest: Guest::doing(LOOK_UP).looking_up().component(),
            held: |decided| matches!(decided.verdict, Verdict::Allocated { .. }),
        },
    ]
}

/// The server's limits: each as loose as it can be set, but the stack, which the server alone sets.
fn server(cases: &[Case]) -> Limits {
    let mut text = "engine.stack_kib = 64\n[limits]\n".to_owned();
    for case in cases.iter().filter(|case| case.key != STACK) {
        writeln!(text, "{} = {}", case.key, case.loosest).unwrap();
    }
    Config::parse(&text).unwrap().limits()
}

/// The server's limits with these set by a policy.
fn limits(server: Limits, set: &[(&str, u64)]) -> Limits {
    let mut text = "[limits]\n".to_owned();
    for (key, value) in set.iter().filter(|(key, _)| *key != STACK) {
        writeln!(text, "{key} = {value}").unwrap();
    }
    PolicyManifest::parse(&text).unwrap().limits.within(server)
}

#[tokio::test]
async fn every_limit_holds_alone_and_beside_every_other() {
    let cases = cases();
    let server = server(&cases);
    let folder = tempfile::tempdir().unwrap();
    let compiler = Compiler::run_by(binary(), Engine::new(&server).unwrap(), folder.path()).unwrap();
    let body = bodies::first();
    let body = Body::parse(body.as_bytes(), 64).unwrap();
    let mut pairs = 0;
    for case in &cases {
        let version = Digest::of(&case.guest);
        let program = compiler.program(&version, &case.guest).await.unwrap();
        let mut release = release(version, program, server);
        let key = case.key;
        // Alone; stack is tight in all of these.
        release.limits = limits(server, &[(key, case.tight)]);
        let decided = decide(&release, &body.request()).await;
        assert!((case.held)(&decided), "{key} alone: {decided:?}");
        for other in cases.iter().filter(|other| other.key != key) {
            // However loose another limit is, this one holds.
            release.limits = limits(server, &[(key, case.tight), (other.key, other.loosest)]);
            let decided = decide(&release, &body.request()).await;
            assert!((case.held)(&decided), "{key} beside a loose {}: {decided:?}", other.key);
            // Beside a tight one, whichever is met first.
            release.limits = limits(server, &[(key, case.tight), (other.key, other.tight)]);
            let decided = decide(&release, &body.request()).await;
            let held = (case.held)(&decided) || (other.held)(&decided);
            assert!(held, "{key} beside a tight {}: {decided:?}", other.key);
            pairs += 1;
        }
    }
    assert_eq!(pairs, 15 * 14);
}

/// A release with nothing around it.
fn release(version: Digest, program: Arc<Program>, limits: Limits) -> Release {
    let (fallback, breaker) = (Fallback::default(), FallbackSection::default().breaker());
    let (surroundings, counts) = (Arc::default(), Counts::default());
    Release { version, program, surroundings, limits, ceiling: limits, counts, fallback, breaker }
}

/// The cases above are no proof if their guests were stopped anyway.
#[tokio::test]
async fn guests_within_their_limits_decide() {
    let cases = cases();
    let server = Limits::default();
    let folder = tempfile::tempdir().unwrap();
    let compiler = Compiler::run_by(binary(), Engine::new(&server).unwrap(), folder.path()).unwrap();
    let body = bodies::first();
    let body = Body::parse(body.as_bytes(), 64).unwrap();
    let endless = ["time_ms", "cpu_ms", "memory_mib", STACK, "table_lookups"];
    for case in cases.iter().filter(|case| !endless.contains(&case.key)) {
        let version = Digest::of(&case.guest);
        let program = compiler.program(&version, &case.guest).await.unwrap();
        let release = release(version, program, server);
        let decided = decide(&release, &body.request()).await;
        assert!(matches!(decided.verdict, Verdict::Allocated { .. }), "{}: {decided:?}", case.key);
    }
}
