//! Keys that are wrong, twice there, or no text.

use berth_tests::{Answer, Ask, Berth, bodies as sent, key, key_hash, secondary_key};

use super::{SERVERS, attacks, decides, fails, is_logged, request};

/// A request without any key, changed like this, is not let in; and one line that does not have the key.
fn is_refused(change: impl FnOnce(Ask) -> Ask) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        let mark = berth.mark().await;
        let answer: Answer = change(berth.asks("contoso/toasters").with(sent::first()).without_key()).await;
        answer.is_error(401, "unauthorized");
        let lines = berth.logged_since(mark).await;
        is_logged(&lines, &answer, "unauthorized");
        assert!(!lines[0].mentions(&key("contoso")), "{lines:?}");
    }
}

/// Such a request is let in.
fn is_let_in(change: impl FnOnce(Ask) -> Ask) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        change(berth.asks("contoso/toasters").with(sent::first()).without_key()).await.is_hub(sent::TOASTERS);
    }
}

fn good() -> String {
    key("contoso")
}

/// A request with this query, and this header, byte for byte.
fn raw(query: &str, header: &str) -> String {
    request(header).replacen(&format!("?code={}", good()), query, 1)
}

attacks! { SERVERS:
    no_key => is_refused(|ask| ask);
    an_empty_key => is_refused(|ask| ask.query("code="));
    a_key_without_a_value => is_refused(|ask| ask.query("code"));
    a_wrong_key => is_refused(|ask| ask.query("code=wrong"));
    a_key_that_is_nearly_right => is_refused(|ask| ask.query(&format!("code={}x", good())));
    a_key_in_capitals => is_refused(|ask| ask.query(&format!("code={}", good().to_uppercase())));
    a_key_of_another_tenant => is_refused(|ask| ask.query(&format!("code={}", key("healthy"))));
    the_hash_of_the_key => is_refused(|ask| ask.query(&format!("code={}", key_hash(&good()))));
    a_key_of_12_thousand_bytes => is_refused(|ask| ask.query(&format!("code={}", "k".repeat(12_000))));
    a_key_with_a_nul_behind_it => is_refused(|ask| ask.query(&format!("code={}%00", good())));
    a_key_with_a_space_behind_it => is_refused(|ask| ask.query(&format!("code={}+", good())));
    a_key_with_a_line_behind_it => is_refused(|ask| ask.query(&format!("code={}%0d%0a", good())));
    a_key_that_is_no_utf8 => is_refused(|ask| ask.query("code=%ff%fe"));
    a_key_with_half_an_escape => is_refused(|ask| ask.query(&format!("code={}%4", good())));
    a_key_under_another_name => is_refused(|ask| ask.query(&format!("CODE={}", good())));
    a_key_under_an_array_name => is_refused(|ask| ask.query(&format!("code[]={}", good())));
    a_key_behind_a_semicolon => is_refused(|ask| ask.query(&format!("a=b;code={}", good())));
    a_wrong_key_before_the_right_one => is_refused(|ask| ask.query(&format!("code=wrong&code={}", good())));
    a_wrong_key_after_the_right_one => is_let_in(|ask| ask.query(&format!("code={}&code=wrong", good())));
    a_wrong_key_and_a_right_header => is_refused(|ask| ask.query("code=wrong").header("x-functions-key", &good()));
    an_empty_key_and_a_right_header => is_refused(|ask| ask.query("code=").header("x-functions-key", &good()));
    a_right_key_and_a_wrong_header => is_let_in(|ask| ask.query(&format!("code={}", good())).header("x-functions-key", "wrong"));
    a_key_whose_name_is_escaped => is_let_in(|ask| ask.query(&format!("%63ode={}", good())));
    the_secondary_key_in_capital_escapes => is_let_in(|ask| ask.query(&format!("code={}", secondary_key("contoso").replace('-', "%2D"))));
    a_header_that_is_empty => is_refused(|ask| ask.header("x-functions-key", ""));
    a_wrong_header_before_the_right_one => is_refused(|ask| ask.header("x-functions-key", "wrong").header("x-functions-key", &good()));
    two_keys_in_one_header => is_refused(|ask| ask.header("x-functions-key", &format!("wrong, {}", good())));
    a_header_that_is_no_text => fails(raw("", "x-functions-key: \u{e9}\r\n"), 401, "unauthorized");
    a_header_between_blanks => decides(raw("", &format!("x-functions-key: \t {} \t\r\n", good())), 1);
    a_key_in_a_cookie => is_refused(|ask| ask.header("cookie", &format!("code={}", good())));
    a_key_as_a_bearers_token => is_refused(|ask| ask.header("authorization", &format!("Bearer {}", good())));
    a_key_as_a_password => is_refused(|ask| ask.header("authorization", "Basic Y29kZTpjb250b3NvLXByaW1hcnk="));
    a_key_in_the_body => async |berth: &Berth| {
        let body = format!("code={}", good());
        berth.asks("contoso/toasters").without_key().with(body).await.is_error(401, "unauthorized");
    };
    a_key_in_the_fragment => fails(raw(&format!("#?code={}", good()), ""), 401, "unauthorized");
    a_key_for_a_policy_that_is_not_there => async |berth: &Berth| {
        berth.asks("contoso/none").with(sent::first()).await.is_error(404, "not-found");
    };
    a_key_for_a_tenant_that_is_not_there => async |berth: &Berth| {
        let theirs = berth.asks("nobody/none").with(sent::first()).await.is_error(404, "not-found");
        let ours = berth.asks("contoso/none").query("code=wrong").with(sent::first()).await.is_error(404, "not-found");
        assert_eq!(theirs, ours, "a stranger is told the same");
    };
}
