//! Senders that do not speak HTTP as one should: too slow, cut off, or garbage. They are answered or dropped, and do no
//! harm to others.

use berth_tests::{Berth, bodies, key};

use crate::toasters;

/// The head of a request that is right in everything, with these headers more.
fn head(headers: &str) -> String {
    let key = key("contoso");
    format!("POST /allocate/contoso/toasters?code={key} HTTP/1.1\r\nhost: berth\r\n{headers}\r\n")
}

fn with_length() -> String {
    head(&format!("content-length: {}\r\n", bodies::first().len()))
}

async fn still_serves(berth: &Berth) {
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(bodies::TOASTERS);
}

/// A body that does not come to its end in time is answered, not waited for.
#[tokio::test]
async fn a_slow_body() {
    let berth = Berth::configured("[webhook]\nbody_timeout_ms = 50\n", toasters()).await;
    let mark = berth.mark().await;
    let mut line = berth.line().await;
    line.say(with_length()).await;
    line.say(&bodies::first()[..100]).await;
    let answer = line.answer().await;
    answer.is_error(503, "body-too-slow");
    assert_eq!(answer.headers["connection"], "close");
    let lines = berth.logged_since(mark).await;
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((line.text("request"), line.text("policy")), (answer.id(), "contoso/toasters"));
    still_serves(&berth).await;
}

/// A head that does not come to its end in time is dropped: there is no request yet that could be answered.
#[tokio::test]
async fn a_slow_head() {
    let config = "[webhook]\nhead_timeout_ms = 50\n[log]\nfilter = \"berth=debug\"\n";
    let berth = Berth::configured(config, toasters()).await;
    let mark = berth.mark().await;
    let mut line = berth.line().await;
    line.say("POST /allocate/contoso/toas").await;
    assert_eq!(line.hear().await, b"");
    berth.log().find("the connection's end", mark, |line| line.message() == "connection ended").await;
    still_serves(&berth).await;
}

/// So is a connection on which nothing is ever said.
#[tokio::test]
async fn a_silent_connection() {
    let berth = Berth::configured("[webhook]\nhead_timeout_ms = 50\n", toasters()).await;
    assert_eq!(berth.line().await.hear().await, b"");
    still_serves(&berth).await;
}

/// Others are answered while slow senders hold all the connections they like.
#[tokio::test]
async fn slow_senders_hold_nobody_up() {
    let berth = Berth::serving(toasters()).await;
    let mut lines = Vec::new();
    for _ in 0..200 {
        let mut line = berth.line().await;
        line.say(with_length()).await;
        lines.push(line);
    }
    still_serves(&berth).await;
    for mut line in lines {
        line.say(bodies::first()).await;
        line.hear_up_to(bodies::TOASTERS).await;
    }
}

/// A sender that ends in the middle of its body hears that it did.
#[tokio::test]
async fn a_connection_half_closed_in_the_body() {
    let berth = Berth::serving(toasters()).await;
    let mark = berth.mark().await;
    let mut line = berth.line().await;
    line.say(with_length()).await;
    line.say(&bodies::first()[..100]).await;
    line.hush().await;
    line.hear().await;
    let logged = berth.log().find("the line about it", mark, |line| line.message() == "request failed").await.1;
    assert_eq!(logged.text("code"), "malformed-request");
    assert!(logged.text("reason").contains("the body cannot be read"), "{logged}");
    assert_eq!(berth.logged_since(mark).await.len(), 1);
    still_serves(&berth).await;
}

/// Senders that vanish at any point of a request do no harm.
#[tokio::test]
async fn a_connection_cut_anywhere() {
    let berth = Berth::serving(toasters()).await;
    let request = format!("{}{}", with_length(), bodies::first());
    for end in (0..request.len()).step_by(97) {
        let mut line = berth.line().await;
        line.say(&request[..end]).await;
    }
    still_serves(&berth).await;
}

/// What is not HTTP gets HTTP's own 400 without a body, since no request was there to be named, and one line.
#[tokio::test]
async fn garbage_in_place_of_a_request() {
    let berth = Berth::serving(toasters()).await;
    for garbage in [
        "\0\x01\x02\x03\r\n\r\n".to_owned(),
        "hello\r\n\r\n".to_owned(),
        "POST\r\n\r\n".to_owned(),
        "POST /allocate HTTP/9.9\r\n\r\n".to_owned(),
        "POST /a b c HTTP/1.1\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned(),
        head("no colon in this one\r\n"),
        head("name : value\r\n"),
        head("nul: \0\r\n"),
        head("content-length: many\r\n"),
        head("content-length: -1\r\n"),
        head("content-length: 5\r\ncontent-length: 6\r\n"),
    ] {
        let mark = berth.mark().await;
        let mut line = berth.line().await;
        line.say(&garbage).await;
        let heard = line.hear().await;
        assert!(heard.starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{garbage:?}: {}", String::from_utf8_lossy(&heard));
        let logged = |line: &berth_tests::log::Entry| line.message() == "request failed: it is not HTTP";
        berth.log().find("the line about it", mark, logged).await;
        assert_eq!(berth.logged_since(mark).await.len(), 1, "{garbage:?}");
    }
    still_serves(&berth).await;
}

/// More headers, or longer ones, than a request may have.
#[tokio::test]
async fn too_many_headers() {
    let berth = Berth::serving(toasters()).await;
    for headers in ["a: b\r\n".repeat(100), format!("a: {}\r\n", "b".repeat(1 << 20))] {
        let mut line = berth.line().await;
        line.say(head(&headers)).await;
        let heard = line.hear().await;
        assert!(heard.is_empty() || heard.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&heard));
    }
    still_serves(&berth).await;
}

/// Header values that are not text are passed over, the key's included.
#[tokio::test]
async fn headers_that_are_not_text() {
    let berth = Berth::serving(toasters()).await;
    let length = bodies::first().len();
    let mut request = head(&format!("connection: close\r\nx-odd: \u{e9}\r\ncontent-length: {length}\r\n"));
    request.push_str(bodies::first());
    let mut line = berth.line().await;
    line.say(&request).await;
    line.answer().await.is_hub(bodies::TOASTERS);
    let keyless = request.replace(&format!("?code={}", key("contoso")), "");
    let mut line = berth.line().await;
    line.say(keyless.replace("x-odd", "x-functions-key")).await;
    line.answer().await.is_error(401, "unauthorized");
}

/// Two requests in one breath are two requests.
#[tokio::test]
async fn requests_in_one_breath() {
    let berth = Berth::serving(toasters()).await;
    let one = format!("{}{}", with_length(), bodies::first());
    let last = with_length().replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let mut line = berth.line().await;
    line.say(format!("{one}{one}{last}{}", bodies::first())).await;
    let heard = String::from_utf8(line.hear().await).unwrap();
    assert_eq!(heard.matches("HTTP/1.1 200 OK").count(), 3, "{heard}");
}

/// A length and chunks at once, the old way to smuggle a second request in, is not two requests to Berth.
#[tokio::test]
async fn a_smuggled_request() {
    let berth = Berth::serving(toasters()).await;
    let mut line = berth.line().await;
    line.say(head("content-length: 6\r\ntransfer-encoding: chunked\r\n")).await;
    line.say("0\r\n\r\nGET /livez HTTP/1.1\r\n\r\n").await;
    line.hush().await;
    let heard = String::from_utf8(line.hear().await).unwrap();
    assert!(!heard.contains("200 OK"), "{heard}");
    still_serves(&berth).await;
}
