//! `extism-host PLUGIN fresh|reused`: a server that asks a plug-in of Extism.
//!
//! `fresh` makes an instance for each request, of code compiled once, as Berth does. `reused` keeps one for each thread, so
//! that what a request leaves in its memory is there for the next.

use std::{cell::RefCell, io::Write as _, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
    serve::ListenerExt as _,
};
use extism::{CompiledPlugin, Error, Plugin, PluginBuilder};
use tokio::net::TcpListener;

thread_local! {
    static KEPT: RefCell<Option<Plugin>> = const { RefCell::new(None) };
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [plugin, mode] = arguments.as_slice() else { panic!("a plug-in and a mode") };
    let plugin = std::fs::read(plugin).expect("a plug-in");
    let compiled = PluginBuilder::new(plugin.as_slice()).with_cache_disabled().compile().expect("a plug-in that compiles");
    let handler = match mode.as_str() {
        "fresh" => post(fresh),
        "reused" => post(reused),
        other => panic!("no mode {other}"),
    };
    let router = Router::new().route("/allocate", handler).with_state(Arc::new(compiled));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("listening on {}", listener.local_addr().expect("an address"));
    std::io::stdout().flush().expect("somebody waits for the address");
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.expect("the server runs until it is killed");
}

async fn fresh(State(compiled): State<Arc<CompiledPlugin>>, body: Bytes) -> Response {
    let mut plugin = match Plugin::new_from_compiled(&compiled) {
        Ok(plugin) => plugin,
        Err(error) => return reply(Err(error)),
    };
    reply(plugin.call("allocate", &*body))
}

async fn reused(State(compiled): State<Arc<CompiledPlugin>>, body: Bytes) -> Response {
    KEPT.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = Plugin::new_from_compiled(&compiled).ok();
        }
        let plugin = kept.as_mut().ok_or_else(|| Error::msg("no instance"));
        reply(plugin.and_then(|plugin| plugin.call("allocate", &*body)))
    })
}

fn reply(answer: Result<Vec<u8>, Error>) -> Response {
    match answer {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => (StatusCode::FORBIDDEN, error.to_string()).into_response(),
    }
}
