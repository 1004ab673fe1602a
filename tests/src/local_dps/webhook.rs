//! A webhook that answers as it is told.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::CLIMATE;
use crate::Ask;

/// A webhook on a port of its own. Without anything told it sends every device to the hub for climate.
#[derive(Clone)]
pub struct Webhook {
    address: SocketAddr,
    told: Arc<Mutex<VecDeque<(u16, String)>>>,
    asked: Arc<Mutex<Vec<Value>>>,
    behind: Option<(SocketAddr, String)>,
}

impl Webhook {
    /// Starts one.
    pub async fn start() -> Self {
        Self::behind(None).await
    }

    /// Starts one that passes on what it has not been told an answer for: to a path of this address.
    pub async fn before(address: SocketAddr, path: &str) -> Self {
        Self::behind(Some((address, path.to_owned()))).await
    }

    async fn behind(behind: Option<(SocketAddr, String)>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let webhook = Self { address, told: Arc::default(), asked: Arc::default(), behind };
        let answers = webhook.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(answers.clone().converse(stream));
            }
        });
        webhook
    }

    /// Where an enrollment finds it. The query is a key, as Azure's have it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/allocate?code=secret", self.address)
    }

    /// Tells it one more answer.
    ///
    /// # Panics
    ///
    /// If another test's thread has panicked with it.
    pub fn answers(&self, status: u16, body: Value) {
        self.told.lock().expect("a queue").push_back((status, body.to_string()));
    }

    /// What it was asked so far.
    ///
    /// # Panics
    ///
    /// If another test's thread has panicked with it.
    #[must_use]
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().expect("a list").clone()
    }

    async fn converse(self, stream: TcpStream) {
        let answer = service_fn(|request: Request<Incoming>| async {
            let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let (status, text) = self.answer(&body).await;
            let response = Response::builder().status(status).header("content-type", "application/json");
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(text))).expect("an answer"))
        });
        // A caller that leaves is no failure of the webhook.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
    }

    async fn answer(&self, body: &[u8]) -> (u16, String) {
        self.asked.lock().expect("a list").push(serde_json::from_slice(body).unwrap_or_default());
        let told = self.told.lock().expect("a queue").pop_front();
        match (told, &self.behind) {
            (Some(told), _) => told,
            (None, Some((address, path))) => {
                let answer = Ask::path(*address, path).with(body).await;
                (answer.status, answer.text().to_owned())
            }
            (None, None) => (200, json!({ "iotHubHostName": CLIMATE }).to_string()),
        }
    }
}
