//! A webhook that answers as told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A webhook that gives the answers it was told, in their order, and 400 once there are none.
#[derive(Clone, Default)]
pub(in super::super) struct Webhook {
    told: Arc<Mutex<VecDeque<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Webhook {
    pub(in super::super) fn answers(&self, status: u16, body: Value) {
        self.told.lock().unwrap().push_back((status, body));
    }

    pub(in super::super) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) async fn start(&self) -> String {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/allocate?code=secret", socket.local_addr().unwrap());
        let router = Router::new().route("/allocate", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(socket, router).await });
        url
    }
}

async fn answer(State(webhook): State<Webhook>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    webhook.asked.lock().unwrap().push(body);
    let (status, body) = webhook.told.lock().unwrap().pop_front().unwrap_or((400, json!({})));
    (StatusCode::from_u16(status).unwrap(), Json(body))
}
