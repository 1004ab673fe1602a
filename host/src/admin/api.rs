//! `/api/v1`: what serves, what happened, and changing it. The bodies are in [`body`](super::body).

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{
        DefaultBodyLimit, FromRequest as _, Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header},
    response::IntoResponse as _,
    routing::{delete, get, post},
};
use hyper::body::Body as _;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::Semaphore;
use tracing::warn;

use super::{
    Sources,
    access::{Access, Principal},
    bodies::{Bodies, Busy},
    body::{ChangeBody, HistoryBody, PolicyBody, PushBody, RollbackBody, StatusBody},
};
use crate::{
    catalogue::{Catalogue, Current, source::MAX_PUSH},
    contract::{Digest, PolicyId},
    http::{RequestId, RequestIds, failure},
    reload::{Changed, CommandError, Handle},
    store::Store,
};

/// What the API works with.
pub struct Api {
    /// What serves.
    pub current: Arc<Current>,
    /// What happened.
    pub store: Arc<Store>,
    /// Who changes what serves.
    pub catalogue: Handle,
    /// Who may call.
    pub access: Access,
}

struct Shared {
    api: Api,
    bodies: Bodies,
    /// Histories that are read at a time: whoever asks for many waits for itself, and holds no request up.
    histories: Arc<Semaphore>,
    sources: Sources,
    ids: RequestIds,
}

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// What Prometheus and its relatives read.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Answer = Response<Body>;

/// Tenant and policy, if the path has them as text.
type PolicyPath = Result<Path<(String, String)>, PathRejection>;

/// The routes. `openapi.rs` documents them.
pub(super) fn router(api: Api, sources: Sources) -> Router {
    let policy = get(policy).put(push);
    Router::new()
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/policies/{tenant}/{policy}", policy)
        .route("/api/v1/policies/{tenant}/{policy}/history", get(history))
        .route("/api/v1/policies/{tenant}/{policy}/rollback", post(rollback))
        .route("/api/v1/policies/{tenant}/{policy}/pin", delete(unpin))
        .layer(DefaultBodyLimit::max(MAX_PUSH))
        .with_state(Arc::new(Shared::new(api, sources)))
}

/// What is asked for, and by whom and of which policy as soon as that is known: what the log says of a refusal.
struct Asked {
    action: &'static str,
    by: Option<String>,
    policy: Option<PolicyId>,
}

impl Asked {
    fn to(action: &'static str) -> Self {
        Self { action, by: None, policy: None }
    }
}

/// Why the API does not do what it is asked.
enum Refusal {
    Misdirected,
    Unauthorized,
    Forbidden,
    Malformed(String),
    TooLarge,
    Busy,
    Unwritten,
    Command(CommandError),
}

impl From<Busy> for Refusal {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

impl Refusal {
    fn respond(&self, asked: &Asked, id: RequestId) -> Answer {
        let (status, code, message) = match self {
            Self::Misdirected => (
                StatusCode::MISDIRECTED_REQUEST,
                "misdirected",
                "without admin.tokens only requests to localhost or to an address are answered: use one of these, or set \
                 a token"
                    .to_owned(),
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "the token is missing or wrong: give one as `authorization: bearer TOKEN`".to_owned(),
            ),
            Self::Forbidden => {
                (StatusCode::FORBIDDEN, "forbidden", "this token is only for the policies of its own tenant".to_owned())
            }
            Self::Unwritten => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the metrics cannot be written down; this is a mistake of Berth's".to_owned(),
            ),
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, "malformed-request", why.clone()),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the body is larger than a policy may be".to_owned())
            }
            Self::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "busy", "other pushes are under way: try again in a moment".to_owned())
            }
            Self::Command(error) => command_error(error),
        };
        let Asked { action, by, policy } = asked;
        let policy = policy.as_ref().map(tracing::field::display);
        warn!(
            request = %id, action, by = by.as_deref(), policy, status = status.as_u16(), code, reason = message,
            "admin request refused"
        );
        let mut response = failure(status, code, &message, id).map(Body::new);
        if matches!(self, Self::Busy) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn command_error(error: &CommandError) -> (StatusCode, &'static str, String) {
    let (status, code) = match error {
        CommandError::UnknownPolicy(_) | CommandError::UnknownTenant(_) => (StatusCode::NOT_FOUND, "not-found"),
        CommandError::UnknownVersion(_) => (StatusCode::NOT_FOUND, "unknown-version"),
        CommandError::VersionGone(_) => (StatusCode::GONE, "version-gone"),
        CommandError::NoEarlierVersion(_) => (StatusCode::CONFLICT, "no-earlier-version"),
        CommandError::NotPinned(_) => (StatusCode::CONFLICT, "not-pinned"),
        CommandError::Superseded(_) => (StatusCode::CONFLICT, "superseded"),
        CommandError::Refused(failure) => {
            let message = format!("refused at the stage {}: {}", failure.stage.as_str(), failure.reason);
            return (StatusCode::UNPROCESSABLE_ENTITY, "refused", message);
        }
        CommandError::Ending => (StatusCode::SERVICE_UNAVAILABLE, "ending"),
        CommandError::Unknown(_) => (StatusCode::INTERNAL_SERVER_ERROR, "unknown-outcome"),
        CommandError::Catalogue(_) | CommandError::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "storage"),
    };
    (status, code, error.to_string())
}

impl Shared {
    fn admit(&self, asked: &mut Asked, headers: &HeaderMap) -> Result<Principal, Refusal> {
        if !self.api.access.is_reached(headers) {
            return Err(Refusal::Misdirected);
        }
        let principal = self.api.access.principal(headers, &self.api.current.load()).ok_or(Refusal::Unauthorized)?;
        asked.by = Some(principal.name().to_owned());
        Ok(principal)
    }

    /// The policy of a path, if the caller may see it.
    fn policy(
        &self,
        asked: &mut Asked,
        headers: &HeaderMap,
        path: PolicyPath,
    ) -> Result<(Principal, PolicyId), Refusal> {
        let principal = self.admit(asked, headers)?;
        let Path((tenant, policy)) = path.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
        let id = format!("{tenant}/{policy}").parse::<PolicyId>();
        let id = id.map_err(|error| Refusal::Malformed(error.to_string()))?;
        asked.policy = Some(id.clone());
        if principal.sees(&id.tenant) { Ok((principal, id)) } else { Err(Refusal::Forbidden) }
    }

    /// Makes a change for a caller who may make it.
    async fn change(
        &self,
        action: &'static str,
        headers: &HeaderMap,
        path: PolicyPath,
        change: impl AsyncFnOnce(PolicyId, &Principal) -> Result<Changed, Refusal>,
    ) -> Answer {
        let mut asked = Asked::to(action);
        let done = async {
            let (principal, policy) = self.policy(&mut asked, headers, path)?;
            Ok(ChangeBody::of(&change(policy, &principal).await?))
        };
        let done = done.await;
        self.answer(&asked, done)
    }

    fn answer<T: serde::Serialize>(&self, asked: &Asked, result: Result<T, Refusal>) -> Answer {
        let id = self.ids.next();
        match result {
            Ok(body) => {
                let mut response = Json(body).into_response();
                crate::http::name(&mut response, id);
                response
            }
            Err(refusal) => refusal.respond(asked, id),
        }
    }
}

async fn status(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    let mut asked = Asked::to("status");
    let status = shared.admit(&mut asked, &headers).map(|principal| {
        let catalogue: Arc<Catalogue> = shared.api.current.load().clone();
        StatusBody::of(&catalogue, |tenant| principal.sees(tenant))
    });
    shared.answer(&asked, status)
}

/// For the platform only: the metrics name every tenant.
async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    let mut asked = Asked::to("metrics");
    let text = shared.admit(&mut asked, &headers).and_then(|principal| match principal {
        Principal::Platform(_) => shared.sources.exposition().map_err(|_| Refusal::Unwritten),
        Principal::Tenant(..) => Err(Refusal::Forbidden),
    });
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(refusal) => refusal.respond(&asked, shared.ids.next()),
    }
}

async fn policy(State(shared): State<Arc<Shared>>, path: PolicyPath, headers: HeaderMap) -> Answer {
    let mut asked = Asked::to("policy");
    let found = shared.policy(&mut asked, &headers, path).and_then(|(_, id)| {
        let catalogue = shared.api.current.load();
        let policy = catalogue.find(id.tenant.as_str(), id.policy.as_str()).policy.cloned();
        policy.map(|policy| PolicyBody::of(&policy)).ok_or_else(|| CommandError::UnknownPolicy(id).into())
    });
    shared.answer(&asked, found)
}

#[derive(Deserialize)]
struct Page {
    limit: Option<usize>,
}

async fn history(
    State(shared): State<Arc<Shared>>,
    path: PolicyPath,
    page: Result<Query<Page>, QueryRejection>,
    headers: HeaderMap,
) -> Answer {
    let mut asked = Asked::to("history");
    let wanted = shared.policy(&mut asked, &headers, path).and_then(|(_, id)| {
        let Query(page) = page.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
        Ok((id, page.limit.unwrap_or(100)))
    });
    let events = match wanted {
        Ok((id, most)) => shared.history(id, most).await,
        Err(refusal) => Err(refusal),
    };
    shared.answer(&asked, events)
}

async fn rollback(
    State(shared): State<Arc<Shared>>,
    path: PolicyPath,
    headers: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let change = async |id, by: &Principal| {
        let to = shared.taken(by, request, Ok::<RollbackBody, _>).await?.to;
        let to = to.map(|version| version.parse::<Digest>()).transpose();
        let to = to.map_err(|error| Refusal::Malformed(error.to_string()))?;
        Ok(shared.api.catalogue.rollback(id, to, by.name()).await?)
    };
    shared.change("rollback", &headers, path, change).await
}

async fn unpin(State(shared): State<Arc<Shared>>, path: PolicyPath, headers: HeaderMap) -> Answer {
    let change = async |id, by: &Principal| Ok(shared.api.catalogue.unpin(id, by.name()).await?);
    shared.change("unpin", &headers, path, change).await
}

async fn push(
    State(shared): State<Arc<Shared>>,
    path: PolicyPath,
    headers: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let change = async |id, by: &Principal| {
        let files = shared.taken(by, request, PushBody::files).await?;
        Ok(shared.api.catalogue.push(id, files, by.name()).await?)
    };
    shared.change("push", &headers, path, change).await
}

impl Shared {
    fn new(api: Api, sources: Sources) -> Self {
        let histories = Arc::new(Semaphore::new(1));
        Self { api, bodies: Bodies::default(), histories, sources, ids: RequestIds::default() }
    }

    /// What happened to a policy. Up to a thousand records are read from the disk, which the thread that answers probes does
    /// not wait for.
    async fn history(&self, id: PolicyId, most: usize) -> Result<HistoryBody, Refusal> {
        let (store, place) = (self.api.store.clone(), self.histories.clone().acquire_owned().await);
        let read = move || {
            let _place = place;
            store.history(&id, most)
        };
        let read = tokio::task::spawn_blocking(read).await;
        let events = read.unwrap_or_else(|error| Err(std::io::Error::other(error).into()));
        Ok(HistoryBody { events: events.map_err(CommandError::Store)? })
    }

    /// Takes a request's body and makes of it what is wanted. One that says beforehand that it is too large is not waited
    /// for, and none is decoded on the thread that answers probes.
    async fn taken<T: DeserializeOwned, U: Send + 'static>(
        &self,
        by: &Principal,
        request: Request<Body>,
        make: impl FnOnce(T) -> Result<U, String> + Send + 'static,
    ) -> Result<U, Refusal> {
        if request.body().size_hint().lower() > MAX_PUSH as u64 {
            return Err(Refusal::TooLarge);
        }
        // A page in a browser can send what is not JSON to any address without asking.
        if !is_json(request.headers()) {
            return Err(Refusal::Malformed(
                "the body has to be JSON, and `content-type: application/json` say so".into(),
            ));
        }
        let _place = self.bodies.place(by, request.body().size_hint().exact()).await?;
        let taken = tokio::time::timeout(BODY_TIME, Bytes::from_request(request, &())).await;
        let bytes = match taken {
            Err(_) => return Err(Refusal::Malformed("the body took too long to arrive".to_owned())),
            Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => return Err(Refusal::TooLarge),
            Ok(Err(rejection)) => return Err(Refusal::Malformed(rejection.body_text())),
            Ok(Ok(bytes)) => bytes,
        };
        let decode = move || {
            let body =
                serde_json::from_slice(&bytes).map_err(|error| format!("the body is not as it should be: {error}"))?;
            make(body)
        };
        let decoded = tokio::task::spawn_blocking(decode).await;
        decoded.unwrap_or_else(|error| Err(error.to_string())).map_err(Refusal::Malformed)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}
