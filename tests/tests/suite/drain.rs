//! The end of a server: requests in flight finish, new ones are not taken.

use berth_tests::{
    Berth, Catalogue, bodies,
    guests::{Guest, Reply},
    key,
    tcp::Line,
};

use crate::toasters;

/// A policy that takes a while: some ten million turns of a loop.
fn slow() -> Guest {
    let turns = "(local $n i32)
        (loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 100000000))))";
    Guest::answering(Reply::hub(bodies::TOASTERS)).first(turns)
}

/// Begins a request and returns once the server is known to work on it: it has asked for the body.
async fn in_flight(berth: &Berth, policy: &str) -> Line {
    let mut line = berth.line().await;
    let (key, length) = (key("contoso"), bodies::first().len());
    let target = format!("POST /allocate/contoso/{policy}?code={key} HTTP/1.1\r\n");
    let headers = format!("host: berth\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n");
    line.say(format!("{target}{headers}")).await;
    line.hear_up_to("HTTP/1.1 100 Continue\r\n\r\n").await;
    line
}

/// Waits until nobody listens any more.
async fn is_closed(berth: &Berth) {
    // A connection that was made before the end is closed by it, and the next one is refused.
    while let Ok(mut line) = Line::to(berth.webhook()).await {
        line.hear().await;
    }
}

/// A request that came before SIGTERM is decided after it; meanwhile nothing new is taken, and the probes say so.
#[tokio::test]
async fn requests_in_flight_finish() {
    let mut berth = Berth::serving(Catalogue::new().tenant("contoso").policy("slow", slow())).await;
    let mut first = in_flight(&berth, "slow").await;
    let mut second = in_flight(&berth, "slow").await;
    assert_eq!(berth.admin("/readyz").await.status, 200);
    berth.terminate();
    berth.logs("draining: no new requests, those in flight finish").await;
    is_closed(&berth).await;
    assert_eq!(berth.admin("/livez").await.status, 200);
    assert_eq!(berth.admin("/readyz").await.status, 503);
    for line in [&mut first, &mut second] {
        line.say(bodies::first()).await;
        line.answer().await.is_hub(bodies::TOASTERS);
    }
    berth.logs("stopped").await;
    assert_eq!(berth.ends().await.code(), Some(0));
}

/// A server with nothing to do ends at once, connections that are kept open notwithstanding.
#[tokio::test]
async fn an_idle_server_ends() {
    let mut berth = Berth::serving(toasters()).await;
    let mut kept = berth.connection().await;
    kept.asks(berth.asks("contoso/toasters").with(bodies::first())).await.is_hub(bodies::TOASTERS);
    let mut silent = berth.line().await;
    berth.terminate();
    berth.logs("stopped").await;
    assert_eq!(berth.ends().await.code(), Some(0));
    silent.hear().await;
}

/// A request that does not finish is waited for as long as configured, and no longer.
#[tokio::test]
async fn draining_has_an_end() {
    let config = "[webhook]\ndrain_timeout_ms = 100\nbody_timeout_ms = 600000\n";
    let mut berth = Berth::configured(config, toasters()).await;
    let line = in_flight(&berth, "toasters").await;
    berth.terminate();
    berth.logs("requests were still in flight when draining ended").await;
    berth.logs("stopped").await;
    assert_eq!(berth.ends().await.code(), Some(0));
    drop(line);
}

/// The probes of a server that serves, and everything else on their listener.
#[tokio::test]
async fn probes() {
    let berth = Berth::serving(toasters()).await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(berth.admin(path).await.status, 200);
    }
    for path in ["/", "/allocate/contoso/toasters", "/metrics/x"] {
        assert_eq!(berth.admin(path).await.status, 404);
    }
}
