//! A policy's deliberate "no", as DPS has to read it.

use berth_tests::{
    Berth, Catalogue, bodies,
    guests::{Guest, Reply},
};

async fn berth_with(reply: Reply) -> Berth {
    let catalogue = Catalogue::new().tenant("contoso").policy("no", Guest::answering(reply));
    Berth::serving(catalogue).await
}

/// A rejection is final: 403, with the policy's message.
#[tokio::test]
async fn a_rejection_is_final() {
    let berth = berth_with(Reply::reject("not one of \"ours\" – ü")).await;
    let mark = berth.mark().await;
    let answer = berth.asks("contoso/no").with(bodies::first()).await;
    assert_eq!(answer.is_error(403, "rejected"), "not one of \"ours\" – ü");
    let lines = berth.logged_since(mark).await;
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((line.message(), line.text("code")), ("request refused", "rejected"));
    assert_eq!((line.text("policy"), line.text("request")), ("contoso/no", answer.id()));
}

/// A refusal for now is 503 with the time the policy names.
#[tokio::test]
async fn retry_later_names_its_time() {
    let berth = berth_with(Reply::retry_later("the hub is being moved", Some(77))).await;
    let answer = berth.asks("contoso/no").with(bodies::first()).await;
    assert_eq!(answer.is_error(503, "retry-later"), "the hub is being moved");
    assert_eq!(answer.retry_after(), Some(77));
}

/// Where the policy leaves the time to Berth, there is one all the same.
#[tokio::test]
async fn retry_later_without_a_time_gets_one() {
    let berth = berth_with(Reply::retry_later("later", None)).await;
    let answer = berth.asks("contoso/no").with(bodies::first()).await;
    answer.is_error(503, "retry-later");
    assert_eq!(answer.retry_after(), Some(5));
}

/// A message of any length and content makes one whole answer and one line of the log.
#[tokio::test]
async fn a_long_message_is_cut() {
    let message = format!("line\r\nx-injected: yes\r\n\r\n{}", "ü".repeat(5000));
    let berth = berth_with(Reply::reject(&message)).await;
    let mark = berth.mark().await;
    let answer = berth.asks("contoso/no").with(bodies::first()).await;
    let told = answer.is_error(403, "rejected");
    assert!(told.len() < 1100 && message.starts_with(told.trim_end_matches('…')), "{told}");
    assert!(!answer.headers.contains_key("x-injected"));
    assert_eq!(berth.logged_since(mark).await.len(), 1);
}

/// An empty message is no message, but still a refusal.
#[tokio::test]
async fn an_empty_message_is_allowed() {
    let berth = berth_with(Reply::reject("")).await;
    let answer = berth.asks("contoso/no").with(bodies::first()).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (403, &"rejected".into()));
}
