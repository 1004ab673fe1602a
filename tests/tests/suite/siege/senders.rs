//! Senders: slow ones, those that vanish, and those that say too much at once.

use berth_tests::{Berth, Siege, bodies as sent};

use super::{SERVERS, attacks, decides, exchange, line, request};
use crate::toasters;

/// Servers that wait for nobody.
static HASTY: Siege = Siege::of("[webhook]\nhead_timeout_ms = 60\nbody_timeout_ms = 60\n", toasters);
/// Servers with few places for connections.
static SMALL: Siege = Siege::of("[webhook]\nmax_connections = 4\nhead_timeout_ms = 100\n", toasters);

fn lasting() -> String {
    request("").replacen("connection: close\r\n", "", 1)
}

/// This much of a request, and then nothing: the connection is ended without an answer.
fn is_dropped_after(part: String) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        let mut line = berth.line().await;
        line.say(&part).await;
        assert_eq!(String::from_utf8_lossy(&line.hear().await), "");
    }
}

/// This much of a request's body, and then nothing: it is told that it took too long.
fn is_too_slow_after(part: String) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        let mut line = berth.line().await;
        line.say(&part).await;
        line.answer().await.is_error(503, "body-too-slow");
    }
}

/// So many connections that say this and are held until the healthy ones have been answered.
fn held(connections: usize, said: String) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        let mut lines = Vec::new();
        for _ in 0..connections {
            let mut line = berth.line().await;
            line.say(&said).await;
            lines.push(line);
        }
        berth.asks("contoso/toasters").with(sent::first()).await.is_hub(sent::TOASTERS);
    }
}

fn chunked_head() -> String {
    format!("{}host: berth\r\ntransfer-encoding: chunked\r\n\r\n", line())
}

attacks! { HASTY:
    silence => is_dropped_after(String::new());
    a_first_line_without_an_end => is_dropped_after(line().trim_end().to_owned());
    a_head_without_an_end => is_dropped_after(format!("{}host: berth\r\n", line()));
    a_body_that_never_begins => is_too_slow_after(format!("{}host: berth\r\ncontent-length: 100\r\n\r\n", line()));
    a_body_that_stops => is_too_slow_after(format!("{}host: berth\r\ncontent-length: 100\r\n\r\n{{", line()));
    a_chunk_that_stops => is_too_slow_after(format!("{}5\r\n{{", chunked_head()));
    a_size_that_stops => is_too_slow_after(format!("{}5", chunked_head()));
    trailers_that_stop => is_too_slow_after(format!("{}2\r\n{{}}\r\n0\r\nx-a: ", chunked_head()));
    a_connection_that_idles_after_its_answer => async |berth: &Berth| {
        let mut line = berth.line().await;
        line.say(lasting()).await;
        let heard = String::from_utf8_lossy(&line.hear().await).into_owned();
        assert_eq!(heard.matches("HTTP/1.1 200 OK").count(), 1, "{heard}");
    };
}

attacks! { SMALL:
    more_connections_than_places => async |berth: &Berth| {
        // Those that hold the places are dropped for their slowness, and whoever waited is answered.
        held(16, line())(berth).await;
    };
}

attacks! { SERVERS:
    a_hundred_requests_in_one_breath => decides(format!("{}{}", lasting().repeat(99), request("")), 100);
    garbage_after_a_request => async |berth: &Berth| {
        let (heard, lines) = exchange(berth, format!("{}\0\0\0\r\n\r\n", lasting()).as_bytes()).await;
        assert_eq!((heard.matches(" 200 OK").count(), heard.matches(" 400 Bad").count()), (1, 1), "{heard}");
        assert!(lines.len() == 1 && lines[0].message() == "request failed: it is not HTTP", "{lines:?}");
    };
    a_body_longer_than_its_length => async |berth: &Berth| {
        let (heard, lines) = exchange(berth, format!("{}{}", lasting(), sent::first()).as_bytes()).await;
        assert_eq!((heard.matches(" 200 OK").count(), heard.matches(" 400 Bad").count()), (1, 1), "{heard}");
        assert_eq!(lines.len(), 1, "{lines:?}");
    };
    a_request_hidden_in_a_body => async |berth: &Berth| {
        let hidden = request("");
        let head = format!("{}host: berth\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", line(), hidden.len());
        let (heard, _) = exchange(berth, format!("{head}{hidden}").as_bytes()).await;
        assert!(heard.starts_with("HTTP/1.1 400 ") && heard.matches("HTTP/1.1 ").count() == 1, "{heard}");
    };
    a_request_after_the_last => async |berth: &Berth| {
        let (heard, _) = exchange(berth, request("").repeat(2).as_bytes()).await;
        assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{heard}");
    };
    a_request_one_byte_at_a_time => async |berth: &Berth| {
        let mut line = berth.line().await;
        for byte in request("").bytes() {
            line.say([byte]).await;
        }
        assert!(line.hear().await.starts_with(b"HTTP/1.1 200 OK"));
    };
    a_sender_that_hushes_at_once => async |berth: &Berth| {
        let mut line = berth.line().await;
        line.say(request("")).await;
        line.hush().await;
        let heard = line.hear().await;
        assert!(heard.is_empty() || heard.starts_with(b"HTTP/1.1 200 OK"));
    };
    a_sender_that_does_not_listen => async |berth: &Berth| {
        let mut line = berth.line().await;
        line.say(lasting().repeat(200)).await;
    };
    senders_that_vanish_at_every_byte => async |berth: &Berth| {
        let request = request("");
        for end in (0..request.len()).step_by(41) {
            berth.line().await.say(&request[..end]).await;
        }
    };
    a_thousand_connections_that_come_and_go => async |berth: &Berth| {
        for _ in 0..1000 {
            berth.line().await;
        }
    };
    three_hundred_silent_connections => held(300, String::new());
    three_hundred_half_heads => held(300, line());
    three_hundred_half_bodies => held(300, format!("{}host: berth\r\ncontent-length: 200000\r\n\r\n{}", line(), " ".repeat(10_000)));
    an_expectation_that_is_met => async |berth: &Berth| {
        let (heard, _) = exchange(berth, request("expect: 100-continue\r\n").as_bytes()).await;
        assert!(heard.contains("HTTP/1.1 200 OK") && heard.matches(sent::TOASTERS).count() == 1, "{heard}");
    };
    an_expectation_of_a_terabyte => async |berth: &Berth| {
        let head = format!("{}host: berth\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n", line(), 1_u64 << 40);
        let mut line = berth.line().await;
        line.say(head).await;
        // Nobody is asked to go on with what would be refused.
        line.answer().await.is_error(413, "body-too-large");
    };
    fifty_wrong_keys_in_one_breath => async |berth: &Berth| {
        let wrong = |request: String| request.replacen("code=", "code=x", 1);
        let (heard, lines) = exchange(berth, format!("{}{}", wrong(lasting()).repeat(49), wrong(request(""))).as_bytes()).await;
        assert_eq!((heard.matches("HTTP/1.1 401 ").count(), lines.len()), (50, 50), "{heard}");
    };
}
