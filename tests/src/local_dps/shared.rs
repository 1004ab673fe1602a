//! One `berth serve` for all tests of a program: what they ask of it does not change it.

use std::{net::SocketAddr, sync::OnceLock, thread};

use tokio::{
    process::Child,
    runtime::{Builder, Runtime},
};

use crate::{Berth, Catalogue, guests::example, key, siege::warden};

/// The server with the runtime that its log is read on, which has to outlive the test that started it.
struct Shared {
    webhook: SocketAddr,
    _berth: Berth,
    _runtime: Runtime,
    _warden: Child,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

/// The address of a webhook and the path on it at which the example policy `by-model` decides.
///
/// # Panics
///
/// If the server does not become ready.
#[must_use]
pub fn by_model() -> (SocketAddr, String) {
    let start = || thread::spawn(start).join().expect("the server starts");
    (SHARED.get_or_init(start).webhook, format!("/allocate/contoso/by-model?code={}", key("contoso")))
}

/// The URL of the same.
#[must_use]
pub fn by_model_url() -> String {
    let (address, path) = by_model();
    format!("http://{address}{path}")
}

fn start() -> Shared {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let catalogue = Catalogue::new().tenant("contoso").policy("by-model", example("by-model"));
    let (berth, warden) = runtime.block_on(async {
        let berth = Berth::serving(catalogue).await;
        let warden = warden(&berth);
        (berth, warden)
    });
    Shared { webhook: berth.webhook(), _berth: berth, _runtime: runtime, _warden: warden }
}
