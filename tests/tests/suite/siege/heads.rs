//! Headers: framing that two readers could understand differently, too much of it, and bytes that do not belong there.

use super::{SERVERS, attacks, decides, ends_too_early, ends_with, fails, is_not_http, line, request};
use berth_tests::{Berth, bodies as sent};

/// A request whose framing is said by these headers alone.
fn framed(headers: &str, body: &str) -> String {
    format!("{}host: berth\r\nconnection: close\r\n{headers}\r\n{body}", line())
}

fn with_length(length: &str) -> String {
    framed(&format!("content-length: {length}\r\n"), sent::first())
}

/// The body in one chunk.
fn chunked() -> String {
    format!("{:x}\r\n{}\r\n0\r\n\r\n", sent::first().len(), sent::first())
}

fn length() -> usize {
    sent::first().len()
}

attacks! { SERVERS:
    a_folded_header => is_not_http(request("x-a: b\r\n c\r\n"));
    a_folded_length => is_not_http(framed("content-length:\r\n 5\r\n", "12345"));
    a_bare_line_feed_at_each_line => decides(request("").replacen("\r\n", "\n", 4), 1);
    a_bare_return_in_a_value => is_not_http(request("x-a: b\rc: d\r\n"));
    a_nul_in_a_value => is_not_http(request("x-a: b\0c\r\n"));
    a_nul_in_a_name => is_not_http(request("x\0a: b\r\n"));
    an_escape_character_in_a_value => is_not_http(request("x-a: \x1b[31m\r\n"));
    a_delete_character_in_a_value => is_not_http(request("x-a: \x7f\r\n"));
    a_space_before_the_colon => is_not_http(request("transfer-encoding : chunked\r\n"));
    a_space_before_the_name => is_not_http(format!("{} x-a: b\r\n\r\n", line()));
    a_header_without_a_colon => is_not_http(request("x-a\r\n"));
    a_header_without_a_name => is_not_http(request(": b\r\n"));
    a_name_that_is_no_ascii => is_not_http(request("x-\u{e9}: b\r\n"));
    a_value_that_is_no_utf8 => decides([request("x-a: @\r\n").replace('@', "\u{e9}").into_bytes()].concat(), 1);
    sixty_five_headers => ends_with(request(&"x-a: b\r\n".repeat(62)), "HTTP/1.1 431 ");
    as_many_headers_as_there_may_be => decides(request(&"x-a: b\r\n".repeat(61)), 1);
    ten_thousand_headers => ends_with(request(&"x-a: b\r\n".repeat(10_000)), "HTTP/1.1 431 ");
    a_name_of_12_thousand_bytes => decides(request(&format!("{}: b\r\n", "a".repeat(12_000))), 1);
    a_name_of_70_thousand_bytes => ends_with(request(&format!("{}: b\r\n", "a".repeat(70_000))), "HTTP/1.1 431 ");
    a_value_of_a_mebibyte => ends_with(request(&format!("x-a: {}\r\n", "b".repeat(1 << 20))), "HTTP/1.1 431 ");
    lengths_that_differ => is_not_http(framed(&format!("content-length: {}\r\ncontent-length: 0\r\n", length()), sent::first()));
    a_list_of_lengths_that_differ => is_not_http(with_length("5, 6"));
    a_length_with_a_sign => is_not_http(with_length(&format!("+{}", length())));
    a_length_below_zero => is_not_http(with_length("-1"));
    a_length_in_hexadecimal => is_not_http(with_length("0x10"));
    a_length_with_a_space_inside => is_not_http(with_length("1 0"));
    a_length_with_a_fraction => is_not_http(with_length("10.0"));
    a_length_that_is_empty => is_not_http(with_length(""));
    a_length_beyond_64_bits => is_not_http(with_length("18446744073709551616"));
    a_length_of_64_bits => ends_with(with_length("18446744073709551615"), "HTTP/1.1 431 ");
    a_length_of_a_terabyte => fails(with_length("1099511627776"), 413, "body-too-large");
    a_length_of_nothing => fails(with_length("0"), 400, "malformed-request");
    no_length_at_all => fails(framed("", ""), 400, "malformed-request");
    a_length_that_is_too_short => fails(with_length("10"), 400, "malformed-request");
    a_length_that_is_too_long => ends_too_early(with_length("5000"));
    chunks_and_a_length => decides(framed("transfer-encoding: chunked\r\ncontent-length: 4\r\n", &chunked()), 1);
    a_length_and_chunks => decides(framed("content-length: 4\r\ntransfer-encoding: chunked\r\n", &chunked()), 1);
    a_length_that_hides_a_request_behind_chunks => fails(framed(&format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", 5 + line().len()), &format!("0\r\n\r\n{}", line())), 400, "malformed-request");
    chunks_twice => is_not_http(framed("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", &chunked()));
    an_encoding_of_identity => is_not_http(framed("transfer-encoding: identity\r\n", sent::first()));
    an_encoding_after_chunks => is_not_http(framed("transfer-encoding: chunked, gzip\r\n", &chunked()));
    an_encoding_nobody_knows => is_not_http(framed("transfer-encoding: xchunked\r\n", &chunked()));
    an_encoding_behind_a_vertical_tab => is_not_http(framed("transfer-encoding: \x0bchunked\r\n", &chunked()));
    an_encoding_in_quotes => is_not_http(framed("transfer-encoding: \"chunked\"\r\n", &chunked()));
    an_encoding_in_capitals => decides(framed("transfer-encoding: CHUNKED\r\n", &chunked()), 1);
    chunks_in_version_1_0 => is_not_http(framed("transfer-encoding: chunked\r\n", &chunked()).replacen("HTTP/1.1", "HTTP/1.0", 1));
    a_body_that_says_it_is_compressed => decides(request("content-encoding: gzip\r\n"), 1);
    an_expectation_nobody_knows => decides(request("expect: miracles\r\n"), 1);
    an_upgrade_to_a_web_socket => decides(request("upgrade: websocket\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n"), 1);
    an_upgrade_to_http_2 => decides(request("upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"), 1);
    no_host => fails(request("").replacen("host: berth\r\n", "", 1), 400, "malformed-request");
    two_hosts => fails(request("host: evil.example\r\n"), 400, "malformed-request");
    a_host_of_garbage => decides(request("").replacen("host: berth", "host: a b:c@d/../", 1), 1);
    hop_by_hop_names_of_everything => decides(request("connection: content-length, host, x-functions-key\r\n"), 1);
    a_request_id_of_the_callers => async |berth: &Berth| {
        let (heard, lines) = super::exchange(berth, request("x-request-id: forged-4711\r\n").replacen("code=", "cod=", 1).as_bytes()).await;
        assert!(heard.starts_with("HTTP/1.1 401 ") && !heard.contains("forged-4711"), "{heard}");
        assert!(lines.len() == 1 && !lines[0].mentions("forged-4711"), "{lines:?}");
    };
    an_address_of_the_callers => decides(request("x-forwarded-for: 127.0.0.1\r\nforwarded: for=127.0.0.1\r\n"), 1);
    a_method_in_a_header => decides(request("x-http-method-override: DELETE\r\n"), 1);
    a_path_in_a_header => decides(request("x-original-url: /allocate/other/policy\r\nx-rewrite-url: /livez\r\n"), 1);
}
