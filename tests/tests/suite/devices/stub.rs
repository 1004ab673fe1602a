//! Something that answers as it is told over TLS, and keeps what it was asked: a DPS for what the local one never does.
#![expect(clippy::expect_used, reason = "helpers of tests stop at what they did not expect, as tests do")]

use std::{
    collections::VecDeque,
    fs, io,
    sync::{Arc, Mutex},
};

use berth_tests::{binary, tls::Authority};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command};
use tokio_rustls::TlsAcceptor;

use super::world::Ended;

/// The registration id that it is asked about.
pub(crate) const ID: &str = "Dev-1";

/// What it does about a request.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// Answers with a status, `Retry-After` if it is not empty, and a body.
    Answer(u16, &'static str, Value),
    /// Closes the connection.
    Break,
}

/// A request that it got.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

/// Begins an operation.
pub(crate) fn begun() -> Told {
    Told::Answer(202, "0", json!({"operationId": "5.a b", "status": "assigning"}))
}

/// Is still choosing.
pub(crate) fn assigning() -> Told {
    let state = json!({"registrationId": ID, "status": "assigning"});
    Told::Answer(202, "0", json!({"operationId": "5.a b", "status": "assigning", "registrationState": state}))
}

/// Ends an operation with this state.
pub(crate) fn ended(status: &str, mut state: Value) -> Told {
    state["registrationId"] = json!(ID);
    state["status"] = json!(status);
    Told::Answer(200, "", json!({"operationId": "5.a b", "status": status, "registrationState": state}))
}

/// Assigns to a hub.
pub(crate) fn assigned() -> Told {
    ended("assigned", json!({"assignedHub": "hub.azure-devices.net", "deviceId": ID}))
}

/// Refuses with one of the service's errors.
pub(crate) fn error(code: u32, message: &str) -> Told {
    let status = u16::try_from(code / 1000).expect("a status");
    let body = json!({"errorCode": code, "trackingId": "", "message": message, "timestampUtc": "2026-01-01T00:00:00Z"});
    Told::Answer(status, "", body)
}

pub(crate) struct Stub {
    port: u16,
    folder: TempDir,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// Does what it is told, in this order, and then closes every connection.
    pub(crate) async fn telling(told: impl IntoIterator<Item = Told>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::default();
        fs::write(folder.path().join("ca.pem"), authority.pem()).expect("a file");
        let pair = authority.signs();
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth().with_single_cert(vec![pair.der], key);
        let tls = TlsAcceptor::from(Arc::new(config.expect("a certificate")));
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = socket.local_addr().expect("an address").port();
        let (told, asked) = (Arc::new(Mutex::new(VecDeque::from_iter(told))), Arc::<Mutex<Vec<Asked>>>::default());
        let kept = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let (tls, told, kept) = (tls.clone(), told.clone(), kept.clone());
                tokio::spawn(async move {
                    // A device that leaves is no failure.
                    let Ok(stream) = tls.accept(stream).await else { return };
                    let answer = service_fn(move |request| answer(request, told.clone(), kept.clone()));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { port, folder, asked }
    }

    /// Runs `berth device register` against it.
    pub(crate) async fn register(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(binary());
        command
            .args(["device", "register"])
            .args(arguments)
            .current_dir(self.folder.path())
            .env("BERTH_DPS", self.url())
            .env("BERTH_DPS_CA", "ca.pem")
            .kill_on_drop(true);
        Ended::of(command).await
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// What it was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("a list").clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    told: Arc<Mutex<VecDeque<Told>>>,
    kept: Arc<Mutex<Vec<Asked>>>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let body = String::from_utf8(body.to_vec()).expect("text");
    let line = format!("{} {}", head.method, head.uri);
    kept.lock().expect("a list").push(Asked { line, headers: head.headers, body });
    let told = told.lock().expect("a queue").pop_front();
    let Some(Told::Answer(status, retry_after, body)) = told else {
        return Err(io::Error::other("told to close the connection"));
    };
    let mut response = Response::builder().status(status).header("content-type", "application/json; charset=utf-8");
    if !retry_after.is_empty() {
        response = response.header("retry-after", retry_after);
    }
    Ok(response.body(Full::new(Bytes::from(body.to_string()))).expect("an answer"))
}
