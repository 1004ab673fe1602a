//! First lines: methods, targets, versions, and protocols that are not HTTP at all.

use berth_tests::{bodies as sent, key};

use super::{SERVERS, attacks, decides, ends_with, fails, is_not_answered, is_not_http, line, request};

/// A request right in everything but for what stands in place of its target.
fn to(target: &str) -> String {
    let path = line();
    let path = path.split(' ').nth(1).unwrap_or_default();
    request("").replacen(path, target, 1)
}

/// The same with another path, and the key.
fn at(path: &str) -> String {
    to(&format!("{path}?code={}", key("contoso")))
}

fn with_method(method: &str) -> String {
    request("").replacen("POST", method, 1)
}

fn of_version(version: &str) -> String {
    request("").replacen("HTTP/1.1", version, 1)
}

/// The first bytes of a client that wants TLS.
const CLIENT_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x5a\x5a\x5a\x5a\x0d\x0a\x0d\x0a";
/// The first bytes of version 2 of the proxy protocol.
const PROXY_V2: &[u8] = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x0c\x7f\x00\x00\x01";

attacks! { SERVERS:
    a_method_in_lower_case => fails(with_method("post"), 405, "method-not-allowed");
    a_method_nobody_knows => fails(with_method("ALLOCATE"), 405, "method-not-allowed");
    a_method_of_a_thousand_letters => fails(with_method(&"X".repeat(1000)), 405, "method-not-allowed");
    a_method_of_a_mebibyte => ends_with(with_method(&"X".repeat(1 << 20)), "HTTP/1.1 431 ");
    a_method_with_a_nul => is_not_http(with_method("PO\0ST"));
    a_method_with_an_at_sign => is_not_http(with_method("P@ST"));
    a_method_that_is_missing => is_not_http(with_method(""));
    a_connect_to_somewhere_else => fails(with_method("CONNECT").replacen("/allocate", "evil.example:443 HTTP/1.1\r\nx: /allocate", 1), 404, "not-found");
    options_of_everything => fails(to("*").replacen("POST", "OPTIONS", 1), 404, "not-found");
    a_trace => fails(with_method("TRACE"), 405, "method-not-allowed");
    a_head => async |berth: &berth_tests::Berth| {
        let (heard, lines) = super::exchange(berth, with_method("HEAD").as_bytes()).await;
        assert!(heard.starts_with("HTTP/1.1 405 ") && heard.ends_with("\r\n\r\n"), "{heard}");
        assert_eq!(lines.len(), 1, "{lines:?}");
    };
    a_target_in_absolute_form => decides(at("http://evil.example/allocate/contoso/toasters"), 1);
    a_target_in_absolute_form_with_a_user => decides(at("http://u:p@evil.example/allocate/contoso/toasters"), 1);
    a_target_of_another_scheme => decides(at("file://evil.example/allocate/contoso/toasters"), 1);
    a_target_without_a_slash => is_not_http(to("allocate/contoso/toasters"));
    a_target_that_is_missing => is_not_http(to(""));
    a_target_with_a_space => is_not_http(to("/allocate /contoso"));
    a_target_with_a_tab => is_not_http(to("/allocate\t/contoso"));
    a_target_with_a_nul => is_not_http(to("/allocate/\0"));
    a_target_with_a_bare_return => is_not_http(to("/allocate/\rcontoso"));
    a_target_of_64_kibibytes => ends_with(to(&format!("/{}", "a".repeat(1 << 16))), "HTTP/1.1 431 ");
    a_path_of_12_thousand_bytes => fails(at(&format!("/allocate/contoso/{}", "a".repeat(12_000))), 404, "not-found");
    a_path_of_a_thousand_segments => fails(at(&"/a".repeat(1000)), 404, "not-found");
    a_path_of_dots => fails(at("/allocate/contoso/../contoso/toasters"), 404, "not-found");
    a_path_of_encoded_dots => fails(at("/allocate/%2e%2e/toasters"), 404, "not-found");
    a_path_of_dots_encoded_twice => fails(at("/allocate/%252e%252e/toasters"), 404, "not-found");
    a_path_that_climbs_to_a_file => fails(at("/allocate/..%2f..%2f..%2fetc/passwd"), 404, "not-found");
    a_path_with_backslashes => fails(at("/allocate\\contoso\\toasters"), 404, "not-found");
    a_path_with_an_encoded_slash => fails(at("/allocate/contoso%2ftoasters"), 404, "not-found");
    a_path_with_an_encoded_nul => fails(at("/allocate/contoso/toasters%00"), 404, "not-found");
    a_path_with_an_encoded_line => fails(at("/allocate/contoso/toasters%0d%0a"), 404, "not-found");
    a_path_that_is_overlong_utf8 => fails(at("/allocate/contoso%c0%af/toasters"), 404, "not-found");
    a_path_that_is_no_utf8 => fails(at("/allocate/%ff/toasters"), 404, "not-found");
    a_path_with_half_an_escape => fails(at("/allocate/contoso/toasters%"), 404, "not-found");
    a_path_with_parameters => fails(at("/allocate/contoso;v=1/toasters"), 404, "not-found");
    a_path_of_empty_segments => fails(at("//allocate//contoso//toasters"), 404, "not-found");
    a_path_with_a_full_width_letter => fails(at("/allocate/%ef%bd%83ontoso/toasters"), 404, "not-found");
    a_path_with_a_cyrillic_letter => fails(at("/allocate/c%d0%beontoso/toasters"), 404, "not-found");
    a_path_with_a_zero_width_joiner => fails(at("/allocate/contoso%e2%80%8d/toasters"), 404, "not-found");
    a_path_in_capitals => fails(at("/allocate/CONTOSO/toasters"), 404, "not-found");
    a_path_of_the_other_listener => fails(at("/api/v1/status"), 404, "not-found");
    a_path_with_a_fragment => decides(to(&format!("/allocate/contoso/toasters?code={}#x", key("contoso"))), 1);
    a_query_of_12_thousand_bytes => decides(to(&format!("/allocate/contoso/toasters?code={}&x={}", key("contoso"), "a".repeat(12_000))), 1);
    a_query_of_six_thousand_members => decides(to(&format!("/allocate/contoso/toasters?{}code={}", "a&".repeat(6_000), key("contoso"))), 1);
    a_query_that_forges_a_header => async |berth: &berth_tests::Berth| {
        let (heard, lines) = super::exchange(berth, to("/allocate/contoso/toasters?code=%0d%0aset-cookie:%20a=b").as_bytes()).await;
        assert!(heard.starts_with("HTTP/1.1 401 ") && !heard.contains("set-cookie"), "{heard}");
        assert!(lines.len() == 1 && !lines[0].mentions("set-cookie"), "{lines:?}");
    };
    version_0_9 => is_not_http("GET /allocate\r\n\r\n");
    version_1_0_without_a_host => decides(of_version("HTTP/1.0").replacen("host: berth\r\n", "", 1), 1);
    version_1_7 => is_not_http(of_version("HTTP/1.7"));
    version_2_0_in_text => is_not_http(of_version("HTTP/2.0"));
    version_11 => is_not_http(of_version("HTTP/11"));
    a_version_in_lower_case => is_not_http(of_version("http/1.1"));
    the_preface_of_http_2 => is_not_answered("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    tls_on_the_plain_port => is_not_http(CLIENT_HELLO);
    an_ssh_client => is_not_http("SSH-2.0-OpenSSH_9.2\r\n");
    a_mail_client => is_not_http("EHLO evil.example\r\n");
    a_redis_client => is_not_http("*1\r\n$4\r\nPING\r\n");
    a_proxy_of_version_1 => is_not_http("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
    a_proxy_of_version_2 => is_not_http(PROXY_V2);
    nothing_but_empty_lines => async |berth: &berth_tests::Berth| {
        let mut line = berth.line().await;
        line.say("\r\n".repeat(1000)).await;
        line.hush().await;
        assert!(line.hear().await.is_empty());
    };
    empty_lines_before_a_request => decides(format!("\r\n\r\n{}", request("")), 1);
    a_mebibyte_of_nul => is_not_http(vec![0; 1 << 20]);
    json_without_http => is_not_http(sent::first());
}
