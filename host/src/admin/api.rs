//! `/api/v1`: what serves, what happened, and changing it. The bodies are in [`body`](super::body).

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{
        DefaultBodyLimit, FromRequest as _, Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, Request, Response, StatusCode},
    response::IntoResponse as _,
    routing::{delete, get, post},
};
use hyper::body::Body as _;
use serde::{Deserialize, de::DeserializeOwned};
use tracing::{info, warn};

use super::{
    access::{Access, Principal},
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
    ids: RequestIds,
}

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

type Answer = Response<Body>;

/// Tenant and policy, if the path has them as text.
type PolicyPath = Result<Path<(String, String)>, PathRejection>;

/// The routes. `openapi.rs` documents them.
pub(super) fn router(api: Api) -> Router {
    let policy = get(policy).put(push);
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/policies/{tenant}/{policy}", policy)
        .route("/api/v1/policies/{tenant}/{policy}/history", get(history))
        .route("/api/v1/policies/{tenant}/{policy}/rollback", post(rollback))
        .route("/api/v1/policies/{tenant}/{policy}/pin", delete(unpin))
        .layer(DefaultBodyLimit::max(MAX_PUSH))
        .with_state(Arc::new(Shared { api, ids: RequestIds::default() }))
}

/// Why the API does not do what it is asked.
enum Refusal {
    Unauthorized,
    Forbidden,
    Malformed(String),
    TooLarge,
    Command(CommandError),
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

impl Refusal {
    fn respond(&self, id: RequestId) -> Answer {
        let (status, code, message) = match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "the token is missing or wrong: give one as `authorization: bearer TOKEN`".to_owned(),
            ),
            Self::Forbidden => {
                (StatusCode::FORBIDDEN, "forbidden", "this token is for the policies of another tenant".to_owned())
            }
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, "malformed-request", why.clone()),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "the body is larger than a policy may be".to_owned())
            }
            Self::Command(error) => command_error(error),
        };
        warn!(request = %id, status = status.as_u16(), code, reason = message, "admin request refused");
        failure(status, code, &message, id)
    }
}

fn command_error(error: &CommandError) -> (StatusCode, &'static str, String) {
    let (status, code) = match error {
        CommandError::UnknownPolicy(_) | CommandError::UnknownTenant(_) => (StatusCode::NOT_FOUND, "not-found"),
        CommandError::UnknownVersion(_) => (StatusCode::NOT_FOUND, "unknown-version"),
        CommandError::NoEarlierVersion(_) => (StatusCode::CONFLICT, "no-earlier-version"),
        CommandError::NotPinned(_) => (StatusCode::CONFLICT, "not-pinned"),
        CommandError::Superseded(_) => (StatusCode::CONFLICT, "superseded"),
        CommandError::Refused(failure) => {
            let message = format!("refused at the stage {}: {}", failure.stage.as_str(), failure.reason);
            return (StatusCode::UNPROCESSABLE_ENTITY, "refused", message);
        }
        CommandError::Ending => (StatusCode::SERVICE_UNAVAILABLE, "ending"),
        CommandError::Catalogue(_) | CommandError::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "storage"),
    };
    (status, code, error.to_string())
}

impl Shared {
    fn admit(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        self.api.access.principal(headers, &self.api.current.load()).ok_or(Refusal::Unauthorized)
    }

    /// The policy of a path, if the caller may see it.
    fn policy(&self, headers: &HeaderMap, path: PolicyPath) -> Result<(Principal, PolicyId), Refusal> {
        let principal = self.admit(headers)?;
        let Path((tenant, policy)) = path.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
        let id = format!("{tenant}/{policy}").parse::<PolicyId>();
        let id = id.map_err(|error| Refusal::Malformed(error.to_string()))?;
        if principal.sees(&id.tenant) { Ok((principal, id)) } else { Err(Refusal::Forbidden) }
    }

    fn answer<T: serde::Serialize>(&self, result: Result<T, Refusal>) -> Answer {
        let id = self.ids.next();
        match result {
            Ok(body) => {
                let mut response = Json(body).into_response();
                crate::http::name(&mut response, id);
                response
            }
            Err(refusal) => refusal.respond(id),
        }
    }
}

async fn status(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    let status = shared.admit(&headers).map(|principal| {
        let catalogue: Arc<Catalogue> = shared.api.current.load().clone();
        StatusBody::of(&catalogue, |tenant| principal.sees(tenant))
    });
    shared.answer(status)
}

async fn policy(State(shared): State<Arc<Shared>>, path: PolicyPath, headers: HeaderMap) -> Answer {
    let found = shared.policy(&headers, path).and_then(|(_, id)| {
        let catalogue = shared.api.current.load();
        let policy = catalogue.find(id.tenant.as_str(), id.policy.as_str()).policy.cloned();
        policy.map(|policy| PolicyBody::of(&policy)).ok_or_else(|| CommandError::UnknownPolicy(id).into())
    });
    shared.answer(found)
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
    let events = shared.policy(&headers, path).and_then(|(_, id)| {
        let Query(page) = page.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
        let events = shared.api.store.history(&id, page.limit.unwrap_or(100));
        Ok(HistoryBody { events: events.map_err(CommandError::Store)? })
    });
    shared.answer(events)
}

async fn rollback(
    State(shared): State<Arc<Shared>>,
    path: PolicyPath,
    headers: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let done = async {
        let (principal, id) = shared.policy(&headers, path)?;
        let to = taken::<RollbackBody>(request).await?.to.map(|version| version.parse::<Digest>()).transpose();
        let to = to.map_err(|error| Refusal::Malformed(error.to_string()))?;
        let done = shared.api.catalogue.rollback(id.clone(), to, principal.name()).await;
        audited("rollback", &principal, &id, done)
    };
    shared.answer(done.await)
}

async fn unpin(State(shared): State<Arc<Shared>>, path: PolicyPath, headers: HeaderMap) -> Answer {
    let done = async {
        let (principal, id) = shared.policy(&headers, path)?;
        let done = shared.api.catalogue.unpin(id.clone(), principal.name()).await;
        audited("unpin", &principal, &id, done)
    };
    shared.answer(done.await)
}

async fn push(
    State(shared): State<Arc<Shared>>,
    path: PolicyPath,
    headers: HeaderMap,
    request: Request<Body>,
) -> Answer {
    let done = async {
        let (principal, id) = shared.policy(&headers, path)?;
        let files = taken::<PushBody>(request).await?.files().map_err(Refusal::Malformed)?;
        let done = shared.api.catalogue.push(id.clone(), files, principal.name()).await;
        audited("push", &principal, &id, done)
    };
    shared.answer(done.await)
}

/// Takes a request's body. One that says beforehand that it is too large is not waited for.
async fn taken<T: DeserializeOwned>(request: Request<Body>) -> Result<T, Refusal> {
    if request.body().size_hint().lower() > MAX_PUSH as u64 {
        return Err(Refusal::TooLarge);
    }
    let Ok(taken) = tokio::time::timeout(BODY_TIME, Json::from_request(request, &())).await else {
        return Err(Refusal::Malformed("the body took too long to arrive".to_owned()));
    };
    match taken {
        Ok(Json(body)) => Ok(body),
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Refusal::TooLarge),
        Err(rejection) => Err(Refusal::Malformed(rejection.body_text())),
    }
}

/// Writes into the log who did what; the policy's history has it too.
fn audited(
    action: &str,
    principal: &Principal,
    id: &PolicyId,
    done: Result<Changed, CommandError>,
) -> Result<ChangeBody, Refusal> {
    let changed = done?;
    let from = changed.previous.map(tracing::field::display);
    info!(action, by = principal.name(), policy = %id, from, to = %changed.version, "admin change");
    Ok(ChangeBody::of(&changed))
}
