//! A local DPS on ports of its own, a webhook that answers as told, and a client.

mod webhook;

use std::{path::PathBuf, sync::Arc};

use axum::http::{HeaderMap, Method, Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::PrivateKeyDer};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use self::webhook::Webhook;
use crate::dps::{
    allocation::Hub,
    attestation::sas::derived_key,
    config::DpsConfig,
    file::EnrollmentsFile,
    listener::Bounds,
    server::{AUTHORITY_FILE, Server},
    service::Policy,
};

pub(super) const NORTH: &str = "north.azure-devices.net";
pub(super) const SOUTH: &str = "South.azure-devices.net";
pub(super) const HUBS: [&str; 2] = [NORTH, SOUTH];
/// The group's key, and the service's.
pub(super) const KEY: &str = "c2l4dGVlbiBieXRlcyBhdCBsZWFzdA==";

const VERSION: &str = "api-version=2021-10-01";

/// A group with a key and a webhook, and whatever else.
pub(super) fn custom(id: &str, more: Value) -> Value {
    let mut group = json!({
        "enrollmentGroupId": id, "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": KEY}},
        "allocationPolicy": "custom", "customAllocationDefinition": {"webhookUrl": "WEBHOOK", "apiVersion": "2021-10-01"},
    });
    group.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    group
}

/// The key of a device of the group.
pub(super) fn derived(id: &str) -> Vec<u8> {
    derived_key(&STANDARD.decode(KEY).unwrap(), id).unwrap()
}

fn signed(resource: &str, key: &[u8], expiry: i64, policy: &str) -> String {
    let mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(key).unwrap().chain_update(format!("{resource}\n{expiry}"));
    let signature: String =
        form_urlencoded::byte_serialize(STANDARD.encode(mac.finalize().into_bytes()).as_bytes()).collect();
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={policy}")
}

/// A device's signature.
pub(super) fn sas(scope: &str, id: &str, key: &[u8], expiry: i64) -> String {
    signed(&format!("{scope}/registrations/{id}"), key, expiry, "registration")
}

/// A client certificate.
pub(super) type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

pub(super) fn with(chain: &str, key: &str) -> Shown {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    (chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
}

#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }
}

pub(super) struct World {
    server: Server,
    config: DpsConfig,
    pub webhook: Webhook,
    data: TempDir,
}

impl World {
    pub(super) async fn new(enrollments: impl IntoIterator<Item = Value>) -> Self {
        Self::bounded(enrollments, Bounds::default()).await
    }

    pub(super) async fn bounded(enrollments: impl IntoIterator<Item = Value>, bounds: Bounds) -> Self {
        let (webhook, data) = (Webhook::default(), TempDir::new().unwrap());
        let url = webhook.start().await;
        let mut file = json!({"enrollments": [], "enrollmentGroups": []});
        for enrollment in enrollments {
            let text = enrollment.to_string().replace("WEBHOOK", &url);
            let of = if enrollment.get("registrationId").is_some() { "enrollments" } else { "enrollmentGroups" };
            file[of].as_array_mut().unwrap().push(serde_json::from_str(&text).unwrap());
        }
        let any = "127.0.0.1:0".parse().unwrap();
        let mut config = DpsConfig {
            id_scope: "0ne1".into(),
            data: data.path().into(),
            retry_after_seconds: 0,
            ..DpsConfig::default()
        };
        config.clock_speed = 100_000.try_into().unwrap();
        config.hubs = HUBS.map(|name| Hub { host_name: name.into(), latency_ms: 0 }).into();
        (config.listen.https, config.listen.mqtt, config.listen.control) = (any, any, any);
        config.policies = vec![Policy { name: "owner".into(), key: KEY.into(), permissions: Vec::new() }];
        let enrollments: EnrollmentsFile = serde_json::from_value(file).unwrap();
        let server = Server::bounded(&config, enrollments, bounds).await.unwrap();
        Self { server, config, webhook, data }
    }

    /// The same data in another server.
    pub(super) async fn restarted(self) -> Self {
        let Self { server, config, webhook, data } = self;
        server.run(async {}).await;
        // The data file is free once the last connection's task has let go of it.
        let server = loop {
            match Server::start(&config, EnrollmentsFile::default()).await {
                Ok(server) => break server,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        Self { server, config, webhook, data }
    }

    fn authority(&self) -> PathBuf {
        self.data.path().join(AUTHORITY_FILE)
    }

    fn tls(&self, shown: Option<&Shown>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.authority()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        match shown {
            Some((chain, key)) => builder.with_client_auth_cert(chain.clone(), key.clone_key()).unwrap(),
            None => builder.with_no_client_auth(),
        }
    }

    async fn call(&self, shown: Option<&Shown>, request: Request<Full<Bytes>>) -> Answer {
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(self.tls(shown)).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
        let response = client.request(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer { status, headers, text, json }
    }

    fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Request<Full<Bytes>> {
        let url = format!("https://localhost:{}{path}", self.server.https.port());
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        request.body(Full::new(Bytes::from(body))).unwrap()
    }

    pub(super) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        self.call(None, self.request(method, path, headers, body)).await
    }

    pub(super) async fn ask(&self, method: Method, path: &str, key: &[u8], body: &str) -> Answer {
        let id = path.split('/').nth(3).unwrap().split('?').next().unwrap();
        let sas = sas("0ne1", id, key, 4_000_000_000);
        self.send(method, path, &[("authorization", &sas)], body.to_owned()).await
    }

    pub(super) async fn put(&self, id: &str, key: &[u8], body: &str) -> Answer {
        self.ask(Method::PUT, &format!("/0ne1/registrations/{id}/register?api-version=2019-03-31"), key, body).await
    }

    pub(super) async fn poll(&self, id: &str, key: &[u8], began: &Answer) -> Answer {
        let sas = sas("0ne1", id, key, 4_000_000_000);
        self.poll_with(id, &[("authorization", &sas)], began).await
    }

    /// Polls to the end, with the body that one client sends on GET.
    pub(super) async fn poll_with(&self, id: &str, headers: &[(&str, &str)], began: &Answer) -> Answer {
        let operation = began.json["operationId"].as_str().unwrap_or_else(|| panic!("{}", began.text));
        let path =
            format!("/0ne1/registrations/{id}/operations/{operation}?api-version=2019-03-31&forceRegistration=true");
        loop {
            let answer = self.send(Method::GET, &path, headers, "{}".into()).await;
            match answer.status {
                202 => {
                    assert_eq!(answer.json["registrationState"], json!({"registrationId": id, "status": "assigning"}))
                }
                _ => break answer,
            }
        }
    }

    /// Registers and polls to the end.
    pub(super) async fn register(&self, id: &str, key: &[u8], payload: Value) -> Value {
        let began = self.put(id, key, &json!({"registrationId": id, "payload": payload}).to_string()).await;
        self.poll(id, key, &began).await.json["registrationState"].take()
    }

    /// Registers with a certificate; what the service says if it refuses.
    pub(super) async fn register_with(&self, id: &str, shown: &Shown) -> Result<Value, Value> {
        let path = format!("/0ne1/registrations/{id}/register?api-version=2021-06-01");
        let began = self.call(Some(shown), self.request(Method::PUT, &path, &[], "{}".into())).await;
        if began.status != 202 {
            return Err(began.json);
        }
        let operation = began.json["operationId"].as_str().unwrap();
        let path = format!("/0ne1/registrations/{id}/operations/{operation}?api-version=2021-06-01");
        loop {
            let mut answer = self.call(Some(shown), self.request(Method::GET, &path, &[], String::new())).await;
            if answer.status == 200 {
                return Ok(answer.json["registrationState"].take());
            }
        }
    }

    pub(super) async fn service(&self, method: Method, path: &str, etag: Option<&str>, body: &Value) -> Answer {
        let sas = signed("localhost", &STANDARD.decode(KEY).unwrap(), 4_000_000_000, "owner");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let path = if path.contains('?') { path.to_owned() } else { format!("{path}?{VERSION}") };
        self.send(method, &path, &[("authorization", &sas), ("if-match", etag.unwrap_or_default())], body).await
    }

    pub(super) async fn query(&self, path: &str, most: &str, from: &str) -> Answer {
        let sas = signed("localhost", &STANDARD.decode(KEY).unwrap(), 4_000_000_000, "owner");
        let headers = [("authorization", sas.as_str()), ("x-ms-max-item-count", most), ("x-ms-continuation", from)];
        let body = json!({"query": "SELECT * FROM enrollments"}).to_string();
        self.send(Method::POST, &format!("{path}?{VERSION}"), &headers, body).await
    }

    fn control_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.control)
    }

    pub(super) async fn control(&self, path: &str) -> Value {
        let request = Request::builder().uri(self.control_url(path)).body(Full::default()).unwrap();
        self.call(None, request).await.json
    }

    /// The words of a device's trace about one kind of step.
    pub(super) async fn steps(&self, id: &str, what: &str) -> Vec<String> {
        let trace = self.control(&format!("/traces/{id}")).await;
        let steps = trace["steps"].as_array().unwrap().iter().filter(|step| step["what"] == what);
        steps.map(|step| step["text"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) async fn fault(&self, faults: Value) {
        let request = Request::builder().method(Method::PUT).uri(self.control_url("/faults"));
        let answer = self.call(None, request.body(Full::new(Bytes::from(faults.to_string()))).unwrap()).await;
        assert_eq!(answer.json, faults);
    }

    /// A connection on which these bytes are said after the handshake, once the first byte of an answer has come.
    pub(super) async fn says(&self, is_mqtt: bool, bytes: &[u8]) -> TlsStream<TcpStream> {
        let address = if is_mqtt { self.server.mqtt } else { self.server.https };
        let stream = TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let mut stream = TlsConnector::from(Arc::new(self.tls(None))).connect(name, stream).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
        stream.read_u8().await.unwrap();
        stream
    }

    /// Connections that never say anything: one before TLS, one within a request.
    pub(super) async fn half_open(&self) -> (TcpStream, TcpStream) {
        let address = self.server.https;
        (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap())
    }
}
