//! Devices and the service API over HTTPS: paths, headers and bodies to the core's questions, its answers back.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use percent_encoding::percent_decode_str;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{
    listener::Device,
    mqtt::{Certificates, Known},
    registrar::{Credentials, DeviceRequest, Registrar, Reply, ServiceError, Transport, guid, is_api_version},
    service::{self, Answer, Call, Policy},
};

/// Bytes of a body. More than a device may send, so that one that sends too much hears so; a bulk of enrollments is larger.
const MOST_OF_A_BODY: usize = 1 << 20;

/// How long a connection may take to send the head of a request, or stay idle between two.
const HEAD: Duration = Duration::from_secs(60);
/// How long a body may take.
const BODY: Duration = Duration::from_secs(20);

/// Answers devices and service clients over HTTPS. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Https {
    registrar: Registrar,
    policies: Arc<[Policy]>,
}

impl Https {
    pub(super) fn new(registrar: Registrar, policies: Vec<Policy>) -> Self {
        Self { registrar, policies: policies.into() }
    }

    /// Everything that is not answered by `others`.
    pub(super) fn router(self, others: Router) -> Router {
        Router::new().fallback(answer).with_state(self).merge(others)
    }
}

/// Answers one connection with `router` until it ends or `stop` is cancelled.
pub(super) async fn converse(device: Device, router: Router, stop: CancellationToken) {
    let Device { stream, certificates, standing } = device;
    let router = router.layer(Extension(Known { certificates, standing: standing.clone() }));
    let service = TowerToHyperService::new(router);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_headers(64);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = standing.lapses() => return debug!("a connection of HTTPS ended: no request on it was admitted in time"),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection of HTTPS ended");
    }
}

async fn answer(
    State(https): State<Https>,
    Extension(known): Extension<Known>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let answer = match (segments(head.uri.path()), read(body).await) {
        (Some(path), Ok(body)) => {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let is_service = service::is_path(&path, &head.method);
            let query = head.uri.query().unwrap_or_default();
            if !is_json(&head.headers, &body) {
                ServiceError::UnsupportedMediaType.into()
            } else if is_service && !api_version(query).is_some_and(|version| is_api_version(&version)) {
                ServiceError::unknown_version().into()
            } else if is_service {
                let call = Call { method: &head.method, path: &path, headers: &head.headers, body: &body };
                service::answer(&https.registrar, &https.policies, &call).await
            } else {
                let certificates = known.certificates;
                https
                    .device(&head.method, &path, Sent { query, headers: &head.headers, certificates, body: &body })
                    .await
                    .into()
            }
        }
        (None, _) => ServiceError::NoSuchPath.into(),
        (_, Err(error)) => error.into(),
    };
    if answer.reply.is_success() {
        known.standing.admit();
    }
    respond(answer, &head.headers, head.uri.path())
}

/// What a device sent besides method and path.
struct Sent<'a> {
    query: &'a str,
    headers: &'a HeaderMap,
    certificates: Certificates,
    body: &'a Bytes,
}

impl Https {
    async fn device(&self, method: &Method, path: &[&str], sent: Sent<'_>) -> Reply {
        let [id_scope, registrations, registration_id, rest @ ..] = path else {
            return ServiceError::NoSuchPath.reply();
        };
        if !registrations.eq_ignore_ascii_case("registrations") {
            return ServiceError::NoSuchPath.reply();
        }
        let sas = sent.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default().to_owned());
        let request = DeviceRequest {
            transport: Transport::Https,
            id_scope: (*id_scope).to_owned(),
            registration_id: (*registration_id).to_owned(),
            api_version: api_version(sent.query),
            credentials: Credentials { sas, certificates: sent.certificates },
            body: sent.body.to_vec(),
        };
        match (rest, method.as_str()) {
            ([], "POST") => self.registrar.lookup(request).await,
            ([register], "PUT") if register.eq_ignore_ascii_case("register") => self.registrar.register(request).await,
            ([operations, id], "GET") if operations.eq_ignore_ascii_case("operations") => {
                self.registrar.operation(request, id).await
            }
            ([], _) => ServiceError::MethodNotAllowed.reply(),
            ([register], _) if register.eq_ignore_ascii_case("register") => ServiceError::MethodNotAllowed.reply(),
            ([operations, _], _) if operations.eq_ignore_ascii_case("operations") => {
                ServiceError::MethodNotAllowed.reply()
            }
            _ => ServiceError::NoSuchPath.reply(),
        }
    }
}

/// The `api-version` of a query.
fn api_version(query: &str) -> Option<String> {
    let mut members = form_urlencoded::parse(query.as_bytes());
    members.find(|(name, _)| name.eq_ignore_ascii_case("api-version")).map(|(_, version)| version.into_owned())
}

/// The segments of a path, percent-decoded. `None` if one is not UTF-8.
pub(super) fn segments(path: &str) -> Option<Vec<String>> {
    let segments = path.trim_matches('/').split('/');
    segments.map(|segment| Some(percent_decode_str(segment).decode_utf8().ok()?.into_owned())).collect()
}

pub(super) async fn read(body: Body) -> Result<Bytes, ServiceError> {
    match tokio::time::timeout(BODY, Limited::new(body, MOST_OF_A_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(ServiceError::Invalid(format!("The body is larger than {MOST_OF_A_BODY} bytes.")))
        }
        Ok(Err(_)) => Err(ServiceError::Invalid("The body ended too early.".into())),
        Err(_) => Err(ServiceError::Invalid("The body took too long.".into())),
    }
}

/// Whether a body that is there is said to be JSON, or not said to be anything.
fn is_json(headers: &HeaderMap, body: &Bytes) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default().to_ascii_lowercase());
    body.is_empty() || kind.is_none_or(|kind| kind.contains("json"))
}

/// The answer in HTTP.
pub(super) fn respond(answer: Answer, asked: &HeaderMap, path: &str) -> Response<Body> {
    let Answer { reply, headers } = answer;
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut put = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    };
    if reply.status != 204 {
        put("content-type", "application/json; charset=utf-8".into());
    }
    put("x-ms-request-id", guid());
    if let Some(code) = reply.error_code {
        put("x-ms-error-code", code.to_string());
    }
    if let Some(seconds) = reply.retry_after {
        put("retry-after", seconds.to_string());
    }
    if reply.status == 202 {
        let host = asked.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        put("location", format!("https://{host}{path}"));
    }
    for (name, value) in headers {
        put(name, value);
    }
    response
}
