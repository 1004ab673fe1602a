//! Answers that lie, forge, or are too much.

use berth_tests::{
    bodies,
    guests::{Guest, Reply},
};
use serde_json::Value;

use super::{POLICY, SERVERS, faults, harmless, later};

fn toaster() -> Reply {
    Reply::hub(bodies::TOASTERS)
}

/// An answer that DPS could not take, with this phrase in the fault.
fn invalid(reply: Reply, phrase: &str) -> Value {
    faults(Guest::answering(reply), "invalid-answer", phrase, None)
}

/// The answer with a number put over it at this place.
fn traps(at: usize, number: i64, phrase: &str) {
    let poke = format!("(i32.store offset={at} (global.get $answer) (i32.const {number}))");
    faults(later(Guest::doing(&poke)), "trap", phrase, None);
}

#[test]
fn an_answer_past_memory() {
    faults(later(Guest::doing("(return (i32.const 0x7ffffff0))")), "trap", "out of bounds", None);
}

#[test]
fn an_answer_at_the_very_end() {
    faults(later(Guest::doing("(return (i32.const -4))")), "trap", "out of bounds", None);
}

#[test]
fn an_answer_that_is_not_aligned() {
    faults(later(Guest::doing("(return (i32.const 1025))")), "trap", "not aligned", None);
}

#[test]
fn a_result_that_is_neither() {
    traps(0, 7, "discriminant");
}

#[test]
fn an_option_that_is_neither() {
    traps(12, 9, "discriminant");
}

#[test]
fn a_refusal_of_no_kind() {
    let poke = "(i32.store8 offset=4 (global.get $answer) (i32.const 5))";
    faults(later(Guest::answering(Reply::reject("no")).first(poke)), "trap", "discriminant", None);
}

#[test]
fn a_hub_past_memory() {
    traps(4, 0x7fff_ffff, "out of bounds");
}

#[test]
fn a_hub_of_four_gigabytes() {
    traps(8, -1, "out of bounds");
}

#[test]
fn reasons_past_memory() {
    traps(52, 0x7fff_fff0, "");
}

#[test]
fn reasons_without_number() {
    let poke = "(i32.store offset=52 (global.get $answer) (i32.const 1024))
        (i32.store offset=56 (global.get $answer) (i32.const 0x0fffffff))";
    faults(later(Guest::doing(poke)), "trap", "out of bounds", None);
}

/// Empty strings, each of which costs Berth more than the guest.
#[test]
fn a_million_reasons_of_nothing() {
    let poke = "(drop (memory.grow (i32.const 200)))
        (i32.store offset=52 (global.get $answer) (i32.const 65536))
        (i32.store offset=56 (global.get $answer) (i32.const 1000000))";
    let told = faults(later(Guest::doing(poke)), "host-calls", "crossed", Some("host_call_kib"));
    assert_eq!(told["limit"]["allowed"], 1 << 20);
}

#[test]
fn a_hub_that_is_no_text() {
    let poke = "(i32.store (i32.load offset=4 (global.get $answer)) (i32.const 0xfffefdfc))";
    faults(later(Guest::doing(poke)), "trap", "utf-8", None);
}

/// A surrogate in three bytes, which is not UTF-8.
#[test]
fn a_hub_with_half_a_pair() {
    let poke = "(i32.store (i32.load offset=4 (global.get $answer)) (i32.const 0x61a0a0ed))";
    faults(later(Guest::doing(poke)), "trap", "utf-8", None);
}

#[test]
fn a_hub_that_is_not_linked() {
    invalid(Reply::hub("elsewhere.azure-devices.net"), "which is not linked");
}

#[test]
fn a_hub_of_half_a_megabyte() {
    let told = invalid(Reply::hub(&"h".repeat(500_000)), "which is not linked");
    assert!(told["message"].as_str().is_some_and(|message| message.len() < 1000), "{told}");
}

/// What would be a header if anybody wrote it into one.
#[test]
fn a_hub_with_a_header_in_it() {
    let hub = format!("{}\r\nx-berth-version: forged\r\n\r\n{{}}", bodies::TOASTERS);
    invalid(Reply::hub(&hub), "which is not linked");
}

#[test]
fn a_hub_with_a_zero_behind() {
    invalid(Reply::hub(&format!("{}\0", bodies::TOASTERS)), "which is not linked");
}

#[test]
fn a_hub_with_terminal_escapes() {
    invalid(Reply::hub("\u{1b}[2J\u{202e}hub"), "which is not linked");
}

#[test]
fn a_hub_of_letters_that_look_alike() {
    invalid(Reply::hub(&bodies::TOASTERS.replace('o', "\u{43e}")), "which is not linked");
}

#[test]
fn a_twin_that_is_no_object() {
    invalid(toaster().tags("[1]"), "has to be a JSON object");
}

#[test]
fn a_payload_that_is_no_json() {
    invalid(toaster().payload("{\"a\": }"), "is not valid JSON");
}

#[test]
fn a_payload_that_ends_the_answer_early() {
    invalid(toaster().payload(r#"{}, "iotHubHostName": "stolen""#), "is not valid JSON");
}

#[test]
fn a_payload_with_half_a_pair() {
    invalid(toaster().payload(r#"{"a": "\ud800"}"#), "lone surrogate");
}

#[test]
fn a_payload_of_ten_thousand_levels() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let guest = Guest::answering(toaster().payload(&deep));
    faults(guest, "invalid-answer", "nested deeper than 64 levels", Some("json_depth"));
}

/// Members of one name are the device's business: they go through as they are.
#[test]
fn a_payload_with_a_member_twice() {
    SERVERS.withstands(async |berth| {
        let payload = r#"{"a":1,"a":2}"#;
        assert_eq!(berth.push(POLICY, Guest::answering(toaster().payload(payload))).await.status, 200);
        let answer = berth.asks(POLICY).with(bodies::first()).await;
        assert_eq!(answer.text(), format!(r#"{{"iotHubHostName":"{}","payload":{payload}}}"#, bodies::TOASTERS));
    });
}

#[test]
fn a_payload_of_two_hundred_kilobytes() {
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(200_000));
    let guest = Guest::answering(toaster().payload(&large));
    let told = faults(guest, "invalid-answer", "DPS takes 98304", Some("answer_kib"));
    assert!(told["limit"]["reached"].as_u64().is_some_and(|bytes| bytes > 200_000), "{told}");
}

#[test]
fn a_payload_of_megabytes() {
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(3_000_000));
    let guest = Guest::answering(toaster().payload(&large)).after_verification();
    faults(guest, "host-calls", "more than 1048576 bytes crossed", Some("host_call_kib"));
}

#[test]
fn a_refusal_of_megabytes() {
    SERVERS.withstands(async |berth| {
        let guest = Guest::answering(Reply::reject(&"no ".repeat(300_000)));
        assert_eq!(berth.push(POLICY, guest).await.status, 200);
        let answer = berth.asks(POLICY).with(bodies::first()).await;
        assert!(answer.is_error(403, "rejected").len() < 1100);
    });
}

#[test]
fn a_refusal_with_a_header_in_it() {
    SERVERS.withstands(async |berth| {
        let guest = Guest::answering(Reply::reject("no\r\nx-evil: 1\r\n\r\n\u{1b}[2J"));
        assert_eq!(berth.push(POLICY, guest).await.status, 200);
        let answer = berth.asks(POLICY).with(bodies::first()).await;
        answer.is_error(403, "rejected");
        assert!(!answer.headers.contains_key("x-evil"));
    });
}

#[test]
fn a_wait_of_a_century() {
    SERVERS.withstands(async |berth| {
        let guest = Guest::answering(Reply::retry_later("later", Some(u32::MAX)));
        assert_eq!(berth.push(POLICY, guest).await.status, 200);
        let answer = berth.asks(POLICY).with(bodies::first()).await;
        answer.is_error(503, "retry-later");
        assert!(answer.retry_after().is_some());
    });
}

/// Lines that would be lines of Berth's own log, if it wrote them as they are.
#[test]
fn a_log_that_forges_lines() {
    SERVERS.withstands(async |berth| {
        let forged = "{}\\0a{\\22message\\22:\\22forged\\22}\\0a\\1b[2J";
        let guest = Guest::doing("(call $log (i32.const 3) (i32.const 700) (i32.const 28))")
            .logging()
            .function(&format!(r#"(data (i32.const 700) "{forged}")"#));
        assert_eq!(berth.push(POLICY, guest).await.status, 200);
        let mark = berth.mark().await;
        berth.asks(POLICY).with(bodies::first()).await.is_hub(bodies::TOASTERS);
        let lines = berth.logged_since(mark).await;
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line.message(), "decision");
        assert!(line.text("log").contains("forged"), "{line}");
    });
}

#[test]
fn an_answer_that_is_just_small_enough() {
    let text = format!(r#"{{"a":"{}"}}"#, "x".repeat(90_000));
    harmless(Guest::answering(toaster().payload(&text)));
}
