//! Policies that answer nonsense, fail, or take more than they may: a 503 that tells nothing, a line that tells all, and
//! nobody else is touched.

use berth_tests::{
    Berth, Catalogue, Policy, bodies,
    guests::{Guest, Reply, built},
    log::Entry,
};

use crate::toasters;

/// All that the caller ever hears of a fault.
const MESSAGE: &str = "the policy failed; its owner finds the reason in the log by the request id";

/// Lines that never end.
const SPIN: &str = "(loop $again (br $again))";

/// Asks a policy that has to fail like this, and returns the line about it.
///
/// The fault has this kind and its reason has this phrase; the caller hears nothing of either; the next request of the
/// same policy gets the same answer, and a policy of another tenant is not touched.
async fn faults(policy: impl Into<Policy>, kind: &str, phrase: &str) -> Entry {
    let catalogue = toasters().tenant("hostile").policy("guest", policy);
    let berth = Berth::serving(catalogue).await;
    for _ in 0..2 {
        let mark = berth.mark().await;
        let answer = berth.asks("hostile/guest").with(bodies::first()).await;
        assert_eq!(answer.is_error(503, "policy-fault"), MESSAGE);
        let lines = berth.logged_since(mark).await;
        let about: Vec<_> = lines.iter().filter(|line| line.message() == "policy fault").collect();
        let [line] = about.as_slice() else { panic!("{lines:?}") };
        assert_eq!((line.text("fault"), line.text("policy")), (kind, "hostile/guest"), "{line}");
        assert!(line.text("reason").contains(phrase), "`{phrase}` is not in {line}");
        assert_eq!(line.text("request"), answer.id());
        assert!(line.to_string().len() < 4000, "a line of {} bytes", line.to_string().len());
    }
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    berth.log().find("the first fault", 0, |line| line.message() == "policy fault").await.1
}

async fn invalid(reply: Reply, phrase: &str) {
    faults(Guest::answering(reply), "invalid-answer", phrase).await;
}

fn toaster() -> Reply {
    Reply::hub(bodies::TOASTERS)
}

/// A policy that may take 50 ms, and misbehaves once it serves.
fn brief(guest: Guest) -> Policy {
    Policy::from(guest.after_verification()).time_ms(50)
}

/// A hub that is not linked is no answer, and the log says which were.
#[tokio::test]
async fn an_unknown_hub() {
    invalid(Reply::hub("elsewhere.azure-devices.net"), "the hub `elsewhere.azure-devices.net`, which is not linked")
        .await;
}

/// The name of a hub is the whole of it.
#[tokio::test]
async fn a_part_of_a_hubs_name() {
    let part = bodies::TOASTERS.trim_end_matches(".azure-devices.net");
    invalid(Reply::hub(part), "which is not linked").await;
    invalid(Reply::hub(&format!("{} ", bodies::TOASTERS)), "which is not linked").await;
    invalid(Reply::hub(&format!("{}\n", bodies::TOASTERS)), "which is not linked").await;
}

/// No hub is no answer.
#[tokio::test]
async fn an_empty_hub() {
    invalid(Reply::hub(""), "the policy named no hub").await;
}

/// Names of hosts have no case: the hub comes back as DPS spells it.
#[tokio::test]
async fn a_hub_in_another_case() {
    let guest = Guest::answering(Reply::hub(&bodies::TOASTERS.to_uppercase()));
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("loud", guest)).await;
    berth.asks("contoso/loud").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}

/// A twin's parts are objects.
#[tokio::test]
async fn a_twin_that_is_no_object() {
    invalid(toaster().tags("[]"), "tags has to be a JSON object, but begins with `[]`").await;
    invalid(toaster().desired(r#""text""#), "desired properties has to be a JSON object").await;
    invalid(toaster().tags("null"), "tags has to be a JSON object").await;
    invalid(toaster().tags("{}").desired("7"), "desired properties has to be a JSON object").await;
}

/// Text that is no JSON never leaves the host.
#[tokio::test]
async fn text_that_is_no_json() {
    for text in ["", "{", "{]", "hello", "{'a': 1}", "{\"a\": 01}", "{\"a\": NaN}", "\0", "{\"a\": 1,}"] {
        invalid(toaster().payload(text), "the payload is not valid JSON").await;
    }
    invalid(toaster().tags("{a}"), "tags is not valid JSON").await;
}

/// Nor does JSON with more behind it, which could change the rest of the answer.
#[tokio::test]
async fn json_with_more_behind_it() {
    invalid(toaster().payload("{} x"), "the payload is not valid JSON").await;
    invalid(toaster().payload(r#"{}, "iotHubHostName": "stolen""#), "the payload is not valid JSON").await;
    invalid(toaster().payload(r#"{}}"#), "the payload is not valid JSON").await;
}

/// A device hears back an object, since DPS hands over nothing else.
#[tokio::test]
async fn a_payload_that_is_no_object() {
    for text in ["[]", r#""text""#, "null", "7", "true"] {
        invalid(toaster().payload(text), "the payload has to be a JSON object").await;
    }
}

/// Half a surrogate pair is no text in an answer either.
#[tokio::test]
async fn a_payload_with_a_lone_surrogate() {
    invalid(toaster().payload(r#"{"a": "\ud800"}"#), "lone surrogate escape").await;
}

/// Ten thousand levels are refused without recursion.
#[tokio::test]
async fn a_payload_nested_too_deep() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    invalid(toaster().payload(&deep), "nested deeper than 64 levels").await;
}

/// A payload larger than DPS takes, but not large enough to be cut off on its way.
#[tokio::test]
async fn a_payload_that_is_too_large() {
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(100 << 10));
    invalid(toaster().payload(&large), "bytes long, and DPS takes 98304").await;
}

/// Five megabytes are not even copied.
#[tokio::test]
async fn a_payload_of_five_megabytes() {
    let huge = format!(r#"{{"a":"{}"}}"#, "x".repeat(5 << 20));
    let guest = Guest::answering(toaster().payload(&huge)).after_verification();
    faults(guest, "host-calls", "more than 1048576 bytes crossed").await;
}

/// The largest answer that DPS takes goes through as it is, odd spacing included.
#[tokio::test]
async fn a_payload_that_just_fits() {
    let fixed = format!(r#"{{"iotHubHostName":"{}","payload":}}"#, bodies::TOASTERS).len();
    let frame = r#"{ "a" : ""  }"#;
    let payload = frame.replacen(r#""""#, &format!(r#""{}""#, "x".repeat((96 << 10) - fixed - frame.len())), 1);
    let guest = Guest::answering(toaster().payload(&payload));
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("large", guest)).await;
    let answer = berth.asks("contoso/large").with(bodies::first()).await;
    assert_eq!((answer.status, answer.body.len()), (200, 96 << 10));
    assert!(answer.text().contains(&payload));
}

/// A trap ends the decision.
#[tokio::test]
async fn a_trap() {
    faults(Guest::doing("(unreachable)"), "trap", "unreachable").await;
}

/// So does every other kind of trap.
#[tokio::test]
async fn other_traps() {
    let divide = "(drop (i32.div_u (i32.const 1) (i32.const 0)))";
    faults(Guest::doing(divide), "trap", "divide by zero").await;
    let outside = "(drop (i32.load (i32.const 0x7fffffff)))";
    faults(Guest::doing(outside), "trap", "out of bounds").await;
}

/// An answer that lies outside of the guest's memory, or is no UTF-8, is the guest's failure.
#[tokio::test]
async fn an_answer_that_cannot_be_read() {
    faults(Guest::doing("(return (i32.const 0x7ffffff0))"), "trap", "").await;
    // A hub of a length that reaches outside.
    faults(Guest::doing("(i32.store offset=8 (global.get $answer) (i32.const -1))"), "trap", "").await;
    // A hub of bytes that are no UTF-8.
    let bytes = "(i32.store8 (i32.load offset=4 (global.get $answer)) (i32.const 0xff))";
    faults(Guest::doing(bytes), "trap", "utf-8").await;
    // Neither a decision nor a refusal.
    faults(Guest::doing("(i32.store8 (global.get $answer) (i32.const 7))"), "trap", "").await;
}

/// A loop without end is ended.
#[tokio::test]
async fn an_endless_loop() {
    faults(brief(Guest::doing(SPIN)), "deadline", "still running after its 50 ms").await;
}

/// A guest that takes what memory it gets and does not stop asking runs out of time.
#[tokio::test]
async fn endless_asking_for_memory() {
    let grow = "(loop $again (drop (memory.grow (i32.const 16))) (br $again))";
    faults(brief(Guest::doing(grow)), "deadline", "still running").await;
}

/// One that gives up when it is refused has failed for want of memory.
#[tokio::test]
async fn giving_up_for_want_of_memory() {
    let grow = "(loop $again
        (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))
        (unreachable))";
    faults(Guest::doing(grow).after_verification(), "memory", "where it may have 67108864").await;
}

/// Memory that is touched, not only asked for, is given back: the same again and again is no trouble.
#[tokio::test]
async fn filling_all_memory_again_and_again() {
    let fill = "(drop (memory.grow (i32.const 1000)))
        (memory.fill (i32.const 100000) (i32.const 7) (i32.const 60000000))";
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("fill", Guest::doing(fill))).await;
    for _ in 0..20 {
        berth.asks("contoso/fill").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    }
}

/// Recursion without end stays inside the guest.
#[tokio::test]
async fn a_stack_overflow() {
    let recurse = Guest::doing("(drop (call $recurse (i32.const 1)))").function(
        "(func $recurse (param i32) (result i32)
            (i32.add (local.get 0) (call $recurse (i32.add (local.get 0) (i32.const 1)))))",
    );
    faults(recurse, "trap", "call stack exhausted").await;
}

/// A flood of lines ends at the limit, and the decision stands.
#[tokio::test]
async fn a_flood_of_log_lines() {
    let flood = "(local $n i32)
        (loop $again
            (call $log (i32.const 1) (global.get $answer) (i32.const 1))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 10000))))";
    let guest = Guest::doing(flood).logging();
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("flood", guest)).await;
    let mark = berth.mark().await;
    berth.asks("contoso/flood").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    let lines = berth.logged_since(mark).await;
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line.message(), "decision");
    assert_eq!(line.text("log").lines().count(), 100);
    assert_eq!(line.field("dropped"), &9900, "{line}");
}

/// A flood without end runs out of time like any other loop.
#[tokio::test]
async fn an_endless_flood_of_log_lines() {
    let flood = "(loop $again (call $log (i32.const 3) (global.get $answer) (i32.const 1)) (br $again))";
    faults(brief(Guest::doing(flood).logging()), "deadline", "still running").await;
}

/// A message that is too large for the log is cut, and the decision stands.
#[tokio::test]
async fn a_large_log_message() {
    let large = "(drop (memory.grow (i32.const 4)))
        (call $log (i32.const 2) (i32.const 65536) (i32.const 100000))";
    let guest = Guest::doing(large).logging();
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("loud", guest)).await;
    let mark = berth.mark().await;
    berth.asks("contoso/loud").with(bodies::first()).await.is_hub(bodies::TOASTERS);
    let lines = berth.logged_since(mark).await;
    let [line] = lines.as_slice() else { panic!("{} lines", lines.len()) };
    assert_eq!(line.text("log").len(), 16 << 10);
}

/// Five megabytes in one message are not even copied.
#[tokio::test]
async fn a_huge_log_message() {
    let huge = "(drop (memory.grow (i32.const 100)))
        (call $log (i32.const 1) (i32.const 0) (i32.const 5000000))";
    faults(Guest::doing(huge).logging().after_verification(), "host-calls", "bytes crossed between").await;
}

/// Look-ups end at the limit: the guest is told, and may still decide.
#[tokio::test]
async fn too_many_look_ups() {
    let look_up = "(local $n i32)
        (loop $again
            (call $lookup (i32.const 16) (i32.const 1) (i32.const 17) (i32.const 1) (i32.const 32))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            ;; Until the error `too-many-lookups`: all before are `no-such-table`.
            (br_if $again (i32.eqz (i32.load8_u (i32.const 36)))))
        (if (i32.ne (local.get $n) (i32.const 1001)) (then (unreachable)))";
    let guest = Guest::doing(look_up).looking_up();
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("curious", guest)).await;
    berth.asks("contoso/curious").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}

/// Look-ups without end run out of time.
#[tokio::test]
async fn endless_look_ups() {
    let look_up = "(loop $again
        (call $lookup (i32.const 16) (i32.const 1) (i32.const 17) (i32.const 1) (i32.const 32))
        (br $again))";
    faults(brief(Guest::doing(look_up).looking_up()), "deadline", "still running").await;
}

/// What a Rust policy says when it panics is in the log, with its place, and the caller hears none of it.
#[tokio::test]
async fn a_panic() {
    let berth = Berth::serving(toasters().tenant("hostile").policy("guest", built("panics"))).await;
    let mark = berth.mark().await;
    let answer = berth.asks("hostile/guest").with(bodies::first()).await;
    assert_eq!(answer.is_error(503, "policy-fault"), MESSAGE);
    let lines = berth.logged_since(mark).await;
    let words = "no hub for breakroom499-contoso-tstrsd-007: the secret is 4711";
    let told = lines.iter().find(|line| line.text("log").contains(words)).expect("the panic's words");
    assert!(told.text("log").contains("src/lib.rs:8: "), "{told}");
    assert_eq!((told.text("level"), told.text("request")), ("WARN", answer.id()));
    assert!(lines.iter().any(|line| line.text("fault") == "trap"), "{lines:?}");
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}

/// The words of a panic are told to the owner even if the policy may log nothing, and the caller hears none of them.
#[tokio::test]
async fn a_panic_without_a_log() {
    let policy = built("panics").manifest("[limits]\nlog_lines = 0\nlog_kib = 0\n");
    let berth = Berth::serving(Catalogue::new().tenant("hostile").policy("guest", policy)).await;
    berth.asks("hostile/guest").with(bodies::first()).await.is_error(503, "policy-fault");
    let told = berth.policy("hostile/guest").await["lastFault"].clone();
    let words = "src/lib.rs:8: no hub for breakroom499-contoso-tstrsd-007: the secret is 4711";
    assert!(told["panic"].as_str().is_some_and(|panic| panic.contains(words)), "{told}");
    assert!(told["backtrace"].as_array().is_some_and(|frames| !frames.is_empty()), "{told}");
    assert_eq!(told.get("log"), None, "{told}");
}

/// What a policy logs before it fails is there to be read.
#[tokio::test]
async fn last_words_are_kept() {
    let guest =
        Guest::doing("(call $log (i32.const 3) (i32.load offset=4 (global.get $answer)) (i32.const 6)) (unreachable)");
    let berth = Berth::serving(Catalogue::new().tenant("contoso").policy("words", guest.logging())).await;
    let mark = berth.mark().await;
    berth.asks("contoso/words").with(bodies::first()).await.is_error(503, "policy-fault");
    let lines = berth.logged_since(mark).await;
    assert!(lines.iter().any(|line| line.text("log") == "custom"), "{lines:?}");
}
