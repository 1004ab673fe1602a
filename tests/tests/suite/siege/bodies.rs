//! Bodies whose JSON is broken, odd or endless.

use berth_tests::{Berth, bodies as sent};
use serde_json::json;

use super::{SERVERS, attacks, is_logged};

/// A body that is called malformed for a reason that has this phrase, in one line; and the answer repeats none of it that
/// could be a secret.
pub(super) fn malformed(body: impl Into<Vec<u8>>, phrase: &'static str) -> impl AsyncFnOnce(&Berth) {
    let body = body.into();
    async move |berth: &Berth| {
        let mark = berth.mark().await;
        let answer = berth.asks("contoso/toasters").with(body).await;
        let message = answer.is_error(400, "malformed-request");
        assert!(message.contains(phrase), "`{phrase}` is not in `{message}`");
        assert!(message.len() <= 1010, "{message}");
        is_logged(&berth.logged_since(mark).await, &answer, "malformed-request");
    }
}

/// A body that is taken, odd as it is: what is odd in it is the policy's to judge.
pub(super) fn taken(body: impl Into<Vec<u8>>) -> impl AsyncFnOnce(&Berth) {
    let body = body.into();
    async move |berth: &Berth| {
        let mark = berth.mark().await;
        berth.asks("contoso/toasters").with(body).await.is_hub(sent::TOASTERS);
        assert!(berth.logged_since(mark).await.is_empty());
    }
}

fn too_large(body: impl Into<Vec<u8>>) -> impl AsyncFnOnce(&Berth) {
    let body = body.into();
    async move |berth: &Berth| {
        let mark = berth.mark().await;
        let answer = berth.asks("contoso/toasters").with(body).await;
        answer.is_error(413, "body-too-large");
        is_logged(&berth.logged_since(mark).await, &answer, "body-too-large");
    }
}

/// With this payload, byte for byte.
fn payload(text: &str) -> String {
    sent::with_payload(text)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The payload as large as a body can have it, and so many bytes larger.
fn filled(more: usize) -> String {
    let room = (256 << 10) - payload("\"\"").len();
    payload(&format!("\"{}\"", "a".repeat(room + more)))
}

attacks! { SERVERS:
    nothing => malformed("", "not a JSON object");
    blanks => malformed(" \t\r\n".repeat(1000), "not a JSON object");
    a_null => malformed("null", "not a JSON object");
    a_number => malformed("1e400", "not a JSON object");
    a_string => malformed(json!(sent::first()).to_string(), "not a JSON object");
    an_array => malformed(format!("[{}]", sent::first()), "not a JSON object");
    an_empty_object => malformed("{}", "missing field");
    two_objects => malformed(sent::first().repeat(2), "trailing characters");
    an_object_and_a_comma => malformed(format!("{},", sent::first()), "trailing characters");
    an_object_without_its_end => malformed(sent::first().trim_end().trim_end_matches('}'), "EOF");
    a_comma_too_many => malformed(sent::first().replacen("{}", "{},", 1), "key must be a string");
    a_comment => malformed(format!("/* */{}", sent::first()), "not a JSON object");
    single_quotes => malformed(sent::first().replace('"', "'"), "key must be a string");
    names_without_quotes => malformed("{linkedHubs: []}", "key must be a string");
    a_byte_order_mark => malformed(format!("\u{feff}{}", sent::first()), "not a JSON object");
    a_byte_order_mark_of_utf16 => malformed([vec![0xff, 0xfe], utf16(sent::first())].concat(), "not UTF-8 from byte 0");
    utf16_without_a_mark => malformed(utf16(sent::first()), "key must be a string");
    utf32 => malformed(sent::first().chars().flat_map(|one| u32::from(one).to_be_bytes()).collect::<Vec<u8>>(), "not a JSON object");
    latin_1 => malformed(payload("\"@\"").into_bytes().into_iter().map(|byte| if byte == b'@' { 0xe9 } else { byte }).collect::<Vec<u8>>(), "not UTF-8 from byte");
    an_overlong_slash => malformed([b"{\"a\":\"\xc0\xaf\"}".as_slice()].concat(), "not UTF-8 from byte 6");
    a_surrogate_in_utf8 => malformed([b"{\"a\":\"\xed\xa0\x80\"}".as_slice()].concat(), "not UTF-8 from byte 6");
    a_nul_in_a_string => malformed(payload("\"\0\""), "control character");
    a_nul_behind_the_end => malformed(format!("{}\0", sent::first()), "trailing characters");
    an_escaped_nul => taken(payload(r#""\u0000""#));
    half_a_surrogate => malformed(payload(r#""\ud800""#), "lone surrogate escape");
    half_a_surrogate_in_a_name => malformed(payload(r#"{"\udc00":1}"#), "lone surrogate escape");
    surrogates_in_the_wrong_order => malformed(payload(r#""\udc00\ud800""#), "lone surrogate escape");
    an_escape_nobody_knows => malformed(payload(r#""\x41""#), "invalid escape");
    half_an_escape => malformed(payload(r#""\u00""#), "escape");
    not_a_number => malformed(payload("NaN"), "expected value");
    infinity => malformed(payload("-Infinity"), "invalid number");
    a_number_in_hexadecimal => malformed(payload("0x10"), "expected `,` or `}`");
    a_number_with_a_zero_before_it => malformed(payload("01"), "invalid number");
    a_number_with_a_plus => malformed(payload("+1"), "expected value");
    a_number_of_a_hundred_thousand_digits => taken(payload(&"9".repeat(100_000)));
    a_number_beyond_every_exponent => taken(payload("1e999999999"));
    a_fraction_of_a_hundred_thousand_digits => taken(payload(&format!("0.{}", "1".repeat(100_000))));
    sixty_two_levels => taken(payload(&format!("{}{}", "[".repeat(62), "]".repeat(62))));
    sixty_three_levels => malformed(payload(&format!("{}{}", "[".repeat(63), "]".repeat(63))), "nested deeper than 64 levels");
    a_hundred_thousand_levels_of_arrays => malformed("[".repeat(100_000), "nested deeper than 64 levels");
    a_hundred_thousand_levels_of_objects => malformed(r#"{"":"#.repeat(50_000), "nested deeper than 64 levels");
    levels_hidden_behind_an_escaped_quote => malformed(payload(&format!(r#"["\"",{}"#, "[".repeat(100))), "nested deeper than 64 levels");
    brackets_in_a_string => taken(payload(&format!("\"{}\"", "[{".repeat(10_000))));
    a_hundred_thousand_brackets_side_by_side => taken(payload(&format!("[{}[]]", "[],".repeat(50_000))));
    ten_thousand_members => taken(payload(&json!((0..10_000).map(|n| (format!("m{n}"), json!(n))).collect::<serde_json::Map<_, _>>()).to_string()));
    ten_thousand_members_of_one_name => taken(payload(&format!("{{{}\"a\":1}}", "\"a\":0,".repeat(10_000))));
    a_name_of_a_hundred_kibibytes => taken(payload(&format!("{{\"{}\":1}}", "a".repeat(100 << 10))));
    a_member_of_the_prototype => taken(payload(r#"{"__proto__":{"admin":true},"constructor":1}"#));
    a_member_of_the_private_kind => malformed(r#"{"$serde_json::private::RawValue":"x"}"#, "missing field");
    a_payload_of_the_private_kind => taken(payload(r#"{"$serde_json::private::RawValue":"]"}"#));
    a_number_of_the_private_kind => taken(payload(r#"{"$serde_json::private::Number":"x"}"#));
    a_payload_that_forges_a_line => taken(payload(r#""\n{\"level\":\"ERROR\",\"message\":\"forged\"}""#));
    a_payload_of_escape_sequences => taken(payload(r#""\u001b[2J\u001b[31m""#));
    a_payload_of_null => taken(payload("null"));
    a_payload_that_is_a_scalar => taken(payload("-0.0"));
    a_payload_of_nothing => malformed(payload(""), "expected value");
    a_payload_as_large_as_can_be => taken(filled(0));
    a_payload_a_byte_too_large => too_large(filled(1));
    three_hundred_thousand_blanks => too_large(" ".repeat(300_000));
    a_body_that_is_a_form => malformed("registrationId=a&linkedHubs=b", "not a JSON object");
    a_body_that_is_xml => malformed("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>", "not a JSON object");
    a_body_that_is_compressed => malformed(b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(), "not UTF-8 from byte 1");
}
