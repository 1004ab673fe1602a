//! A change serves only after every stage of verification; refused at any, the old version serves on, and says so.

use berth_tests::{
    Berth, Catalogue, Policy,
    api::version_of,
    bodies,
    guests::{Guest, importing, of_another_world},
};
use serde_json::json;

use crate::version;

fn named(number: u32) -> String {
    version_of(&version(number).component())
}

async fn answers(berth: &Berth, policy: &str, number: u32) {
    let answer = berth.asks(policy).with(bodies::first()).await;
    assert_eq!(answer.json()["payload"], json!({ "version": number }));
    assert_eq!(answer.version(), Some(named(number).as_str()));
}

/// The policy, broken so that it fails this stage and passes all before it.
pub(crate) fn failing(stage: &str, guest: Guest) -> Policy {
    let good = || Policy::from(guest.clone());
    let check = json!({ "request": bodies::parsed(bodies::phone()), "expect": { "refusal": { "kind": "reject" } } });
    match stage {
        "read" => good().file("policy.toml", b"\xff\xfe"),
        "size" => good().file("checks/c.json", vec![b' '; (1 << 20) + 1]),
        "manifest" => good().manifest("[limit]"),
        "tables" => good().file("tables/t.json", "[]"),
        "compile" => Policy::of("no component"),
        "imports" => Policy::of(importing("wasi:cli/environment@0.2.0")),
        "world" => Policy::of(of_another_world()),
        "settings" => Policy::from(guest.refusing_settings("no weights")),
        "checks" => good().file("checks/c.json", check.to_string()),
        "smoke" => Policy::from(guest.first("(loop $again (br $again))")).time_ms(50),
        other => panic!("there is no stage {other}"),
    }
}

/// The stages, in order.
pub(crate) const STAGES: [&str; 10] =
    ["read", "size", "manifest", "tables", "compile", "imports", "world", "settings", "checks", "smoke"];

/// Each stage refuses in its own word, in the log, in the status and in the history, while the old version serves on; and
/// none but the last change is spoken of once it is mended.
#[tokio::test]
async fn every_stage_refuses_in_its_own_word() {
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("p", version(1))).await;
    for (turn, stage) in STAGES.into_iter().enumerate() {
        let number = u32::try_from(turn).unwrap() + 1;
        let place = |policy: Policy, name: &str| {
            let new = berth.folder().join(name);
            policy.write(&new);
            berth.files("contoso/p").swap_for(&new);
        };
        place(failing(stage, version(99)), &format!("bad-{turn}"));
        let line = berth.refuses("contoso/p").await;
        assert_eq!(line.text("stage"), stage, "{line}");
        answers(&berth, "contoso/p", number).await;
        let status = berth.policy("contoso/p").await;
        assert_eq!((&status["failure"]["stage"], &status["origin"]), (&json!(stage), &json!("catalogue")), "{status}");
        let event = &berth.history("contoso/p").await[0];
        assert_eq!((&event["kind"], &event["stage"]), (&json!("refused"), &json!(stage)), "{event}");
        place(version(number + 1).into(), &format!("good-{turn}"));
        berth.serves("contoso/p").await;
        answers(&berth, "contoso/p", number + 1).await;
        assert!(berth.policy("contoso/p").await.get("failure").is_none());
    }
}

/// A policy that goes over its limits on a plain request never serves, whichever limit it is.
#[tokio::test]
async fn a_hostile_version_is_refused_before_it_serves() {
    let spin = Guest::doing("(loop $again (br $again))");
    let grow = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))) (unreachable))";
    let flood = "(loop $again (call $log (i32.const 3) (global.get $answer) (i32.const 1)) (br $again))";
    let huge = "(drop (memory.grow (i32.const 100))) (call $log (i32.const 1) (i32.const 0) (i32.const 5000000))";
    let hostile: [(Guest, &str); 4] = [
        (spin, "used up its 50 ms of processor time"),
        (Guest::doing(grow), "bytes of memory where it may have"),
        (Guest::doing(flood).logging(), "used up its 50 ms of processor time"),
        (Guest::doing(huge).logging(), "bytes crossed between"),
    ];
    let berth =
        Berth::serving(Catalogue::new().tenant("contoso").policy("p", Policy::from(version(1)).time_ms(50))).await;
    for (guest, phrase) in hostile {
        berth.files("contoso/p").replace("policy.wasm", guest.component());
        let line = berth.refuses("contoso/p").await;
        assert_eq!(line.text("stage"), "smoke", "{line}");
        assert!(line.text("reason").contains(phrase), "{line}");
        let answer = berth.asks("contoso/p").with(bodies::first()).await;
        assert_eq!(answer.version(), Some(named(1).as_str()));
    }
}

/// The header that names the version can be switched off.
#[tokio::test]
async fn answers_need_not_name_their_version() {
    let catalogue = Catalogue::new().tenant("contoso").policy("p", version(1));
    let berth = Berth::configured("[webhook]\nversion_header = false\n", catalogue).await;
    let answer = berth.asks("contoso/p").with(bodies::first()).await;
    assert_eq!((answer.status, answer.version()), (200, None));
}

/// A component that takes long to compile.
pub(crate) fn compile_bomb() -> Guest {
    let mut bomb = Guest::doing("");
    for number in 0..20_000 {
        let body = "(i32.add (i32.mul (local.get 0) (i32.const 7)) (i32.xor (local.get 0) (i32.const 5)))";
        bomb = bomb.function(&format!("(func $f{number} (param i32) (result i32) {body})"));
    }
    // One function that has twenty thousand places to jump to.
    let jumps = "(if (local.get 0) (then (local.set 0 (i32.mul (local.get 0) (i32.const 3)))))".repeat(20_000);
    bomb.function(&format!("(func $giant (param i32) (result i32) {jumps} (local.get 0))"))
}

/// While a component that takes long to compile is compiled, other policies answer, and those of other tenants change.
#[tokio::test]
async fn a_compile_bomb_holds_nobody_up() {
    let policies =
        Catalogue::new().tenant("contoso").policy("p", version(1)).tenant("fabrikam").policy("q", version(1));
    let berth = Berth::serving(policies).await;
    berth.files("contoso/p").replace("policy.wasm", compile_bomb().component());
    let mark = berth.mark().await;
    for number in 2..6 {
        berth.files("fabrikam/q").replace("policy.wasm", version(number).component());
        berth.serves("fabrikam/q").await;
        answers(&berth, "fabrikam/q", number).await;
        answers(&berth, "contoso/p", 1).await;
    }
    // Nothing was decided about the bomb meanwhile: the swaps did not wait for it.
    let lines = berth.logged_since(mark).await;
    assert!(!lines.iter().any(|line| line.is_about("contoso/p")), "the bomb was over too early: {lines:?}");
}
