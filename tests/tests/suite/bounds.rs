//! What a peer may take of a listener: heads of so many bytes, so many connections, and not for ever to read an answer.

use berth_tests::{
    Berth, Catalogue,
    bodies::{self, TOASTERS},
    guests::{Guest, Reply},
    key,
};

use crate::toasters;

fn head(headers: &str) -> String {
    let (key, length) = (key("contoso"), bodies::first().len());
    format!(
        "POST /allocate/contoso/toasters?code={key} HTTP/1.1\r\nhost: b\r\ncontent-length: {length}\r\n{headers}\r\n"
    )
}

/// A caller that asks and asks and never reads is not waited for.
#[tokio::test]
async fn a_caller_that_never_reads() {
    let large = Reply::hub(TOASTERS).payload(&format!(r#"{{"filling":"{}"}}"#, "x".repeat(60_000)));
    let catalogue = Catalogue::new().tenant("contoso").policy("toasters", Guest::answering(large));
    let berth = Berth::configured("[webhook]\nwrite_timeout_ms = 100\n", catalogue).await;
    let mut line = berth.line().await;
    let asking = tokio::spawn(async move {
        let request = head("") + bodies::first();
        for _ in 0..1000 {
            line.say(&request).await;
        }
        line
    });
    let labels = ["listener=\"webhook\"", "reason=\"slow-reader\""];
    berth.metrics_once("the end", |now| now.sum("berth_connection_failures_total", &labels) == 1.0).await;
    drop(asking.await);
    assert_eq!(berth.asks("contoso/toasters").with(bodies::first()).await.status, 200);
    berth.metrics_once("no connection", |now| now.sum("berth_connections", &["listener=\"webhook\""]) == 0.0).await;
}

/// One peer has its share of the connections and no more.
#[tokio::test]
async fn more_connections_than_a_peer_may_have() {
    let berth = Berth::configured("[webhook]\nmax_connections_per_peer = 2\n", toasters()).await;
    let (first, second) = (berth.line().await, berth.line().await);
    let open = |count| move |now: &berth_tests::metrics::Reading| now.sum("berth_connections", &["webhook"]) == count;
    berth.metrics_once("two connections", open(2.0)).await;
    assert_eq!(berth.line().await.hear().await, b"");
    let labels = ["listener=\"webhook\"", "reason=\"too-many-of-peer\""];
    assert_eq!(berth.metrics().await.sum("berth_connection_failures_total", &labels), 1.0);
    drop((first, second));
    berth.metrics_once("no connection", open(0.0)).await;
    berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(TOASTERS);
}

/// Where all connections are taken, those make room that do nothing, and one that is being answered does not.
#[tokio::test]
async fn a_full_listener_makes_room() {
    let toml = "[webhook]\nmax_connections = 4\ndrain_timeout_ms = 1\nbody_timeout_ms = 60000\n";
    let berth = Berth::configured(toml, toasters()).await;
    let mut busy = berth.line().await;
    busy.say(head("")).await;
    let idle = [berth.line().await, berth.line().await, berth.line().await];
    for _ in 0..3 {
        // Each on a connection of its own.
        berth.asks("contoso/toasters").with(bodies::first()).await.is_hub(TOASTERS);
    }
    busy.say(bodies::first()).await;
    busy.hear_up_to(TOASTERS).await;
    let labels = ["listener=\"webhook\"", "reason=\"idle-when-full\""];
    assert!(berth.metrics().await.sum("berth_connection_failures_total", &labels) >= 1.0);
    drop(idle);
}

/// An answer that comes before the body leaves the connection as it was once the body is there, and else says that it ends.
#[tokio::test]
async fn an_answer_before_the_body() {
    let berth = Berth::serving(toasters()).await;
    let (right, wrong) = (head(""), head("").replace(&key("contoso"), "wrong"));
    let mut line = berth.line().await;
    for part in [&wrong[..], bodies::first()] {
        line.say(part).await;
    }
    line.hear_up_to("unauthorized").await;
    line.say(format!("{right}{}", bodies::first())).await;
    line.hear_up_to(TOASTERS).await;

    let mut line = berth.line().await;
    line.say(wrong).await;
    let answer = line.answer().await;
    answer.is_error(401, "unauthorized");
    assert_eq!(answer.headers["connection"], "close");
}

/// The head of a request has at most 64 headers and 16 KiB, its first line included.
#[tokio::test]
async fn a_head_that_is_too_large() {
    let berth = Berth::serving(toasters()).await;
    let large = |bytes| format!("a: {}\r\n", "b".repeat(bytes));
    for (number, headers) in [large(20_000), "a: b\r\n".repeat(63)].into_iter().enumerate() {
        let mut line = berth.line().await;
        line.say(head(&headers)).await;
        let heard = line.hear().await;
        assert!(heard.is_empty() || heard.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&heard));
        let labels = ["listener=\"webhook\"", "reason=\"not-http\""];
        let counted = move |now: &berth_tests::metrics::Reading| {
            now.sum("berth_connection_failures_total", &labels) == number as f64 + 1.0
        };
        berth.metrics_once("the failure", counted).await;
    }
    for headers in [large(12_000), "a: b\r\n".repeat(60)] {
        let mut line = berth.line().await;
        line.say(head(&format!("connection: close\r\n{headers}"))).await;
        line.say(bodies::first()).await;
        assert_eq!(line.answer().await.status, 200);
    }
}
