//! The ceiling of `cargo xtask bench`: what one would write without Berth, an axum handler with the same rules compiled in.
//!
//! It checks no key, has no limits and no log, and swaps nothing.
#![forbid(unsafe_code)]
#![expect(clippy::expect_used, reason = "a benchmark stops at what it did not expect")]

use std::{collections::HashMap, io::Write as _, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
    serve::ListenerExt as _,
};
use rule::Row;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

type Models = Arc<HashMap<String, Row>>;

#[tokio::main]
async fn main() {
    let models = Arc::new(rule::models().expect("the table can be read"));
    let router = Router::new()
        .route("/allocate/bench/by-model", post(by_model))
        .route("/allocate/bench/by-suffix", post(by_suffix))
        .with_state(models);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("listening on {}", listener.local_addr().expect("an address"));
    std::io::stdout().flush().expect("somebody waits for the address");
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let mut told_to_end = signal(SignalKind::terminate()).expect("a signal can be listened to");
    // Ends as programs do, so that one compiled to count what it does writes that down.
    tokio::select! {
        served = axum::serve(listener, router) => served.expect("the server runs until it is told to end"),
        _ = told_to_end.recv() => {}
    }
}

async fn by_model(State(models): State<Models>, body: Bytes) -> Response {
    reply(rule::by_model(&body, |model| models.get(model)))
}

async fn by_suffix(body: Bytes) -> Response {
    reply(rule::by_suffix(&body))
}

fn reply(answer: Result<Vec<u8>, String>) -> Response {
    match answer {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(reason) => (StatusCode::FORBIDDEN, reason).into_response(),
    }
}
